package Pop3d::Corpus;

# Mailboxes of real-shaped mail, and what a client must get of each message.
# Nothing here reads an mbox: the generator knows what it has put in, so it
# can tell what has to come out.

use strict;
use warnings;

use MIME::Base64 qw(encode_base64);

# One message: envelope (a line without its end), text (as stored), and flags:
# end (of the envelope and the empty line behind the text: "\n" or "\r\n").
sub message {
    my ($text, %more) = @_;
    return {envelope => 'From sender@example.org Mon Jan  5 10:20:30 2026',
        end => "\n", text => $text, %more};
}

# The octets of one message in the file, with the empty line behind it.
# In the middle of an mbox no text can end without a line end.
sub stored {
    my ($message) = @_;
    die "$message->{text} has no end" if $message->{text} =~ /[^\n]\z/ && !exists $message->{behind};
    return $message->{envelope} . $message->{end} . $message->{text}
        . (exists $message->{behind} ? $message->{behind} : $message->{end});
}

sub mbox { return join('', map { stored($_) } @_) }

# What RETR sends, dot-stuffing undone (include/wire.h).
sub wire {
    my ($text) = @_;
    $text = $text->{text} if ref $text;
    return '' if $text eq '';
    $text .= "\r\n" if $text !~ /\n\z/;
    $text =~ s/(?<!\r)\n/\r\n/g;
    return $text;
}

# What TOP sends, dot-stuffing undone: the header, the empty line, and so many
# lines of the body.
sub top {
    my ($message, $lines) = @_;
    my $wire = wire($message);
    my ($header, $body) = $wire =~ /\A((?:(?!\r\n)[^\n]*\n)*(?:\r\n)?)(.*)\z/s
        or die 'no header';
    my $end = 0;
    while ($lines-- > 0) {
        my $next = index($body, "\n", $end);
        last if $next < 0;
        $end = $next + 1;
    }
    return $header . substr($body, 0, $end);
}

sub stuffed {
    my ($wire) = @_;
    $wire =~ s/^\./../mg;
    return "$wire.\r\n";
}

sub octets {
    my $sum = 0;
    $sum += length wire($_) for @_;
    return $sum;
}

# Numbers that are the same in every run and on every machine.
{
    my $state = 1;
    sub seed { $state = $_[0] }
    sub chance {
        my ($most) = @_;
        $state = ($state * 1103515245 + 12345) & 0x7fffffff;
        return int($state / 65536) % $most;
    }
}

my @words = qw(alpha the mail of and server daemon spool lock to be or not
    message octet line header body unique session client quit update state);

sub words {
    my ($count) = @_;
    return join(' ', map { $words[chance(scalar @words)] } 1 .. $count);
}

sub paragraph {
    my ($lines) = @_;
    return join('', map { ucfirst(words(3 + chance(9))) . ".\n" } 1 .. $lines);
}

sub header {
    my ($number, $subject, @more) = @_;
    return join("\n",
        'Return-Path: <sender@example.org>',
        'X-Original-To: demo@example.net',
        'Delivered-To: demo@example.net',
        'Received: from mail.example.org (mail.example.org [192.0.2.' . ($number % 250 + 1) . '])',
        "\tby mx.example.net (Postfix) with ESMTPS id 4C3B2A1$number",
        "\tfor <demo\@example.net>; Mon,  5 Jan 2026 10:20:30 +0000 (UTC)",
        'Date: Mon, 5 Jan 2026 10:20:29 +0000',
        'From: A Sender <sender@example.org>',
        'To: Demo <demo@example.net>',
        "Message-ID: <$number.20260105\@example.org>",
        "Subject: $subject",
        "X-Number: $number",
        @more, '', '');
}

sub attachment {
    my ($octets) = @_;
    my $data = '';
    $data .= pack('n', chance(65536)) while length $data < $octets;
    return encode_base64($data);
}

sub mime {
    my ($number, $size) = @_;
    my $mark = "=_part_$number.42";
    return header($number, "With an attachment, $number",
        'MIME-Version: 1.0',
        "Content-Type: multipart/mixed;\n boundary=\"$mark\"")
        . "This is a multi-part message in MIME format.\n\n--$mark\n"
        . "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n"
        . paragraph(2 + chance(12)) . "gr\xc3\xbc\xc3\x9fe\n\n--$mark\n"
        . "Content-Type: application/octet-stream; name=\"data.bin\"\n"
        . "Content-Transfer-Encoding: base64\n"
        . "Content-Disposition: attachment;\n\tfilename=\"data.bin\"\n\n"
        . attachment($size) . "\n--$mark--\n";
}

# c-client's first message, which is not mail.
sub internal {
    return message("Date: 05 Jan 2026 10:20:30 +0000\n"
        . "From: Mail System Internal Data <MAILER-DAEMON\@mx.example.net>\n"
        . "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
        . "Message-ID: <1767608430\@mx.example.net>\n"
        . "X-IMAP: 1767608430 0000000300\nStatus: RO\n\n"
        . "This text is part of the internal format of your mail folder, and is not\n"
        . "a real message.  It is created automatically by the mail system software.\n"
        . "If deleted, important folder data will be lost, and it will be re-created\n"
        . "with the data reset to initial values.\n",
        envelope => 'From MAILER-DAEMON Mon Jan  5 10:20:30 2026');
}

# Mail whose shape has broken some server, by the name of the shape.  "tame"
# ones are what every client can carry; the rest have NULs, bare CRs, or lines
# longer than clients read.
sub shapes {
    seed(1939);
    my $n = 1000;
    my $plain = sub { return header(++$n, @_) };
    my @tame = (
        [plain => $plain->('plain') . paragraph(12)],
        ['empty body' => $plain->('header only')],
        ['dots' => $plain->('dots') . ".\n..\n...\n.a\n. \nend.\n.\n"],
        ['a dot at the very end' => $plain->('dot last') . "text\n\n.\n"],
        ['empty lines at the end' => $plain->('empty lines') . "text\n\n\n\n"],
        ['empty lines at the start' => $plain->('empty lines') . "\n\n\ntext\n"],
        ['latin1' => $plain->("Gr\xfc\xdfe") . "\xe4\xf6\xfc \xa0 \xff\xfe\n"],
        ['utf-8' => $plain->('utf-8', 'Content-Type: text/plain; charset=utf-8')
            . "\xe2\x82\xac \xf0\x9f\x93\xa7\n"],
        ['quoted From_' => $plain->('quoted') . ">From me to you\n\n>From here\n>>From there\n"],
        ['From_ in a line' => $plain->('From in a line')
            . "text before\nFrom nobody Mon Jan  5 10:20:30 2026\ntext after\n"],
        ['From_ without a date' => $plain->('From without a date')
            . "He wrote:\n\nFrom here to eternity, and back\n\nFrom \n\nFrom\n\nfrom a Mon Jan  5 10:20:30 2026\n"],
        ['headers that lie' => $plain->('lies', 'Status: RO', 'X-Status: A',
            'X-UID: 4294967296', 'Content-Length: 1', 'Lines: 100000', 'X-Keywords: $Junk')
            . paragraph(4)],
        ['folded headers' => $plain->("a\n\tvery\n  folded\n\tsubject",
            'X-Empty:', 'X-Blank: ') . paragraph(1)],
        ['multipart' => mime(++$n, 9000)],
        ['twin' => header(777, 'twin') . "exactly the same\n"],
        ['twin' => header(777, 'twin') . "exactly the same\n"],
    );
    my @wild = (
        ['CRLF' => do { my $t = $plain->('crlf') . paragraph(5); $t =~ s/\n/\r\n/g; $t }],
        ['mixed line ends' => $plain->('mixed') . "lf\ncrlf\r\ncr\rlf cr\n\rend\r\r\n\r\n\nlast\r\n"],
        ['NULs' => $plain->('nuls') . "a\0b\n\0\0\0\n\0.\n.\0\n" . ("\0" x 5000) . "\n"],
        ['a long line' => $plain->('long') . ('x' x 300_000) . "\n" . ('.' x 70_000) . "\n"],
        ['From_ in a long line' => $plain->('long From') . ('y' x 65_536)
            . 'From x Mon Jan  1 00:00:00 2001' . "\n"],
        ['a long header' => $plain->('long header', 'References: ' . join(' ',
            map { "<$_.abcdefghijklmnop\@example.org>" } 1 .. 500)) . "body\n"],
        ['every octet' => $plain->('every octet') . join('', map { chr } 0 .. 255) . "\n"],
        ['no colon in the header' => "no colon here\nSubject: x\n\nbody\n"],
    );
    my @tame_messages = map { message($_->[1], name => $_->[0], tame => 1) } @tame;
    # The one empty line ends the header, so none is left to stand behind.
    push @tame_messages, message($plain->('header, one empty line'),
        name => 'nothing behind the header', tame => 1, behind => '');
    my @wild_messages = map { message($_->[1], name => $_->[0]) } @wild;
    return (@tame_messages, @wild_messages);
}

# count messages of every day's sizes, a tame shape among them now and then.
sub everyday {
    my ($count) = @_;
    seed(20260105);
    my @tame = grep { $_->{tame} } shapes();
    my @messages;
    for my $number (1 .. $count) {
        if ($number % 9 == 0) {
            push @messages, {%{$tame[chance(scalar @tame)]}};
            next;
        }
        my $kind = chance(10);
        my $text = $kind < 6 ? header($number, 'Day ' . words(3)) . paragraph(2 + chance(60))
            : mime($number, 500 + chance($kind == 9 ? 90_000 : 12_000));
        push @messages, message($text, envelope => sprintf(
            'From sender%d@example.org Mon Jan  5 %02d:%02d:%02d 2026',
            $number, $number / 3600, $number / 60 % 60, $number % 60));
    }
    return @messages;
}

sub crlf {
    return map {
        my %m = %$_;
        $m{text} =~ s/\r?\n/\r\n/g;
        $m{end} = "\r\n";
        \%m;
    } @_;
}

# Three small ones, for exact answers.
sub three {
    return map { message(header($_, "number $_") . "Body of $_.\n" . (".dot\n" x $_)) } 1 .. 3;
}

# The mailboxes by name, for the wire cases: a list of messages, or undef for
# a mailbox that does not exist.
my %mailboxes = (
    missing => sub { return },
    empty => sub { return [] },
    one => sub { return [(three())[0]] },
    three => sub { return [three()] },
    dots => sub { return [grep { $_->{name} =~ /dot/ } shapes()] },
    shapes => sub { return [shapes()] },
    crlf => sub { return [crlf(three())] },
    twins => sub { return [grep { $_->{name} eq 'twin' } shapes()] },
    unended => sub {
        my @all = three();
        $all[2]{text} =~ s/\n\z//;
        $all[2]{behind} = '';
        return [@all];
    },
    internal => sub { return [map({ $_->{hidden} = 1; $_ } internal()), three()] },
    large => sub {
        return [map { message(header($_, 'large') . paragraph(20_000)) } 1 .. 2];
    },
);

sub names { return sort keys %mailboxes }

# What stands in the file (undef: there is none), and the messages that a
# client may see.
sub mailbox {
    my ($name) = @_;
    my $make = $mailboxes{$name} or die "no mailbox is called $name\n";
    seed(length $name);
    my $messages = $make->() or return (undef);
    return (mbox(@$messages), grep { !$_->{hidden} } @$messages);
}

1;
