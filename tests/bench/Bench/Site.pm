package Bench::Site;

# Servers and mailboxes to measure, in the folder $dir.

use strict;
use warnings;
use Exporter qw(import);
use File::Path qw(make_path remove_tree);
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep);

use Bench qw(measure slurp skip spew $bin $dir $pop3d $root);

our @EXPORT_OK = qw(clean configuration connected idle_session kept_view
    log_tail mailbox mailbox_big mailbox_forget mailbox_many mailbox_small
    maildir maildirs owned port prepare reply session start start_inetd
    state_clear state_folder stop stop_all traced $gid $uid);

my $inetd = '/usr/sbin/inetd';

# As root the mailboxes are an ordinary user's, and not the one that the front
# runs as.
our ($uid, $gid) = ($>, $) + 0);
my $owner = '';
($owner, $uid, $gid) = (getpwnam('daemon'))[0, 2, 3] if $root;

my %server;				# pid => name, to be ended
my %made;				# mailbox => what gen said

# --- servers

# A port that is free now.
sub port
{
	my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1',
	    ReuseAddr => 1) or die "no port: $@\n";
	return $s->sockport;
}

sub connected
{
	my ($port) = @_;
	return IO::Socket::INET->new(PeerAddr => '127.0.0.1',
	    PeerPort => $port, Timeout => 10);
}

# The last that the servers said.
sub log_tail
{
	my @tail;
	for my $name (values %server) {
		my @lines = split(/^/, slurp("$dir/$name.log") // '');
		splice(@lines, 0, @lines - 5) if @lines > 5;
		push @tail, map { "# $name said: $_" } @lines;
	}
	return @tail;
}

# Start a server; it is there when the port answers.  inetd -d says six lines
# a connection, which would cost the baseline more than a file is worth.
sub start
{
	my ($name, $port, @cmd) = @_;
	my $log = $name eq 'inetd' ? '/dev/null' : "$dir/$name.log";
	defined(my $pid = fork) or die "fork: $!\n";
	if ($pid == 0) {
		open(STDIN, '<', '/dev/null');
		# Not one object: pop3d would take it for the connection.
		open(STDOUT, '>', '/dev/null');
		open(STDERR, '>', $log);
		exec(@cmd) or POSIX::_exit(127);
	}
	$server{$pid} = $name;
	for (1 .. 100) {
		if (waitpid($pid, WNOHANG) == $pid) {
			delete $server{$pid};
			die "$name ended: ", slurp($log) // '', "\n";
		}
		return $pid if connected($port);
		sleep 0.1;
	}
	die "$name does not listen on port $port\n";
}

sub stop
{
	my ($pid) = @_;
	return if !delete $server{$pid};
	kill('TERM', $pid);
	for (1 .. 50) {
		return if waitpid($pid, WNOHANG) != 0;
		sleep 0.1;
	}
	kill('KILL', $pid);
	waitpid($pid, 0);
}

# One inetd for all the services given: name => [program, arguments].  Returns
# the pid of its parent, to whom what sessions leave behind goes, and the ports.
# -d: in the foreground, no file in /run.
sub start_inetd
{
	my (%service) = @_;
	die "no $inetd: install openbsd-inetd\n" if !-x $inetd;
	my ($conf, %port) = ('');
	for my $name (sort keys %service) {
		my ($program, @args) = @{$service{$name}};
		my $base = $program =~ s{.*/}{}r;
		do { $port{$name} = port() }
		    while grep { $_ ne $name && $port{$_} == $port{$name} }
		    keys %port;
		# The number lifts the limit of 256 connections a minute.
		$conf .= "127.0.0.1:$port{$name} stream tcp nowait.100000 " .
		    join(' ', 'root', $program, $base, @args) . "\n";
	}
	spew("$dir/inetd.conf", $conf);
	my ($first) = values %port;
	my $pid = start('inetd', $first, "$bin/reap", $inetd, '-d',
	    "$dir/inetd.conf");
	return ($pid, \%port);
}

# --- mailboxes

# Files that the mailboxes' owner shall have.
sub owned
{
	my (@paths) = @_;
	return if !$root;
	system('chown', '-R', "$uid:$gid", @paths) == 0
	    or die "chown: failed\n";
}

# For pop3d the mbox NAME in DIR/mail, for the bare sender DIR/NAME.wire.
sub mailbox
{
	my ($name, $wire, @options) = @_;
	my $path = "$dir/mail/$name";
	if (!$made{$name}) {
		print "# making the mailbox $name\n";
		$made{$name} = measure('gen', @options, $path,
		    $wire ? "$dir/$name.wire" : ());
		owned($path);
	}
	return ($path, $made{$name});
}

sub mailbox_forget
{
	my ($name) = @_;
	unlink("$dir/mail/$name");
	delete $made{$name};
}

sub mailbox_big
{
	return mailbox('big', 1, qw(-n 1000000 -l 4096 -m 1048576),
	    '-t', 500_000_000);
}

sub mailbox_small
{
	return mailbox('small', 1, qw(-n 10000 -l 4096 -m 4096));
}

sub mailbox_many
{
	return mailbox('hundred', 0, qw(-n 100000 -l 1280 -m 1280));
}

# A Maildir without messages.
sub maildir
{
	my ($name) = @_;
	my $path = "$dir/mail/$name";
	make_path(map { "$path/$_" } qw(cur new tmp));
	owned($path);
	return $path;
}

# The messages of an mbox in a Maildir, and in one that has sizes in its names.
sub maildirs
{
	my ($mbox, $made) = @_;
	my ($plain, $sized) = map { "$dir/mail/$_" } qw(plain sized);
	return ($plain, $sized) if -e $plain;
	print "# making two Maildirs\n";
	maildir($_) for qw(plain sized);
	measure('split', $mbox, "$plain/cur", "$sized/cur")->{messages} ==
	    $made->{messages} or die "$mbox: not what gen made\n";
	owned($plain, $sized);
	system('sync');
	return ($plain, $sized);
}

# What the tests share: a configuration file of NAME with these lines added.
sub configuration
{
	my ($name, @lines) = @_;
	make_path("$dir/state");
	spew("$dir/passwd", join('', map {
	    "$_:" . crypt('bench', '$6$rounds=1000$saltsalt$') .
	    ":$uid:$gid\::/nonexistent:/bin/false\n" } qw(big small keeper
	    hundred kept plain poll)));
	spew("$dir/$name.conf", join("\n",
	    'auth = passwd-file', "passwd-file = $dir/passwd",
	    'plaintext = always', "state-directory = $dir/state",
	    "pid-file = $dir/pop3d.pid",
	    (grep(/^mailbox /, @lines) ? () : "mailbox = mbox:$dir/mail/%u"),
	    @lines) . "\n");
	return "$dir/$name.conf";
}

sub prepare
{
	die "no $pop3d: make it first\n" if !defined $pop3d || !-x $pop3d;
	remove_tree("$dir/mail", "$dir/spool", "$dir/state");
	make_path("$dir/mail");
	spew("$dir/empty.conf", "# nothing: what -a does by itself\n");
	chmod(0755, $dir);
	chmod(0700, "$dir/mail");
	return if !$root;
	chown($uid, $gid, "$dir/mail") == 1 or die "$dir/mail: $!\n";
	defined(my $pid = fork) or die "fork: $!\n";
	if ($pid == 0) {
		POSIX::setgid($gid);
		POSIX::setuid($uid);
		POSIX::_exit(chdir("$dir/mail") ? 0 : 1);
	}
	waitpid($pid, 0);
	die "$owner cannot reach $dir: set BENCH_DIR to where he can\n"
	    if $? != 0;
}

# --- sessions

# Where locks, journals and views of mboxes are.
sub state_folder
{
	return "$dir/state/$uid";
}

# A state-directory that never saw a mailbox.
sub state_clear
{
	remove_tree("$dir/state");
	make_path("$dir/state");
}

# A session on the mailbox at path by -a, in which spawn does what its options
# say; what it measured.  STAT must tell the messages and octets.
sub session
{
	my ($path, $made, @options) = @_;
	my $log = "$dir/session.log";
	my $mailbox = -d $path ? "maildir:$path" : $path;
	my ($before) = grep { ref } @options;
	my $r = eval { measure('spawn', (grep { !ref } @options), $log,
	    @{$before // []}, $pop3d, '-C', "$dir/empty.conf", '-a', $mailbox,
	    '-o', "state-directory=$dir/state") } // die $@, slurp($log) // '';
	die "$path: STAT said $r->{messages} messages of $r->{octets} octets, " .
	    "which are $made->{messages} of $made->{octets}\n"
	    if $r->{messages} != $made->{messages} ||
	    $r->{octets} != $made->{octets};
	return $r;
}

# The system calls of such a session, with the paths of descriptors, in the
# order in which they ended: {text, begin, end}, the latter in lines of the
# trace.  None where the paths of another's descriptors cannot be seen.
sub traced
{
	my (@session) = @_;
	my ($strace) = grep { -x } map { "$_/strace" } split(/:/, $ENV{PATH});
	skip('the trace of a session', 'only root sees all of it'), return
	    if !$root;
	die "no strace: install it\n" if !defined $strace;
	session(@session, [$strace, '-f', '-y', '-s', 64, '-o',
	    "$dir/trace.log"]);
	my (@calls, %begun, $line);
	for (split(/\n/, slurp("$dir/trace.log"))) {
		my ($pid, $text) = /^(\d+) +(.*)/ or next;
		my $begin = ++$line;
		if ($text =~ s/ *<unfinished \.\.\.>$//) {
			$begun{$pid} = [$text, $begin];
			next;
		}
		($text, $begin) = ($begun{$pid}[0] . $text, $begun{$pid}[1])
		    if $text =~ s/^<\.\.\. \S+ resumed>//;
		push @calls, { text => $text, begin => $begin, end => $line };
	}
	return @calls;
}

# The file with the view that a session on this mailbox left to the next.
sub kept_view
{
	my ($path) = @_;
	my $name = $path =~ s{.*/}{}r;
	my ($view) = -d $path ? "$path/pop3d.view" :
	    grep { /[=\/]\Q$name\E\.view$/ } glob(state_folder() . '/*');
	return $view if defined $view && -e $view;
	die "$path: no view was kept\n";
}

sub reply
{
	my ($s, $multi) = @_;
	my $first = <$s> // die "the server closed the connection\n";
	die "the server said $first" if $first !~ /^\+OK/;
	while ($multi) {
		my $line = <$s> // die "the server closed the connection\n";
		last if $line eq ".\r\n";
	}
}

# These commands, [command, whether the reply has many lines]; then it does
# nothing.
sub idle_session
{
	my ($port, $user, @commands) = @_;
	my $s = connected($port) or die "no connection: $@\n";
	local $SIG{ALRM} = sub { die "the session hangs\n" };
	alarm(60);
	reply($s);
	for (["USER $user"], ['PASS bench'], @commands) {
		my ($command, $multi) = @$_;
		print $s "$command\r\n";
		reply($s, $multi);
	}
	alarm(0);
	sleep 1;			# the verifier goes, memory is given back
	return $s;
}

# --- the end

sub stop_all
{
	stop($_) for keys %server;
}

sub clean
{
	remove_tree(map { "$dir/$_" } qw(mail spool state));
	unlink(glob("$dir/*.wire $dir/*.idx $dir/*.conf $dir/*.log"),
	    "$dir/passwd", "$dir/pop3d.pid");
}

1;
