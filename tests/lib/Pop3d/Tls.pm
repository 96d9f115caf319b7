package Pop3d::Tls;

# Certificates that a test makes, and clients of TLS: openssl s_client, and the
# connections of Pop3d over IO::Socket::SSL.

use strict;
use warnings;
no warnings qw(portable);    # addresses have 64 bits

use Exporter qw(import);
use IO::Socket::INET;

use Pop3d;

our @EXPORT_OK = qw(authority certificate holds s_client secrets tls_client);

my %kinds = (rsa => 'rsa:2048', ec => 'ec -pkeyopt ec_paramgen_curve:P-256', ed25519 => 'ed25519');

# NAME.crt and NAME.key in folder; more: other options of openssl req.
sub certificate {
    my ($folder, $name, $kind, %option) = @_;
    my $host = $option{host} // 'mail.example.org';
    my $more = $option{more} // '-days 3';
    system("openssl req -x509 -nodes -newkey $kinds{$kind} -keyout $folder/$name.key "
        . "-out $folder/$name.crt -subj /CN=$host -addext subjectAltName=DNS:$host "
        . "$more 2>/dev/null && chmod 600 $folder/$name.key") == 0
        or die "openssl req: $name\n";
}

# An authority, NAME.crt: a function that makes certificates of clients.  Its
# options: kind, mail, usage, digest, and from and to as openssl ca has them.
sub authority {
    my ($folder, $name) = @_;
    certificate($folder, $name, 'ec', host => $name);
    mkdir("$folder/$name.made");
    Pop3d::file_put("$folder/$name.index", '');
    return sub {
        my ($client, %option) = @_;
        my $mail = $option{mail} ? "subjectAltName=email:$option{mail}\n" : '';
        Pop3d::file_put("$folder/$name.conf", "[ca]\ndefault_ca=x\n[x]\ndatabase=$folder/$name.index\nnew_certs_dir="
            . "$folder/$name.made\nrand_serial=1\npolicy=p\nx509_extensions=e\nunique_subject=no\n[p]\ncommonName=supplied\n"
            . "[e]\nbasicConstraints=CA:FALSE\nextendedKeyUsage=" . ($option{usage} // 'clientAuth') . "\n$mail");
        my @dates = map { $option{$_->[0]} ? ($_->[1], $option{$_->[0]}) : () } ['from', '-startdate'], ['to', '-enddate'];
        @dates = ('-days', 3) if !@dates;
        system("cd $folder && openssl req -new -nodes -newkey $kinds{$option{kind} // 'ec'} -keyout $client.key "
            . "-out $client.csr -subj /CN=$client 2>/dev/null && openssl ca -batch -notext -config $name.conf "
            . "-cert $name.crt -keyfile $name.key -in $client.csr -out $client.crt -md " . ($option{digest} // 'sha256')
            . " @dates 2>$client.log && chmod 600 $client.key") == 0 or die "openssl ca: $client\n";
    };
}

# What only who holds the key has: the scalar, or the primes.  Each as it is in
# a file and as it is in memory, low octets first.
sub secrets {
    my ($file) = @_;
    my $text = `openssl pkey -in $file -noout -text`;
    my @secrets;
    for my $part (qw(priv prime1 prime2)) {
        my ($hex) = $text =~ /^$part:\s*\n((?:\s+[0-9a-f:]+\n)+)/m or next;
        $hex =~ s/[\s:]//g;
        my $octets = pack('H*', $hex);
        $octets =~ s/^\0+//;
        push @secrets, $octets, scalar reverse $octets;
    }
    return @secrets;
}

# Octets of any of the secrets in what a process has mapped.
sub holds {
    my ($pid, @secrets) = @_;
    my $maps = Pop3d::file_get("/proc/$pid/maps") // return 'gone';
    open(my $memory, '<:raw', "/proc/$pid/mem") or return 'closed';
    for my $line (split /\n/, $maps) {
        my ($from, $to) = $line =~ /^(\w+)-(\w+) r/ or next;
        next if $line =~ /\[vvar|\[vsyscall/;
        sysseek($memory, hex $from, 0);
        my $octets = '';
        sysread($memory, $octets, hex($to) - hex $from) or next;
        for (@secrets) { return 'yes' if index($octets, $_) >= 0 }
    }
    return 'no';
}

# Say lines to a port: everything that came, diagnostics and all.
sub s_client {
    my ($site, $port, $lines, @option) = @_;
    my $in = "$site->{dir}/s_client";
    Pop3d::file_put($in, $lines);
    open(my $from, '<', $in) or die "$in: $!\n";
    open(my $out, '+>', undef) or die "temporary file: $!\n";
    # -ign_eof: it ends when the server does.
    my $pid = $site->spawn(['openssl', 's_client', '-ign_eof', '-crlf',
        '-connect', "127.0.0.1:$port", @option], in => $from, out => $out,
        err => $out, world => 0);
    defined $site->reap($pid) or $site->end($pid, 'KILL');
    seek($out, 0, 0);
    local $/;
    return scalar(<$out>) // '';
}

# A Pop3d::Client whose octets are TLS's.
sub tls_client {
    my ($site, $port, %option) = @_;
    require IO::Socket::SSL;
    my $greeting = delete $option{greeting} // 1;
    my $socket = IO::Socket::SSL->new(PeerAddr => '127.0.0.1', PeerPort => $port,
        SSL_verify_mode => 0, Timeout => $Pop3d::WAIT, %option) or return;
    return Pop3d::Client->new(socket => $socket, site => $site, greeting => $greeting);
}

1;
