#!/usr/bin/perl
#
# session.t - whole sessions of the real program, mbox and Maildir: whatever
# goes wrong, no message that the client did not delete is lost, doubled or
# changed, and the answer to QUIT is true.
#
# Points are calls of the C library by back, front, verifier and scanner
# (session_calls.h), by process and number.  At each: every error that it can
# give, once and (of the disk, of space, ...) for ever from there on; half a
# read or write; SIGKILL before, after and half way in, of the one process or of
# all; mail that comes just then, from agents that take the dotlock only, or the
# fcntl lock only.  After it: mail (nothing, a message, twins of those that a
# truncation cuts off, the last one again), then a session without faults.
# Where an update is left unfinished that session is a run of its own, with a
# fault at each of its calls (of each state that a kill can leave another third
# of them), and mail before and after.  Power is lost at every operation of the
# log: session_disk.h; in the next session again; and after syncs that failed.
#
# The oracle is a list of digests that the test keeps; it reads the mailbox
# itself, and what RETR gave to the client at any time must be a message, whole.
#
# Without FAULTS=full every point of two sessions is tried with one kill and
# one error, every second one with another fault, by turns; of the other
# sessions samples.  FAULTS_PLANT=1 or full: the
# test of the test, faults planted in copies of the source.
#
# That no call is left out is seen by strace: between the first call of a
# process and its end each system call belongs to a point, but for those
# that cannot fail or concern nothing but memory.

use strict;
use warnings;
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use POSIX ();
use Test::More;

chdir dirname(__FILE__) . '/../..' or die "no source: $!\n";
my $full  = ($ENV{FAULTS} // '') eq 'full';
my $plant = $full || $ENV{FAULTS_PLANT};
my $cc    = $ENV{CC} || 'cc';
my $flags = '-std=c11 -D_GNU_SOURCE -Itests/faults -O1 -g -Wall -Wextra';
my $temp  = tempdir(CLEANUP => 1);
my $bin   = "$temp/bin";
my $world = tempdir(DIR => -w '/dev/shm' ? '/dev/shm' : $temp, CLEANUP => 1);

plan skip_all => 'Linux only' if $^O ne 'linux';
if (system("$cc --version >$temp/cc 2>&1") != 0) {
    plan skip_all => "no C compiler ($cc)";
}

sub run_or_bail {
    my ($what, $command) = @_;
    system($command) == 0 or BAIL_OUT("$what: $command");
}

sub sources { return join ' ', map { "tests/faults/session_$_.c" } @_ }

mkdir $_ for $bin, "$temp/run";
run_or_bail('session.so', "$cc $flags -fPIC -shared -o $temp/session.so "
    . sources(qw(preload files log)) . ' -ldl');
run_or_bail('the harness', "$cc $flags -o $bin/session " . sources(
    qw(faults mail orders oracle disk power recovery run tree world)));

# The sessions are those of an ordinary user.
my @user = $> == 0
    ? qw(setpriv --reuid=65534 --regid=65534 --clear-groups) : ();
chmod 0755, $temp;
chmod 0777, "$temp/run", $world;

# The programs where that user can run them.
sub programs {
    my ($to, $from) = @_;
    mkdir $to;
    system("cp $from/pop3d $from/pop3d-*.so $temp/session.so $to/ "
        . "&& : > $to/conf && chmod -R a+rX $to") == 0 or return;
    return $to;
}

sub command {
    my ($folder, $name, %env) = @_;
    return join ' ', map { "'$_'" } @user, 'env', 'LC_ALL=C',
        "SESSION_WORLD=$world",
        (map { "$_=$env{$_}" } sort keys %env),
        "$bin/session", $folder, "$temp/run/shared.$name";
}

programs($bin, 'build') or BAIL_OUT('no programs');
chmod 0755, "$bin/session";

# Two at a time; what the second one says is read when it is its turn.
my @parts = map { "$_/2" } 0, 1;
my %env = map { $_ => $ENV{$_} } grep { defined $ENV{$_} }
    qw(FAULTS FAULTS_ONLY);
@parts = ('0/1') if $env{FAULTS_ONLY};
my %pids;
for my $n (0 .. $#parts) {
    my $pid = fork // BAIL_OUT("fork: $!");
    if ($pid == 0) {
        exec command($bin, $n, %env, FAULTS_PART => $parts[$n])
            . " > $temp/out.$n 2>&1" or POSIX::_exit(127);
    }
    $pids{$n} = $pid;
}

# Meanwhile strace looks at two of the sessions.

# What can fail in no way that matters, or is memory for the C library itself.
my %free = map { $_ => 1 } qw(brk munmap mprotect madvise mremap futex
    rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack set_robust_list rseq
    set_tid_address getpid gettid getuid geteuid getgid getegid getresuid
    getresgid umask alarm clock_gettime gettimeofday time exit_group exit
    getrlimit);
# And the allocator's, which is a row of points by itself.
$free{$_} = 1 for qw(mmap getrandom);

# The lines of strace, each call in one; one that a kill cut off is as it is.
sub strace_lines {
    my ($file) = @_;
    my (@lines, %half);
    open my $in, '<', $file or return;
    while (my $line = <$in>) {
        my ($pid, $text) = $line =~ /^(\d+)\s+(.*)/ or next;
        if ($text =~ /^(\w+\(.*?) <unfinished \.\.\.>$/) { $half{$pid} = $1 }
        elsif ($text =~ /^<\.\.\. \w+ resumed>(.*)/) {
            push @lines, [ $pid, delete($half{$pid}) . $1 ];
        }
        elsif ($text =~ /^\w+\(/) { push @lines, [ $pid, $text ] }
    }
    push @lines, map { [ $_, $half{$_} ] } keys %half;
    return @lines;
}

# By process, in order of their forks, by point: system calls.  And the others.
sub strace_read {
    my ($file) = @_;
    my (%points, %rest, %open, @pids);
    for (strace_lines($file)) {
        my ($pid, $text) = @$_;
        my ($name) = $text =~ /^(\w+)/;
        push @pids, $pid if !@pids;
        push @pids, $1 if $text =~ /^clone\w*\(.* = (\d+)$/;
        if ($text =~ /^pread64\(-1, *NULL, (\d+), ([01])\b/) {
            $points{$pid}[$1] //= [];
            $open{$pid} = $2 ? 0 : $1;
        }
        # The kernel's own way back to a call that a signal interrupted.
        elsif ($name eq 'restart_syscall') { next }
        # Before the first one it is the linker, or the fork that made it.
        elsif (!exists $open{$pid}) { next }
        elsif ($open{$pid}) { push @{$points{$pid}[$open{$pid}]}, $name }
        elsif (!$free{$name}) { $rest{$name}++ }
    }
    return ([ map { $points{$_} // [] } @pids ], \%rest);
}

sub calls_known {
    my %calls;
    open my $in, '<', 'tests/faults/session_calls.h' or BAIL_OUT("$!");
    my $text = do { local $/; <$in> };
    $text =~ s/\\\n//g;
    while ($text =~ /C\((\w+),\s*((?:"[^"]*"\s*)+),/g) {
        my ($name, $strace) = ($1, $2);
        $calls{$name} = { map { $_ => 1 } $strace =~ /(\w+)/g };
    }
    return \%calls;
}

sub trace_check {
    my ($scenario) = @_;
    my $out = "$temp/run/strace";
    my $said = qx(${\ command($bin, 'trace', FAULTS_ONLY => $scenario,
        SESSION_STRACE => $out)} 2>&1);
    my %expected;
    my $calls = 0;
    while ($said =~ /^# call (\d+) (\d+) (\w+)$/mg) {
        $expected{$1}[$2] = $3;
        $calls++;
    }
    my ($points, $rest) = strace_read($out);
    return (0, 0) if !$points || !@$points;
    my $known = calls_known();
    my ($same, $counted, $made) = (1, 0, 0);
    for my $process (sort keys %expected) {
        my $seen = $points->[$process] // [];
        for my $n (1 .. $#{$expected{$process}}) {
            my ($call, $names) = ($expected{$process}[$n], $seen->[$n]);
            my $own = $known->{$call} // {};
            my @wrong = grep { !$own->{$_} } @{$names // []};
            # A front that its back ends may be in the middle of one.
            my $last = $n == $#{$expected{$process}};
            my $good = defined $names && (!%$own || $last
                || (@$names == 1 && !@wrong));
            $counted++ if defined $names;
            $made += @{$names // []};
            next if $good;
            $same = 0;
            diag("$scenario: process $process, point $n, $call: strace has "
                . (defined $names ? "@$names" : 'nothing'));
        }
    }
    diag("$scenario: strace: outside of all points: $_ ($$rest{$_} times)")
        for sort keys %$rest;
    return ($same && $counted == $calls && !%$rest, $calls, $made);
}

SKIP: {
    my @traced = ('mbox, some', 'mbox, first login, every second',
        'mbox, the last', 'Maildir, some', 'Maildir, kept view, seen');
    skip 'strace may not attach here', scalar @traced
        if system(join(' ', @user) . " strace -o $temp/run/try true "
            . ">$temp/try 2>&1") != 0;
    for my $scenario (@traced) {
        my ($good, $calls, $made) = trace_check($scenario);
        ok($good, "$scenario: strace sees the same $calls points, "
            . 'and nothing else');
    }
}

for my $n (0 .. $#parts) {
    waitpid $pids{$n}, 0;
    my $status = $?;
    open my $out, '<', "$temp/out.$n" or BAIL_OUT("out.$n: $!");
    while (my $line = <$out>) {
        chomp $line;
        if ($line =~ /^(not )?ok \d+ - (.*)/) { ok(!$1, $2) }
        elsif ($line =~ /^Bail out! (.*)/) { fail($1) }
        elsif ($line =~ /^1\.\./) { next }
        else { diag($line =~ s/^# //r) }
    }
    is($status, 0, "part $n: to the end");
}

# name, file, what, instead, in which scenario it must be found, whether
# only all of it is enough, more
my @plants = (
    [ 'the truncation of an mbox is not synced', 'journal/journal.c',
        "job->header.removed) == -1 ||\n\t    file_sync(job->file) == -1)",
        "job->header.removed) == -1)", 'mbox, some' ],
    [ 'an mbox\'s journal goes before its truncation', 'journal/journal.c',
        "return TRUNCATION_GROWN;\n", "return TRUNCATION_GROWN;\n"
            . "\t(void)store_drop(job->place);\n", 'mbox, some',
        "while (truncation != TRUNCATION_DONE);\n\treturn store_drop(job->place);",
        "while (truncation != TRUNCATION_DONE);\n\treturn 0;" ],
    [ 'the folder of the new journal is not synced', 'journal/store.c',
        "*named = true;\n\treturn folder_sync(job->place)",
        "*named = true;\n\treturn 0", 'mbox, some' ],
    [ 'a rename whose answer was lost is believed to have failed',
        'journal/store.c', 'if (!journal_named(job))', 'if (error != 0)',
        'mbox, some' ],
    [ 'a new state folder is not synced', 'base/octets.c',
        'above = openat(folder, "..",', "return 0;\n\tabove = openat(folder, \"..\",",
        'mbox, first login, every second' ],
    [ 'the folders of a Maildir are not synced', 'mailbox/maildir_update.c',
        'u->changed[i] && folder_sync(u->md->folder[i]) == -1',
        'u->changed[i] && u->md->folder[i] == -2', 'Maildir, some' ],
    [ '+OK comes before the update', 'back/serve.c',
        'result = mailbox_update(back->mailbox, &set, &tally, &error);',
        'result = 0;', 'mbox, some',
        "answer(back, CH_UPDATE + 1, NULL, 0);\n",
        "answer(back, CH_UPDATE + 1, NULL, 0);\n"
            . "\tif (back->deleted != NULL)\n\t\t(void)!mailbox_update("
            . "back->mailbox, &set, &tally, &error);\n" ],
    [ 'an mbox is unlocked before its update', 'mailbox/mbox_update.c',
        "ranges = update_ranges(view, set, &count);",
        "lock_drop(&mbox->lock);\n"
            . "\tranges = update_ranges(view, set, &count);", 'mbox, some' ],
    [ 'an interrupted update is not finished', 'mailbox/mbox.c',
        'result = mbox_finish(mbox, error);', 'result = 0;', 'mbox, some' ],
    [ 'no dotlock', 'mailbox/lock.c',
        "if (lock->keeper == -1) {\n", "if (lock->keeper == -1) {\n"
            . "\t\tif (lock->file != -2)\n\t\t\treturn LOCK_WITHOUT;\n",
        'mbox, some' ],
    [ 'no fcntl lock', 'mailbox/lock.c',
        "if (fcntl(lock->file, F_SETLK, &record) == 0)\n\t\treturn LOCK_GOT;",
        "if (lock->file != -2)\n\t\treturn LOCK_GOT;", 'mbox, some' ],
    [ 'times are not looked at before an update', 'mailbox/mbox_update.c',
        'if (mbox->view.settled && !mbox->view.sampled && '
            . 'stamp_same(&stamp, &mbox->view.view.head->stamp))',
        'if (mbox->file != -1)', 'mbox, twins come meanwhile' ],
    [ 'the kept view of an mbox is believed whatever its times are',
        'mailbox/mbox_kept.c', 'if (kept->settled != 1 || '
            . 'memcmp(&kept->view.head.stamp, stamp, sizeof(*stamp)) != 0 ||',
        'if (stamp->size == 7 ||', 'mbox, the last' ],
    [ 'a fetched message moves in two steps', 'mailbox/maildir_update.c',
        "if (renameat2(from, old, to, name, RENAME_NOREPLACE) == 0)",
        "if (linkat(from, old, to, name, 0) == 0 &&\n"
            . "\t    unlinkat(from, old, 0) == 0)", 'Maildir, some' ],
    [ 'a fetched message is unlinked before it moves',
        'mailbox/maildir_update.c',
        "if (renameat2(from, old, to, name, RENAME_NOREPLACE) == 0)",
        "int fd = openat(from, old, O_RDONLY);\n\tchar text[16384];\n"
            . "\tssize_t n = fd == -1 ? -1 : read(fd, text, sizeof(text));\n"
            . "\tif (unlinkat(from, old, 0) == 0 && n >= 0 &&\n"
            . "\t    (fd = openat(to, name, O_WRONLY | O_CREAT, 0600)) != -1 &&\n"
            . "\t    write(fd, text, (size_t)n) == n)", 'Maildir, some' ],
    [ 'a Maildir\'s message that cannot be removed is told as removed',
        'mailbox/maildir_update.c',
        "u->remove_error = errno;\n\t\treturn FAILED;",
        "u->remove_error = errno;\n\t\treturn REMOVED;", 'Maildir, some' ],
    [ 'a short read is sent', 'front/retrieve.c',
        'n = pread_full(s->file, s->mail, (size_t)want, m->place);',
        'n = pread(s->file, s->mail, (size_t)want, (off_t)m->place) > 0 ? '
            . '(ssize_t)want : -1;', 'mbox, some' ],
    [ 'a short write is taken for all', 'base/octets.c',
        "(off_t)(offset + put));\n\t\tif (n == -1 && errno == EINTR)\n"
            . "\t\t\tcontinue;\n\t\tif (n == -1)\n\t\t\treturn -1;\n"
            . "\t\tput += (size_t)n;",
        "(off_t)(offset + put));\n\t\tif (n == -1 && errno == EINTR)\n"
            . "\t\t\tcontinue;\n\t\tif (n == -1)\n\t\t\treturn -1;\n"
            . "\t\tput = length;", 'mbox, some' ],
    [ 'an update without its marks', 'front/ask.c',
        "if (s->state == OVER) { output_line(s, \"-ERR [SYS/TEMP] nothing",
        "if (s->deaf) { output_line(s, \"-ERR [SYS/TEMP] nothing",
        'Maildir, some' ],
    [ 'a view without an unreadable message is believed',
        'mailbox/maildir_kept.c', 'if (!md->partial &&', 'if (md->root != -2 &&',
        'Maildir, hangs up' ],
);

# A copy of the source with that in it, built in the copy.
sub planted {
    my ($name, $file, $what, $instead, $scenario, @more) = @_;
    my $copy = "$temp/copy";
    system("rm -rf $copy && mkdir -p $copy/build "
        . "&& cp -a Makefile src include $copy/ "
        . "&& cp -a build/obj build/pop3d build/*.so $copy/build/") == 0
        or return;
    local $/;
    open my $in, '<', "$copy/src/$file" or return;
    my $text = <$in>;
    unshift @more, $what, $instead;
    while (my ($old, $new) = splice @more, 0, 2) {
        # Lines may have been broken elsewhere since.
        my $pattern = join '\s+', map { quotemeta } split /\s+/, $old;
        $text =~ s/$pattern/$new/
            or return diag("$name: not in $file any more: $old");
    }
    open my $out, '>', "$copy/src/$file" or return;
    print $out $text;
    close $out or return;
    system("make -C $copy all CC=$cc >$temp/make 2>&1") == 0
        or return diag("$name: does not compile");
    my $folder = programs("$temp/planted", "$copy/build") or return;
    # What has not been found by samples is looked for everywhere.
    for my $how ('', 'full') {
        my $said = qx(${\ command($folder, 'planted', FAULTS => $how,
            FAULTS_ONLY => $scenario, FAULTS_FIRST => 1)} 2>&1);
        return 1 if $said =~ /^not ok|^Bail out/m;
    }
    return 0;
}

SKIP: {
    skip 'planted faults: only with FAULTS=full', scalar @plants if !$plant;
    ok(planted(@$_), "found: $$_[0]") for @plants;
}
done_testing();
