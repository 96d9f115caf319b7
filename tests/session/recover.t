#!/usr/bin/perl
# pop3d --recover: updates that were killed in their middle are finished, each
# as its owner; what is in session, or odd, is named and left alone.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Pop3d;
use Pop3d::Corpus;

my $cc = $ENV{CC} || 'cc';
my $root = Pop3d::as_root();
my $library = File::Temp::tempdir(CLEANUP => 1) . '/interpose.so';
chmod(0755, File::Basename::dirname($library));
chdir "$FindBin::Bin/../.." or die "no source: $!\n";
system("$cc -std=c11 -D_GNU_SOURCE -Iinclude -shared -fPIC -o $library"
    . ' tests/faults/interpose.c -ldl 2>/dev/null') == 0
    or plan skip_all => "no C compiler ($cc)";

my ($three, @messages) = Pop3d::Corpus::mailbox('three');
my $after = Pop3d::Corpus::mbox(@messages[0, 2]);

# A site with a user for each name; as root each with ids of his own.
sub site {
    my (%ids) = @_;
    my $site = Pop3d->new;
    $site->{ids} = \%ids;
    chmod(01777, "$site->{dir}/mail");
    my $hash = Pop3d::hash('secret');
    my $text = '';
    for my $name (sort keys %ids) {
        my ($uid, $gid) = $root ? ($ids{$name}, $ids{$name} + 1) : ('', '');
        $text .= "$name:$hash:$uid:$gid\::/nonexistent:\n";
        fill($site, $name);
    }
    Pop3d::file_put("$site->{dir}/passwd", $text);
    return $site;
}

sub path { return "$_[0]{dir}/mail/$_[1]" }

sub fill {
    my ($site, $name) = @_;
    Pop3d::file_put(path($site, $name), $three);
    chmod(0600, path($site, $name));
    chown($site->{ids}{$name}, $site->{ids}{$name} + 1, path($site, $name)) if $root;
}

sub uid { return $root ? $_[0]{ids}{$_[1]} : $> }

sub journal {
    my ($site, $name) = @_;
    (my $file = path($site, $name)) =~ s{/}{=}g;
    return "$site->{dir}/state/" . uid($site, $name) . "/$file.journal";
}

# A session whose back is killed before the file is cut.
sub interrupt {
    my ($site, $name, @args) = @_;
    local $ENV{LD_PRELOAD} = $library;
    local $ENV{FAULT_AT} = 1;
    local $ENV{FAULT_MATCH} = 'fdatasync';
    my $client = $site->session(args => \@args);
    $client->login($name, 'secret');
    $client->ask('DELE 2');
    $client->put("QUIT\r\n");
    $client->to_end;
    $client->hang_up;
    isnt(Pop3d::file_get(path($site, $name)), $after, "$name: interrupted");
}

# Status and lines of --recover.
sub recover {
    my ($site, @operands) = @_;
    my ($status, $out) = $site->run(@{$site->{as} // []}, $Pop3d::POP3D, '-C',
        "$site->{dir}/pop3d.conf", '--recover', @operands);
    return ($status >> 8, $out);
}

sub is_whole {
    my ($site, $name) = @_;
    is(Pop3d::file_get(path($site, $name)), $after, "$name: what was deleted is gone, all else there");
    ok(!-e journal($site, $name), 'no journal is left');
    ok(!-e path($site, $name) . '.lock', 'nor a lock');
}

subtest 'nothing was interrupted' => sub {
    my $site = site(one => 60011);
    is_deeply([recover($site)], [0, ''], 'not a word');
    $site->configure('state-directory' => "$site->{dir}/not-there");
    is_deeply([recover($site)], [0, ''], 'without a state-directory');
    ok(!-e "$site->{dir}/not-there", 'which is not made');
};

subtest 'a user\'s own' => sub {
    my $site = site(one => 60011);
    interrupt($site, 'one');
    ok(-e journal($site, 'one'), 'a journal is there');
    my $inode = (stat path($site, 'one'))[1];
    # As that user, where this is root.
    $site->{as} = ['setpriv', '--reuid', 60011, '--regid', 60012, '--clear-groups'] if $root;
    is_deeply([recover($site)],
        [0, path($site, 'one') . ": interrupted update finished\n"], 'is finished');
    is_whole($site, 'one');
    is((stat path($site, 'one'))[1], $inode, 'the same file');
    is_deeply([recover($site)], [0, ''], 'once');
    is_deeply([recover($site, path($site, 'one'))],
        [0, path($site, 'one') . ": nothing to finish\n"], 'one that is named');
    my ($status, $out) = recover($site, path($site, 'one'), '/etc/passwd');
    is($status, 1, 'another\'s');
    like($out, qr/nothing to finish\n\/etc\/passwd: the mailbox is uid 0's/, 'is refused');
};

subtest 'one that is named, with its state beside it' => sub {
    my $site = site(one => 60011);
    if ($root) {
        $site->{as} = ['setpriv', '--reuid', 60011, '--regid', 60012, '--clear-groups'];
        chmod(0777, "$site->{dir}/mail");
    }
    $site->configure('state-directory' => "$site->{dir}/none/none");
    local $Pop3d::POP3D = $Pop3d::POP3D;
    SKIP: {
        skip 'a session as another user needs a start as that user', 4 if $root;
        interrupt($site, 'one');
        ok(-e "$site->{dir}/mail/.pop3d/one.journal", 'a journal is there');
        is_deeply([recover($site, path($site, 'one'))],
            [0, path($site, 'one') . ": interrupted update finished\n"], 'is finished');
        is(Pop3d::file_get(path($site, 'one')), $after, 'and whole');
    }
    is_deeply([recover($site)], [0, ''], 'and not found when it is not named');
};

subtest 'one that cannot be finished' => sub {
    my $site = site(one => 60011);
    interrupt($site, 'one');
    rename(path($site, 'one'), path($site, 'elsewhere'));
    is_deeply([recover($site)], [1, path($site, 'one') . ": there is no mailbox\n"],
        'a mailbox that is not there');
    ok(-e journal($site, 'one'), 'its journal stays');
    Pop3d::file_put(path($site, 'one'), $three);
    chown(60011, 60012, path($site, 'one')) if $root;
    my ($status, $out) = recover($site);
    is($status, 0, 'another file in its place');
    like($out, qr/one: journal \S+ does not match: set aside\n\z/, 'is not touched');
    is(Pop3d::file_get(path($site, 'one')), $three, 'by its journal');
};

subtest 'a mailbox in session is skipped and named' => sub {
    my $site = site(one => 60011);
    interrupt($site, 'one');
    my $octets = Pop3d::file_get(journal($site, 'one'));
    my $client = $site->session;
    like($client->login('one', 'secret'), qr/^\+OK/, 'a session, which finishes it');
    Pop3d::file_put(journal($site, 'one'), $octets);
    my ($status, $out) = recover($site);
    is($status, 1, 'something is left');
    like($out, qr/\A\Q$site->{dir}\E\/mail\/one: mailbox in use: pid \d+ from 127\.0\.0\.1 since \d+ s: skipped\n\z/,
        'and named');
    is(Pop3d::file_get(journal($site, 'one')), $octets, 'the journal is as it was');
    is(Pop3d::file_get(path($site, 'one')), $after, 'the mailbox, too');
    unlink(journal($site, 'one'));
    $client->ask('QUIT');
    $client->hang_up;
};

subtest 'a user who has locked all his mailboxes' => sub {
    my %ids = map { ("m$_" => 60011) } 1 .. 8;
    my $site = site(%ids);
    $site->configure('lock-timeout' => '1s');
    interrupt($site, 'm1');
    for my $name (sort keys %ids) {
        Pop3d::file_put(journal($site, $name), 'x') if !-e journal($site, $name);
        # Nobody's, and never old.
        Pop3d::file_put(path($site, $name) . '.lock', "0\n");
        utime(time + 86400, time + 86400, path($site, $name) . '.lock');
        chown(60011, 60012, journal($site, $name)) if $root;
    }
    my ($status, $out) = recover($site);
    is($status, 1, 'something is left');
    my $held = () = $out =~ /: dotlock is held by .*: skipped$/mg;
    cmp_ok($held, '<', 8, 'those who come after him do not wait for all');
    my $more = 8 - $held;
    like($out, qr/^\Q$site->{dir}\E\/state\/\d+: $more more journals: no time: skipped$/m, 'the others are counted');
};

subtest 'options' => sub {
    my $site = site(one => 60011);
    my ($status, $out) = $site->run($Pop3d::POP3D, '--recover', '-a', path($site, 'one'));
    is($status >> 8, 2, '-a is for a session');
    ($status, $out) = $site->run($Pop3d::POP3D, '--recovery');
    is($status >> 8, 2, 'no other long option');
    ($status, $out) = $site->run($Pop3d::POP3D, '-n', 'operand');
    is($status >> 8, 2, 'no operand without it');
    like($out, qr/pop3d --recover/, 'the usage has it');
};

subtest 'everybody\'s' => sub {
    plan skip_all => 'needs root: mailboxes of several users' if !$root;
    my $site = site(one => 60011, two => 60021, three => 60031);
    interrupt($site, $_) for qw(one two three);
    my $state = "$site->{dir}/state";

    # Who sees to it that nobody is believed: odd things, by users and root.
    symlink("$state/60011", "$state/60041");
    Pop3d::file_put("$state/60042", '');
    Pop3d::file_put("$state/$_", '') for qw(notes tls-tickets tls-tickets.lock);
    mkdir("$state/$_", 0700) for qw(60043 060011 lost+found);
    chown(60011, 60012, "$state/60043");
    Pop3d::file_put("$state/60043/=etc=passwd.journal", 'x');
    mkdir("$state/60044", 0700);
    my @odd = ('none.journal', '=..=etc=x.journal', '==x.journal', '=a%2fb.journal',
        '=a%00.journal', '=a%4.journal', '=a%41.journal', '=.journal');
    for my $name (@odd) {
        Pop3d::file_put("$state/60011/$name", 'x');
        chown(60011, 60012, "$state/60011/$name");
    }
    # A journal that names what is another's, and one that is no file.
    Pop3d::file_put("$state/60021/=etc=shadow.journal", 'x');
    symlink('/etc/shadow', "$state/60031/=etc=passwd.journal");
    my @before = map { [(stat $_)[1, 2, 4, 5, 7, 9]] } '/etc/passwd', '/etc/shadow';

    my ($status, $out) = recover($site);
    is_whole($site, $_) for qw(one two three);
    is($status, 1, 'something is left');
    my %lines = map { $_ => 1 } split /\n/, $out;
    for my $name (qw(one two three)) {
        ok(delete $lines{path($site, $name) . ': interrupted update finished'}, "$name is told");
    }
    for my $name (qw(060011 lost+found notes)) {
        ok(delete $lines{"$state/$name: no user's folder: skipped"}, "$name is named");
    }
    ok(delete $lines{"$state/60041: Not a directory: skipped"}
        || delete $lines{"$state/60041: Too many levels of symbolic links: skipped"}, 'a symlink');
    ok(delete $lines{"$state/60042: Not a directory: skipped"}, 'a file');
    ok(delete $lines{"$state/60043: not its user's alone: skipped"}, 'another\'s folder');
    is(scalar(grep { m{/60011/.*: no mailbox's journal: skipped$} && delete $lines{$_} } keys %lines),
        scalar @odd, 'names that are no mailbox\'s');
    ok(delete $lines{'/etc/shadow: belongs to somebody else'}, 'a file of another\'s');
    ok(delete $lines{'/etc/passwd: belongs to somebody else'}, 'and again');
    is_deeply([sort keys %lines], [], 'no more is said') or diag($out);
    ok(-e "$state/60043/=etc=passwd.journal" && -l "$state/60031/=etc=passwd.journal",
        'nothing of it is touched');
    is_deeply([map { [(stat $_)[1, 2, 4, 5, 7, 9]] } '/etc/passwd', '/etc/shadow'], \@before,
        'nor what it names');
};

subtest 'in a spool of group mail' => sub {
    plan skip_all => 'needs root: a mount namespace' if !Pop3d::can_world();
    my $site = Pop3d->new(unix => 1, mailbox => $three);
    # Before there is a connection that it would hold open.
    $site->syslog_start;
    local $ENV{LD_PRELOAD} = $library;
    local $ENV{FAULT_AT} = 1;
    local $ENV{FAULT_MATCH} = 'fdatasync';
    my $client = $site->session;
    $client->login;
    $client->ask('DELE 2');
    $client->put("QUIT\r\n");
    $client->to_end;
    $client->hang_up;
    delete local @ENV{qw(LD_PRELOAD FAULT_AT FAULT_MATCH)};
    isnt($site->mailbox, $after, 'interrupted');
    is_deeply([recover($site)], [0, "/var/mail/demo: interrupted update finished\n"], 'finished');
    is($site->mailbox, $after, 'whole');
    ok(!-e $site->mailbox_path . '.lock', 'no lock file is left');
    is_deeply([(stat $site->mailbox_path)[4, 5]], [$Pop3d::UID, $Pop3d::GID], 'owner and group have stayed');
};

done_testing;
