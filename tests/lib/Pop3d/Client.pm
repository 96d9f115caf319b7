package Pop3d::Client;

# The other end of a connection, octet by octet; every wait is bounded, and a
# wait that fails dies with what has come so far.

use strict;
use warnings;

use IO::Select;
use Socket qw(IPPROTO_TCP TCP_NODELAY SHUT_WR SOL_SOCKET SO_LINGER);
use Time::HiRes qw(sleep time);

sub new {
    my ($class, %self) = @_;
    my $self = bless {wait => 20, buffer => '', %self}, $class;
    $self->{socket}->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
    binmode($self->{socket});
    if ($self->{greeting}) {
        $self->{banner} = $self->line;
    }
    return $self;
}

sub port { return $_[0]{socket}->sockport }

sub put {
    my ($self, $octets) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my $end = time + $self->{wait};
    my $both = IO::Select->new($self->{socket});
    my $done = 0;
    while ($done < length $octets) {
        # The server's answers are read in between, so that neither end waits
        # for the other.
        my ($readable, $writable) = IO::Select->select(
            $self->{ended} ? undef : $both, $both, undef, $end - time);
        $writable or die "the server reads nothing\n";
        if (@$writable) {
            $done += syswrite($self->{socket}, $octets, 8192, $done) // return 0;
        }
        $self->fill(0) if @$readable;
    }
    return 1;
}

# Every octet in a packet of its own.
sub put_octets {
    my ($self, $octets) = @_;
    local $SIG{PIPE} = 'IGNORE';
    for my $octet (split //, $octets) {
        syswrite($self->{socket}, $octet) // return 0;
    }
    return 1;
}

# Read once; false at the end, and when nothing comes in time.
sub fill {
    my ($self, $seconds) = @_;
    return 0 if $self->{ended};
    # What TLS has read already shows in no select.
    my $pending = $self->{socket}->can('pending') && $self->{socket}->pending;
    return 0 unless $pending || IO::Select->new($self->{socket})->can_read($seconds);
    my $count = sysread($self->{socket}, $self->{buffer}, 262144, length $self->{buffer});
    if (!$count) {
        $self->{ended} = defined $count ? 'end' : "$!";
        return 0;
    }
    return 1;
}

sub until_match {
    my ($self, $pattern) = @_;
    my $end = time + $self->{wait};
    my $from = 0;
    while (1) {
        pos($self->{buffer}) = $from;
        if ($self->{buffer} =~ /$pattern/g) {
            return substr($self->{buffer}, 0, pos($self->{buffer}), '');
        }
        $from = length($self->{buffer}) > 8 ? length($self->{buffer}) - 8 : 0;
        $self->fill($end - time) or die 'the connection '
            . ($self->{ended} ? "has ended ($self->{ended})" : 'is silent')
            . ', after: ' . substr($self->{buffer}, -300) . "\n";
    }
}

# One line without its CRLF.
sub line {
    my ($self) = @_;
    my $line = $self->until_match(qr/\n/);
    $line =~ s/\r\n\z// or die "a line without CR: $line";
    return $line;
}

# What follows, up to the dot, as it came.
sub rest_raw {
    my ($self) = @_;
    return $1 if $self->{buffer} =~ s/\A(\.\r\n)//;
    until ($self->{buffer} =~ /\A\.\r\n/ || length($self->{buffer}) > 2) {
        $self->fill($self->{wait}) or die "no dot, after: $self->{buffer}\n";
    }
    return $1 if $self->{buffer} =~ s/\A(\.\r\n)//;
    return $self->until_match(qr/\r\n\.\r\n/);
}

# The same, dot-stuffing undone, without the dot.
sub rest {
    my ($self) = @_;
    my $text = $self->rest_raw;
    $text =~ s/\.\r\n\z//;
    $text =~ s/^\.//mg;
    return $text;
}

# A command and the first line of its answer.
sub ask {
    my ($self, $command) = @_;
    $self->put("$command\r\n") or die "the connection has ended: $!\n";
    return $self->line;
}

# A command and its multi-line answer; undef unless +OK.
sub ask_multi {
    my ($self, $command) = @_;
    my $line = $self->ask($command);
    return unless $line =~ /^\+OK/;
    return $self->rest;
}

sub login {
    my ($self, $user, $password) = @_;
    $self->ask('USER ' . ($user // $self->{site}{user}));
    return $self->ask('PASS ' . ($password // $self->{site}{password}));
}

# Everything up to the end of the connection; undef when it does not end.
sub to_end {
    my ($self, $seconds) = @_;
    my $end = time + ($seconds // $self->{wait});
    1 while $self->fill($end - time);
    return unless $self->{ended};
    my $octets = $self->{buffer};
    $self->{buffer} = '';
    return $octets;
}

sub shut { shutdown($_[0]{socket}, SHUT_WR) }

sub hang_up {
    my ($self) = @_;
    close($self->{socket});
    return unless $self->{pid};
    my $status = $self->{site}->reap($self->{pid}, 5);
    delete $self->{pid} if defined $status;
    return $status;
}

# Close with a reset.
sub abort {
    my ($self) = @_;
    $self->{socket}->setsockopt(SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
    return $self->hang_up;
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $!, $@);
    close($self->{socket}) if $self->{socket};
    if ($self->{pid} && $self->{site} && !$self->{forgotten}) {
        my $status = $self->{site}->reap($self->{pid}, 5);
        $self->{site}->end($self->{pid}, 'KILL') unless defined $status;
    }
}

1;
