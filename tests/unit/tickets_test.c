/*
 * tickets_test.c - the keys of tickets: their file, in peace and in a race;
 * what is sealed with them; and what one session can get of the signer.
 */

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "signer/keys.h"
#include "tap.h"

#define SIZE 192 /* octets of a file: 16, then four times 4 + 8 + 32 */
#define HOUR 3600
#define CHILDREN 20

static char folder[] = "/tmp/pop3d-tickets-XXXXXX";
static struct config config;
static char text[CHANNEL_TEXT];
static struct tickets tickets;

static int64_t
now(void)
{
	return (int64_t)time(NULL);
}

/* A file with keys of these ages, in seconds, by its own description. */
static void
put(mode_t mode, size_t size, size_t count, const int64_t *ages)
{
	uint8_t octets[SIZE + 1] = "pop3d tickets 1\n", *p = octets + 16;
	size_t i;
	int fd, k;

	for (i = 0; i < count; i++, p += 44) {
		memset(p, 'a' + (int)i, 4);
		for (k = 0; k < 8; k++)
			p[4 + k] = (uint8_t)((uint64_t)(now() - ages[i]) >>
			    (56 - 8 * k));
		memset(p + 12, 'A' + (int)i, 32);
	}
	(void)unlink(TICKETS_FILE);
	fd = open(TICKETS_FILE, O_WRONLY | O_CREAT | O_TRUNC, mode);
	if (fd == -1 || fchmod(fd, mode) == -1 ||
	    write(fd, octets, size) != (ssize_t)size)
		exit(99);
	(void)close(fd);
}

/* As a signer takes them: false where there are none. */
static bool
taken(void)
{
	int fd = tickets_open(&config, text), result;

	tickets.count = 0;
	if (fd == -1)
		return false;
	result = tickets_read(fd, geteuid(), &tickets);
	(void)close(fd);
	return result == 0;
}

static bool
has(const char *id)
{
	return tickets_find(&tickets, (const uint8_t *)id) != NULL;
}

static void
test_first(void)
{
	struct tls_ticket_key first;
	struct stat st;

	ok(taken() && tickets.count == 1 && text[0] == '\0',
	    "none there: one key is made");
	ok(stat(TICKETS_FILE, &st) == 0 && (st.st_mode & 07777) == 0600 &&
		st.st_size == SIZE,
	    "in a file of 192 octets, mode 0600");
	first = tickets.key[0].key;
	ok(taken() && memcmp(&first, &tickets.key[0].key, sizeof(first)) == 0,
	    "it stays");
	ok(access(TICKETS_FILE ".new", F_OK) == -1, "nothing else does");
}

static void
test_times(void)
{
	static const int64_t young[] = {12 * HOUR - 60}, old[] = {12 * HOUR},
			     older[] = {13 * HOUR, 25 * HOUR, 35 * HOUR,
				 37 * HOUR},
			     dead[] = {36 * HOUR}, ahead[] = {-2 * HOUR},
			     early[] = {-HOUR / 2},
			     disorder[] = {13 * HOUR, 12 * HOUR};

	put(0600, SIZE, 1, young);
	ok(taken() && tickets.count == 1 && has("aaaa"),
	    "a key seals for twelve hours");
	put(0600, SIZE, 1, old);
	ok(taken() && tickets.count == 2 && has("aaaa") &&
		tickets_newest(&tickets) == &tickets.key[0].key &&
		memcmp(tickets.key[0].key.id, "aaaa", 4) != 0,
	    "then another does, and it opens");
	put(0600, SIZE, 4, older);
	ok(taken() && tickets.count == 4 && has("aaaa") && has("bbbb") &&
		has("cccc") && !has("dddd"),
	    "for 24 hours more, and no longer");
	put(0600, SIZE, 1, dead);
	ok(taken() && tickets.count == 1 && !has("aaaa"),
	    "a file with none that holds: a new key alone");
	ok(strstr(text, "no keys that hold: new ones are made") != NULL,
	    "and a word");
	put(0600, SIZE, 1, early);
	ok(taken() && tickets.count == 1 && has("aaaa"),
	    "a host's clock may be ahead");
	put(0600, SIZE, 1, ahead);
	ok(taken() && tickets.count == 1 && !has("aaaa"), "but not so much");
	put(0600, SIZE, 2, disorder);
	ok(taken() && tickets.count == 1 && !has("aaaa"),
	    "keys in disorder are no keys");
}

static bool
replaced(const char *why)
{
	if (taken() && tickets.count == 1 && !has("aaaa") &&
	    strstr(text, why) != NULL && taken() && text[0] == '\0')
		return true;
	tap_note("%zu keys, '%s'", tickets.count, text);
	return false;
}

static void
test_bad(void)
{
	static const int64_t age[] = {HOUR};
	int fd;

	put(0600, SIZE - 1, 1, age);
	ok(replaced("no keys that hold"), "an octet short");
	put(0600, SIZE + 1, 1, age);
	ok(replaced("no keys that hold"), "one more");
	put(0600, 0, 0, age);
	ok(replaced("no keys that hold"), "empty");
	put(0600, SIZE, 1, age);
	fd = open(TICKETS_FILE, O_WRONLY);
	ok(fd != -1 && pwrite(fd, "x", 1, 0) == 1 &&
		replaced("no keys that hold"),
	    "another word");
	(void)close(fd);
	put(0640, SIZE, 1, age);
	ok(replaced("not a file of its owner's alone"), "its group may read");
	put(0602, SIZE, 1, age);
	ok(replaced("not a file of its owner's alone"), "all may write");
	put(0600, SIZE, 1, age);
	if (rename(TICKETS_FILE, "else") == -1 ||
	    symlink("else", TICKETS_FILE) == -1)
		exit(99);
	ok(replaced("a symbolic link"), "a symbolic link");
	if (unlink(TICKETS_FILE) == -1 || mkfifo(TICKETS_FILE, 0600) == -1)
		exit(99);
	ok(replaced("not a file of its owner's alone"), "a FIFO");
	if (geteuid() == 0) {
		put(0600, SIZE, 1, age);
		ok(chown(TICKETS_FILE, 65534, 65534) == 0 &&
			replaced("not a file of its owner's alone"),
		    "another user's");
	}
}

/* What cannot be made: no keys and a word, or the old ones. */
static void
test_cannot(void)
{
	static const int64_t old[] = {13 * HOUR};
	int lock;

	if (unlink(TICKETS_FILE) == -1 || mkdir(TICKETS_FILE, 0700) == -1)
		exit(99);
	ok(!taken() && strstr(text, "no new keys: ") != NULL,
	    "a folder in its place");
	if (rmdir(TICKETS_FILE) == -1 || mkdir(TICKETS_FILE ".new", 0700) == -1)
		exit(99);
	put(0600, SIZE, 1, old);
	ok(taken() && has("aaaa") && tickets.count == 1 &&
		strstr(text, "no new keys: ") != NULL,
	    "no new ones can be made: the old ones serve");
	ok(rmdir(TICKETS_FILE ".new") == 0 && taken() && tickets.count == 2,
	    "as soon as they can, they are");
	put(0600, SIZE, 1, old);
	lock = open(TICKETS_FILE ".lock", O_RDWR);
	if (lock == -1 || flock(lock, LOCK_EX) == -1)
		exit(99);
	ok(taken() && has("aaaa") && tickets.count == 1 && text[0] == '\0',
	    "who has the lock makes them: meanwhile the old ones");
	(void)unlink(TICKETS_FILE);
	ok(!taken() && strstr(text, "the lock is held") != NULL,
	    "without old ones nobody waits for ever");
	(void)close(lock);
	if (chmod(folder, 0777) == -1)
		exit(99);
	ok(!taken() && strstr(text, "no resumption: ") != NULL &&
		strstr(text, "others may write it") != NULL,
	    "a folder that others may write");
	signer_tickets_check(&config, text);
	ok(strstr(text, "others may write it") != NULL, "so says -n");
	if (chmod(folder, 0700) == -1)
		exit(99);
	signer_tickets_check(&config, text);
	ok(strstr(text, "not there yet") != NULL &&
		access(TICKETS_FILE, F_OK) == -1,
	    "-n makes nothing");
}

/* Sessions that begin at once: which key each seals with. */
static bool
race(size_t count, const int64_t *ages)
{
	struct tls_ticket_key got[CHILDREN];
	int gate[2], result[2], i, fresh = 0, status;

	(void)unlink(TICKETS_FILE);
	if (count > 0)
		put(0600, SIZE, count, ages);
	if (pipe(gate) == -1 || pipe(result) == -1)
		exit(99);
	for (i = 0; i < CHILDREN; i++) {
		if (fork() != 0)
			continue;
		(void)close(gate[1]);
		if (read(gate[0], got, 1) != 0 || !taken() ||
		    write(result[1], &tickets.key[0].key, sizeof(got[0])) !=
			(ssize_t)sizeof(got[0]))
			_exit(1);
		_exit(0);
	}
	(void)close(gate[0]);
	(void)close(gate[1]);
	for (i = 0; i < CHILDREN; i++) {
		if (wait(&status) == -1 || status != 0)
			fresh = -1000;
	}
	(void)close(result[1]);
	for (i = 0; i < CHILDREN; i++) {
		if (fresh < 0 ||
		    read(result[0], &got[i], sizeof(got[0])) !=
			(ssize_t)sizeof(got[0]) ||
		    !taken())
			return false;
		/* The new one, or the old one for who came too early. */
		if (memcmp(&got[i], &tickets.key[0].key, sizeof(got[0])) == 0)
			fresh++;
		else if (count == 0 || memcmp(got[i].id, "aaaa", 4) != 0)
			return false;
	}
	(void)close(result[0]);
	return fresh > 0 && tickets.count == count + 1;
}

static void
test_race(void)
{
	static const int64_t old[] = {13 * HOUR};
	int i, bad = 0;

	for (i = 0; i < 10; i++)
		bad += !race(0, NULL);
	ok(bad == 0, "%d at once, no file: one key for all", CHILDREN);
	for (i = 0; i < 100; i++)
		bad += !race(1, old);
	ok(bad == 0, "%d at once, a key is due: one new key", CHILDREN);
}

/* What a front has sealed: see signer_shape_session(). */
static uint8_t session[TLS_TICKET];

static size_t
session_make(size_t length)
{
	static const uint8_t begin[] = {2, 1, 1, 2, 2, 3, 4};

	memset(session, 'S', sizeof(session));
	session[0] = 0x30;
	session[1] = 0x82;
	session[2] = (uint8_t)((length - 4) >> 8);
	session[3] = (uint8_t)(length - 4);
	memcpy(session + 4, begin, sizeof(begin));
	return length;
}

static void
test_shape(void)
{
	size_t length = session_make(200), i, bad = 0;

	ok(signer_shape_session(session, length), "a session of TLS 1.3");
	for (i = 0; i < 11; i++) {
		session[i] ^= 1;
		bad += signer_shape_session(session, length);
		session[i] ^= 1;
	}
	for (i = 0; i < sizeof(session); i++)
		bad += i != length && signer_shape_session(session, i);
	session[10] = 3;
	bad += signer_shape_session(session, length);
	ok(bad == 0, "nothing else, and none of TLS 1.2");
}

static struct held held;
static struct share share;
static struct record record;

/* A question, and whether it is answered; good: and not refused. */
static bool
asked(uint32_t type, const uint8_t *octets, size_t length, bool *good)
{
	memset(&record, 0, sizeof(record));
	record.type = type;
	if (type == CH_SIGN) {
		record.u.sign.length = (uint32_t)length;
		memcpy(record.u.sign.octets, octets, length);
	} else {
		record.u.octets.length = (uint32_t)length;
		memcpy(record.u.octets.octets, octets, length);
	}
	if (!session_answer(&held, &share, &record))
		return false;
	*good = record.u.octets.code == CODE_OK;
	return *good || record.u.octets.length == 0;
}

/* A ticket of this many octets; its own length. */
static size_t
sealed(uint8_t ticket[TLS_TICKET], size_t length)
{
	bool good;

	share = (struct share){.asked = true};
	if (!asked(CH_SEAL, session, session_make(length), &good) || !good)
		return 0;
	memcpy(ticket, record.u.octets.octets, record.u.octets.length);
	return record.u.octets.length;
}

static bool
opened(const uint8_t *ticket, size_t length)
{
	bool good;

	share = (struct share){0};
	return asked(CH_UNSEAL, ticket, length, &good) && good;
}

static void
test_seal(void)
{
	uint8_t ticket[TLS_TICKET], other[TLS_TICKET];
	size_t length, i, bad = 0;

	length = sealed(ticket, 200);
	ok(length == 200 + TLS_SEALED, "sealed, with 32 octets more");
	ok(opened(ticket, length) && record.u.octets.length == 200 &&
		memcmp(record.u.octets.octets, session, 200) == 0,
	    "opened, it is what it was");
	for (i = 0; i < length; i++) {
		ticket[i] ^= 0x10;
		bad += opened(ticket, length) ||
		    memchr(record.u.octets.octets, 'S', TLS_TICKET) != NULL;
		ticket[i] ^= 0x10;
	}
	for (i = 0; i <= TLS_TICKET; i++)
		bad += i != length && opened(ticket, i);
	ok(bad == 0, "spoilt in any bit or length: nothing comes out");
	ok(sealed(other, 200) == length &&
		memcmp(ticket + 4, other + 4, 12) != 0 &&
		memcmp(ticket + 16, other + 16, 200) != 0,
	    "sealed again it is another");
	ok(sealed(ticket, TLS_TICKET - TLS_SEALED) == TLS_TICKET &&
		opened(ticket, TLS_TICKET),
	    "the longest");
	ok(sealed(ticket, TLS_TICKET - TLS_SEALED + 1) == 0, "and one more");
	length = sealed(ticket, 200);
	held.tickets.key[0].key.key[31] ^= 1;
	ok(!opened(ticket, length), "another site's key: no");
	held.tickets.key[0].key.key[31] ^= 1;
	held.tickets.key[0].made -= TICKETS_OPEN;
	ok(!opened(ticket, length) && sealed(ticket, 200) == 0,
	    "a key that is too old neither opens nor seals");
	held.tickets.count = 0;
	ok(!opened(ticket, length) && sealed(ticket, 200) == 0,
	    "without a key nothing does");
}

static void
test_share(void)
{
	uint8_t ticket[TLS_TICKET];
	size_t length;
	bool good;

	held.tickets = tickets;
	length = sealed(ticket, 200);
	ok(!asked(CH_SEAL, session, 200, &good), "one ticket is sealed");
	share = (struct share){0};
	ok(!asked(CH_SEAL, session, 200, &good), "none before anything else");
	ok(asked(CH_UNSEAL, session, 200, &good) && !good,
	    "what is no ticket is refused");
	ok(!asked(CH_SEAL, session, 200, &good), "that earns none");
	ok(asked(CH_UNSEAL, ticket, length, &good) && good, "a good one");
	ok(!asked(CH_UNSEAL, ticket, length, &good), "two, and no more");
	ok(asked(CH_SIGN, session, 32, &good), "it may sign still");
	ok(!asked(CH_SIGN, session, 32, &good), "once");
	ok(asked(CH_SEAL, session, session_make(200), &good) && good,
	    "and seal");
	share = (struct share){0};
	ok(asked(CH_SIGN, session, 32, &good) && !good,
	    "what a server does not sign");
	ok(!asked(CH_UNSEAL, ticket, length, &good), "nothing is opened then");
	session[10] = 3;
	ok(asked(CH_SEAL, session, 200, &good) && !good,
	    "nor a session of TLS 1.2 sealed");
	ok(!asked(CH_SEAL, session, session_make(200), &good),
	    "which was the last try");
	share = (struct share){0};
	ok(!asked(CH_SERVE, session, 0, &good) &&
		!asked(CH_TICKETS, session, 0, &good) &&
		!asked(CH_PASSWORD, session, 0, &good),
	    "no other questions");
}

int
main(void)
{
	char error[CONFIG_ERROR_SIZE], command[64];

	if (mkdtemp(folder) == NULL || chdir(folder) == -1 ||
	    config_init(&config) == -1 ||
	    config_set(&config, "state-directory", folder, error) == -1)
		return 99;
	(void)umask(077);
	test_first();
	test_times();
	test_bad();
	test_cannot();
	test_race();
	test_shape();
	held.keys.tls = tls_load();
	if (held.keys.tls == NULL || !taken())
		return 99;
	held.tickets = tickets;
	test_seal();
	test_share();
	config_free(&config);
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	if (chdir("/") == -1 || system(command) != 0)
		return 99;
	return tap_end();
}
