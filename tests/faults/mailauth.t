#!/usr/bin/perl
#
# mailauth.t - every call of a change of mailauth's database fails or kills in
# turn: the users who were there are there, and the new one wholly or not at
# all.

use strict;
use warnings;
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use POSIX ();
use Test::More;

chdir dirname(__FILE__) . '/../..' or die "no source: $!\n";
my $cc   = $ENV{CC} || 'cc';
my $temp = tempdir(CLEANUP => 1);
my $tool = ($ENV{POP3D_UNDER_TEST} // 'build/pop3d') =~ s{[^/]*$}{mailauth}r;

if (system("$cc --version >$temp/cc 2>&1") != 0) {
    plan skip_all => "no C compiler ($cc)";
}
system("$cc -std=c11 -D_GNU_SOURCE -O1 -fPIC -shared -o $temp/faults.so "
    . 'tests/faults/interpose_all.c -ldl') == 0
    or die('the interposer does not compile');
chmod(0755, $temp);

sub slurp {
    my ($path) = @_;
    open(my $in, '<:raw', $path) or return;
    local $/;
    return scalar(<$in>) // '';
}

sub spew {
    my ($path, $text) = @_;
    open(my $out, '>:raw', $path) or die "$path: $!\n";
    print $out $text or die "$path: $!\n";
    close($out) or die "$path: $!\n";
    chmod(0600, $path);
}

# Run the tool, with these faults: status and what it said.
sub run {
    my ($fault, $input, @args) = @_;
    spew("$temp/in", $input);
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open(STDIN, '<', "$temp/in");
        open(STDOUT, '>', "$temp/said");
        open(STDERR, '>&', \*STDOUT);
        %ENV = (PATH => $ENV{PATH}, %$fault);
        $ENV{LD_PRELOAD} = "$temp/faults.so" if %$fault;
        exec { $tool } $tool, '-i', 4096, @args or POSIX::_exit(127);
    }
    local $SIG{ALRM} = sub { kill('KILL', $pid) };
    alarm(20);
    waitpid($pid, 0);
    my $status = $?;
    alarm(0);
    return ($status, slurp("$temp/said"));
}

my $db = "$temp/folder/db";
mkdir("$temp/folder");
for my $name (qw(ann joe zoe)) {
    my ($status, $said) = run({}, "secret\n", '-f', $db, 'add', $name);
    $status == 0 or die("no database: $said");
}
my $old = slurp($db);
spew("$temp/import", "bob:{PLAIN}x\njim:{PLAIN}y\nzzz:{PLAIN}z\n");

# What a change must come to: the lines that it adds to, or takes from, what
# there was; undef for a database that was not there.
my @changes = (
    ['add', $old, "x\n", ['add', 'bob'], [qw(ann bob joe zoe)]],
    ['the first add', undef, "x\n", ['add', 'bob'], ['bob']],
    ['delete', $old, '', ['delete', 'joe'], [qw(ann zoe)]],
    ['import', $old, '', ['import', "$temp/import"],
        [qw(ann bob jim joe zoe zzz)]],
);

sub names {
    my ($text) = @_;
    my ($header, @lines) = split(/^/, $text);
    return 'bad: ' . ($header // '')
        if ($header // '') !~ /\A#mailauth:1:[0-9a-f]{64}\n\z/;
    /\A[a-z]+:[^:]*:[^:]+:[^:]+:[^:]*:[^:]*\n\z/ or return "bad: $_" for @lines;
    return join(' ', map { /^([a-z]+)/ } @lines);
}

# Nothing, or what is wrong with what is left of a change that may have failed.
sub judge {
    my ($change, $status, $said) = @_;
    my ($what, $before, $input, $args, $names) = @$change;
    my $now = slurp($db);
    my $new = defined $now && names($now) eq join(' ', @$names);
    my $kept = defined $before ? defined $now && $now eq $before
                               : !defined $now;
    return 'it is neither what it was nor what it should be'
        if !$new && !$kept;
    if ($new && defined $before) {
        my %before = map { $_ => 1 } split(/^/, $before);
        my %now = map { $_ => 1 } split(/^/, $now);
        return "another line is not what it was"
            if grep { !$now{$_} && !/^joe:/ } keys %before;
        return 'mode ' . sprintf('%o', (stat $db)[2] & 07777)
            if ((stat $db)[2] & 07777) != 0600;
    }
    return 'status 0, and nothing is changed' if $status == 0 && !$new;
    return "status $status, and changed: $said"
        if $status != 0 && !($status & 127) && $new
        && $said !~ /it is changed, but a crash may undo that/;
    return "killed by $status" if $status & 127 && ($status & 127) != 9;
    return 'FILE.new is left' if -e "$db.new" && !($status & 127);
    # And the next change is as if nothing had been.
    return if !($status & 127);
    my @next = run({FAULT_COUNT => "$temp/none"}, "next\n", '-f', $db, 'add', 'next');
    return "the next change: $next[1]" if $next[0] != 0;
    return 'FILE.new is left for ever' if -e "$db.new";
    return 'the next change has lost somebody' if names(slurp($db))
        ne join(' ', sort(($new ? @$names : defined $before
            ? qw(ann joe zoe) : ()), 'next'));
    return;
}

sub reset_to {
    my ($before) = @_;
    unlink("$db.new", $db);
    spew($db, $before) if defined $before;
}

# Kind, errno, and what the calls are that it matters for.
my @kinds = (['error', 5, ''], ['before', 0, ''], ['after', 0, ''],
    ['error', 28, 'write'], ['short', 0, 'write'], ['half', 0, 'write']);

for my $change (@changes) {
    my ($what, $before, $input, $args, $names) = @$change;
    subtest $what => sub {
        reset_to($before);
        my ($status, $said) = run({FAULT_COUNT => "$temp/count",
            FAULT_LOG => "$temp/log"}, $input, '-f', $db, @$args);
        is($status, 0, 'undisturbed') or diag($said);
        is(names(slurp($db)), join(' ', @$names), 'it is what it should be');
        my ($calls) = slurp("$temp/count") =~ /^(\d+)$/;
        cmp_ok($calls, '>', 20, "$calls calls");
        my $writes = () = slurp("$temp/log") =~ /^write/mg;
        my ($file, $folder) = ((stat $db)[1], (stat "$temp/folder")[1]);
        like(slurp("$temp/log"), qr/^create $file db\.new \n(?:write $file  \n)+sync $file  \nrename 0 db\.new db\nsync $folder  \n\z/m,
            'made, written, synced, renamed, the folder synced');
        for my $kind (@kinds) {
            my ($name, $errno, $match) = @$kind;
            my @bad;
            for my $at (1 .. ($match ? $writes : $calls)) {
                reset_to($before);
                my @got = run({FAULT_AT => $at, FAULT_KIND => $name,
                    FAULT_ERRNO => $errno, FAULT_MATCH => $match}, $input,
                    '-f', $db, @$args);
                my $why = judge($change, @got);
                push @bad, "call $at: $why" if $why;
            }
            is(join("\n", @bad), '', "each call: @$kind");
        }
    };
}

done_testing();
