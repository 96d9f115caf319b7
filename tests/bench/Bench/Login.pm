package Bench::Login;

# From exec to STAT's reply on 100,000 messages: mailboxes that an earlier
# session has seen, and Maildirs that none has.

use strict;
use warnings;
use Time::HiRes qw(sleep);

use Bench qw(checked figure measure rounds slurp spew $bin $dir);
use Bench::Site qw(kept_view mailbox mailbox_many maildir maildirs owned session
    state_clear traced);

my $some = 10;				# messages that are delivered
my $settled = 3;			# s; a view of younger mail is not trusted
my $empty = { messages => 0, octets => 0 };

sub ms
{
	my (@session) = @_;
	return 1000 * session(@session)->{seconds};
}

# The calls of a session, as text.
sub texts
{
	return map { $_->{text} } traced(@_);
}

# The calls that read a file's octets from a mailbox's descriptor, or a folder.
sub reads
{
	my ($path, @calls) = @_;
	return grep { m{^(?:p?read\w*|getdents64|mmap|sendfile|splice)
	    \(.*?<\Q$path\E(?:/(?:cur|new|tmp)(?:/[^>]*)?)?>}x ||
	    m{^openat\(\d+<\Q$path\E/(?:cur|new|tmp)>} } @calls;
}

# --- seen before

# The view that all rounds begin with.
sub settle
{
	my ($path, $made, $none) = @_;
	sleep($settled);
	session($_->[0], $_->[1]) for [$path, $made], [$none, $empty];
	return slurp(kept_view($path));
}

sub unchanged
{
	my ($kind, $path, $made, $none) = @_;
	my (@base, @ours);
	for (1 .. rounds(21)) {
		push @base, ms($none, $empty);
		push @ours, ms($path, $made);
	}
	figure("login: $kind of $made->{messages} messages, unchanged", 'ms',
	    ['an empty one', @base], ['from exec to STAT', @ours],
	    'difference', 'at most', 2);
	my @calls = texts($path, $made) or return;
	my @reads = reads($path, @calls);
	checked('the trace shows no read of mail', !@reads, @reads);
}

# deliver puts it back as it was settled, and then some messages there; look is
# called with what a session then reads.
sub grown
{
	my ($kind, $path, $made, $none, $view, $deliver, $ten, $look) = @_;
	my $more = { map { $_ => $made->{$_} + $ten->{$_} }
	    qw(messages octets) };
	my $name = kept_view($path);
	my (@base, @ours);
	my $again = sub {
		$deliver->();
		spew($name, $view);
		# Or what was put back is written to the disk meanwhile.
		system('sync');
	};
	for (1 .. rounds(21)) {
		$again->();
		push @base, ms($none, $empty);
		push @ours, ms($path, $more);
	}
	figure("login: $kind of $made->{messages} messages, $some appended",
	    'ms', ['an empty one', @base], ['from exec to STAT', @ours],
	    'difference', 'at most', 4);
	$again->();
	my @calls = texts($path, $more) or return;
	$look->(reads($path, @calls));
}

# The octets that these calls say they got.
sub octets
{
	my $sum = 0;
	$sum += /= (\d+)$/ ? $1 : 0 for @_;
	return $sum;
}

sub seen_mbox
{
	my ($path, $made, $ten_path, $ten) = @_;
	my $none = "$dir/mail/none";
	my $added = slurp($ten_path);
	spew($none, '');
	owned($none);
	my $view = settle($path, $made, $none);
	unchanged('mbox', $path, $made, $none);
	grown('mbox', $path, $made, $none, $view, sub {
		truncate($path, $made->{stored}) or die "$path: $!\n";
		open(my $f, '>>', $path) or die "$path: $!\n";
		print $f $added;
		close($f) or die "$path: $!\n";
	}, $ten, sub {
		my $octets = octets(@_);
		checked("the trace shows $octets octets of $made->{stored} " .
		    'read', $octets >= length($added) &&
		    $octets < $made->{stored} / 100);
	});
	truncate($path, $made->{stored}) or die "$path: $!\n";
}

sub seen_maildir
{
	my ($path, $made, $ten_path, $ten) = @_;
	my $none = maildir('void');
	my @mail = split(/^From .*\n/m, slurp($ten_path));
	shift @mail;
	s/\n\z// for @mail;
	my $view = settle($path, $made, $none);
	unchanged('Maildir', $path, $made, $none);
	my $clear = sub { unlink(glob("$path/new/*")) };
	grown('Maildir', $path, $made, $none, $view, sub {
		$clear->();
		spew("$path/new/" . (1900000000 + $_) . '.M1P2.example.net',
		    $mail[$_]) for 0 .. $#mail;
		owned("$path/new");
	}, $ten, sub {
		my @new = grep { m{<\Q$path\E/new} } @_;
		my @old = grep { m{<\Q$path\E/cur} } @_;
		checked('the trace shows a read of new/ and none of cur/',
		    @new && !@old, @old);
	});
	$clear->();
}

# --- never seen

sub first
{
	my ($what, $path, $made, $base_what, $base_option, $bound) = @_;
	my (@base, @ours);
	my $forget = sub { unlink("$path/pop3d.view") };
	# So that all of it is in the page cache.
	measure('folders', '-r', "$path/cur", "$path/new");
	for (1 .. rounds(9)) {
		push @base, 1000 * measure('folders', @$base_option,
		    "$path/cur", "$path/new")->{seconds};
		$forget->();
		push @ours, ms($path, $made);
	}
	figure("login: first on a Maildir of $made->{messages} messages$what",
	    'ms', [$base_what, @base], ['from exec to STAT', @ours], 'ratio',
	    'at most', $bound);
	$forget->();
}

# How many calls of a first session look at a file's size.
sub stats
{
	return scalar grep { /^(?:new)?[fl]?stat(?:64|at|at64|x)?\(/ } @_;
}

sub first_sized
{
	my ($path, $made) = @_;
	first(', sizes in names', $path, $made, 'readdir of both folders', [],
	    2.0);
	my $none = maildir('vacant');
	my @calls = texts($path, $made) or return;
	my ($all, $few) = (stats(@calls), stats(texts($none, $empty)));
	checked("the trace shows $all calls of stat, $few on an empty one",
	    $all <= $few + 10);
	my @opened = grep { m{^openat\(\d+<\Q$path\E/(?:cur|new)>} } @calls;
	checked('the trace shows no message opened', !@opened, @opened);
}

sub run
{
	state_clear();
	my @many = mailbox_many();
	my @ten = mailbox('ten', 0, '-n', $some, qw(-l 1280 -m 1280 -s 99));
	my ($plain, $sized) = maildirs(@many);
	seen_mbox(@many, @ten);
	seen_maildir($plain, $many[1], @ten);
	first('', $plain, $many[1], 'readdir, open, read, count lines', ['-r'],
	    1.5);
	first_sized($sized, $many[1]);
}

1;
