package Bench::Tls;

# TLS 1.3 with AES-128-GCM: RETR and handshakes under -F, sessions of inetd.
# Beside each a sender on bare OpenSSL, with the same certificates and client.

use strict;
use warnings;
use POSIX ();
use Time::HiRes qw(sleep);

use Bench qw(count_missed figure measure median rounds skip slurp $bin $dir $pop3d
    $root);
use Bench::Site qw(configuration mailbox_big port start start_inetd stop);

my %kinds = (ec => ['ECDSA P-256', 'ec -pkeyopt ec_paramgen_curve:P-256'],
    rsa => ['RSA 2048', 'rsa:2048', '-m']);
my $signer_most = 0.15;		# of a session's processor time

# NAME.pem with both, as the bare sender has it, which is right for pop3d, too.
sub certificate
{
	my ($kind) = @_;
	my $pem = "$dir/$kind.pem";
	my ($key, $crt) = ("$dir/$kind.key", "$dir/$kind.crt");
	system("openssl req -x509 -nodes -newkey $kinds{$kind}[1] " .
	    "-keyout $key -out $crt -subj /CN=localhost -days 3 " .
	    "-addext subjectAltName=DNS:localhost 2>/dev/null") == 0
	    or die "openssl req: failed\n";
	open(my $f, '>', $pem) or die "$pem: $!\n";
	chmod(0600, $pem);
	print $f slurp($key), slurp($crt);
	close($f) or die "$pem: $!\n";
	return $pem;
}

# The bare server with this certificate, and ours: pid, port, and the signer.
sub servers
{
	my ($kind, $wire) = @_;
	my ($pem, $port, $clear, $bare) = (certificate($kind), port(), port(),
	    port());
	my $pid = start('pop3d', $clear, $pop3d, '-F', '-C',
	    configuration("tls-$kind", "tls-certificate = $pem"),
	    '-o', "listen=127.0.0.1:$clear", '-o',
	    "listen-tls=127.0.0.1:$port");
	return ([start('sendfile', $bare, "$bin/sendfile", '-p', $bare, '-t',
	    $pem, $wire), $bare, undef], [$pid, $port, child($pid)]);
}

# Processor time of a process itself, in microseconds, and of its children that
# have ended.
sub time_own
{
	my ($pid) = @_;
	return (split(/ /, slurp("/proc/$pid/schedstat") // '0'))[0] / 1000;
}

sub time_children
{
	my ($pid) = @_;
	my @stat = split(/ /, (slurp("/proc/$pid/stat") // '') =~ s/.*\) //sr);
	return ($stat[13] + $stat[14]) * 1e6 / POSIX::sysconf(
	    &POSIX::_SC_CLK_TCK);
}

# The first child: a listener's signer, the inetd of its parent.
sub child
{
	my ($pid) = @_;
	my ($child) = split(/ /, slurp("/proc/$pid/task/$pid/children") // '');
	die "no child of process $pid\n" if !defined $child;
	return $child;
}

# One run of the client; what it said, with the processor time of a connection:
# all of the server's, and that of this child of its, which does not end.
sub run_handshakes
{
	my ($pid, $child, @args) = @_;
	my $times = sub {
		return (time_own($pid) + time_children($pid), defined $child ?
		    time_own($child) + time_children($child) : 0);
	};
	my @from = $times->();
	my $m = measure('handshake', @args);
	sleep 0.1;			# the last ones end after the client
	my @to = $times->();
	my @used = map { ($to[$_] - $from[$_]) / $m->{connections} } 0, 1;
	$m->{child} = $used[1];
	$m->{used} = $used[0] + $used[1];
	return $m;
}

# Full ones, or such that show a ticket.
sub handshakes
{
	my ($kind, $base, $ours, @how) = @_;
	my $what = $kinds{$kind}[0] . (@how ? ', resumed' : ', full');
	my (@base, @ours);
	# Their earlier children are reaped at the next connection.
	measure('handshake', $kinds{$kind}[2] // (), $_->[1], 1)
	    for $base, $ours;
	for (1 .. rounds(7)) {
		for ([$base, \@base], [$ours, \@ours]) {
			my ($server, $runs) = @$_;
			push @$runs, run_handshakes(@$server[0, 2], @how,
			    $kinds{$kind}[2] // (), '-j', 2, $server->[1], 200);
		}
	}
	return skip("tls: handshakes, $what", 'pop3d gives no tickets')
	    if @how && !grep { $_->{tickets} } @ours;
	for ($base[0], $ours[0]) {
		die "$_->{resumed} of $_->{connections} were resumed\n"
		    if @how && $_->{resumed} < $_->{connections};
	}
	my $name = "tls: handshake, greeting, QUIT; $what; two clients";
	figure($name, '/s', ['OpenSSL, a fork for each connection',
	    map { $_->{rate} } @base], ['pop3d -F', map { $_->{rate} } @ours],
	    'ratio', 'at least', 0.7);
	figure("$name: the server's processor time", 'us',
	    ['OpenSSL, a fork for each connection',
	    map { $_->{used} } @base], ['pop3d -F', map { $_->{used} } @ours],
	    'ratio', 'at most', 1.7);
	signer_share($what, \@base, \@ours) if $kind eq 'ec' && !@how;
}

# What the signer costs is its processor time, with the signature, which the
# bare sender makes, too.  An RSA key's is most of all: no bound for that.
sub signer_share
{
	my ($what, $base, $ours) = @_;
	my ($all, $signer) = map { my $k = $_;
	    median(map { $_->{$k} } @$ours) } qw(used child);
	my $holds = $signer <= $signer_most * $all;
	printf("tls: the signer, %s\n  %.0f of %.0f us of processor time, " .
	    "ratio %.3f, bound: at most %s: %s\n", $what, $signer, $all,
	    $signer / $all, $signer_most, $holds ? 'holds' : 'MISSES');
	count_missed() if !$holds;
}

sub retr
{
	my ($base, $ours, $wire) = @_;
	measure('client', '-t', '-p', $_->[1], '-W', 16, '-c', $wire, 'big',
	    'bench') for $base, $ours;
	for my $window (16, 1) {
		my (@base, @ours);
		for (1 .. rounds(7)) {
			for ([$base, \@base], [$ours, \@ours]) {
				my ($server, $rates) = @$_;
				push @$rates, measure('client', '-t', '-p',
				    $server->[1], '-W', $window, 'big',
				    'bench')->{rate};
			}
		}
		figure("tls: 500 MB, $window in flight", 'MB/s',
		    ['SSL_write of the converted octets', @base],
		    ['RETR', @ours], 'ratio', 'at least', 0.6);
	}
}

# From connect(2) until the handshake is done, which is when the greeting may
# be read; in clear there is nothing but the greeting.
sub inetd
{
	my ($wire) = @_;
	return skip('tls: inetd', 'only root may start it') if !$root;
	my $batch = 25;
	my $conf = configuration('tls-inetd', "tls-certificate = $dir/ec.pem");
	my ($pid, $port) = start_inetd(
	    bare => ["$bin/sendfile", '-t', "$dir/ec.pem", $wire],
	    clear => [$pop3d, '-C', $conf], tls => [$pop3d, '-S', '-C', $conf]);
	my $inetd = child($pid);
	my (%us, %used);
	for (1 .. rounds(12)) {
		for my $name (qw(bare clear tls)) {
			my $m = run_handshakes($pid, $inetd,
			    $name eq 'clear' ? '-n' : (), $port->{$name},
			    $batch);
			push @{$us{$name}}, $m->{greeted};
			push @{$used{$name}}, $m->{used};
		}
	}
	stop($pid);
	my @bare = ("OpenSSL's defaults under the same inetd", @{$us{bare}});
	figure("tls: inetd, from connect to the greeting; medians of $batch",
	    'us', \@bare, ['pop3d -S', @{$us{tls}}], 'ratio', 'at most', 1.5);
	figure("tls: inetd, processor time of a connection", 'us',
	    ["OpenSSL's defaults under the same inetd", @{$used{bare}}],
	    ['pop3d -S', @{$used{tls}}], 'ratio', 'at most', 1.8);
	figure("tls: inetd, from connect to the greeting: what TLS adds", 'us',
	    ['pop3d, in clear', @{$us{clear}}], ['pop3d -S', @{$us{tls}}],
	    'difference', 'at most', 6000);
}

sub run
{
	my $wire = "$dir/big.wire";
	mailbox_big();
	for my $kind (qw(ec rsa)) {
		my ($base, $ours) = servers($kind, $wire);
		retr($base, $ours, $wire) if $kind eq 'ec';
		handshakes($kind, $base, $ours);
		handshakes($kind, $base, $ours, '-r');
		stop($_->[0]) for $base, $ours;
	}
	inetd($wire);
}

1;
