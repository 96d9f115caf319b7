#!/usr/bin/perl
# TLS: from the first octet and by STLS, from inetd and by -D; who is refused,
# what the log says, and in which processes a private key is.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::INET;
use Test::More;

use Pop3d;
use Pop3d::Corpus;
use Pop3d::Tls qw(certificate holds s_client secrets tls_client);

my $root = Pop3d::as_root();
my ($three) = Pop3d::Corpus::mailbox('three');
my $session = "USER demo\nPASS secret\nSTAT\nQUIT\n";
my $log_tls = qr/tls=(TLSv1\.[23]), cipher=([A-Z0-9_-]+)/;

sub site {
    my (%config) = @_;
    my $site = Pop3d->new(mailbox => $three);
    certificate($site->{dir}, 'rsa', 'rsa');
    certificate($site->{dir}, 'ec', 'ec');
    $site->{config} = {'tls-certificate' => 'rsa.crt, ec.crt',
        'tls-key' => 'rsa.key ec.key', %config};
    $site->configure;
    return $site;
}

# -F with both kinds of ports; the one for TLS is in tls.
sub both_start {
    my ($site, @args) = @_;
    $site->{tls} = Pop3d::free_port();
    $site->standalone('-o', "listen-tls=127.0.0.1:$site->{tls}", @args);
}

# A connection without TLS to this port: what came.
sub raw {
    my ($port, $octets) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port)
        or die "connect: $!\n";
    my $client = Pop3d::Client->new(socket => $socket);
    $client->put($octets) if length $octets;
    shutdown($socket, 1);
    while ($client->fill(20)) { }
    return $client->{buffer};
}

sub kinds {
    my ($site, $what, $port, @more) = @_;
    for my $version ('-tls1_3', '-tls1_2') {
        for my $kind (['ECDSA', 'ECDSA+SHA256'],
                ['RSA', $version eq '-tls1_3' ? 'rsa_pss_rsae_sha256' : 'RSA+SHA256']) {
            my $out = s_client($site, $port, $session, $version,
                '-sigalgs', $kind->[1], @more);
            like($out, qr/\+OK 3 \d+\r?\n\+OK 0 removed/, "$what, $version, $kind->[0]: a session")
                or diag($out);
            like($out, qr/Peer signature type: $kind->[0]|Peer signature type: RSA-PSS/, "$what, $version: $kind->[0]");
        }
    }
}

my $site = site();
both_start($site);
subtest 'the standing server' => sub {
    kinds($site, 'listen-tls', $site->{tls});
    kinds($site, 'STLS', $site->{port}, '-starttls', 'pop3');
    my @found = $site->log_wait(qr/LOGIN, user=demo, ip=\[127\.0\.0\.1\], port=\[\d+\], $log_tls$/);
    is($found[0], 'TLSv1.3', 'LOGIN says which protocol');
    ok(scalar $site->log_wait(qr/LOGOUT, .*, time=\d+, $log_tls$/), 'so does LOGOUT');
    for my $group (qw(X25519 P-256 P-384 P-521)) {
        like(s_client($site, $site->{tls}, "QUIT\n", '-groups', $group), qr/\+OK bye/, "group $group");
    }
    for my $cipher (qw(ECDHE-RSA-CHACHA20-POLY1305 ECDHE-ECDSA-AES256-GCM-SHA384)) {
        like(s_client($site, $site->{tls}, "QUIT\n", '-tls1_2', '-cipher', $cipher), qr/\+OK bye/, $cipher);
    }
};

subtest 'what is refused' => sub {
    my @refused = (
        ['TLS 1.1', qr/the client has neither TLS 1\.2 nor 1\.3/, '-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'],
        ['no forward secrecy', qr/no cipher in common/, '-tls1_2', '-cipher', 'AES128-GCM-SHA256'],
        ['CBC', qr/no cipher in common/, '-tls1_2', '-cipher', 'ECDHE-RSA-AES128-SHA'],
        ['a group that is none of ours', qr/no group in common/, '-tls1_3', '-groups', 'X448'],
        ['another protocol', qr/another protocol than pop3/, '-alpn', 'http/1.1,h2'],
    );
    for my $case (@refused) {
        my ($what, $reason, @option) = @$case;
        $site->log_clear;
        my $out = s_client($site, $site->{tls}, "QUIT\n", @option);
        unlike($out, qr/\+OK/, "$what: no session");
        like($out, qr/no application protocol/, "$what: the alert") if $what eq 'another protocol';
        ok(scalar $site->log_wait(qr/TLS FAILED, ip=\[127\.0\.0\.1\], port=\[\d+\](, tls=\S+)?: .*$reason/),
            "$what: the log says so");
    }
    like(s_client($site, $site->{tls}, "QUIT\n", '-alpn', 'h2,pop3'), qr/ALPN protocol: pop3/, 'pop3 among others');
    my $out = s_client($site, $site->{tls}, "QUIT\n", '-tls1_2');
    unlike($out, qr/Compression: zlib/, 'no compression');
    unlike($out, qr/Secure Renegotiation IS NOT/, 'the client knows that it cannot be made to renegotiate');
};

subtest 'what is not TLS' => sub {
    for my $case (['HTTP', "GET / HTTP/1.0\r\n\r\n", qr/HTTP was spoken/],
            ['POP3', "USER demo\r\nPASS secret\r\n", qr/not TLS/],
            ['noise', "\x80\x00\xff" x 100, qr/TLS FAILED/],
            ['a record that ends early', "\x16\x03\x01\x02\x00\x01", qr/the client went away/]) {
        my ($what, $octets, $reason) = @$case;
        $site->log_clear;
        my $came = raw($site->{tls}, $octets);
        # An alert's record, or nothing.
        like($came, qr/^(\x15\x03.\x00\x02..)?\z/s, "$what: no octet that is not TLS");
        ok(scalar $site->log_wait($reason), "$what: in the log") or diag($site->log_text);
    }
    $site->log_clear;
    is(raw($site->{tls}, ''), '', 'who only connects: nothing');
    unlike($site->log_text, qr/TLS FAILED/, 'and no line for it');
};

subtest 'broken off at each octet of a flight' => sub {
    my $near = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1);
    my $pid = $site->spawn(['openssl', 's_client', '-connect', '127.0.0.1:' . $near->sockport], world => 0);
    my $client = $near->accept;
    sysread($client, my $hello, 4096);
    $site->end($pid, 'KILL');
    my $bad = 0;
    for my $length (1, 4, 5, 6, 43, int(length($hello) / 2), length($hello) - 1, length($hello)) {
        my $came = raw($site->{tls}, substr($hello, 0, $length));
        $bad++ if $length < length $hello ? length $came : $came !~ /^\x16\x03/;
    }
    is($bad, 0, 'nothing before the hello is whole');
    $site->log_clear;
    raw($site->{tls}, $hello . "\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x20" . 'x' x 32);
    ok(scalar $site->log_wait(qr/TLS FAILED.*tls=TLSv1\.3: /), 'a second flight that is wrong');
    like(s_client($site, $site->{tls}, $session), qr/\+OK 3 /, 'the next one is served');
    unlike($site->log_text, qr/signer has ended|front died/, 'signer and fronts are well');
};

subtest 'STLS' => sub {
    my $client = $site->connect;
    like($client->ask_multi('CAPA'), qr/^STLS\r?$/m, 'CAPA has it');
    $client->ask("USER demo");
    is($client->ask('STLS'), "+OK begin TLS", 'STLS');
    IO::Socket::SSL->start_SSL($client->{socket}, SSL_verify_mode => 0) or die "no TLS\n";
    my $capa = $client->ask_multi('CAPA');
    unlike($capa, qr/STLS/, 'CAPA has it no more');
    like($client->ask('STLS'), qr/^-ERR TLS is on/, 'STLS is refused');
    like($client->ask('PASS secret'), qr/^-ERR first the name/, 'the name is forgotten');
    $client->ask('USER demo');
    like($client->ask('PASS secret'), qr/^\+OK/, 'a login');
    unlike($client->ask_multi('CAPA'), qr/STLS/, 'nor is it in TRANSACTION');
    like($client->ask('STLS'), qr/^-ERR/, 'where it is refused');
    $client->ask('QUIT');

    $client = $site->connect;
    $client->ask('USER demo');
    $client->ask('PASS secret');
    unlike($client->ask_multi('CAPA'), qr/STLS/, 'in clear, TRANSACTION: not in CAPA');
    like($client->ask('STLS'), qr/^-ERR/, 'refused');
    $client->ask('QUIT');
} if eval { require IO::Socket::SSL };

subtest 'commands behind STLS' => sub {
    for my $behind ("USER demo\r\nPASS secret\r\n", "X", "\r\n", "\x16\x03\x01") {
        $site->log_clear;
        my $client = $site->connect;
        $client->put("STLS\r\n$behind");
        while ($client->fill(20)) { }
        is($client->{buffer}, "-ERR commands behind STLS\r\n", 'the session ends');
        ok(scalar $site->log_wait(qr/commands behind STLS.*ip=\[127/), 'the log says why');
    }
    $site->log_clear;
    my $client = $site->connect;
    is($client->ask('STLS'), "+OK begin TLS", 'in clear behind the answer');
    $client->put("USER demo\r\nPASS secret\r\n");
    while ($client->fill(20)) { }
    unlike($client->{buffer}, qr/OK|ERR/, 'no answer to it');
    ok(scalar $site->log_wait(qr/TLS FAILED.*not TLS/), 'a handshake that failed');
};

subtest 'failures are counted over STLS' => sub {
    my $client = $site->connect;
    for (1, 2) { $client->ask('USER demo'); $client->ask('PASS wrong') }
    $client->ask('STLS');
    IO::Socket::SSL->start_SSL($client->{socket}, SSL_verify_mode => 0) or die "no TLS\n";
    $client->ask('USER demo');
    like($client->ask('PASS wrong'), qr/^-ERR/, 'the third');
    ok(!$client->fill(20), 'is the last');
    $client = $site->connect;
    $client->ask('BAD') for 1 .. 6;
    $client->ask('STLS');
    IO::Socket::SSL->start_SSL($client->{socket}, SSL_verify_mode => 0) or die "no TLS\n";
    $client->ask('BAD') for 1 .. 3;
    like($client->ask('BAD'), qr/one too many/, 'nonsense, too');
} if eval { require IO::Socket::SSL };

SKIP: {
    skip('needs root: the memory of processes', 1) if !$root;
    subtest 'where the key is' => sub {
        my @secrets = map { secrets("$site->{dir}/$_.key") } qw(rsa ec);
        is(scalar @secrets, 6, 'two primes and a scalar, in two orders');
        my $client = tls_client($site, $site->{tls});
        $client->ask('USER demo');
        my $listener = $site->{server};
        my %holds = map { $_ => holds($_, @secrets) } Pop3d::family($listener);
        my @yes = grep { $holds{$_} eq 'yes' } keys %holds;
        is(scalar(keys %holds), 4, 'listener, signer, back, front');
        is(scalar @yes, 1, 'one process has it') or diag(explain(\%holds));
        is(join(' ', sort grep { $holds{$_} ne 'yes' && $holds{$_} ne 'no' } keys %holds), '', 'all could be looked at');
        is($holds{$listener}, 'no', 'it is not the listener');
        my $status = Pop3d::file_get("/proc/$yes[0]/status");
        like($status, qr/^Seccomp:\s*2$/m, 'it has a list of system calls');
        like($status, qr/^NoNewPrivs:\s*1$/m, 'no new privileges');
        like($status, qr/^CapEff:\s*0+$/m, 'no capability');
        unlike($status, qr/^Uid:\s*0/m, 'is not root');
        isnt(readlink("/proc/$yes[0]/root"), '/', 'has an empty root folder');
        kill('KILL', $yes[0]);
        ok(scalar $site->log_wait(qr/the signer has ended: another one is started/), 'killed, another is started');
        $client->ask('PASS secret');
        like($client->ask('QUIT'), qr/^\+OK/, 'the session did not need it');
        Pop3d::until_true(sub { s_client($site, $site->{tls}, $session) =~ /\+OK 3 / });
        like(s_client($site, $site->{tls}, $session), qr/\+OK 3 /, 'and the next has the other');
    };
}

# Whoever sees the port may send one: we look without a pause.
subtest 'SIGHUP to one that just began to listen' => sub {
    my $other = Pop3d->new;
    my $bad = 0;
    for (1 .. 20) {
        my $port = Pop3d::free_port();
        my $pid = $other->spawn([$Pop3d::POP3D, '-F', '-C', "$other->{dir}/pop3d.conf",
            '-o', "listen=127.0.0.1:$port", '-o', 'listen-tls=']);
        my $end = time + 20;
        1 while !IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) && time < $end;
        kill('HUP', $pid);
        $bad++ if !$other->log_wait(qr/SIGHUP: certificates are read again/, 5);
        $other->log_clear;
        $other->end($pid);
    }
    is($bad, 0, 'ends none');
};

subtest 'SIGHUP' => sub {
    $site->log_clear;
    my $of = sub {
        my ($subject) = s_client($site, $site->{tls}, "QUIT\n") =~ /^subject=CN = (\S+)/m;
        return $subject // 'none';
    };
    is($of->(), 'mail.example.org', 'before');
    Pop3d::file_put("$site->{dir}/ec.crt", "nonsense\n");
    kill('HUP', $site->{server});
    ok(scalar $site->log_wait(qr/no TLS: \S+ec\.crt, \S+ec\.key: no certificate in PEM/), 'a bad one: a line');
    ok(scalar $site->log_wait(qr/that were read before stay/), 'the old ones stay');
    is($of->(), 'mail.example.org', 'and serve');
    certificate($site->{dir}, $_, $_, host => 'other.example.org') for qw(rsa ec);
    kill('HUP', $site->{server});
    ok(Pop3d::until_true(sub { $of->() eq 'other.example.org' }), 'good ones replace them');
};
$site->stop;

subtest 'names' => sub {
    my $names = Pop3d->new(mailbox => $three);
    certificate($names->{dir}, 'a', 'ec', host => 'a.example.org');
    certificate($names->{dir}, 'b', 'ec', host => 'b.example.org');
    certificate($names->{dir}, 'c', 'rsa', host => 'b.example.org');
    # A key may stand in the certificate's file.
    Pop3d::file_put("$names->{dir}/a.crt", Pop3d::file_get("$names->{dir}/a.key"), '>>:raw');
    chmod(0600, "$names->{dir}/a.crt");
    $names->{config} = {'tls-certificate' => 'a.crt b.crt c.crt', 'tls-key' => 'a.crt b.key c.key'};
    $names->configure;
    both_start($names);
    for my $case (['a.example.org'], ['b.example.org'], ['B.Example.ORG', 'b.example.org'],
            ['unknown.example.org', 'a.example.org']) {
        my ($name, $want) = ($case->[0], $case->[1] // $case->[0]);
        like(s_client($names, $names->{tls}, "QUIT\n", '-servername', $name), qr/^subject=CN = $want$/m, "$name gets $want");
    }
    my $out = s_client($names, $names->{tls}, "QUIT\n", '-servername', 'b.example.org', '-sigalgs', 'rsa_pss_rsae_sha256');
    like($out, qr/^subject=CN = b\.example\.org$/m, 'the same name by RSA');
    like($out, qr/\+OK bye/, 'served');
    $names->stop;
};

subtest 'inetd' => sub {
    my $inetd = site();
    $inetd->inetd;
    kinds($inetd, 'STLS', $inetd->{port}, '-starttls', 'pop3');
    $inetd->stop;
    $inetd->inetd('-S');
    kinds($inetd, '-S', $inetd->{port});
    my @left = grep { (Pop3d::file_get("/proc/$_/cmdline") // '') =~ /pop3d/ } Pop3d::family($inetd->{server});
    is(scalar(grep { $_ != $inetd->{server} } @left), 0, 'no signer stays') or diag("@left");
    $inetd->log_clear;
    like(raw($inetd->{port}, "GET / HTTP/1.0\r\n\r\n"), qr/^(\x15\x03.\x00\x02..)?\z/s, 'HTTP: nothing that is not TLS');
    $inetd->stop;
};

subtest 'a stalled handshake' => sub {
    my $stalled = site('login-timeout' => '1s');
    for my $octets ('', "\x16\x03\x01\x02\x00\x01\x00") {
        my $client = $stalled->session(args => ['-S'], greeting => 0);
        $client->put($octets) if length $octets;
        while ($client->fill(20)) { }
        is($client->{buffer}, '', 'it ends');
        ok(defined $stalled->reap(delete $client->{pid}), 'by the clock of the login');
    }
    ok(scalar $stalled->log_wait(qr/TLS FAILED.*no handshake in time/), 'and is in the log');
};

subtest 'certificates that will not do' => sub {
    my $bad = site();
    my $dir = $bad->{dir};
    system("cd $dir && openssl req -new -key ec.key -subj /CN=leaf.example.org -out leaf.csr 2>/dev/null && "
        . 'openssl x509 -req -in leaf.csr -CA rsa.crt -CAkey rsa.key -set_serial 7 -days 2 -out leaf.crt 2>/dev/null && '
        . 'openssl x509 -req -in leaf.csr -signkey ec.key -days 1 -set_serial 8 -out old.crt 2>/dev/null');
    Pop3d::file_put("$dir/empty.crt", '');
    system("cp $dir/ec.key $dir/open.key && chmod 644 $dir/open.key");
    my @cases = (
        ['missing', 'none.crt', 'ec.key', qr/none\.crt: No such file/, 0],
        ["another's key", 'rsa.crt', 'ec.key', qr/ec\.key: the key belongs to another certificate/, 0],
        ['open to all', 'ec.crt', 'open.key', qr/open\.key: everybody may read the key/, 0],
        ['no certificate', 'empty.crt', 'ec.key', qr/no certificate in PEM/, 0],
        ['without its chain', 'leaf.crt', 'ec.key', qr/leaf\.crt: .*stands without its chain/, 1],
    );
    for my $case (@cases) {
        my ($what, $crt, $key, $reason, $serves) = @$case;
        $bad->configure('tls-certificate' => $crt, 'tls-key' => $key);
        my ($status, $out) = $bad->run($Pop3d::POP3D, '-n', '-C', "$dir/pop3d.conf");
        like($out, qr/^TLS .*$reason/m, "$what: -n says so");
        is($status != 0 ? 1 : 0, 1 - $serves, "$what: its status");
        $bad->log_clear;
        my $client = $bad->session(args => ['-S'], greeting => 0);
        shutdown($client->{socket}, 1);
        $client->fill(20);
        is($client->{buffer}, '', "$what: -S says nothing in clear");
        ok(scalar $bad->log_wait($reason), "$what: and the log why");
        $client = $bad->session;
        my $answer = $client->ask('STLS');
        like($answer, $serves ? qr/^\+OK/ : qr/^-ERR/, "$what: STLS");
        next if $serves;
        unlike($client->ask_multi('CAPA'), qr/^STLS/m, "$what: not in CAPA") if $answer =~ /there is no TLS/;
        $client->ask('USER demo');
        like($client->ask('PASS secret'), qr/^\+OK/, "$what: a session in clear goes on");
        $client->ask('QUIT');
    }
    $bad->configure('tls-certificate' => 'none.crt', 'tls-key' => 'ec.key');
    both_start($bad);
    ok(scalar $bad->log_wait(qr/no TLS: \S+none\.crt: No such file/), '-F says it at its start');
    is(raw($bad->{tls}, ''), '', 'its port for TLS says nothing');
    unlike($bad->connect->ask_multi('CAPA'), qr/^STLS/m, 'CAPA has no STLS');
    $bad->stop;
};

subtest 'plaintext' => sub {
    my $strict = site(plaintext => 'never');
    my $client = $strict->session;
    my $capa = $client->ask_multi('CAPA');
    unlike($capa, qr/^USER|PLAIN|LOGIN/m, 'in clear: neither USER nor PLAIN');
    for ('USER demo', 'PASS secret', 'AUTH PLAIN', 'AUTH LOGIN') {
        like($client->ask($_), qr/^-ERR .*: use STLS, or TLS on port 995$/, "$_: what to do");
    }
    $client->ask('QUIT');
    $client = $strict->session(args => ['-o', 'external-security=128']);
    like($client->ask_multi('CAPA'), qr/^USER\r?$/m, 'external-security counts as protected');
    $client->ask('USER demo');
    like($client->ask('PASS secret'), qr/^\+OK/, 'a login');
    $client->ask('QUIT');
    both_start($strict);
    like(s_client($strict, $strict->{tls}, $session), qr/\+OK 3 /, 'with TLS');
    like(s_client($strict, $strict->{port}, $session, '-starttls', 'pop3'), qr/\+OK 3 /, 'with STLS');
    $strict->stop;
};

done_testing;
