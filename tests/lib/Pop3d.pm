package Pop3d;

# A site to test: a folder with mailboxes, a passwd-file and a configuration,
# and pop3d started on it in every way that it can be.
#
# Every wait is bounded, every process is ended by its id, at the latest when
# the test ends.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path ();
use File::Temp ();
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(SOCK_DGRAM);
use Time::HiRes qw(sleep time);

use Pop3d::Client;

our @EXPORT_OK = qw(as_root can_world file_get file_put family free_port hash
    program until_true $POP3D);

our $ROOT = abs_path(dirname(__FILE__) . '/../..');
our $POP3D = $ENV{POP3D_UNDER_TEST} // "$ROOT/build/pop3d";
our $WAIT = 20;    # seconds, for anything that should take milliseconds

# Ids that no Debian package uses.
our $UID = 60001;
our $GID = 60002;

my %children;      # pid => who made it
my %daemons;       # pid of a pop3d -D => 1
my $creator = $$;
# So that END comes, and nothing stays behind.
$SIG{$_} = sub { exit 1 } for qw(HUP INT TERM);

sub as_root { return $> == 0 }

# True where root may make a mount namespace.
sub can_world {
    our $can;
    $can //= as_root() && system('unshare -m mount -t tmpfs none /mnt 2>/dev/null') == 0 ? 1 : 0;
    return $can;
}

sub program {
    my ($name) = @_;
    for my $folder (split(/:/, $ENV{PATH}), qw(/usr/sbin /sbin)) {
        return "$folder/$name" if -x "$folder/$name" && -f _;
    }
    return;
}

sub until_true {
    my ($what, $seconds) = @_;
    my $end = time + ($seconds // $WAIT);
    my $pause = 0.001;
    while (1) {
        my $answer = $what->();
        return $answer if $answer;
        return $answer if time > $end;
        sleep $pause;
        $pause *= 1.5 if $pause < 0.02;
    }
}

sub file_get {
    my ($path) = @_;
    open(my $in, '<:raw', $path) or return;
    local $/;
    my $octets = <$in>;
    return $octets // '';
}

sub file_put {
    my ($path, $octets, $how) = @_;
    open(my $out, $how // '>:raw', $path) or die "$path: $!\n";
    print $out $octets or die "$path: $!\n";
    close($out) or die "$path: $!\n";
}

sub hash {
    my ($password) = @_;
    return crypt($password, '$6$rounds=1000$saltfortests$') // die "crypt: $!\n";
}

sub free_port {
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => 0, Listen => 1) or die "no port: $!\n";
    return $socket->sockport;
}

# Every process below pid, and pid.
sub family {
    my ($pid) = @_;
    my %below;
    for my $stat (glob '/proc/[0-9]*/stat') {
        my $text = file_get($stat) // next;
        my ($child, $state, $parent) = $text =~ /^(\d+) \(.*\) (\S) (\d+)/s or next;
        push @{$below{$parent}}, $child if $state ne 'Z';
    }
    my @all = ($pid);
    for (my $i = 0; $i < @all; $i++) {
        push @all, sort { $a <=> $b } @{$below{$all[$i]} // []};
    }
    return @all;
}

# Options: config (names and values), mailbox (octets of demo's), unix
# (a world with a UNIX user instead of the passwd-file; root only).
sub new {
    my ($class, %option) = @_;
    -x $POP3D or die "$POP3D is not there: run make\n";
    my $dir = File::Temp::tempdir('pop3d-test-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    chmod(0755, $dir);
    my $self = bless {dir => $dir, user => 'demo', password => 'secret',
        config => {%{$option{config} // {}}}}, $class;
    mkdir("$dir/$_", 0755) or die "$dir/$_: $!\n" for qw(mail state);
    if (as_root()) {
        chown($UID, $GID, "$dir/mail");
        chmod(0700, "$dir/mail");
    }
    file_put("$dir/log", '');
    $option{unix} ? $self->unix_users : $self->user_add('demo', 'secret');
    $self->configure;
    $self->mailbox($option{mailbox}) if defined $option{mailbox};
    return $self;
}

sub user_add {
    my ($self, $name, $password, $home) = @_;
    my $ids = as_root() ? "$UID:$GID" : ':';
    file_put("$self->{dir}/passwd", join(':', $name, hash($password), $ids, '',
        $home // '/nonexistent', '') . "\n", '>>:raw');
    # Readable by nobody else, as an administrator would keep it.
    chmod(0600, "$self->{dir}/passwd");
}

# A secret in mailauth's database, the site's file "secrets"; more are options
# of "mailauth add".
sub secret_add {
    my ($self, $name, $secret, @more) = @_;
    my $file = "$self->{dir}/secrets";
    file_put("$self->{dir}/secret", "$secret\n");
    open(my $in, '<', "$self->{dir}/secret") or die "secret: $!\n";
    unlink("$self->{dir}/secret");
    my $pid = $self->spawn([$POP3D =~ s{[^/]*$}{mailauth}r, '-f', $file, 'add', $name, @more],
        in => $in, world => 0);
    my $status = $self->reap($pid) // 'none';
    $status eq '0' or die "mailauth add $name: status $status\n" . $self->log_text;
}

# A world's own /etc and spool: user demo, the front's user pop3d, and a spool
# as Debian has it, where only group mail may make a lock file.
sub unix_users {
    my ($self) = @_;
    my $dir = $self->{dir};
    mkdir("$dir/etc", 0755);
    mkdir("$dir/spool");
    my $mail = getgrnam('mail') // die "no group mail\n";
    chown(0, $mail, "$dir/spool");
    chmod(02775, "$dir/spool");
    file_put("$dir/etc/passwd", file_get('/etc/passwd')
        . "pop3d:x:60099:60099::/nonexistent:/usr/sbin/nologin\n"
        . "demo:x:$UID:$GID:Demo,,,:/nonexistent:/bin/sh\n"
        . "locked:x:60003:${GID}::/nonexistent:/bin/sh\n"
        . "expired:x:60004:${GID}::/nonexistent:/bin/sh\n"
        . "empty:x:60005:${GID}::/nonexistent:/bin/sh\n"
        . "plain:x:60006:${GID}::/nonexistent:/bin/sh\n"
        . "toor:x:0:0::/nonexistent:/bin/sh\n");
    file_put("$dir/etc/group", file_get('/etc/group')
        . "pop3d:x:60099:\ndemo:x:$GID:\nchoir:x:60055:demo\n");
    my $good = hash('secret');
    file_put("$dir/etc/shadow", file_get('/etc/shadow')
        . "pop3d:!:19000::::::\n"
        . "demo:$good:19000:0:99999:7:::\n"
        . "locked:!$good:19000:0:99999:7:::\n"
        . "expired:$good:19000:0:99999:7::18000:\n"
        . "empty::19000:0:99999:7:::\n"
        . "plain:$good:19000:0:99999:7:::\n"
        . "toor:$good:19000:0:99999:7:::\n");
    chmod(0640, "$dir/etc/shadow");
    $self->{unix} = 1;
    $self->{world} = 1;
}

# Write pop3d.conf anew: the site's own settings, then what was asked for.
# A value that is undef leaves the name out.
sub configure {
    my ($self, %more) = @_;
    my $dir = $self->{dir};
    my %own = $self->{unix} ? (auth => 'unix') : (auth => 'passwd-file',
        'passwd-file' => 'passwd', mailbox => "mbox:$dir/mail/%u");
    my %all = (%own, 'state-directory' => "$dir/state",
        'login-delay-failed' => '0s', greeting => 'ready',
        %{$self->{config}}, %more);
    my $text = "# made by a test\n";
    $text .= "$_ = $all{$_}\n" for grep { defined $all{$_} } sort keys %all;
    file_put("$dir/pop3d.conf", $text);
    return "$dir/pop3d.conf";
}

sub mailbox_path {
    my ($self, $user) = @_;
    $user //= $self->{user};
    return $self->{unix} ? "$self->{dir}/spool/$user" : "$self->{dir}/mail/$user";
}

# Read it, or replace it.
sub mailbox {
    my ($self, $octets) = @_;
    my $path = $self->mailbox_path;
    return file_get($path) if @_ < 2;
    file_put($path, $octets);
    chmod(0600, $path);
    chown($UID, $GID, $path) if as_root();
}

# Add to the mailbox as a delivery agent does: lock file, then fcntl lock.
# The inode stays.
sub deliver {
    my ($self, $octets) = @_;
    my $path = $self->mailbox_path;
    my $lock;
    until_true(sub { sysopen($lock, "$path.lock",
        POSIX::O_WRONLY() | POSIX::O_CREAT() | POSIX::O_EXCL()) })
        or die "$path.lock: $!\n";
    my $request = pack('s s x!8 q q i x!8', POSIX::F_WRLCK(), 0, 0, 0, 0);
    open(my $out, '>>:raw', $path) or die "$path: $!\n";
    until_true(sub { fcntl($out, POSIX::F_SETLK(), $request) })
        or die "$path: no lock: $!\n";
    print $out $octets;
    close($out) or die "$path: $!\n";
    unlink("$path.lock");
}

# Processes

# Fork and exec.  Options: in, out, err (handles; err: "log" = the site's log),
# world.
sub spawn {
    my ($self, $argv, %option) = @_;
    my @argv = @$argv;
    if ($option{world} // $self->{world}) {
        $self->syslog_start;
        unshift @argv, "$ROOT/tests/lib/world", $self->{dir};
    }
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        %children = ();
        $SIG{$_} = 'DEFAULT' for qw(HUP INT TERM);
        open(my $null, '+<', '/dev/null');
        my $log;
        open($log, '>>', "$self->{dir}/log") or POSIX::_exit(126);
        my $err = $option{err} // $log;
        POSIX::dup2(fileno($option{in} // $null), 0);
        POSIX::dup2(fileno($option{out} // $null), 1);
        POSIX::dup2(fileno($err), 2);
        for my $number (3 .. 30) { POSIX::close($number) }
        exec { $argv[0] } @argv or POSIX::_exit(127);
    }
    $children{$pid} = $$;
    return $pid;
}

sub forget { delete $children{$_[1]} }

# Wait for a child: its status, or undef when it does not end in time.
sub reap {
    my ($self, $pid, $seconds) = @_;
    my $status;
    until_true(sub {
        return 0 if waitpid($pid, POSIX::WNOHANG()) != $pid;
        $status = $?;
        return 1;
    }, $seconds);
    delete $children{$pid} if defined $status;
    return $status;
}

sub end {
    my ($self, $pid, $signal) = @_;
    return unless defined $pid && $children{$pid};
    kill($signal // 'TERM', $pid);
    my $status = $self->reap($pid, 5);
    return $status if defined $status;
    kill('KILL', $pid);
    return $self->reap($pid, 5);
}

# Run to the end: status, and what went to stdout and stderr together.
sub run {
    my ($self, @argv) = @_;
    open(my $out, '+>', undef) or die "temporary file: $!\n";
    my $pid = $self->spawn(\@argv, out => $out, err => $out);
    my $status = $self->reap($pid, 120);
    $self->end($pid, 'KILL') unless defined $status;
    seek($out, 0, 0);
    local $/;
    return ($status, scalar(<$out>) // '');
}

# One session as inetd starts it: the connection, a TCP socket, is stdin and
# stdout.  Options: args (more for the command line), err => 'connection' (as
# inetd has it) or a handle, else the site's log.
sub session {
    my ($self, %option) = @_;
    # Before there is a connection, which it would keep open.
    $self->syslog_start if $option{world} // $self->{world};
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => 0, Listen => 1) or die "listen: $!\n";
    my $near = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $listener->sockport) or die "connect: $!\n";
    my $far = $listener->accept or die "accept: $!\n";
    my $err = $option{err};
    $err = $far if defined $err && $err eq 'connection';
    my $pid = $self->spawn([$POP3D, '-C', "$self->{dir}/pop3d.conf",
        @{$option{args} // []}], in => $far, out => $far, err => $err,
        world => $option{world});
    close($far);
    close($listener);
    return eval { Pop3d::Client->new(socket => $near, pid => $pid, site => $self,
        greeting => $option{greeting} // 1) } // die "$@" . $self->log_text;
}

# A connection to what inetd, standalone or daemon started.
sub connect {
    my ($self, %option) = @_;
    my $near = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $self->{port}) or die "connect to port $self->{port}: $!\n";
    return Pop3d::Client->new(socket => $near, site => $self,
        greeting => $option{greeting} // 1);
}

sub wait_port {
    my ($self) = @_;
    # Nobody may count this as a session: look at the table of sockets.
    my $hex = sprintf('0100007F:%04X', $self->{port});
    until_true(sub { (file_get('/proc/net/tcp') // '') =~ /^\s*\d+: $hex \S+ 0A /m })
        or die "nothing listens on port $self->{port}:\n" . $self->log_text;
}

# Debian's inetd in the foreground.
sub inetd {
    my ($self, @args) = @_;
    my $inetd = program('inetd') // die "no inetd: apt-get install openbsd-inetd\n";
    my $dir = $self->{dir};
    my $user = getpwuid($>);
    $self->{port} = free_port();
    file_put("$dir/inetd.conf", "127.0.0.1:$self->{port} stream tcp "
        . "nowait.100000 $user $POP3D pop3d -C $dir/pop3d.conf @args\n");
    my $pid = $self->spawn([$inetd, '-i', '-R', '100000', "$dir/inetd.conf"],
        world => can_world());
    $self->{server} = $pid;
    $self->wait_port;
    return $pid;
}

# pop3d -F.
sub standalone {
    my ($self, @args) = @_;
    $self->{port} = free_port();
    $self->{server} = $self->spawn([$POP3D, '-F', '-C', "$self->{dir}/pop3d.conf",
        '-o', "listen=127.0.0.1:$self->{port}",
        '-o', "pid-file=$self->{dir}/pid", @args]);
    $self->wait_port;
    return $self->{server};
}

# pop3d -D: its pid comes from the pid file.
sub daemon {
    my ($self, @args) = @_;
    $self->{port} = free_port();
    my $pid = $self->spawn([$POP3D, '-D', '-C', "$self->{dir}/pop3d.conf",
        '-o', "listen=127.0.0.1:$self->{port}",
        '-o', "pid-file=$self->{dir}/pid", @args], world => can_world());
    my $status = $self->reap($pid) // die "pop3d -D does not go to the background\n";
    $status == 0 or die "pop3d -D: status $status:\n" . $self->log_text;
    my $text = until_true(sub { file_get("$self->{dir}/pid") });
    ($self->{daemon}) = ($text // '') =~ /^(\d+)\n\z/
        or die "no process id in the pid file\n";
    $daemons{$self->{daemon}} = 1;
    $self->wait_port;
    return $self->{daemon};
}

# End what inetd, standalone or daemon started.
sub stop {
    my ($self) = @_;
    my $status;
    $status = $self->end(delete $self->{server}) if $self->{server};
    if (my $pid = delete $self->{daemon}) {
        kill('TERM', $pid);
        until_true(sub { !kill(0, $pid) }, 5) or kill('KILL', $pid);
        delete $daemons{$pid};
    }
    return $status;
}

# The log

# Take what comes to a world's /dev/log, and write it as a syslog file has it:
# "Mon dd hh:mm:ss host pop3d[pid]: line".
sub syslog_start {
    my ($self) = @_;
    return if $self->{syslog};
    my $path = "$self->{dir}/log.socket";
    my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path)
        or die "$path: $!\n";
    chmod(0666, $path);
    my $parent = $$;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        %children = ();
        $SIG{TERM} = 'DEFAULT';
        open(my $log, '>>', "$self->{dir}/syslog");
        $log->autoflush(1);
        while (defined recv($socket, my $line, 65536, 0)) {
            $line =~ s/^<\d+>//;
            $line =~ s/\0\z//;
            $line =~ s/^(\w{3} [ \d]\d [\d:]{8}) /$1 mailhost /;
            $line =~ s/\n/\\n/g;
            print $log "$line\n";
        }
        POSIX::_exit(0);
    }
    $children{$pid} = $$;
    $self->{syslog} = $pid;
}

# All lines so far, from syslog and stderr, each "pop3d[PID]: LINE".
sub log_text {
    my ($self) = @_;
    my $text = (file_get("$self->{dir}/log") // '');
    for my $line (split /\n/, file_get("$self->{dir}/syslog") // '') {
        $line =~ s/^\w{3} [ \d]\d [\d:]{8} mailhost //;
        $text .= "$line\n";
    }
    return $text;
}

# The lines without the ident.
sub log_lines {
    my ($self) = @_;
    return map { /^pop3d\[\d+\]: (.*)/ ? $1 : () } split /\n/, $self->log_text;
}

# Wait for a line like this: what the pattern's groups took, or the line.
sub log_wait {
    my ($self, $pattern, $seconds) = @_;
    my @found;
    until_true(sub {
        for my $line ($self->log_lines) {
            return 1 if @found = $line =~ $pattern;
        }
        return 0;
    }, $seconds);
    return wantarray ? @found : scalar @found;
}

sub log_clear {
    my ($self) = @_;
    truncate("$self->{dir}/$_", 0) for grep { -e "$self->{dir}/$_" } qw(log syslog);
}

sub DESTROY {
    my ($self) = @_;
    return if $$ != $creator;
    local ($?, $!, $@);
    $self->stop;
    $self->end(delete $self->{syslog}) if $self->{syslog};
}

END {
    if ($$ == $creator) {
        local $?;
        kill('KILL', keys %daemons);
        for my $pid (grep { $children{$_} == $$ } keys %children) {
            kill('KILL', $pid);
            waitpid($pid, 0);
            delete $children{$pid};    # DESTROY comes after this
        }
    }
}

1;
