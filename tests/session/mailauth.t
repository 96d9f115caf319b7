#!/usr/bin/perl
# mailauth(8): its commands, and logins with what they keep.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Fcntl qw(:flock);
use IO::Select;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);

use Pop3d;
use Pop3d::Corpus;

my $site = Pop3d->new(config => {auth => 'mailauth',
    'mailauth-file' => 'secrets'});
my $dir = $site->{dir};
my $db = "$dir/secrets";
my $tool = $Pop3d::POP3D =~ s{[^/]*$}{mailauth}r;

# Run the tool with this on its standard input: status, and all it said.
sub tool {
    my ($input, @args) = @_;
    open(my $in, '+>', undef) or die "temporary file: $!\n";
    print $in $input;
    $in->flush;
    seek($in, 0, 0);
    open(my $out, '+>', undef) or die "temporary file: $!\n";
    my $pid = $site->spawn([$tool, @args], in => $in, out => $out, err => $out);
    my $status = $site->reap($pid, 60);
    $site->end($pid, 'KILL') unless defined $status;
    seek($out, 0, 0);
    local $/;
    my $said = <$out> // '';
    return (defined $status ? $status >> 8 : 'hangs', $said);
}

# It does this without a word, or says this.
sub does {
    my ($what, $input, @args) = @_;
    my ($status, $said) = tool($input, '-f', $db, @args);
    is_deeply([$status, $said], [0, ''], $what);
}

sub says {
    my ($what, $want, $input, @args) = @_;
    my ($status, $said) = tool($input, '-f', $db, @args);
    is($status, 0, "$what: status");
    like($said, $want, $what);
}

# It refuses, in one line, and leaves the file as it was.
sub refuses {
    my ($what, $want, $input, @args) = @_;
    my $before = Pop3d::file_get($db);
    my ($status, $said) = tool($input, '-f', $db, @args);
    is($status, 1, "$what: status");
    like($said, qr/\Amailauth: $want\n\z/, $what);
    is(Pop3d::file_get($db), $before, "$what: nothing is changed");
}

sub names {
    return join(' ', map { /^([^:]+):/ } grep { !/^#/ }
        split(/\n/, Pop3d::file_get($db) // ''));
}

sub login {
    my ($name, $password, $want, $what) = @_;
    my $client = $site->session;
    like($client->login($name, $password), $want, $what)
        or diag($site->log_text);
    $client->hang_up;
}

my $yes = qr/^\+OK logged in/;
my $no = qr/^-ERR \[AUTH\]/;

subtest 'add, and what is kept' => sub {
    does('the first makes the file', "pencil\n", 'add', 'joe');
    is((stat $db)[2] & 07777, 0600, 'mode 600');
    is((stat "$db.lock")[2] & 07777, 0600, 'the lock, too');
    ok(!-e "$db.new", 'nothing is left over');
    does('without a line end', 'pencil', 'add', 'ann@example.org');
    does('with the secret', "s3cret: x\n", 'add', '--apop', 'bob');
    does('options behind the name', "pencil\n", 'add', 'zoe', '--apop',
        '-i', '5000');
    is(names(), 'ann@example.org bob joe zoe', 'sorted');
    my $text = Pop3d::file_get($db);
    unlike($text, qr/pencil|s3cret/, 'no secret is in the file as it is');
    like($text, qr/^joe::10000,[^:]+:10000,[^:]+::$/m, 'keys and no secret');
    like($text, qr/^bob::10000,[^:]+:10000,[^:]+:czNjcmV0OiB4:$/m,
        'the secret only with --apop');
    like($text, qr/^zoe::5000,[^:]+:5000,[^:]+:cGVuY2ls:$/m, '-i');
    refuses('a name that is there', 'joe: there already', "x\n", 'add', 'joe');
    says('list', qr/\Aann\@example\.org scram-sha-256 10000 scram-sha-1 10000
bob scram-sha-256 10000 scram-sha-1 10000 apop
joe scram-sha-256 10000 scram-sha-1 10000
zoe scram-sha-256 5000 scram-sha-1 5000 apop
\z/, '', 'list');
    says('list of one', qr/\Abob scram.* apop\n\z/, '', 'list', 'bob');
    says('check of all', qr/: 4 users\n\z/, '', 'check');
    says('check, right', qr/\Ajoe: right\n\z/, "pencil\n", 'check', 'joe');
    refuses('check, wrong', 'joe: wrong', "pencils\n", 'check', 'joe');
    refuses('check of nobody', 'jim: no such user', "x\n", 'check', 'jim');
    is(Pop3d::file_get($db), $text, 'and the file is as it was');
};

subtest 'secrets that are none' => sub {
    refuses('empty', 'the secret is empty', "\n", 'add', 'x');
    refuses('nothing', 'the secret is empty', '', 'add', 'x');
    refuses('two lines', 'standard input has more than one line', "a\nb\n",
        'add', 'x');
    refuses('CR', 'the secret has a control character in it', "a\r\n", 'add',
        'x');
    refuses('NUL', 'the secret has a control character in it', "a\0b\n", 'add',
        'x');
    refuses('too long', 'the secret is longer than 511 octets', 'a' x 512,
        'add', 'x');
    refuses('much too long', 'the secret is longer than 511 octets',
        'a' x 100_000, 'add', 'x');
    does('the longest', 'a' x 511, 'add', 'longest');
    does('8-bit octets and blanks', " p\xc3\xa4ss w\xf6rd \n", 'add', 'octets');
    says('are compared as they are', qr/right/, " p\xc3\xa4ss w\xf6rd \n",
        'check', 'octets');
    does('delete', '', 'delete', $_) for qw(longest octets);
};

subtest 'names that are none, and other wrong usage' => sub {
    for (['', 'empty'], ['a:b', 'a colon'], ["a\tb", 'a control character'],
        ['.a', 'a dot'], ['a/b', 'a slash'], [' a', 'a blank before'],
        ['a ', 'a blank behind'], ['a' x 256, 'too long']) {
        my ($status, $said) = tool("x\n", '-f', $db, 'add', $_->[0]);
        is($status, 2, $_->[1]);
        like($said, qr/\Amailauth: the name [^\n]+\nusage:/, "$_->[1]: said");
    }
    for (['no command'], ['a name is missing', 'add'],
        ['a name is missing', 'import'], ['unknown command', 'make', 'x'],
        ['unexpected argument', 'add', 'x', 'secret'],
        ['unknown option', '--secret', 'add', 'x'],
        ['unknown option', '-p', 'add', 'x'],
        ['--popauth is for import', 'add', 'x', '--popauth'],
        ['-i is a number from 4096 to 10000000', '-i', '1000', 'add', 'x'],
        ['-i is a number from 4096 to 10000000', '-i', '1e9', 'add', 'x']) {
        my ($want, @args) = @$_;
        my ($status, $said) = tool("x\n", '-f', $db, @args);
        is($status, 2, "@args");
        like($said, qr/\Amailauth: \Q$want\E\nusage: mailauth/, "@args: said");
    }
    is(names(), 'ann@example.org bob joe zoe', 'nothing has come of it');
};

subtest 'change, lock, unlock, delete' => sub {
    does('change', "other\n", 'change', 'joe');
    refuses('the old secret', 'joe: wrong', "pencil\n", 'check', 'joe');
    says('the new one', qr/right/, "other\n", 'check', 'joe');
    does('lock', '', 'lock', 'joe');
    refuses('lock again', 'joe: locked already', '', 'lock', 'joe');
    refuses('check of a locked one', 'joe: right, but locked', "other\n",
        'check', 'joe');
    says('list of a locked one', qr/^joe .* locked$/m, '', 'list');
    does('a change leaves the lock', "third\n", 'change', 'joe');
    refuses('still locked', 'joe: right, but locked', "third\n", 'check',
        'joe');
    does('unlock', '', 'unlock', 'joe');
    refuses('unlock again', 'joe: not locked', '', 'unlock', 'joe');
    says('a change takes the secret away, and says so', qr/\Abob: no APOP/,
        "pencil\n", 'change', 'bob');
    like(Pop3d::file_get($db), qr/^bob:[^:]*:[^:]+:[^:]+::$/m, 'it is gone');
    does('delete', '', 'delete', 'bob');
    refuses("$_ of nobody", 'bob: no such user', "x\n", $_, 'bob')
        for qw(change lock unlock delete list check);
    is(names(), 'ann@example.org joe zoe', 'the others are there');
};

subtest 'files that cannot be used' => sub {
    my $kept = Pop3d::file_get($db);
    for (['no-such', 'list'], ['no-such', 'check'], ['no-such', 'lock', 'joe'],
        ['no-such', 'delete', 'joe'], ['no-such', 'change', 'joe']) {
        my ($file, @args) = @$_;
        my ($status, $said) = tool("x\n", '-f', "$dir/$file", @args);
        is($status, 1, "@args of a missing file");
        is($said, "mailauth: $dir/no-such: No such file or directory\n",
            "@args: said");
        ok(!-e "$dir/no-such", 'and none is made');
    }
    chmod(0644, $db);
    refuses('others may read it', "\Q$db\E: others than root may read or write"
        . ' it .*', "x\n", 'add', 'new');
    chmod(0600, $db);
    rename($db, "$db.real");
    symlink('secrets.real', $db);
    refuses("a symlink: $_->[0]", "\Q$db\E: it is a symbolic link", "x\n", @$_)
        for ['add', 'new'], ['list'];
    unlink($db);
    rename("$db.real", $db);
    Pop3d::file_put($db, substr($kept, 0, -1), '+<:raw');
    truncate($db, length($kept) - 1);
    refuses('without its last line end', "\Q$db\E: it is damaged .*", "x\n",
        'add', 'new');
    my ($line) = ($kept =~ tr/\n//);
    refuses('check says where', "\Q$db\E:$line: damaged, .*", '', 'check');
    Pop3d::file_put($db, $kept);
    mkdir("$dir/open");
    chmod(0777, "$dir/open");
    my ($status, $said) = tool("x\n", '-f', "$dir/open/db", 'add', 'joe');
    is($status, 1, 'a folder that others may write');
    like($said, qr/: others may write to the folder\n\z/, 'is told');
    rmdir("$dir/open");
    ($status, $said) = tool("x\n", '-f', "$dir/none/db", 'add', 'joe');
    is($status, 0, 'a folder that is missing is made') or diag($said);
    is((stat "$dir/none")[2] & 07777, 0755, 'for all to see');
    ($status, $said) = tool("x\n", '-f', "$dir/no/ne/db", 'add', 'joe');
    is($status, 1, 'but not the one above it');
    is(Pop3d::file_get($db), $kept, 'the database is as it was');
};

subtest 'the configuration says where it is' => sub {
    my ($status, $said) = tool('', '-C', "$dir/pop3d.conf", 'list');
    is($status, 0, 'status');
    like($said, qr/^joe /m, 'its users');
    ($status, $said) = tool('', '-C', "$dir/none.conf", 'list');
    is($status, 1, 'a configuration that is missing');
    like($said, qr/none\.conf: No such file/, 'is told');
};

subtest 'one change waits for the other' => sub {
    open(my $lock, '+<', "$db.lock") or die "$db.lock: $!\n";
    flock($lock, LOCK_EX) or die "$db.lock: $!\n";
    open(my $in, '+>', undef) or die "temporary file: $!\n";
    print $in "waited\n";
    $in->flush;
    seek($in, 0, 0);
    my $pid = $site->spawn([$tool, '-f', $db, 'add', 'wait'], in => $in);
    ok(!defined $site->reap($pid, 0.5), 'it waits');
    unlike(names(), qr/wait/, 'and has changed nothing');
    my ($status) = tool('', '-f', $db, 'list');
    is($status, 0, 'who only reads does not wait');
    close($lock);
    is($site->reap($pid, 10), 0, 'then it goes on');
    like(names(), qr/wait/, 'and it is done');
    does('many at once', '', 'delete', 'wait');
    my @pids;
    for my $i (10 .. 17) {
        open(my $one, '+>', undef) or die "temporary file: $!\n";
        print $one "x\n";
        $one->flush;
        seek($one, 0, 0);
        push @pids, $site->spawn([$tool, '-f', $db, 'add', "many$i"],
            in => $one);
    }
    is_deeply([map { $site->reap($_, 20) } @pids], [(0) x 8], 'all come through');
    is(scalar(() = names() =~ /many/g), 8, 'and none is lost');
    tool('', '-f', $db, 'delete', "many$_") for 10 .. 17;
};

# A terminal of our own: what it showed, and the status.
sub typed {
    my ($signal, $lines, @args) = @_;
    sysopen(my $master, '/dev/ptmx', POSIX::O_RDWR() | POSIX::O_NOCTTY())
        or return;
    my $number = pack('i', 0);
    ioctl($master, 0x40045431, $number) or return;           # TIOCSPTLCK
    ioctl($master, 0x80045430, $number) or return;           # TIOCGPTN
    my $path = '/dev/pts/' . unpack('i', $number);
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        POSIX::setsid();
        open(STDIN, '+<', $path) or POSIX::_exit(126);       # controls us now
        open(STDOUT, '>&', \*STDIN);
        open(STDERR, '>&', \*STDIN);
        exec { $tool } $tool, '-f', $db, @args or POSIX::_exit(127);
    }
    my ($shown, $argv, @echo) = ('', '');
    my $read = sub {
        my ($until) = @_;
        for (1 .. 200) {
            return 1 if $shown =~ $until;
            if (IO::Select->new($master)->can_read(0.1)) {
                sysread($master, $shown, 4096, length $shown) or last;
            }
        }
        return $shown =~ $until;
    };
    open(my $tty, '+<', $path) or die "$path: $!\n";         # it stays open
    my $echo = sub {
        my $termios = POSIX::Termios->new;
        $termios->getattr(fileno($tty));
        return $termios->getlflag & POSIX::ECHO() ? 1 : 0;
    };
    for my $line (@$lines) {
        $read->(qr/: \z/) or last;
        push @echo, $echo->();
        $argv .= Pop3d::file_get("/proc/$pid/cmdline") // '';
        $shown .= "|";
        syswrite($master, $line);
    }
    if ($signal) {
        $read->(qr/: \z/);
        kill($signal, $pid);
    }
    my $status;
    Pop3d::until_true(sub {
        IO::Select->new($master)->can_read(0)
            and sysread($master, $shown, 4096, length $shown);
        return 0 if waitpid($pid, POSIX::WNOHANG()) != $pid;
        $status = $?;
        return 1;
    }) or kill('KILL', $pid), waitpid($pid, 0);
    while (IO::Select->new($master)->can_read(0.05)) {
        sysread($master, $shown, 4096, length $shown) or last;
    }
    return {status => $status, shown => $shown =~ s/\r//gr, argv => $argv,
        echo => \@echo, after => $echo->()};
}

subtest 'a secret from the terminal' => sub {
    my $t = typed(0, ["hidden\n", "hidden\n"], 'add', 'typed');
    plan skip_all => 'no terminal can be made here' if !$t;
    is($t->{status}, 0, 'status');
    is($t->{shown}, "Secret of typed: |\nThe same again: |\n",
        'asked twice, and nothing is shown');
    is_deeply($t->{echo}, [0, 0], 'the terminal shows nothing meanwhile');
    is($t->{after}, 1, 'and does afterwards');
    unlike($t->{argv}, qr/hidden/, 'nor is it an argument');
    says('it is that one', qr/right/, "hidden\n", 'check', 'typed');
    $t = typed(0, ["hidden\n"], 'check', 'typed');
    is($t->{shown}, "Secret of typed: |\ntyped: right\n", 'check asks once');
    $t = typed(0, ["one\n", "two\n"], 'change', 'typed');
    is($t->{status}, 256, 'two that differ');
    like($t->{shown}, qr/mailauth: the two were not the same\n\z/, 'are told');
    $t = typed(0, ["\n"], 'change', 'typed');
    like($t->{shown}, qr/mailauth: the secret is empty\n\z/, 'an empty one');
    $t = typed('TERM', [], 'change', 'typed');
    is($t->{status}, POSIX::SIGTERM(), 'a signal ends it');
    is($t->{after}, 1, 'and the terminal shows what is typed again');
    $t = typed(0, ["hid\x03"], 'change', 'typed');
    is($t->{status}, POSIX::SIGINT(), 'so does the key for it');
    is($t->{after}, 1, 'likewise');
    says('nothing of it was kept', qr/right/, "hidden\n", 'check', 'typed');
    does('delete', '', 'delete', 'typed');
};

my $sha512 = Pop3d::hash('pencil');
my $scram1 = '4096,QSXCR+Q6sek8bf92,6dlGYMOdZcOPutkcNY8U2g7vK9Y=,'
    . 'D+CSWLOshSulAsxiupA+qs2/fTE=';
my $scram256 = '4096,W22ZaJ0SNY7soEsUEjb6gQ==,'
    . 'WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,'
    . 'wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=';

sub import_file {
    my ($text) = @_;
    Pop3d::file_put("$dir/import", $text);
    return "$dir/import";
}

subtest 'import of a passwd-file of Dovecot' => sub {
    my $file = import_file(<<"END");
# users
i-plain:{PLAIN}pencil:1000:1000::/home/x:/bin/sh

i-crypt:{CRYPT}${sha512}:::::
i-sha512:{sha512-crypt}$sha512
i-bare:$sha512:1000:1000
i-locked:!$sha512
i-nologin:{PLAIN}pencil::::::nologin=y reason=away
i-scram1:{SCRAM-SHA-1}$scram1
i-scram256:{SCRAM-SHA-256}${scram256}::::::userdb_quota=1
i-cr:{CLEAR}pencil\r
END
    says('import', qr/\A9 users imported\n\z/, '', 'import', $file);
    for (qw(plain crypt sha512 bare scram1 scram256 cr)) {
        says("i-$_", qr/right/, "pencil\n", 'check', "i-$_");
        refuses("i-$_, wrong", "i-$_: wrong", "pen\n", 'check', "i-$_");
    }
    refuses("i-$_", "i-$_: right, but locked", "pencil\n", 'check', "i-$_")
        for qw(locked nologin);
    unlike(Pop3d::file_get($db), qr/^i-plain:.*:cGVuY2ls:$/m,
        'a plain secret becomes keys');
    says('list', qr/^i-sha512 crypt \$6\$$/m, '', 'list');
    says('the tool says what of', qr/^i-locked crypt \$6\$ locked$/m, '',
        'list');
    says('check', qr/: 12 users/, '', 'check');
    refuses('again', qr/(?:\Q$file\E:\d+: i-\w+: there already\nmailauth: ){9}\Q$file\E: nothing is imported/,
        '', 'import', $file);
};

subtest 'what an import frees is wiped' => sub {
    local $ENV{LD_PRELOAD} = "$Pop3d::ROOT/build/session/freed.so";
    local $ENV{FREED_TEXT} = 'Zsecretpencil';
    my $lines = "freed-1:{PLAIN}Zsecretpencil\nfreed-2:{PLAIN}Zsecretpencil\n";
    says('import', qr/\A2 users imported\n\z/, '', 'import', import_file($lines));
    $lines =~ s/freed/freed-too/g;
    says('from standard input', qr/\A2 users imported\n\z/, $lines, 'import', '-');
};

subtest 'an import with a bad line' => sub {
    for (["x:{CRAM-MD5}e02d374fde0dc75a17a557039a3a5338c7743304777dccd376f332bee68d2cf6",
            'x: \{CRAM-MD5\} is of no use .*--apop'],
        ['x:{SSHA}abcdef', 'x: its password is of a scheme .*'],
        ['x:{PLAIN.b64}abcd', 'x: its password is of a scheme .*'],
        ['x:{PLAIN', 'x: its password has no scheme'],
        ['x:{PLAIN}', 'x: the secret is empty'],
        ['x:{SCRAM-SHA-1}4096,x,y,z', 'x: these are no keys of SCRAM'],
        ["x:{SCRAM-SHA-1}$scram256", 'x: these are no keys of SCRAM'],
        ['x:plain', 'x: its hash is of no known kind'],
        ['x:*', 'x: the account is locked'],
        ['x::1:1', 'x: no password is set'],
        ['x', 'x: there is no password'],
        [":$sha512", ': the name is empty'],
        [".x:$sha512", '.x: the name begins with a dot'],
        ["x\ty:$sha512", 'x%09y: the name has a control .*'],
        ["x:{PLAIN}p::::::allow_nets=10.0.0.0/8",
            'x: allow_nets cannot be had here'],
        ["x:$sha512\0", 'x: a NUL octet'],
        ["good:$sha512", 'good: a second line of that name'],
        ["joe:$sha512", 'joe: there already']) {
        my ($line, $want) = @$_;
        my $file = import_file("good:{PLAIN}x\n#\n$line\ngood2:$sha512\n");
        refuses($line =~ s/\0/NUL/r, qr/\Q$file\E:3: $want\nmailauth: \Q$file\E: nothing is imported/,
            '', 'import', $file);
    }
    my $file = import_file(join('', map { "x$_:{SSHA}x\n" } 1 .. 30));
    my ($status, $said) = tool('', '-f', $db, 'import', $file);
    is(scalar(() = $said =~ /scheme/g), 20, 'not more than 20 lines are said');
    like($said, qr/import: 10 more such lines\n/, 'but how many there are');
    refuses('a file that is missing', "$dir/missing: No such file or directory",
        '', 'import', "$dir/missing");
    refuses('a folder', ".*: Is a directory", '', 'import', $dir);
};

subtest 'import of what popauth dumped, from standard input' => sub {
    says('import', qr/\A4 users imported\n\z/, "p-one pencil\n"
        . "p-two: two words\np-three\t:\tx:y\np-four:{PLAIN}\n", 'import',
        '--popauth', '-');
    says('a blank', qr/right/, "pencil\n", 'check', 'p-one');
    says('a colon and two words', qr/right/, "two words\n", 'check', 'p-two');
    says('blanks, and a colon within', qr/right/, "x:y\n", 'check', 'p-three');
    says('braces are no scheme', qr/right/, "{PLAIN}\n", 'check', 'p-four');
    says('their secrets are kept', qr/^p-one .* apop$/m, '', 'list');
    refuses('a name alone', '-:1: p-x: there is no password\nmailauth: -: nothing is imported',
        "p-x\n", 'import', '--popauth', '-');
    refuses('a name and a colon', '-:1: p-x: the secret is empty\nmailauth: -: nothing is imported',
        "p-x :\n", 'import', '--popauth', '-');
    does('delete', '', 'delete', "p-$_") for qw(one two three four);
    does('delete', '', 'delete', "i-$_") for qw(plain sha512 bare cr scram1);
};

subtest 'logins of virtual users' => sub {
    $site->configure('passwd-file' => 'virtual');
    my $ids = Pop3d::as_root() ? "$Pop3d::UID:$Pop3d::GID" : ':';
    Pop3d::file_put("$dir/virtual", join('', map { "$_:x:$ids\::/x:\n" }
        qw(joe ann@example.org i-crypt i-locked i-nologin i-scram256)));
    chmod(0600, "$dir/virtual");
    tool("secret\n", '-f', $db, 'change', 'joe');
    login('joe', 'secret', $yes, 'the right password');
    login('joe', 'secrets', $no, 'a wrong one');
    login('ann@example.org', 'pencil', $yes, 'a name with a domain');
    login('i-crypt', 'pencil', $yes, 'an imported hash');
    login('i-crypt', 'pen', $no, 'and a wrong password');
    login('i-scram256', 'pencil', $yes, 'imported keys');
    login($_, 'pencil', $no, "$_: locked") for qw(i-locked i-nologin);
    login('none', 'pencil', $no, 'an unknown name');
    login('zoe', 'pencil', qr/^-ERR \[AUTH\] this account cannot log in|^-ERR \[SYS\/PERM\]/,
        'no account');
    does('lock', '', 'lock', 'joe');
    login('joe', 'secret', $no, 'a lock counts at once');
    does('unlock', '', 'unlock', 'joe');
    login('joe', 'secret', $yes, 'and its end');
    chmod(0644, $db);
    $site->log_clear;
    login('joe', 'secret', qr/^-ERR \[SYS\/TEMP\]/, 'a file that others may read');
    like(join("\n", $site->log_lines), qr/^LOGIN UNCHECKED, .*: mailauth: \Q$db\E: others than root may/m,
        'the log says so');
    chmod(0600, $db);
};

subtest 'pop3d -n' => sub {
    my @n = ($Pop3d::POP3D, '-n', '-C', "$dir/pop3d.conf");
    my ($status, $said) = $site->run(@n);
    like($said, qr/^logins\s+\Q$db\E: \d+ users$/m, 'how many users');
    chmod(0644, $db);
    ($status, $said) = $site->run(@n);
    like($said, qr/^logins\s+\Q$db\E: others than root may/m, 'others may read it');
    isnt($status, 0, 'is a failure');
    chmod(0600, $db);
    rename($db, "$db.away");
    ($status, $said) = $site->run(@n);
    like($said, qr/^logins\s+\Q$db\E: No such file/m, 'it is missing');
    isnt($status, 0, 'is a failure');
    rename("$db.away", $db);
};

SKIP: {
    skip 'needs root: a mount namespace', 1 if !Pop3d::can_world();
    subtest 'logins of users of the system' => sub {
        my $unix = Pop3d->new(unix => 1, config => {
            'mailauth-file' => '/etc/pop3d-test/none'},
            mailbox => (Pop3d::Corpus::mailbox('three'))[0]);
        my $file = "$unix->{dir}/secrets";
        $unix->configure(auth => 'mailauth', 'mailauth-file' => $file);
        # Nothing of root's is told, not even that it is over.
        my $shadow = Pop3d::file_get("$unix->{dir}/etc/shadow");
        $shadow =~ s/^(toor:.*):::$/$1::18000:/m or die "no toor\n";
        Pop3d::file_put("$unix->{dir}/etc/shadow", $shadow);
        for (qw(demo locked expired empty toor nobody-here)) {
            my ($status, $said) = tool("mail\n", '-f', $file, 'add', $_);
            is($status, 0, "add $_") or diag($said);
        }
        my %want = (demo => $yes, locked => $yes, empty => $yes,
            expired => qr/^-ERR \[AUTH\] this account cannot log in/, toor => $no,
            'nobody-here' => qr/^-ERR \[SYS\/PERM\]/);
        for (sort keys %want) {
            my $client = $unix->session;
            like($client->login($_, 'mail'), $want{$_}, "$_ with it")
                or diag($unix->log_text);
            $client->hang_up;
            $client = $unix->session;
            like($client->login($_, 'secret'), $no, "$_ with the system's");
            $client->hang_up;
        }
    };
}

subtest 'no secret was ever an argument' => sub {
    my ($status, $said) = tool('', '-f', $db, 'add', 'x', 'secret');
    is($status, 2, 'it takes none');
};

done_testing;
