#!/usr/bin/perl
# Python's poplib, every method, over all of the mail.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Pop3d;
use Pop3d::Corpus;
use Pop3d::Fetch;

my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : Pop3d::program('python3') // BAIL_OUT('no python3: see tests/need');

# poplib takes one CR of a line's end away, and sees lines by LF: what has a CR
# before its CRLF or at the start of a line comes out otherwise.
my @all = (Pop3d::Corpus::everyday(300), grep { ($_->{name} // '') ne 'mixed line ends' } Pop3d::Corpus::shapes());
both_ways(\@all, sub {
    my ($site, $messages, $home) = @_;
    for my $what ('keep', 'delete') {
        my ($status, $out) = $site->run($python, "$FindBin::Bin/poplib_fetch.py", $site->{port}, "$home/got", $what);
        is($status, 0, "$what: every method does what it should") or diag($out);
        same_messages([fetched($home)], [map { Pop3d::Corpus::wire($_) } @$messages], $what);
        left_is($site, Pop3d::Corpus::mbox($what eq 'keep' ? @$messages
            : map { $messages->[$_ - 1] } grep { $_ % 2 } 1 .. @$messages), "$what: the mailbox afterwards");
    }
});

done_testing;
