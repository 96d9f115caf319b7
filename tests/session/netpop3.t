#!/usr/bin/perl
# Every method of Net::POP3, through a real inetd, pop3d -F and pop3d -D.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Net::POP3;
use Test::More;

use Pop3d;
use Pop3d::Corpus;

my ($mbox, @messages) = Pop3d::Corpus::mailbox('three');
my @wire = map { Pop3d::Corpus::wire($_) } @messages;
my $octets = Pop3d::Corpus::octets(@messages);

# Net::POP3 gives lines that end in "\n"; the mail has no others here.
sub unix { my $t = shift; $t =~ s/\r\n/\n/g; return $t }

sub methods {
    my ($site, $way) = @_;
    my $new = sub {
        my $pop = Net::POP3->new('127.0.0.1', Port => $site->{port}, Timeout => 20);
        ok($pop, 'new') or BAIL_OUT("$way: no greeting: " . $site->log_text);
        return $pop;
    };

    subtest "$way: reading" => sub {
        $site->mailbox($mbox);
        my $pop = $new->();
        like($pop->banner, qr/ready/, 'banner');
        is($pop->login('demo', 'wrong'), undef, 'login with a wrong password');
        is($pop->login('demo', 'secret'), 3, 'login');
        is_deeply([$pop->popstat], [3, $octets], 'popstat');
        is_deeply($pop->list, {map { $_ => length $wire[$_ - 1] } 1 .. 3}, 'list');
        is($pop->list(2), length $wire[1], 'list of one');
        is($pop->list(4), undef, 'list of none');
        my $ids = $pop->uidl;
        is_deeply([sort keys %$ids], [1, 2, 3], 'uidl');
        is($pop->uidl(2), $ids->{2}, 'uidl of one');
        is($pop->last, 0, 'last before get');
        is(join('', @{$pop->get(2)}), unix($wire[1]), 'get');
        is($pop->last, 2, 'last after get');
        open(my $file, '+>', undef);
        ok($pop->get(3, $file), 'get to a file');
        seek($file, 0, 0);
        is(join('', <$file>), unix($wire[2]), 'the file');
        my $handle = $pop->getfh(1);
        my $text = "";
        while (defined(my $line = <$handle>)) { $text .= $line }
        is($text, unix($wire[0]) =~ s{^\.}{..}mgr, "getfh, which leaves stuffed dots to its caller");
        close($handle);
        is(join('', @{$pop->top(3, 1)}), unix(Pop3d::Corpus::top($messages[2], 1)), 'top');
        is(join('', @{$pop->top(1)}), unix(Pop3d::Corpus::top($messages[0], 0)), 'top of no lines');
        my @ping = $pop->ping('demo');
        is($ping[1], 3, 'ping');
        ok(defined $pop->capa, 'capa');
        my $can = $pop->capabilities;
        ok(exists $can->{$_}, "capabilities: $_") for qw(TOP UIDL);
        is($pop->auth('demo', 'secret') ? 1 : 0, 0, 'auth, which comes later');
        ok($pop->quit, 'quit');
        ok($site->mailbox eq $mbox, 'the mailbox is as it was');
    };

    subtest "$way: user, pass, delete and reset" => sub {
        $site->mailbox($mbox);
        my $pop = $new->();
        ok($pop->user('demo'), 'user');
        is($pop->pass('secret'), 3, 'pass');
        ok($pop->delete(1), 'delete');
        ok(!$pop->delete(1), 'delete twice');
        is_deeply([$pop->popstat], [2, $octets - length $wire[0]], 'popstat');
        $pop->reset;
        is_deeply([$pop->popstat], [3, $octets], 'reset');
        $pop->delete(2);
        my %before = %{$pop->uidl};
        ok($pop->quit, 'quit');
        is($site->mailbox, Pop3d::Corpus::mbox(@messages[0, 2]), 'the second is gone');

        $pop = $new->();
        is($pop->login('demo', 'secret'), 2, 'two are left');
        is_deeply($pop->uidl, {1 => $before{1}, 2 => $before{3}}, 'with their unique-ids');
        $pop->delete($_) for 1, 2;
        $pop->quit;
        is($site->mailbox, '', 'all are gone');

        $pop = $new->();
        is($pop->login('demo', 'secret'), '0E0', 'none are left');
        is_deeply([$pop->popstat], [0, 0], 'popstat');
        is_deeply($pop->list, {}, 'list');
        is_deeply($pop->uidl, {}, 'uidl');
        $pop->quit;
    };

    subtest "$way: an object that goes out of scope takes its deletions back" => sub {
        $site->mailbox($mbox);
        {
            my $pop = $new->();
            $pop->login('demo', 'secret');
            $pop->delete(2);
        }
        my $pop = $new->();
        is($pop->login('demo', 'secret'), 3, 'all three are there');
        $pop->quit;
    };
}

{
    my $site = Pop3d->new;
    $site->inetd;
    methods($site, 'inetd');
}
{
    my $site = Pop3d->new;
    my $pid = $site->standalone;
    methods($site, '-F');
    ok(kill(0, $pid), '-F: still there');
    my $status = $site->stop;
    ok(defined $status, '-F: SIGTERM ends it');
}
{
    my $site = Pop3d->new;
    my $pid = $site->daemon;
    isnt($pid, $$, '-D: in the background');
    methods($site, '-D');
    ok(kill(0, $pid), '-D: still there');
    kill('TERM', $pid);
    ok(Pop3d::until_true(sub { !kill(0, $pid) }, 5), '-D: SIGTERM ends it');
    ok(!-e "$site->{dir}/pid", '-D: the pid file goes with it');
    delete $site->{daemon} if !kill(0, $pid);
}

done_testing;
