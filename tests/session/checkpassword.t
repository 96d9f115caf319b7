#!/usr/bin/perl
# auth = checkpassword in whole sessions: with a program of our own, and with
# those that Debian has (cvm-checkpassword, checkpw).

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Copy qw(cp);
use POSIX ();
use Test::More;

use Pop3d qw(file_get file_put until_true);
use Pop3d::Corpus;
use Pop3d::Sasl qw(%clear);

my ($three, @messages) = Pop3d::Corpus::mailbox('three');
my $in = qr/^\+OK logged in, 3 messages/;
my $wrong = '-ERR [AUTH] wrong name or password';
my $unchecked = '-ERR [SYS/TEMP] logins cannot be checked now';

# As it is installed: the user must reach what the program runs.
my $bin = File::Temp::tempdir('pop3d-test-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod(0755, $bin);
my $built = $Pop3d::POP3D =~ s{[^/]*$}{}r;
for my $file (qw(pop3d pop3d-account pop3d-crypt.so pop3d-crypto.so)) {
    cp("$built$file", "$bin/$file") or die "$file: $!\n";
    chmod($file eq 'pop3d-account' ? 0711 : 0755, "$bin/$file");
}
$Pop3d::POP3D = "$bin/pop3d";

my $site = Pop3d->new(mailbox => $three, config => {'login-tries' => 10});
my $dir = $site->{dir};

# demo's password is "secret"; others do what they say.
file_put("$dir/check", <<"END");
#!/usr/bin/perl
use POSIX ();
open(my \$in, '<&=', 3) or exit 111;
my (\$name, \$password) = split /\\0/, do { local \$/; <\$in> };
close(\$in);
exit 1 if \$name ne 'demo';
if (\$password =~ /^status (\\d+)\$/) { print STDERR "words\\n"; exit \$1 }
if (\$password eq 'hang') { \$SIG{TERM} = 'IGNORE'; sleep 1 while 1 }
exit 1 if \$password !~ /^(?:secret|home|root|lies)\$/;
if (\$password ne 'root' && !\$>) {
    \$( = $Pop3d::GID; \$) = "$Pop3d::GID 60055 60056"; POSIX::setuid($Pop3d::UID);
}
\$ENV{USER} = \$password eq 'home' ? 'elsewhere' : 'demo';
\$ENV{HOME} = '$dir/mail';
\$ENV{UID} = \$ENV{GID} = 0 if \$password eq 'lies';
exec(\@ARGV);
exit 111;
END
chmod(0755, "$dir/check");
my %method = (auth => 'checkpassword', 'passwd-file' => undef, checkpassword => "$dir/check");
$site->configure(%method);

# A login by USER and PASS, or by AUTH, and the answer.
sub try {
    my ($password, %option) = @_;
    my $client = $site->session(args => $option{args});
    my $way = $option{way};
    my $name = $option{name} // 'demo';
    my $answer = $way ? $clear{$way}->($client, $name, $password) : $client->login($name, $password);
    $client->hang_up;
    return $answer;
}

sub log_has {
    my ($pattern, $what) = @_;
    ok($site->log_wait($pattern), $what) or diag($site->log_text);
    $site->log_clear;
}

subtest 'right and wrong' => sub {
    my $client = $site->session;
    like($client->login, $in, 'in');
    my ($back) = Pop3d::family($client->{pid});
    my $status = file_get("/proc/$back/status");
    if (Pop3d::as_root()) {
        like($status, qr/^Uid:\s+$Pop3d::UID\s+$Pop3d::UID\s+$Pop3d::UID\s/m, 'as who the kernel says it became');
        like($status, qr/^Gid:\s+$Pop3d::GID\s+$Pop3d::GID\s+$Pop3d::GID\s/m, 'with that group');
        like($status, qr/^Groups:\s+(?:$Pop3d::GID )?60055 60056\s*$/m, 'and those');
    }
    $client->ask('QUIT');
    $client->hang_up;
    log_has(qr/^LOGIN, user=demo,/, 'the log');
    like(try('lies'), $in, 'whatever UID and GID say');
    is(try('wrong'), $wrong, 'a wrong password');
    log_has(qr/^LOGIN FAILED, user=demo,.*method=USER/, 'the log');
    is(try('secret', name => 'nobody'), $wrong, 'nobody');
    for my $way (sort keys %clear) {
        like(try('secret', way => $way), $in, "AUTH $way");
        is(try('wrong', way => $way), $wrong, "AUTH $way: wrong");
    }
};

subtest 'no answer is no failure' => sub {
    for my $status (2, 111) {
        $site->log_clear;
        is(try("status $status"), $unchecked, "status $status");
        log_has(qr/^LOGIN UNCHECKED, user=demo,.* checkpassword: status $status: words$/, 'the log');
    }
    is(try('status 0'), $unchecked, 'a program that runs nothing');
    log_has(qr/^LOGIN UNCHECKED, .*: status 0, but its program was not run: words$/, 'the log');
    $site->configure(%method, checkpassword => "$dir/none");
    is(try('secret'), $unchecked, 'no program');
    log_has(qr/^LOGIN UNCHECKED, .*: checkpassword: \Q$dir\E\/none: No such file/, 'the log');
    my ($status, $out) = $site->run($Pop3d::POP3D, '-n', '-C', "$dir/pop3d.conf");
    isnt($status, 0, '-n: an error');
    like($out, qr/^logins .*\/none: No such file/m, 'that says so');
    $site->configure(%method);
    ($status, $out) = $site->run($Pop3d::POP3D, '-n', '-C', "$dir/pop3d.conf");
    is($status, 0, '-n: good');
    like($out, qr/^logins +\Q$dir\E\/check$/m, 'that names it');
};

subtest 'policy and the mailbox\'s path' => sub {
    $site->configure(%method, 'deny-users' => 'demo');
    is(try('secret'), '-ERR [AUTH] this account cannot log in', 'who is denied, with the right password');
    is(try('wrong'), $wrong, 'with a wrong one');
    like(try('home'), qr/^\+OK logged in, 0 messages/, 'the name is USER');
    $site->configure(%method, mailbox => 'mbox:~/demo');
    like(try('home'), $in, 'the home is HOME');
    $site->configure(%method);
    is(try('root'), Pop3d::as_root() ? $wrong : '+OK logged in, 3 messages ('
        . Pop3d::Corpus::octets(@messages) . ' octets)', 'who stays who we are');
};

# Who runs the program, of all processes.
sub running { grep { (file_get("$_/cmdline") // '') =~ m{^/usr/bin/perl\0\Q$dir\E/check\0} } glob '/proc/[0-9]*' }

subtest 'one that hangs' => sub {
    my $client = $site->session(args => ['-o', 'login-timeout=2s']);
    $client->ask('USER demo');
    $client->put("PASS hang\r\n");
    ok(until_true(\&running), 'it runs');
    like($client->to_end // '(no end)', qr/\A(?:\Q$unchecked\E\r\n)?\z/, 'the session ends, with the login\'s time');
    ok(until_true(sub { !running() }), 'and so does it');
    $client->hang_up;
    log_has(qr/^LOGIN UNCHECKED, .*: no end before the login's: killed$/, 'the log');
};

for my $whom ('back', 'verifier') {
    subtest "the $whom is killed meanwhile" => sub {
        my $client = $site->session(args => ['-o', 'login-timeout=3s']);
        $client->ask('USER demo');
        $client->put("PASS hang\r\n");
        my ($program) = until_true(sub { (running())[0] });
        ok($program, 'it runs');
        my ($verifier) = (file_get("$program/stat") // '') =~ /\) \S (\d+)/;
        kill('KILL', $whom eq 'back' ? $client->{pid} : $verifier);
        ok(until_true(sub { !running() }), 'it ends nevertheless');
        is($client->line // '', $unchecked, 'the client is told') if $whom eq 'verifier';
        $client->hang_up;
    };
}

subtest 'nobody looks into the helper' => sub {
    plan skip_all => 'needs root: another user' unless Pop3d::as_root();
    socketpair(my $near, my $far, Socket::AF_UNIX(), Socket::SOCK_SEQPACKET(), 0) or die "socketpair: $!\n";
    $far->blocking(0);
    1 while defined syswrite($far, 'x' x 1000);
    $far->blocking(1);
    my $as = sub {
        my $pid = fork // die "fork: $!\n";
        return $pid if $pid;
        $( = $Pop3d::GID; $) = "$Pop3d::GID $Pop3d::GID"; POSIX::setuid($Pop3d::UID);
        $_[0]->();
        POSIX::_exit(127);
    };
    my $helper = $as->(sub { POSIX::dup2(fileno($far), 4); exec("$bin/pop3d-account") });
    my $other = $as->(sub { exec('sleep', '60') });
    for my $pid ($helper, $other) {
        until_true(sub { (readlink("/proc/$pid/exe") // '') !~ /perl/ });
        my $look = $as->(sub { POSIX::_exit(defined readlink("/proc/$pid/exe") ? 0 : 1) });
        waitpid($look, 0);
        is($? >> 8, $pid == $helper ? 1 : 0, $pid == $helper ? 'not the user himself' : 'who sees others of his');
        kill('KILL', $pid);
        waitpid($pid, 0);
    }
};

subtest 'programs of others' => sub {
    plan skip_all => 'needs root: a mount namespace' unless Pop3d::can_world();
    $site = Pop3d->new(unix => 1, mailbox => $three);
    my $home = "$site->{dir}/home";
    mkdir($_) for $home, "$home/Maildir";
    file_put("$home/Maildir/.password", "their own\n");
    chmod(0600, "$home/Maildir/.password");
    chown($Pop3d::UID, $Pop3d::GID, $home, "$home/Maildir", "$home/Maildir/.password");
    my $passwd = file_get("$site->{dir}/etc/passwd");
    # It enters the home.
    $passwd =~ s{^(demo:.*):/nonexistent:}{$1:$home:}m;
    $passwd =~ s{:/nonexistent:/bin/sh$}{:/:/bin/sh}mg;
    file_put("$site->{dir}/etc/passwd", $passwd);

    my ($cvm, $unix) = map { Pop3d::program($_) } 'cvm-checkpassword', 'cvm-unix';
    $site->configure(auth => 'checkpassword', checkpassword => "$cvm $unix");
    my $client = $site->session;
    like($client->login('demo', 'secret'), $in, 'cvm-checkpassword: in') or diag($site->log_text);
    my ($back) = Pop3d::family($client->{pid});
    # It leaves the user none of his groups, and so do we.
    like(file_get("/proc/$back/status"), qr/^Uid:\s+$Pop3d::UID\s.*^Gid:\s+$Pop3d::GID\s.*^Groups:\s*$/ms,
        'as whom it became');
    $client->ask('QUIT');
    $client->hang_up;
    is(try('wrong'), $wrong, 'a wrong password');
    is(try('secret', name => 'nobody-here'), $wrong, 'an unknown user');
    is(try('secret', name => 'toor'), $wrong, 'uid 0 with the right one');
    is(try('secret', name => 'expired'), '-ERR [AUTH] this account cannot log in', 'an expired account');

    $site->configure(auth => 'checkpassword', checkpassword => Pop3d::program('checkpw'));
    like(try('their own'), $in, 'checkpw: in') or diag($site->log_text);
    is(try('secret'), $wrong, 'a wrong password');
    is(try('their own', name => 'nobody-here'), $unchecked, 'an unknown user, of whom it says 111');
};

done_testing;
