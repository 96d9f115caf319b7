package Bench::Retr;

# RETR over loopback.

use strict;
use warnings;

use Bench qw(figure measure rounds $bin $dir $pop3d);
use Bench::Site qw(configuration mailbox_big mailbox_small port start stop);

sub run
{
	my @box = (['big', '500 MB', 0.65, 0.5, mailbox_big()],
	    ['small', '10,000 messages of 4 KiB', 0.5, 0.5, mailbox_small()]);
	my $port = port();
	my $ours = start('pop3d', $port, $pop3d, '-F', '-C',
	    configuration('retr'), '-o', "listen=127.0.0.1:$port");
	for (@box) {
		my ($name, $what, $bound16, $bound1) = @$_;
		my $wire = "$dir/$name.wire";
		my $base_port = port();
		my $base = start('sendfile', $base_port, "$bin/sendfile",
		    '-p', $base_port, $wire);
		# The same octets, and everything is in the page cache.
		measure('client', '-p', $_, '-W', 16, '-c', $wire, $name,
		    'bench') for $base_port, $port;
		for ([16, $bound16, ''], [1, $bound1, ''],
		    [16, $bound16, '-l'], [1, $bound1, '-l']) {
			my ($window, $bound, $list) = @$_;
			my %rate;
			for (1 .. rounds(9)) {
				for my $p ($base_port, $port) {
					push @{$rate{$p}}, measure('client',
					    '-p', $p, '-W', $window,
					    $list || (), $name,
					    'bench')->{rate};
				}
			}
			figure("retr: $what, $window in flight" . ($list &&
			    ', a client that looks at nothing'), 'MB/s',
			    ['sendfile of the converted octets',
			    @{$rate{$base_port}}],
			    ['RETR', @{$rate{$port}}], 'ratio', 'at least',
			    $bound);
		}
		stop($base);
	}
	stop($ours);
}

1;
