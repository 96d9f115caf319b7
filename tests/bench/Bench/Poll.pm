package Bench::Poll;

# A client that looks for mail: login, STAT and QUIT on 100 messages that an
# earlier session has seen, against the hash of its password alone.

use strict;
use warnings;
use Time::HiRes qw(sleep);

use Bench qw(figure measure rounds $dir $pop3d);
use Bench::Site qw(configuration mailbox port start stop);

sub run
{
	my ($path, $made) = mailbox('poll', 0,
	    qw(-n 100 -l 2048 -m 8192 -s 11));
	my $port = port();
	my $server = start('pop3d', $port, $pop3d, '-F', '-C',
	    configuration('poll'), '-o', "listen=127.0.0.1:$port");
	my @poll = ('poll', $port, 'poll', 'bench', $made->{messages});
	# Its times must be old enough for the view that is kept.
	sleep(3.1);
	measure(@poll, 3);
	my (@session, @hash, @more);
	for (1 .. rounds(20)) {
		my $r = measure(@poll, 25);
		push @session, $r->{session};
		push @hash, $r->{hash};
		push @more, $r->{session} - $r->{hash};
	}
	stop($server);
	figure('poll: login, STAT, QUIT on 100 messages, through -F; medians ' .
	    'of 25', 'us', ['the hash alone: sha512crypt, 1000 rounds', @hash],
	    ['all of the session', @session], 'ratio', 'at most', 8);
	figure('poll: what a session costs besides the hash', 'us', [],
	    ['session less hash', @more], 'ours', 'at most', 2000);
}

1;
