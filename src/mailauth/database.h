/*
 * database.h - the file of mailauth(8), mapped, and what its lines say.
 *
 * The first line is
 *
 *      #mailauth:1:KEY
 *
 * with 32 random octets, in hexadecimal digits, of which the entries of names
 * that are not there are made; then a line a user, sorted by the octets of
 * the names,
 *
 *      NAME:LOCKED:SHA-1:SHA-256:SECRET:HASH
 *
 * LOCKED is empty or "locked"; SHA-1 and SHA-256 are empty or
 * ITERATIONS,SALT,STOREDKEY,SERVERKEY; SECRET is the secret itself.  All octets
 * are in base64.  An entry has keys or a hash, never both and never none.
 * A file with anything else in it is damaged.
 */

#ifndef MAILAUTH_DATABASE_H
#define MAILAUTH_DATABASE_H

#include "mailauth.h"

#define DATABASE_KEY 32       /* octets */
#define DATABASE_HEADER 77    /* octets of the first line with its end */
#define ENTRY_LINE 2048       /* octets with the line end and a NUL */
#define ITERATIONS_LEAST 4096 /* RFC 7677, 4 */
#define ITERATIONS_MOST 10000000
#define ITERATIONS_DEFAULT 10000

struct database {
	const char *text; /* the mapped file */
	size_t length;
	uint8_t key[DATABASE_KEY];
};

/* The first line of a new database. */
void database_header(char header[DATABASE_HEADER + 1]);

/*
 * Map the file of this name in folder (AT_FDCWD: the current one).  0, or -1
 * with errno as mailauth_find().
 */
int database_open(struct database *db, int folder, const char *file) MUST_CHECK;
void database_close(struct database *db);

/*
 * The line at offset: its length without the line end; -1 with errno EBADMSG.
 */
ssize_t database_line(const struct database *db, size_t offset) MUST_CHECK;

/*
 * Where the first line is whose name does not come before this one: 1 when it
 * is that name's, else 0; -1 with errno EBADMSG.
 */
int database_seek(
    const struct database *db, const char *name, size_t *offset) MUST_CHECK;

/* Fill *entry with what this name is taken for that is not there. */
int database_pretend(const struct database *db, const char *name,
    struct mailauth_entry *entry) MUST_CHECK;

/*
 * The start of the line that this offset, behind the header, is in; -1 with
 * errno EBADMSG.
 */
ssize_t
database_line_start(const struct database *db, size_t offset) MUST_CHECK;

/* As strcmp() of two names, each up to its colon or NUL. */
int name_compare(const char *a, const char *b);

/* NULL, or why nobody can have such a name, for people. */
const char *name_trouble(const char *name);

/* A line without its end; 0, or -1 with errno EBADMSG. */
int entry_read(
    struct mailauth_entry *entry, const char *line, size_t length) MUST_CHECK;

/* The line with its end; its length. */
size_t entry_write(const struct mailauth_entry *entry, char line[ENTRY_LINE]);

/* "4096,SALT,STORED,SERVER"; 0, or -1 with errno EBADMSG. */
int keys_read(struct mailauth_keys *keys, enum mailauth_hash hash,
    const char *text, size_t length) MUST_CHECK;

/* The keys of a secret, with a new salt; 0, or -1 as mailauth_verify(). */
int keys_make(struct mailauth_keys *keys, enum mailauth_hash hash,
    const char *secret, uint32_t iterations) MUST_CHECK;

/* Octets of a key of this kind. */
size_t keys_size(enum mailauth_hash hash);

#endif
