package Pop3d::Trace;

# pop3d under strace: which system calls its processes make, each in a file of
# its own.

use strict;
use warnings;

use Pop3d;

# May strace trace what it starts?
sub can_trace {
    our $can;
    $can //= system('strace -f -o /dev/null true 2>/dev/null') == 0 ? 1 : 0;
    return $can;
}

# A program to be run in pop3d's place.
sub wrapper {
    my ($site) = @_;
    my $path = "$site->{dir}/traced";
    Pop3d::file_put($path, "#!/bin/sh\nexec strace -ff -qq -s 16 -o $site->{dir}/trace $Pop3d::POP3D \"\$\@\"\n");
    chmod(0755, $path);
    return $path;
}

# What role a process had, by what it did: "front", "signer", or "".
sub role {
    my ($text) = @_;
    return '' unless $text =~ /^seccomp\(SECCOMP_SET_MODE_FILTER/m;
    # By calls alone: what a process that is not dumpable names, an ordinary
    # user's strace cannot read.
    return 'front' if $text =~ /^prctl\(PR_SET_PDEATHSIG/m;
    return $text =~ /^fcntl\(\d+, F_DUPFD_CLOEXEC, 16\)/m ? 'signer' : '';
}

# Every process of this role that was traced: a list of lists of calls made
# from when it was closed in, each [name, the rest of the line].
sub closed_in {
    my ($site, $role) = @_;
    my @all;
    for my $file (sort glob "$site->{dir}/trace.*") {
        my $text = Pop3d::file_get($file);
        next if role($text) ne $role;
        $text =~ s/\A.*?^seccomp\(SECCOMP_SET_MODE_FILTER[^\n]*= 0\n//ms or next;
        push @all, [map { /^(\w+)\((.*)/ ? [$1, $2] : [$_, ''] } split /\n/, $text];
    }
    return @all;
}

# End a server that was started under strace, which would only let go of it.
sub stop {
    my ($site) = @_;
    my $server = (Pop3d::family($site->{server}))[1];
    kill('TERM', $server) if defined $server;
    $site->reap($site->{server}, 20);
    return $site->stop;
}

1;
