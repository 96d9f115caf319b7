#!/usr/bin/perl
# Delivery agents that never rest, and twenty sessions of clients that fetch
# and delete: in the end every message that was delivered was fetched and
# deleted once, or is there once, unchanged; and none ever changed its unique-id.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Pop3d qw(file_get file_put until_true);

use constant {CLIENTS => 4, SESSIONS => 5, FETCH => 6};

my $AGENT = "$Pop3d::ROOT/build/session/agent";
{
    local $ENV{MAKEFLAGS} = '';
    system('make', '-s', '-C', $Pop3d::ROOT, 'build/session/agent') == 0 or BAIL_OUT('no agent');
}

# What is wrong with a message as it is stored, without its envelope.
sub wrong {
    my ($text) = @_;
    my ($sum, $length) = $text =~ /^X-Sum: (\d+) (\d+)$/m or return 'no sum';
    my ($body) = $text =~ /\n\n(.*)\z/s or return 'no body';
    return 'a body of ' . length($body) . ", not $length" if length $body != $length;
    my $is = 0;
    $is = ($is * 31 + $_) & 0xffffff for unpack('C*', $body);
    return $is == $sum ? '' : 'another body';
}

sub number_of {
    my ($text) = @_;
    return $text =~ /^Message-ID: <(\d+\.\d+)\@agent>$/m ? $1 : '?';
}

# A login when nobody else has one; undef when that never comes.
sub login {
    my ($site) = @_;
    my $end = time + 60;
    while (time < $end) {
        my $client = $site->connect;
        my $answer = $client->login;
        return $client if $answer =~ /^\+OK/;
        die "$answer\n" if $answer !~ /^-ERR \[IN-USE\] mailbox is in use/;
        $client->hang_up;
        sleep 0.01 + rand 0.05;
    }
    die "never alone\n";
}

# One session: fetch some, delete some of these.  Lines "what number ...".
sub session {
    my ($site, $log) = @_;
    my $client = login($site);
    my @ids = map { (split / /)[1] } split /\r\n/, $client->ask_multi('UIDL');
    # The last ones have just been delivered.
    my @numbers = sort { rand() <=> 0.5 } 1 .. @ids - 3;
    splice @numbers, FETCH if @numbers > FETCH;
    unshift @numbers, grep { $_ > 0 } @ids - 2 .. @ids;
    my (@deleted, %seen);
    for my $number (@numbers) {
        # Maildir: an answer may be -ERR when a reader renames without end.
        my $text = $client->ask_multi("RETR $number") // die "RETR $number is refused\n";
        $text =~ s/\r\n/\n/g;
        my $what = wrong($text);
        my $name = number_of($text);
        print $log "bad $name $what\n" if $what ne '';
        print $log "twice $name\n" if $seen{$name}++;
        print $log "id $name $ids[$number - 1]\n";
        next if rand() < 0.2;
        my $answer = $client->ask("DELE $number");
        die "DELE: $answer\n" if $answer !~ /^\+OK/;
        push @deleted, $name;
    }
    my $answer = $client->ask('QUIT');
    $client->hang_up;
    print $log "quit $answer\n";
    return if $answer !~ /^\+OK/;
    print $log "gone $_\n" for @deleted;
}

# Run code in a child; its exit status is 0 unless it dies.
sub child {
    my ($code) = @_;
    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;
    my $good = eval { $code->(); 1 };
    print STDERR "# $@" if !$good;
    POSIX::_exit($good ? 0 : 1);
}

# Clients at work, until each has had its sessions.  Their lines.
sub clients {
    my ($site) = @_;
    my @pids = map {
        my $client = $_;
        child(sub {
            srand(1000 + $client);
            open(my $log, '>', "$site->{dir}/client$client") or die;
            $log->autoflush(1);
            session($site, $log) for 1 .. SESSIONS;
            close($log) or die;
        });
    } 1 .. CLIENTS;
    my $bad = grep { !defined || $_ } map { $site->reap($_, 120) } @pids;
    is($bad, 0, 'every client has had its sessions');
    kill('KILL', @pids) if $bad;
    return map { split /\n/, file_get("$site->{dir}/client$_") } 1 .. CLIENTS;
}

# delivered: their numbers; left: messages' texts by number, in lists.
sub accounts {
    my ($lines, $delivered, $left) = @_;
    my (%gone, %ids, %count);
    for (@$lines) {
        my ($what, $name, $rest) = split / /, $_, 3;
        $gone{$name}++ if $what eq 'gone';
        $ids{$name}{$rest} = 1 if $what eq 'id';
        $count{$what}++;
    }
    my @answers = grep { /^quit/ } @$lines;
    is(scalar @answers, CLIENTS * SESSIONS, 'every session came to its QUIT');
    is_deeply([grep { !/^quit \+OK/ } @answers], [], 'and each removed what it should');
    is_deeply([grep { /^(?:bad|twice)/ } @$lines], [], 'every message that was fetched is itself');
    is_deeply([grep { $gone{$_} > 1 } keys %gone], [], 'none was deleted twice');
    is_deeply([grep { keys %{$ids{$_}} > 1 } keys %ids], [], 'none has had two unique-ids');
    my %all = map { $_ => 1 } map { keys %$_ } values %ids;
    is(scalar keys %all, scalar keys %ids, 'and no two the same');
    is_deeply([grep { $gone{$_} } keys %$left], [], 'none came back');
    is_deeply([grep { @{$left->{$_}} > 1 } keys %$left], [], 'none is there twice');
    is_deeply([grep { wrong($left->{$_}[0]) } keys %$left], [], 'what is left is unchanged');
    my %known = map { $_ => 1 } @$delivered;
    is_deeply([grep { !$gone{$_} && !$left->{$_} } @$delivered], [], 'none is lost');
    is_deeply([grep { !$known{$_} } keys %gone, keys %$left], [], 'and there is nothing else');
    cmp_ok(scalar keys %gone, '>', 60, scalar(@$delivered) . ' delivered, ' . keys(%gone) . ' removed, '
        . keys(%$left) . ' left');
}

sub stop {
    my ($site, @pids) = @_;
    file_put("$site->{dir}/stop", '');
    my $bad = grep { !defined || $_ } map { $site->reap($_, 20) } @pids;
    is($bad, 0, 'those who deliver end well');
    kill('KILL', @pids) if $bad;
}

subtest 'mbox: four agents, each with its own idea of locks' => sub {
    my $site = Pop3d->new(config => {locks => 'fcntl dotlock'}, mailbox => '');
    my $names = 0;
    my @agents = map { $site->spawn([$AGENT, $_, $site->mailbox_path, "$site->{dir}/done" . ++$names,
        "$site->{dir}/stop", $names], world => 0) } 'dotlock fcntl', 'fcntl dotlock', 'dotlock', 'fcntl';
    until_true(sub { 4 == grep { -s "$site->{dir}/done$_" || (-s $site->mailbox_path) > 200_000 } 1 .. 4 });
    $site->standalone;
    my @lines = clients($site);
    stop($site, @agents);
    $site->stop;
    my @delivered = map { split /\n/, file_get("$site->{dir}/done$_") } 1 .. 4;
    my %left;
    for my $stored (split /^(?=From agent)/m, $site->mailbox) {
        my ($text) = $stored =~ /\AFrom [^\n]*\n(.*)\n\z/s or die 'what is this?';
        push @{$left{number_of($text)}}, $text;
    }
    accounts(\@lines, \@delivered, \%left);
    ok(!-e $site->mailbox_path . '.lock', 'no lock file is left');
    diag($site->log_text) unless Test::More->builder->is_passing;
};

# A Maildir has no locks: deliverers, and a reader that moves and flags.

sub message {
    my ($name, $count) = @_;
    my $body = join('', map { ("line $_ of $name.$count\n") x (1 + rand 5) } 1 .. 5 + rand 100);
    my $sum = 0;
    $sum = ($sum * 31 + $_) & 0xffffff for unpack('C*', $body);
    return "Message-ID: <$name.$count\@agent>\nX-Sum: $sum " . length($body) . "\n\n$body";
}

sub deliverer {
    my ($site, $box, $name) = @_;
    srand($name);
    open(my $done, '>', "$site->{dir}/done$name") or die;
    for (my $count = 0; !-e "$site->{dir}/stop"; $count++) {
        my $text = message($name, $count);
        my $lines = $text =~ tr/\n//;
        my $file = sprintf('%d.M%dP%dQ%d.host%s', time, $count, $$, $count, $count % 3 ? ''
            : ',S=' . length($text) . ($count % 2 ? '' : ',W=' . (length($text) + $lines)));
        file_put("$box/tmp/$file", $text);
        chown($Pop3d::UID, $Pop3d::GID, "$box/tmp/$file") if Pop3d::as_root();
        rename("$box/tmp/$file", "$box/new/$file") or die "$file: $!";
        print $done "$name.$count\n";
        sleep 0.004;
    }
    close($done) or die;
}

# What an IMAP server does: new/ to cur/, and other flags.
sub reader {
    my ($site, $box) = @_;
    my @flags = ('', 'S', 'RS', 'FS', 'FRS', 'ab');
    while (!-e "$site->{dir}/stop") {
        for my $folder (qw(new cur)) {
            opendir(my $dir, "$box/$folder") or die;
            my @files = grep { !/^\./ && ($folder eq 'new' || rand() < 0.1) } readdir $dir;
            closedir($dir);
            for my $file (@files) {
                my $base = $file =~ s/:.*//r;
                # It may have gone meanwhile: pop3d removes, and moves.
                rename("$box/$folder/$file", "$box/cur/$base:2," . $flags[rand @flags]);
            }
        }
        sleep 0.03;
    }
}

subtest 'Maildir: three who deliver, and one who reads' => sub {
    my $site = Pop3d->new;
    my $box = "$site->{dir}/mail/demo";
    $site->configure(mailbox => "maildir:$box");
    for my $folder ('', qw(/cur /new /tmp)) {
        mkdir("$box$folder", 0700) or die;
        chown($Pop3d::UID, $Pop3d::GID, "$box$folder") if Pop3d::as_root();
    }
    my @pids = ((map { my $name = $_; child(sub { deliverer($site, $box, $name) }) } 1 .. 3),
        child(sub { reader($site, $box) }));
    until_true(sub { 200 <= (my @files = glob("$box/new/* $box/cur/*")) });
    $site->standalone;
    my @lines = clients($site);
    stop($site, @pids);
    $site->stop;
    my @delivered = map { split /\n/, file_get("$site->{dir}/done$_") } 1 .. 3;
    my %left;
    push @{$left{number_of($_)}}, $_ for map { file_get($_) } glob("$box/new/* $box/cur/*");
    accounts(\@lines, \@delivered, \%left);
    is_deeply([glob("$box/tmp/*")], [], 'nothing is left in tmp/');
    diag($site->log_text) unless Test::More->builder->is_passing;
};

done_testing;
