#!/usr/bin/perl
# Where a private key is, at every stage of a session: all that the processes
# of inetd's session, and of -D, have mapped is searched for the scalar and the
# primes, and for the text of their files.  The signer is the control.

use strict;
use warnings;
no warnings qw(portable);    # addresses have 64 bits

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::INET;
use Test::More;

use Pop3d;
use Pop3d::Corpus;
use Pop3d::Flights;
use Pop3d::Tls qw(certificate secrets);

plan skip_all => 'needs root: the memory of processes' unless Pop3d::as_root();

my ($three) = Pop3d::Corpus::mailbox('three');

sub site {
    my $site = Pop3d->new(mailbox => $three);
    my $dir = $site->{dir};
    certificate($dir, $_, $_) for qw(rsa ec);
    $site->configure('tls-certificate' => 'rsa.crt ec.crt', 'tls-key' => 'rsa.key ec.key');
    for my $name (qw(rsa ec)) {
        push @{$site->{secrets}}, secrets("$dir/$name.key");
        # A line of base64 from the middle of the file.
        my @lines = grep { /^[\w+\/=]{20,}$/ } split /\n/, Pop3d::file_get("$dir/$name.key");
        push @{$site->{secrets}}, $lines[@lines / 2];
    }
    return $site;
}

# How many of the secrets a process has; "gone", "closed".
sub searched {
    my ($pid, @secrets) = @_;
    my $maps = Pop3d::file_get("/proc/$pid/maps");
    return 'gone' if !length($maps // '');
    open(my $memory, '<:raw', "/proc/$pid/mem") or return 'closed';
    my (%found, $octets);
    for my $line (split /\n/, $maps) {
        my ($from, $to) = $line =~ /^(\w+)-(\w+) r/ or next;
        next if $line =~ /\[vvar|\[vsyscall/;
        # From a little before: a secret may be where two mappings meet.
        my $before = length($octets // '') > 512 ? substr($octets, -512) : '';
        sysseek($memory, hex $from, 0);
        sysread($memory, $octets, hex($to) - hex $from) // next;
        for my $i (0 .. $#secrets) { $found{$i} = 1 if index($before . $octets, $secrets[$i]) >= 0 }
    }
    return scalar keys %found;
}

# The processes of a session and its server: those that have a secret.
sub holders {
    my ($site, $top, $want, $what) = @_;
    my @all;
    # A process that has not closed itself in yet is no one's.
    Pop3d::until_true(sub {
        @all = Pop3d::family($top);
        return @all == $want;
    });
    is(scalar @all, $want, "$what: $want processes");
    my %found = map { $_ => searched($_, @{$site->{secrets}}) } @all;
    is(join(' ', sort grep { !/^\d+$/ } values %found), '', "$what: all could be searched");
    return sort { $a <=> $b } grep { $found{$_} ne '0' } @all;
}

# The only one that may is closed in, and no front.
sub signer_alone {
    my ($site, $top, $want, $what) = @_;
    my @with = holders($site, $top, $want, $what);
    is(scalar @with, 1, "$what: one of them has keys");
    my $status = Pop3d::file_get("/proc/$with[0]/status") // '';
    like($status, qr/^Seccomp:\s*2$/m, "$what: which is closed in");
    isnt($with[0], $top, "$what: it is not the one that was started");
    is(readlink("/proc/$with[0]/fd/0"), '/dev/null', "$what: it has no connection");
    return $with[0];
}

sub stages {
    my ($site, $top, $client, $kind, %count) = @_;
    my $peer = Pop3d::Flights->new(version => $kind =~ /1\.2/ ? '1.2' : '1.3');
    my $closed = sub { grep { (Pop3d::file_get("/proc/$_/status") // '') =~ /^Seccomp:\s*2$/m } Pop3d::family($top) };
    Pop3d::until_true(sub { $closed->() == 2 });
    my $signer = signer_alone($site, $top, $count{before}, "$kind, before the hello");
    my $flight = $peer->flight;
    $client->put($flight);
    $client->fill(20);
    # The signature has been made, and more is to come.
    is((holders($site, $top, $count{before}, "$kind, in the handshake"))[0], $signer, 'the same one has them');
    $flight = $peer->flight($client->{buffer});
    $client->{buffer} = '';
    $client->put($flight);
    $peer->shake($client) if !$peer->{done};
    $peer->ask($client) if $kind =~ /first/;
    $peer->ask($client, 'NOOP');
    my @with = holders($site, $top, $count{after}, "$kind, behind it");
    is("@with", $count{stays} ? $signer : '', $count{stays} ? 'only the signer has them' : 'none of them has any');
    $peer->ask($client, 'USER demo');
    like($peer->ask($client, 'PASS secret'), qr/^\+OK/, 'a login');
    @with = holders($site, $top, $count{after}, "$kind, in TRANSACTION");
    is("@with", $count{stays} ? $signer : '', 'the same');
    $peer->ask($client, 'QUIT');
    $client->to_end;
}

subtest 'inetd' => sub {
    my $site = site();
    for my $kind ('first, 1.2', 'first, 1.3', 'STLS, 1.2', 'STLS, 1.3') {
        my $client = $site->session(args => $kind =~ /first/ ? ['-S'] : [], greeting => $kind !~ /first/);
        if ($kind !~ /first/) {
            is(join(' ', holders($site, $client->{pid}, 2, "$kind, in clear")), '', 'none has any');
            $client->ask('STLS');
        }
        stages($site, $client->{pid}, $client, $kind, before => 3, after => 2);
    }
};

subtest '-D' => sub {
    my $site = site();
    my $tls = Pop3d::free_port();
    my $start = Pop3d::can_world() ? 'daemon' : 'standalone';
    $site->$start('-o', "listen-tls=127.0.0.1:$tls");
    my $top = $site->{daemon} // $site->{server};
    my $signer = signer_alone($site, $top, 2, 'before anybody comes');
    for my $kind ('first, 1.2', 'first, 1.3', 'STLS, 1.2', 'STLS, 1.3') {
        my $client = Pop3d::Client->new(socket => IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $kind =~ /first/ ? $tls : $site->{port}), greeting => $kind !~ /first/);
        $client->ask('STLS') if $kind !~ /first/;
        stages($site, $top, $client, $kind, before => 4, after => 4, stays => 1);
    }
    kill('HUP', $top);
    ok(Pop3d::until_true(sub { !kill(0, $signer) }), 'SIGHUP: the signer is another');
    isnt(signer_alone($site, $top, 2, 'behind SIGHUP'), $signer, 'which alone has the keys');
    $site->stop;
};

done_testing;
