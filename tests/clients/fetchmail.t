#!/usr/bin/perl
# fetchmail fetches everything, then half of it again, which it deletes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Pop3d;
use Pop3d::Corpus;
use Pop3d::Fetch;

my $fetchmail = Pop3d::program('fetchmail') // BAIL_OUT('no fetchmail: see tests/need');

sub run_fetchmail {
    my ($site, $home, @more) = @_;
    my $deliver = deliverer($home);
    Pop3d::file_put("$home/fetchmailrc", join("\n", 'set no bouncemail', 'set no syslog', 'set invisible',
        "poll 127.0.0.1 protocol pop3 port $site->{port} auth password no uidl",
        '  user "demo" there with password "secret" is "demo" here',
        "  mda \"$deliver\"", '  options fetchall no rewrite no mimedecode pass8bits no stripcr',
        '  sslproto "" no ssl', @more) . "\n");
    chmod(0600, "$home/fetchmailrc");
    local %ENV = (%ENV, FETCHMAILHOME => $home, HOME => $home);
    my ($status, $out) = $site->run($fetchmail, '-f', "$home/fetchmailrc", '--pidfile', "$home/pid", '-v');
    ok($status == 0 || ($status == 13 << 8 && grep { /fetchlimit/ } @more), 'fetchmail: well, or at its limit') or diag(substr $out, -2000);
    return $out;
}

my @all = Pop3d::Corpus::everyday(300);
both_ways(\@all, sub {
    my ($site, $messages, $home) = @_;
    my @wire = map { Pop3d::Corpus::wire($_) } @$messages;
    run_fetchmail($site, $home, '  options keep');
    same_messages([fetched($home)], \@wire, 'kept');
    left_is($site, Pop3d::Corpus::mbox(@$messages), 'the mailbox is as it was');

    $home = home($site);
    run_fetchmail($site, $home, '  options no keep', '  fetchlimit 150');
    same_messages([fetched($home)], [@wire[0 .. 149]], 'the first half');
    left_is($site, Pop3d::Corpus::mbox(@$messages[150 .. 299]), 'the other half is left, octet for octet');
});

done_testing;
