package Pop3d::Flights;

# A client of TLS that works in memory: each of its flights is octets, to be
# sent whole, in part, or changed; and what came from the server is kept, record
# by record.

use strict;
use warnings;

use Net::SSLeay;

Net::SSLeay::initialize();

my %versions = ('1.2' => 0x0303, '1.3' => 0x0304);

# Options: version ("1.2", "1.3"), groups, ciphers (of 1.2), suites (of 1.3),
# name (SNI), protocols (ALPN, a list).
sub new {
    my ($class, %option) = @_;
    my $context = Net::SSLeay::CTX_new_with_method(Net::SSLeay::TLS_client_method()) or die "no context\n";
    my $self = bless {context => $context, record => ''}, $class;
    if (my $version = $versions{$option{version} // ''}) {
        Net::SSLeay::CTX_set_min_proto_version($context, $version);
        Net::SSLeay::CTX_set_max_proto_version($context, $version);
    }
    Net::SSLeay::CTX_set1_groups_list($context, $option{groups}) or die "groups\n" if $option{groups};
    Net::SSLeay::CTX_set_cipher_list($context, $option{ciphers}) or die "ciphers\n" if $option{ciphers};
    Net::SSLeay::CTX_set_ciphersuites($context, $option{suites}) or die "suites\n" if $option{suites};
    $self->{ssl} = Net::SSLeay::new($context) or die "no connection\n";
    Net::SSLeay::set_tlsext_host_name($self->{ssl}, $option{name}) if $option{name};
    Net::SSLeay::set_alpn_protos($self->{ssl}, $option{protocols}) if $option{protocols};
    $self->{$_} = Net::SSLeay::BIO_new(Net::SSLeay::BIO_s_mem()) for qw(in out);
    Net::SSLeay::set_bio($self->{ssl}, $self->{in}, $self->{out});
    Net::SSLeay::set_connect_state($self->{ssl});
    return $self;
}

# What is to go to the server now.
sub pending {
    my ($self) = @_;
    my $octets = '';
    while (Net::SSLeay::BIO_pending($self->{out})) {
        $octets .= Net::SSLeay::BIO_read($self->{out});
    }
    return $octets;
}

# A step of the handshake, with what came: the next flight, '' while it is not
# its turn.
sub flight {
    my ($self, $came) = @_;
    Net::SSLeay::BIO_write($self->{in}, $came) if length($came // '');
    $self->{done} = Net::SSLeay::do_handshake($self->{ssl}) == 1;
    return $self->pending;
}

# Text as records.
sub say {
    my ($self, $text) = @_;
    Net::SSLeay::write($self->{ssl}, $text);
    return $self->pending;
}

# What came, in clear.
sub hear {
    my ($self, $came) = @_;
    Net::SSLeay::BIO_write($self->{in}, $came) if length($came // '');
    my $text = '';
    while (defined(my $piece = Net::SSLeay::read($self->{ssl}, 65536))) {
        last if $piece eq '';
        $text .= $piece;
    }
    return $text;
}

# The whole handshake with a Pop3d::Client, whose socket is left in clear.  What
# came behind it stays in the client's buffer.  false when it fails.
sub shake {
    my ($self, $client) = @_;
    my $flight = $self->flight;
    until ($self->{done}) {
        $client->put($flight) if length $flight;
        my $length = 5;
        while (1) {
            $length = 5 + unpack('x3 n', $client->{buffer}) if length($client->{buffer}) >= 5;
            last if length($client->{buffer}) >= $length;
            $client->fill(20) or return 0;
        }
        $flight = $self->flight(substr($client->{buffer}, 0, $length, ''));
    }
    return $client->put($flight) || 1;
}

# A line to the server, and one line of it.
sub ask {
    my ($self, $client, $line) = @_;
    $client->put($self->say("$line\r\n")) if defined $line;
    $self->{text} //= '';
    until ($self->{text} =~ /\n/) {
        $self->{text} .= $self->hear($client->{buffer});
        $client->{buffer} = '';
        last if $self->{text} =~ /\n/;
        $client->fill(20) or die "no answer, after: $self->{text}\n";
    }
    $self->{text} =~ s/\A(.*?)\r?\n//s;
    return $1;
}

# The records that octets are made of: [type, length], and at their end what is
# none, as "not TLS" with its length.
sub records {
    my ($octets) = @_;
    my @records;
    while (length $octets) {
        my ($type, $length) = $octets =~ /\A([\x14-\x17])\x03[\x00-\x04](..)/s
            ? (ord $1, unpack('n', $2)) : ('not TLS', length $octets);
        if ($type eq 'not TLS' || length($octets) < 5 + $length) {
            push @records, ['not TLS', length $octets];
            last;
        }
        push @records, [$type, $length];
        substr($octets, 0, 5 + $length, '');
    }
    return @records;
}

# Nothing but TLS: an empty text, or what is wrong.
sub foreign {
    my ($octets) = @_;
    my ($bad) = grep { $_->[0] eq 'not TLS' } records($octets);
    return $bad ? unpack('H*', substr($octets, -$bad->[1], 40)) : '';
}

sub DESTROY {
    my ($self) = @_;
    Net::SSLeay::free($self->{ssl}) if $self->{ssl};
    Net::SSLeay::CTX_free($self->{context}) if $self->{context};
}

1;
