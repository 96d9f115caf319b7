#!/usr/bin/perl
# What another program can do to an mbox while a session is on, each with
# RETR and TOP of every message (its own octets and a dot, or no dot), and with
# a QUIT that has deleted one of them (which goes, if it still is what it was,
# and nothing else).

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Pop3d qw(file_put);
use Pop3d::Corpus qw();

my $site = Pop3d->new;

# All equally long, so that one can take another's place to the octet; with
# the fields of readers as these reserve them.
sub mail {
    my ($number, $words) = @_;
    return Pop3d::Corpus::message(Pop3d::Corpus::header($number, "number $number",
        'Status: O ', 'X-Status:     ', "X-Mozilla-Status: 0000", 'X-Keywords:' . (' ' x 40))
        . ($words // "Body of $number.\n" . (".dot\n" x 60)));
}
my @mails = map { mail(100 + $_) } 1 .. 4;
my $new = mail(109);

sub octets { return Pop3d::Corpus::mbox(@_) }

sub edited {
    my ($code, @messages) = @_;
    return map { my %m = %$_; $code->() for $m{text}; \%m } @messages;
}

# As other programs do: into the same file, or over it by rename.
sub in_place {
    my ($octets) = @_;
    open(my $file, '+<:raw', $site->mailbox_path) or die;
    print $file $octets;
    truncate($file, length $octets) or die;
    close($file) or die;
}

sub by_rename {
    my ($octets) = @_;
    my $path = $site->mailbox_path;
    file_put("$path.new", $octets);
    chmod(0600, "$path.new");
    chown($Pop3d::UID, $Pop3d::GID, "$path.new") if Pop3d::as_root();
    rename("$path.new", $path) or die;
}

# With so short a head that the body's beginning is looked at, too.
my @short = map { Pop3d::Corpus::message("Message-ID: <$_\@example.org>\nTo: x\nStatus: O \n\n" . "Body of $_.\n" x 60) } 11 .. 14;

# name => messages then, messages now
my @changes = (
    ['a status, of the same length' => \@mails, [edited(sub { s/^Status: O /Status: RO/m }, @mails)]],
    ['keywords, of the same length' => \@mails,
        [edited(sub { s/^(X-Keywords:) {14}/$1 \$Forwarded NIL/m }, @mails)]],
    ['X-Status and X-Mozilla-Status, of one message' => \@mails,
        [$mails[0], edited(sub { s/^X-Status:   /X-Status: AF/m; s/: 0000/: 0009/ }, $mails[1]), @mails[2, 3]]],
    ['a status that was not there' => \@mails, [edited(sub { s/^To:/X-UID: 7\nTo:/m }, @mails)]],
    ['a status that is there no more' => \@mails, [edited(sub { s/^X-Status:.*\n//m }, @mails)]],
    ['a short head, with a status of the same length' => \@short, [edited(sub { s/^Status: O /Status: RO/m }, @short)]],
    ['a short head, with more' => \@short, [edited(sub { s/^To:/X-UID: 7\nTo:/m }, @short)]],
    ['the first expunged' => \@mails, [@mails[1 .. 3]]],
    ['one in the middle expunged' => \@mails, [@mails[0, 2, 3]]],
    ['the last expunged' => \@mails, [@mails[0 .. 2]]],
    ['one expunged and another delivered' => \@mails, [@mails[1 .. 3], $new]],
    ['one replaced by another' => \@mails, [$mails[0], $new, @mails[2, 3]]],
    ['all expunged, as many delivered' => \@mails, [map { mail(200 + $_) } 1 .. 4]],
    ['another order' => \@mails, [@mails[2, 0, 3, 1]]],
    ['one delivered in front' => \@mails, [$new, @mails]],
    ['one there twice' => \@mails, [@mails, $mails[1]]],
);

# What a message may be on the wire: as it was, or as it is now, with readers'
# fields changed.
sub forms {
    my ($then, $now, $number) = @_;
    my ($id) = $then->[$number]{text} =~ /^(Message-ID: .*)$/m;
    return map { Pop3d::Corpus::wire($_) } $then->[$number], grep { $_->{text} =~ /^\Q$id\E$/m } @$now;
}

sub session {
    my ($messages) = @_;
    $site->mailbox(octets(@$messages));
    my $client = $site->session;
    $client->login =~ /^\+OK/ or die $site->log_text;
    return $client;
}

# What came with its dot; '' when it did not, or was refused.
sub whole {
    my ($client, $command) = @_;
    $client->put("$command\r\n");
    my $line = eval { $client->line } // return '';
    return $line =~ /^-ERR \[SYS\/TEMP\]/ ? '' : "($line)" if $line !~ /^\+OK/;
    return eval { $client->rest } // '';
}

# Three lines of the body, which all of these have.
sub top { return Pop3d::Corpus::top({text => $_[0]}, 3) }

sub retrieved {
    my ($then, $now, $change) = @_;
    my $bad = 0;
    for my $number (0 .. $#$then) {
        my @forms = forms($then, $now, $number);
        for my $command ('RETR ' . ($number + 1), 'TOP ' . ($number + 1) . ' 3') {
            my $client = session($then);
            $change->();
            my $got = whole($client, $command);
            my @good = $command =~ /^TOP/ ? map { top($_) } @forms : @forms;
            $bad += !ok($got eq '' || (grep { $got eq $_ } @good), "$command: its octets, or no dot")
                && diag("got:\n$got");
            $client->hang_up;
        }
    }
    return !$bad;
}

# The messages of now without (one of) what message number was then.
sub without {
    my ($then, $now, $number) = @_;
    my ($id) = $then->[$number]{text} =~ /^(Message-ID: .*)$/m;
    my ($same) = grep { $now->[$_]{text} =~ /^\Q$id\E$/m } 0 .. $#$now;
    return defined $same ? [@$now[grep { $_ != $same } 0 .. $#$now]] : $now;
}

sub updated {
    my ($then, $now, $change) = @_;
    for my $number (0 .. $#$then) {
        my $client = session($then);
        $client->ask('DELE ' . ($number + 1));
        $change->();
        my $answer = $client->ask('QUIT');
        $client->hang_up;
        my $left = $site->mailbox;
        my ($with, $gone) = (octets(@$now), octets(@{without($then, $now, $number)}));
        ok($left eq $gone || ($answer =~ /^-ERR/ && $left eq $with),
            "QUIT with " . ($number + 1) . ' deleted: that one, nothing else') or diag("$answer\n$left");
        like($answer, qr/^\+OK/, 'which can be told apart') if $gone ne $with
            && @$then == grep { my ($id) = $_->{text} =~ /^(Message-ID: .*)$/m;
                1 == grep { $_->{text} =~ /^\Q$id\E$/m } @$now } @$then;
    }
}

for my $how (['in place', \&in_place], ['by rename', \&by_rename]) {
    for my $change (@changes) {
        my ($name, $then, $now) = @$change;
        my $code = sub { $how->[1]->(octets(@$now)) };
        subtest "$name, $how->[0]" => sub {
            retrieved($then, $now, $code);
            updated($then, $now, $code);
        };
    }
}

subtest 'a message that is not there is refused, and the session goes on' => sub {
    my $client = session(\@mails);
    in_place(octets($mails[0], $new, @mails[2, 3]));
    like($client->ask($_), qr/^-ERR \[SYS\/TEMP\]/, $_) for 'RETR 2', 'TOP 2 3';
    is($client->ask_multi('RETR 3'), Pop3d::Corpus::wire($mails[2]), 'RETR 3');
    like($client->ask('QUIT'), qr/^\+OK/, 'QUIT');
    $client->hang_up;
    ok($site->mailbox eq octets($mails[0], $new, @mails[2, 3]), 'nothing has changed');
};

# Cut at any place: what is whole before it is as it was.
subtest 'truncated' => sub {
    my $all = octets(@mails);
    my $one = length octets($mails[0]);
    for my $size (0, 1, 40, $one - 3, $one, $one + 1, 2 * $one + 300, length($all) - 3) {
        my $code = sub { truncate($site->mailbox_path, $size) or die };
        retrieved(\@mails, \@mails, $code);
        my $client = session(\@mails);
        $client->ask("DELE $_") for 1, 4;
        $code->();
        my $answer = eval { $client->ask('QUIT') } // '-ERR none';
        $client->hang_up;
        my $left = $site->mailbox;
        my $now = substr($all, 0, $size);
        my $gone = $size >= $one ? substr($now, $one) : $now;
        ok($left eq $gone || ($answer =~ /^-ERR/ && $left eq $now), "QUIT after a cut at $size")
            or diag("$answer\n" . length $left);
    }
};

# Messages that have the same unique-id but for its ordinal.  They are equally
# long; only a field that does not count tells them apart, or the body.
sub twin {
    my ($mark, $in_body) = @_;
    return Pop3d::Corpus::message("From: cron\nSubject: a report\n" . ($in_body ? "\n" : '') . "Mark: $mark\n"
        . ($in_body ? '' : "\n") . "text\n" x 200);
}

sub kinds { return join('', $_[0] =~ /^Mark: (.)$/mg) }

subtest 'twins of equal length, delivered and expunged' => sub {
    # then, now, deleted, what may be left
    my @cases = (
        ['AB', 'BC', 1, qr/^BC$/],     # A went; B in its place, C in B's
        ['AB', 'BC', 2, qr/^(?:BC|C)$/],
        ['AB', 'B', 1, qr/^B$/],
        ['AB', 'A', 2, qr/^A$/],
        ['AB', 'A', 1, qr/^A?$/],
        ['AB', 'BA', 1, qr/^(?:BA|B)$/],
        ['AB', 'ABC', 1, qr/^(?:ABC|BC)$/],
        ['ABC', 'BCD', 2, qr/^(?:BCD|CD)$/],
        ['A', 'AB', 1, qr/^(?:AB|B)$/],
        ['A', 'BA', 1, qr/^(?:BA|B)$/],
        ['AA', 'A', 1, qr/^A$/],
        ['AAB', 'AB', 2, qr/^AB$/],
        ['A', 'B', 1, qr/^B$/, 'only in the body'],
    );
    for my $case (map { [0, @$_], [1, @$_] } @cases) {
        my ($in_body, $then, $now, $number, $left, $only) = @$case;
        # A mark in the head may be what a reader has made of the same message.
        next if $only && !$in_body;
        my @then = map { twin($_, $in_body) } split //, $then;
        my @now = map { twin($_, $in_body) } split //, $now;
        for my $how (['in place', \&in_place], ['by rename', \&by_rename]) {
            my $client = session(\@then);
            $client->ask("DELE $number");
            $how->[1]->(octets(@now));
            my $answer = $client->ask('QUIT');
            $client->hang_up;
            like(kinds($site->mailbox), $left, "$then became $now $how->[0], $number deleted") or diag($answer);
            ok($answer =~ /^-ERR/, 'and so it is said') if $answer !~ /^\+OK/ || kinds($site->mailbox) eq $now
                && $now =~ substr($then, $number - 1, 1);
        }
        next unless $in_body;
        my $client = session(\@then);
        in_place(octets(@now));
        my $got = whole($client, "RETR $number");
        ok($got eq '' || $got eq Pop3d::Corpus::wire($then[$number - 1]), "RETR $number: itself, or no dot")
            or diag($got);
        $client->hang_up;
    }
};

# While it is being sent: the client reads nothing until the change is done.
subtest 'changed while it is sent' => sub {
    my $body = join('', map { "line $_ of many\n" } 1 .. 400_000);
    my @large = map { mail(300 + $_, $_ == 2 ? $body : undef) } 1 .. 3;
    my $wire = Pop3d::Corpus::wire($large[1]);
    my @cases = (
        ['an expunge before it', [@large[1, 2]]],
        ['another order', [@large[2, 0, 1]]],
        ['a status before it', [edited(sub { s/^Subject/X-Read: yes\nSubject/m }, $large[0]), @large[1, 2]]],
        ['a delivery', [@large, $new], 1],
        ['nothing', [@large], 1],
    );
    for my $case (@cases) {
        my ($name, $now, $whole) = @$case;
        my $client = session(\@large);
        $client->{ended} = 'not yet';
        $client->put("RETR 2\r\n");
        select(undef, undef, undef, 0.2);
        $name eq 'a delivery' ? $site->deliver(octets($new)) : in_place(octets(@$now)) unless $name eq 'nothing';
        delete $client->{ended};
        my $line = $client->line;
        my $got = eval { $client->rest };
        ok(!defined $got || $got eq $wire, "$name: itself, or no dot");
        ok(defined $got, 'and there is no reason for none') if $whole;
        $client->hang_up;
        ok($site->mailbox eq octets(@$now), 'the file is what the other program made it');
    }
};

done_testing;
