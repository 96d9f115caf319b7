#!/usr/bin/perl
# The log lines, which are an interface; and fail2ban and logwatch reading
# those of real sessions.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use POSIX ();
use Test::More;

use Pop3d;
use Pop3d::Corpus;

my ($three, @messages) = Pop3d::Corpus::mailbox('three');
my $octets = Pop3d::Corpus::octets(@messages);
my @size = map { length Pop3d::Corpus::wire($_) } @messages;
my $site = Pop3d->new(mailbox => $three);

# As root through a real inetd and a real syslog socket; else the lines that
# go to standard error.
my $through_inetd = Pop3d::can_world();
my %sessions;
sub session {
    my (@args) = @_;
    $site->mailbox($three);
    if (!$through_inetd) { return $site->session(args => \@args) }
    $site->stop;
    $site->inetd(@args);
    return $site->connect;
}

sub finished {
    my ($client) = @_;
    $client->{pid} ? $client->hang_up : close($client->{socket});
}

my $where = qr/ip=\[127\.0\.0\.1\], port=\[(\d+)\]/;

subtest 'a session to QUIT' => sub {
    my $client = session('-s');
    my $port = $client->port;
    $client->login;
    ok($site->log_wait(qr/^LOGIN, user=demo, ip=\[127\.0\.0\.1\], port=\[$port\]$/), 'LOGIN')
        or diag($site->log_text);
    $client->ask_multi('RETR 1');
    $client->ask_multi('RETR 3');
    $client->ask_multi('TOP 2 0');
    $client->ask('DELE 2');
    $client->ask('QUIT');
    $client->to_end;
    my @found = $site->log_wait(
        qr/^LOGOUT, user=demo, ip=\[127\.0\.0\.1\], port=\[$port\], top=(\d+), retr=(\d+), rcvd=(\d+), sent=(\d+), time=(\d+)$/);
    ok(@found, 'LOGOUT') or diag($site->log_text);
    my $top = length Pop3d::Corpus::top($messages[1], 0);
    is($found[0], $top, 'top= counts the octets of TOP');
    is($found[1], $size[0] + $size[2], 'retr= counts the octets of RETR');
    is($found[2], length("USER demo\r\nPASS secret\r\nRETR 1\r\nRETR 3\r\nTOP 2 0\r\nDELE 2\r\nQUIT\r\n"),
        'rcvd= counts what came in');
    cmp_ok($found[3], '>=', $top + $size[0] + $size[2], 'sent= counts what went out');
    cmp_ok($found[4], '<', 20, 'time= counts seconds');
    ok($site->log_wait(qr/^Stats: demo 1 $size[1] 2 ${\($size[0] + $size[2])}$/), 'Stats:')
        or diag($site->log_text);
    finished($client);
};

subtest 'no Stats: without -s' => sub {
    $site->log_clear;
    my $client = session();
    $client->login;
    $client->ask('QUIT');
    $client->to_end;
    $site->log_wait(qr/^LOGOUT/);
    is(scalar(grep { /^Stats:/ } $site->log_lines), 0, 'none');
    finished($client);
};

subtest 'a session that is dropped' => sub {
    my $client = session();
    my $port = $client->port;
    $client->login;
    $client->ask('DELE 1');
    finished($client);
    ok($site->log_wait(qr/^DISCONNECTED, user=demo, ip=\[127\.0\.0\.1\], port=\[$port\], top=0, retr=0, rcvd=\d+, sent=\d+, time=\d+$/),
        'DISCONNECTED') or diag($site->log_text);
};

subtest 'a session that is idle' => sub {
    my $client = session('-T', '1');
    my $port = $client->port;
    $client->login;
    $client->to_end;
    ok($site->log_wait(qr/^TIMEOUT, user=demo, ip=\[127\.0\.0\.1\], port=\[$port\], top=0, retr=0, rcvd=\d+, sent=\d+, time=\d+$/),
        'TIMEOUT') or diag($site->log_text);
    finished($client);
};

subtest 'a wrong password' => sub {
    my $client = session();
    my $port = $client->port;
    $client->login('demo', 'wrong-and-private');
    ok($site->log_wait(qr/^LOGIN FAILED, user=demo, ip=\[127\.0\.0\.1\], port=\[$port\], method=USER$/), 'LOGIN FAILED')
        or diag($site->log_text);
    finished($client);
    unlike($site->log_text, qr/wrong-and-private/, 'the password is not in the log');
};

subtest 'debugging tells no secret' => sub {
    $site->log_clear;
    my $client = session('-d');
    $client->login('demo', 'mistyped-and-private');
    $client->login('demo', 'secret');
    $client->ask('QUIT');
    $client->to_end;
    $site->log_wait(qr/^LOGOUT/);
    unlike($site->log_text, qr/mistyped-and-private|PASS secret|\$6\$/, 'neither password nor hash');
    finished($client);
};

subtest 'a trace tells no secret' => sub {
    my $trace = "$site->{dir}/trace-file";
    my $client = session('-t', $trace);
    $client->ask('USER secret-as-a-name');
    $client->ask('PASS mistyped-and-private');
    $client->login('demo', 'secret');
    $client->ask_multi('RETR 1');
    $client->ask('LIST 2');
    $client->ask('QUIT');
    $client->to_end;
    finished($client);
    my $text = Pop3d::until_true(sub { my $t = Pop3d::file_get($trace) // ''; $t =~ /QUIT/ && $t }) // '';
    unlike($text, qr/secret-as-a-name|mistyped|PASS secret|Body of/, 'no arguments before the login, no mail');
    like($text, qr/LIST 2/, 'arguments after the login');
    is((stat $trace)[2] & 07777, 0600, 'mode 0600');
    is((stat _)[4], $>, 'of whoever opened it');
};

my @hostile = ('x, ip=[1.2.3.4]', 'x], ip=[1.2.3.5', 'a%n%s%x', "esc\x1b[2J", "8bit\xff\xfe",
    'LOGIN FAILED, user=y, ip=[1.2.3.6], port=[1]', 'x' x 200 . ', ip=[1.2.3.7]', 'nl%0ALOGIN FAILED, user=z, ip=[1.2.3.8]',
    '"quoted" \'name\'', "tab\tname");
my $attempts = 0;

subtest 'hostile names' => sub {
    for my $name (@hostile) {
        my $before = grep { /^LOGIN FAILED/ } $site->log_lines;
        my $client = session();
        my $port = $client->port;
        my $answer = $client->login($name, 'x');
        like($answer, qr/^-ERR/, 'refused');
        if ($answer =~ /\[AUTH\]/) {
            $attempts++;
            my ($shown) = $site->log_wait(qr/^LOGIN FAILED, user=(.*), ip=\[127\.0\.0\.1\], port=\[$port\], method=USER$/);
            ok(defined $shown, 'logged in one line') or diag($site->log_text);
            like($shown // '', qr/^[A-Za-z0-9\-_.@+%]*$/, 'with harmless octets');
            unlike($shown // '', qr/[,=\[\]]/, 'no field of its own');
        }
        finished($client);
    }
    cmp_ok($attempts, '>=', 6, 'most of them were tried as names');
    unlike($site->log_text, qr/[^\x20-\x7e\n]/, 'no line has anything but printable octets');
};

# All that the sessions above and those below have logged, as syslog has it.
sub syslog_file {
    my $path = "$site->{dir}/mail.log";
    my $stamp = POSIX::strftime('%b %e %H:%M:%S', localtime);
    Pop3d::file_put($path, join('', map { "$stamp mailhost $_\n" }
        grep { /^pop3d\[/ } split /\n/, $site->log_text));
    chmod(0644, $path);
    return $path;
}

$site->log_clear;
for my $try (1 .. 3) {
    my $client = session('-s');
    $client->login('demo', 'wrong');
    $client->login('demo', 'secret');
    $client->ask_multi('RETR 1');
    $client->ask('DELE 1');
    $client->ask('QUIT');
    $client->to_end;
    finished($client);
}
for my $name (@hostile[0, 2, 5, 7]) {
    my $client = session();
    $client->login($name, 'x');
    finished($client);
}
{
    # "x, ip=[1.2.3.9], method=y" by AUTH PLAIN
    my $client = session();
    $client->ask('AUTH PLAIN AHgsIGlwPVsxLjIuMy45XSwgbWV0aG9kPXkAeA==');
    finished($client);
}
{
    my $client = session('-T', '1');
    $client->login;
    $client->to_end;
    finished($client);
    $client = session();
    $client->login;
    finished($client);
}
$site->log_wait(qr/^DISCONNECTED/);
my $log = syslog_file();

subtest 'fail2ban, with its stock filter courier-auth' => sub {
    my $regex = Pop3d::program('fail2ban-regex') // BAIL_OUT('no fail2ban-regex: see tests/need');
    my ($status, $out) = $site->run($regex, $log, '/etc/fail2ban/filter.d/courier-auth.conf');
    is($status, 0, 'it runs') or diag($out);
    my ($lines, $matched) = $out =~ /^Lines: (\d+) lines, \d+ ignored, (\d+) matched/m;
    my $failed = () = Pop3d::file_get($log) =~ /: LOGIN FAILED/g;
    is($failed, 8, 'eight failures in the log') or diag(Pop3d::file_get($log));
    is($matched, $failed, 'it matches every failed login, and nothing else') or diag($out);
    ($status, $out) = $site->run($regex, '-o', 'ip', $log, '/etc/fail2ban/filter.d/courier-auth.conf');
    my %addresses = map { $_ => 1 } grep { /\S/ } split /\n/, $out;
    is(join(' ', sort keys %addresses), '127.0.0.1', 'no name has brought in another address') or diag($out);
};

subtest 'logwatch, with its stock service pop3' => sub {
    my $logwatch = '/usr/share/logwatch';
    -d $logwatch or BAIL_OUT('no logwatch: see tests/need');
    my $out;
    if (Pop3d::as_root()) {
        (my $status, $out) = $site->run(Pop3d::program('logwatch'), '--logdir', $site->{dir},
            '--service', 'pop3', '--range', 'all', '--detail', '10', '--output', 'stdout', '--format', 'text');
        is($status, 0, 'it runs') or diag($out);
    }
    else {
        # logwatch itself wants /var/cache/logwatch; its own parts do not.
        $out = `LOGWATCH_DETAIL_LEVEL=10 LOGWATCH_DEBUG=0 sh -c 'perl $logwatch/scripts/shared/onlyservice "(pop3d-ssl|pop3d|spop3d|tpop3d)" < $log | perl $logwatch/scripts/shared/removeheaders | perl $logwatch/scripts/services/pop3' 2>&1`;
        is($?, 0, 'its parts run') or diag($out);
    }
    unlike($out, qr/Unmatched/i, 'it knows every line') or diag($out);
    like($out, qr/demo/, 'it names the user');
    unlike($out, qr/^\s*1\.2\.3\.\d|From 1\.2\.3/m, 'no name has brought in an address');
    like($out, qr/127\.0\.0\.1 \(demo\) \|\s+3$/m, 'it counts the failures') or diag($out);
    like($out, qr/User demo:\s+From 127\.0\.0\.1: 5 Time/, 'it counts the logins') or diag($out);
};

done_testing;
