package Bench::Guess;

# Does the time of a refusal tell whether a name exists?  A wrong password of a
# user against a name that nobody has, in turn: Welch's t.  And the same of a
# copy of the source in which unknown names cost nothing, where it must show.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);

use Bench qw(count_missed row rounds skip slurp spew $bin $dir $pop3d $root);
use Bench::Site qw(port start stop $gid $uid);

my $top = abs_path(dirname(__FILE__) . '/../../..');
my $tries = 200;
my $same = 4.5;				# |t| at most: chance alone, 1 in 100,000
my $differs = 6;			# |t| at least, of the control

# What makes unknown names cheap: file, what is there, what is in its place.
my @plants = (
	['src/auth/hash.c', 'return stand_in_pay(other, secret);', 'return 0;'],
	['src/auth/auth_mailauth.c', 'right = secret_right(&entry, secret, &what);',
	    'right = found == 0 ? 0 : secret_right(&entry, secret, &what);'],
	['src/mailauth/find.c', 'if (found != -1 && database_pretend(',
	    'if (found == 0 && database_pretend('],
);

my @hashes = (
	['sha512crypt, 5000 rounds', '$6$saltsaltsalt$'],
	['yescrypt, j9T', '$y$j9T$abcdefghijklmnopqrstu/$'],
	['bcrypt, cost 8', '$2b$08$abcdefghijklmnopqrstuu'],
);

# The copy's program.
sub control
{
	my $tree = "$dir/guess/tree";
	remove_tree($tree);
	make_path($tree);
	system('cp', '-R', map({ "$top/$_" } qw(src include Makefile)), $tree) == 0
	    or die "cp: failed\n";
	for (@plants) {
		my ($file, $there, $planted) = @$_;
		my $text = slurp("$tree/$file") // '';
		$text =~ s/\Q$there\E/$planted/
		    or die "$file has changed: no '$there'\n";
		spew("$tree/$file", $text);
	}
	print "# making the control\n";
	system("make -s -C '$tree' MAKEFLAGS= BUILD=build all >'$dir/guess/log' 2>&1")
	    == 0 or die "the control cannot be built: see $dir/guess/log\n";
	return "$tree/build/pop3d";
}

sub mean_and_variance
{
	my (@x) = @_;
	my ($sum, $squares) = (0, 0);
	$sum += $_ for @x;
	my $mean = $sum / @x;
	$squares += ($_ - $mean) ** 2 for @x;
	return ($mean, $squares / (@x - 1));
}

sub welch
{
	my ($x, $y) = @_;
	my ($mx, $vx) = mean_and_variance(@$x);
	my ($my, $vy) = mean_and_variance(@$y);
	return ($my - $mx) / sqrt($vx / @$x + $vy / @$y);
}

# Without the slowest quarter, which is what else the machine did.
sub middle
{
	my (@x) = sort { $a <=> $b } @_;
	return @x[0 .. int(@x * 0.75) - 1];
}

# One row of each, and t.
sub compared
{
	my ($what, $port, $way, $sign, $bound) = @_;
	my %took = (name => [], other => []);
	open(my $f, '-|', "$bin/guess", $port, $way, rounds($tries), 'known',
	    'nobody') or die "$bin/guess: $!\n";
	while (my $line = <$f>) {
		push @{$took{$1}}, $2 / 1e6 if $line =~ /^(\w+) (\d+)$/;
	}
	close($f) or die "guess $way: it could not measure\n";
	my $t = welch(@took{qw(name other)});
	my $t_middle = welch([middle(@{$took{name}})], [middle(@{$took{other}})]);
	my $worst = abs($t) > abs($t_middle) ? abs($t) : abs($t_middle);
	my $holds = $sign eq 'at most' ? $worst <= $bound : $worst >= $bound;
	print "guess: $what\n";
	row('wrong', 'the password of a user', 'ms', @{$took{name}});
	row('unknown', 'a name that nobody has', 'ms', @{$took{other}});
	printf("  Welch's t %.2f, %.2f without the slowest quarter, bound: %s %s: %s\n",
	    $t, $t_middle, $sign, $bound, $holds ? 'holds' : 'MISSES');
	count_missed() if !$holds;
}

sub settings
{
	my ($name, @lines) = @_;
	make_path("$dir/guess/state");
	spew("$dir/guess/$name.conf", join("\n", 'plaintext = always',
	    'login-delay-failed = 0', 'login-tries = 100', 'greeting = ready',
	    "state-directory = $dir/guess/state", 'pid-file =',
	    "mailbox = mbox:$dir/guess/mail/%u", @lines) . "\n");
	return "$dir/guess/$name.conf";
}

# Twenty users, in the middle of whom is "known".
my @names = ((map { "a$_" } 1 .. 10), 'known', (map { "z$_" } 1 .. 10));

sub passwd_file
{
	my ($setting) = @_;
	my $hash = crypt('the right one', $setting) // return;
	return if $hash !~ /^\Q$setting\E/;
	spew("$dir/guess/passwd", join('', map {
	    "$_:$hash:$uid:$gid\::/nonexistent:\n" } @names));
	chmod(0600, "$dir/guess/passwd");
	return settings('passwd-file', 'auth = passwd-file',
	    "passwd-file = $dir/guess/passwd");
}

# For a mount namespace of its own.
sub unix_users
{
	my ($setting) = @_;
	my $hash = crypt('the right one', $setting) // return;
	return if $hash !~ /^\Q$setting\E/;
	make_path("$dir/guess/etc");
	my %own = (passwd => 'x', shadow => $hash);
	for my $file (qw(passwd shadow group)) {
		my $n = 61000;
		spew("$dir/guess/etc/$file", slurp("/etc/$file") .
		    join('', map { $n++; $file eq 'passwd' ?
		    "$_:x:$n:$n\::/nonexistent:\n" : $file eq 'shadow' ?
		    "$_:$hash:19000:0:99999:7:::\n" : "$_:x:$n:\n" } @names));
	}
	chmod(0600, "$dir/guess/etc/shadow");
	return settings('unix', 'auth = unix');
}

sub database
{
	my $file = "$dir/guess/secrets";
	unlink($file);
	passwd_file($hashes[0][1]);
	for my $name (@names) {
		open(my $f, '|-', $pop3d =~ s{[^/]*$}{mailauth}r, '-f', $file,
		    'add', $name, '--apop') or die "mailauth: $!\n";
		print $f "the right one\n";
		close($f) or die "mailauth add $name: failed\n";
	}
	return settings('mailauth', 'auth = mailauth',
	    "mailauth-file = $file", "passwd-file = $dir/guess/passwd");
}

# The ways of one configuration, with both programs.
sub kind
{
	my ($what, $control, $conf, $world, @ways) = @_;
	for (['', $pop3d, 'at most', $same],
	    ['CONTROL, ', $control, 'at least', $differs]) {
		my ($mark, $program, $sign, $bound) = @$_;
		my $port = port();
		my $pid = start('pop3d', $port, @$world, $program, '-F', '-C',
		    $conf, '-o', "listen=127.0.0.1:$port");
		for my $way (@ways) {
			compared("$mark$what" . (@ways > 1 ? ", $way" : ''),
			    $port, $way, $sign, $bound);
		}
		stop($pid);
	}
}

sub run
{
	remove_tree("$dir/guess");
	make_path("$dir/guess/mail");
	my $control = control();
	for (@hashes) {
		my ($name, $setting) = @$_;
		my $conf = passwd_file($setting);
		if (!defined $conf) {
			skip("guess: $name", 'this system has none');
			next;
		}
		kind("passwd-file, $name", $control, $conf, [], 'pass');
		next if !$root;
		kind("unix, $name", $control, unix_users($setting),
		    ["$top/tests/lib/world", "$dir/guess"], 'pass');
	}
	skip('guess: unix', 'needs root') if !$root;
	kind('mailauth', $control, database(), [], qw(pass scram cram apop));
	remove_tree("$dir/guess") if !$ENV{KEEP};
}

1;
