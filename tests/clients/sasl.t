#!/usr/bin/perl
# Every mechanism that clients have: each logs in by it, and fetches all; with
# a wrong secret none gets in.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Authen::SASL;
use Net::POP3;
use Test::More;

use Pop3d;
use Pop3d::Corpus;
use Pop3d::Fetch;

my @all = Pop3d::Corpus::everyday(5);
my @lf = map { Pop3d::Corpus::wire($_) =~ s/\r\n/\n/gr } @all;

sub program { return Pop3d::program($_[0]) // BAIL_OUT("no $_[0]: see tests/need") }

# A client: name => [mechanisms by its words => by the log's, code].  The code
# gets the site, a home, the mechanism and a secret; it returns true for a
# login, and has fetched all then.
my %clients = (
    mpop => [{plain => 'PLAIN', login => 'LOGIN', 'cram-md5' => 'CRAM-MD5', 'scram-sha-1' => 'SCRAM-SHA-1',
        'scram-sha-256' => 'SCRAM-SHA-256', apop => 'APOP', on => 'SCRAM-SHA-256'}, sub {
        my ($site, $home, $mechanism, $secret) = @_;
        my $deliver = deliverer($home);
        Pop3d::file_put("$home/rc", join("\n", 'account site', 'host 127.0.0.1', "port $site->{port}", 'user demo',
            "password $secret", "auth $mechanism", 'tls off', "delivery mda $deliver", 'received_header off', 'only_new off',
            'keep on', "uidls_file $home/uidls") . "\n");
        chmod(0600, "$home/rc");
        local %ENV = (%ENV, HOME => $home);
        my ($status, $out) = $site->run(program('mpop'), '-C', "$home/rc", 'site');
        return $status == 0 || ($out =~ /authentication failed/i ? 0 : diag($out));
    }],
    fetchmail => [{'protocol pop3 auth cram-md5' => 'CRAM-MD5', 'protocol apop' => 'APOP'}, sub {
        my ($site, $home, $mechanism, $secret) = @_;
        my ($protocol, $auth) = $mechanism =~ /^(protocol \S+)(?: (auth \S+))?$/;
        Pop3d::file_put("$home/rc", "poll 127.0.0.1 $protocol service $site->{port} " . ($auth // '')
            . " username \"demo\" password \"$secret\" fetchall keep no rewrite sslproto '' mda \"" . deliverer($home) . "\"\n");
        chmod(0600, "$home/rc");
        local %ENV = (%ENV, HOME => $home, FETCHMAILHOME => $home);
        my ($status, $out) = $site->run(program('fetchmail'), '-f', "$home/rc", '--nosyslog', '--invisible');
        return $status == 0 || ($status >> 8 == 3 ? 0 : diag($out));
    }],
    curl => [{'AUTH=PLAIN' => 'PLAIN', 'AUTH=LOGIN' => 'LOGIN', 'AUTH=CRAM-MD5' => 'CRAM-MD5', 'AUTH=+APOP' => 'APOP',
        'AUTH=PLAIN --sasl-ir' => 'PLAIN'}, sub {
        my ($site, $home, $mechanism, $secret) = @_;
        my ($options, $initial) = split / --/, $mechanism;
        Pop3d::file_put("$home/curlrc", join("\n", "user = \"demo:$secret\"", 'silent', 'show-error', 'max-time = 60',
            "login-options = \"$options\"", $initial // (), map { ("url = \"pop3://127.0.0.1:$site->{port}/$_\"",
            "output = \"$home/got/$_\"") } 1 .. @all) . "\n");
        my ($status, $out) = $site->run(program('curl'), '-q', '-K', "$home/curlrc");
        return $status == 0 || ($status >> 8 == 67 ? 0 : diag($out));
    }],
    getmail => [{True => 'APOP'}, sub {
        my ($site, $home, $mechanism, $secret) = @_;
        Pop3d::file_put("$home/getmailrc", "[retriever]\ntype = SimplePOP3Retriever\nserver = 127.0.0.1\n"
            . "port = $site->{port}\nusername = demo\npassword = $secret\nuse_apop = $mechanism\n"
            . "[destination]\ntype = MDA_external\npath = " . deliverer($home) . "\nallow_root_commands = True\n"
            . "[options]\ndelete = False\nread_all = True\ndelivered_to = False\nreceived = False\nverbose = 1\n");
        local %ENV = (%ENV, HOME => $home);
        my ($status, $out) = $site->run(program('getmail'), '--getmaildir', $home);
        return 0 if $out =~ /wrong name or password|credential|login/i;
        return $status == 0 || diag($out);
    }],
    poplib => [{apop => 'APOP'}, sub {
        my ($site, $home, $mechanism, $secret) = @_;
        my ($status, $out) = $site->run(-x '/usr/bin/python3' ? '/usr/bin/python3' : program('python3'), '-c', <<'END',
import poplib, sys
port, folder, secret = int(sys.argv[1]), sys.argv[2], sys.argv[3]
pop = poplib.POP3("127.0.0.1", port, timeout=30)
try:
    pop.apop("demo", secret)
except poplib.error_proto as error:
    sys.exit(str(error))
for number in range(1, pop.stat()[0] + 1):
    with open("%s/%d" % (folder, number), "wb") as out:
        out.write(b"\r\n".join(pop.retr(number)[1]) + b"\r\n")
pop.quit()
END
            $site->{port}, "$home/got", $secret);
        return $status == 0 || ($out =~ /wrong name or password/ ? 0 : diag($out));
    }],
    'Net::POP3' => [{PLAIN => 'PLAIN', LOGIN => 'LOGIN', 'CRAM-MD5' => 'CRAM-MD5', apop => 'APOP', any => 'CRAM-MD5'}, sub {
        my ($site, $home, $mechanism, $secret) = @_;
        my $pop = Net::POP3->new('127.0.0.1', Port => $site->{port}, Timeout => 30) // return diag("no connection");
        my $in;
        if ($mechanism eq 'apop') { $in = $pop->apop('demo', $secret) }
        elsif ($mechanism eq 'any') { $in = $pop->auth('demo', $secret) }
        else {
            $in = $pop->auth(Authen::SASL->new(mechanism => $mechanism,
                callback => {user => 'demo', authname => 'demo', pass => $secret}));
        }
        if (!$in) {
            $pop->quit;
            return 0;
        }
        for my $number (1 .. @all) {
            Pop3d::file_put("$home/got/$number", join('', @{$pop->get($number)}));
        }
        return $pop->quit;
    }],
);

my $site = Pop3d->new(mailbox => Pop3d::Corpus::mbox(@all), config => {auth => 'mailauth passwd-file',
    'mailauth-file' => 'secrets'});
$site->secret_add('demo', 'open-sesame', '--apop');
$site->standalone('-d');

for my $name (sort keys %clients) {
    my ($mechanisms, $code) = @{$clients{$name}};
    subtest $name => sub {
        for my $mechanism (sort keys %$mechanisms) {
            my $home = home($site);
            ok($code->($site, $home, $mechanism, 'open-sesame'), "$mechanism: the right secret")
                or diag($site->log_text);
            same_messages([map { s/\r\n/\n/gr } fetched($home)], \@lf, $mechanism);
            $site->log_clear;
            is($code->($site, home($site), $mechanism, 'wrong'), 0, "$mechanism: a wrong one");
            # Which it was: a client may have tried another.
            ok($site->log_wait(qr/^LOGIN FAILED, user=demo, .*, method=\Q$mechanisms->{$mechanism}\E$/),
                "by $mechanisms->{$mechanism}") or diag($site->log_text);
        }
    };
}

done_testing;
