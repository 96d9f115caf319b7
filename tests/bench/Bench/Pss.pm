package Bench::Pss;

# Memory of an idle session.

use strict;
use warnings;
use File::Path qw(make_path);
use POSIX qw(ceil);
use Time::HiRes qw(sleep);

use Bench qw(figure rounds row skip slurp $bin $dir $pop3d $root);
use Bench::Site qw(configuration connected idle_session mailbox_small port
    reply start start_inetd stop $gid $uid);

my $view_message = 64;			# octets; include/view.h

# pid => [name, KiB of Pss] of all processes below this one; Pss is undef where
# it may not be read: a front is not dumpable.
sub pss_below
{
	my ($top_pid) = @_;
	my (%parent, %found);
	for my $path (glob '/proc/[0-9]*/stat') {
		my $stat = slurp($path) // next;
		$parent{$1} = [$3, $2] if $stat =~ /^(\d+) \((.*)\) \S+ (\d+)/;
	}
	for my $pid (keys %parent) {
		my $p = $pid;
		$p = $parent{$p}[0] while $parent{$p} && $p != $top_pid;
		next if $p != $top_pid || $pid == $top_pid;
		my $rollup = slurp("/proc/$pid/smaps_rollup");
		$found{$pid} = [$parent{$pid}[1],
		    defined $rollup && $rollup =~ /^Pss:\s+(\d+)/m ? $1 : undef];
	}
	return \%found;
}

# Idle sessions of one kind: the sums of their Pss in KiB, and the processes.
sub pss_runs
{
	my ($top_pid, $session) = @_;
	my (@sum, $processes);
	for (1 .. rounds(3)) {
		# What came before has to be gone.
		for (1 .. 50) {
			last if !%{pss_below($top_pid)};
			sleep 0.1;
		}
		my $s = $session->();
		my $below = pss_below($top_pid);
		return () if grep { !defined $_->[1] } values %$below;
		my $sum = 0;
		$sum += $_->[1] for values %$below;
		$processes = join(' + ', map { "$below->{$_}[0] " .
		    "$below->{$_}[1]" } sort { $a <=> $b } keys %$below);
		die "no session is there\n" if $sum == 0;
		push @sum, $sum;
		print $s "QUIT\r\n";
		1 while <$s>;
		close($s);
	}
	return ($processes, @sum);
}

sub pss_figure
{
	my ($name, $bound, $messages, $base, $processes, @sum) = @_;
	my $view = ceil($messages * $view_message / 4096) * 4;
	print "# $processes KiB; $view KiB of it are the view\n";
	row('with view', $name, 'KiB', @sum);
	figure("pss: an idle session of $messages messages, without the view",
	    'KiB', ['ten lines of C', @$base], [$name, map { $_ - $view } @sum],
	    'ours', 'at most', $bound);
}

sub pss_inetd
{
	my ($path, $made) = @_;
	my $spool = "$dir/spool";
	my $mail = getgrnam('mail') // die "no group mail\n";
	# Debian's: only group mail makes a dotlock here.
	make_path($spool);
	chown(0, $mail, $spool) == 1 && chmod(02775, $spool) == 1
	    or die "$spool: $!\n";
	system('cp', $path, "$spool/keeper") == 0 or die "cp: failed\n";
	chown($uid, $mail, "$spool/keeper") == 1 &&
	    chmod(0660, "$spool/keeper") == 1 or die "$spool: $!\n";
	my ($pid, $port) = start_inetd(bare => ["$bin/bare"],
	    plain => [$pop3d, '-C', configuration('plain')],
	    keeper => [$pop3d, '-C', configuration('keeper',
	    "mailbox = mbox:$spool/%u")]);
	my (undef, @bare) = pss_runs($pid, sub {
		my $s = connected($port->{bare}) or die "no connection: $@\n";
		reply($s);
		return $s;
	});
	my @plain = pss_runs($pid, sub { idle_session($port->{plain}, 'small') });
	my @keeper = pss_runs($pid, sub {
		idle_session($port->{keeper}, 'keeper') });
	stop($pid);
	pss_figure('inetd, no lock keeper', 450, $made->{messages}, \@bare,
	    @plain);
	die "no lock keeper was there: $keeper[0]\n"
	    if ($keeper[0] =~ tr/+//) <= ($plain[0] =~ tr/+//);
	pss_figure('inetd, with a lock keeper', 600, $made->{messages}, \@bare,
	    @keeper);
}

sub run
{
	my ($path, $made) = mailbox_small();
	return pss_inetd($path, $made) if $root;
	skip('pss through inetd and with a lock keeper', 'only root may');
	my $port = port();
	my $pid = start('pop3d', $port, $pop3d, '-F', '-C',
	    configuration('pss'), '-o', "listen=127.0.0.1:$port");
	my @runs = pss_runs($pid, sub { idle_session($port, 'small') });
	stop($pid);
	return skip('pss', 'only root may look into the front') if !@runs;
	pss_figure('below -F', 450, $made->{messages}, [], @runs);
}

1;
