package Bench::Mailauth;

# The database of secrets with a million users.

use strict;
use warnings;
use Time::HiRes qw(time);

use Bench qw(figure measure rounds spew $dir $pop3d);

sub run
{
	my $db = "$dir/mailauth";
	my $tool = $pop3d =~ s{[^/]*$}{mailauth}r;
	my $keys = '10000,' . 'A' x 22 . '==,' . 'B' x 26 . 'A=,' .
	    'C' x 26 . 'A=:10000,' . 'D' x 21 . 'A==,' . 'E' x 42 . 'A=,' .
	    'F' x 42 . 'A=';
	open(my $f, '>', $db) or die "$db: $!\n";
	chmod(0600, $db);
	print $f '#mailauth:1:', '0123456789abcdef' x 4, "\n";
	printf $f "user%07d::%s::\n", $_, $keys for 0 .. 999_999;
	close($f) or die "$db: $!\n";
	my (@known, @unknown);
	measure('lookup', $db, 1000);
	for (1 .. rounds(9)) {
		my $r = measure('lookup', $db, 1000);
		push @known, $r->{known};
		push @unknown, $r->{unknown};
	}
	figure('mailauth: a look-up among a million users; medians of 1000',
	    'us', ['a name that is not there', @unknown],
	    ['one that is', @known], 'ours', 'at most', 1000);
	my (@copy, @add);
	spew("$dir/secret", "secret\n");
	for my $n (1 .. rounds(5)) {
		my $from = time;
		system("cp $db $db.copy && sync -d $db.copy") == 0
		    or die "cp: failed\n";
		push @copy, (time - $from) * 1000;
		unlink("$db.copy");
		$from = time;
		system("$tool -f $db add new$n < $dir/secret") == 0
		    or die "mailauth: failed\n";
		push @add, (time - $from) * 1000;
	}
	figure('mailauth: adding one to a million', 'ms',
	    ['cp and sync of the file', @copy], ['mailauth add', @add],
	    'ratio', 'at most', 3);
	unlink($db, "$db.lock", "$dir/secret");
}

1;
