#!/usr/bin/perl
#
# dotlock.t - whoever takes a dotlock is killed at every call.

use strict;
use warnings;
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;

chdir dirname(__FILE__) . '/../..' or die "no source: $!\n";
my $cc   = $ENV{CC} || 'cc';
my $temp = tempdir(CLEANUP => 1);

if (system("$cc --version >$temp/cc 2>&1") != 0) {
    plan skip_all => "no C compiler ($cc)";
}
system("$cc -std=c11 -D_GNU_SOURCE -Iinclude -Isrc -Itests/faults -O1 -o $temp/run"
    . ' tests/faults/dotlock_faults.c tests/faults/interpose.c'
    . ' src/mailbox/dotlock.c src/base/*.c -ldl') == 0
    or BAIL_OUT('the harness does not compile');
open my $real, '-|', "$temp/run" or BAIL_OUT("no harness: $!");
while (my $line = <$real>) {
    chomp $line;
    if ($line =~ /^(not )?ok \d+ - (.*?)(?: # SKIP (.*))?$/) {
        my ($bad, $what, $skip) = ($1, $2, $3);
      SKIP: {
            skip("$what: $skip", 1) if defined $skip;
            ok(!$bad, $what);
        }
    }
    elsif ($line =~ /^# (.*)/) {
        note($1);
    }
}
ok(close $real, 'and to the end');
done_testing();
