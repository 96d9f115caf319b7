#!/usr/bin/perl
# What may stand in a Maildir, and what may be missing: it costs at most itself.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use IO::Socket::UNIX;
use Test::More;

use Pop3d qw(as_root file_get file_put);
use Pop3d::Corpus;

my $site = Pop3d->new;
my $box = "$site->{dir}/mail/demo";
$site->configure(mailbox => "maildir:$site->{dir}/mail/%u");

sub own { chown($Pop3d::UID, $Pop3d::GID, @_) if as_root() }

sub text { return "From: a\@example.org\nSubject: $_[0]\n\nbody of $_[0]\n" }

sub put {
    my ($name, $octets) = @_;
    file_put("$box/$name", $octets);
    own("$box/$name");
}

# A new one, with messages of these names, each telling its own.
sub maildir {
    my (@names) = @_;
    File::Path::remove_tree($box);
    unlink($box);
    for my $folder ('', '/cur', '/new', '/tmp') {
        mkdir("$box$folder", 0700) or die "$box$folder: $!\n";
        own("$box$folder");
    }
    put($_, text($_)) for @names;
}

sub names {
    return sort map {
        my $folder = $_;
        opendir(my $dir, "$box/$folder") or die;
        map { "$folder/$_" } grep { !/^\.\.?\z/ } readdir $dir;
    } qw(cur new);
}

sub session {
    my (%option) = @_;
    my $client = $site->session;
    my $answer = $client->login;
    like($answer, $option{like} // qr/^\+OK/, 'login') or diag($site->log_text);
    return $client;
}

sub quit {
    my ($client) = @_;
    my $answer = $client->ask('QUIT');
    $client->hang_up;
    return $answer;
}

sub subjects {
    my ($client) = @_;
    my $count = () = $client->ask_multi('LIST') =~ /\n/g;
    return map { ($client->ask_multi("RETR $_") // '') =~ /^Subject: (.*)\r$/m ? $1 : '-ERR' } 1 .. $count;
}

subtest 'names' => sub {
    my @names = ('cur/1000.plain', 'cur/1001.two:2,', 'cur/1002.seen:2,S', 'cur/1003.flags:2,DFPRSTabz', 'cur/1004.odd:1,exp',
        'cur/1005.short:2', 'cur/1006.colon:', 'new/1007.new', 'new/1008.info:2,S', 'cur/1009.unknown:2,XYZ!', 'cur/no time at all',
        "cur/1010.\xe4\xf6\xfc:2,S", 'cur/1011.' . 'x' x 80, 'cur/1012.' . 'y' x 240 . ':2,', 'cur/1013.size,S=3:2,S',
        'cur/1014.W,W=abc:2,', 'cur/1015.sizes,S=5,W=500000:2,', 'cur/1016.:2,', 'new/,', 'cur/' . 'a' x 32, "cur/1017.\n:2,");
    maildir(@names);
    put('cur/.hidden', text('hidden'));
    my $client = session();
    my @seen = subjects($client);
    # Those with a line end in their name are told by its rest.
    is_deeply([sort @seen], [sort map { s/\n.*//sr } @names], 'each is a message') or diag(explain(\@seen));
    my @ids = map { (split / /)[1] } split /\r\n/, $client->ask_multi('UIDL');
    is(keys %{{map { $_ => 1 } @ids}}, @names, 'with a unique-id of its own');
    is_deeply([grep { !/^[\x21-\x7e]{1,70}\z/ } @ids], [], 'that is legal');
    my ($number) = grep { $seen[$_ - 1] =~ /1003/ } 1 .. @seen;
    $client->ask("DELE $number");
    quit($client);
    is_deeply([grep { /flags/ } names()], [], 'what was deleted has gone');
    is(scalar(grep { m{^cur/} } names()), @names, 'what was fetched is in cur/, and nothing else gone');
    $client = session();
    is(join(' ', sort map { (split / /)[1] } split /\r\n/, $client->ask_multi('UIDL')),
        join(' ', sort @ids[grep { $_ != $number - 1 } 0 .. $#ids]), 'with the same unique-ids');
    is(length join('', $client->ask_multi("TOP $_ 9999") // ''), (split / /, $client->ask("LIST $_"))[2], "LIST $_ is right")
        for 1 .. @names - 1;
    $client->ask("DELE $_") for 1 .. @names - 1;
    like(quit($client), qr/^\+OK/, 'all are deleted');
    is_deeply([names()], ['cur/.hidden'], 'but for what is none');
};

subtest 'entries that are no messages' => sub {
    my @good = ('cur/1.good:2,S', 'new/3.good', 'cur/9.good:2,');
    maildir(@good);
    my $outside = "$site->{dir}/outside";
    file_put($outside, text('outside'));
    chmod(0644, $outside);
    symlink($outside, "$box/cur/2.link:2,") or die;
    symlink($outside, "$box/new/2.link,W=40") or die;
    symlink('1.good:2,S', "$box/cur/4.inner,S=9:2,") or die;
    symlink('nowhere', "$box/cur/5.dangling:2,") or die;
    symlink('6.loop', "$box/new/6.loop") or die;
    symlink('.', "$box/cur/6.folder") or die;
    POSIX::mkfifo("$box/new/7.fifo", 0600) or die;
    POSIX::mkfifo("$box/cur/7.fifo,W=9:2,", 0600) or die;
    mkdir("$box/cur/8.folder:2,") && mkdir("$box/new/8.folder,W=9") or die;
    my $socket = IO::Socket::UNIX->new(Type => Socket::SOCK_DGRAM(), Local => "$box/new/8.socket") or die;
    file_put("$box/cur/8.folder:2,/inner", text('inner'));
    mkdir("$box/.Sent") && mkdir("$box/.Sent/cur") or die;
    put('.Sent/cur/1.sent:2,', text('sent'));
    put('cur/8.unreadable:2,', text('unreadable'));
    chmod(0, "$box/cur/8.unreadable:2,");
    put('cur/99.unreadable,W=12:2,', text('unreadable'));
    chmod(0, "$box/cur/99.unreadable,W=12:2,");
    chown(0, 0, map { "$box/cur/$_" } '8.unreadable:2,', '99.unreadable,W=12:2,') if as_root();
    own("$box/cur/8.folder:2,", "$box/new/7.fifo", "$box/cur/7.fifo,W=9:2,");
    # Where they are counted does not matter; a name that tells its size is
    # believed until the file is opened.
    my @odd = grep { my $name = $_; !grep { $_ eq $name } @good } names();
    for my $round (1, 2) {
        my $client = session();
        my @seen = subjects($client);
        is_deeply([grep { $_ ne '-ERR' } @seen], \@good, "session $round: the messages are there");
        is(scalar(grep { $_ eq '-ERR' } @seen), 1, 'one file cannot be read, and only it');
        like($client->ask('RETR 4'), qr/^-ERR \[SYS\/(?:PERM|TEMP)\]/, 'and is refused');
        if ($round == 2) { $client->ask("DELE $_") for 1 .. 3 }
        like(quit($client), qr/^\+OK/, 'QUIT');
        # What was fetched is in cur/ now; its text still tells the old name.
        my @now = map { s{^new/3\.good\z}{cur/3.good:2,}r } @good;
        is_deeply([names()], [sort(@odd, $round == 1 ? @now : ())], 'and nothing else has moved');
    }
    is(file_get($outside), text('outside'), 'nor what links lead to');
    ok($site->log_wait(qr/files that are no messages, or cannot be read/), 'the log says so');
};

subtest 'folders that are missing, or none' => sub {
    File::Path::remove_tree($box);
    my $client = session(like => qr/^\+OK .*\b0 messages/);
    like(quit($client), qr/^\+OK/, 'a Maildir that is not there is empty');
    ok(!-e $box, 'and not made');
    for my $missing (qw(cur new tmp)) {
        maildir('cur/1.x:2,S', 'new/2.x');
        File::Path::remove_tree("$box/$missing");
        my $count = $missing eq 'tmp' ? 2 : 1;
        $client = session(like => qr/^\+OK .*\b$count messages?\b/);
        is(scalar(grep { $_ ne '-ERR' } subjects($client)), $count, "without $missing/: the others are read");
        like(quit($client), qr/^\+OK/, 'QUIT');
        is(scalar(() = glob("$box/{cur,new}/*")), $count, 'nothing is lost');
    }
    maildir('new/2.x');
    rename("$box/new", "$box/elsewhere") && symlink('elsewhere', "$box/new") or die;
    $client = session(like => qr/^-ERR \[SYS\/PERM\]/);
    $client->hang_up;
    ok(-e "$box/elsewhere/2.x", 'a symlink is no folder of a Maildir');
    maildir('new/2.x');
    rename($box, "$box.real") && symlink("$box.real", $box) or die;
    if (as_root()) { system('chown', '-h', "$Pop3d::UID:$Pop3d::GID", $box) }
    $client = session(like => qr/^\+OK .*\b1 message\b/);
    quit($client);
    unlink($box);
    rename("$box.real", $box) or die;
    put('new/3.x', text('3'));
    File::Path::remove_tree("$box/cur");
    file_put("$box/cur", 'a file');
    $client = session(like => qr/^-ERR \[SYS\/PERM\]/);
    $client->hang_up;
    is(file_get("$box/cur"), 'a file', 'and left as it is');
};

subtest 'made where it is wanted' => sub {
    $site->configure(mailbox => "maildir:$site->{dir}/mail/%u", 'mailbox-create' => 'yes');
    File::Path::remove_tree($box);
    unlink($box);
    my $client = session(like => qr/^\+OK .*\b0 messages/);
    is((stat "$box/$_")[2] & 0777, 0700, "$_: for nobody else") for qw(cur new tmp);
    is_deeply([(stat $box)[4, 5]], [$Pop3d::UID, $Pop3d::GID], 'its user\'s') if as_root();
    put('new/1.x', text('1'));
    like(quit($client), qr/^\+OK/, 'QUIT');
    quit(session(like => qr/^\+OK .*\b1 message\b/));
    $site->configure(mailbox => "maildir:$site->{dir}/mail/%u");
};

subtest 'what failed deliveries left' => sub {
    maildir('new/1.x');
    my $long = time - 37 * 3600;
    for my $name (qw(old young)) {
        put("tmp/$name", '');
        utime($long + ($name eq 'young' ? 2 * 3600 : 0), $long + ($name eq 'young' ? 2 * 3600 : 0), "$box/tmp/$name");
    }
    my $client = session();
    subjects($client);
    $client->hang_up;
    ok($site->log_wait(qr/^DISCONNECTED/), 'without QUIT');
    ok(-e "$box/tmp/old" && -e "$box/new/1.x", 'nothing is touched');
    $client = session();
    subjects($client);
    quit($client);
    ok(!-e "$box/tmp/old", 'QUIT removes what is older than 36 hours');
    ok(-e "$box/tmp/young", 'and nothing younger');
};

subtest 'a message that another program took, or changed' => sub {
    maildir(map { "cur/$_.x:2," } 1 .. 4);
    my $client = session();
    unlink("$box/cur/2.x:2,");
    like($client->ask('RETR 2'), qr/^-ERR \[SYS\/TEMP\]/, 'RETR');
    like($client->ask('TOP 2 1'), qr/^-ERR \[SYS\/TEMP\]/, 'TOP');
    like($client->ask('DELE 2'), qr/^\+OK/, 'DELE');
    is($client->ask_multi('RETR 3'), Pop3d::Corpus::wire(text('cur/3.x:2,')), 'the next one');
    like(quit($client), qr/^\+OK/, 'QUIT: it has gone');
    is_deeply([names()], [map { "cur/$_.x:2," } 1, 3, 4], 'the others have not');

    my $large = "Subject: large\n\n" . join('', map { "line $_\n" } 1 .. 1_000_000);
    my %changes = (
        'cut short' => sub { truncate("$box/cur/5.large:2,", 5_000_000) },
        'longer' => sub { file_put("$box/cur/5.large:2,", "more\n", '>>:raw') },
        'written over' => sub { open(my $file, '+<', "$box/cur/5.large:2,"); seek($file, 3_000_000, 0); print $file 'x' x 99 },
        'renamed' => sub { rename("$box/cur/5.large:2,", "$box/cur/5.large:2,S") },
        'replaced by rename' => sub { put('tmp/x', text('x')); rename("$box/tmp/x", "$box/cur/5.large:2,") },
        'removed' => sub { unlink("$box/cur/5.large:2,") },
    );
    for my $name (sort keys %changes) {
        maildir();
        put('cur/5.large:2,', $large);
        $client = session();
        $client->{ended} = 'not yet';
        $client->put("RETR 1\r\n");
        select(undef, undef, undef, 0.2);
        $changes{$name}->();
        delete $client->{ended};
        my $line = $client->line;
        my $got = eval { $client->rest };
        my $whole = $name =~ /^re/;    # he has its file open
        ok($whole ? defined $got && $got eq Pop3d::Corpus::wire($large) : !defined $got,
            "$name while it is sent: " . ($whole ? 'all of it' : 'no dot'));
        $client->hang_up;
    }
};

subtest 'auto' => sub {
    $site->configure(mailbox => "auto:$site->{dir}/mail/%u");
    my @cases = (
        ['both folders' => sub { maildir('cur/1.x:2,', 'new/2.x') }, qr/^\+OK .*\b2 messages/],
        ['only cur/' => sub { maildir('cur/1.x:2,'); rmdir("$box/new") }, qr/^\+OK .*\b1 message\b/],
        ['only new/' => sub { maildir('new/2.x'); rmdir("$box/cur") }, qr/^\+OK .*\b1 message\b/],
        ['a folder without them' => sub { maildir(); rmdir("$box/$_") for qw(cur new) }, qr/^-ERR \[SYS\/PERM\]/],
        ['a folder with a file of that name' => sub { maildir(); rmdir("$box/$_") for qw(cur new); put('cur', 'x') },
            qr/^-ERR \[SYS\/PERM\]/],
        ['an mbox' => sub { $site->mailbox(Pop3d::Corpus::mbox(Pop3d::Corpus::message(text(1)))) }, qr/^\+OK .*\b1 message\b/],
        ['nothing' => sub { }, qr/^\+OK .*\b0 messages/],
    );
    for my $case (@cases) {
        my ($name, $make, $like) = @$case;
        File::Path::remove_tree($box);
        unlink($box);
        $make->();
        my $client = session(like => $like);
        $client->ask('QUIT') if !$client->{ended} && $like =~ /OK/;
        $client->hang_up;
        ok(1, $name);
    }
    ok(!-e $box, 'nothing is made of nothing');
};

done_testing;
