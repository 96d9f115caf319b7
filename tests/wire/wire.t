#!/usr/bin/perl
# Exact octets in and out: every file of tests/wire/cases is one behaviour.
#
# Each case runs three times, every time against a fresh mailbox: a command at
# a time, with every answer compared; then all that the client says in one
# packet; then an octet at a time.  The server must send the same octets each
# time, and at the end the mailbox must be what the case says (no word about
# it: unchanged, to the octet).
#
# A case begins with settings, one a line:
#   mailbox NAME        of tests/lib/Pop3d/Corpus.pm; default: three
#   login               begin in TRANSACTION
#   config NAME VALUE   a line of pop3d.conf
#   args ARGS           more for the command line
#   user NAME PASSWORD  one more user, both with escapes
#   secret NAME SECRET  one in mailauth's database, for APOP, too; its methods
#                       come before the others
#   left N N ...        the messages that are left at the end ("left none")
#   alone               no second and third run: this one is about time, or
#                       says things after the server has hung up
# and goes on, after an empty line, with the dialogue:
#   C: TEXT   send TEXT and CRLF       C> TEXT   send TEXT, nothing behind it
#   S: TEXT   get just this line       S~ REGEX  get a line like this
#   S* N REGEX  get so many lines like this
#   S= retr N / S= top N LINES / S= stuffed message text, and the dot
#   S.        get lines up to the dot  B: TEXT, B~ REGEX one of them is this
#   B! REGEX  none of them is like it
#   W SECONDS wait                     SHUT      no more from the client
#   EOF       the server hangs up, without another octet
# Escapes: \r \n \t \0 \\ \xHH, \{N TEXT} for TEXT N times, and ${count},
# ${octets}, ${octets N} for what the mailbox holds.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep);

use Pop3d;
use Pop3d::Corpus;

my @files = @ARGV ? @ARGV : glob("$FindBin::Bin/cases/*");
@files or plan skip_all => 'no cases';

sub unescape {
    my ($text) = @_;
    my %letter = (r => "\r", n => "\n", t => "\t", 0 => "\0", '\\' => '\\');
    $text =~ s/\\(?:([rnt0\\])|x([0-9a-fA-F]{2})|\{(\d+)[ ]((?:[^\\}]|\\[rnt0\\]|\\x..)*)\})/
        my ($one, $hex, $count, $what) = ($1, $2, $3, $4);
        defined $one ? $letter{$one} : defined $hex ? chr hex $hex : unescape($what) x $count/gex;
    return $text;
}

sub filled {
    my ($text, @messages) = @_;
    $text =~ s/\$\{count\}/scalar @messages/ge;
    $text =~ s/\$\{octets\}/Pop3d::Corpus::octets(@messages)/ge;
    $text =~ s/\$\{octets (\d+)\}/Pop3d::Corpus::octets($messages[$1 - 1])/ge;
    return $text;
}

sub case_read {
    my ($file) = @_;
    my %case = (mailbox => 'three', config => {}, args => [], users => [], steps => []);
    my ($settings, $dialogue) = Pop3d::file_get($file) =~ /\A((?:[^\n]+\n)*)\n(.*)\z/s
        or die "$file: no empty line behind the settings\n";
    for (split /\n/, $settings) {
        if (/^#/) { next }
        elsif (/^mailbox (\w+)$/) { $case{mailbox} = $1 }
        elsif (/^config (\S+) (.*)$/) { $case{config}{$1} = $2 }
        elsif (/^args (.*)$/) { push @{$case{args}}, split / /, $1 }
        elsif (/^user (\S+) (.*)$/) { push @{$case{users}}, [map { unescape($_) } $1, $2] }
        elsif (/^secret (\S+) (.*)$/) { push @{$case{secrets}}, [map { unescape($_) } $1, $2] }
        elsif (/^left none$/) { $case{left} = [] }
        elsif (/^left ([\d ]+)$/) { $case{left} = [split / /, $1] }
        elsif (/^(login|alone)$/) { $case{$1} = 1 }
        else { die "$file: $_?\n" }
    }
    push @{$case{steps}}, ['C:', 'USER demo'], ['S~', '^\+OK'],
        ['C:', 'PASS secret'], ['S~', '^\+OK'] if $case{login};
    for (split /\n/, $dialogue) {
        next if /^(?:#|$)/;
        /^(C:|C>|S:|S~|S\*|S=|B:|B~|B!|W) (.*)$/ || /^(S\.|C:|SHUT|EOF)()$/
            or die "$file: $_?\n";
        push @{$case{steps}}, [$1, $2];
    }
    return \%case;
}

# Every line that the server says of itself is short, and of printable octets.
sub line_sane {
    my ($line) = @_;
    return length($line) <= 510 && $line !~ /[^\x20-\x7e]/;
}

my %block;

sub step_run {
    my ($client, $messages, $kind, $text) = @_;
    if ($kind eq 'C:' || $kind eq 'C>') {
        $client->put(unescape(filled($text, @$messages)) . ($kind eq 'C:' ? "\r\n" : ''));
        return ('', '');
    }
    if ($kind eq 'S:' || $kind eq 'S~') {
        my $line = $client->line;
        my $want = filled($text, @$messages);
        my $good = line_sane($line)
            && ($kind eq 'S:' ? $line eq unescape($want) : $line =~ /$want/);
        return ("$line\r\n", $good ? '' : "got '$line', wanted $kind '$want'");
    }
    if ($kind eq 'S*') {
        my ($count, $want) = split / /, $text, 2;
        my $all = '';
        for my $number (1 .. $count) {
            my $line = $client->line;
            $all .= "$line\r\n";
            line_sane($line) && $line =~ /$want/ or return ($all, "line $number: '$line'");
        }
        return ($all, '');
    }
    if ($kind eq 'S=') {
        my ($number, $lines) = $text =~ /^(?:retr (\d+)|top (?<n>\d+) (?<l>\d+))$/
            ? ($1 // $+{n}, $+{l}) : die "S= $text?\n";
        my $message = $messages->[$number - 1];
        my $want = Pop3d::Corpus::stuffed(defined $lines
            ? Pop3d::Corpus::top($message, $lines) : Pop3d::Corpus::wire($message));
        my $got = $client->rest_raw;
        return ($got, $got eq $want ? '' : "$text: " . length($got)
            . ' octets that are not the ' . length($want) . ' of the message');
    }
    if ($kind eq 'S.') {
        my $got = $client->rest_raw;
        %block = (lines => [split /\r\n/, $got]);
        return ($got, '');
    }
    if ($kind =~ /^B/) {
        my $want = unescape(filled($text, @$messages));
        my $found = grep { $kind eq 'B:' ? $_ eq $want : /$want/ } @{$block{lines}};
        return ('', ($kind eq 'B!' ? !$found : $found) ? ''
            : "$kind $want: in '@{$block{lines}}'");
    }
    if ($kind eq 'W') { sleep($text); return ('', '') }
    if ($kind eq 'SHUT') { $client->shut; return ('', '') }
    if ($kind eq 'EOF') {
        my $rest = $client->to_end;
        return ('', !defined $rest ? 'the server does not hang up'
            : $rest ne '' ? "before the end came '$rest'" : '');
    }
    die "$kind?\n";
}

# APOP's timestamp is another one each time.
sub banner {
    my ($client) = @_;
    return $client->{banner} =~ s/<\d+\.\d+\@[\w.-]+>/<STAMP>/r . "\r\n";
}

# A step at a time: all that the server sent, and what was wrong.
sub run_steps {
    my ($client, $case, $messages) = @_;
    my $all = banner($client);
    for my $step (@{$case->{steps}}) {
        my ($got, $wrong) = eval { step_run($client, $messages, @$step) };
        return ($all, "at '@$step': $@") if $@;
        return ($all, "at '@$step': $wrong") if $wrong;
        $all .= $got;
    }
    $client->shut;
    my $rest = $client->to_end;
    return ($all, 'the server does not hang up') unless defined $rest;
    return ($all, "too much: '$rest'") if $rest ne '';
    return ($all, '');
}

# All at once, or in pieces.
sub run_whole {
    my ($client, $case, $messages, $octets) = @_;
    my $said = join('', map { unescape(filled($_->[1], @$messages)) . ($_->[0] eq 'C:' ? "\r\n" : '') }
        grep { $_->[0] =~ /^C/ } @{$case->{steps}});
    $octets ? $client->put_octets($said) : $client->put($said);
    $client->shut;
    return banner($client) . ($client->to_end // '(it does not hang up)');
}

sub case_run {
    my ($case) = @_;
    my ($mailbox, @messages) = Pop3d::Corpus::mailbox($case->{mailbox});
    my %config = %{$case->{config}};
    %config = (auth => 'mailauth passwd-file', 'mailauth-file' => 'secrets', %config)
        if $case->{secrets};
    my $site = Pop3d->new(config => \%config);
    $site->user_add(@$_) for @{$case->{users}};
    $site->secret_add(@$_, '--apop') for @{$case->{secrets}};
    my $left = !$case->{left} ? $mailbox
        : Pop3d::Corpus::mbox(@messages[map { $_ - 1 } @{$case->{left}}]);

    my $first;
    for my $way ('a command at a time', 'in one packet', 'an octet at a time') {
        next if $case->{alone} && defined $first;
        defined $mailbox ? $site->mailbox($mailbox) : unlink($site->mailbox_path);
        my $client = $site->session(args => $case->{args});
        if (!defined $first) {
            ($first, my $wrong) = run_steps($client, $case, \@messages);
            is($wrong, '', $way);
        }
        else {
            is(run_whole($client, $case, \@messages, $way =~ /octet/), $first, $way);
        }
        my $status = $client->hang_up;
        ok(defined $status && ($status & 127) == 0, 'pop3d ends by itself')
            or diag('status: ' . ($status // 'none'));
        ok(($site->mailbox // 'none') eq ($left // 'none'), 'the mailbox is right afterwards');
    }
    diag($site->log_text) unless Test::More->builder->is_passing;
}

for my $file (@files) {
    my ($name) = $file =~ m{([^/]+)$};
    my $case = case_read($file);
    subtest $name => sub {
        eval { case_run($case); 1 } or fail($@);
    };
}

done_testing;
