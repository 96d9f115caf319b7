#!/usr/bin/perl
# SCRAM-SHA-256-PLUS by the libraries that mail clients have, libgsasl and
# GnuTLS, and by mpop where it is new enough: it logs in, and whoever sits
# between, with a TLS on either side, gets nobody in: neither by passing on
# what he hears, nor by taking -PLUS out of what is offered.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Select;
use Test::More;

use Pop3d;
use Pop3d::Corpus;
use Pop3d::Fetch;
use Pop3d::Tls qw(authority certificate);

plan(skip_all => 'IO::Socket::SSL is needed') if !eval { require IO::Socket::SSL };

my $mpop = Pop3d::program('mpop') // BAIL_OUT('no mpop: see tests/need');
my @all = Pop3d::Corpus::everyday(5);
my $dont = qr/channel-bindings-dont-match/;
my $stripped = qr/server-does-support-channel-binding/;

# The client: port, mechanism, secret, TLS.  Prints the server's last line.
my $gsasl = <<'END';
import base64, ctypes, socket, sys
port, mechanism, secret, priority = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
tls, sasl = ctypes.CDLL('libgnutls.so.30'), ctypes.CDLL('libgsasl.so.18')
sasl.gsasl_strerror.restype = ctypes.c_char_p
pointer, size = ctypes.c_void_p, ctypes.c_size_t
tls.gnutls_record_send.argtypes = tls.gnutls_record_recv.argtypes = [pointer, pointer, size]
tls.gnutls_transport_set_int2.argtypes = [pointer, ctypes.c_int, ctypes.c_int]
for name in ('gnutls_handshake', 'gnutls_deinit'): getattr(tls, name).argtypes = [pointer]
class Datum(ctypes.Structure):
    _fields_ = [('data', pointer), ('size', ctypes.c_uint)]

def must(rc, what):
    if rc < 0: sys.exit('%s: %d' % (what, rc))
session, credentials = pointer(), pointer()
must(tls.gnutls_certificate_allocate_credentials(ctypes.byref(credentials)), 'credentials')
must(tls.gnutls_init(ctypes.byref(session), 2), 'init')
must(tls.gnutls_priority_set_direct(session, priority.encode(), None), 'priority')
must(tls.gnutls_credentials_set(session, 1, credentials), 'credentials')
connection = socket.create_connection(('127.0.0.1', port), 30)
connection.settimeout(None)
tls.gnutls_transport_set_int2(session, connection.fileno(), connection.fileno())
must(tls.gnutls_handshake(session), 'handshake')
rest = b''
def line():
    global rest
    while b'\n' not in rest:
        buffer = ctypes.create_string_buffer(4096)
        got = tls.gnutls_record_recv(session, buffer, 4096)
        if got == -28 or got == -52: continue
        if got <= 0: sys.exit('the end: %d' % got)
        rest += buffer.raw[:got]
    one, rest = rest.split(b'\n', 1)
    return one.rstrip(b'\r').decode()
def ask(text):
    octets = (text + '\r\n').encode()
    must(tls.gnutls_record_send(session, octets, len(octets)), 'send')
    return line()

line()
ask('CAPA')
offered = ''
while True:
    one = line()
    if one == '.': break
    if one.startswith('SASL '): offered = one
data = Datum()
must(tls.gnutls_session_channel_binding(session, 2, ctypes.byref(data)), 'tls-exporter')
exporter = base64.b64encode(ctypes.string_at(data.data, data.size))
if mechanism == 'best':
    mechanism = 'SCRAM-SHA-256-PLUS' if 'SCRAM-SHA-256-PLUS' in offered else 'SCRAM-SHA-256'
context, exchange = pointer(), pointer()
def good(rc):
    if rc not in (0, 1): sys.exit('gsasl: ' + sasl.gsasl_strerror(rc).decode())
    return rc
good(sasl.gsasl_init(ctypes.byref(context)))
good(sasl.gsasl_client_start(context, mechanism.encode(), ctypes.byref(exchange)))
for number, value in ((1, b'demo'), (3, secret.encode()), (25, exporter)):
    good(sasl.gsasl_property_set(exchange, number, value))
answer, text = ask('AUTH ' + mechanism), pointer()
while answer.startswith('+ '):
    good(sasl.gsasl_step64(exchange, answer[2:].encode(), ctypes.byref(text)))
    answer = ask(ctypes.string_at(text).decode())
print(mechanism, answer)
END

# A relay with a TLS on either side; change: what becomes of the server's words.
sub relay {
    my ($site, $change) = @_;
    my $near = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 5) or die "listen: $!\n";
    my $pid = fork // die "fork: $!\n";
    return {port => $near->sockport, pid => $pid} if $pid;
    $SIG{ALRM} = 'DEFAULT';
    alarm(60);
    my $client = $near->accept;
    IO::Socket::SSL->start_SSL($client, SSL_server => 1, SSL_cert_file => "$site->{dir}/other.crt",
        SSL_key_file => "$site->{dir}/other.key") or POSIX::_exit(1);
    my $server = IO::Socket::SSL->new(PeerAddr => '127.0.0.1', PeerPort => $site->{tls}, SSL_verify_mode => 0)
        or POSIX::_exit(1);
    my $select = IO::Select->new($client, $server);
    while (1) {
        for my $from (grep { $_->pending } $client, $server) { relay_one($from, $client, $server, $change) }
        relay_one($_, $client, $server, $change) for $select->can_read;
    }
}

sub relay_one {
    my ($from, $client, $server, $change) = @_;
    my $got = sysread($from, my $octets, 16384);
    POSIX::_exit(0) if !$got;
    $change->($octets) if $from == $server;
    syswrite($from == $server ? $client : $server, $octets);
}

sub between {
    my ($site, $change, $code) = @_;
    my $relay = relay($site, $change);
    my @result = $code->($relay->{port});
    kill('TERM', $relay->{pid});
    waitpid($relay->{pid}, 0);
    return @result;
}

sub nothing { }
sub strip { $_[0] =~ s/SCRAM-SHA-\d+-PLUS ?//g }

sub gsasl {
    my ($site, $port, $mechanism, $secret, $priority) = @_;
    Pop3d::file_put("$site->{dir}/gsasl.py", $gsasl);
    my ($status, $out) = $site->run('/usr/bin/python3', "$site->{dir}/gsasl.py", $port, $mechanism,
        $secret // 'open-sesame', $priority // 'NORMAL');
    return $out;
}

# Does mpop get all of it?  Status and what it says.
sub mpop {
    my ($site, $port, $auth, $secret, @more) = @_;
    my $home = home($site);
    Pop3d::file_put("$home/rc", join("\n", 'account site', 'host 127.0.0.1', "port $port", 'user demo',
        "password $secret", "auth $auth", 'tls on', 'tls_starttls off', 'tls_certcheck off',
        'delivery mda ' . deliverer($home), 'received_header off', 'only_new off', 'keep on', "uidls_file $home/uidls", @more) . "\n");
    chmod(0600, "$home/rc");
    local %ENV = (%ENV, HOME => $home);
    return ($site->run($mpop, '-C', "$home/rc", 'site'), $home);
}

my $site = Pop3d->new(mailbox => Pop3d::Corpus::mbox(@all));
certificate($site->{dir}, $_, 'ec') for qw(tls other);
$site->{config} = {auth => 'mailauth passwd-file', 'mailauth-file' => 'secrets',
    'tls-certificate' => 'tls.crt', 'tls-key' => 'tls.key', 'login-delay-failed' => '0s'};
$site->configure;
$site->secret_add('demo', 'open-sesame');
$site->standalone('-o', 'listen-tls=127.0.0.1:' . ($site->{tls} = Pop3d::free_port()));

subtest 'libgsasl and GnuTLS' => sub {
    my %tls = ('TLSv1.3' => 'NORMAL:-VERS-ALL:+VERS-TLS1.3', 'TLSv1.2' => 'NORMAL:-VERS-ALL:+VERS-TLS1.2');
    for my $version (sort keys %tls) {
        for my $mechanism ('SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS') {
            $site->log_clear;
            like(gsasl($site, $site->{tls}, $mechanism, 'open-sesame', $tls{$version}), qr/^\Q$mechanism\E \+OK logged in/,
                "$mechanism, $version");
            ok(scalar $site->log_wait(qr/^LOGIN, user=demo, .*, tls=\Q$version\E, /), 'is a login by it');
        }
    }
    like(gsasl($site, $site->{tls}, 'best'), qr/^SCRAM-SHA-256-PLUS \+OK/, 'the best that is offered');
    like(gsasl($site, $site->{tls}, 'best', 'wrong'), qr/^SCRAM-SHA-256-PLUS -ERR \[AUTH\] wrong/, 'a wrong secret');
    like((between($site, \&nothing, sub { gsasl($site, $_[0], 'best') }))[0], qr/^SCRAM-SHA-256-PLUS -ERR \[AUTH\] $dont/,
        'somebody between');
    # libgsasl 2.2 ends here by itself; others say "y", which tests/session/binding.t does.
    $site->log_clear;
    like((between($site, \&strip, sub { gsasl($site, $_[0], 'best') }))[0],
        qr/^(SCRAM-SHA-256 -ERR \[AUTH\] $stripped|gsasl: Error authenticating user)/, 'who takes -PLUS out');
    unlike($site->log_text, qr/LOGIN, /, 'gets nobody in');
};

subtest 'mpop' => sub {
    my ($status, $version) = $site->run($mpop, '--version');
    plan(skip_all => 'this mpop has no -PLUS: 1.4.19 is the first that has')
        if $version !~ /scram-sha-256-plus/;
    for my $auth ('scram-sha-256-plus', 'scram-sha-1-plus', 'on') {
        $site->log_clear;
        my ($rc, $out, $home) = mpop($site, $site->{tls}, $auth, 'open-sesame');
        is($rc, 0, "auth $auth") or diag($out);
        same_messages([fetched($home)], [map { Pop3d::Corpus::wire($_) =~ s/\r\n/\n/gr } @all], $auth);
        ok(scalar $site->log_wait(qr/^LOGIN, user=demo, .*, tls=TLSv1\.3, /), 'over TLS 1.3');
        $site->log_clear;
        ($rc, $out) = mpop($site, $site->{tls}, $auth, 'wrong');
        isnt($rc, 0, 'not with a wrong secret');
        my ($by) = $site->log_wait(qr/^LOGIN FAILED, user=demo, .*, method=(SCRAM-\S+)$/);
        is($by, $auth eq 'on' ? 'SCRAM-SHA-256-PLUS' : uc $auth, 'by what was to be');
        $site->log_clear;
        ($rc, $out) = between($site, \&nothing, sub { mpop($site, $_[0], $auth, 'open-sesame') });
        isnt($rc, 0, 'somebody between');
        ok(scalar $site->log_wait(qr/^login, user=demo, .*$dont/), 'the log says so') or diag($site->log_text);
    }
    $site->log_clear;
    my ($rc, $out) = between($site, \&strip, sub { mpop($site, $_[0], 'on', 'open-sesame') });
    isnt($rc, 0, 'who takes -PLUS out');
    unlike($site->log_text, qr/LOGIN, /, 'gets nobody in');
};

$site->stop;

# Not of -PLUS, but with the same client: a login by its certificate.
subtest 'mpop, by EXTERNAL' => sub {
    my $ca = authority($site->{dir}, 'ca');
    $ca->('demo', mail => 'demo@example.org');
    $ca->('other');
    Pop3d::file_put("$site->{dir}/map", "email:demo\@example.org demo\n");
    $site->configure('tls-client-ca' => 'ca.crt', 'tls-client-map' => 'map');
    $site->standalone('-o', 'listen-tls=127.0.0.1:' . ($site->{tls} = Pop3d::free_port()));
    for my $who ('demo', 'other') {
        $site->log_clear;
        my ($rc, $out, $home) = mpop($site, $site->{tls}, 'external', 'of no use',
            "tls_key_file $site->{dir}/$who.key", "tls_cert_file $site->{dir}/$who.crt");
        is($rc == 0, $who eq 'demo', $who) or diag($out);
        same_messages([fetched($home)], [map { Pop3d::Corpus::wire($_) =~ s/\r\n/\n/gr } @all], 'EXTERNAL') if !$rc;
        my $line = $who eq 'demo' ? qr/^LOGIN, user=demo, .*, tls=TLSv1\.3, / : qr/^LOGIN FAILED, .*, method=EXTERNAL$/;
        ok(scalar $site->log_wait($line), 'in the log') or diag($site->log_text);
    }
    $site->stop;
};

done_testing;
