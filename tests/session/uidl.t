#!/usr/bin/perl
# Unique-ids over five sessions, while mail is delivered and deleted, other
# programs rewrite what they note in headers and names, and kept views are
# removed: every message keeps its own, and no two have the same.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;
use Time::HiRes qw(sleep);

use Pop3d qw(as_root file_get file_put);
use Pop3d::Corpus;

use constant {SESSIONS => 5, BOXES => 8};

my $site = Pop3d->new;
$site->configure(mailbox => "auto:$site->{dir}/mail/%u");
Pop3d::Corpus::seed(70);

sub own { chown($Pop3d::UID, $Pop3d::GID, @_) if as_root() }

# A session as {number of the message => unique-id}, which deletes some; the
# site's last ones in order.
sub session {
    my ($user, @deleted) = @_;
    my $client = $site->connect;
    my $answer = $client->login($user);
    die "$user: $answer\n" if $answer !~ /^\+OK/;
    my @ids = map { (split / /)[1] } split /\r\n/, $client->ask_multi('UIDL');
    my (%ids, %place);
    for my $i (1 .. @ids) {
        my $top = $client->ask_multi("TOP $i 0") // die "$user: TOP $i\n";
        my ($number) = $top =~ /^X-Number: (\S+)\r$/m or die "$user: which one is $i?\n";
        ok(!exists $ids{$number}, "$user: $number is there once") if exists $ids{$number};
        ($ids{$number}, $place{$number}) = ($ids[$i - 1], $i);
        is($client->ask("UIDL $i"), "+OK $i $ids[$i - 1]", 'UIDL of one') if $i == 1;
    }
    for my $number (@deleted) { $client->ask("DELE $place{$number}") }
    $answer = $client->ask('QUIT');
    like($answer, qr/^\+OK/, "$user: QUIT");
    $client->hang_up;
    return \%ids;
}

# mbox: octets that readers change.

my @reserved = ('Status: O ', 'X-Status:     ', 'X-Mozilla-Status: 0000', 'X-Mozilla-Status2: 00000000',
    'X-Mozilla-Keys:' . ' ' x 80, 'X-Keywords:' . ' ' x 60);

sub mail {
    my ($number) = @_;
    return Pop3d::Corpus::message(Pop3d::Corpus::header($number, "number $number",
        $number % 3 ? @reserved : ()) . Pop3d::Corpus::paragraph(1 + $number % 7));
}

my @in_place = (
    sub { $_[0] =~ s/^Status: O $/Status: RO/mg },
    sub { $_[0] =~ s/^Status: RO$/Status: O /m },
    sub { $_[0] =~ s/^X-Status:   /X-Status: AF/mg },
    sub { $_[0] =~ s/^(X-Mozilla-Status: )0000/${1}0009/m },
    sub { $_[0] =~ s/^(X-Mozilla-Keys:) {10}/$1 \$label1  /mg },
    sub { $_[0] =~ s/^(X-Keywords:) {10}/$1 NonJunk  /m },
);
my @longer = (
    sub { $_[0] =~ s/^Subject:/Status: RO\nX-Status: A\nSubject:/mg },
    sub { $_[0] =~ s/^(X-Number:.*)$/$1\nX-UID: 17\nX-Keywords: \$Forwarded\nContent-Length: 300\nLines: 9/m },
    sub { $_[0] =~ s/^Return-Path/X-IMAPbase: 1767608430 0000000300\nReturn-Path/m },
    sub { $_[0] =~ s/^(?:X-UID|X-Status|X-IMAPbase|Status):.*\n//mg },
    sub { $_[0] =~ s/^(X-Mozilla-Keys:.*)$/$1 another and another and another key/m },
    sub { $_[0] =~ s/^To: .*$/$&\nX-Mozilla-Status: 0001\nX-Mozilla-Keys: \$label4/mg },
);

sub mbox_rewrite {
    my ($path, $edits, $by_rename) = @_;
    my $octets = file_get($path);
    $edits->[Pop3d::Corpus::chance(scalar @$edits)]->($octets) for 1 .. 2;
    if ($by_rename) {
        file_put("$path.new", $octets);
        chmod(0600, "$path.new");
        own("$path.new");
        rename("$path.new", $path) or die;
        return;
    }
    open(my $file, '+<:raw', $path) or die;
    print $file $octets;
    truncate($file, length $octets);
    close($file) or die;
}

sub mbox_deliver {
    my ($path, @numbers) = @_;
    my $there = -e $path;
    file_put($path, Pop3d::Corpus::mbox(map { mail($_) } @numbers), '>>:raw');
    return if $there;
    chmod(0600, $path);
    own($path);
}

sub mbox_change {
    my ($path, $how) = @_;
    mbox_rewrite($path, \@in_place) if $how % 4 == 1;
    mbox_rewrite($path, \@longer) if $how % 4 == 2;
    mbox_rewrite($path, \@longer, 1) if $how % 4 == 3;
}

# Maildir: names that readers change.

sub maildir_deliver {
    my ($path, @numbers) = @_;
    if (!-d $path) {
        for my $folder ('', '/cur', '/new', '/tmp') { mkdir("$path$folder", 0700); own("$path$folder") }
    }
    for my $number (@numbers) {
        my $text = mail($number)->{text};
        my $file = 1000 + $number . '.M1P2.host' . ($number % 3 ? '' : ',S=' . length $text)
            . ($number % 5 ? '' : '.' . 'long' x 20) . ($number % 7 ? '' : " \xe4") . ($number % 11 ? '' : ',W=7');
        file_put("$path/tmp/$file", $text);
        own("$path/tmp/$file");
        rename("$path/tmp/$file", "$path/new/$file") or die;
    }
}

sub maildir_change {
    my ($path, $how) = @_;
    return if $how % 4 == 0;
    for my $folder (qw(new cur)) {
        opendir(my $dir, "$path/$folder") or die;
        for my $file (grep { !/^\./ } readdir $dir) {
            my $base = $file =~ s/:2.*//sr;
            my $flags = ('', 'S', 'RS', 'abFS', '')[Pop3d::Corpus::chance(5)];
            my $to = $how % 4 == 1 ? "$folder/$file" : "cur/$base:2,$flags";
            rename("$path/$folder/$file", "$path/$to") or die;
        }
    }
    # A writer of flags may touch the file, too.
    utime(undef, undef, glob("$path/cur/*1")) if $how % 4 == 3;
}

sub views_remove {
    my ($path) = @_;
    unlink(grep { !/\.lock\z/ } glob("$path/pop3d.view*"), glob("$site->{dir}/state/*/*.view"),
        glob("$site->{dir}/mail/.pop3d/*.view"));
}

my %kinds = (
    mbox => [\&mbox_deliver, \&mbox_change],
    maildir => [\&maildir_deliver, \&maildir_change],
);

my (@boxes, %ids);
for my $kind (sort keys %kinds) {
    for my $number (0 .. BOXES - 1) {
        my $user = "$kind$number";
        $site->user_add($user, 'secret');
        push @boxes, {user => $user, path => "$site->{dir}/mail/$user", how => $number, next => 13,
            deliver => $kinds{$kind}[0], change => $kinds{$kind}[1]};
        $boxes[-1]{deliver}->($boxes[-1]{path}, 1 .. 12);
    }
}
$site->standalone;

for my $session (1 .. SESSIONS) {
    for my $box (@boxes) {
        my ($user, $path) = @$box{qw(user path)};
        my $old = $ids{$user} // {};
        my @known = sort keys %$old;
        my @deleted = grep { Pop3d::Corpus::chance(5) == 0 } @known;
        my $now = session($user, @deleted);
        is(keys %{{reverse %$now}}, keys %$now, "session $session of $user: all different");
        is_deeply([grep { ($now->{$_} // 'gone') ne $old->{$_} } @known], [], 'and those that stay the same');
        is_deeply([grep { !/^[\x21-\x7e]{1,70}\z/ } values %$now], [], 'and legal');
        my %was = reverse %{$box->{removed} // {}};
        is_deeply([grep { $was{$_} } values %$now], [], 'and none comes back for another message');
        $box->{removed}{$_} = $now->{$_} for @deleted;
        delete @$now{@deleted};
        $ids{$user} = $now;
        $box->{change}->($path, $box->{how} + $session) if $box->{how} != 0;
        $box->{deliver}->($path, $box->{next}, $box->{next} + 1) if ($box->{how} + $session) % 3 != 0;
        $box->{next} += 2;
    }
    views_remove($boxes[$_]{path}) for $session == 2 ? 0 .. $#boxes : $session == 4 ? (1 .. 3) : ();
    # Once long enough for a view to be trusted.
    sleep 4.2 if $session == 3;
}

# Equal messages: a number for each, which stays with it while the view lives.
for my $by (0, 1) {
    my $user = "twins$by";
    my $path = "$site->{dir}/mail/$user";
    $site->user_add($user, 'secret');
    my ($twin, $other) = (mail(500)->{text}, mail(501)->{text});
    my @all = map { Pop3d::Corpus::message($_) } map({ $twin =~ s/^X-Number: .*/X-Number: twin$_/mr } 1 .. 4), $other;
    file_put($path, Pop3d::Corpus::mbox(@all));
    chmod(0600, $path);
    own($path);
    my $first = session($user);
    is(keys %{{reverse %$first}}, 5, 'twins have different ones');
    is_deeply(session($user), $first, 'which stay');
    session($user, 'twin1', 'twin3');
    views_remove($path) if $by;
    my $left = session($user);
    is(keys %{{reverse %$left}}, 3, 'after some of them went as well');
    is_deeply($left, {map { $_ => $first->{$_} } qw(twin2 twin4 501)}, 'the same ones') if !$by;
    is($left->{501}, $first->{501}, 'what is no twin has its own in any case');
    file_put($path, Pop3d::Corpus::mbox($all[0]) =~ s/X-Number: twin1/X-Number: twin5/r, '>>:raw');
    my $more = session($user);
    is_deeply({%$more, twin5 => undef}, {%$left, twin5 => undef}, 'a new twin takes nobody\'s');
    is(keys %{{reverse %$more}}, 4, 'it has its own');
}

$site->stop;
done_testing;
