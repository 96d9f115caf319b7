#!/usr/bin/perl
# mpop fetches everything, pipelined, then every second message, which it
# deletes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Pop3d;
use Pop3d::Corpus;
use Pop3d::Fetch;

my $mpop = Pop3d::program('mpop') // BAIL_OUT('no mpop: see tests/need');

sub run_mpop {
    my ($site, $home, @more) = @_;
    my $deliver = deliverer($home);
    Pop3d::file_put("$home/mpoprc", join("\n", 'account site', 'host 127.0.0.1', "port $site->{port}",
        'user demo', 'password secret', 'auth user', 'tls off', "delivery mda $deliver",
        'received_header off', 'only_new off', "uidls_file $home/uidls", @more) . "\n");
    chmod(0600, "$home/mpoprc");
    local %ENV = (%ENV, HOME => $home);
    my ($status, $out) = $site->run($mpop, '-C', "$home/mpoprc", 'site');
    is($status, 0, 'mpop: status 0') or diag(substr $out, -2000);
}

# It hands on lines that end in LF.
sub lf { my $text = shift; $text =~ s/\r\n/\n/g; return $text }

my @all = Pop3d::Corpus::everyday(300);
# What the filter can tell by the header.
$all[$_ - 1]{text} =~ s/^(Subject: )/X-Half: @{[$_ % 2 ? 'stays' : 'goes']}\n$1/m for 1 .. @all;
both_ways(\@all, sub {
    my ($site, $messages, $home) = @_;
    my @wire = map { lf(Pop3d::Corpus::wire($_)) } @$messages;
    run_mpop($site, $home, 'keep on', 'pipelining on');
    same_messages([fetched($home)], \@wire, 'kept');
    left_is($site, Pop3d::Corpus::mbox(@$messages), 'the mailbox is as it was');

    $home = home($site);
    # Status 2: leave it on the server.
    Pop3d::file_put("$home/filter", "#!/bin/sh\nif grep -q '^X-Half: goes'; then exit 0; else exit 2; fi\n");
    chmod(0755, "$home/filter");
    run_mpop($site, $home, 'keep off', "filter $home/filter");
    same_messages([fetched($home)], [map { $wire[$_ - 1] } grep { $_ % 2 == 0 } 1 .. 300], 'one half');
    left_is($site, Pop3d::Corpus::mbox(map { $messages->[$_ - 1] } grep { $_ % 2 } 1 .. 300),
        'the other half is left, octet for octet');
});

done_testing;
