#!/usr/bin/perl
# Clients that speak TLS, by STLS and from the first octet, from inetd and by
# -D: what they fetch is what is there.  getmail has no STLS.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use Pop3d;
use Pop3d::Corpus;
use Pop3d::Tls qw(certificate s_client);

my @all = Pop3d::Corpus::everyday(40);
my $count = @all;
my @wire = map { Pop3d::Corpus::wire($_) } @all;

sub site {
    my $site = Pop3d->new(mailbox => Pop3d::Corpus::mbox(@all));
    certificate($site->{dir}, $_, $_, host => 'localhost') for qw(rsa ec);
    $site->{config} = {'tls-certificate' => 'rsa.crt ec.crt', 'tls-key' => 'rsa.key ec.key'};
    $site->configure;
    mkdir("$site->{dir}/home");
    return $site;
}

sub curl {
    my ($site, $url, @more) = @_;
    my $home = "$site->{dir}/home";
    Pop3d::file_put("$home/curlrc", join("\n", 'user = "demo:secret"', 'silent',
        'show-error', 'insecure', 'max-time = 60', @more,
        map { ("url = \"$url/$_\"", "output = \"$home/$_\"") } 1 .. $count) . "\n");
    my ($status, $out) = $site->run(Pop3d::program('curl'), '-q', '-K', "$home/curlrc");
    is($status, 0, 'curl: status 0') or diag($out);
    is(join('', map { Pop3d::file_get("$home/$_") // 'none' } 1 .. $count), join('', @wire), 'curl: all of it');
}

my $python = <<'END';
import poplib, ssl, sys, hashlib
context = ssl._create_unverified_context()
how, port = sys.argv[1], int(sys.argv[2])
if how == 'first':
    box = poplib.POP3_SSL('127.0.0.1', port, context=context, timeout=60)
else:
    box = poplib.POP3('127.0.0.1', port, timeout=60)
    box.stls(context)
box.user('demo')
box.pass_('secret')
digest = hashlib.md5()
for n in range(1, box.stat()[0] + 1):
    lines = box.retr(n)[1]
    digest.update(b''.join(line + b'\r\n' for line in lines))
box.quit()
print(digest.hexdigest())
END

sub poplib {
    my ($site, $how, $port) = @_;
    require Digest::MD5;
    Pop3d::file_put("$site->{dir}/fetch.py", $python);
    my ($status, $out) = $site->run('/usr/bin/python3', "$site->{dir}/fetch.py", $how, $port);
    is($out, Digest::MD5::md5_hex(join '', @wire) . "\n", "poplib, $how: all of it");
}

sub netpop3 {
    my ($site, $how, $port) = @_;
    require Net::POP3;
    my $box = Net::POP3->new('127.0.0.1', Port => $port, Timeout => 60,
        $how eq 'first' ? (SSL => 1, SSL_verify_mode => 0) : ());
    ok($box, "Net::POP3, $how: a connection") or return;
    ok($box->starttls(SSL_verify_mode => 0), 'Net::POP3: starttls') if $how ne 'first';
    is($box->login('demo', 'secret'), $count, 'Net::POP3: a login');
    my @bad = grep { join('', @{$box->get($_)}) =~ s/\r?\n/\r\n/gr ne $wire[$_ - 1] } 1 .. $count;
    is("@bad", '', 'Net::POP3: all of it');
    $box->quit;
}

sub mpop {
    my ($site, $how, $port) = @_;
    my $home = "$site->{dir}/home";
    Pop3d::file_put("$home/mpoprc", join("\n", 'account test', 'host 127.0.0.1', "port $port",
        'user demo', 'password secret', 'auth plain', 'tls on', 'tls_certcheck off',
        'tls_starttls ' . ($how eq 'first' ? 'off' : 'on'), 'keep on',
        "uidls_file $home/uidls-$how", "delivery mbox $home/mpop-$how") . "\n");
    chmod(0600, "$home/mpoprc");
    my ($status, $out) = $site->run(Pop3d::program('mpop'), '-C', "$home/mpoprc", 'test');
    is($status, 0, "mpop, $how: status 0") or diag($out);
    my $got = Pop3d::file_get("$home/mpop-$how") // '';
    is(scalar(() = $got =~ /^From /mg), $count, 'mpop: all of it');
}

sub fetchmail {
    my ($site, $how, $port) = @_;
    my $home = "$site->{dir}/home";
    Pop3d::file_put("$home/fetchmailrc", "poll 127.0.0.1 service $port protocol pop3 user demo password secret "
        . ($how eq 'first' ? 'ssl' : 'sslproto tls1.2+') . " no sslcertck keep fetchall mda \"cat >> $home/fetchmail-$how; echo >> $home/fetched-$how\"\n");
    chmod(0600, "$home/fetchmailrc");
    local $ENV{HOME} = $home;
    local $ENV{FETCHMAILHOME} = $home;
    my ($status, $out) = $site->run(Pop3d::program('fetchmail'), '-f', "$home/fetchmailrc", '--nosyslog');
    is($status, 0, "fetchmail, $how: status 0") or diag(substr($out, -2000));
    is(length(Pop3d::file_get("$home/fetched-$how") // ''), $count, 'fetchmail: all of it');
}

sub openssl {
    my ($site, $how, $port) = @_;
    my $out = s_client($site, $port, join('', "USER demo\nPASS secret\n", map({ "RETR $_\n" } 1 .. $count), "QUIT\n"),
        '-quiet', $how eq 'first' ? () : ('-starttls', 'pop3'));
    my ($came) = $out =~ /^(\+OK \d+ octets.*)\+OK 0 removed/ms;
    my $want = join '', map { '+OK ' . length($_) . " octets\r\n" . s/^\./../mgr . ".\r\n" } @wire;
    is($came, $want, "openssl s_client, $how: all of it, octet by octet");
}

# getmail forks for each message, and hears of its end by a signal that may come
# before it listens: then it hangs, whatever the server is.  Here it waits.
my $getmail = <<'END';
import os, runpy, sys
from getmailcore.baseclasses import ForkingBase
ForkingBase._prepare_child = lambda self: None
ForkingBase._wait_for_child = lambda self, pid: \
    os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
END

sub getmail {
    my ($site, $port) = @_;
    my $home = "$site->{dir}/getmail";
    mkdir($_, 0700) for $home, map { "$home/$_" } '', qw(box box/cur box/new box/tmp);
    Pop3d::file_put("$home/fixed.py", $getmail);
    Pop3d::file_put("$home/getmailrc", "[retriever]\ntype = SimplePOP3SSLRetriever\nserver = 127.0.0.1\n"
        . "port = $port\nusername = demo\npassword = secret\ntimeout = 60\n"
        . "[destination]\ntype = Maildir\npath = $home/box/\n"
        . "[options]\nread_all = true\ndelete = false\ndelivered_to = false\nreceived = false\n");
    # It delivers nothing as root, nor as a user that has no name.
    my @as;
    if (Pop3d::as_root()) {
        system('chown', '-R', 'nobody:', $home);
        @as = (Pop3d::program('setpriv'), '--reuid=nobody', '--regid=' . (getpwnam('nobody'))[3], '--clear-groups');
    }
    local $ENV{HOME} = $home;
    my ($status, $out) = $site->run(@as, '/usr/bin/python3', "$home/fixed.py", Pop3d::program('getmail'), '--getmaildir', $home);
    is($status, 0, 'getmail: status 0') or diag(substr($out, -1000));
    my @got = sort map { Pop3d::file_get($_) =~ s/\r?\n/\r\n/gr =~ s/\A(?:Return-Path:.*\r\n)//ir } glob("$home/box/new/*");
    my @want = sort map { s/\A(?:Return-Path:.*\r\n)//ir } @wire;
    is(scalar @got, $count, 'getmail: as many messages as there are');
    is(scalar(grep { $got[$_] ne $want[$_] } 0 .. $#want), 0, 'getmail: all of it')
        or diag((grep { $got[$_] ne $want[$_] } 0 .. $#want)[0], $got[0], $want[0]);
    File::Path::remove_tree($home);
}

sub clients {
    my ($site, $how, $port) = @_;
    openssl($site, $how, $port);
    getmail($site, $port) if $how eq 'first';
    curl($site, $how eq 'first' ? "pop3s://127.0.0.1:$port" : "pop3://127.0.0.1:$port",
        $how eq 'first' ? () : 'ssl-reqd');
    poplib($site, $how, $port);
    netpop3($site, $how, $port);
    mpop($site, $how, $port);
    fetchmail($site, $how, $port);
    is(scalar(() = $site->log_text =~ /LOGIN, user=demo, .*, tls=TLSv1\.[23], cipher=/g),
        scalar(() = $site->log_text =~ /LOGIN, user=demo/g), 'every login was over TLS');
}

subtest '-D' => sub {
    my $site = site();
    my $tls = Pop3d::free_port();
    # In the background syslog has the lines: only a world has one.
    my $start = Pop3d::can_world() ? 'daemon' : 'standalone';
    $site->$start('-o', "listen-tls=127.0.0.1:$tls");
    clients($site, 'first', $tls);
    clients($site, 'STLS', $site->{port});
    $site->stop;
};

subtest 'inetd' => sub {
    my $site = site();
    $site->inetd('-S');
    clients($site, 'first', $site->{port});
    $site->stop;
    $site->inetd;
    clients($site, 'STLS', $site->{port});
    $site->stop;
};

done_testing;
