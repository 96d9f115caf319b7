package Bench::Inetd;

# A bare connection through inetd.

use strict;
use warnings;

use Bench qw(figure measure rounds skip $bin $pop3d $root);
use Bench::Site qw(configuration start_inetd stop);

sub run
{
	return skip('inetd', 'only root may start it') if !$root;
	my $batch = 50;
	my %conf = (exists => configuration('exists', 'front-user = nobody'),
	    unset => configuration('unset'));
	my ($pid, $port) = start_inetd(bare => ["$bin/bare"],
	    map { $_ => [$pop3d, '-C', $conf{$_}] } keys %conf);
	my %us;
	for my $name (qw(bare exists unset)) {
		measure('connect', $port->{$name}, 10);
	}
	for (1 .. rounds(20)) {
		for my $name (qw(bare exists unset)) {
			push @{$us{$name}}, measure('connect', $port->{$name},
			    $batch)->{median};
		}
	}
	stop($pid);
	my $default = defined getpwnam('pop3d') ?
	    'front-user not set (pop3d, which exists)' :
	    'front-user not set (no pop3d, so nobody)';
	for (['exists', 'front-user = nobody, which exists'],
	    ['unset', $default]) {
		my ($name, $what) = @$_;
		figure("inetd: connect, greeting, QUIT, closed; medians of " .
		    $batch, 'us',
		    ['ten lines of C under the same inetd', @{$us{bare}}],
		    [$what, @{$us{$name}}], 'ratio', 'at most', 1.45);
	}
}

1;
