#!/usr/bin/perl
#
# replay.t - what the fuzzers' corpora hold, once through each target: finds
# of earlier days stay repaired, and the targets still compile.

use strict;
use warnings;
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;

chdir dirname(__FILE__) . '/../..' or die "no source: $!\n";
my $clang = $ENV{CLANG} || 'clang';
my $temp  = tempdir(CLEANUP => 1);

open my $probe, '>', "$temp/probe.c" or die "$temp: $!\n";
print $probe 'int LLVMFuzzerTestOneInput(const unsigned char *, unsigned long);'
    . "\nint LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n)\n"
    . "{ return p == 0 && n > 0; }\n";
close $probe;
if (system("$clang -fsanitize=fuzzer,address -o $temp/probe $temp/probe.c "
        . ">$temp/log 2>&1") != 0) {
    plan skip_all => 'no clang with libFuzzer';
}

my $said = `tests/fuzz/run replay 2>&1`;
my $status = $?;
for my $name (map { m{/(\w+)_fuzz\.c$} } glob 'tests/fuzz/*_fuzz.c') {
    my @inputs = glob "tests/fuzz/corpus/$name/*";
    my ($runs) = $said =~ /^$name: (\d+) runs, no find/m;
    ok(@inputs && ($runs // 0) >= @inputs,
        "$name: " . @inputs . ' inputs, no find');
}
ok($status == 0, 'all went to their end') or diag($said);

done_testing();
