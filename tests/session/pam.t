#!/usr/bin/perl
# auth = pam in whole sessions, over real stacks of libpam's own modules, in a
# mount namespace with an /etc/pam.d of its own.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Copy qw(cp);
use Test::More;

use Pop3d qw(file_get file_put);
use Pop3d::Corpus;
use Pop3d::Sasl qw(%clear);

my ($three) = Pop3d::Corpus::mailbox('three');
my $wrong = '-ERR [AUTH] wrong name or password';
my $unchecked = '-ERR [SYS/TEMP] logins cannot be checked now';
my $refused = '-ERR [AUTH] this account cannot log in';
my $built = $Pop3d::POP3D =~ s{[^/]*$}{}r;

sub log_has {
    my ($site, $pattern, $what) = @_;
    ok($site->log_wait($pattern), $what) or diag($site->log_text);
    $site->log_clear;
}

subtest 'built without it' => sub {
    plan skip_all => 'an installed pop3d has it' if -e '/usr/local/lib/pop3d/pop3d-pam.so';
    local $Pop3d::POP3D = $Pop3d::POP3D;
    my $site = Pop3d->new(mailbox => $three);
    for my $file (qw(pop3d pop3d-crypt.so pop3d-crypto.so)) {
        cp("$built$file", "$site->{dir}/$file") or die "$file: $!\n";
        chmod(0755, "$site->{dir}/$file");
    }
    $Pop3d::POP3D = "$site->{dir}/pop3d";
    $site->configure(auth => 'pam');
    my ($status, $out) = $site->run($Pop3d::POP3D, '-n', '-C', "$site->{dir}/pop3d.conf");
    isnt($status, 0, '-n: an error');
    like($out, qr/^logins +pop3d-pam\.so cannot be loaded: .*make PAM=1/m, 'that says what to do');
    my $client = $site->session;
    is($client->login, $unchecked, 'nobody logs in');
    $client->hang_up;
    log_has($site, qr/^LOGIN UNCHECKED, .*: pam: pop3d-pam\.so cannot be loaded/, 'the log');
};

Pop3d::can_world() or do {
    plan skip_all => 'needs root: a mount namespace' unless Test::More->builder->current_test;
    SKIP: { skip('needs root: a mount namespace', 1) }
    done_testing;
    exit;
};
-e "${built}pop3d-pam.so" or do {
    SKIP: { skip('pop3d-pam.so is not built', 1) }
    done_testing;
    exit;
};

my $site = Pop3d->new(unix => 1, mailbox => $three, config => {auth => 'pam', 'login-tries' => 10});
my $dir = $site->{dir};
mkdir("$dir/etc/pam.d");
# Who must change the password first: shadow's day 0.
file_put("$dir/etc/passwd", "change:x:60007:${Pop3d::GID}::/nonexistent:/bin/sh\n", '>>:raw');
file_put("$dir/etc/shadow", 'change:' . Pop3d::hash('secret') . ":0:0:99999:7:::\n", '>>:raw');

sub stack {
    file_put("$dir/etc/pam.d/pop3d", join('', map { "$_\n" } @_));
    file_put("$dir/etc/pam.d/other", "auth required pam_deny.so\naccount required pam_deny.so\n");
}

sub try {
    my ($name, $password, $way) = @_;
    my $client = $site->session;
    my $answer = $way ? $clear{$way}->($client, $name, $password) : $client->login($name, $password);
    $client->hang_up;
    return $answer;
}

my @sample = grep { !/^#|^$/ } split(/\n/, file_get("$Pop3d::ROOT/etc/pop3d.pam"));

subtest 'pam_unix, as the sample has it' => sub {
    stack(@sample);
    my $client = $site->session;
    like($client->login('demo', 'secret'), qr/^\+OK .*\b3 messages/, 'in') or diag($site->log_text);
    my ($back) = Pop3d::family($client->{pid});
    like(file_get("/proc/$back/status"), qr/^Uid:\s+$Pop3d::UID\s.*^Groups:\s+(?:60055 $Pop3d::GID|$Pop3d::GID 60055)\s*$/ms,
        'as the user, with his groups');
    unlike(file_get("/proc/$back/maps"), qr/pam/, 'and without libpam');
    $client->ask('QUIT');
    $client->hang_up;
    log_has($site, qr/^LOGIN, user=demo,/, 'the log');
    like(try('demo', 'secret', $_), qr/^\+OK .*\b3 messages/, "AUTH $_") for sort keys %clear;
    is(try('demo', 'wrong'), $wrong, 'a wrong password');
    log_has($site, qr/^LOGIN FAILED, user=demo,/, 'the log');
    is(try('nobody-here', 'secret'), $wrong, 'an unknown user');
    is(try('locked', 'secret'), $wrong, 'a locked account');
    is(try('empty', 'x'), $wrong, 'an account without a password');
    like(try('empty', ''), qr/^-ERR/, 'with none');
    is(try('toor', 'secret'), $wrong, 'uid 0 with the right password');
    is(try('expired', 'secret'), $refused, 'an expired account, with the right one');
    is(try('expired', 'wrong'), $wrong, 'with a wrong one');
    $site->configure(debug => 'yes');
    is(try('change', 'secret'), $refused, 'one who must change it first');
    log_has($site, qr/^login, user=change,.*: pam: account: Authentication token is no longer valid/, 'the log says so');
    is(try('change', 'wrong'), $wrong, 'with a wrong one');
    $site->configure;
};

subtest 'pam_listfile' => sub {
    stack("auth required pam_listfile.so item=user sense=deny file=$dir/etc/deny onerr=fail", @sample);
    file_put("$dir/etc/deny", "plain\n");
    is(try('plain', 'secret'), $wrong, 'who is in it');
    like(try('demo', 'secret'), qr/^\+OK /, 'who is not');
    stack($sample[0], "account required pam_listfile.so item=rhost sense=deny file=$dir/etc/deny onerr=fail");
    file_put("$dir/etc/deny", "192.0.2.1\n");
    like(try('demo', 'secret'), qr/^\+OK /, 'from an address that is not');
    file_put("$dir/etc/deny", "127.0.0.1\n");
    is(try('demo', 'secret'), $refused, 'from the one that is, after the right password');
    is(try('demo', 'wrong'), $wrong, 'after a wrong one');
    stack($sample[0], "account required pam_listfile.so item=tty sense=deny file=$dir/etc/deny onerr=fail");
    file_put("$dir/etc/deny", "pop3d\n");
    is(try('demo', 'secret'), $refused, 'the terminal is "pop3d"');
};

subtest 'what cannot tell, and policy' => sub {
    stack('auth required pam_debug.so auth=authinfo_unavail', $sample[1]);
    is(try('demo', 'secret'), $unchecked, 'a service that is away');
    log_has($site, qr/^LOGIN UNCHECKED, user=demo,.*: pam: Authentication service cannot retrieve/, 'the log');
    stack('auth required pam_there_is_none.so', $sample[1]);
    is(try('demo', 'secret'), $unchecked, 'a module that is not there');
    unlink("$dir/etc/pam.d/pop3d");
    is(try('demo', 'secret'), $wrong, 'no service: other denies');
    stack('auth required pam_permit.so', 'account required pam_deny.so');
    is(try('toor', 'x'), $wrong, 'uid 0 is not told what account management says');
    is(try('demo', 'x'), $refused, 'as others are');
    stack('auth required pam_permit.so', 'account required pam_permit.so');
    is(try('toor', 'x'), $wrong, 'uid 0, whatever a stack says');
    is(try('expired', 'x'), $refused, 'an expired account, whatever a stack says');
    like(try('demo', '', 'PLAIN'), qr/^-ERR/, 'an empty password');
    is(try('nobody-here', 'x'), '-ERR [SYS/PERM] this account cannot log in', 'a user of the stack alone');
    $site->configure('deny-users' => 'demo');
    is(try('demo', 'x'), $refused, 'deny-users');
    $site->configure;
};

done_testing;
