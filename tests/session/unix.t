#!/usr/bin/perl
# UNIX users: passwd and shadow, in a mount namespace with files of its own.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Pop3d;
use Pop3d::Corpus;

Pop3d::can_world() or plan skip_all => 'needs root: a mount namespace';

my ($three, @messages) = Pop3d::Corpus::mailbox('three');
my $site = Pop3d->new(unix => 1, mailbox => $three);

sub refused {
    my ($name, $password, $what, $code) = @_;
    my $client = $site->session;
    like($client->login($name, $password), $code // qr/^-ERR \[AUTH\]/, $what);
    like($client->ask('STAT'), qr/^-ERR/, "$what: not in");
    $client->hang_up;
}

subtest 'a good login, with deletion, in a spool of group mail' => sub {
    my $client = $site->session;
    like($client->login, qr/^\+OK .*\b3 messages/, 'logged in') or diag($site->log_text);
    $client->ask('DELE 2');
    $site->deliver(Pop3d::Corpus::stored($messages[1]));
    like($client->ask('QUIT'), qr/^\+OK/, 'QUIT');
    $client->hang_up;
    is($site->mailbox, Pop3d::Corpus::mbox(@messages[0, 2, 1]), 'gone, and what came is there');
    my @stat = stat $site->mailbox_path;
    is_deeply([@stat[4, 5]], [$Pop3d::UID, $Pop3d::GID], 'owner and group have stayed');
    is((stat "$site->{dir}/spool")[2] & 07777, 02775, 'and so has the spool');
    ok(!-e $site->mailbox_path . '.lock', 'no lock file is left');
};

subtest 'the lock file is there while mailbox locks are held' => sub {
    $site->mailbox($three);
    my $lock = $site->mailbox_path . '.lock';
    Pop3d::file_put($lock, "$$\n");
    chown(0, scalar getgrnam('mail'), $lock);
    my $client = $site->session(args => ['-o', 'lock-timeout=1s']);
    like($client->login, qr/^-ERR \[(?:IN-USE|SYS\/TEMP)\]/, 'another\'s is respected');
    $client->hang_up;
    unlink($lock);
};

subtest 'an account like those below, with nothing wrong' => sub {
    my $client = $site->session;
    like($client->login('plain', 'secret'), qr/^\+OK .*\b0 messages/, 'gets in');
    $client->hang_up;
};

refused('demo', 'wrong', 'a wrong password');
refused('demo', '', 'an empty password', qr/^-ERR/);
refused('nobody-here', 'secret', 'a user who is not there');
refused('locked', 'secret', 'a locked account');
refused('empty', '', 'an account without a password', qr/^-ERR/);
refused('empty', 'x', 'an account without a password, with one');
refused('expired', 'secret', 'an expired account', qr/^-ERR/);
refused('toor', 'secret', 'uid 0 of another name', qr/^-ERR/);
refused('root', 'secret', 'root');
refused('pop3d', 'secret', 'the front\'s own user');

subtest 'someone else\'s mailbox' => sub {
    $site->mailbox($three);
    chown(0, 0, $site->mailbox_path);
    my $client = $site->session;
    like($client->login, qr/^-ERR \[SYS\/PERM\]/, 'is refused');
    $client->hang_up;
    ok($site->mailbox eq $three, 'and untouched');
    $site->mailbox($three);
};

subtest '-a as root serves a mailbox as its owner' => sub {
    $site->mailbox($three);
    my $client = $site->session(args => ['-a', '/var/mail/demo']);
    is($client->ask('STAT'), '+OK 3 ' . Pop3d::Corpus::octets(@messages), 'in TRANSACTION at once');
    my ($back) = Pop3d::family($client->{pid});
    like(Pop3d::file_get("/proc/$back/status"), qr/^Uid:\s+$Pop3d::UID\s+$Pop3d::UID\s+$Pop3d::UID\s/m,
        'the back is the owner');
    $client->ask('DELE 1');
    like($client->ask('QUIT'), qr/^\+OK/, 'QUIT');
    $client->hang_up;
    is($site->mailbox, Pop3d::Corpus::mbox(@messages[1, 2]), 'the first is gone');
};

subtest '-a as root refuses root\'s and a missing one' => sub {
    for my $path ('/etc/passwd', '/var/mail/not-there') {
        my $client = $site->session(args => ['-a', $path], greeting => 0);
        $client->put("STAT\r\n");
        my $all = $client->to_end // '(no end)';
        like($all, qr/\A(?:\+OK[^\r]*\r\n)?-ERR/, "$path: an error");
        unlike($all, qr/\+OK \d+ \d+/, "$path: nothing else");
        $client->hang_up;
    }
};

done_testing;
