/*
 * tickets.c - the file of the keys that tickets are sealed with.
 *
 * A word that says what it is, then TICKETS_KEYS keys, the newest first: id,
 * when it was made, the key; what is not used is zero.  It is replaced whole,
 * by rename, under the lock of another file: who does not get that lock uses
 * the old keys, which still hold, or waits for the first ones a moment.  There
 * is no checksum: keys that an error of the disk has changed are as good as
 * others, since all read the same.
 */

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tickets.h"

#define FILE_LOCK TICKETS_FILE ".lock"
#define FILE_NEW TICKETS_FILE ".new"
#define WORD 16 /* octets */
#define KEY (TLS_TICKET_ID + 8 + sizeof(((struct tls_ticket_key *)0)->key))
#define SIZE (WORD + TICKETS_KEYS * KEY)
#define AHEAD 3600 /* seconds: another host's clock, on a shared folder */
#define TRIES 100  /* for the lock, while there are no keys, in turns of */
#define PAUSE 20   /* ms */

static const char word[WORD + 1] = "pop3d tickets 1\n";

int64_t
tickets_now(void)
{
	struct timespec now;

	/* time(3) may be a call of its own, which the signer has not. */
	return clock_gettime(CLOCK_REALTIME, &now) == -1 ? 0 :
							   (int64_t)now.tv_sec;
}

/* The file's form */

static void
key_put(uint8_t *dst, const struct ticket_key *key)
{
	uint64_t made = (uint64_t)key->made;
	int i;

	memcpy(dst, key->key.id, TLS_TICKET_ID);
	for (i = 7; i >= 0; i--) {
		dst[TLS_TICKET_ID + i] = (uint8_t)made;
		made >>= 8;
	}
	memcpy(dst + TLS_TICKET_ID + 8, key->key.key, sizeof(key->key.key));
}

static void
key_get(struct ticket_key *key, const uint8_t *src)
{
	uint64_t made = 0;
	int i;

	memcpy(key->key.id, src, TLS_TICKET_ID);
	for (i = 0; i < 8; i++)
		made = made << 8 | src[TLS_TICKET_ID + i];
	key->made = (int64_t)made;
	memcpy(key->key.key, src + TLS_TICKET_ID + 8, sizeof(key->key.key));
}

static bool
key_holds(const struct ticket_key *key, int64_t now)
{
	return key->made > now - TICKETS_OPEN && key->made <= now + AHEAD;
}

/* Up to the first that does not hold; none when they are in disorder. */
static void
keys_get(struct tickets *tickets, const uint8_t octets[SIZE])
{
	struct ticket_key *key = tickets->key;
	int64_t now = tickets_now();

	tickets->count = 0;
	if (memcmp(octets, word, WORD) != 0)
		return;
	for (octets += WORD; tickets->count < TICKETS_KEYS; octets += KEY) {
		key_get(&key[tickets->count], octets);
		if (tickets->count > 0 &&
		    key[tickets->count].made > key[tickets->count - 1].made) {
			tickets->count = 0;
			return;
		}
		if (!key_holds(&key[tickets->count], now))
			return;
		tickets->count++;
	}
}

int
tickets_read(int fd, uid_t owner, struct tickets *tickets)
{
	uint8_t octets[SIZE + 1];
	struct tickets found;
	struct stat st;
	ssize_t n;
	int error = 0;

	if (platform_fstat(fd, &st) == -1)
		return -1;
	if (!S_ISREG(st.st_mode) || st.st_uid != owner ||
	    (st.st_mode & 077) != 0) {
		errno = EPERM;
		return -1;
	}
	n = pread_full(fd, octets, sizeof(octets), 0);
	if (n == -1)
		return -1;
	found.count = 0;
	if (n == SIZE)
		keys_get(&found, octets);
	if (found.count > 0)
		*tickets = found;
	else
		error = EBADMSG;
	explicit_bzero(octets, sizeof(octets));
	explicit_bzero(&found, sizeof(found));
	errno = error;
	return error == 0 ? 0 : -1;
}

const struct tls_ticket_key *
tickets_newest(const struct tickets *tickets)
{
	if (tickets->count == 0 || !key_holds(&tickets->key[0], tickets_now()))
		return NULL;
	return &tickets->key[0].key;
}

const struct tls_ticket_key *
tickets_find(const struct tickets *tickets, const uint8_t id[TLS_TICKET_ID])
{
	int64_t now = tickets_now();
	size_t i;

	for (i = 0; i < tickets->count; i++) {
		if (memcmp(tickets->key[i].key.id, id, TLS_TICKET_ID) == 0)
			return key_holds(&tickets->key[i], now) ?
			    &tickets->key[i].key :
			    NULL;
	}
	return NULL;
}

/* The file in its folder */

/* -1 with errno: who may write it could put keys there that he knows. */
static int
folder_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && (st.st_uid == 0 || st.st_uid == geteuid()) &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return fd;
	(void)close(fd);
	errno = EPERM;
	return -1;
}

static const char *
trouble_text(int error)
{
	switch (error) {
	case EPERM:
		return "not a file of its owner's alone";
	case EBADMSG:
		return "no keys that hold";
	case ELOOP:
		return "a symbolic link";
	default:
		return strerror(error);
	}
}

/* Why folder_open() did not. */
static void
folder_trouble(const char *path, char text[CHANNEL_TEXT])
{
	text_cut(text, CHANNEL_TEXT, "no resumption: %s: %s", path,
	    errno == EPERM ? "others may write it" : strerror(errno));
}

/* The file, with what is in it; -1 with errno. */
static int
file_open(int folder, struct tickets *tickets)
{
	int fd = openat(folder, TICKETS_FILE,
	    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int error;

	tickets->count = 0;
	if (fd == -1 || tickets_read(fd, geteuid(), tickets) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

static bool
due(const struct tickets *tickets)
{
	return tickets->count == 0 ||
	    tickets->key[0].made <= tickets_now() - TICKETS_SEAL;
}

/* A further key, before those that there are. */
static void
key_make(struct tickets *tickets)
{
	if (tickets->count == TICKETS_KEYS)
		tickets->count--;
	memmove(tickets->key + 1, tickets->key,
	    tickets->count * sizeof(tickets->key[0]));
	tickets->count++;
	platform_random(&tickets->key[0].key, sizeof(tickets->key[0].key));
	tickets->key[0].made = tickets_now();
	/* Of another host whose clock is ahead. */
	if (tickets->count > 1 && tickets->key[0].made < tickets->key[1].made)
		tickets->key[0].made = tickets->key[1].made;
}

/* All of it in place of what there was; -1 with errno. */
static int
file_write(int folder, const struct tickets *tickets)
{
	uint8_t octets[SIZE] = {0};
	int fd, error;
	size_t i;

	(void)unlinkat(folder, FILE_NEW, 0);
	fd = openat(folder, FILE_NEW,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	memcpy(octets, word, WORD);
	for (i = 0; i < tickets->count; i++)
		key_put(octets + WORD + i * KEY, &tickets->key[i]);
	error = write_full(fd, octets, sizeof(octets)) == -1 ||
		fsync(fd) == -1 ||
		renameat(folder, FILE_NEW, folder, TICKETS_FILE) == -1 ?
	    errno :
	    0;
	explicit_bzero(octets, sizeof(octets));
	(void)close(fd);
	if (error == 0)
		return 0;
	(void)unlinkat(folder, FILE_NEW, 0);
	errno = error;
	return -1;
}

/* EWOULDBLOCK: another process has it, and makes keys. */
static int
lock_take(int folder)
{
	int fd = openat(folder, FILE_LOCK,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
	    0600);
	int error;

	if (fd == -1 || flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

/* With the lock: another may have been here before. */
static int
file_renew(int folder, const char *path, char text[CHANNEL_TEXT])
{
	struct tickets tickets;
	int fd = file_open(folder, &tickets), fresh;
	int error = errno;

	if (!due(&tickets)) {
		explicit_bzero(&tickets, sizeof(tickets));
		return fd;
	}
	if (fd == -1 && error != ENOENT)
		text_cut(text, CHANNEL_TEXT, "%s/%s: %s: new ones are made",
		    path, TICKETS_FILE, trouble_text(error));
	key_make(&tickets);
	fresh = file_write(folder, &tickets) == -1 ?
	    -1 :
	    file_open(folder, &tickets);
	error = errno;
	explicit_bzero(&tickets, sizeof(tickets));
	if (fresh == -1) {
		text_cut(text, CHANNEL_TEXT, "%s/%s: no new keys: %s", path,
		    TICKETS_FILE, trouble_text(error));
		return fd;
	}
	if (fd != -1)
		(void)close(fd);
	return fresh;
}

/* One try; EWOULDBLOCK: worth another. */
static int
file_get(int folder, const char *path, char text[CHANNEL_TEXT])
{
	struct tickets tickets;
	int fd = file_open(folder, &tickets), lock, fresh, error;
	bool good = !due(&tickets);

	explicit_bzero(&tickets, sizeof(tickets));
	if (good)
		return fd;
	lock = lock_take(folder);
	error = errno;
	if (lock == -1) {
		if (error != EWOULDBLOCK)
			text_cut(text, CHANNEL_TEXT, "%s/%s: no new keys: %s",
			    path, TICKETS_FILE, strerror(error));
		errno = error;
		return fd;
	}
	fresh = file_renew(folder, path, text);
	(void)close(lock);
	if (fd != -1)
		(void)close(fd);
	errno = 0;
	return fresh;
}

int
tickets_open(const struct config *config, char text[CHANNEL_TEXT])
{
	static const struct timespec pause = {0, PAUSE * 1000000L};
	const char *path = config->state_directory;
	int folder = folder_open(path), fd = -1, tries;

	text[0] = '\0';
	if (folder == -1) {
		folder_trouble(path, text);
		return -1;
	}
	for (tries = 0; tries < TRIES; tries++) {
		fd = file_get(folder, path, text);
		if (fd != -1 || errno != EWOULDBLOCK)
			break;
		(void)nanosleep(&pause, NULL);
	}
	(void)close(folder);
	if (fd == -1 && text[0] == '\0')
		text_cut(text, CHANNEL_TEXT,
		    "%s/%s: no new keys: the lock is held", path, TICKETS_FILE);
	return fd;
}

void
signer_tickets_check(const struct config *config, char text[CHANNEL_TEXT])
{
	const char *path = config->state_directory;
	int folder = folder_open(path), fd, error;
	struct tickets tickets;

	if (folder == -1) {
		folder_trouble(path, text);
		return;
	}
	fd = file_open(folder, &tickets);
	error = fd == -1 ? errno : 0;
	explicit_bzero(&tickets, sizeof(tickets));
	/* What cannot be used is made anew, if anything can be made. */
	if (error != 0 && faccessat(folder, ".", W_OK, AT_EACCESS) == -1)
		fd = -2;
	(void)close(folder);
	text_cut(text, CHANNEL_TEXT, "%s%s/%s%s%s",
	    fd == -2 ? "no resumption: " : "", path, TICKETS_FILE,
	    error != 0 ? ": " : "",
	    error == 0          ? "" :
		error == ENOENT ? "not there yet" :
				  trouble_text(error));
	if (fd >= 0)
		(void)close(fd);
}
