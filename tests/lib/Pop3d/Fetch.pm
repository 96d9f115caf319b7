package Pop3d::Fetch;

# What the tests of real mail clients share: a mailbox of real-shaped mail, a
# server on it in both ways that serve a network, and a look at what a client
# brought home.

use strict;
use warnings;

use Exporter qw(import);
use Test::More;

use Pop3d;
use Pop3d::Corpus;

our @EXPORT = qw(both_ways deliverer fetched home left_is same_messages);

# Call code with a site, its messages and a folder for the client, once
# through a real inetd and once through pop3d -D.
sub both_ways {
    my ($messages, $code) = @_;
    for my $way ('inetd', '-D') {
        my $site = Pop3d->new(mailbox => Pop3d::Corpus::mbox(@$messages));
        $way eq 'inetd' ? $site->inetd : $site->daemon;
        subtest "through $way" => sub { $code->($site, $messages, home($site)) };
        diag($site->log_text) unless Test::More->builder->is_passing;
    }
}

# An empty folder, which is also the client's home: nobody's own settings.
sub home {
    my ($site) = @_;
    my $home = "$site->{dir}/home";
    File::Path::remove_tree($home);
    mkdir($home, 0700) or die "$home: $!\n";
    mkdir("$home/got", 0700) or die "$home/got: $!\n";
    return $home;
}

# A program that a client hands its messages to, one a call.
sub deliverer {
    my ($home) = @_;
    Pop3d::file_put("$home/deliver", "#!/bin/sh\ncd '$home/got' || exit 1\nset -- *\n"
        . "[ -e \"\$1\" ] || set --\nexec cat > \"\$((100001 + \$#))\"\n");
    chmod(0755, "$home/deliver");
    return "$home/deliver";
}

# The messages in the folder, in order.
sub fetched {
    my ($home) = @_;
    return map { Pop3d::file_get($_) } sort glob("$home/got/*");
}

# Compare lists of messages; says which differ, and where.
sub same_messages {
    my ($got, $want, $what) = @_;
    is(scalar @$got, scalar @$want, "$what: as many messages as there are");
    my $bad = 0;
    for my $i (0 .. $#$want) {
        next if ($got->[$i] // '') eq $want->[$i];
        next if $bad++ > 2;
        my ($g, $w) = ($got->[$i] // '', $want->[$i]);
        my $at = 0;
        $at++ while $at < length $g && $at < length $w && substr($g, $at, 1) eq substr($w, $at, 1);
        diag("message " . ($i + 1) . ", from octet $at:\n got  ", explain(substr($g, $at > 40 ? $at - 40 : 0, 120)),
            " want ", explain(substr($w, $at > 40 ? $at - 40 : 0, 120)));
    }
    is($bad, 0, "$what: octet for octet");
}

sub left_is {
    my ($site, $want, $what) = @_;
    # The client has gone; the update may take a moment longer.
    Pop3d::until_true(sub { $site->mailbox eq $want }, 5);
    ok($site->mailbox eq $want, $what)
        or diag(length($site->mailbox) . ' octets, wanted ' . length $want);
}

1;
