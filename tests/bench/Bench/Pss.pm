package Bench::Pss;

# Memory of an idle session: the sum of Pss of its processes.  The pages that
# the view is in are told apart: they are a mapping of their own.

use strict;
use warnings;
use File::Path qw(make_path);
use Time::HiRes qw(sleep);

use Bench qw(figure rounds row skip slurp $bin $dir $pop3d $root);
use Bench::Site qw(configuration connected idle_session mailbox_many
    mailbox_small maildirs port reply start start_inetd stop $gid $uid);

my $view_message = 64;			# octets; include/view.h
my $settled = 3;			# s; a view of younger mail is not kept
my @some = (['STAT']);
my @all = (['STAT'], ['LIST', 1], ['UIDL', 1], ['RETR 1', 1]);

# KiB of Pss of a process, and those of them in mappings without a file that are
# at least so large; nothing where it may not be read: a front is not dumpable.
sub pss_of
{
	my ($pid, $large) = @_;
	my ($sum, $view, $anonymous, $size) = (0, 0);
	for (split(/\n/, slurp("/proc/$pid/smaps") // return)) {
		if (/^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ (\d+)/) {
			$anonymous = $1 == 0;
		} elsif (/^Size:\s+(\d+)/) {
			$size = $1;
		} elsif (/^Pss:\s+(\d+)/) {
			$sum += $1;
			$view += $1 if $anonymous && $size >= $large;
		}
	}
	return $sum == 0 ? () : ($sum, $view);
}

# pid => [name, KiB of Pss, KiB of the view] of all processes below this one.
sub pss_below
{
	my ($top_pid, $large) = @_;
	my (%parent, %found);
	for my $path (glob '/proc/[0-9]*/stat') {
		my $stat = slurp($path) // next;
		$parent{$1} = [$3, $2] if $stat =~ /^(\d+) \((.*)\) \S+ (\d+)/;
	}
	for my $pid (keys %parent) {
		my $p = $pid;
		$p = $parent{$p}[0] while $parent{$p} && $p != $top_pid;
		next if $p != $top_pid || $pid == $top_pid;
		$found{$pid} = [$parent{$pid}[1], pss_of($pid, $large)];
	}
	return \%found;
}

# Idle sessions of one kind on so many messages: {processes, view, other}, the
# last two the sums of each run in KiB; nothing where they cannot be measured.
sub pss_runs
{
	my ($top_pid, $messages, $session) = @_;
	my $large = $messages * $view_message / 1024;
	my %runs;
	for (1 .. rounds(3)) {
		# What came before has to be gone, which may not even have
		# begun: start() connects to see that it listens.
		sleep 0.3;
		for (1 .. 50) {
			last if !%{pss_below($top_pid, $large)};
			sleep 0.1;
		}
		my $s = $session->();
		my $below = pss_below($top_pid, $large);
		return if grep { !defined $_->[1] } values %$below;
		die "no session is there\n" if !%$below;
		my ($sum, $view) = (0, 0);
		for (values %$below) {
			$sum += $_->[1];
			$view += $_->[2];
		}
		$runs{processes} = join(' + ', map { "$below->{$_}[0] " .
		    "$below->{$_}[1]" } sort { $a <=> $b } keys %$below);
		push @{$runs{view}}, $view;
		push @{$runs{other}}, $sum - $view;
		print $s "QUIT\r\n";
		1 while <$s>;
		close($s);
	}
	return \%runs;
}

sub pss_figure
{
	my ($name, $bound, $messages, $base, $runs) = @_;
	figure("pss: an idle session of $messages messages, without the view",
	    'KiB', ['ten lines of C', @$base], [$name, @{$runs->{other}}],
	    'ours', 'at most', $bound);
	row('beside', 'the view', 'KiB', @{$runs->{view}});
	print "# the last: $runs->{processes} KiB\n";
}

# Debian's: only group mail makes a dotlock here.
sub spool
{
	my ($name, $path) = @_;
	my $spool = "$dir/spool";
	my $mail = getgrnam('mail') // die "no group mail\n";
	make_path($spool);
	chown(0, $mail, $spool) == 1 && chmod(02775, $spool) == 1
	    or die "$spool: $!\n";
	system('cp', $path, "$spool/$name") == 0 or die "cp: failed\n";
	chown($uid, $mail, "$spool/$name") == 1 &&
	    chmod(0660, "$spool/$name") == 1 or die "$spool: $!\n";
}

# [what, bound in KiB, service, user, commands] ... on so many messages.
sub sessions
{
	my ($pid, $port, $base, $messages, @rows) = @_;
	my %processes;
	sleep($settled);
	for (@rows) {
		my ($what, $bound, $service, $user, $commands) = @$_;
		my $session = sub {
			idle_session($port->{$service}, $user, @$commands);
		};
		# So that all of them find a view.
		my $first = $session->();
		print $first "QUIT\r\n";
		1 while <$first>;
		my $runs = pss_runs($pid, $messages, $session);
		pss_figure("inetd, $what", $bound, $messages, $base, $runs);
		$processes{$service} = $runs->{processes} =~ tr/+//;
	}
	die "no lock keeper was there\n"
	    if $processes{keeper} <= $processes{plain};
}

# The process that pid has started.
sub child_of
{
	my ($pid) = @_;
	for (glob '/proc/[0-9]*/stat') {
		return $1 if (slurp($_) // '') =~ /^(\d+) \(.*\) \S+ $pid /;
	}
	die "$pid has no child\n";
}

sub pss_inetd
{
	my ($small, $few) = mailbox_small();
	my ($hundred, $many) = mailbox_many();
	maildirs($hundred, $many);
	spool('keeper', $small);
	spool('kept', $hundred);
	my ($pid, $port) = start_inetd(bare => ["$bin/bare"],
	    plain => [$pop3d, '-C', configuration('plain')],
	    folder => [$pop3d, '-C', configuration('folder',
	    "mailbox = maildir:$dir/mail/%u")],
	    keeper => [$pop3d, '-C', configuration('keeper',
	    "mailbox = mbox:$dir/spool/%u")]);
	my $inetd = child_of($pid);
	my $bare = pss_runs($inetd, 1000, sub {
		my $s = connected($port->{bare}) or die "no connection: $@\n";
		reply($s);
		return $s;
	})->{other};
	sessions($inetd, $port, $bare, $few->{messages},
	    ['no lock keeper', 450, 'plain', 'small', \@all],
	    ['with a lock keeper', 600, 'keeper', 'keeper', \@all]);
	sessions($inetd, $port, $bare, $many->{messages},
	    ['no lock keeper', 450, 'plain', 'hundred', \@all],
	    ['before LIST', 450, 'plain', 'hundred', \@some],
	    ['Maildir', 450, 'folder', 'plain', \@all],
	    ['Maildir, before LIST', 450, 'folder', 'plain', \@some],
	    ['with a lock keeper', 600, 'keeper', 'kept', \@all]);
	stop($pid);
}

sub run
{
	return pss_inetd() if $root;
	my ($path, $made) = mailbox_small();
	skip('pss through inetd and with a lock keeper', 'only root may');
	my $port = port();
	my $pid = start('pop3d', $port, $pop3d, '-F', '-C',
	    configuration('pss'), '-o', "listen=127.0.0.1:$port");
	my $runs = pss_runs($pid, $made->{messages}, sub {
		idle_session($port, 'small', @all) });
	stop($pid);
	return skip('pss', 'only root may look into the front') if !$runs;
	pss_figure('below -F', 450, $made->{messages}, [], $runs);
}

1;
