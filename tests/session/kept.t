#!/usr/bin/perl
# Kept views where files' times are coarse: a change of the same size, within
# the same second as the session before it, is seen by the next one.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep time);

use Pop3d qw(as_root file_get file_put until_true);
use Pop3d::Corpus;

use constant {AGES => 14, STEP => 0.35};

my $COARSE = "$Pop3d::ROOT/build/session/coarse.so";
{
    local $ENV{MAKEFLAGS} = '';
    system('make', '-s', '-C', $Pop3d::ROOT, 'build/session/coarse.so') == 0 or BAIL_OUT('no coarse.so');
}

# All of one length.
sub text {
    my ($number) = @_;
    return Pop3d::Corpus::header(100 + $number % 900, sprintf('state %06d', $number)) . "A body.\n";
}

# Mailboxes of user NAME with the messages of these numbers; changed by another
# program, which puts the mailbox's times back where times are to be kept.
sub mbox {
    my ($site, $name, $numbers, $keep) = @_;
    my $path = "$site->{dir}/mail/$name";
    my @stat = stat $path;
    my $octets = Pop3d::Corpus::mbox(map { Pop3d::Corpus::message(text($_)) } @$numbers);
    if (!@stat) {
        file_put($path, $octets);
        chmod(0600, $path);
        chown($Pop3d::UID, $Pop3d::GID, $path) if as_root();
        return;
    }
    open(my $file, '+<:raw', $path) or die "$path: $!\n";
    print $file $octets;
    truncate($file, length $octets);
    close($file) or die;
    utime($stat[8], $stat[9], $path) if $keep;
}

sub maildir {
    my ($site, $name, $numbers) = @_;
    my $path = "$site->{dir}/mail/$name";
    if (!-d $path) {
        for my $folder ('', '/cur', '/new', '/tmp') {
            mkdir("$path$folder", 0700) or die;
            chown($Pop3d::UID, $Pop3d::GID, "$path$folder") if as_root();
        }
    }
    my %want = map { ("1000.$_.host:2,S" => $_) } @$numbers;
    for my $file (map { s{.*/}{}r } glob "$path/cur/*") {
        next if delete $want{$file};
        unlink("$path/cur/$file") or die;
    }
    for my $file (keys %want) {
        file_put("$path/tmp/$file", text($want{$file}));
        chown($Pop3d::UID, $Pop3d::GID, "$path/tmp/$file") if as_root();
        rename("$path/tmp/$file", "$path/cur/$file") or die;
    }
}

# What a session of this user sees: the numbers of all messages, each of them
# read; 'wrong' where it is not itself.
sub seen {
    my ($site, $name) = @_;
    my $client = $site->connect;
    my $answer = $client->login($name);
    die "$answer\n" if $answer !~ /^\+OK/;
    my $count = () = $client->ask_multi('LIST') =~ /\n/g;
    my @numbers;
    for my $number (1 .. $count) {
        my $text = $client->ask_multi("RETR $number") // '-ERR';
        my ($state) = $text =~ /^Subject: state (\d+)/m;
        push @numbers, defined $state && $text eq Pop3d::Corpus::wire(text($state)) ? $state + 0 : 'wrong';
    }
    $client->ask('QUIT');
    $client->hang_up;
    return "@numbers";
}

# A message is deleted by a session, and before its QUIT another stands there,
# in the mbox to the octet: that must stay.
sub quit {
    my ($site, $name, $change) = @_;
    my $client = $site->connect;
    $client->login($name);
    $client->ask('DELE 1');
    $change->();
    my $answer = $client->ask('QUIT');
    $client->hang_up;
    return seen($site, $name);
}

sub sites {
    return map {
        my $seconds = $_;
        my $site = Pop3d->new;
        $site->user_add($_, 'secret') for map { ("mbox$_", "maildir$_") } 'r', 'q', 0 .. AGES - 1;
        $site->configure(mailbox => "auto:$site->{dir}/mail/%u");
        local @ENV{qw(LD_PRELOAD COARSE_SECONDS)} = ($COARSE, $seconds);
        $site->standalone;
        $site->{seconds} = $seconds;
        like(file_get("/proc/$site->{server}/maps"), qr/coarse\.so/, "times of every ${seconds}th second");
        $site;
    } 1, 2;
}

my @sites = sites();
my @kinds = ([mbox => \&mbox], [maildir => \&maildir]);

# Again and again, as fast as sessions are.
for my $site (@sites) {
    for my $kind (@kinds) {
        my ($name, $put) = @$kind;
        my @bad;
        for my $round (1 .. 12) {
            $put->($site, "${name}r", [$round, 50, $round + 1]);
            my $seen = seen($site, "${name}r");
            my $want = join(' ', $name eq 'mbox' ? ($round, 50, $round + 1) : sort { $a cmp $b } $round, 50, $round + 1);
            push @bad, "$seen, not $want" if $seen ne $want;
        }
        is_deeply(\@bad, [], "$site->{seconds} s, $name: every change is seen at once");
        $put->($site, "${name}q", [1, 2]);
        is(quit($site, "${name}q", sub { $put->($site, "${name}q", [3, 2]) }), $name eq 'mbox' ? '3 2' : '2 3',
            "$site->{seconds} s, $name: what took a deleted one's place stays");
    }
}

# Left alone for less and less time, then read by two sessions, the second of
# which may have the first one's view, and changed at once.
for my $age (0 .. AGES - 1) {
    for my $site (@sites) {
        $_->[1]->($site, "$_->[0]$age", [11, 12, 13]) for @kinds;
    }
    sleep STEP;
}
for my $site (@sites) {
    for my $kind (@kinds) {
        my ($name, $put) = @$kind;
        my (@early, @late);
        for my $age (0 .. AGES - 1) {
            my $user = "$name$age";
            seen($site, $user) eq '11 12 13' or push @early, $age for 1, 2;
            $put->($site, $user, [11, 14, 13], $age % 2);
            seen($site, $user) eq ($name eq 'mbox' ? '11 14 13' : '11 13 14') or push @late, $age;
        }
        is_deeply(\@early, [], "$site->{seconds} s, $name: seen as it is");
        is_deeply(\@late, [], "$site->{seconds} s, $name: and as it is then, whatever its age");
    }
}

# What another program has changed in a mailbox that also grew, so that only a
# sample of it is compared.
my $site = $sites[0];
mbox($site, 'mboxr', [1 .. 300]);
is(seen($site, 'mboxr'), join(' ', 1 .. 300), '300 messages');
mbox($site, 'mboxr', [1 .. 99, 500, 101 .. 301]);
my $seen = seen($site, 'mboxr');
like($seen, qr/^@{[1 .. 99]} (?:500|wrong) @{[101 .. 301]}$/, 'one that has changed is refused, if it is not seen');
$seen = quit($site, 'mboxr', sub { mbox($site, 'mboxr', [1 .. 99, 500, 101 .. 302]) });
is($seen =~ s/wrong/500/r, join(' ', 2 .. 99, 500, 101 .. 302), 'what was deleted goes, and nothing else');
my $client = $site->connect;
$client->login('mboxr');
$client->ask('DELE 99');
mbox($site, 'mboxr', [2 .. 99, 501, 101 .. 303]);
$client->ask('QUIT');
$client->hang_up;
is(join(' ', map { $_ + 0 } file_get("$site->{dir}/mail/mboxr") =~ /^Subject: state (\d+)/mg), join(' ', 2 .. 99, 501, 101 .. 303),
    'nor does what came to its place');
$_->stop for @sites;

done_testing;
