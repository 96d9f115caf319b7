#!/usr/bin/perl
# What sslscan(1) finds, from the first octet and by STLS, inetd and -F: just
# what is meant to be there.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Pop3d;
use Pop3d::Corpus;
use Pop3d::Tls qw(certificate);

my $sslscan = Pop3d::program('sslscan');
plan skip_all => 'no sslscan here' unless $sslscan;

my ($three) = Pop3d::Corpus::mailbox('three');
my %protocols = ('ssl 2' => 0, 'ssl 3' => 0, 'tls 1.0' => 0, 'tls 1.1' => 0, 'tls 1.2' => 1, 'tls 1.3' => 1);
my @suites = map { "TLSv1.3 TLS_$_" } qw(AES_128_GCM_SHA256 AES_256_GCM_SHA384 CHACHA20_POLY1305_SHA256);
for my $kind (qw(ECDSA RSA)) {
    push @suites, map { "TLSv1.2 ECDHE-$kind-$_" } qw(AES128-GCM-SHA256 AES256-GCM-SHA384 CHACHA20-POLY1305);
}

# An element's attributes, for each that there is.
sub elements {
    my ($xml, $name) = @_;
    my @all;
    while ($xml =~ /<$name ([^>]*?)\/?>/g) {
        my $attributes = $1;
        push @all, {$attributes =~ /([\w-]+)="([^"]*)"/g};
    }
    return @all;
}

sub scan {
    my ($site, $what, $port, @option) = @_;
    my ($status, $xml) = $site->run($sslscan, '--no-colour', '--show-sigs', '--xml=-', @option, "127.0.0.1:$port");
    is($status, 0, "$what: sslscan") or diag($xml);
    is_deeply({map { ("$_->{type} $_->{version}" => $_->{enabled}) } elements($xml, 'protocol')}, \%protocols, "$what: versions");
    my @ciphers = elements($xml, 'cipher');
    is(join("\n", sort map { "$_->{sslversion} $_->{cipher}" } @ciphers), join("\n", sort @suites), "$what: suites");
    is(scalar(grep { ($_->{curve} // '') eq '' || $_->{bits} < 128 || $_->{strength} !~ /^(strong|acceptable)$/ } @ciphers), 0,
        "$what: every one is strong, and has forward secrecy");
    my %groups = map { ("$_->{sslversion} $_->{name}" => 1) } elements($xml, 'group');
    is(join(', ', sort keys %groups), join(', ', sort map { my $v = $_; map { "$v $_" } 'secp256r1 (NIST P-256)',
        'secp384r1 (NIST P-384)', 'secp521r1 (NIST P-521)', 'x25519' } qw(TLSv1.2 TLSv1.3)), "$what: groups");
    my @renegotiation = elements($xml, 'renegotiation');
    is(join(' ', map { "$_->{supported} $_->{secure}" } @renegotiation), '0 0', "$what: no renegotiation");
    my @bleeds = elements($xml, 'heartbleed');
    is(scalar(grep { $_->{vulnerable} ne '0' } @bleeds), 0, "$what: no heartbeat");
    is(scalar @bleeds, 2, "$what: looked for in both versions");
    is(scalar(grep { ($_->{supported} // '0') ne '0' } elements($xml, 'compression')), 0, "$what: no compression");
    my @weak = grep { /sha1|md5|dsa_|any|legacy/i && !/ecdsa_secp|rsa_pss/i } map { $_->{name} } elements($xml, 'connection-signature-algorithm');
    is(join(' ', @weak), '', "$what: no old signature");
    unlike($xml, qr/<(error|pk error="true")/, "$what: no error");
    # The word that a client had to fall back is heard, which only the text has.
    my (undef, $text) = $site->run($sslscan, '--no-colour', @option, "127.0.0.1:$port");
    like($text, qr/Server supports TLS Fallback SCSV/, "$what: a fallback is noticed");
    unlike($text, qr/insecure|vulnerable(?<!not vulnerable)/i, "$what: no finding");
}

my $site = Pop3d->new(mailbox => $three);
certificate($site->{dir}, $_, $_) for qw(rsa ec);
$site->configure('tls-certificate' => 'rsa.crt ec.crt', 'tls-key' => 'rsa.key ec.key');
my $tls = Pop3d::free_port();
$site->standalone('-o', "listen-tls=127.0.0.1:$tls");
scan($site, '-F, first', $tls);
scan($site, '-F, STLS', $site->{port}, '--starttls-pop3');
unlike($site->log_text, qr/died|broke|has ended/, '-F: and all processes did well');
$site->stop;
$site->inetd('-S');
scan($site, 'inetd, first', $site->{port});
$site->stop;
$site->inetd;
scan($site, 'inetd, STLS', $site->{port}, '--starttls-pop3');
$site->stop;
unlike($site->log_text, qr/died|broke|has ended/, 'inetd: and all processes did well');

done_testing;
