package Bench::Scan;

# An mbox that has never been seen.

use strict;
use warnings;

use Bench qw(figure measure rounds);
use Bench::Site qw(mailbox mailbox_big mailbox_forget session state_clear);

# From exec to STAT's reply, with a state-directory that never saw it.
sub scan_run
{
	my ($path, $made) = @_;
	state_clear();
	return session($path, $made);
}

sub scan_figure
{
	my ($name, $bound, $path, $made) = @_;
	my (@read, @ours, @peak);
	for (1 .. rounds(9)) {
		my $r = measure('spawn', '-r', $path);
		push @read, $r->{octets} / $r->{seconds} / 1e9;
		$r = scan_run($path, $made);
		push @ours, $made->{stored} / $r->{seconds} / 1e9;
		push @peak, $r->{peak_kib};
	}
	figure("scan: $name", 'GB/s', ['read(2) of it, 1 MiB each', @read],
	    ['from exec to STAT', @ours], 'ours', 'at least', $bound);
	return @peak;
}

sub run
{
	my ($big, $big_made) = mailbox_big();
	my @big = scan_figure('500 MB, messages of 4 KiB to 1 MiB', 2, $big,
	    $big_made);
	my ($many, $many_made) = mailbox('many', 0,
	    qw(-n 100000 -l 4096 -m 4096 -s 7));
	scan_figure('100,000 different messages of 4 KiB', 1.5, $many,
	    $many_made);
	mailbox_forget('many');
	# As many messages, but hardly any octets: the peak may not differ.
	my ($few, $few_made) = mailbox('few', 0, '-n', $big_made->{messages},
	    qw(-l 4096 -m 4096));
	my @few = map { scan_run($few, $few_made)->{peak_kib} } 1 .. @big;
	figure('scan: peak of memory, all processes summed', 'KiB',
	    ["$big_made->{messages} messages in " .
	    int($few_made->{stored} / 1e6) . ' MB', @few],
	    ["$big_made->{messages} messages in " .
	    int($big_made->{stored} / 1e6) . ' MB', @big],
	    'ratio', 'at most', 1.05);
}

1;
