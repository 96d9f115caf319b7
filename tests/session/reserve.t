#!/usr/bin/perl
# The reserve: on a disk without a free octet a message in the middle of an
# mbox can be deleted.  The disks are made in a mount namespace of the test's.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Pop3d;
use Pop3d::Corpus;

my $RESERVE = 96 * 1024;
if (Pop3d::can_world() && !$ENV{POP3D_OWN_MOUNTS}) {
    $ENV{POP3D_OWN_MOUNTS} = 1;
    exec('unshare', '-m', '--', $^X, $0) or die "unshare: $!\n";
}

my ($three, @messages) = Pop3d::Corpus::mailbox('three');

sub state_of { return "$_[0]{dir}/state/" . (Pop3d::as_root() ? $Pop3d::UID : $>) }
sub reserve_of { return state_of($_[0]) . '/reserve' }

sub login {
    my ($site) = @_;
    my $client = $site->session;
    like($client->login, qr/^\+OK/, 'logged in') or diag($site->log_text);
    return $client;
}

sub delete_one {
    my ($site, $number) = @_;
    my $client = login($site);
    $client->ask("DELE $number");
    my $answer = $client->ask('QUIT');
    $client->hang_up;
    return $answer;
}

subtest 'a login makes it' => sub {
    my $site = Pop3d->new(mailbox => $three);
    login($site)->hang_up;
    my @stat = lstat reserve_of($site);
    is($stat[7], $RESERVE, 'of its size');
    is($stat[2], 0100600, 'a file that nobody else reads');
    cmp_ok($stat[12] * 512, '>=', $RESERVE, 'of real blocks');
    is($stat[4], Pop3d::as_root() ? $Pop3d::UID : $>, 'the user\'s');
    is($stat[5], $Pop3d::GID, 'and his group\'s') if Pop3d::as_root();
    like(delete_one($site, 2), qr/^\+OK/, 'an update with space');
    is((lstat reserve_of($site))[1], $stat[1], 'leaves it');
};

subtest 'what the user put in its place gains him nothing' => sub {
    my $site = Pop3d->new(mailbox => $three);
    login($site)->hang_up;
    my $secret = "$site->{dir}/root-only";
    Pop3d::file_put($secret, 'precious');
    chmod(0600, $secret);
    for my $name ('reserve', 'reserve.new') {
        unlink(reserve_of($site));
        symlink($secret, state_of($site) . "/$name") or die "symlink: $!\n";
        login($site)->hang_up;
        ok(-l state_of($site) . "/$name", "$name: the symlink is there");
        is(Pop3d::file_get($secret), 'precious', 'and not followed');
        is((stat $secret)[4], $>, 'nor given away');
        unlink(state_of($site) . "/$name");
        symlink("$site->{dir}/new-file", state_of($site) . "/$name");
        login($site)->hang_up;
        ok(!-e "$site->{dir}/new-file", 'nothing is made at the end of another');
        unlink(state_of($site) . "/$name");
    }
};

sub run_quietly { return system("@_ >/dev/null 2>&1") == 0 }

# A site whose mailboxes and states are on a disk of its own.
sub site_on {
    my ($kind, $megabytes) = @_;
    my $site = Pop3d->new;
    my $dir = $site->{dir};
    mkdir("$dir/disk");
    if ($kind eq 'tmpfs') {
        run_quietly("mount -t tmpfs -o size=${megabytes}M none $dir/disk") or return;
    }
    else {
        run_quietly("truncate -s ${megabytes}M $dir/image && mkfs.$kind -q $dir/image"
            . " && mount -o loop $dir/image $dir/disk") or return;
    }
    push @{$site->{mounts}}, "$dir/disk";
    for my $name ('mail', 'state') {
        run_quietly("mkdir $dir/disk/$name && cp -p --attributes-only -r $dir/$name"
            . " $dir/disk && mount --bind $dir/disk/$name $dir/$name") or return;
        unshift @{$site->{mounts}}, "$dir/$name";
    }
    chown($Pop3d::UID, $Pop3d::GID, "$dir/mail");
    chmod(0700, "$dir/mail");
    chmod(0755, "$dir/state");
    return $site;
}

sub unmount { system('umount', $_) for @{delete $_[0]{mounts} // []} }

# Not one octet is left; for root neither when $root.
sub fill {
    my ($site, $root) = @_;
    my $user = $root ? '' : "setpriv --reuid $Pop3d::UID --clear-groups --regid $Pop3d::GID ";
    my $place = $root ? "$site->{dir}/disk" : "$site->{dir}/disk/mail";
    for my $size ('1M', '64k', '4k', '1k') {
        run_quietly("${user}dd if=/dev/zero of=$place/fill$size bs=$size");
        run_quietly('sync', '-f', $place);
    }
    ok(!run_quietly("${user}sh -c 'echo x > $place/more && sync -f $place && test -s $place/more'"),
        'the disk is full');
    unlink("$place/more");
}

# Messages of 20 kB, so that a step without a window would be short.
sub large {
    my ($count) = @_;
    return map { Pop3d::Corpus::message("Subject: $_\n\n" . ("line $_ of this message\n" x 900)) }
        1 .. $count;
}

sub full_disk {
    my ($site, $count, $root) = @_;
    my @large = large($count);
    $site->mailbox(Pop3d::Corpus::mbox(@large));
    login($site)->hang_up;
    my $middle = int($count / 2);

    my $kept = "$site->{dir}/state/kept";
    rename(reserve_of($site), $kept) or die "rename: $!\n" if $root;
    unlink(reserve_of($site));
    fill($site, $root);
    if ($root) {
        like(delete_one($site, $middle), qr/^-ERR.*nothing was removed/,
            'without a reserve nothing can be done');
        ok($site->mailbox eq Pop3d::Corpus::mbox(@large), 'and nothing is');
        rename($kept, reserve_of($site)) or die "rename: $!\n";
    }
    else {
        login($site)->hang_up;
        is((stat reserve_of($site))[7], $RESERVE, 'root can still make one');
    }
    like(delete_one($site, $middle), qr/^\+OK/, 'a message in the middle is deleted')
        or diag($site->log_text);
    splice @large, $middle - 1, 1;
    ok($site->mailbox eq Pop3d::Corpus::mbox(@large), 'it, and nothing else');
    ok(!-e reserve_of($site), 'the reserve is used up');
    login($site)->hang_up;
    is((stat reserve_of($site))[7], $RESERVE, 'and there again at the next login');
    is(join(' ', glob state_of($site) . '/*.journal*'), '', 'no journal is left');
}

for my $disk (['tmpfs', 16, 500, 1], ['ext4', 24, 600, 1], ['ext4', 24, 300, 0]) {
    my ($kind, $megabytes, $count, $root) = @$disk;
    subtest "a full $kind" . ($root ? '' : ', but for what root may have') => sub {
        plan skip_all => 'needs root: a mount namespace' if !$ENV{POP3D_OWN_MOUNTS};
        my $site = site_on($kind, $megabytes)
            // plan skip_all => "no $kind can be mounted here";
        my $done = eval { full_disk($site, $count, $root); 1 };
        unmount($site);
        $done or die $@;
    };
}

done_testing;
