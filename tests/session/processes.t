#!/usr/bin/perl
# What every process of a session is and holds, before and after the login, as
# the kernel says it: /proc/PID/status, root, cwd and fd.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Pop3d;
use Pop3d::Corpus;

my $root = Pop3d::as_root();
my ($three) = Pop3d::Corpus::mailbox('three');

sub status {
    my ($pid) = @_;
    my $text = Pop3d::file_get("/proc/$pid/status") // '';
    my %status = map { /^(\w+):\s*(.*?)\s*$/ ? ($1 => $2) : () } split /\n/, $text;
    s/\s+/ /g for values %status;
    return \%status;
}

# Number => what it is, for every descriptor; undef when that may not be read.
sub descriptors {
    my ($pid) = @_;
    opendir(my $folder, "/proc/$pid/fd") or return;
    my @numbers = grep { /^\d+$/ } readdir $folder;
    return {map { $_ => readlink("/proc/$pid/fd/$_") // '?' } @numbers};
}

sub flags {
    my ($pid, $number) = @_;
    my ($flags) = (Pop3d::file_get("/proc/$pid/fdinfo/$number") // '') =~ /^flags:\s+0(\d+)/m;
    return oct($flags // 0);
}

# The inodes of sockets that listen.
sub listening {
    my %inodes;
    for my $table (qw(tcp tcp6)) {
        for (split /\n/, Pop3d::file_get("/proc/net/$table") // '') {
            my @field = split;
            $inodes{"socket:[$field[9]]"} = 1 if @field > 9 && $field[3] eq '0A';
        }
    }
    return \%inodes;
}

# The name that the connection has in /proc/PID/fd.
sub connection {
    my ($port) = @_;
    for (split /\n/, Pop3d::file_get('/proc/net/tcp') // '') {
        my @field = split;
        next unless @field > 9 && $field[2] =~ /^0100007F:(\w+)$/ && hex $1 == $port;
        return "socket:[$field[9]]" if $field[9];
    }
    return 'none';
}

sub four { return join(' ', ($_[0]) x 4) }

sub confined {
    my ($pid, $what) = @_;
    my $status = status($pid);
    is($status->{NoNewPrivs}, 1, "$what: NoNewPrivs");
    is($status->{Seccomp}, 2, "$what: Seccomp is a filter");
}

sub no_capabilities {
    my ($pid, $what) = @_;
    my $status = status($pid);
    is($status->{$_}, '0' x 16, "$what: $_") for qw(CapInh CapPrm CapEff CapAmb);
}

sub front {
    my ($pid, $state, $site, $connection, $uid, $gid) = @_;
    my $what = "the front in $state";
    my $status = status($pid);
    confined($pid, $what);
    no_capabilities($pid, $what);
    is($status->{SigBlk}, '0' x 16, "$what: no signal is blocked");
    if (!$root) {
        is($status->{Uid}, four($>), "$what: the caller's uid");
        is(descriptors($pid), undef, "$what: not dumpable, not even by the same user");
        return;
    }
    is($status->{Uid}, four($uid), "$what: Uid");
    is($status->{Gid}, four($gid), "$what: Gid");
    like($status->{Groups}, qr/^(?:$gid)?$/, "$what: no other groups");
    my $dir = readlink("/proc/$pid/root") // '/';
    isnt($dir, '/', "$what: in a root of its own");
    opendir(my $folder, "/proc/$pid/root/") or fail("$what: its root: $!");
    is(join(' ', grep { !/^\.\.?$/ } readdir $folder), '', "$what: an empty one");
    is((stat "/proc/$pid/root/")[2] & 0022, 0, "$what: that nobody else may write");
    is((stat _)[4], 0, "$what: of root's");
    is(readlink("/proc/$pid/cwd"), $dir, "$what: stands in it");

    my $held = descriptors($pid);
    my @more = grep { $_ > 2 } sort { $a <=> $b } keys %$held;
    is($held->{$_}, $connection, "$what: $_ is the connection") for 0, 1;
    is($held->{2}, '/dev/null', "$what: 2 is /dev/null");
    my @sockets = grep { $held->{$_} =~ /^socket:/ } @more;
    is(scalar @sockets, 1, "$what: one channel");
    isnt($held->{$sockets[0] // ''} // '', $connection, "$what: which is not the connection");
    my @files = grep { $held->{$_} !~ /^socket:/ } @more;
    if ($state eq 'AUTHORIZATION') {
        is("@files", '', "$what: nothing else") or diag(explain($held));
    }
    else {
        is(join(' ', map { $held->{$_} } @files),
            '/memfd:pop3d-view (deleted) ' . $site->mailbox_path =~ s{^.*/spool/}{/var/mail/}r,
            "$what: the view and the mailbox, nothing else") or diag(explain($held));
        is(flags($pid, $_) & 3, 0, "$what: read-only") for @files;
    }
}

sub back {
    my ($pid, $state, $connection, $groups) = @_;
    my $what = "the back in $state";
    my $status = status($pid);
    if (!$root) {
        is($status->{Uid}, four($>), "$what: the caller's uid");
        return;
    }
    my $held = descriptors($pid);
    my @same = grep { $held->{$_} eq $connection } keys %$held;
    if ($state eq 'AUTHORIZATION') {
        is($status->{Uid}, four(0), "$what: root");
        is(scalar(grep { $_ > 2 } @same), 0, "$what: the connection is 0 and 1 only");
    }
    else {
        is($status->{Uid}, four($Pop3d::UID), "$what: the user, for good");
        is($status->{Gid}, four($Pop3d::GID), "$what: the user's group");
        is($status->{Groups}, $groups, "$what: the user's groups");
        no_capabilities($pid, $what);
        is(scalar @same, 0, "$what: no connection") or diag(explain($held));
    }
}

sub keeper {
    my ($pid, $connection) = @_;
    my $what = 'the lock keeper';
    my $status = status($pid);
    my $mail = getgrnam('mail');
    is($status->{Uid}, four($Pop3d::UID), "$what: the user");
    is($status->{Gid}, four($mail), "$what: group mail");
    like($status->{Groups}, qr/^(?:$mail)?$/, "$what: no other groups");
    confined($pid, $what);
    no_capabilities($pid, $what);
    my $held = descriptors($pid);
    is(scalar(grep { $held->{$_} eq $connection } keys %$held), 0, "$what: no connection");
    my @sockets = grep { $held->{$_} =~ /^socket:/ } keys %$held;
    is(scalar @sockets, 1, "$what: one channel");
    my @others = grep { $_ > 2 && $held->{$_} !~ /^socket:/ } keys %$held;
    is(join(' ', map { $held->{$_} } @others), '/var/mail', "$what: the folder, nothing else")
        or diag(explain($held));
    is($held->{$_}, '/dev/null', "$what: $_ is /dev/null") for 0 .. 2;
}

sub nobody_listens {
    my (@pids) = @_;
    return unless $root;
    my $listening = listening();
    for my $pid (@pids) {
        my $held = descriptors($pid) // {};
        is(scalar(grep { $listening->{$_} } values %$held), 0, "process $pid listens nowhere");
    }
}

# Which of the processes has the connection on 0, but is not the back.
sub front_of {
    my ($connection, $back, @below) = @_;
    return $below[0] if !$root && @below == 1;
    my @front = grep { (readlink("/proc/$_/fd/0") // '') eq $connection } @below;
    return $front[0] if $root;
    # As an ordinary user: the one that is closed in.
    return (grep { status($_)->{Seccomp} eq '2' } @below)[0];
}

sub look {
    my ($site, $client, $back, %want) = @_;
    my $connection = connection($client->{socket}->sockport);
    my $all = sub { (Pop3d::family($back))[1 .. 9] };

    my @below = grep { defined } $all->();
    is(scalar @below, 1, 'AUTHORIZATION: a back and a front') or diag("@below");
    front($below[0], 'AUTHORIZATION', $site, $connection, $want{uid}, $want{gid});
    back($back, 'AUTHORIZATION', $connection);
    nobody_listens($back, @below);

    like($client->login, qr/^\+OK/, 'logged in') or diag($site->log_text);
    @below = grep { defined } $all->();
    is(scalar @below, $want{keeper} ? 2 : 1,
        'TRANSACTION: ' . ($want{keeper} ? 'and a lock keeper' : 'the same two')) or diag("@below");
    my $front = front_of($connection, $back, @below);
    ok($front, 'there is a front') or return;
    front($front, 'TRANSACTION', $site, $connection, $want{uid}, $want{gid});
    back($back, 'TRANSACTION', $connection, $want{groups});
    keeper($_, $connection) for grep { $_ != $front } @below;
    nobody_listens($back, @below);

    like($client->ask_multi('RETR 1'), qr/number 1/, 'and it works');
    $client->ask('DELE 1');
    like($client->ask('QUIT'), qr/^\+OK/, 'to the end');
    is($client->to_end, '', 'and hangs up');
    ok(Pop3d::until_true(sub { !grep { kill(0, $_) } @below }, 5), 'no process is left');
}

my @nobody = (getpwnam('nobody'))[2, 3];
my @front_user = (getpwnam('pop3d'))[2, 3];
@front_user = @nobody unless @front_user;

subtest 'as inetd starts it' => sub {
    my $site = Pop3d->new(mailbox => $three);
    my $client = $site->session(err => 'connection');
    look($site, $client, $client->{pid}, uid => $front_user[0], gid => $front_user[1],
        groups => $Pop3d::GID);
    $client->hang_up;
};

subtest 'with descriptors that nobody needs, and odd signals' => sub {
    my $site = Pop3d->new(mailbox => $three);
    my $real = $Pop3d::POP3D;
    my $wrapper = "$site->{dir}/wrapper";
    Pop3d::file_put($wrapper, "#!/bin/sh\nexec 7</etc/passwd 9>/dev/null\n"
        . "trap '' CHLD HUP TERM USR1\numask 000\nexec $real \"\$\@\"\n");
    chmod(0755, $wrapper);
    local $Pop3d::POP3D = $wrapper;
    my $client = $site->session(err => 'connection');
    # SIGPIPE (13) and SIGXFSZ (25) and no other.  32 and 33 are the C
    # library's own, which no program can set.
    my $ignored = hex(substr(status($client->{pid})->{SigIgn}, -8)) & 0x7fffffff;
    is($ignored, (1 << 12) | (1 << 24), 'the back ignores SIGPIPE and SIGXFSZ, nothing else');
    look($site, $client, $client->{pid}, uid => $front_user[0], gid => $front_user[1],
        groups => $Pop3d::GID);
    $client->hang_up;
};

subtest 'through inetd' => sub {
    my $site = Pop3d->new(mailbox => $three);
    my $inetd = $site->inetd;
    my $client = $site->connect;
    my ($back) = (Pop3d::family($inetd))[1];
    look($site, $client, $back, uid => $front_user[0], gid => $front_user[1], groups => $Pop3d::GID);
};

subtest 'through -F' => sub {
    my $site = Pop3d->new(mailbox => $three);
    my $listener = $site->standalone;
    my $client = $site->connect;
    my ($back) = (Pop3d::family($listener))[1];
    look($site, $client, $back, uid => $front_user[0], gid => $front_user[1], groups => $Pop3d::GID);
};

subtest 'a UNIX user, a spool of group mail, a user for the front' => sub {
    plan skip_all => 'needs root: a mount namespace' unless Pop3d::can_world();
    my $site = Pop3d->new(unix => 1, mailbox => $three);
    my $inetd = $site->inetd;
    my $client = $site->connect;
    my ($back) = (Pop3d::family($inetd))[1];
    look($site, $client, $back, uid => 60099, gid => 60099, keeper => 1,
        groups => join(' ', sort { $a <=> $b } $Pop3d::GID, 60055));
    my (undef, @messages) = Pop3d::Corpus::mailbox('three');
    is($site->mailbox, Pop3d::Corpus::mbox(@messages[1, 2]), 'the first is gone');
    ok(!-e $site->mailbox_path . '.lock', 'no lock file is left');
};

done_testing;
