#!/usr/bin/perl
# What ends a session, and what each end does to the mailbox.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep time);

use Pop3d;
use Pop3d::Corpus;

my ($three, @messages) = Pop3d::Corpus::mailbox('three');
my $without_two = Pop3d::Corpus::mbox(@messages[0, 2]);
my ($large) = Pop3d::Corpus::mailbox('large');
my $site = Pop3d->new;

# A session on a fresh mailbox, logged in.
sub session {
    my (%option) = @_;
    $site->mailbox($option{mailbox} // $three);
    my $client = $site->session(%option);
    like($client->login, qr/^\+OK/, 'logged in');
    return $client;
}

sub unchanged {
    my ($what) = @_;
    ok($site->mailbox eq $three, $what // 'nothing has changed');
    my $client = $site->session;
    like($client->login, qr/^\+OK .*\b3 messages/, 'the next session works');
    $client->ask('QUIT');
    $client->hang_up;
    ok(!-e $site->mailbox_path . '.lock', 'no lock file is left');
}

subtest 'an abandoned session changes nothing' => sub {
    my $client = session();
    $client->ask("DELE $_") for 1 .. 3;
    $client->hang_up;
    unchanged();
};

subtest 'a reset connection changes nothing' => sub {
    my $client = session();
    $client->ask("DELE $_") for 1 .. 3;
    $client->abort;
    unchanged();
};

subtest 'QUIT, after which the client closes at once, deletes' => sub {
    my $client = session();
    $client->put("DELE 2\r\nQUIT\r\n");
    $client->hang_up;
    is($site->mailbox, $without_two, 'the second is gone');
};

subtest 'QUIT without its line end deletes nothing' => sub {
    my $client = session();
    $client->put("DELE 2\r\nQUIT");
    $client->hang_up;
    unchanged();
};

subtest 'a client that closed one half gets everything' => sub {
    my $client = session(mailbox => $large);
    my (undef, @all) = Pop3d::Corpus::mailbox('large');
    $client->put("RETR 1\r\nRETR 2\r\nLIST\r\nQUIT\r\n");
    $client->shut;
    my $got = $client->to_end;
    my $want = join('', map({ "RETR\r\n" . Pop3d::Corpus::stuffed(Pop3d::Corpus::wire($_)) } @all),
        "LIST\r\n", map({ "$_ " . length(Pop3d::Corpus::wire($all[$_ - 1])) . "\r\n" } 1, 2), ".\r\n", "QUIT\r\n");
    my $at = 0;
    $got =~ s/^\+OK[^\r\n]*/('RETR', 'RETR', 'LIST', 'QUIT')[$at++] \/\/ '?'/gem;
    ok($got eq $want, 'both messages, the list and the farewell') or diag(length($got), ' ', length($want), substr($got, -200));
    $client->hang_up;
};

subtest 'QUIT behind a RETR that could not be written deletes nothing' => sub {
    my $client = session(mailbox => $large);
    # More than two sockets hold; nobody reads it.
    $client->{ended} = 'on purpose';
    $client->put(("RETR 1\r\nRETR 2\r\n" x 30) . "DELE 1\r\nQUIT\r\n");
    sleep 0.3;
    $client->abort;
    ok($site->mailbox eq $large, 'nothing has changed');
};

subtest 'autologout' => sub {
    my $client = session(args => ['-T', '1']);
    $client->ask('DELE 1');
    my $start = time;
    is($client->to_end(10), '', 'the server hangs up without a word');
    my $took = time - $start;
    ok($took > 0.8 && $took < 4, 'after a second') or diag("after $took s");
    $client->hang_up;
    unchanged();
};

subtest 'a command starts the time of autologout anew' => sub {
    my $client = session(args => ['-T', '1']);
    for (1 .. 4) {
        sleep 0.5;
        like($client->ask('NOOP'), qr/^\+OK/, 'still there');
    }
    $client->ask('QUIT');
    $client->hang_up;
};

subtest 'an octet now and then is no command' => sub {
    my $client = session(args => ['-T', '1', '-o', 'login-timeout=60s']);
    my $start = time;
    for (1 .. 12) {
        last if $client->{ended};
        $client->put('N');
        $client->fill(0.3);
    }
    ok(defined $client->to_end(10), 'the server hangs up');
    cmp_ok(time - $start, '<', 5, 'in time');
    $client->hang_up;
};

subtest 'the time to log in' => sub {
    $site->mailbox($three);
    my $client = $site->session(args => ['-o', 'login-timeout=1s']);
    my $start = time;
    # Busy all the time, but no login.
    while (time - $start < 8 && !$client->{ended}) {
        $client->put("CAPA\r\n");
        $client->fill(0.2);
        sleep 0.2;
    }
    ok($client->{ended}, 'the server hangs up');
    my $took = time - $start;
    ok($took > 0.7 && $took < 4, 'after a second') or diag("after $took s");
    $client->hang_up;
};

subtest 'the time to log in ends with the login' => sub {
    my $client = session(args => ['-o', 'login-timeout=1s']);
    sleep 1.5;
    like($client->ask('NOOP'), qr/^\+OK/, 'still there');
    $client->ask('QUIT');
    $client->hang_up;
};

subtest 'a client that does not read' => sub {
    my $client = session(mailbox => $large, args => ['-T', '1']);
    $client->ask('DELE 1');
    $client->put("RSET\r\n" . "RETR 1\r\nRETR 2\r\n" x 40);
    my $start = time;
    my $status;
    Pop3d::until_true(sub { (waitpid($client->{pid}, POSIX::WNOHANG())) == $client->{pid} }, 15)
        ? ($site->forget($client->{pid}), delete $client->{pid}) : 0;
    ok(!$client->{pid}, 'the server gives up') or diag("it still runs");
    cmp_ok(time - $start, '<', 8, 'in time');
    $client->hang_up;
    ok($site->mailbox eq $large, 'nothing has changed');
};

subtest 'wrong passwords cost time' => sub {
    $site->mailbox($three);
    my $client = $site->session(args => ['-o', 'login-delay-failed=1s']);
    my $start = time;
    like($client->login('demo', 'wrong'), qr/^-ERR \[AUTH\]/, 'refused');
    my $took = time - $start;
    ok($took > 0.8 && $took < 3, 'after a second') or diag("after $took s");
    $client->hang_up;
};

for my $victim ('the front', 'the back', 'both') {
    subtest "kill -9 of $victim changes nothing" => sub {
        my $client = session();
        $client->ask("DELE $_") for 1 .. 3;
        my ($back, @below) = Pop3d::family($client->{pid});
        ok(@below >= 1, 'a front and a back');
        my @victims = $victim eq 'the back' ? ($back)
            : $victim eq 'the front' ? (@below) : ($back, @below);
        kill('KILL', @victims);
        is($client->to_end(10), '', 'the connection ends');
        ok(Pop3d::until_true(sub { !grep { kill(0, $_) && state($_) ne 'Z' } $back, @below }, 5),
            'no process is left');
        $client->hang_up;
        unchanged();
    };
}

sub state {
    my ($pid) = @_;
    return (Pop3d::file_get("/proc/$pid/stat") // '') =~ /\) (\S)/ ? $1 : 'Z';
}

subtest 'kill -9 of the front is logged' => sub {
    ok($site->log_wait(qr/\bkill|signal 9/i), 'with its signal') or diag($site->log_text);
};

subtest 'a second session' => sub {
    my $first = session();
    my $second = $site->session;
    like($second->login, qr/^-ERR \[IN-USE\]/, 'gets IN-USE');
    unlike(eval { $second->ask('STAT') } // 'the end', qr/^\+OK/, 'and nothing else');
    like($first->ask('STAT'), qr/^\+OK 3 /, 'the first one goes on');
    my $pid = $first->{pid};
    ok($site->log_wait(qr/\b$pid\b.*127\.0\.0\.1|127\.0\.0\.1.*\b$pid\b/),
        'the log names the holder') or diag($site->log_text);
    $first->ask('QUIT');
    $first->hang_up;
    $second->hang_up;
    my $third = $site->session;
    like($third->login, qr/^\+OK/, 'a third one comes in');
    $third->ask('QUIT');
    $third->hang_up;
};

subtest 'two names of one mailbox exclude each other' => sub {
    $site->user_add('alias', 'secret');
    $site->mailbox($three);
    symlink($site->mailbox_path, $site->mailbox_path('alias')) or die;
    POSIX::lchown($Pop3d::UID, $Pop3d::GID, $site->mailbox_path('alias'))
        if Pop3d::as_root();
    my $first = $site->session;
    like($first->login, qr/^\+OK/, 'the first');
    my $second = $site->session;
    like($second->login('alias', 'secret'), qr/^-ERR \[IN-USE\]/, 'the second');
    $first->ask('QUIT');
    $first->hang_up;
    $second->hang_up;
    unlink($site->mailbox_path('alias'));
};

subtest 'in a shell: -a, on a pipe' => sub {
    $site->mailbox($three);
    # As root this mailbox is its owner's; -a becomes the owner, who must be
    # in passwd.
    my $path = $site->mailbox_path;
    if (Pop3d::as_root()) {
        chown((getpwnam('nobody'))[2, 3], $path);
        chown((getpwnam('nobody'))[2, 3], "$site->{dir}/mail");
    }
    pipe(my $in, my $to) or die;
    pipe(my $from, my $out) or die;
    my $pid = $site->spawn([$Pop3d::POP3D, '-C', "$site->{dir}/pop3d.conf", '-a', $path],
        in => $in, out => $out);
    close($in);
    close($out);
    $to->autoflush(1);
    print $to "STAT\r\nDELE 2\r\nQUIT\r\n";
    close($to);
    my @lines = map { s/\r\n\z//r } <$from>;
    like($lines[0], qr/^\+OK/, 'greeted');
    is($lines[1], '+OK 3 ' . Pop3d::Corpus::octets(@messages), 'in TRANSACTION at once');
    like($lines[-1], qr/^\+OK/, 'the farewell');
    is($site->reap($pid, 10), 0, 'status 0');
    is($site->mailbox, $without_two, 'the second is gone');
    if (Pop3d::as_root()) {
        chown($Pop3d::UID, $Pop3d::GID, "$site->{dir}/mail");
        unlink($path);
    }
};

subtest 'the output of a batch is not split within a CRLF, nor into small pieces' => sub {
    plan skip_all => 'strace is not to be had' unless Pop3d::program('strace');
    my $client = session();
    my ($back, @below) = Pop3d::family($client->{pid});
    my $trace = "$site->{dir}/trace";
    my $strace = $site->spawn([Pop3d::program('strace'), '-qq', '-o', $trace,
        '-s', '100000', '-xx', '-e', 'trace=write,sendmsg,sendto,writev,sendmmsg',
        map { ('-p', $_) } @below]);
    sleep 0.5;
    if ($site->reap($strace, 0)) {
        $client->hang_up;
        plan skip_all => 'strace may not attach here';
    }
    $client->put("STAT\r\n" . "NOOP\r\n" x 200 . "LIST\r\nUIDL\r\nSTAT\r\n");
    $client->line for 1 .. 201;
    $client->line;
    $client->rest;
    $client->line;
    $client->rest;
    $client->line;
    $site->end($strace);
    my @writes = grep { /\\x0a"/ || /\\x0d/ } split /\n/, Pop3d::file_get($trace) // '';
    ok(@writes >= 1 && @writes <= 3, 'a handful of writes') or diag(scalar @writes);
    is(scalar(grep { /\\x0d"/ } @writes), 0, 'none ends in a CR');
    $client->hang_up;
};

done_testing;
