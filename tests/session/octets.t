#!/usr/bin/perl
# Mailboxes of real-shaped mail, every octet of them: STAT, LIST, RETR, TOP and
# UIDL of every message, and what is left of the file after every second one
# is deleted.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Pop3d;
use Pop3d::Corpus;

my $site = Pop3d->new;
my @shapes = Pop3d::Corpus::shapes();
my @tame = grep { $_->{tame} } @shapes;
my $last = Pop3d::Corpus::message("Subject: last\n\nno end of line", behind => '');

my %boxes = (
    'every shape' => [@shapes],
    'tame shapes with CRLF' => [Pop3d::Corpus::crlf(@tame)],
    'c-client\'s message first' => [{%{Pop3d::Corpus::internal()}, hidden => 1}, @tame],
    'the last one without its end' => [@shapes, $last],
    '300 of every day' => [Pop3d::Corpus::everyday(300)],
    'a thousand small ones' => [map { Pop3d::Corpus::message("Subject: $_\n\n$_\n") } 1 .. 1000],
);

sub same {
    my ($got, $want, $what) = @_;
    return 1 if defined $got && $got eq $want;
    return !diag("$what: " . (defined $got ? length($got) . ' octets' : 'nothing')
        . ', wanted ' . length($want));
}

for my $name (sort keys %boxes) {
    subtest $name => sub {
        my @all = @{$boxes{$name}};
        my @seen = grep { !$_->{hidden} } @all;
        my @wire = map { Pop3d::Corpus::wire($_) } @seen;
        $site->mailbox(Pop3d::Corpus::mbox(@all));
        my $client = $site->session;
        like($client->login, qr/^\+OK .*\b${\scalar @seen} messages? \(${\Pop3d::Corpus::octets(@seen)} octets\)/,
            'the login counts them');
        is($client->ask('STAT'), '+OK ' . @seen . ' ' . Pop3d::Corpus::octets(@seen), 'STAT');
        my $list = join('', map { "$_ " . length($wire[$_ - 1]) . "\r\n" } 1 .. @seen);
        is($client->ask_multi('LIST'), $list, 'LIST');
        my $bad = 0;
        for my $number (1 .. @seen) {
            my $title = "$number (" . ($seen[$number - 1]{name} // 'small') . ')';
            same($client->ask_multi("RETR $number"), $wire[$number - 1], "RETR $title") or $bad++;
            my $lines = $number % 5;
            same($client->ask_multi("TOP $number $lines"),
                Pop3d::Corpus::top($seen[$number - 1], $lines), "TOP $title $lines") or $bad++;
        }
        is($bad, 0, 'RETR and TOP of each are right to the octet');
        my $uidl = $client->ask_multi('UIDL');
        my %ids = map { reverse split / / } split /\r\n/, $uidl;
        is(scalar keys %ids, scalar @seen, 'as many unique-ids as messages');
        my @ids = map { (split / /)[1] } split /\r\n/, $uidl;

        my @gone = grep { $_ % 2 == 0 } 1 .. @seen;
        $client->put(join('', map { "DELE $_\r\n" } @gone));
        is(scalar(grep { $client->line =~ /^\+OK/ } @gone), scalar @gone, 'DELE of every second');
        like($client->ask('QUIT'), qr/^\+OK/, 'QUIT');
        $client->hang_up;
        my $count = 0;
        my @left = grep { $_->{hidden} || ++$count % 2 } @all;
        ok(same($site->mailbox, Pop3d::Corpus::mbox(@left), 'the file'), 'the others are left, octet for octet');

        $client = $site->session;
        $client->login;
        my @now = map { (split / /)[1] } split /\r\n/, $client->ask_multi('UIDL');
        is_deeply(\@now, [map { $ids[$_] } grep { $_ % 2 == 0 } 0 .. $#ids], 'with the same unique-ids')
            unless $name =~ /shape|every day|last one/ && grep { ($_->{name} // '') eq 'twin' } @seen;
        is($client->ask('STAT'), '+OK ' . grep({ !$_->{hidden} } @left) . ' '
            . Pop3d::Corpus::octets(grep { !$_->{hidden} } @left), 'STAT of what is left');
        # All in one batch, as a fast client does.
        my @rest = grep { !$_->{hidden} } @left;
        $client->put(join('', map { "RETR $_\r\nDELE $_\r\n" } 1 .. @rest));
        $bad = 0;
        for my $number (1 .. @rest) {
            my $line = $client->line;
            same($client->rest, Pop3d::Corpus::wire($rest[$number - 1]), "RETR $number") or $bad++;
            $client->line =~ /^\+OK/ or $bad++;
        }
        is($bad, 0, 'all of them in one batch');
        like($client->ask('QUIT'), qr/^\+OK/, 'QUIT');
        $client->hang_up;
        is($site->mailbox, Pop3d::Corpus::mbox(grep { $_->{hidden} } @left), 'nothing is left but what no client sees');
    };
}

done_testing;
