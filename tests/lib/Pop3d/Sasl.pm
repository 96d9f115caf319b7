package Pop3d::Sasl;

# APOP and AUTH, the client's side, each response worked out here.  A way to log
# in is a function of client, name and secret: the answer at its end.

use strict;
use warnings;

use Digest::MD5 qw(md5 md5_hex);
use Digest::SHA qw(sha1 sha256 hmac_sha1 hmac_sha256);
use Exporter qw(import);
use MIME::Base64 qw(decode_base64 encode_base64);

our @EXPORT_OK = qw(b64 cram scram %clear %every %hash %proof);

sub b64 { encode_base64($_[0], '') }

sub hmac_md5_hex {
    my ($octets, $key) = @_;
    $key = md5($key) if length $key > 64;
    $key .= "\0" x (64 - length $key);
    return md5_hex(($key ^ ("\x5c" x 64)) . md5(($key ^ ("\x36" x 64)) . $octets));
}

our %hash = ('SCRAM-SHA-1' => [\&sha1, \&hmac_sha1], 'SCRAM-SHA-256' => [\&sha256, \&hmac_sha256]);

# RFC 5802, 2.2
sub salted {
    my ($mac, $password, $salt, $count) = @_;
    my $one = $mac->($salt . pack('N', 1), $password);
    my $sum = $one;
    for (2 .. $count) {
        $one = $mac->($one, $password);
        $sum ^= $one;
    }
    return $sum;
}

# The answer at the end; with initial the first message comes with AUTH; with
# data (and header) it is bound to a channel of TLS.
sub scram {
    my ($client, $mechanism, $name, $password, %option) = @_;
    my ($hash, $mac) = @{$hash{$mechanism =~ s/-PLUS\z//r}};
    my $header = $option{header} // 'n,,';
    my $bare = 'n=' . ($name =~ s/=/=3D/gr =~ s/,/=2C/gr) . ',r=rOprNGfwEbeRWgbNEkqO';
    my $answer = $option{initial} ? $client->ask("AUTH $mechanism " . b64("$header$bare"))
        : $client->ask("AUTH $mechanism") eq '+ ' ? $client->ask(b64("$header$bare")) : 'no';
    my ($first) = $answer =~ /^\+ (\S+)$/ or return $answer;
    $first = decode_base64($first);
    my ($nonce, $salt, $count) = $first =~ /^r=(rOprNGfwEbeRWgbNEkqO[^,]{18,}),s=([^,]+),i=(\d+)$/
        or return "bad: $first";
    my $password_salted = salted($mac, $password, decode_base64($salt), $count);
    my $key = $mac->('Client Key', $password_salted);
    my $without = 'c=' . b64($header . ($option{data} // '')) . ",r=$nonce";
    my $text = "$bare,$first,$without";
    my $proof = $key ^ $mac->($text, $hash->($key));
    $answer = $client->ask(b64("$without,p=" . b64($proof)));
    my ($final) = $answer =~ /^\+ (\S+)$/ or return $answer;
    my $server = 'v=' . b64($mac->($text, $mac->('Server Key', $password_salted)));
    return "bad: the server has not proved itself: " . decode_base64($final)
        if decode_base64($final) ne $server;
    return $client->ask('');
}

sub cram {
    my ($client, $name, $password) = @_;
    my ($challenge) = $client->ask('AUTH CRAM-MD5') =~ /^\+ (\S+)$/ or return 'no challenge';
    $challenge = decode_base64($challenge);
    $challenge =~ /^<\d+\.\d+\@[A-Za-z0-9.-]+>$/ or return "bad: $challenge";
    return $client->ask(b64("$name " . hmac_md5_hex($challenge, $password)));
}

sub apop {
    my ($client, $name, $password) = @_;
    my ($stamp) = $client->{banner} =~ /(<\d+\.\d+\@[A-Za-z0-9.-]+>)$/ or return 'no stamp';
    return $client->ask("APOP $name " . md5_hex($stamp . $password));
}

sub plain {
    my ($client, $name, $password) = @_;
    return $client->ask('AUTH PLAIN ' . b64("\0$name\0$password"));
}

sub login {
    my ($client, $name, $password) = @_;
    $client->ask('AUTH LOGIN');
    $client->ask(b64($name));
    return $client->ask(b64($password));
}

# By name: what proves a secret, what sends it.
our %proof = (APOP => \&apop, 'CRAM-MD5' => \&cram,
    map { my $m = $_; ($m => sub { scram($_[0], $m, @_[1, 2], initial => 1) }) } keys %hash);
our %clear = (PLAIN => \&plain, LOGIN => \&login);
our %every = (%proof, %clear);

1;
