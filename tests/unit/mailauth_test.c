/*
 * mailauth_test.c - the database of secrets: its lines, the search, what a
 * name is taken for that is not there, files that are damaged or not to be
 * trusted.
 */

#include <errno.h>

#include "crypto.h"
#include "mailauth_world.h"

static struct mailauth_entry entry;

static int
find(const char *name)
{
	memset(&entry, 0xa5, sizeof(entry));
	errno = 0;
	return mailauth_find(DB, name, &entry);
}

static void
test_entry(void)
{
	static const char *const lines[] = {"joe:" PENCIL "\n",
	    "joe:locked:" PENCIL_1 ":" PENCIL_256 ":cGVuY2ls:\n",
	    "ann@example.org::" PENCIL_1 ":::\n", "bob:::" PENCIL_256 "::\n",
	    "j\xc3\xb6rg o'x:::::$6$salt$hash/.hash\n"};
	static const char *const bad[] = {"", ":", "joe",
	    "joe:", "joe:::::", "joe:::::x:", ":" PENCIL, ".joe:" PENCIL,
	    "j/oe:" PENCIL, " joe:" PENCIL, "joe :" PENCIL, "j\toe:" PENCIL,
	    "joe:Locked:" PENCIL_1 ":::", "joe::x:::", "joe::0,,,:::",
	    "joe::4096,QSXCR+Q6sek8bf92,6dlGYMOdZcOPutkcNY8U2g7vK9Y=:::",
	    "joe::4096,QSXCR+Q6sek8bf92,6dlGYMOdZcOPutkcNY8U2g7vK9Y=,:::",
	    "joe::" PENCIL_256 ":::", "joe:::" PENCIL_1 "::",
	    "joe::-" PENCIL_1 ":::", "joe::9999999" PENCIL_1 ":::",
	    "joe::4096,,6dlGYMOdZcOPutkcNY8U2g7vK9Y=,"
	    "D+CSWLOshSulAsxiupA+qs2/fTE=:::",
	    "joe::" PENCIL_1 "::!:", "joe::" PENCIL_1 "::AA==:",
	    "joe::" PENCIL_1 ":::$6$salt$hash", "joe:::::$6$sa lt$hash"};
	char line[ENTRY_LINE];
	size_t i, length;

	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		length = strlen(lines[i]);
		ok(entry_read(&entry, lines[i], length - 1) == 0 &&
			entry_write(&entry, line) == length &&
			strcmp(line, lines[i]) == 0,
		    "to an entry and back: %.12s", lines[i]);
	}
	ok(entry_read(&entry, lines[1], strlen(lines[1]) - 1) == 0 &&
		entry.locked && strcmp(entry.secret, "pencil") == 0 &&
		strcmp(entry.name, "joe") == 0 &&
		entry.keys[MAILAUTH_SHA256].iterations == 4096 &&
		entry.keys[MAILAUTH_SHA1].salt_length == 12,
	    "what it says");
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		ok(entry_read(&entry, bad[i], strlen(bad[i])) == -1 &&
			errno == EBADMSG,
		    "no entry: '%.30s'", bad[i]);
	ok(entry_read(&entry, "j\0e:" PENCIL, 4 + strlen(PENCIL)) == -1,
	    "a NUL in the name");
}

/* The longest of everything. */
static void
test_longest(void)
{
	char line[ENTRY_LINE];
	struct mailauth_entry e;
	size_t length, i;

	memset(&e, 0, sizeof(e));
	memset(e.name, 'n', sizeof(e.name) - 1);
	memset(e.secret, 's', sizeof(e.secret) - 1);
	e.locked = true;
	for (i = 0; i < MAILAUTH_HASHES; i++) {
		e.keys[i].iterations = ITERATIONS_MOST;
		e.keys[i].salt_length = MAILAUTH_SALT;
		memset(e.keys[i].salt, 0xff, MAILAUTH_SALT);
	}
	length = entry_write(&e, line);
	ok(line[length - 1] == '\n' &&
		entry_read(&entry, line, length - 1) == 0 &&
		memcmp(entry.name, e.name, sizeof(e.name)) == 0 &&
		memcmp(entry.secret, e.secret, sizeof(e.secret)) == 0 &&
		memcmp(entry.keys[0].salt, e.keys[0].salt, MAILAUTH_SALT) == 0,
	    "the longest entry: %zu octets", length);
	memset(e.hash, 'h', sizeof(e.hash) - 1);
	memset(e.keys, 0, sizeof(e.keys));
	length = entry_write(&e, line);
	ok(entry_read(&entry, line, length - 1) == 0 &&
		strcmp(entry.hash, e.hash) == 0,
	    "the longest hash");
	line[0] = ':';
	ok(entry_read(&entry, line, length - 1) == -1, "and no name");
}

static void
test_keys(void)
{
	const struct crypto *crypto = crypto_load();
	uint8_t salted[32], server[32];
	struct mailauth_keys keys;

	db_text("a::" PENCIL_1 ":::\nb:::" PENCIL_256 "::\nc:" PENCIL "\n");
	ok(find("a") == 1 && mailauth_verify(&entry, "pencil") == 1 &&
		mailauth_verify(&entry, "Pencil") == 0,
	    "SHA-1 keys (RFC 5802, 5)");
	ok(find("b") == 1 && mailauth_verify(&entry, "pencil") == 1 &&
		mailauth_verify(&entry, "pencil ") == 0,
	    "SHA-256 keys (RFC 7677, 3)");
	ok(find("c") == 1 && entry.password == MAILAUTH_SHA256,
	    "of both, a password is tried on SHA-256");
	ok(keys_make(&keys, MAILAUTH_SHA256, "pencil", 5000) == 0 &&
		crypto->pbkdf2(CRYPTO_HASH_SHA256, "pencil", keys.salt,
		    keys.salt_length, 5000, salted) == 0 &&
		crypto->hmac(CRYPTO_HASH_SHA256, salted, 32, "Server Key", 10,
		    server) == 0 &&
		memcmp(server, keys.server, 32) == 0,
	    "the server key");
	entry.keys[MAILAUTH_SHA256] = keys;
	ok(keys.iterations == 5000 && keys.salt_length == 16 &&
		mailauth_verify(&entry, "pencil") == 1,
	    "made keys verify");
	ok(keys_make(&entry.keys[0], MAILAUTH_SHA256, "pencil", 5000) == 0 &&
		memcmp(entry.keys[0].salt, keys.salt, 16) != 0,
	    "every salt is another");
	memset(&entry, 0, sizeof(entry));
	ok(mailauth_verify(&entry, "pencil") == -1 && errno == EINVAL,
	    "no keys");
}

/* Every name in files of 0 to 40 users, and every gap between two. */
static void
test_search(void)
{
	char text[64 * 64], name[16];
	size_t users, i, used = 0;
	bool all = true;

	for (users = 0; users <= 40; users++) {
		text[used] = '\0';
		db_text(text);
		for (i = 0; i <= 2 * users; i++) {
			text_cut(name, sizeof(name), "u%03zu", i);
			all = all && find(name) == (int)(i & 1) &&
			    strcmp(entry.name, name) == 0;
		}
		all =
		    all && find("a") == 0 && find("zz") == 0 && find("u") == 0;
		/* Lines of different lengths. */
		text_cut(text + used, sizeof(text) - used,
		    "u%03zu:::::$1$%.*s$x\n", 2 * users + 1, (int)(users % 7),
		    "saltsalt");
		used = strlen(text);
	}
	ok(all, "each is found, and nothing else");
}

static void
test_names(void)
{
	db_text("joe:" PENCIL "\njoe-x:" PENCIL "\njoe1:" PENCIL
		"\nj\xc3\xb6:" PENCIL "\nk:" PENCIL "\nl:" PENCIL "\nm:" PENCIL
		"\n");
	ok(find("joe") == 1 && find("joe1") == 1 && find("joe-x") == 1 &&
		find("j\xc3\xb6") == 1 && find("k") == 1 && find("m") == 1,
	    "names that begin alike; octets above 127 come last");
	ok(find("jo") == 0 && find("joe2") == 0 && find("Joe") == 0 &&
		find("j\xc3") == 0,
	    "and others like them");
	ok(find("joe:") == 0 && find("joe:x") == 0 && find("") == 0 &&
		find("joe\n") == 0,
	    "names that nobody can have");
}

static void
test_million(void)
{
	static const char line[] = "u0000000:::::$1$a$b\n";
	const size_t users = 1000000, size = sizeof(line) - 1;
	char *text = malloc(DATABASE_HEADER + users * size), *p, number[16];
	static const size_t tried[] = {0, 1, 499999, 500000, 999998, 999999};
	uint64_t count, at;
	bool all = true;
	size_t i;

	if (text == NULL)
		fatal("malloc");
	memcpy(text, HEADER_ONE, DATABASE_HEADER);
	for (i = 0, p = text + DATABASE_HEADER; i < users; i++, p += size) {
		memcpy(p, line, size);
		text_cut(number, sizeof(number), "%07zu", i);
		memcpy(p + 1, number, 7);
	}
	world_write(DB, text, DATABASE_HEADER + users * size, 0600);
	free(text);
	for (i = 0; i < ARRAY_SIZE(tried); i++) {
		text_cut(number, sizeof(number), "u%07zu", tried[i]);
		all = all && find(number) == 1;
	}
	ok(all, "of a million");
	ok(find("u1000000") == 0 && find("t") == 0 && find("u00000000") == 0,
	    "none of a million");
	ok(mailauth_check(DB, &count, &at) == 0 && count == users,
	    "all are counted");
}

/* The kinds of a file's entries, and of those that are not there. */
static void
test_pretend(void)
{
	struct mailauth_entry first;

	db_text("");
	ok(find("none") == 0 && strcmp(entry.name, "none") == 0 &&
		!entry.locked && entry.secret[0] == '\0' &&
		entry.hash[0] == '\0' && entry.keys[0].iterations == 10000 &&
		entry.keys[1].iterations == 10000 &&
		entry.keys[0].salt_length == 16 &&
		entry.password == MAILAUTH_SHA256,
	    "an empty file: what the tool makes");
	first = entry;
	ok(find("none") == 0 && memcmp(&first, &entry, sizeof(entry)) == 0,
	    "the same at every try");
	ok(mailauth_pretend(DB, "none", &entry) == 0 &&
		memcmp(&first, &entry, sizeof(entry)) == 0,
	    "and by the other function");
	ok(find("nonf") == 0 &&
		memcmp(first.keys[1].salt, entry.keys[1].salt, 16) != 0 &&
		memcmp(first.keys[0].salt, entry.keys[0].salt, 16) != 0 &&
		memcmp(entry.keys[0].salt, entry.keys[1].salt, 16) != 0,
	    "another name or kind has another salt");
	db_text("joe:" PENCIL "\n");
	ok(find("none") == 0 && entry.keys[0].iterations == 4096 &&
		entry.keys[0].salt_length == 12 &&
		entry.keys[1].salt_length == 16 &&
		memcmp(first.keys[1].salt, entry.keys[1].salt, 16) == 0,
	    "numbers as the file has them; the salt stays");
	ok(mailauth_verify(&entry, "pencil") == 0, "nobody's secret opens it");
	ok(mailauth_pretend(DB, "joe", &entry) == 0 &&
		mailauth_verify(&entry, "pencil") == 0,
	    "one who is there can be pretended, too");
}

static void
test_pretend_kinds(void)
{
	unsigned i, hashes = 0, other = 0;
	char name[32];

	db_text("joe:" PENCIL "\n");
	ok(find("none") == 0 && entry.password == MAILAUTH_SHA256 &&
		mailauth_pretend(DB, "joe", &entry) == 0 &&
		entry.password == MAILAUTH_SHA256,
	    "a password is tried on the kind of keys that others' are");
	db_text("joe::" PENCIL_1 ":::\n");
	ok(find("none") == 0 && entry.keys[1].iterations != 0 &&
		entry.password == MAILAUTH_SHA1,
	    "keys of both kinds, the price of the one that is there");
	db_text("joe:::::$1$salt$hash\n");
	ok(find("none") == 0 && entry.keys[0].iterations == 10000 &&
		strncmp(entry.hash, "$1$salt$has", 11) == 0 &&
		strcmp(entry.hash, "$1$salt$hash") != 0,
	    "a hash, which is not quite somebody's");
	db_text("ann:" PENCIL "\njoe:::::$1$salt$hash\n");
	for (i = 0; i < 1000; i++) {
		text_cut(name, sizeof(name), "none%u", i);
		if (find(name) == 0 && entry.hash[0] != '\0')
			hashes++;
		other += entry.keys[0].iterations != 4096 ||
		    entry.keys[1].iterations != 4096 ||
		    entry.keys[0].salt_length != 12;
	}
	/* By the octets of their lines it would be one in sixteen. */
	ok(hashes > 300 && hashes < 700, "of two kinds, about half: %u of 1000",
	    hashes);
	ok(other == 0, "keys are like those that there are, with a hash, too");
}

static void
test_key(void)
{
	struct mailauth_entry first;
	char text[DATABASE_HEADER + 1], other[DATABASE_HEADER + 1];

	db_text("");
	(void)find("none");
	first = entry;
	database_header(text);
	database_header(other);
	ok(strlen(text) == DATABASE_HEADER && strcmp(text, other) != 0,
	    "every new file has its own key");
	world_write(DB, text, DATABASE_HEADER, 0600);
	ok(find("none") == 0 &&
		memcmp(first.keys[1].salt, entry.keys[1].salt, 16) != 0,
	    "with another key another salt");
}

static void
bad_text(const char *text, size_t length, const char *what)
{
	world_write(DB, text, length, 0600);
	ok(find("joe") == -1 && errno == EBADMSG, "%s", what);
}

static void
test_damaged(void)
{
	char *text;

	bad_text("", 0, "an empty file");
	bad_text("joe:" PENCIL "\n", 4 + strlen(PENCIL) + 1, "no header");
	bad_text(HEADER_ONE, DATABASE_HEADER - 1, "half a header");
	bad_text("#mailauth:2:"
		 "0123456789abcdef0123456789abcdef"
		 "0123456789abcdef0123456789abcdef\n",
	    DATABASE_HEADER, "another version");
	bad_text("#mailauth:1:"
		 "0123456789ABCDEF0123456789abcdef"
		 "0123456789abcdef0123456789abcdef\n",
	    DATABASE_HEADER, "a key that is none");
	bad_text(HEADER_ONE "joe:" PENCIL, DATABASE_HEADER + 4 + strlen(PENCIL),
	    "a last line without end");
	bad_text(HEADER_ONE "\n", DATABASE_HEADER + 1, "an empty line");
	bad_text(HEADER_ONE "joe\n", DATABASE_HEADER + 4, "a name alone");
	bad_text(HEADER_ONE "joe:x\n", DATABASE_HEADER + 6, "no entry");
	bad_text(HEADER_ONE "a\0b:x\n", DATABASE_HEADER + 6, "a NUL");
	text = malloc(3 * ENTRY_LINE);
	if (text == NULL)
		fatal("malloc");
	memset(text, 'x', 3 * ENTRY_LINE);
	memcpy(text, HEADER_ONE, DATABASE_HEADER);
	bad_text(text, 3 * ENTRY_LINE, "a line without end");
	memcpy(text + 3 * ENTRY_LINE - 5, "x:y\n", 4);
	text[3 * ENTRY_LINE - 1] = '\n';
	bad_text(text, 3 * ENTRY_LINE, "a line too long");
	free(text);
}

static void
test_check(void)
{
	uint64_t users, line;

	db_text("c:" PENCIL "\nb:" PENCIL "\na:" PENCIL "\n");
	ok(find("a") == -1 && errno == EBADMSG, "not sorted");
	ok(mailauth_check(DB, &users, &line) == -1 && errno == EBADMSG &&
		line == 3,
	    "and which line");
	db_text("a:" PENCIL "\na:" PENCIL "\n");
	ok(mailauth_check(DB, &users, &line) == -1 && line == 3,
	    "a name twice");
	db_text("a:" PENCIL "\nb:x\nc:" PENCIL "\n");
	ok(mailauth_check(DB, &users, &line) == -1 && errno == EBADMSG &&
		line == 3,
	    "a bad line is told");
	ok(find("a") == 1 && find("c") == 1 && find("d") == 0,
	    "but shuts out only its user");
	ok(find("b") == -1 && errno == EBADMSG, "who is not unknown");
}

/*
 * Octets of a file of one page, so that the page ends with it, replaced by
 * some others, and the file cut there.
 */
static void
test_hostile(void)
{
	static const char octets[] = "\n:\0a,~$0";
	char text[4097], *line = text + DATABASE_HEADER, kept;
	size_t i, k, used = DATABASE_HEADER;
	unsigned wrong = 0;
	int got;

	memcpy(text, HEADER_ONE, DATABASE_HEADER);
	for (i = 0; i < 12; i++, used += strlen(line)) {
		line = text + used;
		text_cut(line, sizeof(text) - used, "u%03zu:%s\n", i, PENCIL);
	}
	text_cut(text + used, sizeof(text) - used, "z:::::$1$");
	memset(text + strlen(text), 'x', sizeof(text) - strlen(text));
	text[4095] = '\n';
	for (i = 0; i < 4096; i += 7) {
		for (k = 0; k < sizeof(octets) - 1; k++) {
			kept = text[i];
			text[i] = octets[k];
			world_write(DB, text, k == 0 ? i : 4096, 0600);
			text[i] = kept;
			got = find("u005");
			if (got == 1)
				wrong += strcmp(entry.name, "u005") != 0;
			else if (got == -1)
				wrong += errno != EBADMSG;
			(void)find("z");
		}
	}
	ok(wrong == 0, "whatever is in it, the answer is one of the three");
}

static void
test_trust(void)
{
	static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0666};
	size_t i;

	db_text("joe:" PENCIL "\n");
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		(void)chmod(DB, modes[i]);
		ok(find("joe") == -1 && errno == EPERM, "mode %o",
		    (unsigned)modes[i]);
	}
	(void)chmod(DB, 0400);
	ok(find("joe") == 1, "mode 400");
	if (geteuid() == 0) {
		(void)chown(DB, OTHER_UID, 0);
		ok(find("joe") == -1 && errno == EPERM, "somebody else's");
	} else
		ok(1, "SKIP: only root can give a file away");
	(void)unlink(DB);
	ok(find("joe") == -1 && errno == ENOENT, "a missing file");
	ok(mkfifo(DB, 0600) == 0 && find("joe") == -1 && errno == EINVAL,
	    "a FIFO");
	(void)unlink(DB);
	ok(mkdir(DB, 0700) == 0 && find("joe") == -1 && errno == EINVAL,
	    "a folder");
	(void)rmdir(DB);
	world_write(world_path("other"), HEADER_ONE, DATABASE_HEADER, 0600);
	ok(symlink("other", DB) == 0 && find("joe") == -1 && errno == ELOOP,
	    "a symbolic link");
	(void)unlink(DB);
}

int
main(void)
{
	static const char *const files[] = {"db", "other", NULL};

	world_begin();
	test_entry();
	test_longest();
	test_keys();
	test_search();
	test_names();
	test_million();
	test_pretend();
	test_pretend_kinds();
	test_key();
	test_damaged();
	test_check();
	test_hostile();
	test_trust();
	return world_end(files);
}
