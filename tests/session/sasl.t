#!/usr/bin/perl
# APOP and AUTH in whole sessions: logins, what is listed, log lines, traces,
# failures, and what is left in memory.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use MIME::Base64 qw(decode_base64);
use Test::More;

use Pop3d;
use Pop3d::Corpus;
use Pop3d::Sasl qw(b64 cram scram %clear %every %hash %proof);

my ($three, @messages) = Pop3d::Corpus::mailbox('three');
my $site = Pop3d->new(mailbox => $three, config => {auth => 'mailauth passwd-file',
    'mailauth-file' => 'secrets'});
my $secret = 'a secret of 8 b, b=c';
$site->secret_add('demo', $secret, '--apop');
$site->secret_add('sam', 'scram only');
$site->user_add('sam', 'another password');
$site->user_add('file', 'in the file');
my $in = qr/^\+OK logged in, 3 messages/;
my $wrong = '-ERR [AUTH] wrong name or password';

sub with_session {
    my ($code, @args) = @_;
    my $client = $site->session(args => \@args);
    my $answer = $code->($client);
    $client->hang_up;
    return $answer;
}

subtest 'each way in' => sub {
    for my $name (sort keys %every) {
        my $client = $site->session;
        like($every{$name}->($client, 'demo', $secret), $in, "$name: the right secret");
        is($client->ask('STAT'), '+OK 3 ' . Pop3d::Corpus::octets(@messages), 'and the mailbox is there');
        is($client->ask_multi('RETR 1'), Pop3d::Corpus::wire($messages[0]) =~ s/^\.(?=\.)//mgr, 'RETR')
            if $name eq 'PLAIN';
        like($client->ask('QUIT'), qr/^\+OK/, 'QUIT');
        $client->hang_up;
        is(with_session(sub { $every{$name}->($_[0], 'demo', "$secret.") }), $wrong, "$name: a wrong one");
        is(with_session(sub { $every{$name}->($_[0], 'nobody', $secret) }), $wrong, "$name: a wrong name");
    }
};

subtest 'forms of SCRAM' => sub {
    for my $name (sort keys %hash) {
        like(with_session(sub { scram($_[0], $name, 'demo', $secret) }), $in, "$name, no initial response");
        like(with_session(sub { scram($_[0], $name, 'demo', $secret, header => 'y,,') }), $in, 'the client knows bindings');
        like(with_session(sub { scram($_[0], $name, 'demo', $secret, header => 'n,a=demo,') }), $in, 'as oneself');
        is(with_session(sub { scram($_[0], $name, 'demo', $secret, header => 'n,a=sam,') }), $wrong, 'as another');
        like(with_session(sub { scram($_[0], $name, 'demo', $secret, header => 'p=tls-unique,,') }),
            qr/^-ERR \[AUTH\] channel-binding-not-supported/, 'bound to no channel');
        like(with_session(sub { scram($_[0], $name, 'sam', 'scram only', initial => 1) }), qr/^\+OK logged in, 0/,
            'who has no secret for APOP');
    }
    is(with_session(sub { cram($_[0], 'sam', 'scram only') }), $wrong, 'whom CRAM-MD5 refuses');
    is(with_session(sub { $proof{APOP}->($_[0], 'sam', 'scram only') }), $wrong, 'and APOP');
};

subtest 'several tries on a connection' => sub {
    $site->configure('login-tries' => 10);
    my $client = $site->session;
    for my $name (sort keys %every) {
        is($every{$name}->($client, 'demo', 'wrong'), $wrong, "$name is wrong");
    }
    like($client->login('demo', 'wrong'), qr/^\Q$wrong\E$/, 'PASS, too');
    like($every{'SCRAM-SHA-256'}->($client, 'demo', $secret), $in, 'SCRAM-SHA-256 is right at last');
    $client->hang_up;
    $site->configure;
    $client = $site->session;
    is($proof{APOP}->($client, 'demo', 'wrong'), $wrong, 'three tries: APOP');
    is($proof{'SCRAM-SHA-1'}->($client, 'demo', 'wrong'), $wrong, 'SCRAM-SHA-1');
    is($proof{'CRAM-MD5'}->($client, 'demo', 'wrong'), $wrong, 'CRAM-MD5');
    is($client->to_end, '', 'and no fourth');
    ok($site->log_wait(qr/^no more tries to log in: /), 'the log says so');
};

subtest 'challenges are used once' => sub {
    my %seen;
    for (1 .. 5) {
        my $client = $site->session;
        $seen{$client->{banner}}++;
        $seen{$client->ask('AUTH CRAM-MD5')}++;
        $client->ask('*');
        $seen{$client->ask('AUTH SCRAM-SHA-1 ' . b64('n,,n=demo,r=x'))}++;
        $client->ask('*');
        $client->hang_up;
    }
    is(scalar(keys %seen), 15, 'all are different');
};

subtest 'log lines' => sub {
    for my $name (sort keys %every, 'USER') {
        $site->log_clear;
        my $client = $site->session(args => ['-d']);
        my $port = $client->port;
        $name eq 'USER' ? $client->login('demo', 'wrong') : $every{$name}->($client, 'demo', 'wrong');
        ok($site->log_wait(qr/^LOGIN FAILED, user=demo, ip=\[127\.0\.0\.1\], port=\[$port\], method=\Q$name\E$/),
            "LOGIN FAILED, method=$name") or diag($site->log_text);
        ok($site->log_wait(qr/^login, user=demo, ip=\[127\.0\.0\.1\], port=\[$port\]: mailauth: wrong/), 'and why')
            or diag($site->log_text);
        $client->hang_up;
    }
};

subtest 'a database that cannot be read' => sub {
    rename("$site->{dir}/secrets", "$site->{dir}/away");
    for my $name (sort keys %every) {
        $site->log_clear;
        is(with_session(sub { $every{$name}->($_[0], 'demo', $secret) }),
            '-ERR [SYS/TEMP] logins cannot be checked now', "$name: [SYS/TEMP]");
        ok($site->log_wait(qr/^LOGIN UNCHECKED, user=demo, ip=\[127\.0\.0\.1\], port=\[\d+\], method=\Q$name\E: mailauth: /),
            'LOGIN UNCHECKED') or diag($site->log_text);
        unlike($site->log_text, qr/LOGIN FAILED/, 'which bans nobody');
    }
    rename("$site->{dir}/away", "$site->{dir}/secrets");
};

subtest 'apop-only' => sub {
    $site->configure('apop-only' => 'yes', 'login-tries' => 10);
    my $refused = '-ERR [AUTH] this account logs in by APOP or SASL, with no password in clear text';
    my $client = $site->session;
    is($client->login('demo', $secret), $refused, 'PASS');
    is($clear{$_}->($client, 'demo', $secret), $refused, $_) for sort keys %clear;
    is($client->login('demo', 'wrong'), $wrong, 'a wrong one says no more than ever');
    $client->hang_up;
    for my $name (sort keys %proof) {
        like(with_session(sub { $proof{$name}->($_[0], 'demo', $secret) }), $in, "$name is what is wanted");
    }
    like(with_session(sub { $_[0]->login('sam', 'scram only') }), qr/^\+OK/, 'who has no secret for APOP may');
    like(with_session(sub { $_[0]->login('file', 'in the file') }), qr/^\+OK/, 'and who is not in mailauth');
    $site->configure;
};

subtest 'what is not accepted is not offered' => sub {
    $site->configure(auth => 'passwd-file');
    my $client = $site->session;
    unlike($client->{banner}, qr/[<>]/, 'no timestamp without mailauth');
    is($client->ask_multi('AUTH'), "PLAIN\r\nLOGIN\r\n", 'AUTH');
    $client->hang_up;
    $site->configure(plaintext => 'never');
    $client = $site->session;
    like($client->{banner}, qr/^\+OK ready <\d+\.\d+\@[\w.-]+>$/, 'a timestamp where clear text is refused');
    like($client->ask_multi('CAPA'), qr/^SASL SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5\r$/m, 'SASL');
    like($proof{APOP}->($client, 'demo', $secret), $in, 'APOP');
    $client->hang_up;
    $site->configure;
    my $mine = "$site->{dir}/mine";
    SKIP: {
        skip 'root has no mailbox of its own', 3 if Pop3d::as_root();
        Pop3d::file_put($mine, $three);
        $client = $site->session(args => ['-a', $mine]);
        unlike($client->{banner}, qr/[<>]/, '-a: no timestamp');
        unlike($client->ask_multi('CAPA'), qr/^(?:SASL|USER)/m, 'nothing to log in by');
        like($client->ask('AUTH PLAIN ' . b64("\0demo\0$secret")), qr/^-ERR not in this state/, 'no AUTH');
        $client->hang_up;
    }
    $site->configure(greeting => 'x' x 400);
    $client = $site->session;
    like($client->{banner}, qr/^\+OK x{380} <\d+\.\d+\@[\w.-]+>$/, 'a long greeting loses its end, not the timestamp');
    cmp_ok(length $client->{banner}, '<=', 510, 'and is no longer than a line may be');
    like($proof{APOP}->($client, 'demo', $secret), $in, 'which works');
    $client->hang_up;
    $site->configure;
};

# Whatever a client sends or gets in an exchange, in every form that it has.
subtest 'traces and debugging lines have counts only' => sub {
    my $trace = "$site->{dir}/trace-file";
    $site->log_clear;
    for my $name (sort keys %every) {
        with_session(sub { $every{$name}->($_[0], 'demo', 'mistyped and private') }, '-d', '-t', $trace);
        with_session(sub { $every{$name}->($_[0], 'demo', $secret) }, '-d', '-t', $trace);
    }
    $site->log_wait(qr/^DISCONNECTED, user=demo/);
    my $text = Pop3d::file_get($trace) . $site->log_text;
    like($text, qr/< AUTH <\d+ octets>$/m, 'AUTH and a count');
    like($text, qr/> \+ <\d+ octets>$/m, 'a challenge and its count');
    like($text, qr/< <\d+ octets>$/m, 'a response and its count');
    like($text, qr/< APOP <\d+ octets>$/m, 'APOP and a count');
    my @private = ($secret, 'mistyped', b64($secret), b64("\0demo\0$secret"), b64('mistyped and private'), 'biws', 'rOprNGfw',
        b64('n,,n=demo'), 'cj1yT3By');
    unlike($text, qr/\Q$_\E/, "not '$_'") for @private;
};

# Which of these are in the memory of a process.
sub memory_find {
    my ($pid, @what) = @_;
    no warnings 'portable';
    my @found;
    open(my $mem, '<:raw', "/proc/$pid/mem") or die "mem of $pid: $!\n";
    for (split /\n/, Pop3d::file_get("/proc/$pid/maps")) {
        my ($from, $to) = /^([0-9a-f]+)-([0-9a-f]+) r/ or next;
        /\[v/ and next;
        sysseek($mem, hex $from, 0) or next;
        my $length = hex($to) - hex($from);
        sysread($mem, my $octets, $length) or next;
        for my $what (@what) { push @found, unpack('H*', $what) . " at $_" if index($octets, $what) >= 0 }
    }
    return @found;
}

# Octets of memory of its own that a process may write.
sub memory_own {
    my ($pid) = @_;
    no warnings 'portable';
    my $octets = 0;
    for (split /\n/, Pop3d::file_get("/proc/$pid/maps")) {
        $octets += hex($2) - hex($1) if /^([0-9a-f]+)-([0-9a-f]+) rw-p \S+ 00:00 0 *$/;
    }
    return $octets;
}

# After the login no process of the session may hold the secret, nor anything
# that it came in or was compared with.
subtest 'memory after the login' => sub {
    plan skip_all => 'needs root: the memory of a process that hides it' unless Pop3d::as_root();
    my $db = Pop3d::file_get("$site->{dir}/secrets");
    my %kept;
    $kept{$_} = 1 for grep { length >= 20 } map { split /,/ } map { split /[:\n]/ } $db;
    my @kept = map { ($_, decode_base64($_)) } sort keys %kept;
    for my $name (sort keys %every) {
        my $client = $site->session;
        like($every{$name}->($client, 'demo', $secret), $in, $name);
        my @pids = Pop3d::family($client->{pid});
        cmp_ok(scalar @pids, '>=', 2, 'back and front');
        my @found = map { memory_find($_, $secret, b64($secret), b64("\0demo\0$secret"), substr(b64($secret), 4, 20), @kept) } @pids;
        is("@found", '', 'hold nothing of it');
        is(scalar(grep { memory_find($_, 'wrong name or password') } @pids), scalar @pids, 'where the search finds what is there');
        $client->hang_up;
    }
    # While a verifier waits for the password it holds the name.
    my $client = $site->session;
    $client->ask('AUTH LOGIN');
    $client->ask(b64('demo'));
    my @pids = Pop3d::family($client->{pid});
    is(scalar @pids, 3, 'in an exchange there is a verifier, too');
    ok(scalar(memory_find($pids[2], "demo\0")), 'whose memory holds what it was told');
    $client->hang_up;
};

subtest 'lines that are too long leave nothing' => sub {
    plan skip_all => 'needs root: the memory of a process that hides it' unless Pop3d::as_root();
    my $private = 'dGhpcyBpcyBwcml2YXRl';
    # Short of the small buffer, and of the large one.
    for (['PASS ', 60], ['AUTH PLAIN ', 640]) {
        my ($verb, $times) = @$_;
        my $client = $site->session;
        $client->ask('CAPA');
        $client->rest;
        my (undef, $front) = Pop3d::family($client->{pid});
        # In two parts: the first is dropped while its end is not known.
        $client->put($verb . $private x $times);
        select(undef, undef, undef, 0.2);
        is($client->ask('x'), '-ERR not a command line', "$verb: too long");
        like($client->login('demo', $secret), $in, 'the login after that');
        is(join(' ', memory_find($front, $private)), '', 'nothing of it is there');
        $client->hang_up;
    }
};

subtest 'long lines leave nothing' => sub {
    plan skip_all => 'needs root: the memory of a process that hides it' unless Pop3d::as_root();
    my $client = $site->session;
    my (undef, $front) = Pop3d::family($client->{pid});
    my $private = 'dGhpcyBpcyBwcml2YXRl';
    $client->ask('CAPA');
    $client->rest;
    my $before = memory_own($front);
    my $line = 'AUTH PLAIN AGRlbW8A' . $private x 150;
    $client->put($line);
    ok(Pop3d::until_true(sub { memory_own($front) >= $before + 16384 }), 'half a line takes memory');
    ok(scalar(memory_find($front, $private)), 'and is there');
    is($client->ask($private x 150), $wrong, 'the other half');
    is($client->ask('AUTH LOGIN ZGVtbw=='), '+ UGFzc3dvcmQ6', 'the next one');
    is(memory_own($front), $before, 'the memory was given back');
    is(join(' ', memory_find($front, $private, decode_base64($private))), '', 'with what was in it');
    $client->hang_up;
};

done_testing;
