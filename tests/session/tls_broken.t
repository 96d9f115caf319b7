#!/usr/bin/perl
# Handshakes that are broken off or stalled at every flight, and in the middle
# of each: TLS 1.2 and 1.3, from the first octet and by STLS, inetd and -D.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Select;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

use Pop3d;
use Pop3d::Corpus;
use Pop3d::Flights;
use Pop3d::Tls qw(certificate);

my ($three) = Pop3d::Corpus::mailbox('three');

sub site {
    my (%config) = @_;
    my $site = Pop3d->new(mailbox => $three);
    certificate($site->{dir}, 'ec', 'ec');
    $site->{config} = {'tls-certificate' => 'ec.crt', 'tls-key' => 'ec.key', %config};
    $site->configure;
    return $site;
}

# A connection, by STLS where that is asked for; its own port is its name in
# the log.
sub begin {
    my ($case) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $case->{port}) or die "connect: $!\n";
    my $client = Pop3d::Client->new(socket => $socket);
    if ($case->{stls}) {
        $client->line;
        $client->ask('STLS') eq '+OK begin TLS' or die "no STLS\n";
    }
    return $client;
}

# Flights: 0, the client's hello; 1, what it says after the server's; with a
# hello that is asked for again ("retry") there is one more.  Octets: what
# part of the flight is sent, as a share.
sub cases {
    my (%port) = @_;
    my @cases;
    for my $kind (sort keys %port) {
        for my $version ('1.2', '1.3', 'retry') {
            for my $flight (0 .. ($version eq 'retry' ? 2 : 1)) {
                next if $version eq 'retry' && $flight == 0;
                for my $share (0, 0.01, 0.5, 0.99, 1) {
                    # All of the last is a handshake that is done.
                    next if $share == 1 && $flight == ($version eq 'retry' ? 2 : 1);
                    push @cases, {port => $port{$kind}, stls => $kind eq 'STLS', kind => $kind,
                        version => $version, flight => $flight, share => $share,
                        what => "$kind, $version, flight $flight, " . 100 * $share . ' %'};
                }
            }
        }
    }
    return @cases;
}

# Go as far as the case says.
sub advance {
    my ($case) = @_;
    my $client = $case->{client} = begin($case);
    my $peer = $case->{peer} = Pop3d::Flights->new($case->{version} eq 'retry'
        ? (version => '1.3', groups => 'X448:P-256') : (version => $case->{version}));
    my $came = '';
    for my $number (0 .. $case->{flight}) {
        my $flight = $peer->flight($came);
        while ($number > 0 && !length $flight) {
            $client->fill(20) or die "$case->{what}: no answer\n";
            $case->{came} .= $client->{buffer};
            $flight = $peer->flight($client->{buffer});
            $client->{buffer} = '';
        }
        $came = '';
        if ($number == $case->{flight}) {
            my $part = $case->{share} == 1 ? length $flight
                : $case->{share} == 0 ? 0 : 1 + int($case->{share} * (length($flight) - 1));
            $case->{missing} = substr($flight, $part, length $flight, '');
            $case->{nothing} = $case->{flight} == 0 && $case->{share} == 0;
        }
        $client->put($flight) if length $flight;
    }
}

# The client's own end of a connection, as the log names it.
sub mark {
    my ($case) = @_;
    return 'ip=[127.0.0.1], port=[' . $case->{client}{socket}->sockport . ']';
}

sub expect {
    my ($site, $text, @cases) = @_;
    my @without;
    # What inetd starts has the connection for its diagnostics.
    return pass('inetd: the log is syslog\'s') if $site->{inetd} && !Pop3d::can_world();
    Pop3d::until_true(sub {
        my $log = $site->log_text;
        @without = grep { $log !~ /TLS FAILED, \Q@{[mark($_)]}\E(, tls=\S+)?: $text$/m } @cases;
        return !@without;
    });
    is(join('; ', map { $_->{what} } @without), '', "a line with address and reason: $text")
        or diag($site->log_text);
}

# Nothing but the server itself, and the signer of its own.
sub left {
    my ($site) = @_;
    my @left;
    my $server = $site->{server} // $site->{daemon};
    my $own = $site->{inetd} ? 1 : 2;
    Pop3d::until_true(sub {
        @left = Pop3d::family($server);
        return @left <= $own;
    });
    is(scalar @left, $own, 'no process is left');
}

sub judge {
    my ($site, @cases) = @_;
    my @bad = map { "$_->{what}: $_->{foreign}" } grep { length $_->{foreign} } @cases;
    is(join('; ', @bad), '', 'no client got an octet that is not TLS');
    left($site);
    unlike($site->log_text, qr/front died|broke the rules|killed|signer has ended/, 'and all processes did well')
        or diag($site->log_text);
}

sub served {
    my ($site, %port) = @_;
    for my $kind (sort keys %port) {
        my $client = begin({port => $port{$kind}, stls => $kind eq 'STLS'});
        my $peer = Pop3d::Flights->new;
        ok($peer->shake($client), "$kind: the next one is served");
        is($peer->ask($client), '+OK ready', 'greeted') if $kind ne 'STLS';
        is($peer->ask($client, 'QUIT'), '+OK bye', 'to the end');
    }
}

sub broken {
    my ($site, %port) = @_;
    $site->log_clear;
    my @cases = cases(%port);
    for (@cases) {
        advance($_);
        # All of it is in the kernel's hands: the server sees it, then the end.
        shutdown($_->{client}{socket}, 1);
        $_->{foreign} = Pop3d::Flights::foreign(($_->{came} // '') . ($_->{client}->to_end // 'no end'));
    }
    cmp_ok(scalar @cases, '>=', 21 * keys %port, scalar(@cases) . ' places');
    expect($site, 'the client went away', grep { !$_->{nothing} } @cases);
    my @quiet = grep { $_->{nothing} } @cases;
    is(scalar(grep { $site->log_text =~ /TLS FAILED, \Q@{[mark($_)]}\E/ } @quiet), 0, 'who says nothing has no line');
    judge($site, @cases);
}

# All at once: they wait for the same clock.
sub stalled {
    my ($site, %port) = @_;
    $site->log_clear;
    my @cases = cases(%port);
    advance($_) for @cases;
    my %open = map { $_->{client}{socket} => $_ } @cases;
    my $end = time + 30;
    while (%open && time < $end) {
        for my $socket (IO::Select->new(map { $_->{client}{socket} } values %open)->can_read(1)) {
            my $case = $open{$socket};
            next if $case->{client}->fill(0);
            delete $open{$socket} if $case->{client}{ended};
        }
    }
    is(join('; ', map { $_->{what} } values %open), '', 'the clock of the login ends them all');
    $_->{foreign} = Pop3d::Flights::foreign(($_->{came} // '') . $_->{client}{buffer}) for @cases;
    expect($site, 'no handshake in time', @cases);
    judge($site, @cases);
}

# What a hostile client says in the place of a flight.
sub twisted {
    my ($site, %port) = @_;
    my @twists = (
        ['a close', "\x15\x03\x03\x00\x02\x01\x00", qr/the client went away|a message out of order/],
        ['an alert', "\x15\x03\x03\x00\x02\x02\x28",
            qr/the client refused: alert 40 \(handshake failure\)|a message out of order/],
        ['data', "\x17\x03\x03\x00\x06QUIT\r\n", qr/\S/],
        ['a record that is too long', "\x16\x03\x03\xff\xff" . 'x' x 65535, qr/\S/],
        ['no octets', "\x16\x03\x03\x00\x00" x 64, qr/\S/],
        ['a change of cipher', "\x14\x03\x03\x00\x01\x01", qr/\S/],
        ['HTTP', "GET / HTTP/1.0\r\n\r\n", qr/HTTP was spoken|what came is not TLS|\S/],
        ['POP3', "USER demo\r\nPASS secret\r\nQUIT\r\n", qr/\S/],
        ['another hello', undef, qr/\S/],
    );
    for my $kind (sort keys %port) {
        for my $version ('1.2', '1.3') {
            for my $flight (0, 1) {
                for my $twist (@twists) {
                    my ($what, $octets, $reason) = @$twist;
                    next if $flight == 0 && !defined $octets;
                    my %case = (port => $port{$kind}, stls => $kind eq 'STLS', version => $version,
                        flight => $flight, share => 0, what => $what);
                    $site->log_clear;
                    advance(\%case);
                    $case{client}->put($octets // Pop3d::Flights->new(version => $version)->flight);
                    shutdown($case{client}{socket}, 1);
                    my $came = ($case{came} // '') . ($case{client}->to_end // 'no end');
                    my $where = "$what, $kind, $version, flight $flight";
                    is(Pop3d::Flights::foreign($came), '', "$where: nothing that is not TLS");
                    ok(scalar $site->log_wait(qr/^TLS FAILED, \Q@{[mark(\%case)]}\E(, tls=\S+)?: $reason/),
                        "$where: in the log") or diag($site->log_text);
                    unlike($site->log_text, qr/LOGIN|OpenSSL error 0+\b/, "$where: no login, and a reason")
                        or diag($site->log_text);
                }
            }
        }
    }
    left($site);
}

# Between the hello and what must be signed.
subtest 'a signer that dies' => sub {
    my $site = site();
    my $tls = Pop3d::free_port();
    $site->standalone('-o', "listen-tls=127.0.0.1:$tls");
    my %port = (first => $tls, STLS => $site->{port});
    for my $kind (sort keys %port) {
        for my $version ('1.2', '1.3') {
            my $signer = (Pop3d::family($site->{server}))[1];
            my %case = (port => $port{$kind}, stls => $kind eq 'STLS', version => $version, flight => 0, share => 0.5,
                what => "$kind, $version");
            $site->log_clear;
            advance(\%case);
            # The front has its way to the signer once it is closed in.
            Pop3d::until_true(sub {
                2 == grep { (Pop3d::file_get("/proc/$_/status") // '') =~ /^Seccomp:\s*2$/m } Pop3d::family($site->{server});
            });
            kill('KILL', $signer);
            ok(scalar $site->log_wait(qr/the signer has ended: another one is started/), 'another is started');
            $case{client}->put($case{missing});
            my $came = $case{client}->to_end // 'no end';
            is(Pop3d::Flights::foreign($came), '', "$kind, $version: nothing that is not TLS");
            expect($site, 'the signer did not sign', \%case);
        }
    }
    served($site, %port);
    $site->stop;
};

for my $login (60, 2) {
    my $how = $login == 2 ? 'stalled' : 'broken off';
    subtest "$how, -D" => sub {
        my $site = site('login-timeout' => "${login}s");
        my $tls = Pop3d::free_port();
        # In the background syslog has the lines: only a world has one.
        my $start = Pop3d::can_world() ? 'daemon' : 'standalone';
        $site->$start('-o', "listen-tls=127.0.0.1:$tls");
        my %port = (first => $tls, STLS => $site->{port});
        my ($server, $signer) = Pop3d::family($site->{server} // $site->{daemon});
        $login == 2 ? stalled($site, %port) : broken($site, %port);
        twisted($site, %port) if $login != 2;
        is((Pop3d::family($server))[1], $signer, 'the signer is the same');
        served($site, %port);
        $site->stop;
    };
    for my $kind ('first', 'STLS') {
        subtest "$how, inetd, $kind" => sub {
            my $site = site('login-timeout' => "${login}s");
            $site->{inetd} = 1;
            $site->inetd($kind eq 'first' ? '-S' : ());
            my %port = ($kind => $site->{port});
            $login == 2 ? stalled($site, %port) : broken($site, %port);
            served($site, %port);
            $site->stop;
        };
    }
}

done_testing;
