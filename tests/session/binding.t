#!/usr/bin/perl
# SCRAM bound to the channel of TLS: over 1.2 and 1.3, to the exporter and to the
# certificate, each worked out here by the client's own library; whoever has
# another channel, or was not told of -PLUS, does not get in.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Digest::SHA qw(sha256 sha384 sha512);
use Test::More;

use Pop3d;
use Pop3d::Corpus;
use Pop3d::Sasl qw(b64 scram %hash);
use Pop3d::Tls qw(certificate tls_client);

plan(skip_all => 'IO::Socket::SSL is needed') if !eval { require IO::Socket::SSL };
require Net::SSLeay;

my ($three) = Pop3d::Corpus::mailbox('three');
my $secret = 'a secret of 8 b, b=c';
my $in = qr/^\+OK logged in, 3 messages/;
my $no_ems = 1;    # SSL_OP_NO_EXTENDED_MASTER_SECRET

sub site {
    my ($kind, %option) = @_;
    my $site = Pop3d->new(mailbox => $three);
    certificate($site->{dir}, 'tls', $kind, %option);
    $site->{config} = {auth => 'mailauth passwd-file', 'mailauth-file' => 'secrets',
        'tls-certificate' => 'tls.crt', 'tls-key' => 'tls.key', 'login-tries' => 100, 'login-delay-failed' => '0s'};
    $site->configure;
    $site->secret_add('demo', $secret);
    $site->standalone('-o', 'listen-tls=127.0.0.1:' . ($site->{tls} = Pop3d::free_port()));
    return $site;
}

# What RFC 9266 and RFC 5929 have of a connection, by the client's word.
sub exporter {
    my ($client) = @_;
    return Net::SSLeay::export_keying_material($client->{socket}->_get_ssl_object, 32, 'EXPORTER-Channel-Binding', '');
}

sub end_point {
    my ($client, $digest) = @_;
    my $pem = Net::SSLeay::PEM_get_string_X509($client->{socket}->peer_certificate);
    my ($text) = $pem =~ /-----\n(.*)\n-----/s;
    return ($digest // \&sha256)->(MIME::Base64::decode_base64($text));
}

sub connected {
    my ($site, @option) = @_;
    return tls_client($site, $site->{tls}, @option) // die "no TLS: " . IO::Socket::SSL::errstr() . "\n";
}

# The answer to a login, and the session's end.
sub try {
    my ($client, $mechanism, $password, %option) = @_;
    my $answer = scram($client, $mechanism, 'demo', $password, initial => 1, %option);
    $client->ask('QUIT') if $answer =~ /^\+OK/;
    return $answer;
}

my $site = site('rsa');
my %versions = ('1.3' => ['TLSv1_3'], '1.2' => ['TLSv1_2']);

for my $version (sort keys %versions) {
    my @option = (SSL_version => $versions{$version}[0]);
    subtest "TLS $version" => sub {
        like(connected($site, @option)->ask_multi('CAPA'),
            qr/^SASL SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN\r$/m,
            'CAPA has them, the best first');
        for my $name (sort keys %hash) {
            for my $type ('tls-exporter', 'tls-server-end-point') {
                my $binding = sub { $type eq 'tls-exporter' ? exporter($_[0]) : end_point($_[0]) };
                my @with = (header => "p=$type,,");
                my $client = connected($site, @option);
                like(try($client, "$name-PLUS", $secret, @with, data => $binding->($client)), $in, "$name-PLUS, $type");
                $client = connected($site, @option);
                is(try($client, "$name-PLUS", 'wrong', @with, data => $binding->($client)),
                    '-ERR [AUTH] wrong name or password', 'a wrong secret');
                $site->log_clear;
                is(try($client, "$name-PLUS", $secret, @with, data => $binding->($client) ^ ("\0" x 31 . "\1")),
                    '-ERR [AUTH] channel-bindings-dont-match: somebody may sit between client and server', 'a wrong binding');
                ok($site->log_wait(qr/^LOGIN FAILED, user=demo, .*, method=\Q$name\E-PLUS$/), 'is a failure');
                ok($site->log_wait(qr/^login, user=demo, ip=\[127\.0\.0\.1\], port=\[\d+\]: channel-bindings-dont-match: /),
                    'and the log says why') or diag($site->log_text);
                is(try($client, "$name-PLUS", $secret, @with, data => $binding->($client)) =~ $in, 1,
                    'and the same connection with the right one');
            }
        }
    };
}

subtest 'another connection of the same client' => sub {
    my ($one, $two) = map { connected($site) } 1 .. 2;
    isnt(exporter($one), exporter($two), 'has another exporter');
    like(try($two, 'SCRAM-SHA-256-PLUS', $secret, header => 'p=tls-exporter,,', data => exporter($one)),
        qr/^-ERR \[AUTH\] channel-bindings-dont-match/, 'which is no use in this one');
    is(end_point($one), end_point($two), 'and the same certificate');
};

subtest 'an offer that somebody has changed' => sub {
    for my $name (sort keys %hash) {
        my $client = connected($site);
        $site->log_clear;
        like(try($client, $name, $secret, header => 'y,,'), qr/^-ERR \[AUTH\] server-does-support-channel-binding/,
            "$name: a client that was not told of -PLUS");
        ok($site->log_wait(qr/^login, .*: server-does-support-channel-binding: /), 'is in the log');
        like(try($client, $name, $secret, header => 'n,,'), $in, 'one that does not know it gets in');
    }
    my $client = connected($site);
    for my $case (['SCRAM-SHA-256', 'p=tls-exporter,,', 'channel-binding-not-supported'],
            ['SCRAM-SHA-256-PLUS', 'n,,', 'other-error'], ['SCRAM-SHA-256-PLUS', 'y,,', 'other-error'],
            ['SCRAM-SHA-256-PLUS', 'p=tls-unique,,', 'unsupported-channel-binding-type: tls-unique'],
            ['SCRAM-SHA-256-PLUS', 'p=tls-else,,', 'unsupported-channel-binding-type']) {
        my ($mechanism, $header, $why) = @$case;
        like(try($client, $mechanism, $secret, header => $header, data => exporter($client)),
            qr/^-ERR \[AUTH\] \Q$why\E/, "$mechanism, $header");
    }
};

subtest 'where nothing can be bound' => sub {
    my $client = $site->connect;
    unlike($client->ask_multi('CAPA'), qr/PLUS/, 'in clear: not in CAPA');
    like($client->ask('AUTH SCRAM-SHA-256-PLUS'), qr/^-ERR unknown/, 'nor accepted');
    like(try($client, 'SCRAM-SHA-256', $secret, header => 'y,,'), $in, 'where y is right');
    $client = $site->connect;
    $client->ask('STLS');
    IO::Socket::SSL->start_SSL($client->{socket}, SSL_verify_mode => 0) or die "no TLS\n";
    like($client->ask_multi('CAPA'), qr/^SASL SCRAM-SHA-256-PLUS /m, 'after STLS it is');
    like(try($client, 'SCRAM-SHA-256-PLUS', $secret, header => 'p=tls-exporter,,', data => exporter($client)), $in,
        'and gets in');
};

subtest 'a session that is resumed' => sub {
    my $context = IO::Socket::SSL::SSL_Context->new(SSL_session_cache_size => 10, SSL_verify_mode => 0);
    my @option = (SSL_reuse_ctx => $context, SSL_session_key => 'one');
    my $client = connected($site, @option);
    ok(!$client->{socket}->get_session_reused, 'the first');
    my $before = exporter($client);
    $client->ask('QUIT');
    $client->{socket}->close;
    $client = connected($site, @option);
    ok($client->{socket}->get_session_reused, 'the second is resumed');
    isnt(exporter($client), $before, 'and has another exporter');
    like(try($client, 'SCRAM-SHA-256-PLUS', $secret, header => 'p=tls-server-end-point,,', data => 'x' x 32),
        qr/^-ERR \[AUTH\] unsupported-channel-binding-type: not of this connection/, 'no certificate of its own');
    like(try($client, 'SCRAM-SHA-256-PLUS', $secret, header => 'p=tls-exporter,,', data => $before),
        qr/^-ERR \[AUTH\] channel-bindings-dont-match/, 'nor is the first one of use');
    like(try($client, 'SCRAM-SHA-256-PLUS', $secret, header => 'p=tls-exporter,,', data => exporter($client)), $in,
        'but its own is');
};

subtest 'TLS 1.2 without the extended master secret' => sub {
    my $client = connected($site, SSL_version => 'TLSv1_2',
        SSL_create_ctx_callback => sub { Net::SSLeay::CTX_set_options($_[0], $no_ems) });
    like(try($client, 'SCRAM-SHA-256-PLUS', $secret, header => 'p=tls-exporter,,', data => exporter($client)),
        qr/^-ERR \[AUTH\] unsupported-channel-binding-type: not of this connection/, 'no exporter');
    like(try($client, 'SCRAM-SHA-256-PLUS', $secret, header => 'p=tls-server-end-point,,', data => end_point($client)),
        $in, 'the certificate does');
};
$site->stop;

subtest 'the hash of the certificate' => sub {
    for my $case (['rsa', '-sha384', \&sha384], ['ec', '-sha512', \&sha512], ['ec', '-sha256', \&sha256]) {
        my ($kind, $signed, $digest) = @$case;
        my $other = site($kind, more => "-days 3 $signed");
        my $client = connected($other);
        like(try($client, 'SCRAM-SHA-256-PLUS', $secret, header => 'p=tls-server-end-point,,',
            data => end_point($client, $digest)), $in, "$kind, signed by $signed");
        $other->stop;
    }
};

subtest 'inetd, and a policy' => sub {
    my $inetd = site('ec');
    $inetd->stop;
    Pop3d::file_put("$inetd->{dir}/access", "demo mechanisms=scram-sha-256-plus\n");
    $inetd->{config}{'access-file'} = 'access';
    $inetd->configure;
    $inetd->inetd('-S');
    $inetd->{tls} = $inetd->{port};
    my $client = connected($inetd);
    like(try($client, 'SCRAM-SHA-256', $secret), qr/^-ERR \[AUTH\]/, 'who must bind');
    like(try($client, 'SCRAM-SHA-256-PLUS', $secret, header => 'p=tls-exporter,,', data => exporter($client)), $in, 'binds');
    $inetd->stop;
};

done_testing;
