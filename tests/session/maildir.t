#!/usr/bin/perl
# A Maildir, through pop3d -F and a client's library.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Net::POP3;
use Test::More;

use Pop3d qw(file_get file_put);
use Pop3d::Corpus;

my $site = Pop3d->new;
$site->configure(mailbox => "maildir:$site->{dir}/mail/%u");
my $box = "$site->{dir}/mail/demo";
my $port;

# The last session may still be at its end: what it does then, it does there.
{
    my $old = 0;
    sub away { rename($box, "$box." . $old++) }
}

# Files by name ("cur/..."), with their octets; the Maildir is new.
sub deliver {
    my (%files) = @_;
    for my $name (sort keys %files) {
        file_put("$box/$name", $files{$name});
        chown($Pop3d::UID, $Pop3d::GID, "$box/$name") if Pop3d::as_root();
    }
}

sub maildir {
    my (%files) = @_;
    away();
    for my $folder ('', qw(/cur /new /tmp)) {
        mkdir("$box$folder", 0700) or die "$box$folder: $!\n";
        chown($Pop3d::UID, $Pop3d::GID, "$box$folder") if Pop3d::as_root();
    }
    deliver(%files);
}

sub names { return sort map { s{^\Q$box\E/}{}r } glob("$box/cur/* $box/new/*") }

sub login {
    my $pop = Net::POP3->new('127.0.0.1', Port => $port, Timeout => 20) or BAIL_OUT('no greeting');
    return ($pop, $pop->login('demo', 'secret'));
}

# A command and its answer's first line.
sub answer {
    my ($pop, $command) = @_;
    $pop->command($command)->response;
    return $pop->message =~ s/\s+\z//r;
}

# What a message is on the wire, octet by octet.
sub wire_of {
    my ($client, $command) = @_;
    $client->put("$command\r\n");
    my $line = $client->line;
    return $line if $line !~ /^\+OK/;
    my $text = '';
    while ((my $next = $client->line . "\r\n") ne ".\r\n") { $text .= $next =~ s/^\.//r }
    return $text;
}

my $header = "From: a\@example.org\nSubject: x\n\n";
my %text = (
    lf => "${header}one\n.two\n\n..three\n",
    crlf => "${header}one\n.two\n" =~ s/\n/\r\n/gr,
    open => "${header}one\ntwo",
    nul => "${header}a\0b\rc\n",
    head => "From: a\@example.org\n",
    empty => '',
    long => $header . ('x' x 70 . "\n") x 5000,
);

$site->standalone('-d');
$port = $site->{port};

subtest 'octets' => sub {
    my $n = 1000;
    my @order = sort keys %text;
    maildir(map { ($n % 2 ? 'new/' . $n++ . ".$_" : 'cur/' . $n++ . ".$_:2,S") => $text{$_} } @order);
    my ($pop, $count) = login();
    is($count, @order, 'every file is a message');
    my $list = $pop->list;
    is($list->{$_}, length Pop3d::Corpus::wire($text{$order[$_ - 1]}), "list: $order[$_ - 1]") for 1 .. @order;
    is_deeply([$pop->popstat], [scalar @order, Pop3d::Corpus::octets(@text{@order})], 'stat');
    my $ids = $pop->uidl;
    is($ids->{1}, "1000.$order[0]", 'the unique-id is the base name');
    $pop->quit;
    my $client = $site->connect;
    $client->put("USER demo\r\nPASS secret\r\n");
    $client->line for 1, 2;
    for my $i (1 .. @order) {
        my $name = $order[$i - 1];
        ok(wire_of($client, "RETR $i") eq Pop3d::Corpus::wire($text{$name}), "retr: $name");
        next if $name eq 'empty';
        ok(wire_of($client, "TOP $i $_") eq Pop3d::Corpus::top({text => $text{$name}}, $_), "top $_: $name") for 0, 2, 99999;
    }
    $client->put("QUIT\r\n");
    like($client->line, qr/^\+OK/, 'quit');
    is(scalar(grep { m{^new/} } names()), 0, 'what was fetched is in cur/');
};

subtest 'many, in every order' => sub {
    maildir(map { (sprintf('cur/%d.m:2,', 1000 + $_) => "Subject: $_\n\nbody $_\n") } 1 .. 50);
    for my $order ([1 .. 50], [reverse 1 .. 50], [map { $_ * 7 % 50 + 1 } 1 .. 50]) {
        my ($pop) = login();
        my $right = grep { join('', @{$pop->get($_)}) eq "Subject: $_\n\nbody $_\n" } @$order;
        is($right, 50, "each is itself: $order->[0], $order->[1], ...");
        $pop->quit;
    }
    my ($pop) = login();
    $pop->delete($_) for grep { $_ % 2 } 1 .. 50;
    my $right = grep { join('', @{$pop->get($_)}) eq "Subject: $_\n\nbody $_\n" } grep { $_ % 2 == 0 } 1 .. 50;
    is($right, 25, 'between deleted ones');
    $pop->quit;
    is(scalar(my @left = names()), 25, 'those are gone');
};

subtest 'sizes in names' => sub {
    my $text = "$text{lf}";
    my ($size, $wire) = (length $text, length Pop3d::Corpus::wire($text));
    maildir("cur/1.right,S=$size,W=$wire:2," => $text, 'cur/2.wrong,S=20,W=30:2,' => $text, 'new/3.alone,W=40' => $text,
        'new/4.impossible,S=20,W=300' => $text);
    my ($pop) = login();
    is_deeply([map { $pop->list($_) } 1 .. 4], [$wire, 30, 40, $wire], 'believed where they are possible');
    is(join('', @{$pop->get($_)}), $text, "the message is whole: $_") for 1 .. 4;
    is_deeply([map { $pop->list($_) } 1 .. 4], [($wire) x 4], 'and its size right from then on');
    is_deeply([$pop->popstat], [4, 4 * $wire], 'as is their sum');
    $pop->delete(2);
    is_deeply([$pop->popstat], [3, 3 * $wire], 'without a deleted one');
    $pop->reset;
    is_deeply([$pop->popstat], [4, 4 * $wire], 'and with it');
    $pop->quit;
    ok($site->log_wait(qr/message 2 has $wire octets, not 30/), 'the log says so');
};

subtest 'another program is at work' => sub {
    maildir(map { ("new/$_.m" => "Subject: $_\n\nbody\n") } 1 .. 5);
    my ($pop) = login();
    my %ids = %{$pop->uidl};
    rename("$box/new/2.m", "$box/cur/2.m:2,S");
    unlink("$box/new/3.m");
    is(join('', @{$pop->get(2)}), "Subject: 2\n\nbody\n", 'a message that moved');
    like(answer($pop, 'RETR 3'), qr/^\[SYS\/TEMP\]/, 'one that has gone');
    is(join('', @{$pop->get(4)}), "Subject: 4\n\nbody\n", 'the session goes on');
    deliver('new/9.m' => "Subject: 9\n\n");
    $pop->delete($_) for 1, 2, 3;
    is(answer($pop, 'QUIT'), '3 removed, 2 left', 'quit');
    $pop->close;
    is_deeply([names()], ['cur/4.m:2,', 'new/5.m', 'new/9.m'], 'what is left');
    ($pop) = login();
    is_deeply($pop->uidl, {1 => $ids{4}, 2 => $ids{5}, 3 => '9.m'}, 'unique-ids stay');
    $pop->quit;
    my $client = $site->connect;
    $client->put("USER demo\r\nPASS secret\r\nRETR 2\r\nDELE 1\r\n");
    ok(defined $client->until_match(qr/deleted/), 'a message is deleted');
    $client->hang_up;
    ok($site->log_wait(qr/^DISCONNECTED/), 'a session without QUIT');
    is(scalar(my @left = names()), 3, 'removes nothing');
};

subtest 'one session at a time' => sub {
    maildir('new/1.m' => "Subject: 1\n\n");
    my ($pop) = login();
    my $other = $site->connect;
    $other->put("USER demo\r\nPASS secret\r\n");
    $other->line;
    like($other->line, qr/^-ERR \[IN-USE\]/, 'a second one is refused');
    $pop->quit;
};

subtest 'the kept view' => sub {
    maildir(map { ("cur/$_.m:2," => "Subject: $_\n\nbody\n") } 1 .. 20);
    my ($pop) = login();
    my $list = $pop->list;
    $pop->quit;
    sleep 4;
    for my $round (1 .. 3) {
        my ($pop, $count) = login();
        is_deeply([$count, $pop->list], [20, $list], "session $round: the same");
        is(join('', @{$pop->get(20)}), "Subject: 20\n\nbody\n", 'and their text');
        $pop->quit;
        sleep 1;
    }
    deliver('new/21.m' => "Subject: 21\n\nbody\n");
    ok((login())[1] == 21, 'a delivery is seen at once');
};

$site->stop;

subtest 'mark-seen and mailbox-create' => sub {
    $site->configure(mailbox => "maildir:$site->{dir}/mail/%u", 'mark-seen' => 'yes', 'mailbox-create' => 'yes');
    away();
    $site->standalone;
    $port = $site->{port};
    my ($pop, $count) = login();
    ok(defined $count && $count == 0, 'a Maildir that was not there');
    $pop->quit;
    ok(-d "$box/$_", "is made: $_") for qw(cur new tmp);
    deliver('new/1.m' => "Subject: 1\n\n", 'new/2.m' => "Subject: 2\n\n", 'cur/3.m:2,FR' => "Subject: 3\n\n");
    ($pop) = login();
    $pop->get(1);
    $pop->top(2, 0);
    $pop->get(3);
    $pop->quit;
    is_deeply([names()], ['cur/1.m:2,S', 'cur/3.m:2,FRS', 'new/2.m'], 'S for what was fetched');
    $site->stop;
};

subtest 'auto' => sub {
    $site->configure(mailbox => "auto:$site->{dir}/mail/%u");
    maildir('new/1.m' => "Subject: 1\n\n");
    $site->standalone;
    $port = $site->{port};
    my ($pop, $count) = login();
    is($count, 1, 'a Maildir');
    $pop->quit;
    away();
    my ($mbox, @messages) = Pop3d::Corpus::mailbox('three');
    $site->mailbox($mbox);
    is((login())[1], 3, 'an mbox');
    $site->stop;
};

done_testing;
