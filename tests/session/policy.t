#!/usr/bin/perl
# Who may log in, in whole sessions: lists of users, one name a user, the access
# file; what keep and read-only leave; and what failures tell.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(time);

use Pop3d qw(file_get file_put);
use Pop3d::Corpus;
use Pop3d::Sasl qw(%clear %every %proof);

my ($three, @messages) = Pop3d::Corpus::mailbox('three');
my $site = Pop3d->new(mailbox => $three, config => {auth => 'mailauth passwd-file',
    'mailauth-file' => 'secrets', 'login-tries' => 10});
my $dir = $site->{dir};
$site->secret_add('demo', 'secret', '--apop');
$site->secret_add('toor', 'secret', '--apop');
$site->secret_add('locked', 'secret', '--apop');
system("$Pop3d::ROOT/build/mailauth", '-f', "$dir/secrets", 'lock', 'locked') == 0 or die "lock\n";
$site->user_add($_, 'another') for 'locked', 'other';
file_put("$dir/passwd", 'toor:' . Pop3d::hash('secret') . ":0:0::/:\n", '>>:raw');
my %way = (%every, USER => sub { $_[0]->login(@_[1, 2]) });
my $in = qr/^\+OK logged in, 3 messages/;
my $wrong = '-ERR [AUTH] wrong name or password';
my $refused = '-ERR [AUTH] this account cannot log in';

# A login, by a way, and the answer.
sub try {
    my ($way, $name, $secret, @args) = @_;
    my $client = $site->session(args => \@args);
    my $answer = $way{$way}->($client, $name, $secret);
    $client->hang_up;
    return $answer;
}

sub access_file { file_put("$dir/access", $_[0]); chmod(0600, "$dir/access") }

subtest 'what a client is told' => sub {
    $site->configure('deny-users' => 'demo');
    for my $way (sort keys %way) {
        is(try($way, 'demo', 'secret'), $refused, "$way: denied, with the right secret");
        is(try($way, 'demo', 'wrong'), $wrong, 'with a wrong one');
        is(try($way, 'nobody', 'secret'), $wrong, 'who is not there');
        is(try($way, 'locked', 'secret'), $wrong, 'who is locked');
        is(try($way, 'toor', 'secret'), $wrong, 'uid 0');
    }
    $site->configure('allow-users' => 'file:list');
    file_put("$dir/list", "# these\ndemo # and no other\n");
    like(try('USER', 'demo', 'secret'), $in, 'in a list of its own');
    is(try('USER', 'other', 'another'), $refused, 'not in it');
    chmod(0666, "$dir/list");
    is(try('USER', 'demo', 'secret'), '-ERR [SYS/TEMP] logins cannot be checked now', 'a list that is everybody\'s');
    is(try('USER', 'demo', 'wrong'), $wrong, 'a wrong one is as wrong as ever');
};

subtest 'one user has one name' => sub {
    $site->configure('username-lower' => 'yes', 'default-domain' => 'example.org',
        mailbox => "mbox:$dir/mail/%n");
    my $first = $site->session;
    like($way{USER}->($first, 'Demo@Example.ORG', 'secret'), $in, 'by another name');
    ok($site->log_wait(qr/^LOGIN, user=demo,/), 'the log has the one') or diag($site->log_text);
    for my $name ('demo', 'DEMO', 'demo@example.org') {
        like(try('SCRAM-SHA-256', $name, 'secret'), qr/^-ERR \[IN-USE\]/, "$name: the mailbox is in use");
    }
    is(try('USER', 'demo@example.net', 'secret'), $wrong, 'another domain is another user');
    $first->hang_up;
};

subtest 'access file: who, how, from where' => sub {
    $site->configure('access-file' => 'access', plaintext => 'always');
    my $from = '-ERR [AUTH] this account cannot log in from there';
    for (['demo no-pop3', $refused], ['* pop3', $in], ['demo networks=127.0.0.0/8', $in],
        ['demo networks=192.0.2.0/24,::1', $from], ['other no-pop3', $in], ['demo tls', $in]) {
        my ($line, $want) = @$_;
        access_file("$line\n* no-pop3\n") if $line !~ /other/;
        access_file("$line\n") if $line =~ /other/;
        my $answer = try('USER', 'demo', 'secret');
        ref $want ? like($answer, $want, $line) : is($answer, $want, $line);
    }
    access_file("demo tls\n");
    # Through a relay nobody knows who listens.
    local $ENV{TCPREMOTEIP} = '192.0.2.9';
    is(try($_, 'demo', 'secret'), '-ERR [AUTH] this account needs TLS', "$_: not protected") for sort keys %way;
    is(try('USER', 'demo', 'wrong'), $wrong, 'with a wrong one');
    delete $ENV{TCPREMOTEIP};
    access_file("demo mechanisms=apop,scram-sha-256\n");
    for my $way (sort keys %way) {
        my $answer = try($way, 'demo', 'secret');
        $way =~ /^(?:APOP|SCRAM-SHA-256)$/ ? like($answer, $in, "mechanisms: $way")
            : is($answer, '-ERR [AUTH] this account cannot log in in this way', "mechanisms: not $way");
    }
};

subtest 'a damaged access file' => sub {
    access_file("demo pop3\nother keeep\n");
    $site->log_clear;
    is(try('USER', 'demo', 'secret'), '-ERR [SYS/TEMP] logins cannot be checked now', 'nobody gets in');
    ok($site->log_wait(qr{^LOGIN UNCHECKED, user=demo, .*access-file: \Q$dir\E/access:2: 'keeep' is no option}),
        'the log has file and line') or diag($site->log_text);
    unlike($site->log_text, qr/LOGIN FAILED/, 'nobody is banned');
    my ($status, $said) = $site->run($Pop3d::POP3D, '-n', '-C', "$dir/pop3d.conf");
    like($said, qr{^policy +\Q$dir\E/access:2: 'keeep' is no option$}m, '-n says it, too');
    isnt($status, 0, 'and that nobody can log in');
    access_file("demo pop3\nother keep\n");
    ($status, $said) = $site->run($Pop3d::POP3D, '-n', '-C', "$dir/pop3d.conf");
    is($status, 0, 'a good one') or diag($said);
    like($said, qr{^policy +\Q$dir\E/access$}m, 'is named');
    access_file("demo pop3\n\@no-such-group keep\n");
    ($status, $said) = $site->run($Pop3d::POP3D, '-n', '-C', "$dir/pop3d.conf");
    like($said, qr{^policy +\Q$dir\E/access:2: the group no-such-group: there is none$}m, 'a group that there is not');
    isnt($status, 0, 'is a mistake for -n');
    like(try('USER', 'demo', 'secret'), qr/^\+OK logged in/, 'and nobody for a session');
};

subtest 'keep and read-only: an mbox' => sub {
    for (['keep', '', '-ERR [SYS/PERM] messages are kept here'],
        ['read-only', ', read-only', '-ERR [SYS/PERM] the mailbox is read-only'],
        ['keep read-only', ', read-only', '-ERR [SYS/PERM] the mailbox is read-only']) {
        my ($options, $said, $dele) = @$_;
        access_file("demo $options\n");
        my $client = $site->session;
        like($client->login('demo', 'secret'), qr/octets\)\Q$said\E$/, "$options: the login");
        is($client->ask('DELE 1'), $dele, 'DELE');
        is($client->ask('DELE 9') =~ s/,.*//r, '-ERR no such message', 'one that is not there');
        ok(defined $client->ask_multi('RETR 1'), 'RETR');
        is($client->ask('QUIT'), '+OK 0 removed, 3 left', 'QUIT');
        $client->hang_up;
        ok($site->mailbox eq $three, 'nothing has changed');
    }
};

sub maildir {
    my ($box) = @_;
    for my $folder ($box, map { "$box/$_" } qw(cur new tmp)) {
        mkdir($folder, 0700) or die "$folder: $!\n";
        chown($Pop3d::UID, $Pop3d::GID, $folder) if Pop3d::as_root();
    }
    file_put("$box/new/1.M1.x", "Subject: one\n\n1\n");
    file_put("$box/new/2.M2.x", "Subject: two\n\n2\n");
    chown($Pop3d::UID, $Pop3d::GID, glob("$box/new/*")) if Pop3d::as_root();
}

subtest 'keep and read-only: a Maildir' => sub {
    $site->configure('access-file' => 'access', mailbox => "maildir:$dir/mail/%u.d",
        'mailbox-create' => 'yes');
    my $box = "$dir/mail/demo.d";
    my $names = sub { join(' ', sort map { s{^\Q$box\E/}{}r } glob("$box/cur/* $box/new/*")) };
    access_file("demo read-only\n");
    like(try('USER', 'demo', 'secret'), qr/^\+OK logged in, 0/, 'read-only: one that is missing');
    ok(!-e $box, 'is not made');
    maildir($box);
    for (['read-only', 'new/1.M1.x new/2.M2.x'], ['keep', 'cur/1.M1.x:2, new/2.M2.x']) {
        my ($option, $after) = @$_;
        access_file("demo $option\n");
        my $client = $site->session;
        like($client->login('demo', 'secret'), qr/^\+OK logged in, 2/, $option);
        ok(defined $client->ask_multi('RETR 1'), 'RETR');
        like($client->ask('DELE 2'), qr/^-ERR \[SYS\/PERM\]/, 'DELE');
        like($client->ask('QUIT'), qr/^\+OK/, 'QUIT');
        $client->hang_up;
        is($names->(), $after, 'what was fetched has moved with keep alone');
    }
};

subtest 'the delay grows, whichever way' => sub {
    $site->configure('login-delay-failed' => '1s', 'login-tries' => 2);
    my $client = $site->session;
    my $start = time;
    is($way{'CRAM-MD5'}->($client, 'demo', 'wrong'), $wrong, 'one by CRAM-MD5');
    my $first = time - $start;
    is($way{USER}->($client, 'demo', 'wrong'), $wrong, 'one by PASS');
    cmp_ok($first, '>=', 1, 'the first costs a second');
    cmp_ok(time - $start - $first, '>=', 2, 'the second two');
    is($client->to_end, '', 'and the limit is the connection\'s');
    $client->hang_up;
};

subtest 'a passwd-file that is not there' => sub {
    $site->configure(auth => 'passwd-file', 'passwd-file' => 'no-such-file');
    for my $way ('USER', sort keys %clear) {
        $site->log_clear;
        is(try($way, 'demo', 'secret'), '-ERR [SYS/TEMP] logins cannot be checked now', "$way: [SYS/TEMP]");
        ok($site->log_wait(qr/^LOGIN UNCHECKED, user=demo, ip=\[127\.0\.0\.1\], port=\[\d+\], method=$way: passwd-file: /),
            'in the log') or diag($site->log_text);
    }
};

done_testing;
