#!/usr/bin/perl
# Options and pop3d.conf: right, wrong, and what the administrator and the
# client are told.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Pop3d;
use Pop3d::Corpus;

my ($three) = Pop3d::Corpus::mailbox('three');
my $site = Pop3d->new(mailbox => $three);
my $conf = "$site->{dir}/pop3d.conf";
my $good = Pop3d::file_get($conf);

sub conf { Pop3d::file_put($conf, join('', @_)) }
sub lines { my $count = () = $_[0] =~ /\n/g; return $count }

subtest '-V' => sub {
    my ($status, $out) = $site->run($Pop3d::POP3D, '-V');
    is($status, 0, 'status 0');
    like($out, qr/^pop3d.*\d+\.\d+/, 'name and version');
};

subtest '-n with a good configuration' => sub {
    my ($status, $out) = $site->run($Pop3d::POP3D, '-n', '-C', $conf);
    is($status, 0, 'status 0') or diag($out);
    like($out, qr/\S/, 'it says what holds');
    like($out, qr/privilege|promise|root|uid/i, 'and what does not, without root') unless Pop3d::as_root();
};

my %bad = (
    'an unknown name' => "mailbocks = mbox:/tmp/x\n",
    'no value' => "timeout\n",
    'a value that is no time' => "timeout = 3 weeks\n",
    'a value that is no number' => "login-tries = three\n",
    'a negative number' => "login-tries = -1\n",
    'a number that is too large' => "minimum-uid = 99999999999999999999\n",
    'a word that is not one of them' => "plaintext = sometimes\n",
    'an unknown method' => "auth = unix telepathy\n",
    'an unknown lock' => "locks = fcntl prayer\n",
    'a mailbox of an unknown kind' => "mailbox = mh:/tmp/x\n",
    'a NUL' => "greeting = a\0b\n",
);
for my $what (sort keys %bad) {
    subtest "$what" => sub {
        conf($good, "# a comment\n\n", $bad{$what});
        my $where = lines($good) + 3 . ":";
        my ($status, $out) = $site->run($Pop3d::POP3D, '-n', '-C', $conf);
        isnt($status, 0, '-n: an error');
        like($out, qr/\Q$conf\E:$where /, '-n: file and line') or diag($out);
        $site->log_clear;
        my $client = $site->session(greeting => 0);
        my $all = $client->to_end // '(no end)';
        like($all, qr/\A-ERR \[SYS\/PERM\][^\r\n]*\r\n\z/, 'the client gets -ERR [SYS/PERM], no more');
        unlike($all, qr/\Q$site->{dir}\E/, 'and no path');
        ok($site->log_wait(qr/\Q$conf\E:$where /, 5), 'the log has file and line') or diag($site->log_text);
        $client->hang_up;
    };
}
conf($good);

subtest 'a file that is not there' => sub {
    my ($status, $out) = $site->run($Pop3d::POP3D, '-n', '-C', "$site->{dir}/none");
    isnt($status, 0, 'an error');
    like($out, qr/\Q$site->{dir}\E\/none: No such file/, 'with its name');
};

subtest 'a file that may not be read' => sub {
    plan skip_all => 'root may read everything' if Pop3d::as_root();
    chmod(0, $conf);
    my $client = $site->session(greeting => 0);
    like($client->to_end // '', qr/\A-ERR \[SYS\/PERM\][^\r\n]*\r\n\z/, 'the client gets -ERR [SYS/PERM]');
    ok($site->log_wait(qr/\Q$conf\E: Permission denied/, 5), 'the log says why');
    $client->hang_up;
    chmod(0644, $conf);
};

subtest 'a folder' => sub {
    my ($status, $out) = $site->run($Pop3d::POP3D, '-n', '-C', $site->{dir});
    isnt($status, 0, 'an error');
    like($out, qr/\Q$site->{dir}\E: /, 'with its name');
};

subtest 'the error goes to the log, not to the connection, where stderr is that' => sub {
    conf($good, "nonsense = 1\n");
    my $client = $site->session(greeting => 0, err => 'connection');
    like($client->to_end // '', qr/\A-ERR \[SYS\/PERM\][^\r\n]*\r\n\z/, 'one line for the client');
    $client->hang_up;
    conf($good);
};

subtest 'comments, blanks and an unended last line' => sub {
    conf("\n   # comment\n\t\n", $good =~ s/ = /   =  /gr, '  greeting   =   of the last line  ');
    my $client = $site->session;
    like($client->{banner}, qr/of the last line$/, 'are read');
    $client->hang_up;
    conf($good);
};

subtest '-o' => sub {
    my $client = $site->session(args => ['-o', 'greeting=from the command line']);
    like($client->{banner}, qr/from the command line/, 'sets a name, after the file');
    $client->hang_up;
    $client = $site->session(args => ['-o', 'greeting = with blanks']);
    like($client->{banner}, qr/with blanks/, 'with blanks around the sign');
    $client->hang_up;
    for my $bad ('greeting', 'no-such-name=1', 'timeout=soon', '=x', '') {
        my ($status, $out) = $site->run($Pop3d::POP3D, '-n', '-C', $conf, '-o', $bad);
        isnt($status, 0, "'$bad' is an error");
        like($out, qr/\S/, 'with a word about it');
    }
};

subtest 'unknown options, and arguments' => sub {
    for my $bad (['-Z'], ['-T'], ['-T', 'soon'], ['argument'], ['--no-such-option']) {
        my ($status, $out) = $site->run($Pop3d::POP3D, '-n', '-C', $conf, @$bad);
        isnt($status, 0, "'@$bad' is an error");
        like($out, qr/\S/, 'with a word about it');
    }
    my $client = $site->session(args => ['-Z'], greeting => 0);
    like($client->to_end // '', qr/\A-ERR \[SYS\/PERM\][^\r\n]*\r\n\z/, 'a client gets -ERR [SYS/PERM]');
    $client->hang_up;
};

subtest 'the greeting' => sub {
    $site->configure(greeting => undef);
    my $client = $site->session;
    like($client->{banner}, qr/^\+OK POP3 server at \S+ ready$/, 'by default');
    unlike($client->{banner}, qr/</, 'without a timestamp: there is no APOP');
    $client->hang_up;
    $site->configure;
};

subtest 'a passwd-file that is not there is no reason to let anybody in' => sub {
    $site->configure('passwd-file' => 'none');
    my $client = $site->session;
    like($client->login, qr/^-ERR \[SYS\/(?:TEMP|PERM)\]/, 'refused, and not for the password');
    $client->hang_up;
    $site->configure;
};

subtest 'no environment variable changes anything' => sub {
    local %ENV = (%ENV, POP3D_CONFIG => '/nonexistent', POP3D_DEBUG => 1, MAIL => '/etc/passwd',
        HOME => '/nonexistent', USER => 'root', LOGNAME => 'root', TZ => ':/etc/passwd',
        LANG => 'tr_TR.UTF-8', LC_ALL => 'tr_TR.UTF-8', MALLOC_CHECK_ => 3, IFS => '/',
        TMPDIR => '/nonexistent', GCONV_PATH => '/tmp', OPENSSL_CONF => '/nonexistent');
    my $client = $site->session;
    like($client->login, qr/^\+OK .*\b3 messages/, 'a login');
    my @pids = Pop3d::family($client->{pid});
    for my $pid (@pids) {
        my $environ = Pop3d::file_get("/proc/$pid/environ");
        next unless defined $environ && Pop3d::as_root();
        ok(1, 'looked at');
    }
    like($client->ask('quit'), qr/^\+OK/, 'and a farewell in any locale');
    $client->hang_up;
};

done_testing;
