#!/usr/bin/perl
# What the processes of TLS are and hold, as the kernel says it, before, in and
# after a handshake; and that no client can make OpenSSL call what is not on
# the list: every kind of key, group, cipher and error under strace, and the
# same where the clocks are system calls.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::INET;
use IO::Socket::SSL::Utils;
use Test::More;

use Pop3d;
use Pop3d::Corpus;
use Pop3d::Flights;
use Pop3d::Tls qw(certificate s_client);
use Pop3d::Trace;

my $root = Pop3d::as_root();
my ($three) = Pop3d::Corpus::mailbox('three');
my $session = "USER demo\nPASS secret\nSTAT\nRETR 1\nQUIT\n";
my @front_ids = (getpwnam('pop3d'))[2, 3];
@front_ids = (getpwnam('nobody'))[2, 3] unless @front_ids;

sub status {
    my ($pid) = @_;
    my %status = map { /^(\w+):\s*(.*?)\s*$/ ? ($1 => $2) : () } split /\n/, Pop3d::file_get("/proc/$pid/status") // '';
    s/\s+/ /g for values %status;
    return \%status;
}

sub descriptors {
    my ($pid) = @_;
    opendir(my $folder, "/proc/$pid/fd") or return;
    return {map { $_ => readlink("/proc/$pid/fd/$_") // '?' } grep { /^\d+$/ } readdir $folder};
}

# What is true of everything that is closed in.
sub closed_in {
    my ($pid, $what) = @_;
    my $status = status($pid);
    is($status->{Seccomp}, 2, "$what: a list of system calls");
    is($status->{NoNewPrivs}, 1, "$what: no new privileges");
    is(join(' ', map { $status->{$_} } qw(CapInh CapPrm CapEff CapAmb)), join(' ', ('0' x 16) x 4), "$what: no capabilities");
    if (!$root) {
        is(descriptors($pid), undef, "$what: not dumpable");
        return;
    }
    is($status->{Uid}, join(' ', ($front_ids[0]) x 4), "$what: its uid");
    is($status->{Gid}, join(' ', ($front_ids[1]) x 4), "$what: its gid");
    like($status->{Groups}, qr/^(?:$front_ids[1])?$/, "$what: no other groups");
    isnt(readlink("/proc/$pid/root"), '/', "$what: a root of its own");
    opendir(my $folder, "/proc/$pid/root/") or fail("$what: its root: $!");
    is(join(' ', grep { !/^\.\.?$/ } readdir $folder), '', "$what: an empty one");
    my %limit = (Pop3d::file_get("/proc/$pid/limits") // '') =~ /^(Max [\w ]+?) {2,}(\S+)/mg;
    is($limit{'Max processes'}, 0, "$what: no child");
    is($limit{'Max file size'}, 0, "$what: no file");
    is($limit{'Max core file size'}, 0, "$what: no core");
}

# Which descriptors there are, and what kind each is of.
sub held {
    my ($pid) = @_;
    my $held = descriptors($pid) // return 'closed';
    return join(' ', map { "$_=" . ($held->{$_} =~ m{^/dev/null$} ? 'null' : $held->{$_} =~ /^(\w+):/ ? $1 : $held->{$_}) }
        sort { $a <=> $b } keys %$held);
}

# Processes below the server, but for the signer: the back and its front.
sub front_of {
    my ($server, $signer) = @_;
    my @front;
    Pop3d::until_true(sub {
        @front = grep { $_ != $server && $_ != ($signer // 0) && status($_)->{Seccomp} eq '2' } Pop3d::family($server);
        return @front == 1;
    });
    return $front[0] // 0;
}

subtest 'what they are and hold' => sub {
    my $site = Pop3d->new(mailbox => $three);
    certificate($site->{dir}, 'ec', 'ec');
    $site->configure('tls-certificate' => 'ec.crt', 'tls-key' => 'ec.key');
    my $tls = Pop3d::free_port();
    my $server = $site->standalone('-o', "listen-tls=127.0.0.1:$tls");
    my $signer;
    Pop3d::until_true(sub {
        $signer = (Pop3d::family($server))[1];
        return $signer && status($signer)->{Seccomp} eq '2';
    });
    closed_in($signer, 'the signer of -F');
    is(held($signer), '0=null 1=null 2=null 3=socket', 'one channel, nothing else') if $root;
    for my $kind ('first', 'STLS') {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $kind eq 'first' ? $tls : $site->{port});
        my $client = Pop3d::Client->new(socket => $socket);
        if ($kind eq 'STLS') {
            $client->line;
            my $old = front_of($server, $signer);
            $client->ask('STLS');
            ok(Pop3d::until_true(sub { !kill(0, $old) }), 'STLS: the old front is gone');
        }
        my $front = front_of($server, $signer);
        closed_in($front, "$kind: the front before the handshake");
        is(held($front), '0=socket 1=socket 2=null 3=socket 4=socket', 'the connection, the channel, the signer') if $root;
        is(held($signer), '0=null 1=null 2=null 3=socket 4=socket', 'the signer has a channel to it') if $root;
        my $peer = Pop3d::Flights->new;
        $peer->shake($client) or fail('a handshake');
        $peer->ask($client) if $kind eq 'first';
        $peer->ask($client, 'NOOP');
        is(front_of($server, $signer), $front, 'the same front');
        closed_in($front, "$kind: the front after the handshake");
        is(held($front), '0=socket 1=socket 2=null 3=socket', 'the connection and the channel') if $root;
        is(held($signer), '0=null 1=null 2=null 3=socket', 'the signer has forgotten it') if $root;
        $peer->ask($client, 'USER demo');
        like($peer->ask($client, 'PASS secret'), qr/^\+OK/, 'a login');
        closed_in($front, "$kind: the front in TRANSACTION");
        like(held($front), qr{^0=socket 1=socket 2=null 3=socket 4=/memfd:pop3d-view \(deleted\) 5=\S*/demo$}, 'and the view and the mailbox') if $root;
        my ($back) = grep { $_ != $server && $_ != $signer && $_ != $front } Pop3d::family($server);
        if ($root) {
            my $held = descriptors($back);
            my %mine = reverse %{descriptors($signer)};
            my @sockets = grep { $held->{$_} =~ /^socket/ } keys %$held;
            is(scalar(@sockets), 1, 'the back has its channel to the front, and none to the signer') or diag(explain($held));
        }
        is($peer->ask($client, 'QUIT'), '+OK 0 removed, 3 left', 'to the end');
        $client->to_end;
        ok(Pop3d::until_true(sub { Pop3d::family($server) == 2 }), 'nothing is left but listener and signer');
    }
    $site->stop;

    # As inetd starts it: the signer is the session's.
    for my $kind ('first', 'STLS') {
        my $client = $site->session(args => $kind eq 'first' ? ['-S'] : [], greeting => $kind ne 'first');
        $client->ask('STLS') if $kind ne 'first';
        my @closed;
        Pop3d::until_true(sub {
            @closed = grep { $_ != $client->{pid} && status($_)->{Seccomp} eq '2' } Pop3d::family($client->{pid});
            return @closed == 2;
        });
        is(scalar @closed, 2, "$kind: a front and a signer");
        closed_in($_, "$kind, inetd: before the handshake") for @closed;
        is(join(', ', sort map { held($_) } @closed), '0=null 1=null 2=null 3=socket 4=socket, '
            . '0=socket 1=socket 2=null 3=socket 4=socket', 'what they hold') if $root;
        my $peer = Pop3d::Flights->new;
        $peer->shake($client) or fail('a handshake');
        $peer->ask($client) if $kind eq 'first';
        $peer->ask($client, 'NOOP');
        ok(Pop3d::until_true(sub { Pop3d::family($client->{pid}) == 2 }), "$kind: the signer is gone after the handshake");
        $peer->ask($client, 'QUIT');
        $client->to_end;
    }
};

# The manual's lists: name => allowed or refused.
sub lists {
    my $manual = Pop3d::file_get("$Pop3d::ROOT/man/pop3d.8");
    my (%front, %signer);
    my ($section) = $manual =~ /^\.Sh SYSTEM CALLS\n(.*?)^\.Sh /ms or die "no list\n";
    my ($allowed, $refused) = $section =~ /^\.Ss Allowed\n(.*)^\.Ss Refused\n(.*)/ms;
    $front{$_} = 'allowed' for $allowed =~ /^\.It Ic (\w+)/mg;
    $front{$_} = 'refused' for $refused =~ /^\.It Ic (\w+)/mg;
    $front{ppoll} = 'allowed';
    my ($sentence) = $manual =~ /^\.It signer\n.*?system calls (.*?)^Of each session/ms or die "no list\n";
    $signer{$_} = 'allowed' for $sentence =~ /(\w+)/g;
    return (\%front, \%signer);
}

sub judge {
    my ($site, $what) = @_;
    my %list;
    @list{qw(front signer)} = lists();
    unlike($site->log_text, qr/died of signal|Bad system call|signer has ended/, "$what: nobody died") or diag($site->log_text);
    for my $role (qw(front signer)) {
        my (%used, @bad);
        my @all = Pop3d::Trace::closed_in($site, $role);
        for my $calls (@all) {
            for (@$calls) {
                my ($name, $rest) = @$_;
                $used{$name}++;
                push @bad, "$name($rest" if $name =~ /SIGSYS/ || $name =~ /^\w+$/ && !$list{$role}{$name}
                    || $name eq 'mmap' && $rest =~ /PROT_EXEC/ || $name eq 'madvise' && $rest !~ /MADV_DONTNEED/;
            }
        }
        cmp_ok(scalar @all, '>', 0, "$what: " . scalar(@all) . " ${role}s traced");
        is(join("\n", @bad), '', "$what: the $role has made no call that is not on its list");
        is(join(' ', grep { ($list{$role}{$_} // '') eq 'refused' && $_ ne 'madvise' } sort keys %used), '',
            "$what: nor one that is refused");
        note("$what, $role: " . join(' ', map { "$_ $used{$_}" } sort grep { /^\w+$/ } keys %used));
    }
}

# A connection, with its handshake done; nothing where it fails.
sub secured {
    my ($port, %option) = @_;
    my $client = Pop3d::Client->new(socket => IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port));
    my $peer = Pop3d::Flights->new(%option);
    return eval { $peer->shake($client) } ? ($client, $peer) : ();
}

sub good {
    my ($port, $what, %option) = @_;
    my ($client, $peer) = secured($port, %option) or return fail("$what: no handshake");
    my $ok = $peer->ask($client) =~ /^\+OK/ && $peer->ask($client, 'QUIT') =~ /^\+OK bye/;
    ok($ok, $what);
    $client->to_end;
}

sub bad {
    my ($port, $what, %option) = @_;
    my @secured = secured($port, %option);
    is(scalar @secured, 0, "$what: no handshake");
}

sub kinds {
    my ($site, $port) = @_;
    # The curve of a certificate must be one of the client's in TLS 1.2.
    my %curve = (rsa => '', big => '', p256 => ':P-256', p384 => ':P-384', p521 => ':P-521');
    for my $name (sort keys %curve) {
        for my $version ('1.2', '1.3') {
            for my $group (qw(X25519 P-256 P-384 P-521)) {
                good($port, "$name, TLS $version, $group", name => "$name.example.org", version => $version,
                    groups => $group . ($curve{$name} ne ":$group" ? $curve{$name} : ''));
            }
        }
    }
    good($port, "suite $_", version => '1.3', suites => $_)
        for qw(TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256);
    for my $cipher (qw(AES128-GCM-SHA256 AES256-GCM-SHA384 CHACHA20-POLY1305)) {
        good($port, "cipher ECDHE-$_->[0]-$cipher", version => '1.2', name => $_->[1], ciphers => "ECDHE-$_->[0]-$cipher")
            for ['RSA', 'rsa.example.org'], ['ECDSA', 'p256.example.org'];
    }
    for my $signature (qw(rsa_pss_rsae_sha256 rsa_pss_rsae_sha384 rsa_pss_rsae_sha512 RSA+SHA256 RSA+SHA384 RSA+SHA512)) {
        for my $version ($signature =~ /pss/ ? qw(-tls1_2 -tls1_3) : '-tls1_2') {
            like(s_client($site, $port, "QUIT\n", $version, '-servername', 'big.example.org', '-sigalgs', $signature),
                qr/\+OK bye/, "$signature, $version");
        }
    }
    for my $signature (qw(ECDSA+SHA256 ECDSA+SHA384 ECDSA+SHA512)) {
        like(s_client($site, $port, "QUIT\n", '-tls1_2', '-servername', "$_.example.org", '-sigalgs', $signature),
            qr/\+OK bye/, "$signature, $_, TLS 1.2") for qw(p256 p384 p521);
    }
    unlike(s_client($site, $port, "QUIT\n", '-sigalgs', 'ed25519'), qr/\+OK bye/, 'a signature that is none of ours');
    good($port, "a hello that is asked for again, $_", version => '1.3', groups => "X448:$_") for qw(X25519 P-256 P-521);
    good($port, 'a protocol among others', version => $_, protocols => ['http/1.1', 'pop3']) for '1.2', '1.3';
    my $many = join(',', (map { sprintf('%0200d', $_) } 1 .. 300), 'pop3');
    like(s_client($site, $port, "QUIT\n", $_, '-alpn', $many), qr/\+OK bye/, "a large hello, $_") for qw(-tls1_2 -tls1_3);
    my $ticket = "$site->{dir}/ticket";
    like(s_client($site, $port, "QUIT\n", '-sess_out', $ticket), qr/^New, TLSv1\.3/m, 'a ticket');
    like(s_client($site, $port, "QUIT\n", '-sess_in', $ticket, @$_), qr/^Reused, TLSv1\.3/m, "resumed @$_")
        for [], ['-groups', 'X448:P-256'];
    good($port, 'an unknown name', version => $_, name => 'x' x 250) for '1.2', '1.3';
    for my $version ('1.2', '1.3') {
        bad($port, "$version: X448 alone", version => $version, groups => 'X448');
        bad($port, "$version: another protocol", version => $version, protocols => ['imap']);
    }
    bad($port, 'RSA without forward secrecy', version => '1.2', ciphers => 'AES128-SHA');
    bad($port, 'finite fields', version => '1.2', ciphers => 'DHE-RSA-AES128-GCM-SHA256');
}

# What comes behind a handshake and does not belong there.
sub twisted {
    my ($port) = @_;
    my %twists = ('a wrong code' => sub { my $o = $_[0]->say("NOOP\r\n"); substr($o, -1) ^= "\1"; $o },
        'a wrong type' => sub { my $o = $_[0]->say("NOOP\r\n"); substr($o, 0, 1) = "\x18"; $o },
        'a type of the handshake' => sub { my $o = $_[0]->say("NOOP\r\n"); substr($o, 0, 1) = "\x16"; $o },
        'a record twice' => sub { my $o = $_[0]->say("NOOP\r\n"); $o . $o },
        'half a record' => sub { my $o = $_[0]->say("NOOP\r\n"); substr($o, 0, length($o) / 2) },
        'a long record' => sub { "\x17\x03\x03\x48\x01" . 'x' x 0x4801 },
        'an empty record' => sub { "\x17\x03\x03\x00\x00" x 100 },
        'a hello in clear' => sub { Pop3d::Flights->new->flight },
        'an alert in clear' => sub { "\x15\x03\x03\x00\x02\x02\x28" },
        'a change of cipher' => sub { "\x14\x03\x03\x00\x01\x01" x 40 },
        'a long line' => sub { $_[0]->say('x' x 100000) },
        'many octets' => sub { join '', map { $_[0]->say("N") } 1 .. 500 },
        'the end of TLS' => sub { Net::SSLeay::shutdown($_[0]{ssl}); $_[0]->pending });
    for my $version ('1.2', '1.3') {
        for my $what (sort keys %twists) {
            my ($client, $peer) = secured($port, version => $version) or return fail("$what: no handshake");
            $peer->ask($client);
            $client->put($twists{$what}->($peer));
            $client->shut;
            my $came = $client->to_end;
            is(Pop3d::Flights::foreign($came // 'no end'), '', "$what, TLS $version: nothing that is not TLS");
        }
    }
}

sub renegotiated {
    my ($port) = @_;
    my ($client, $peer) = secured($port, version => '1.2') or return fail('no handshake');
    $peer->ask($client);
    ok(Net::SSLeay::renegotiate($peer->{ssl}), 'a client asks for another handshake');
    Net::SSLeay::do_handshake($peer->{ssl});
    my $hello = $peer->pending;
    is(join(' ', map { $_->[0] } Pop3d::Flights::records($hello)), '22', 'in a message of its own');
    $client->put($hello);
    $client->fill(20);
    is(join(' ', map { $_->[0] } Pop3d::Flights::records($client->{buffer})), '21', 'it gets an alert, and no handshake');
    Net::SSLeay::BIO_write($peer->{in}, $client->{buffer});
    $client->{buffer} = '';
    isnt(Net::SSLeay::do_handshake($peer->{ssl}), 1, 'it has been refused');
    $client->shut;
    is(Pop3d::Flights::foreign($client->to_end // 'no end'), '', 'to the end');
}

sub updated {
    my ($site, $port) = @_;
    my ($status, $out) = $site->run("$Pop3d::ROOT/build/session/updates", $port, 1000);
    is($status, 0, '1000 changes of keys, and the session goes on') or diag($out);
}

sub names_site {
    my ($mailbox) = @_;
    my $site = Pop3d->new(mailbox => $mailbox);
    my $dir = $site->{dir};
    my %keys = (rsa => KEY_create_rsa(2048), big => KEY_create_rsa(4096), p256 => KEY_create_ec('prime256v1'),
        p384 => KEY_create_ec('secp384r1'), p521 => KEY_create_ec('secp521r1'));
    for (keys %keys) {
        my ($crt) = CERT_create(subject => {commonName => "$_.example.org"}, key => $keys{$_});
        Pop3d::file_put("$dir/$_.pem", PEM_cert2string($crt) . PEM_key2string($keys{$_}));
        chmod(0600, "$dir/$_.pem");
    }
    $site->configure('tls-certificate' => join(' ', map { "$_.pem" } qw(p256 p384 p521 rsa big)));
    return $site;
}

subtest 'under strace' => sub {
    plan skip_all => 'strace may not attach here' unless Pop3d::Trace::can_trace();
    my $line = 'All work and no play makes Jack a dull boy. ' . 'x' x 27 . "\n";
    my $large = "From a\@example.org Thu Jan  1 00:00:00 2026\nSubject: large\n\n" . $line x 40000;
    my $site = names_site($large);
    local $Pop3d::POP3D = Pop3d::Trace::wrapper($site);
    my $tls = Pop3d::free_port();
    $site->standalone('-o', "listen-tls=127.0.0.1:$tls");
    kinds($site, $tls);
    twisted($tls);
    renegotiated($tls);
    updated($site, $tls);
    for my $version ('-tls1_2', '-tls1_3') {
        like(s_client($site, $tls, $session, $version), qr/\+OK 0 removed/, "$version: a large message");
        like(s_client($site, $site->{port}, $session, $version, '-starttls', 'pop3'), qr/\+OK 0 removed/, "$version: by STLS");
    }
    s_client($site, $tls, "QUIT\n", '-tls1_1', '-cipher', 'ALL:@SECLEVEL=0');
    Pop3d::Trace::stop($site);
    judge($site, 'one server');
};

subtest 'where the clocks are system calls' => sub {
    plan skip_all => 'strace may not attach here' unless Pop3d::Trace::can_trace();
    my $site = names_site($three);
    my $wrapper = Pop3d::Trace::wrapper($site);
    Pop3d::file_put($wrapper, Pop3d::file_get($wrapper) =~ s{ -s }{ -E LD_PRELOAD=$Pop3d::ROOT/build/session/clocks.so -s }r);
    local $Pop3d::POP3D = $wrapper;
    my $tls = Pop3d::free_port();
    $site->standalone('-o', "listen-tls=127.0.0.1:$tls");
    for my $version ('-tls1_2', '-tls1_3') {
        like(s_client($site, $tls, $session, $version), qr/\+OK 0 removed/, "$version: a session");
        like(s_client($site, $site->{port}, $session, $version, '-starttls', 'pop3'), qr/\+OK 0 removed/, "$version: by STLS");
    }
    Pop3d::Trace::stop($site);
    judge($site, 'clocks');
    is(scalar(grep { my $c = $_; grep { $_->[0] eq 'clock_gettime' } @$c } Pop3d::Trace::closed_in($site, 'front')) > 0, 1,
        'they were');
};

done_testing;
