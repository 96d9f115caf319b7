#!/usr/bin/perl
#
# journal.t - every call of a removal fails or kills in turn, and power is
# lost at every call.  With FAULTS=full all of it (some minutes), and then the
# test of the test: faults are planted in copies of the source, and each must be
# found.

use strict;
use warnings;
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;

chdir dirname(__FILE__) . '/../..' or die "no source: $!\n";
my $full  = ($ENV{FAULTS} // '') eq 'full';
my $cc    = $ENV{CC} || 'cc';
my $flags = '-std=c11 -D_GNU_SOURCE -Iinclude -Isrc -Itests/faults -O1';
my $temp  = tempdir(CLEANUP => 1);

if (system("$cc --version >$temp/cc 2>&1") != 0) {
    plan skip_all => "no C compiler ($cc)";
}

# Compile files to objects in a folder, two at a time.
sub compile {
    my ($to, @files) = @_;
    mkdir $to;
    my $list = join "\n", @files;
    open my $pipe, '|-', "xargs -P2 -I{} sh -c '$cc $flags -c -o "
        . "$to/\$(basename {} .c).o {}'" or return 0;
    print $pipe "$list\n";
    return close $pipe;
}

my @harness = map { "tests/faults/$_.c" }
    qw(journal_faults journal_world journal_power interpose);

compile("$temp/h", @harness) && compile("$temp/b", glob 'src/base/*.c')
    && system("ar rcs $temp/base.a $temp/b/*.o") == 0
    or BAIL_OUT('the harness does not compile');

# A harness with this journal in it.
sub build {
    my ($name, $folder) = @_;
    return compile("$temp/$name.o", glob "$folder/*.c")
        && system("$cc -o $temp/$name $temp/h/*.o $temp/$name.o/*.o "
            . "$temp/base.a -ldl") == 0;
}

build('real', 'src/journal') or BAIL_OUT('the journal does not compile');
open my $real, '-|', "$temp/real" or BAIL_OUT("no harness: $!");
while (my $line = <$real>) {
    chomp $line;
    if ($line =~ /^(not )?ok \d+ - (.*)/) {
        ok(!$1, $2);
    }
    elsif ($line =~ /^# (.*)/) {
        diag($1);
    }
}
ok(close $real, 'and to the end');

# name, file, what, instead, in which scenario it must be found
my @plants = (
    [ 'the file is not synced before it is begun', 'journal.c',
        'file_sync(file) == 0 &&', '', 'one, one step' ],
    [ 'the new journal is not synced', 'store.c',
        'return file_sync(job->journal);', 'return 0;', 'one, one step' ],
    [ 'the folder of the new journal is not synced', 'store.c',
        "*named = true;\n\treturn folder_sync(job->place)",
        "*named = true;\n\treturn 0", 'one, many steps' ],
    [ 'the file is not synced after a step', 'move.c',
        "file_sync_data(job->file) == -1 ||\n\t\t    move_advance",
        'move_advance', 'one, many steps' ],
    [ 'the file is not synced after the mark', 'move.c',
        "mark_place(record->size)) == -1 ||\n\t    file_sync_data(job->file) == -1)",
        "mark_place(record->size)) == -1)", 'one, one step' ],
    [ 'records are not synced', 'store.c',
        'return file_sync_data(job->journal);', 'return 0;',
        'one, many steps' ],
    [ 'the truncation is not synced', 'journal.c',
        "job->header.removed) == -1 ||\n\t    file_sync(job->file) == -1)",
        "job->header.removed) == -1)", 'one, one step' ],
    [ 'the mark comes after its record', 'move.c',
        "return store_record(job);\n}\n\$",
        "if (store_record(job) == -1) return -1;\n"
            . "\treturn pwrite_full(job->file, record->mark, MARK_SIZE,\n"
            . "\t    mark_place(record->size));\n}\n", 'tail',
        "pwrite_full(job->file, record->mark, MARK_SIZE,\n\t\tmark_place(record->size)) == -1 ||\n\t    ",
        '' ],
    [ 'no mark', 'move.c', 'pwrite_full(job->file, record->mark',
        'pwrite_full(job->file, record->under', 'one, one step' ],
    [ 'the window is not used', 'move.c', 'if (!job->replay ||',
        'if (job->file != -1 ||', 'one, many steps' ],
    [ 'a step is longer than its window', 'move.c',
        'end = source + record->window_size;',
        'end = source + record->window_size + 8;', 'first, no room' ],
    [ 'the window goes before its step is recorded', 'move.c',
        "if (store_record(job) == -1)\n\t\treturn -1;\n\tif (move_window",
        'if (move_window', 'one, many steps' ],
    [ 'a torn window is believed', 'journal.c',
        'if (sum == record->window_sum) {', 'if (sum != 1) {',
        'one, many steps' ],
    [ 'what was under the mark is not put back', 'journal.c',
        "if (pwrite_full(job->file, record->under, MARK_SIZE,\n\t\tmark_place(record->size)) == -1)\n\t\treturn -1;",
        '', 'the least' ],
    [ 'the greater size is not recorded', 'journal.c',
        'move_under(job) == -1 || store_record(job) == -1',
        'move_under(job) == -1', 'tail' ],
    [ 'mail after a crash is not synced before it is counted', 'journal.c',
        "if (file_sync(job->file) == -1)\n\t\t\treturn -1;\n\t\trecord->size",
        'record->size', 'one, many steps' ],
    [ 'recovery believes what it sees of the journal', 'journal.c',
        'return store_refresh(job) == -1 ? -1 : resume_moving(job, size);',
        'return resume_moving(job, size);', 'one, many steps' ],
    [ 'growth is not looked for before the truncation', 'journal.c',
        'return TRUNCATION_GROWN;', ';', 'one, one step' ],
    [ 'the journal is made under its own name', 'store.c', '".new"', '""',
        'one, one step' ],
    [ 'zeros for a mark are not understood', 'journal.c',
        'if (end - start > FILE_BLOCK_MOST)', 'if (end > start)',
        'the least' ],
    [ 'a tail is cut off without a journal', 'journal.c',
        'if (count == 1 && ranges[0].offset == 0 && ranges[0].length == size)',
        'if (count == 1 && ranges[0].offset + ranges[0].length == size)',
        'tail', 'return truncate_only(file, size, 0, begun);',
        'return truncate_only(file, size, ranges[0].offset, begun);' ],
    [ 'the reserve becomes a journal before it is one', 'store.c',
        'reserve_take(job, name->text,', 'reserve_take(job, job->place->name,',
        'full' ],
    [ 'a record of the reserve is left standing', 'store.c',
        "if (pwrite_full(job->journal, block, sizeof(block),\n\t\tSLOT_AT(job->record.sequence + 1)) == -1)\n\t\treturn -1;",
        '', 'full' ],
    [ 'a journal of the reserve is not synced', 'store.c',
        'return file_sync(job->journal);', 'return 0;', 'full, one step' ],
    [ 'the reserve is not taken', 'store.c',
        'limit < DATA_LEAST && reserve)', 'limit < DATA_LEAST && !reserve)',
        'full' ],
);

sub plant {
    my ($name, $file, $what, $instead, $scenario, @more) = @_;
    my $copy = "$temp/copy";
    system("rm -rf $copy $temp/planted.o && cp -r src/journal $copy") == 0
        or return;
    local $/;
    open my $in, '<', "$copy/$file" or return;
    my $text = <$in>;
    unshift @more, $what, $instead;
    while (my ($old, $new) = splice @more, 0, 2) {
        my $end = $old =~ s/\$\z// ? '\s*\z' : '';
        # Lines may have been broken elsewhere since.
        my $pattern = join '\s+', map { quotemeta } split /\s+/, $old;
        my $found = $text =~ s/$pattern$end/$new/;
        return diag("$name: not in $file any more: $old") if !$found;
    }
    open my $out, '>', "$copy/$file" or return;
    print $out $text;
    close $out or return;
    build('planted', $copy) or return diag("$name: does not compile");
    my $tap = do {
        local %ENV = (%ENV, FAULTS => '', FAULTS_ONLY => $scenario);
        qx($temp/planted);
    };
    return $tap =~ /^not ok|^Bail out/m;
}

SKIP: {
    skip 'planted faults: only with FAULTS=full', scalar @plants
        if !$full && !$ENV{FAULTS_PLANT};
    for my $plant (@plants) {
        ok(plant(@$plant), "found: $$plant[0]");
    }
}
done_testing();
