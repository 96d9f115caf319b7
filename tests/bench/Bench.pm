package Bench;

# What the benches share: where they are, their programs, and the figures: ours
# beside a baseline, the medians of runs that were made in turn.

use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path qw(make_path);

our @EXPORT_OK = qw(build checked count_failed count_missed figure measure median row rounds
    skip slurp spew summary $bin $dir $pop3d $root);

my $here = abs_path(dirname(__FILE__));
my $top = abs_path("$here/../..");
our $dir = $ENV{BENCH_DIR} // "$top/build/bench";
our $bin = "$top/build/bench";
our $pop3d = abs_path($ENV{POP3D} // "$top/build/pop3d");
our $root = $> == 0;

my ($missed, $failed, $wrong) = (0, 0, 0);

sub slurp
{
	my ($path) = @_;
	local $/;
	open(my $f, '<', $path) or return undef;
	return scalar <$f>;
}

sub spew
{
	my ($path, $text) = @_;
	open(my $f, '>', $path) or die "$path: $!\n";
	print $f $text;
	close($f) or die "$path: $!\n";
}

sub build
{
	my %libs = (gen => ['-lm'], client => ['-lssl', '-lcrypto'],
	    handshake => ['-lssl', '-lcrypto'],
	    sendfile => ['-lssl', '-lcrypto'], poll => ['-lcrypt'], lookup => ['-I', "$top/include",
	    glob("$top/build/obj/{base,crypto}/*.o"),
	    map { "$top/build/obj/mailauth/$_.o" }
	    qw(database entry find keys)]);
	my $cc = $ENV{CC} // 'cc';
	make_path($bin);
	# A module is looked for beside the program.
	symlink('../pop3d-crypto.so', "$bin/pop3d-crypto.so");
	for my $name (qw(bare client connect copy folders gen guess handshake
	    lookup poll reap sendfile spawn split)) {
		my ($c, $h, $out) = ("$here/$name.c", "$here/bench.h",
		    "$bin/$name");
		next if -e $out && -M $out < -M $c && -M $out < -M $h;
		my @cmd = ($cc, qw(-O2 -std=c11 -D_GNU_SOURCE -Wall -o), $out,
		    $c, @{$libs{$name} // []});
		system(@cmd) == 0 or die "@cmd: failed\n";
	}
}

# Run one of our programs; what it printed as "name value" lines.
sub measure
{
	my ($name, @args) = @_;
	my %value;
	open(my $f, '-|', "$bin/$name", @args) or die "$bin/$name: $!\n";
	while (my $line = <$f>) {
		$value{$1} = $2 if $line =~ /^(\w+) (\S+)$/;
	}
	close($f) or die "$name @args: it could not measure\n";
	return \%value;
}

sub median
{
	my @sorted = sort { $a <=> $b } @_;
	my $n = @sorted;
	return $n % 2 ? $sorted[$n / 2] :
	    ($sorted[$n / 2 - 1] + $sorted[$n / 2]) / 2;
}

sub row
{
	my ($who, $what, $unit, @runs) = @_;
	my @sorted = sort { $a <=> $b } @runs;
	my $form = $unit eq 'GB/s' || $unit eq 'ms' ? '%.2f' : '%.0f';
	printf("  %-10s%-44s %9s %-4s (%s .. %s, n=%d)\n", $who, $what,
	    sprintf($form, median(@runs)), $unit, sprintf($form, $sorted[0]),
	    sprintf($form, $sorted[-1]), scalar @runs);
}

# figure(name, unit, [baseline, runs ...], [ours, runs ...], of, sign, bound)
# of: "ratio" or "difference" (median by median) or "ours"; sign: at least, at
# most.
sub figure
{
	my ($name, $unit, $base, $ours, $of, $sign, $bound) = @_;
	my ($base_what, @base) = @$base;
	my ($ours_what, @ours) = @$ours;
	my $ratio = @base ? median(@ours) / median(@base) : undef;
	my $more = @base ? median(@ours) - median(@base) : undef;
	my $value = $of eq 'ratio' ? $ratio :
	    $of eq 'difference' ? $more : median(@ours);
	my $holds = $sign eq 'at least' ? $value >= $bound : $value <= $bound;

	print "$name\n";
	row('baseline', $base_what, $unit, @base) if @base;
	row('ours', $ours_what, $unit, @ours);
	print '  ', $of eq 'difference' ?
	    sprintf("difference %.2f %s, ", $more, $unit) :
	    defined $ratio ? sprintf('ratio %.3f, ', $ratio) : '',
	    "bound: $sign $bound", $of eq 'ratio' ? '' : " $unit", ': ',
	    $holds ? "holds\n" : "MISSES\n";
	$missed++ if !$holds;
}

# What has to be so on every machine, however busy.
sub checked
{
	my ($what, $holds, @why) = @_;
	print "  $what: ", $holds ? "yes\n" : "NO\n";
	return if $holds;
	print map { "# $_\n" } splice(@why, 0, 5);
	$wrong++;
}

sub skip
{
	print "SKIP $_[0]: $_[1]\n";
}

sub rounds
{
	return $ENV{ROUNDS} // $_[0];
}

sub count_failed
{
	return $failed++;
}

# A bound that figure() does not look at.
sub count_missed
{
	return $missed++;
}

# The last line, and the exit status.
sub summary
{
	print "# ", $missed ? "$missed bounds missed" : 'no bound missed',
	    $wrong ? ", $wrong things are not as they have to be" : '',
	    $failed ? ", $failed benches could not be measured\n" : "\n";
	return $failed || $wrong ? 1 : 0;
}

1;
