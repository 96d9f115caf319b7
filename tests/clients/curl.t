#!/usr/bin/perl
# curl fetches everything, and deletes half of it, in one session each.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Pop3d;
use Pop3d::Corpus;
use Pop3d::Fetch;

my $curl = Pop3d::program('curl') // BAIL_OUT('no curl: see tests/need');

sub run_curl {
    my ($site, $home, @lines) = @_;
    Pop3d::file_put("$home/curlrc", join("\n", 'user = "demo:secret"', 'silent', 'show-error',
        'fail', 'max-time = 60', @lines) . "\n");
    my ($status, $out) = $site->run($curl, '-q', '-K', "$home/curlrc");
    is($status, 0, 'curl: status 0') or diag($out);
    return $out;
}

# A list on standard output comes from a session of its own.
my @all = (Pop3d::Corpus::everyday(300), Pop3d::Corpus::shapes());
both_ways(\@all, sub {
    my ($site, $messages, $home) = @_;
    my $url = "pop3://127.0.0.1:$site->{port}";
    my $count = @$messages;

    my $list = run_curl($site, $home, "url = \"$url/\"");
    is($list, join('', map { "$_ " . length(Pop3d::Corpus::wire($messages->[$_ - 1])) . "\r\n" } 1 .. $count), 'LIST');
    my $uidl = run_curl($site, $home, "url = \"$url/\"", 'request = "UIDL"');
    is(scalar(() = $uidl =~ /^\d+ [\x21-\x7e]{1,70}\r$/mg), $count, 'UIDL');

    run_curl($site, $home, map { ("url = \"$url/$_\"", sprintf('output = "%s/got/%05d"', $home, $_)) } 1 .. $count);
    same_messages([fetched($home)], [map { Pop3d::Corpus::wire($_) } @$messages], 'RETR');
    left_is($site, Pop3d::Corpus::mbox(@$messages), 'the mailbox is as it was');

    my @even = grep { $_ % 2 == 0 } 1 .. $count;
    run_curl($site, $home, 'head', 'request = "DELE"', map { "url = \"$url/$_\"" } @even);
    left_is($site, Pop3d::Corpus::mbox(map { $messages->[$_ - 1] } grep { $_ % 2 } 1 .. $count),
        'after DELE of every second one the others are left, octet for octet');
});

done_testing;
