#!/usr/bin/perl
# No room left: on a disk that is really full, over a quota, and with a limit on
# the size of files.  Whatever is free, QUIT is +OK and what was deleted is
# gone, or -ERR and all is there, or will be done by the next login; nothing is
# lost, doubled or changed.  Who has room for one session can delete.
#
# With FAULTS=full a mailbox of 1 GB as well.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use POSIX qw(ENOSPC EDQUOT);
use Test::More;

use Pop3d qw(as_root can_world file_get file_put program);
use Pop3d::Corpus;

# Root's mounts are seen by nobody else, and end with this process.
if (can_world() && !$ENV{POP3D_OWN_MOUNTS}) {
    $ENV{POP3D_OWN_MOUNTS} = 1;
    exec('unshare', '-m', '--propagation', 'private', $^X, $0) or die "unshare: $!\n";
}

my $KIB = 1024;
my $site = Pop3d->new;
my $disk = "$site->{dir}/disk";
our $box = "$disk/mail/demo";
my $mounted = 0;
my $large = ($ENV{FAULTS} // '') eq 'full' ? 1 << 30 : 32 << 20;

END { local $?; unmount() }

my $said;    # by what failed

sub run {
    my (@argv) = @_;
    (my $status, $said) = $site->run(@argv);
    return defined $status && $status == 0;
}

sub unmount {
    return unless $mounted;
    $mounted = 0;
    system('umount', $disk) == 0 or diag('umount failed');
}

# A file system of so many octets at $disk, with the mailbox and the state on
# it; options for mkfs and for mount.
sub mount {
    my ($kind, $size, $make, $options) = @_;
    unmount();
    mkdir($disk);
    my $image = "$site->{dir}/image";
    if ($kind eq 'tmpfs') {
        run('mount', '-t', 'tmpfs', '-o', "size=$size", 'none', $disk) or return 0;
    }
    else {
        unlink($image);
        file_put($image, '');
        truncate($image, $size) or die;
        run(program("mkfs.$kind"), '-q', $kind eq 'btrfs' ? '-f' : '-F', @$make, $image)
            && run('mount', '-o', join(',', 'loop', @{$options // []}), $image, $disk) or return 0;
        # The loop device keeps it.
        unlink($image);
    }
    $mounted = 1;
    quota() or return 0 if grep { $_ eq 'usrquota' } @{$options // []};
    # What fills must fill this, and nothing else.
    (stat $disk)[0] != (stat $site->{dir})[0] or die "$disk is not mounted\n";
    mkdir("$disk/$_", 0755) or die for qw(mail state filler);
    chown($Pop3d::UID, $Pop3d::GID, "$disk/$_") for qw(mail filler);
    return 1;
}

# A hard limit for the user, by quotactl_fd(2), which has one number everywhere.
sub quota {
    use constant {QUOTACTL_FD => 443, Q_SETQUOTA => 0x800008, LIMITS => 5, MIB => 1024};
    open(my $folder, '<', $disk) or die;
    my $record = pack('Q8 L x4', 8 * MIB, 0, 0, 1000, 0, 0, 0, 0, LIMITS);
    return 1 if syscall(QUOTACTL_FD, fileno($folder), Q_SETQUOTA << 8, $Pop3d::UID + 0, $record) == 0;
    $said = "quotactl: $!";
    return 0;
}

sub mailbox {
    my ($octets) = @_;
    file_put($box, $octets);
    chmod(0600, $box);
    chown($Pop3d::UID, $Pop3d::GID, $box);
}

# Write until there is no room for the mailbox's user, then give back so much.
sub fill {
    my ($free) = @_;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        POSIX::setgid($Pop3d::GID);
        POSIX::setuid($Pop3d::UID);
        my $path = "$disk/filler/octets";
        sysopen(my $file, $path, POSIX::O_WRONLY() | POSIX::O_CREAT()) or POSIX::_exit(1);
        my $all = 0;
        # What was put off may turn out to need less.
        for my $round (1 .. 3) {
            for my $piece (1024 * $KIB, 64 * $KIB, 4 * $KIB) {
                while (my $n = syswrite($file, 'x' x $piece)) { $all += $n }
            }
            POSIX::_exit(2) if $! != ENOSPC && $! != EDQUOT;
            $file->sync;
        }
        truncate($file, $all - $free) if $free > 0;
        $file->sync;
        POSIX::_exit(0);
    }
    waitpid($pid, 0);
    $? == 0 or die "the disk cannot be filled: $?\n";
}

sub room { unlink("$disk/filler/octets") }

sub session {
    my $client = $site->session;
    my $answer = $client->login;
    return ($client, $answer);
}

sub login {
    my ($client, $answer) = session();
    $client->hang_up;
    return $answer;
}

# One session that deletes these (from 0): the answer of the last command that
# was sent.
sub deleting {
    my ($deleted, $before) = @_;
    my ($client, $answer) = session();
    if ($answer =~ /^\+OK/) {
        $before->() if $before;
        for my $number (@$deleted) {
            $answer = $client->ask('DELE ' . ($number + 1));
            last if $answer !~ /^\+OK/;
        }
        $answer = $client->ask('QUIT') if $answer =~ /^\+OK/;
    }
    $client->hang_up;
    return $answer;
}

# Judge an answer by the mailbox, then give room and see what the next session
# makes of it.
sub judge {
    my ($answer, $name, $all, $gone, $deleted) = @_;
    my $octets = file_get($box);
    if ($answer =~ /^\+OK/) {
        ok($octets eq $gone, "$name: +OK, and gone") or diag(length($octets) . ' octets');
    }
    elsif ($answer !~ /finished at the next login/) {
        ok($octets eq $all, "$name: -ERR, and there") or diag("$answer\n" . length($octets) . ' octets');
    }
    room();
    my ($client, $login) = session();
    like($login, qr/^\+OK/, "$name: then there is room");
    $client->ask('QUIT');
    $client->hang_up;
    return if $answer =~ /^\+OK/;
    if ($answer =~ /finished at the next login/) {
        ok(file_get($box) eq $gone, "$name: the next login has finished it");
        return;
    }
    like(deleting($deleted), qr/^\+OK/, "$name: and QUIT");
    ok(file_get($box) eq $gone, "$name: and it is gone");
}

# Small and large, so that there are steps of both kinds.
Pop3d::Corpus::seed(7);
my @messages = map { Pop3d::Corpus::message($_ % 3 ? Pop3d::Corpus::header($_, "number $_")
    . Pop3d::Corpus::paragraph(10 + $_) : Pop3d::Corpus::mime($_, 60_000)) } 1 .. 30;
my $all = Pop3d::Corpus::mbox(@messages);
my %patterns = (
    'a small one in the middle' => [15],
    'a large one in the middle' => [14],
    'the first' => [0],
    'the last' => [29],
    'every second' => [map { 2 * $_ } 0 .. 14],
    'all but one' => [0 .. 6, 8 .. 29],
    'all' => [0 .. 29],
);

sub without {
    my ($deleted) = @_;
    my %gone = map { $_ => 1 } @$deleted;
    return Pop3d::Corpus::mbox(@messages[grep { !$gone{$_} } 0 .. $#messages]);
}

# With so many KiB free; can: so much is enough.
sub full_disk {
    my ($can, @free) = @_;
    for my $free (@free) {
        for my $name (sort keys %patterns) {
            my $deleted = $patterns{$name};
            my $gone = without($deleted);
            # He was here when there was room: it becomes full during the
            # session, and was full before it.
            for my $when ('during', 'before') {
                mailbox($all);
                if ($when eq 'before') { fill($free * $KIB) }
                my $answer = deleting($deleted, $when eq 'during' ? sub { fill($free * $KIB) } : undef);
                my $title = "$free KiB free $when the session, $name";
                like($answer, qr/^\+OK/, "$title: can be deleted") if $can;
                judge($answer, $title, $all, $gone, $deleted);
            }
        }
    }
    # One after the other, and all that the first has freed is taken.
    mailbox($all);
    my ($client) = session();
    fill(0);
    like($client->ask("DELE $_"), qr/^\+OK/, 'DELE') for 16;
    my $answer = $client->ask('QUIT');
    $client->hang_up;
    if ($answer =~ /^\+OK/) {
        fill(0);
        judge(deleting([2]), 'a second session', without([15]), without([2, 15]), [2]);
    }
    room();
    # He never was here, and there is no room for what a session needs.
    for my $free (0, 64) {
        system('rm', '-rf', glob("$disk/state/*"));
        mailbox($all);
        fill($free * $KIB);
        my $answer = deleting([15]);
        like($answer, qr/^\+OK/, "$free KiB free, his first session: can delete") if $can && $free == 64;
        judge($answer, "$free KiB free, his first session", $all, without([15]), [15]);
    }
    is_deeply([grep { -e } glob("$box.lock $disk/mail/.??* $disk/state/*/*.journal*")], [], 'nothing is left behind');
}

# A mailbox of so many octets, from a file that is made once.
sub large {
    my ($kind, $size) = @_;
    my $piece = 1024 * $KIB;
    my $count = int($size / $piece);
    mount($kind, $size + ($size >> 3) + 8 * 1024 * $KIB, ['-m', '0']) or return fail($said);
    open(my $out, '>:raw', $box) or die;
    my $body = ('x' x 75 . "\n") x ($piece / 76);
    my ($sum, $want) = (0, 0);
    for my $number (1 .. $count) {
        my $small = $number == int($count / 2);
        my $text = Pop3d::Corpus::stored(Pop3d::Corpus::message(Pop3d::Corpus::header($number, "number $number")
            . ($small ? "small\n" : $body)));
        print $out $text;
        $want += length $text unless $small;
    }
    close($out) or die "$box: $!";
    chmod(0600, $box);
    chown($Pop3d::UID, $Pop3d::GID, $box);
    deleting([]);
    fill(64 * $KIB);
    my $answer = deleting([int($count / 2) - 1]);
    like($answer, qr/^\+OK 1 removed/, 'one in the middle goes');
    is(-s $box, $want, 'as long as it should be');
    open(my $in, '<:raw', $box) or die;
    my $bad = 0;
    for my $number (grep { $_ != int($count / 2) } 1 .. $count) {
        my $text = Pop3d::Corpus::stored(Pop3d::Corpus::message(Pop3d::Corpus::header($number, "number $number") . $body));
        read($in, my $got, length $text);
        $bad++ if $got ne $text;
    }
    is($bad, 0, 'every other one is there, octet for octet');
}

subtest 'a limit on the size of files' => sub {
    for my $limit (0, 1000, 100_000, length($all) - 1, length($all), length($all) + 5000, length($all) + 70_000) {
        for my $name ('a small one in the middle', 'every second', 'all') {
            my $deleted = $patterns{$name};
            $site->mailbox($all);
            local $box = $site->mailbox_path;
            file_put("$site->{dir}/limited", "#!/bin/sh\nexec prlimit --fsize=$limit '$Pop3d::POP3D' \"\$@\"\n");
            chmod(0755, "$site->{dir}/limited");
            my ($answer, $first, $second) = do {
                local $Pop3d::POP3D = "$site->{dir}/limited";
                my $login = login();
                (deleting($deleted), $login, login());
            };
            is(substr($second, 0, 3), substr($first, 0, 3), "$limit octets, $name: nobody is locked out");
            like($answer, qr/^\+OK/, "$limit octets, $name: can be deleted") if $limit >= length $all;
            judge($answer, "$limit octets, $name", $all, without($deleted), $deleted);
        }
    }
};

SKIP: {
    skip 'needs root: a mount namespace', 1 unless can_world();
    $site->configure(mailbox => "mbox:$disk/mail/%u", 'state-directory' => "$disk/state");
    subtest 'a full tmpfs' => sub { mount('tmpfs', 8 << 20) ? full_disk(1, 0, 4, 12, 64) : fail($said) };
    subtest 'a large mailbox with 64 KiB free, tmpfs' => sub { large('tmpfs', $large) };
    skip 'no mkfs.ext4', 1 unless program('mkfs.ext4');
    skip 'no loop devices', 1 unless mount('ext4', 16 << 20, ['-m', '0']);
    subtest 'a full ext4' => sub { full_disk(1, 0, 64) };
    subtest 'an ext4 of which root has the rest' => sub {
        mount('ext4', 16 << 20, ['-m', '20']) ? full_disk(1, 0) : fail($said) };
    subtest 'a large mailbox with 64 KiB free, ext4' => sub { large('ext4', $large) };
    my $quota = mount('ext4', 32 << 20, ['-O', 'quota', '-E', 'quotatype=usrquota'], ['usrquota']);
    SKIP: {
        skip 'ext4 has no quotas in this kernel', 1 unless $quota;
        subtest 'an exhausted quota' => sub { full_disk(1, 0, 64) };
    }
    # What is written over takes new space, and so may a removal.
    skip 'no btrfs', 1 unless program('mkfs.btrfs') && mount('btrfs', 256 << 20, []);
    skip 'btrfs has no quotas in this kernel', 1 unless run('btrfs', 'quota', 'enable', $disk)
        && run('btrfs', 'qgroup', 'limit', '40M', $disk);
    subtest 'an exhausted quota of btrfs' => sub { full_disk(0, 0) };
}

done_testing;
