#!/usr/bin/perl
# EXTERNAL: a login by the client's certificate, shown in a handshake of TLS 1.3;
# who gets in by which, and who does not.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Digest::SHA qw(sha256_hex);
use MIME::Base64 qw(decode_base64);
use Test::More;

use Pop3d;
use Pop3d::Corpus;
use Pop3d::Sasl qw(b64);
use Pop3d::Tls qw(authority certificate s_client tls_client);

plan(skip_all => 'IO::Socket::SSL is needed') if !eval { require IO::Socket::SSL };
require Net::SSLeay;

my ($three) = Pop3d::Corpus::mailbox('three');
my $in = qr/^\+OK logged in, \d messages?/;
my $no = '-ERR [AUTH] this certificate does not log in here';

my $site = Pop3d->new(mailbox => $three);
my $dir = $site->{dir};
certificate($dir, $_, 'ec') for qw(tls own);
my ($ca, $stranger) = map { authority($dir, $_) } qw(ca stranger);
$ca->('ann', mail => 'ann@Example.org');
$ca->('bob', kind => 'rsa');
$ca->('old', from => '20200101000000Z', to => '20210101000000Z');
$ca->('server', usage => 'serverAuth');
$ca->('nobody');
$ca->('weak', digest => 'sha1');
$stranger->('ann2', mail => 'ann@example.org');

sub fingerprint {
    my ($pem) = Pop3d::file_get("$dir/$_[0].crt") =~ /(?:.*\n)?-----BEGIN CERTIFICATE-----\n(.*)\n-----END/s;
    return sha256_hex(decode_base64($pem));
}

my $colons = uc(fingerprint('bob')) =~ s/(..)(?=.)/$1:/gr;
sub map_put {
    Pop3d::file_put("$dir/map", join('', map { "$_\n" } @_));
    chmod(0644, "$dir/map");
}
my @map = ('# who is who', 'email:ann@example.org  demo,sam', "$colons\tsam,demo # Bob", 'subject:CN=old demo',
    fingerprint('server') . ' demo', fingerprint('weak') . ' demo', fingerprint('ann2') . ' demo',
    fingerprint('own') . ' demo', 'subject:CN=many words,O=x gone');
map_put(@map);
$site->user_add('sam', 'another');
$site->{config} = {auth => 'passwd-file', 'tls-certificate' => 'tls.crt', 'tls-key' => 'tls.key',
    'tls-client-ca' => 'ca.crt', 'tls-client-map' => 'map', 'login-tries' => 100, 'login-delay-failed' => '0s'};

sub start {
    my (%config) = @_;
    $site->configure(%config);
    $site->standalone('-d', '-o', 'listen-tls=127.0.0.1:' . ($site->{tls} = Pop3d::free_port()));
}

sub with {
    my ($name, %option) = @_;
    return tls_client($site, $site->{tls}, SSL_cert_file => "$dir/$name.crt", SSL_key_file => "$dir/$name.key",
        SSL_use_cert => 1, %option) // die 'no TLS: ' . IO::Socket::SSL::errstr() . "\n";
}

# The answer to a login as somebody; '' is whoever it is.
sub external {
    my ($client, $who) = @_;
    my $answer = $client->ask('AUTH EXTERNAL ' . (length($who // '') ? b64($who) : '='));
    $client->ask('QUIT') if $answer =~ /^\+OK/;
    return $answer;
}

start();
subtest 'who gets in' => sub {
    my $client = with('ann');
    like($client->ask_multi('CAPA'), qr/^SASL EXTERNAL PLAIN LOGIN\r$/m, 'offered');
    like(external($client), qr/^\+OK logged in, 3/, 'by an address: the first user of the line');
    my @found = $site->log_wait(qr/LOGIN, user=(demo), .*, tls=TLSv1\.3, /);
    is($found[0], 'demo', 'whom the log has');
    like(external(with('ann'), 'demo'), qr/^\+OK logged in, 3/, 'the same by name');
    like(external(with('ann'), 'sam'), qr/^\+OK logged in, 0/, 'the other one');
    like(external(with('bob')), qr/^\+OK logged in, 0/, 'RSA, by a fingerprint with colons');
    like(external(with('bob'), 'demo'), qr/^\+OK logged in, 3/, 'and the second user of its line');
    $client = with('ann');
    is($client->ask('AUTH EXTERNAL'), '+ ', 'no initial response');
    like($client->ask(''), $in, 'an empty one');
    $client = with('ann');
    is($client->ask('AUTH external'), '+ ', 'small letters');
    like($client->ask('*'), qr/^-ERR cancelled/, 'given up');
    like(external($client), $in, 'and tried again');
};

subtest 'who does not' => sub {
    my %why = (old => qr/certificate has expired/, server => qr/unsupported certificate purpose|unsuitable certificate purpose/,
        ann2 => qr/unable to get local issuer/, own => qr/self-signed certificate/,
        nobody => qr/has no line for it/);
    for my $name (sort keys %why) {
        $site->log_clear;
        my $client = with($name);
        is(external($client), $no, $name);
        ok($site->log_wait(qr/^LOGIN FAILED, user=, .*, method=EXTERNAL$/), 'a failure');
        my $hex = fingerprint($name);
        ok($site->log_wait(qr/^login, .*: external: .*$why{$name}.*, certificate $hex$/), 'the log says why')
            or diag($site->log_text);
        is(external($client, 'demo'), $no, 'nor by a name');
    }
    $site->log_clear;
    like(s_client($site, $site->{tls}, "AUTH EXTERNAL =\nQUIT\n", '-cert', "$dir/weak.crt", '-key', "$dir/weak.key",
        '-cipher', 'DEFAULT@SECLEVEL=0'), qr/^\Q$no\E/m, 'a certificate signed with SHA-1');
    ok($site->log_wait(qr/external: CA signature digest algorithm too weak/), 'the log says why') or diag($site->log_text);
    $site->log_clear;
    is(external(with('ann'), 'root'), $no, 'as somebody else');
    ok($site->log_wait(qr/^LOGIN FAILED, user=root, .*, method=EXTERNAL$/), 'whom the log has');
    ok($site->log_wait(qr/external: .*map:2: it is not that user's/), 'and why');
    like(external(with('ann'), "de\0mo"), qr/^-ERR \[AUTH\] wrong/, 'a NUL in the name');
    like(external(with('ann'), 'x' x 300), qr/^-ERR \[AUTH\] wrong/, 'a long one');
};

subtest 'where it is not offered' => sub {
    my %clients = ('no certificate' => sub { tls_client($site, $site->{tls}) },
        'TLS 1.2' => sub { with('ann', SSL_version => 'TLSv1_2') }, 'in clear' => sub { $site->connect });
    for my $what (sort keys %clients) {
        my $client = $clients{$what}->();
        unlike($client->ask_multi('CAPA'), qr/EXTERNAL/, "$what: not in CAPA");
        like(external($client), qr/^-ERR unknown authentication mechanism/, 'nor accepted');
        $client->ask('USER demo');
        like($client->ask('PASS secret'), $in, 'and a password does');
    }
};

subtest 'other clients' => sub {
    my @cert = ('-cert', "$dir/ann.crt", '-key', "$dir/ann.key");
    my $out = s_client($site, $site->{tls}, "AUTH EXTERNAL =\nQUIT\n", @cert);
    like($out, qr/\+OK logged in, 3/, 's_client') or diag($out);
    like($out, qr/CN = ca/, 'is told the authority');
    unlike($out, qr/Post-Handshake New Session Ticket/, 'and gets no ticket');
    like(s_client($site, $site->{tls}, "AUTH EXTERNAL =\nQUIT\n", @cert, '-groups', 'X448:P-384'), qr/\+OK logged in, 3/,
        'a second ClientHello');
    for my $suite (qw(TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256)) {
        like(s_client($site, $site->{tls}, "AUTH EXTERNAL =\nQUIT\n", @cert, '-ciphersuites', $suite),
            qr/\+OK logged in, 3/, $suite);
    }
    $ca->("ed", kind => 'ed25519', mail => 'ann@example.org');
    like(s_client($site, $site->{tls}, "AUTH EXTERNAL =\nQUIT\n", '-cert', "$dir/ed.crt", '-key', "$dir/ed.key"),
        qr/\+OK logged in, 3/, 'Ed25519');
    # A chain so long that it takes more than one record.
    my $long = Pop3d::file_get("$dir/bob.crt") x 12;
    Pop3d::file_put("$dir/long.crt", $long);
    like(s_client($site, $site->{tls}, "AUTH EXTERNAL =\nQUIT\n", @cert, '-cert_chain', "$dir/long.crt"),
        qr/\+OK logged in, 3/, 'a long chain');
    $out = s_client($site, $site->{port}, "AUTH EXTERNAL =\nQUIT\n", '-starttls', 'pop3', @cert);
    like($out, qr/\+OK logged in, 3/, 'after STLS');
};

subtest 'the map and the policy are read each time' => sub {
    my $client = with('ann');
    map_put(@map, 'nonsense');
    $site->log_clear;
    like(external($client), qr/^-ERR \[SYS\/TEMP\] logins cannot be checked now/, 'a damaged map');
    ok($site->log_wait(qr/^LOGIN UNCHECKED, user=, .*, method=EXTERNAL: external: \S+map:10: not a fingerprint/),
        'the log has its line') or diag($site->log_text);
    map_put('email:ann@example.org nobody-here');
    like(external($client), qr/^-ERR \[(AUTH|SYS\/PERM)\] this account cannot log in/, 'a user without an account');
    map_put('email:ann@example.org sam,demo', 'email:ann@example.org demo');
    like(external($client, 'demo'), $in, 'and now it is good');
    Pop3d::file_put("$dir/map2", '');
    chmod(0666, "$dir/map");
    $client = with('ann');
    like(external($client), qr/SYS\/TEMP/, 'a map that everybody may write');
    map_put(@map);
    rename("$dir/ca.crt", "$dir/ca.away");
    like(external($client), qr/SYS\/TEMP/, 'without the authorities');
    rename("$dir/ca.away", "$dir/ca.crt");
    rename("$dir/tls.crt", "$dir/tls.away");
    system("cp $dir/own.crt $dir/tls.crt");
    $site->log_clear;
    like(external($client), qr/SYS\/TEMP/, 'a certificate of ours that was changed');
    ok($site->log_wait(qr/not in tls-certificate, as that is now/), 'the log says so');
    rename("$dir/tls.away", "$dir/tls.crt");
    like(external($client), $in, 'all is well again');
};
$site->stop;

subtest 'policy' => sub {
    Pop3d::file_put("$dir/access", "sam no-pop3\ndemo mechanisms=external\n");
    start('access-file' => 'access');
    is(external(with('ann'), 'sam'), '-ERR [AUTH] this account cannot log in', 'no-pop3') or 1;
    like(external(with('ann')), $in, 'mechanisms=external');
    my $client = tls_client($site, $site->{tls});
    $client->ask('USER demo');
    like($client->ask('PASS secret'), qr/^-ERR \[AUTH\]/, 'and no other');
    $site->stop;
};

subtest 'inetd' => sub {
    $site->configure;
    $site->inetd('-S');
    $site->{tls} = $site->{port};
    like(external(with('ann')), $in, 'by a certificate');
    is(external(with('nobody')), $no, 'not by any');
    $site->stop;
};

subtest '-n, and what is not configured' => sub {
    my $check = sub {
        $site->configure(@_);
        return $site->run($Pop3d::POP3D, '-n', '-C', "$dir/pop3d.conf");
    };
    my ($status, $out) = $check->();
    like($out, qr/^certificates +\S+map$/m, 'all is there');
    map_put('x y');
    ($status, $out) = $check->();
    like($out, qr/^certificates +\S+map:1: not a fingerprint, email: or subject:, and users$/m, 'a damaged map');
    isnt($status, 0, 'is bad');
    map_put(@map);
    Pop3d::file_put("$dir/none.crt", "nothing\n");
    ($status, $out) = $check->('tls-client-ca' => 'none.crt');
    like($out, qr/^certificates +\S+none\.crt: no certificates in PEM, or too many$/m, 'no authority');
    ($status, $out) = $check->('tls-client-map' => '');
    like($out, qr/^certificates +nobody logs in by one: tls-client-map is not set$/m, 'no map');
    ($status, $out) = $check->('tls-client-ca' => '');
    like($out, qr/^certificates +nobody logs in by one: tls-client-ca is not set$/m, 'no authorities');
    $site->log_clear;
    start('tls-client-ca' => 'none.crt');
    ok($site->log_wait(qr/none\.crt: no certificates in PEM, or too many: no EXTERNAL/), 'a server says so');
    unlike(with('ann')->ask_multi('CAPA'), qr/EXTERNAL/, 'and serves all others');
    $site->stop;
};

done_testing;
