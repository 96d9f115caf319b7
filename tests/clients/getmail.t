#!/usr/bin/perl
# getmail fetches everything, then half of it, which it deletes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Pop3d;
use Pop3d::Corpus;
use Pop3d::Fetch;

my $getmail = Pop3d::program('getmail') // BAIL_OUT('no getmail: see tests/need');

sub run_getmail {
    my ($site, $home, @options) = @_;
    mkdir("$home/Maildir/$_") for '', 'tmp', 'new', 'cur';
    Pop3d::file_put("$home/getmailrc", join("\n", '[retriever]', 'type = SimplePOP3Retriever',
        'server = 127.0.0.1', "port = $site->{port}", 'username = demo', 'password = secret', '',
        '[destination]', 'type = Maildir', "path = $home/Maildir/", '', '[options]', 'verbose = 1', 'read_all = true',
        'delivered_to = false', 'received = false', @options) . "\n");
    chmod(0600, "$home/getmailrc");
    local %ENV = (%ENV, HOME => $home);
    my ($status, $out) = $site->run($getmail, '--getmaildir', $home, '--rcfile', "$home/getmailrc");
    is($status, 0, 'getmail: status 0') or diag(substr $out, -2000);
}

# In which order it delivers does not show in a Maildir's names.
sub delivered {
    my ($home) = @_;
    return [sort map { Pop3d::file_get($_) } glob("$home/Maildir/new/*")];
}

# It hands on lines that end in LF, and puts a blank into empty header fields.
sub lf {
    my $text = shift;
    $text =~ s/\r\n/\n/g;
    $text =~ s/^(X-Empty:)$/$1 /m;
    return $text;
}

my @all = Pop3d::Corpus::everyday(300);
both_ways(\@all, sub {
    my ($site, $messages, $home) = @_;
    my @wire = map { lf(Pop3d::Corpus::wire($_)) } @$messages;
    run_getmail($site, $home, 'delete = false');
    same_messages(delivered($home), [sort @wire], 'kept');
    left_is($site, Pop3d::Corpus::mbox(@$messages), 'the mailbox is as it was');

    $home = home($site);
    run_getmail($site, $home, 'delete = true', 'max_messages_per_session = 150');
    same_messages(delivered($home), [sort @wire[0 .. 149]], 'one half');
    left_is($site, Pop3d::Corpus::mbox(@$messages[150 .. 299]), 'the other half is left, octet for octet');
});

done_testing;
