package Bench::Update;

# UPDATE of an mbox of 500 MB: from QUIT to its reply, against what moving as
# many octets must cost: reading and writing them once, and fsync.

use strict;
use warnings;
use Time::HiRes qw(sleep);

use Bench qw(checked figure measure row rounds $dir $pop3d);
use Bench::Site qw(mailbox_big owned session state_clear state_folder traced);

my $settled = 3;			# s; of younger mail nothing is trusted
my $space = 8192;			# KiB; journal-size as it is by default
my $mbox = "$dir/mail/update";
my $other = "$dir/mail/copy";

# A copy that is on the disk.
sub fresh
{
	my ($from, $to) = @_;
	unlink($to);
	system('cp', $from, $to) == 0 or die "cp: failed\n";
	owned($to);
	system('sync');
}

sub update
{
	my ($from, $made, @options) = @_;
	state_clear();
	fresh($from, $mbox);
	sleep($settled);
	return session($mbox, $made, @options);
}

# What stays, as a session afterwards finds it.
sub left
{
	my ($made, $r) = @_;
	my $now = measure('spawn', "$dir/left.log", $pop3d, '-C',
	    "$dir/empty.conf", '-a', $mbox, '-o',
	    "state-directory=$dir/state");
	checked("$r->{deleted} of $made->{messages} messages are gone",
	    $now->{messages} == $made->{messages} - $r->{deleted});
}

# The last of the calls that match.
sub last_of
{
	my ($what, @calls) = @_;
	return (grep { $_->{text} =~ $what } @calls)[-1];
}

# Is what the calls of one kind did synced by another before the reply began?
sub synced
{
	my ($name, $change, $sync, @calls) = @_;
	my $reply = last_of(qr/^(?:write|send\w+)\(.*\+OK \d+ removed/, @calls);
	die "the trace shows no reply to QUIT\n" if !$reply;
	my ($changed, $done) = map { last_of($_, @calls) } $change, $sync;
	checked("the trace shows fsync of $name before +OK",
	    $changed && $done && $done->{text} =~ /= 0$/ &&
	    $changed->{end} < $done->{begin} &&
	    $done->{end} < $reply->{begin},
	    map { $_ ? $_->{text} : 'no such call' } $changed, $done, $reply);
}

sub synced_all
{
	my ($journal, @calls) = @_;
	return if !@calls;
	my $folder = quotemeta(state_folder());
	synced('journal', qr/^pwrite64\(\d+<[^>]*\.journal/,
	    qr/^f(?:data)?sync\(\d+<[^>]*\.journal/, @calls) if $journal;
	synced('folder', qr/^unlinkat\(\d+<$folder>, "[^"]*\.journal", 0\) += 0/,
	    qr/^fsync\(\d+<$folder>/, @calls) if $journal;
	synced('mailbox', qr/^(?:pwrite64|ftruncate)\(\d+<\Q$mbox\E>/,
	    qr/^fsync\(\d+<\Q$mbox\E>/, @calls);
}

# One run with a look at the journal, one with a trace: outside of the time.
sub looks
{
	my ($from, $made, $journal, @delete) = @_;
	my $r = update($from, $made, @delete, '-s', state_folder());
	my $stays = -s $mbox;
	left($made, $r);
	if ($journal) {
		figure('update: space besides the mailbox', 'KiB', [''],
		    ['journal, the most that it occupied',
		    $r->{space} / 1024], 'ours', 'at most', $space);
	}
	state_clear();
	fresh($from, $mbox);
	sleep($settled);
	synced_all($journal, traced($mbox, $made, @delete));
	return $stays;
}

sub ms
{
	return 1000 * $_[0];
}

# Against a copy of what moves.
sub moved
{
	my ($what, $bound, $from, $made, @delete) = @_;
	my $size = looks($from, $made, 1, @delete);
	my (@new, @over, @ours);
	for (1 .. rounds(5)) {
		unlink($other);
		system('sync');
		push @new, ms(measure('copy', $from, $size, $other)->{seconds});
		fresh($from, $other);
		push @over,
		    ms(measure('copy', $from, $size, $other)->{seconds});
		unlink($other);
		push @ours, ms(update($from, $made, @delete)->{quit});
	}
	figure("update: DELE of $what; " . int($size / 1e6) . ' MB move', 'ms',
	    ['copy of them to a new file, and fsync', @new],
	    ['from QUIT to its reply', @ours], 'ratio', 'at most', $bound);
	row('beside', 'copy over an old file, and fsync', 'ms', @over);
}

sub emptied
{
	my ($bound, $from, $made, @delete) = @_;
	looks($from, $made, 0, @delete);
	my (@base, @ours);
	for (1 .. rounds(5)) {
		fresh($from, $other);
		push @base, ms(measure('copy', '-t', $other)->{seconds});
		unlink($other);
		push @ours, ms(update($from, $made, @delete)->{quit});
	}
	figure('update: DELE of all messages of ' .
	    int($made->{stored} / 1e6) . ' MB', 'ms',
	    ['ftruncate and fsync', @base],
	    ['from QUIT to its reply', @ours], 'ratio', 'at most', $bound);
}

sub run
{
	my ($from, $made) = mailbox_big();
	moved('every second message', 2, $from, $made, '-d', 2);
	moved('the first message', 2.5, $from, $made, qw(-d 1 -n 1));
	emptied(2, $from, $made, '-d', 1);
	unlink($mbox, $other);
	state_clear();
}

1;
