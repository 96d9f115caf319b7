#!/usr/bin/perl
# Certificates and keys that will not do, one by one: what -n says, what the
# log says at the start and at a SIGHUP, and that sessions in clear go on.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::SSL::Utils;
use POSIX ();
use Test::More;

use Pop3d;
use Pop3d::Corpus;
use Pop3d::Tls qw(certificate s_client);

my $root = Pop3d::as_root();
my ($three) = Pop3d::Corpus::mailbox('three');
my $day = 86400;
my $site = Pop3d->new(mailbox => $three);
my $dir = $site->{dir};
my $key = KEY_create_ec('prime256v1');

sub put {
    my ($name, $text, $mode) = @_;
    Pop3d::file_put("$dir/$name", $text);
    chmod($mode // 0600, "$dir/$name");
}

# NAME.crt, with the common key or its own.
sub made {
    my ($name, %option) = @_;
    $option{key} //= $key;
    my ($crt) = CERT_create(subject => {commonName => "$name.example.org"},
        not_before => time - 9 * $day, not_after => time + $day, %option);
    put("$name.crt", PEM_cert2string($crt), 0644);
    return $crt;
}

put('good.key', PEM_key2string($key));
my $ca_key = KEY_create_rsa(2048);
my $ca = made('ca', key => $ca_key, CA => 1);
made('good');
my $text = Pop3d::file_get("$dir/good.crt");
made('expired', not_before => time - 9 * $day, not_after => time - 2 * $day);
made('early', not_before => time + 2 * $day, not_after => time + 9 * $day);
made('leaf', issuer => [$ca, $ca_key]);
put('chain.crt', Pop3d::file_get("$dir/leaf.crt") . Pop3d::file_get("$dir/ca.crt"), 0644);
put('damaged.crt', Pop3d::file_get("$dir/leaf.crt") . Pop3d::file_get("$dir/ca.crt") =~ s/^M/*/mr, 0644);
made('old', issuer => [$ca, $ca_key], digest => 'sha1');
put('both.crt', $text . PEM_key2string($key), 0644);
put('empty.crt', '');
put('junk.crt', join('', map { chr($_ * 7 % 256) } 1 .. 5000));
put('cut.crt', substr($text, 0, length($text) / 2));
put('large.crt', 'x' x 1048576);
put('junk.key', "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n");
put('open.key', PEM_key2string($key), 0644);
put('group.key', PEM_key2string($key), 0660);
mkdir("$dir/folder.crt");
POSIX::mkfifo("$dir/fifo.crt", 0600);
my $small = KEY_create_rsa(1024);
made('small', key => $small);
put('small.key', PEM_key2string($small));
my $curve = KEY_create_ec('secp256k1');
made('curve', key => $curve);
put('curve.key', PEM_key2string($curve));
system("cd $dir && openssl pkey -in good.key -aes128 -passout pass:x -out locked.key && chmod 600 locked.key "
    . '&& openssl genpkey -algorithm ed25519 -out ed.key 2>/dev/null && chmod 600 ed.key '
    . '&& openssl req -x509 -key ed.key -subj /CN=ed.example.org -days 2 -out ed.crt 2>/dev/null') == 0 or die 'openssl';
my $unread = $root ? qr/must belong to root/ : qr/Permission denied/;
for (qw(unread.crt unread.key)) {
    put($_, Pop3d::file_get($dir . (/crt/ ? '/good.crt' : '/good.key')), 0);
    chown($Pop3d::UID, $Pop3d::GID, "$dir/$_") if $root;
}

# What it is, the files, what the log says, whether there is TLS all the same.
my @cases = (
    ['missing', 'none.crt', 'good.key', qr/none\.crt: No such file/],
    ['its key missing', 'good.crt', 'none.key', qr/none\.key: No such file/],
    ['unreadable', 'unread.crt', 'good.key', qr/unread\.crt: $unread/],
    ['its key unreadable', 'good.crt', 'unread.key', qr/unread\.key: $unread/],
    ['a folder', 'folder.crt', 'good.key', qr/folder\.crt: not a regular file/],
    ['a FIFO', 'fifo.crt', 'good.key', qr/fifo\.crt: not a regular file/],
    ["another's key", 'ca.crt', 'good.key', qr/ca\.crt, \S+good\.key: the key belongs to another certificate/],
    ['a locked key', 'good.crt', 'locked.key', qr/locked\.key: the key is encrypted/],
    ['empty', 'empty.crt', 'good.key', qr/empty\.crt, \S+: no certificate in PEM/],
    ['junk', 'junk.crt', 'good.key', qr/junk\.crt, \S+: no certificate in PEM/],
    ['cut off', 'cut.crt', 'good.key', qr/cut\.crt, \S+: no certificate in PEM/],
    ['too large', 'large.crt', 'good.key', qr/large\.crt: too large/],
    ['a damaged chain', 'damaged.crt', 'good.key', qr/damaged\.crt, \S+: a certificate is damaged/],
    ['a key that is junk', 'good.crt', 'junk.key', qr/junk\.key: no private key in PEM/],
    ['a certificate for a key', 'good.crt', 'good.crt', qr/good\.crt: everybody may read the key/],
    ['an open key', 'good.crt', 'open.key', qr/open\.key: everybody may read the key/],
    ["a group's key", 'good.crt', 'group.key', qr/group\.key: others may write it/],
    ['an open key in one file', 'both.crt', 'both.crt', qr/both\.crt: everybody may read the key/],
    ['a small key', 'small.crt', 'small.key', qr/small\.key: RSA of 1024 bits: it must be 2048 to 8192/],
    ['a curve of its own', 'curve.crt', 'curve.key', qr/curve\.key: ECDSA on the curve secp256k1: it must be P-256/],
    ['another kind of key', 'ed.crt', 'ed.key', qr/ed\.key: the key is neither RSA nor ECDSA/],
    ['an old signature', 'old.crt', 'good.key', qr/OpenSSL cannot use the certificates/],
    ['expired', 'expired.crt', 'good.key', qr/expired\.crt: .*the certificate has expired on \d{4}-\d\d-\d\d/, 1],
    ['not yet valid', 'early.crt', 'good.key', qr/early\.crt: .*the certificate is not valid yet/, 1],
    ['without its chain', 'leaf.crt', 'good.key', qr/leaf\.crt: .*the certificate stands without its chain/, 1],
);

sub plain {
    my ($client, $what) = @_;
    $client->ask('USER demo');
    like($client->ask('PASS secret'), qr/^\+OK/, "$what: a session in clear goes on");
    like($client->ask('QUIT'), qr/^\+OK/, "$what: to its end");
}

sub check {
    my ($crt, $key) = @_;
    $site->configure('tls-certificate' => $crt, 'tls-key' => $key);
    return $site->run($Pop3d::POP3D, '-n', '-C', "$dir/pop3d.conf");
}

subtest 'good ones' => sub {
    for (['good.crt', 'ECDSA of 256 bits'], ['chain.crt', 'ECDSA of 256 bits']) {
        my ($status, $out) = check($_->[0], 'good.key');
        is($status, 0, "$_->[0]: -n says 0");
        like($out, qr/^TLS +\S+$_->[0]: $_->[1], until \d{4}-\d\d-\d\d$/m, "$_->[0]: and nothing else");
    }
};

subtest '-n' => sub {
    for (@cases) {
        my ($what, $crt, $key, $reason, $serves) = @$_;
        my ($status, $out) = check($crt, $key);
        like($out, qr/^TLS .*$reason/m, "$what: says so");
        is($status != 0 ? 1 : 0, $serves ? 0 : 1, "$what: its status");
    }
};

subtest 'inetd' => sub {
    for (@cases) {
        my ($what, $crt, $key, $reason, $serves) = @$_;
        $reason = qr/the front could not make TLS ready/ if $what eq 'an old signature';
        $site->configure('tls-certificate' => $crt, 'tls-key' => $key);
        $site->log_clear;
        my $client = $site->session(args => ['-S'], greeting => 0);
        shutdown($client->{socket}, 1);
        is($client->to_end, '', "$what: -S says nothing in clear");
        ok(scalar $site->log_wait($reason), "$what: and the log why") or diag($site->log_text);
        $site->log_clear;
        $client = $site->session;
        my $answer = $client->ask('STLS');
        like($answer, $serves ? qr/^\+OK/ : qr/^-ERR/, "$what: STLS");
        ok(scalar $site->log_wait($reason), "$what: the log why") or diag($site->log_text);
        next if $serves;
        unlike($client->ask_multi('CAPA'), qr/^STLS/m, "$what: not in CAPA");
        like($client->ask('STLS'), qr/^-ERR there is no TLS here/, "$what: asked again") for 1 .. 4;
        plain($client, $what);
        unlike($site->log_text, qr/broke the rules/, "$what: the front is not blamed");
    }
};

subtest '-F at its start' => sub {
    for (@cases) {
        my ($what, $crt, $key, $reason, $serves) = @$_;
        $site->configure('tls-certificate' => $crt, 'tls-key' => $key);
        $site->log_clear;
        my $tls = Pop3d::free_port();
        $site->standalone('-o', "listen-tls=127.0.0.1:$tls");
        ok(scalar $site->log_wait($serves ? $reason : qr/^no TLS: .*$reason/), "$what: says so") or diag($site->log_text);
        if ($serves) {
            like(s_client($site, $tls, "QUIT\n"), qr/\+OK bye/, "$what: serves");
        }
        else {
            my $client = $site->connect;
            unlike($client->ask_multi('CAPA'), qr/^STLS/m, "$what: not in CAPA");
            like($client->ask('STLS'), qr/^-ERR there is no TLS here/, "$what: refused");
            plain($client, $what);
            my $other = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $tls);
            is(Pop3d::Client->new(socket => $other)->to_end, '', "$what: its port says nothing");
        }
        $site->stop;
    }
};

# The same names, other files.
sub place {
    my ($crt, $key) = @_;
    for (['site.crt', $crt], ['site.key', $key]) {
        unlink("$dir/$_->[0]");
        symlink("$dir/$_->[1]", "$dir/$_->[0]") or die "symlink: $!\n";
    }
}

subtest 'SIGHUP' => sub {
    place('good.crt', 'good.key');
    $site->configure('tls-certificate' => 'site.crt', 'tls-key' => 'site.key');
    my $tls = Pop3d::free_port();
    $site->standalone('-o', "listen-tls=127.0.0.1:$tls");
    my $subject = sub {
        my ($name) = s_client($site, $tls, "QUIT\n") =~ /^subject=CN = (\S+)/m;
        return $name // 'none';
    };
    my $signer = sub { return (Pop3d::family($site->{server}))[1] };
    my $first = $signer->();
    my @bad = grep { !$_->[4] && $_->[1] ne $_->[2] } @cases;
    for (@bad) {
        my ($what, $crt, $key, $reason) = @$_;
        $reason =~ s/\w+\\\.(crt|key)/site\\.$1/g;
        place($crt, $key);
        $site->log_clear;
        kill('HUP', $site->{server});
        ok(scalar $site->log_wait(qr/certificates that were read before stay/), "$what: the old ones stay");
        ok(scalar $site->log_wait(qr/^no TLS: .*$reason/), "$what: the log says why") or diag($site->log_text);
    }
    is($signer->(), $first, 'the signer is the same');
    ok(Pop3d::until_true(sub { Pop3d::family($site->{server}) == 2 }), 'and the only one');
    is($subject->(), 'good.example.org', 'and serves');
    place('chain.crt', 'good.key');
    kill('HUP', $site->{server});
    ok(Pop3d::until_true(sub { $subject->() eq 'leaf.example.org' }), 'a good one replaces it');
    ok(Pop3d::until_true(sub { !kill(0, $first) }), 'its signer has ended');
    ok(Pop3d::until_true(sub { Pop3d::family($site->{server}) == 2 }), 'there is one signer');
    $site->stop;
};

done_testing;
