#!/usr/bin/perl
# Resumption: one ticket for all processes, under inetd and by -D; what is not
# resumed; keys that come and go; and where they are.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Digest::SHA ();
use Test::More;

use Pop3d;
use Pop3d::Corpus;
use Pop3d::Tls qw(certificate holds s_client tls_client);

my $root = Pop3d::as_root();
my ($three) = Pop3d::Corpus::mailbox('three');
my $LATER = "$Pop3d::ROOT/build/session/later.so";
my $HOUR = 3600;

if (!-e $LATER) {
    system('make', '-s', '-C', $Pop3d::ROOT, 'build/session/later.so') == 0 or BAIL_OUT('no later.so');
}

sub site {
    my (%config) = @_;
    my $site = Pop3d->new(mailbox => $three);
    certificate($site->{dir}, 'a', 'ec', host => 'a.example.org');
    certificate($site->{dir}, 'b', 'ec', host => 'b.example.org');
    $site->{config} = {'tls-certificate' => 'a.crt b.crt', 'tls-key' => 'a.key b.key', %config};
    $site->configure;
    $site->{keys} = "$site->{dir}/state/tls-tickets";
    return $site;
}

# -F with a port for TLS, in tls.
sub both_start {
    my ($site, @args) = @_;
    $site->{tls} = Pop3d::free_port();
    $site->standalone('-o', "listen-tls=127.0.0.1:$site->{tls}", @args);
}

# A session of s_client: "new", "resumed" or "none"; all that came is in said.
# Options: in, out: files of sessions; more: arguments; login.
sub says {
    my ($site, $port, %o) = @_;
    my $dir = $site->{dir};
    my $lines = $o{login} ? "USER demo\nPASS secret\nQUIT\n" : "QUIT\n";
    unlink("$dir/$o{out}") if defined $o{out};
    my $out = s_client($site, $port, $lines, defined $o{in} ? ('-sess_in', "$dir/$o{in}") : (),
        defined $o{out} ? ('-sess_out', "$dir/$o{out}") : (), @{$o{more} // []});
    $site->{said} = $out;
    return 'none' if $out !~ /\+OK (?:bye|0 removed)/ || $out !~ /^(New|Reused), TLS/m;
    return $1 eq 'New' ? 'new' : 'resumed';
}

# The ids of the keys in the file, the newest first.
sub ids {
    my ($site) = @_;
    my $octets = Pop3d::file_get($site->{keys}) // return;
    return grep { !/^0+$/ } map { unpack('H8', substr($octets, 16 + 44 * $_, 4)) } 0 .. 3;
}

# A line like this.  What inetd's sessions log goes to syslog, which is ours
# only in a world.
sub logged {
    my ($site, $pattern, $what) = @_;
    SKIP: {
        skip('needs root: what sessions of inetd log', 1) if $site->{inetd} && !Pop3d::can_world();
        ok(scalar $site->log_wait($pattern), $what);
    }
}

# What a session file of s_client's has as its ticket, from its key's id on.
sub ticket_id {
    my ($site, $file) = @_;
    my $text = `openssl sess_id -in $site->{dir}/$file -noout -text`;
    my $octets = join('', $text =~ /^    0010 - (\S\S \S\S \S\S \S\S)/m);
    return $octets =~ s/ //gr;
}

# Keys this much older.
sub age {
    my ($site, $seconds) = @_;
    my $octets = Pop3d::file_get($site->{keys});
    for my $place (map { 16 + 44 * $_ + 4 } 0 .. 3) {
        my $made = unpack('Q>', substr($octets, $place, 8)) or next;
        substr($octets, $place, 8) = pack('Q>', $made - $seconds);
    }
    Pop3d::file_put($site->{keys}, $octets);
}

# The session in file, its octets changed by this.
sub session_spoil {
    my ($site, $from, $to, $change) = @_;
    my $dir = $site->{dir};
    system("openssl sess_id -in $dir/$from -outform DER -out $dir/der") == 0 or die "sess_id\n";
    my $octets = Pop3d::file_get("$dir/der");
    $change->(\$octets);
    Pop3d::file_put("$dir/der", $octets);
    system("openssl sess_id -inform DER -in $dir/der -out $dir/$to") == 0 or die "sess_id\n";
}

sub kinds {
    my ($site, $what, $port, @more) = @_;
    is(says($site, $port, out => 's1', more => \@more), 'new', "$what: a full handshake");
    $site->log_clear;
    is(says($site, $port, in => 's1', out => 's2', login => 1, more => \@more), 'resumed', "$what: resumed, by another process");
    logged($site, qr/^LOGIN, .*tls=TLSv1\.3, cipher=\w+, resumed=yes$/, "$what: LOGIN says so");
    logged($site, qr/^LOGOUT, .*tls=TLSv1\.3, cipher=\w+, resumed=yes$/, "$what: and LOGOUT");
    is(says($site, $port, in => 's2', more => \@more), 'resumed', "$what: and again, by the next ticket");
    isnt(Pop3d::file_get("$site->{dir}/s1"), Pop3d::file_get("$site->{dir}/s2"), "$what: which is another");
    $site->log_clear;
    is(says($site, $port, login => 1, more => \@more), 'new', "$what: without it, none");
    logged($site, qr/^LOGIN, .*tls=TLSv1\.3, cipher=\w+$/, "$what: nor in the log");
}

my $site = site();
subtest 'inetd' => sub {
    $site->{inetd} = 1;
    $site->inetd;
    kinds($site, 'STLS', $site->{port}, '-starttls', 'pop3');
    $site->stop;
    $site->inetd('-S');
    kinds($site, '-S', $site->{port});
    is(says($site, $site->{port}, in => 's1', more => ['-groups', 'X448:X25519']), 'resumed',
        'the client is asked for another group');
    my ($mode, $size) = (stat $site->{keys})[2, 7];
    is(sprintf('%o', $mode & 07777), '600', 'the keys are their owner\'s alone');
    is(scalar ids($site), 1, 'there is one');
    is(ticket_id($site, 's1'), (ids($site))[0], 'by which tickets are sealed');
    unlike($site->log_text, qr/tickets|resumption/, 'nothing in the log');
};

subtest 'what a ticket is not' => sub {
    my $port = $site->{port};
    says($site, $port, out => 's1');
    like($site->{said}, qr/lifetime hint: 86400 /, 'it holds for a day');
    is(() = $site->{said} =~ /^Post-Handshake New Session Ticket arrived/mg, 1, 'there is one');
    is(says($site, $port, in => 's1', out => 's2'), 'resumed', 'resumed');
    like($site->{said}, qr/Max Early Data: 0$/m, 'no early data');
    is(scalar(() = $site->{said} =~ /^\+OK (?!bye)/mg), 1, 'a greeting, and no login');
    Pop3d::file_put("$site->{dir}/early", "USER demo\r\n");
    says($site, $port, in => 's1', more => ['-early_data', "$site->{dir}/early"]);
    unlike($site->{said}, qr/Early data was accepted/, 'it is not taken');
    is(says($site, $port, out => 't1', more => ['-tls1_2', '-msg']), 'new', 'TLS 1.2');
    unlike($site->{said}, qr/NewSessionTicket/, 'nothing is said of tickets');
    ok(!-e "$site->{dir}/t1" || (-s _ && says($site, $port, in => 't1', more => ['-tls1_2']) eq 'new'), 'is not resumed');
    is(says($site, $port, in => 's1', more => ['-allow_no_dhe_kex']), 'resumed', 'a client that would do without new keys');
    like($site->{said}, qr/^Server Temp Key: /m, 'gets them all the same');
    is(says($site, $port, in => 's1', more => ['-allow_no_dhe_kex', '-groups', 'X448']), 'none', 'or nothing');
};

subtest 'names' => sub {
    my $port = $site->{port};
    is(says($site, $port, out => 's1', more => ['-servername', 'a.example.org']), 'new', 'a ticket of a');
    is(says($site, $port, in => 's1', more => ['-servername', 'b.example.org']), 'new', 'is none for b');
    like($site->{said}, qr/^subject=CN = b\.example\.org$/m, 'which has its own certificate');
    is(says($site, $port, in => 's1', more => ['-servername', 'a.example.org']), 'resumed', 'but for a');
    is(says($site, $port, in => 's1', more => ['-noservername']), 'resumed', 'and for who wants the first');
    is(says($site, $port, out => 's1', more => ['-servername', 'b.example.org']), 'new', 'a ticket of b');
    is(says($site, $port, in => 's1', more => ['-servername', 'b.example.org']), 'resumed', 'is for b');
    is(says($site, $port, in => 's1', more => ['-servername', 'x.example.org']), 'new', 'and for no other');
    is(says($site, $port, out => 's1'), 'new', 'a ticket');
    certificate($site->{dir}, 'a', 'ec', host => 'a.example.org');
    is(says($site, $port, in => 's1'), 'new', 'is for that certificate, not for its successor');
};

subtest 'tickets that will not do' => sub {
    my $port = $site->{port};
    says($site, $port, out => 's1');
    my $bad = 0;
    # Its name, its key's id, nonce, what is sealed, tag, HMAC.
    for my $place (0, 17, 25, 40, -50, -1) {
        session_spoil($site, 's1', 's2', sub {
            my ($octets) = @_;
            my $at = index($$octets, "pop3d ticket 1\0\0");
            $at >= 4 or die "no ticket in it\n";
            my $length = unpack('C', substr($$octets, $at - 1, 1));
            $length = unpack('n', substr($$octets, $at - 2, 2)) if substr($$octets, $at - 3, 1) eq "\x82";
            substr($$octets, $at + ($place < 0 ? $length + $place : $place), 1) ^= "\x01";
        });
        my $said = says($site, $port, in => 's2');
        $bad++, diag("$place: $said") if $said ne 'new';
    }
    is($bad, 0, 'spoilt anywhere: a full handshake');
    is(says($site, $port, in => 's1'), 'resumed', 'the whole one is good');
    my $other = site();
    $other->inetd('-S');
    is(says($other, $other->{port}, out => 's1'), 'new', 'another site');
    is(says($site, $port, in => "../" . ($other->{dir} =~ s{.*/}{}r) . '/s1'), 'new', 'its tickets are none here');
    system("cp $other->{dir}/a.crt $other->{dir}/a.key $site->{dir}/") == 0 or die "cp\n";
    is(says($site, $port, in => "../" . ($other->{dir} =~ s{.*/}{}r) . '/s1'), 'new', 'with the same certificate, too');
    system("cp -p $other->{keys} $site->{keys}") == 0 or die "cp\n";
    is(says($site, $port, in => "../" . ($other->{dir} =~ s{.*/}{}r) . '/s1'), 'resumed', 'with the same keys they are');
    $other->stop;
};

# A hello of TLS 1.3 with so many tickets, which have our form and nobody's key.
sub hello_with {
    my ($count) = @_;
    my $extension = sub { pack('n n/a*', @_) };
    my ($identities, $binders) = ('', '');
    for my $number (1 .. $count) {
        my $ticket = pack('a16', 'pop3d ticket 1') . chr($number) x 96;
        $ticket .= Digest::SHA::hmac_sha256($ticket, "\0" x 32);
        $identities .= pack('n/a* N', $ticket, 0);
        $binders .= pack('C/a*', 'b' x 32);
    }
    my $extensions = $extension->(0, pack('n/a*', pack('C n/a*', 0, 'a.example.org')))
        . $extension->(10, pack('n/a*', pack('n', 29)))
        . $extension->(13, pack('n/a*', pack('n*', 0x0403, 0x0804)))
        . $extension->(43, pack('C/a*', pack('n', 0x0304)))
        . $extension->(45, pack('C/a*', chr 1))
        . $extension->(51, pack('n/a*', pack('n n/a*', 29, chr(9) . "\7" x 31)))
        . $extension->(41, pack('n/a* n/a*', $identities, $binders));
    my $body = pack('n a32 C/a* n/a* C/a* n/a*', 0x0303, 'r' x 32, 's' x 32, pack('n', 0x1301), "\0", $extensions);
    return pack('C n n/a*', 22, 0x0301, pack('C C n/a*', 1, 0, $body));
}

subtest 'more tickets than are looked at' => sub {
    my $site = site();
    for my $count (1 .. 6) {
        $site->log_clear;
        my $client = $site->session(args => ['-S'], greeting => 0);
        $client->put(hello_with($count));
        # A certificate is in it, and no alert ends it.
        1 while length($client->{buffer}) < 600 && $client->fill(5);
        cmp_ok(length $client->{buffer}, '>', 600, "$count: the server's whole flight");
        shutdown($client->{socket}, 1);
        $client->to_end;
        unlike($site->log_text, qr/sign/, "$count: signed") or diag($site->log_text);
    }
};

subtest 'keys that come and go' => sub {
    my $port = $site->{port};
    unlink($site->{keys});
    is(says($site, $port, out => 's1'), 'new', 'no keys: some are made');
    my ($first) = ids($site);
    is(says($site, $port, in => 's1'), 'resumed', 'and serve');
    age($site, 13 * $HOUR);
    is(says($site, $port, in => 's1', out => 's2'), 'resumed', 'a day and a half they open');
    my @ids = ids($site);
    is_deeply([scalar @ids, $ids[1]], [2, $first], 'half a day they seal: then there is another');
    is(ticket_id($site, 's2'), $ids[0], 'that does');
    age($site, 24 * $HOUR);
    is(says($site, $port, in => 's1'), 'new', 'then no more');
    is(says($site, $port, in => 's2'), 'resumed', 'the younger does still');
    ok(!(grep { $_ eq $first } ids($site)), 'it is not in the file any more');
    unlike($site->log_text, qr/tickets|resumption/, 'nothing in the log');

    for my $case (['short', sub { truncate($site->{keys}, 100) }, qr/no keys that hold/],
            ['empty', sub { truncate($site->{keys}, 0) }, qr/no keys that hold/],
            ['junk', sub { Pop3d::file_put($site->{keys}, 'j' x 192) }, qr/no keys that hold/],
            ['open to all', sub { chmod(0644, $site->{keys}) }, qr/not a file of its owner's alone/],
            $root ? ['another owner', sub { chown(60011, 60012, $site->{keys}) }, qr/not a file of its owner's alone/] : ()) {
        my ($what, $do, $why) = @$case;
        says($site, $port, out => 's1');
        $do->();
        $site->log_clear;
        is(says($site, $port, in => 's1', out => 's2'), 'new', "$what: a full handshake");
        logged($site, qr{state/tls-tickets: $why: new ones are made$}, "$what: a line");
        is(says($site, $port, in => 's2'), 'resumed', "$what: new keys serve");
        is(scalar(my @lines = $site->log_text =~ /tls-tickets/g), 1, "$what: one line") if Pop3d::can_world();
    }
};

subtest 'no keys to be had' => sub {
    my $port = $site->{port};
    says($site, $port, out => 's1');
    unlink($site->{keys});
    mkdir($site->{keys}, 0700);
    $site->log_clear;
    is(says($site, $port, in => 's1', out => 's2', login => 1), 'new', 'a session');
    logged($site, qr{state/tls-tickets: no new keys: }, 'a line');
    ok(!-e "$site->{dir}/s2", 'no ticket');
    is(says($site, $port, login => 1, more => ['-tls1_2']), 'new', 'TLS 1.2, too');
    my ($status, $out) = $site->run($Pop3d::POP3D, '-n', '-C', "$site->{dir}/pop3d.conf");
    like($out, qr{^TLS tickets\s+\S+/tls-tickets: }m, '-n says it');
    rmdir($site->{keys});
    chmod(0777, "$site->{dir}/state");
    $site->log_clear;
    is(says($site, $port, in => 's1'), 'new', 'a folder that others may write: a session');
    logged($site, qr{no resumption: \S+/state: others may write it$}, 'a line');
    ($status, $out) = $site->run($Pop3d::POP3D, '-n', '-C', "$site->{dir}/pop3d.conf");
    like($out, qr{^TLS tickets\s+no resumption: \S+: others may write it$}m, 'so does -n');
    chmod(0755, "$site->{dir}/state");
    ($status, $out) = $site->run($Pop3d::POP3D, '-n', '-C', "$site->{dir}/pop3d.conf");
    like($out, qr{^TLS tickets\s+\S+/tls-tickets: not there yet$}m, 'and that none are there yet');
    ok(!-e $site->{keys}, 'which it does not change');
    is(says($site, $port, out => 's1'), 'new', 'but a session does');
    ($status, $out) = $site->run($Pop3d::POP3D, '-n', '-C', "$site->{dir}/pop3d.conf");
    like($out, qr{^TLS tickets\s+\S+/tls-tickets$}m, '-n: the file');
};

subtest 'many at once' => sub {
    my $port = $site->{port};
    for my $what ('none', 'due') {
        $what eq 'none' ? unlink($site->{keys}) : age($site, 13 * $HOUR);
        my @before = ids($site);
        my @pids = map {
            my $n = $_;
            my $pid = fork // die "fork: $!\n";
            if (!$pid) {
                my $ok = eval { tls_client($site, $port)->ask('QUIT') =~ /^\+OK/ };
                POSIX::_exit($ok ? 0 : 1);
            }
            $pid;
        } 1 .. 12;
        my $failed = 0;
        for (@pids) { waitpid($_, 0); $failed++ if $? }
        is($failed, 0, "$what: all are served");
        my @after = ids($site);
        is(scalar @after, @before + 1, "$what: one new key");
    }
    unlike($site->log_text, qr/tls-tickets: .*(held|error)/, 'nothing in the log');
} if eval { require IO::Socket::SSL };
$site->stop;

my $standing = site();
subtest '-F' => sub {
    both_start($standing);
    kinds($standing, 'listen-tls', $standing->{tls});
    kinds($standing, 'STLS', $standing->{port}, '-starttls', 'pop3');
    is(says($standing, $standing->{port}, in => 's1', more => ['-starttls', 'pop3']), 'resumed', 'from one port to the other');
    is(says($standing, $standing->{tls}, in => 's1'), 'resumed', 'and back');
    kill('HUP', $standing->{server});
    ok(scalar $standing->log_wait(qr/SIGHUP/), 'SIGHUP');
    is(says($standing, $standing->{tls}, in => 's1'), 'resumed', 'the next signer has the same keys');
    $standing->stop;
    both_start($standing);
    is(says($standing, $standing->{tls}, in => 's1'), 'resumed', 'so has the next listener');
    $standing->stop;
    $standing->inetd('-S');
    is(says($standing, $standing->{port}, in => 's1'), 'resumed', 'and a session of inetd\'s');
    $standing->stop;
};

# The clock of all its processes stands in a file.
subtest '-F, later' => sub {
    my $later = sub { Pop3d::file_put("$standing->{dir}/later", pack('q', $_[0])) };
    $later->(0);
    {
        local @ENV{qw(LD_PRELOAD LATER_FILE)} = ($LATER, "$standing->{dir}/later");
        both_start($standing);
    }
    says($standing, $standing->{tls}, out => 's1');
    my ($first) = ids($standing);
    is(ticket_id($standing, 's1'), $first, 'a ticket by the first key');
    # Mapped by all of them: written in place.
    $later = sub {
        open(my $file, '+<:raw', "$standing->{dir}/later") or die "later: $!\n";
        syswrite($file, pack('q', $_[0]));
    };
    $later->(13 * $HOUR);
    ok(Pop3d::until_true(sub { (ids($standing))[0] ne $first }), 'after half a day there is another');
    ok(Pop3d::until_true(sub {
        says($standing, $standing->{tls}, out => 's2');
        return ticket_id($standing, 's2') ne $first;
    }), 'and the signer, closed in, has it');
    is(ticket_id($standing, 's2'), (ids($standing))[0], 'the same');
    is(says($standing, $standing->{tls}, in => 's1', out => 's3'), 'resumed', 'the first opens still');
    my ($hint) = $standing->{said} =~ /lifetime hint: (\d+)/;
    cmp_ok($hint, '<=', 11 * $HOUR, 'the next ticket ends with the first');
    $later->(25 * $HOUR);
    is(says($standing, $standing->{tls}, in => 's3'), 'new', 'a day after the full handshake there is another');
    is(says($standing, $standing->{tls}, in => 's2'), 'resumed', 'whose own is younger goes on');
    $later->(50 * $HOUR);
    is(says($standing, $standing->{tls}, in => 's2'), 'new', 'nobody does for ever');
    unlike($standing->log_text, qr/tickets|resumption|signer/, 'nothing in the log');
    # The signer's keys die while there are no others: tickets are junk then.
    says($standing, $standing->{tls}, out => 's1');
    unlink($standing->{keys});
    mkdir($standing->{keys}, 0700);
    $later->(100 * $HOUR);
    ok(scalar $standing->log_wait(qr{state/tls-tickets: no new keys: }), 'no keys can be made any more: a line');
    is(says($standing, $standing->{tls}, in => 's1', out => 's2'), 'new', 'a session all the same');
    is(says($standing, $standing->{tls}, in => 's2'), 'new', 'whose ticket nobody opens');
    rmdir($standing->{keys});
    $later->(101 * $HOUR);
    ok(Pop3d::until_true(sub {
        says($standing, $standing->{tls}, out => 's1');
        return says($standing, $standing->{tls}, in => 's1') eq 'resumed';
    }), 'until there are keys again');
    $standing->stop;
};

SKIP: {
    skip('needs root: the memory of processes', 1) if !$root;
    subtest 'where the keys are' => sub {
        both_start($standing);
        says($standing, $standing->{tls}, out => 's1');
        my $octets = Pop3d::file_get($standing->{keys});
        my @keys = map { substr($octets, 16 + 44 * $_ + 12, 32) } 0 .. scalar(ids($standing)) - 1;
        my $search = sub {
            my ($what, $client) = @_;
            my %holds = map { $_ => holds($_, @keys) } Pop3d::family($standing->{server});
            my @yes = grep { $holds{$_} eq 'yes' } keys %holds;
            is(scalar(keys %holds), 4, "$what: listener, signer, back, front");
            is(scalar @yes, 1, "$what: one process has a key") or diag(explain(\%holds));
            is(join(' ', sort grep { !/^(yes|no)$/ } values %holds), '', "$what: all could be looked at");
            my $status = Pop3d::file_get("/proc/$yes[0]/status");
            like($status, qr/^Seccomp:\s*2$/m, "$what: the signer, closed in");
            isnt($yes[0], $standing->{server}, "$what: not the listener");
        };
        my $client = tls_client($standing, $standing->{tls});
        $client->ask('USER demo');
        $search->('full');
        $client->ask('QUIT');
        ok(Pop3d::until_true(sub { Pop3d::family($standing->{server}) == 2 }), 'its processes are gone');
        pipe(my $in, my $stays) or die "pipe: $!\n";
        my $pid = $standing->spawn(['openssl', 's_client', '-quiet', '-connect', "127.0.0.1:$standing->{tls}",
            '-sess_in', "$standing->{dir}/s1"], world => 0, in => $in);
        $standing->log_clear;
        ok(Pop3d::until_true(sub { Pop3d::family($standing->{server}) == 4 }), 'a session by a ticket');
        $search->('resumed');
        $standing->end($pid, 'KILL');
        $standing->stop;
        $standing->inetd('-S');
        $client = tls_client($standing, $standing->{port});
        my @family;
        ok(Pop3d::until_true(sub { (@family = Pop3d::family($standing->{server})) == 3 }), 'inetd, back, front');
        is(join(' ', map { holds($_, @keys) } @family), 'no no no', 'none of them has one after the handshake');
        $client->ask('QUIT');
        $standing->stop;
    };
}

done_testing;
