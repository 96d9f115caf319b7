#!/usr/bin/perl
# Other programs and the mailbox, while a session is on.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Pop3d;
use Pop3d::Corpus;

my ($three, @messages) = Pop3d::Corpus::mailbox('three');
my $new = Pop3d::Corpus::message(Pop3d::Corpus::header(9, 'new') . "New mail.\n");
my $site = Pop3d->new;

sub session {
    my ($octets) = @_;
    $site->mailbox($octets // $three);
    my $client = $site->session;
    like($client->login, qr/^\+OK/, 'logged in');
    return $client;
}

subtest 'mail delivered during a session is kept, and not seen' => sub {
    my $client = session();
    $site->deliver(Pop3d::Corpus::stored($new));
    is($client->ask('STAT'), '+OK 3 ' . Pop3d::Corpus::octets(@messages), 'STAT is as it was');
    like($client->ask('LIST 4'), qr/^-ERR/, 'no fourth message');
    is($client->ask_multi('RETR 3'), Pop3d::Corpus::wire($messages[2]), 'RETR works');
    $client->ask('DELE 1');
    like($client->ask('QUIT'), qr/^\+OK/, 'QUIT');
    $client->hang_up;
    is($site->mailbox, Pop3d::Corpus::mbox(@messages[1, 2], $new), 'the first is gone, the new one is there');
    $client = $site->session;
    like($client->login, qr/^\+OK .*\b3 messages/, 'the next session sees it');
    is($client->ask_multi('RETR 3'), Pop3d::Corpus::wire($new), 'octet for octet');
    $client->hang_up;
};

subtest 'mail delivered while all is deleted is kept' => sub {
    my $client = session();
    $client->ask("DELE $_") for 1 .. 3;
    $site->deliver(Pop3d::Corpus::stored($new));
    like($client->ask('QUIT'), qr/^\+OK/, 'QUIT');
    $client->hang_up;
    is($site->mailbox, Pop3d::Corpus::mbox($new), 'only the new one is there');
};

subtest 'mail delivered to an empty mailbox during a session' => sub {
    my $client = session('');
    $site->deliver(Pop3d::Corpus::stored($new));
    is($client->ask('STAT'), '+OK 0 0', 'not seen');
    like($client->ask('QUIT'), qr/^\+OK/, 'QUIT');
    $client->hang_up;
    is($site->mailbox, Pop3d::Corpus::mbox($new), 'kept');
};

subtest 'a mailbox that came into being during a session' => sub {
    unlink($site->mailbox_path);
    my $client = $site->session;
    like($client->login, qr/^\+OK .*\b0 messages/, 'none');
    $site->mailbox(Pop3d::Corpus::stored($new));
    is($client->ask('STAT'), '+OK 0 0', 'not seen');
    like($client->ask('QUIT'), qr/^\+OK/, 'QUIT');
    $client->hang_up;
    is($site->mailbox, Pop3d::Corpus::mbox($new), 'kept');
};

subtest 'the inode stays' => sub {
    my $client = session();
    my $inode = (stat $site->mailbox_path)[1];
    $client->ask('DELE 1');
    $client->ask('QUIT');
    $client->hang_up;
    is((stat $site->mailbox_path)[1], $inode, 'the same file');
    my @stat = stat $site->mailbox_path;
    is($stat[2] & 07777, 0600, 'the same mode');
    is_deeply([@stat[4, 5]], [$Pop3d::UID, $Pop3d::GID], 'the same owner') if Pop3d::as_root();
};

subtest 'no locks are held in between' => sub {
    my $client = session();
    $client->ask('RETR 1');
    $client->rest;
    ok(!-e $site->mailbox_path . '.lock', 'no lock file');
    open(my $file, '+<', $site->mailbox_path) or die;
    my $request = pack('s s x!8 q q i x!8', POSIX::F_WRLCK(), 0, 0, 0, 0);
    ok(fcntl($file, POSIX::F_SETLK(), $request), 'no fcntl lock');
    ok(flock($file, 6), 'no flock');
    close($file);
    $client->hang_up;
};

subtest 'a lock file of another program is waited for' => sub {
    $site->mailbox($three);
    my $lock = $site->mailbox_path . '.lock';
    Pop3d::file_put($lock, "$$\n");
    my $client = $site->session(args => ['-o', 'lock-timeout=10s']);
    $client->ask('USER demo');
    $client->put("PASS secret\r\n");
    ok(!$client->fill(1), 'no answer as long as it is there');
    unlink($lock);
    like($client->line, qr/^\+OK/, 'and then there is one');
    $client->hang_up;
};

subtest 'a lock file that stays is not waited for for ever' => sub {
    $site->mailbox($three);
    my $lock = $site->mailbox_path . '.lock';
    Pop3d::file_put($lock, "$$\n");
    my $client = $site->session(args => ['-o', 'lock-timeout=1s']);
    like($client->login, qr/^-ERR \[(?:IN-USE|SYS\/TEMP)\]/, 'refused');
    ok(-e $lock, 'the lock is not ours to remove');
    $client->hang_up;
    unlink($lock);
    ok($site->mailbox eq $three, 'nothing has changed');
};

subtest 'a lock of fcntl that stays is not waited for for ever' => sub {
    $site->mailbox($three);
    open(my $file, '+<', $site->mailbox_path) or die;
    my $request = pack('s s x!8 q q i x!8', POSIX::F_WRLCK(), 0, 0, 0, 0);
    fcntl($file, POSIX::F_SETLK(), $request) or die;
    my $client = $site->session(args => ['-o', 'lock-timeout=1s']);
    like($client->login, qr/^-ERR \[(?:IN-USE|SYS\/TEMP)\]/, 'refused');
    ok(!-e $site->mailbox_path . '.lock', 'the lock file was given back');
    $client->hang_up;
    close($file);
};

# A mail reader that notes in the mailbox what has been read: longer lines, in
# the same file.
sub with_status {
    return map { my %m = %$_; $m{text} =~ s/^(Subject: .*)$/$1\nStatus: RO/m; \%m } @_;
}

sub rewrite {
    my ($octets) = @_;
    open(my $file, '+<:raw', $site->mailbox_path) or die;
    print $file $octets;
    truncate($file, length $octets);
    close($file);
}

subtest 'Status rewritten in place: what was deleted goes, nothing else' => sub {
    my $client = session();
    $client->ask('DELE 2');
    my @read = with_status(@messages);
    rewrite(Pop3d::Corpus::mbox(@read));
    my $answer = $client->ask('QUIT');
    $client->hang_up;
    my $left = $site->mailbox;
    if ($answer =~ /^\+OK/) {
        is($left, Pop3d::Corpus::mbox(@read[0, 2]), '+OK: the second is gone');
    }
    else {
        is($left, Pop3d::Corpus::mbox(@read), '-ERR: nothing is gone');
    }
};

subtest 'Status rewritten in place: RETR sends the message, or no dot' => sub {
    my $client = session();
    my @read = with_status(@messages);
    rewrite(Pop3d::Corpus::mbox(@read));
    $client->put("RETR 3\r\n");
    my $line = $client->line;
    my $got = $line =~ /^-ERR/ ? $line : eval { "$line\r\n" . $client->rest } // '(no dot)';
    unlike($got, qr/number [12]\b/, 'nothing of another message');
    my ($old, $now) = map { Pop3d::Corpus::wire($_) } $messages[2], $read[2];
    ok($got =~ /^-ERR/ || $got eq '(no dot)' || $got =~ /^\+OK[^\r]*\r\n(?:\Q$old\E|\Q$now\E)\z/,
        'whole or not at all') or diag($got);
    $client->hang_up;
    ok($site->mailbox eq Pop3d::Corpus::mbox(@read), 'nothing has changed');
};

subtest 'the file replaced by rename: what was deleted goes, nothing else' => sub {
    my $client = session();
    $client->ask('DELE 1');
    my @now = (@messages[1, 0], $new);    # in another order, the third expunged
    my $path = $site->mailbox_path;
    Pop3d::file_put("$path.new", Pop3d::Corpus::mbox(@now));
    chmod(0600, "$path.new");
    chown($Pop3d::UID, $Pop3d::GID, "$path.new") if Pop3d::as_root();
    rename("$path.new", $path) or die;
    my $answer = $client->ask('QUIT');
    $client->hang_up;
    is($site->mailbox, $answer =~ /^\+OK/ ? Pop3d::Corpus::mbox($messages[1], $new)
        : Pop3d::Corpus::mbox(@now), substr($answer, 0, 4) . ' is true');
};

subtest 'another program expunged the first: the right message goes' => sub {
    my $client = session();
    $client->ask('DELE 2');
    rewrite(Pop3d::Corpus::mbox(@messages[1, 2]));
    my $answer = $client->ask('QUIT');
    $client->hang_up;
    is($site->mailbox, $answer =~ /^\+OK/ ? Pop3d::Corpus::mbox($messages[2])
        : Pop3d::Corpus::mbox(@messages[1, 2]), substr($answer, 0, 4) . ' is true');
};

subtest 'another program emptied the mailbox' => sub {
    my $client = session();
    $client->ask('DELE 2');
    truncate($site->mailbox_path, 0);
    $client->put("RETR 1\r\n");
    my $got = eval { my $line = $client->line; $line =~ /^\+OK/ ? $line . $client->rest : $line } // '(no dot)';
    ok($got =~ /^-ERR/ || $got eq '(no dot)', 'RETR of what is gone') or diag($got);
    if (!$client->{ended}) { eval { $client->ask('QUIT') } }
    $client->hang_up;
    is($site->mailbox, '', 'it stays empty');
};

subtest 'another program emptied it and mail came: that is kept' => sub {
    my $client = session();
    $client->ask("DELE $_") for 1 .. 3;
    rewrite(Pop3d::Corpus::mbox($new));
    eval { $client->ask('QUIT') };
    $client->hang_up;
    is($site->mailbox, Pop3d::Corpus::mbox($new), 'the new message');
};

subtest 'another program removed the file' => sub {
    my $client = session();
    $client->ask('DELE 2');
    unlink($site->mailbox_path);
    eval { $client->ask('QUIT') };
    $client->hang_up;
    ok(!-s $site->mailbox_path, 'there is no mail');
};

subtest 'truncated in the middle of what RETR sends: no dot' => sub {
    my ($large) = Pop3d::Corpus::mailbox('large');
    my $client = session($large x 8);
    $client->{ended} = 'not yet';
    $client->put(join('', map { "RETR $_\r\n" } 1 .. 16));
    select(undef, undef, undef, 0.3);
    truncate($site->mailbox_path, 100_000);
    delete $client->{ended};
    my $all = $client->to_end(20) // '';
    my $whole = () = $all =~ /\r\n\.\r\n/g;
    cmp_ok($whole, '<', 16, 'not all are said to be whole');
    my (undef, @two) = Pop3d::Corpus::mailbox('large');
    my @good = map { Pop3d::Corpus::stuffed(Pop3d::Corpus::wire($_)) } @two;
    my $bad = 0;
    my $rest = $all;
    for my $number (1 .. $whole) {
        $rest =~ s/\A[+-][^\r]*\r\n// or ++$bad;
        $bad++ unless substr($rest, 0, length $good[($number - 1) % 2], '') eq $good[($number - 1) % 2];
    }
    is($bad, 0, 'what has its dot is whole');
    $client->hang_up;
};

for my $what ('a directory', 'a FIFO', 'a link to a file of others', 'a file with two names', 'a file that is no mbox') {
    subtest "$what is no mailbox" => sub {
        my $path = $site->mailbox_path;
        unlink($path);
        my $other = "$site->{dir}/other";
        Pop3d::file_put($other, $three);
        if ($what eq 'a directory') { mkdir($path) }
        elsif ($what eq 'a FIFO') { POSIX::mkfifo($path, 0600) }
        elsif ($what eq 'a link to a file of others') {
            plan skip_all => 'needs root: a file of another user' unless Pop3d::as_root();
            chown(1, 1, $other);
            chmod(0666, $other);
            symlink($other, $path);
        }
        elsif ($what eq 'a file with two names') {
            chown($Pop3d::UID, $Pop3d::GID, $other) if Pop3d::as_root();
            link($other, $path);
        }
        else { $site->mailbox("This is a text,\nand no mail.\n") }
        chown($Pop3d::UID, $Pop3d::GID, $path) if Pop3d::as_root() && !-l $path;
        my $client = $site->session;
        like($client->login, qr/^-ERR \[SYS\/PERM\]/, 'refused');
        $client->hang_up;
        is(Pop3d::file_get($other), $three, 'untouched');
        ok(!-e "$path.lock", 'no lock file is left');
        -d $path && !-l $path ? rmdir($path) : unlink($path);
        unlink($other);
    };
}

# Its journal and its lock could not be seen: nothing may be touched.
subtest 'a state folder that cannot be trusted is no folder to do without' => sub {
    session()->hang_up;
    my ($folder) = grep { -d } glob("$site->{dir}/state/[0-9]*");
    ok($folder, 'there is a state folder') or return;
    my ($owner, $mode) = ((stat $folder)[4], (stat _)[2] & 07777);
    chmod(0770, $folder) or die "$folder: $!";
    my $client = $site->session;
    like($client->login, qr/^-ERR \[SYS\/TEMP\]/, 'others may write it: no login');
    $client->hang_up;
    chmod($mode, $folder) or die "$folder: $!";
    chmod(0777, "$site->{dir}/state") or die;
    $client = $site->session;
    like($client->login, qr/^-ERR \[SYS\/TEMP\]/, 'others may move it away: no login');
    $client->hang_up;
    chmod(0711, "$site->{dir}/state") or die;
    is($site->mailbox, $three, 'the mailbox is as it was');
    my $state = "$site->{dir}/state";
    rename($state, "$state.moved") && symlink("$state.moved", $state) or die;
    $client = $site->session;
    like($client->login, qr/^\+OK/, 'and served again, also where it is a symlink');
    $client->hang_up;
    unlink($state) && rename("$state.moved", $state) or die;
};

done_testing;
