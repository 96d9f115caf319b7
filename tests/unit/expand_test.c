/*
 * expand_test.c - mailbox_expand(): what it makes, and what no name can make.
 */

#include <errno.h>
#include <string.h>

#include "auth.h"
#include "tap.h"

static char got[CHANNEL_PATH];
static const char *domain = "";

static int
expand(const char *template, const char *name, const char *home)
{
	static struct ch_account account;

	memset(&account, 0, sizeof(account));
	if (text_copy(account.name, sizeof(account.name), name, strlen(name)) ==
		-1 ||
	    text_copy(account.home, sizeof(account.home), home, strlen(home)) ==
		-1)
		fatalx("the test's own texts");
	memset(got, 'x', sizeof(got));
	errno = 0;
	return mailbox_expand(template, domain, &account, got, sizeof(got));
}

static void
makes(
    const char *template, const char *name, const char *home, const char *want)
{
	int rc;

	rc = expand(template, name, home);
	if (!ok(rc == 0 && strcmp(got, want) == 0, "%s of %s is %s", template,
		name, want))
		tap_note("got %d, %s", rc, got);
}

static void
refuses(const char *template, const char *name, const char *home)
{
	char shown[2][CHANNEL_PATH];
	int rc;

	log_name(shown[0], sizeof(shown[0]), name);
	log_name(shown[1], sizeof(shown[1]), home);
	rc = expand(template, name, home);
	if (!ok(rc == -1 && errno == EINVAL && got[0] == '\0',
		"%s of '%s', home '%s', is refused", template, shown[0],
		shown[1]))
		tap_note("got %d, errno %d, %s", rc, errno, got);
}

static void
test_makes(void)
{
	makes("mbox:/var/mail/%u", "bob", "", "mbox:/var/mail/bob");
	makes("maildir:~/Maildir", "bob", "/home/bob",
	    "maildir:/home/bob/Maildir");
	makes("maildir:~/Maildir", "bob", "/", "maildir:/Maildir");
	makes("auto:%h/mail", "bob", "/home/bob//", "auto:/home/bob/mail");
	makes(
	    "mbox:/v/%d/%n", "bob@example.org", "", "mbox:/v/example.org/bob");
	makes("mbox:/v/%u", "bob@example.org", "", "mbox:/v/bob@example.org");
	makes("mbox:/v/%n", "bob", "", "mbox:/v/bob");
	makes("mbox:/v/100%%/%u", "bob", "", "mbox:/v/100%/bob");
	makes("mbox:/v/a~/%u", "bob", "", "mbox:/v/a~/bob");
	/* A name is not looked at again. */
	makes("mbox:/v/%u", "%u", "", "mbox:/v/%u");
	makes("mbox:/v/%u", "%h", "/home/x", "mbox:/v/%h");
	makes("mbox:/v/%u", "~", "/home/x", "mbox:/v/~");
	makes("mbox:%h/%u", "bob", "/home/%u", "mbox:/home/%u/bob");
	/* Octets above 127 are letters somewhere. */
	makes("mbox:/v/%u", "j\303\274rgen", "", "mbox:/v/j\303\274rgen");
	makes("mbox:/v/%u", "a..b", "", "mbox:/v/a..b");
	makes("mbox:/v/%u", "-rf", "", "mbox:/v/-rf");
}

static void
test_names(void)
{
	static const char *const names[] = {"", ".", "..", "../x", "a/b", "/",
	    "/etc/passwd", "a/", ".hidden", "a\nb", "a\tb", "\001", "a\177",
	    "a\r", "a/../b", "a@../b", "../a@b"};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		refuses("mbox:/var/mail/%u", names[i], "/home/x");
		/* The name decides nothing there, but must not be one. */
		refuses("mbox:/var/mail/all", names[i], "/home/x");
		refuses("maildir:/v/%d/%n", names[i], "/home/x");
	}
}

static void
test_parts(void)
{
	refuses("mbox:/v/%d/%n", "bob", "");
	refuses("mbox:/v/%d/%n", "bob@", "");
	refuses("mbox:/v/%d/%n", "@example.org", "");
	refuses("mbox:/v/%n", "@example.org", "");
	refuses("mbox:/v/%d", "bob@..", "");
	refuses("mbox:/v/%d", "bob@.", "");
	refuses("mbox:/v/%d", "bob@.org", "");
	refuses("mbox:/v/%n%d", ".@b", "");
	/* Two ways to divide it: two users with one mailbox. */
	refuses("mbox:/v/%d/%n", "a@b@c", "");
	refuses("mbox:/v/%n", "a@b@c", "");
	makes("mbox:/v/%u", "a@b@c", "", "mbox:/v/a@b@c");
}

/* Of a name that has none. */
static void
test_domain(void)
{
	static const char *const bad[] = {
	    ".", "..", ".org", "a/b", "../x", "a\nb", "/"};
	size_t i;

	domain = "example.org";
	makes("mbox:/v/%d/%n", "bob", "", "mbox:/v/example.org/bob");
	makes("mbox:/v/%d/%n/%u", "bob@b.example", "",
	    "mbox:/v/b.example/bob/bob@b.example");
	makes("mbox:/v/%u", "bob", "", "mbox:/v/bob");
	refuses("mbox:/v/%d/%n", "bob@", "");
	refuses("mbox:/v/%d/%n", "@example.org", "");
	refuses("mbox:/v/%d/%n", "bob@..", "");
	refuses("mbox:/v/%d/%n", "..@example.org", "");
	refuses("mbox:/v/%d/%n", "bob@a/b", "");
	refuses("mbox:/v/%d/%n", "bob@a@example.org", "");
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		domain = bad[i];
		refuses("mbox:/v/%d/%n", "bob", "");
	}
	domain = "";
}

static void
test_templates(void)
{
	refuses("", "bob", "/home/bob");
	refuses("/var/mail/%u", "bob", "/home/bob");
	refuses("mbox:", "bob", "/home/bob");
	refuses("mbox:%u", "bob", "/home/bob");
	refuses("mbox:mail/%u", "bob", "/home/bob");
	refuses("mbox:~", "bob", "/home/bob");
	refuses("mbox:~root/mail", "bob", "/home/bob");
	refuses("mbox:%u/x", "bob", "/home/bob");
	refuses("mbox:/v/%", "bob", "/home/bob");
	refuses("mbox:/v/%x", "bob", "/home/bob");
	refuses("mbox:/v/%s%n%p", "bob", "/home/bob");
	refuses("ftp:/v/%u", "bob", "/home/bob");
	refuses("MBOX:/v/%u", "bob", "/home/bob");
	refuses("mbox:~/mail", "bob", "");
	refuses("mbox:~/mail", "bob", "home/bob");
	refuses("mbox:~/mail", "bob", "../bob");
	refuses("mbox:%h/mail", "bob", "");
	refuses("mbox:%h", "bob", "/");
	refuses("mbox:%h/mail", "bob", "/home/b\nob");
	refuses("mbox:%h/mail", "bob", "\r/home");
}

static void
test_long(void)
{
	static struct ch_account account;
	static char template[2 * CHANNEL_PATH];
	char small[16];
	size_t i;

	memset(account.name, 'n', sizeof(account.name) - 1);
	account.home[0] = '/';
	memset(account.home + 1, 'h', sizeof(account.home) - 2);
	ok(mailbox_expand("mbox:/v/%u", "", &account, got, sizeof(got)) == 0 &&
		strlen(got) == 8 + CHANNEL_NAME - 1,
	    "the longest name");
	ok(mailbox_expand(
	       "mbox:/v/%u/%u/%u/%u", "", &account, got, sizeof(got)) == -1 &&
		errno == ENAMETOOLONG && got[0] == '\0',
	    "four of them are too long");
	ok(mailbox_expand("mbox:~/%u", "", &account, got, sizeof(got)) == -1 &&
		errno == ENAMETOOLONG && got[0] == '\0',
	    "the longest home is");
	memcpy(template, "mbox:/", 6);
	memset(template + 6, 'p', sizeof(template) - 7);
	ok(mailbox_expand(template, "", &account, got, sizeof(got)) == -1 &&
		errno == ENAMETOOLONG && got[0] == '\0',
	    "a long template is");
	memcpy(account.name, "bob", 4);
	for (i = 0; i < sizeof(small); i++) {
		if (mailbox_expand("mbox:/v/%u%%", "", &account, small, i) == 0)
			break;
	}
	ok(i == strlen("mbox:/v/bob%") + 1, "it needs %zu octets, no fewer", i);
}

int
main(void)
{
	test_makes();
	test_names();
	test_parts();
	test_domain();
	test_templates();
	test_long();
	return tap_end();
}
