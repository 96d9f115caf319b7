#!/usr/bin/perl
# What leaves a session of TLS, octet by octet: how many records and writes an
# answer takes, what a client in the clear gets, and what is believed of what
# came before the handshake.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Socket qw(SOL_SOCKET SO_RCVBUF);
use Test::More;

use Pop3d;
use Pop3d::Corpus;
use Pop3d::Flights;
use Pop3d::Tls qw(certificate);
use Pop3d::Trace;

my ($three) = Pop3d::Corpus::mailbox('three');

sub site {
    my (%config) = @_;
    my $site = Pop3d->new(mailbox => delete $config{mailbox} // $three);
    certificate($site->{dir}, 'ec', 'ec');
    $site->{config} = {'tls-certificate' => 'ec.crt', 'tls-key' => 'ec.key', %config};
    $site->configure;
    return $site;
}

# A session with its handshake done: client and peer.
sub secured {
    my ($site, $kind, $version) = @_;
    my $client = $site->session(args => $kind eq 'first' ? ['-S'] : [], greeting => $kind ne 'first');
    $client->ask('STLS') if $kind ne 'first';
    my $peer = Pop3d::Flights->new(version => $version);
    $peer->shake($client) or die "no handshake\n";
    return ($client, $peer);
}

# Up to the dot or the line: the text, and the records that it came in.
sub answer {
    my ($client, $peer, $end) = @_;
    my ($text, $raw) = ('', '');
    until ($text =~ /$end/) {
        !length $client->{buffer} and !$client->fill(20) and die "no answer, after: $text\n";
        $raw .= $client->{buffer};
        $text .= $peer->hear($client->{buffer});
        $client->{buffer} = '';
    }
    return ($text, map { $_->[0] } Pop3d::Flights::records($raw));
}

sub writes_of {
    my ($calls) = @_;
    return grep { $_->[0] eq 'sendmsg' && $_->[1] =~ /^1, / } @$calls;
}

# The writes to the client since the last look.
sub writes {
    my ($site, $since) = @_;
    # By STLS there was another before it.
    my ($front) = grep { !grep { $_->[0] eq 'exit_group' } @$_ }
        Pop3d::Trace::closed_in($site, 'front');
    my @writes = writes_of($front // []);
    my $count = @writes - $$since;
    $$since = @writes;
    return $count;
}

my @ten = (Pop3d::Corpus::everyday(10));

subtest 'small answers' => sub {
    plan skip_all => 'strace may not attach here' unless Pop3d::Trace::can_trace();
    for my $version ('1.2', '1.3') {
        for my $kind ('first', 'STLS') {
            my $site = site(mailbox => Pop3d::Corpus::mbox(@ten));
            local $Pop3d::POP3D = Pop3d::Trace::wrapper($site);
            my ($client, $peer) = secured($site, $kind, $version);
            my $where = "$kind, TLS $version";
            my $since = 0;
            if ($kind eq 'first') {
                my ($text, @records) = answer($client, $peer, qr/\n/);
                is($text, "+OK ready\r\n", "$where: the greeting");
                # Of TLS 1.3 a ticket is before it.
                is("@records", $version eq '1.2' ? '23' : '23 23', "$where: in a record");
                is(writes($site, \$since), 2, "$where: in a write with what the handshake ends with");
            }
            else {
                # TLS 1.2's last flight is the server's: it came with nothing.
                $client->put($peer->say("NOOP\r\n"));
                answer($client, $peer, qr/\n/);
                Pop3d::until_true(sub { writes($site, \$since) > 0 });
            }
            for (['USER demo', qr/\n/], ['PASS secret', qr/\n/], ['STAT', qr/\n/], ['NOOP', qr/\n/],
                    ['LIST', qr/^\.\r\n/m], ['UIDL', qr/^\.\r\n/m], ['CAPA', qr/^\.\r\n/m], ['BAD', qr/\n/],
                    ["STAT\r\nLIST\r\nNOOP\r\nUIDL 1", qr/^\.\r\n.*\n.*\n/m]) {
                my ($command, $end) = @$_;
                my $name = $command =~ s/\r\n/, /gr;
                # What has been counted is over.
                writes($site, \$since);
                $client->put($peer->say("$command\r\n"));
                my ($text, @records) = answer($client, $peer, $end);
                is("@records", '23', "$where: $name: one record");
                is(writes($site, \$since), 1, "$where: $name: one write");
            }
            # Each a record of its own, all in one segment.
            my $many = join '', map { $peer->say("$_\r\n") } 'STAT', 'LIST', 'NOOP', 'LIST 1', 'UIDL 2';
            cmp_ok(scalar(Pop3d::Flights::records($many)), '==', 5, 'five commands in five records');
            $client->put($many);
            my ($text, @records) = answer($client, $peer, qr/^\.\r\n.*\n.*\n.*\n/m);
            is("@records", '23', "$where: five commands in five records: one record of answers");
            is(writes($site, \$since), 1, "$where: one write");
            $client->put($peer->say("QUIT\r\n"));
            my $rest = $client->to_end;
            is(join(' ', map { $_->[0] } Pop3d::Flights::records($rest)), $version eq '1.2' ? '23 21' : '23 23',
                "$where: the end: an answer, and the word that it is one");
            my ($most) = sort { $b <=> $a } map { scalar writes_of($_) } Pop3d::Trace::closed_in($site, 'front');
            is($most - $since, 1, "$where: both in one write");
        }
    }
};

# A line each, and what the connection carries is exactly this.
subtest 'before the handshake' => sub {
    my $site = site();
    for my $behind ("USER demo\r\nPASS secret\r\n", 'X', "\r\n", "\x16\x03\x01") {
        $site->log_clear;
        my $client = $site->session;
        $client->put("STLS\r\n$behind");
        is($client->to_end, "-ERR commands behind STLS\r\n", 'behind STLS in one segment: its end');
        ok(scalar $site->log_wait(qr/^commands behind STLS, perhaps another's: ip=\[127/), 'and why') or diag($site->log_text);
    }
    # As RFC 2595's attack has it: before the client's hello, in a segment of
    # their own.
    for my $how ('before the answer', 'behind the answer') {
        $site->log_clear;
        my $client = $site->session;
        $client->put("STLS\r\n");
        is($client->line, '+OK begin TLS', 'STLS') if $how eq 'behind the answer';
        $client->put("USER demo\r\nPASS secret\r\nSTAT\r\n");
        my $came = $client->to_end;
        $came =~ s/\A(\+OK begin TLS|-ERR commands behind STLS)\r\n// if $how eq 'before the answer';
        is($came, '', "commands $how: no octet for them, in clear or not");
        unlike($site->log_text, qr/LOGIN/, "commands $how: and no login");
        ok(scalar $site->log_wait(qr/TLS FAILED, .*: what came is not TLS$|commands behind STLS/), "commands $how: in the log");
    }
    # The other way round: TLS to who speaks in clear.
    for my $version ('1.2', '1.3') {
        my $client = $site->session;
        $client->put(Pop3d::Flights->new(version => $version)->flight . "\r\n");
        $client->shut;
        my $came = $client->to_end;
        like($came, qr/\A(-ERR [ -~]*\r\n)*\z/, "TLS $version spoken to who expects POP3: lines of POP3, and the end");
        is($client->hang_up, 0, 'the session ends as it should');
    }
    # What was said in clear is forgotten.
    for my $version ('1.2', '1.3') {
        my $client = $site->session;
        $client->ask('USER demo');
        $client->ask('STLS');
        my $peer = Pop3d::Flights->new(version => $version);
        ok($peer->shake($client), 'a handshake');
        like($peer->ask($client, 'PASS secret'), qr/^-ERR first/, "TLS $version: the name is forgotten");
        $client = $site->session;
        $client->put("AUTH PLAIN\r\n");
        $client->line;
        $client->put("STLS\r\n");
        unlike($client->line, qr/begin TLS/, 'in the middle of an exchange STLS is a response');
    }
    # In clear behind a handshake.
    for my $version ('1.2', '1.3') {
        for my $kind ('first', 'STLS') {
            $site->log_clear;
            my ($client, $peer) = secured($site, $kind, $version);
            $client->put("USER demo\r\nPASS secret\r\n");
            my $came = $client->to_end // 'no end';
            is(Pop3d::Flights::foreign($came), '', "$kind, $version: clear text behind the handshake: nothing in clear");
            unlike($site->log_text, qr/LOGIN/, 'no login');
            ($client, $peer) = secured($site, $kind, $version);
            $peer->ask($client) if $kind eq 'first';
            $client->put($peer->say("USER demo\r\n") . "QUIT\r\n");
            $came = $client->to_end // 'no end';
            is(Pop3d::Flights::foreign($came), '', 'the same behind a command of TLS');
            like($peer->hear($came), qr/\A(\+OK now the password\r\n)?\z/, 'which may be answered, and nothing else');
        }
    }
};

subtest 'failures are counted by the back' => sub {
    my $site = site();
    for my $before (1, 2) {
        my $client = $site->session;
        for (1 .. $before) { $client->ask('USER demo'); $client->ask('PASS wrong') }
        $client->ask('STLS');
        my $peer = Pop3d::Flights->new;
        $peer->shake($client);
        for (1 .. 3 - $before) {
            $peer->ask($client, 'USER demo');
            like($peer->ask($client, 'PASS wrong'), qr/^-ERR \[AUTH\]/, "$before before STLS, $_ after it");
        }
        ok(defined $client->to_end, 'the third is the last');
    }
};

# Nobody reads what is said: the clock of the login holds all the same.
subtest 'a client that takes nothing' => sub {
    my $site = site('login-timeout' => '2s');
    my $dir = $site->{dir};
    # A certificate that no buffer holds.
    system("cd $dir && openssl req -x509 -nodes -newkey rsa:2048 -keyout x.key -out x.crt -subj /CN=x -days 2 "
        . "-addext nsComment=\$(head -c 50000 /dev/zero | tr '\\0' x) 2>/dev/null") == 0 or die 'openssl';
    Pop3d::file_put("$dir/ec.crt", Pop3d::file_get("$dir/x.crt") x 4, '>>:raw');
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 5) or die "listen: $!\n";
    my @clients;
    for my $kind ('first', 'clear') {
        my $near = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $!\n";
        setsockopt($near, SOL_SOCKET, SO_RCVBUF, 2048);
        connect($near, $listener->sockname) or die "connect: $!\n";
        my $far = $listener->accept;
        setsockopt($far, SOL_SOCKET, Socket::SO_SNDBUF(), 4096);
        my $pid = $site->spawn([$Pop3d::POP3D, '-C', "$dir/pop3d.conf", $kind eq 'first' ? '-S' : ()],
            in => $far, out => $far);
        syswrite($near, $kind eq 'first' ? Pop3d::Flights->new->flight : "CAPA\r\n" x 6000);
        push @clients, [$kind, $near, $pid];
    }
    for (@clients) {
        my ($kind, $near, $pid) = @$_;
        ok(defined $site->reap($pid, 30), "$kind: it ends");
        my $port = $near->sockport;
        ok(scalar $site->log_wait($kind eq 'first' ? qr/^TLS FAILED, ip=\[127\.0\.0\.1\], port=\[$port\].*: no handshake in time$/
            : qr/^no login in time: ip=\[127\.0\.0\.1\], port=\[$port\]$/), "$kind: and the log says why") or diag($site->log_text);
    }
    unlike($site->log_text, qr/killed/, 'no front had to be killed for it');
};

done_testing;
