/*
 * maildir_list.h - the names in a Maildir, and what they say.
 */

#ifndef MAILDIR_LIST_H
#define MAILDIR_LIST_H

#include <dirent.h>

#include "view.h"

#define MAILDIR_NAME 255 /* octets of a file's name, in every file system */
#define MAILDIR_SIZE_UNKNOWN UINT64_MAX

/*
 * A size in a name above this is not believed, and a file that is larger no
 * message: so that no sum of sizes is too large for its number.
 */
#define MAILDIR_SIZE_MAX (UINT64_C(1) << 39)

enum maildir_folder { MAILDIR_CUR, MAILDIR_NEW, MAILDIR_FOLDERS };

/* "cur" and "new". */
extern const char *const maildir_folders[MAILDIR_FOLDERS];

/* What a name says: TIME.UNIQUE.HOST,S=SIZE,W=WIRE:2,FLAGS */
struct maildir_name {
	uint64_t time;       /* of delivery, s; 0 where it says none */
	uint64_t size, wire; /* ,S= and ,W=; MAILDIR_SIZE_UNKNOWN */
	uint8_t length;      /* octets of the whole */
	uint8_t base;        /* of these, before the info part */
	bool legal;  /* the base name can be a unique-id (RFC 1939, 7) */
	bool digest; /* it might be that of another's digest */
};

/* length is at most MAILDIR_NAME. */
void
maildir_name_read(struct maildir_name *name, const char *text, size_t length);

/* Are its sizes possible together, so that octets on the wire are known? */
bool maildir_name_sized(const struct maildir_name *name);

/* Is this flag in the info part of text? */
bool maildir_name_flag(const char *text, char flag);

/*
 * The name in cur/ of what is text now, flagged as seen where that is wanted;
 * -1 with errno ENAMETOOLONG.
 */
int maildir_name_cur(
    char dst[MAILDIR_NAME + 1], const char *text, bool seen) MUST_CHECK;

/* A file that may be a message. */
struct maildir_entry {
	struct maildir_name is;
	const char *name; /* NUL-terminated; the list's */
	uint64_t inode;
	uint8_t folder; /* enum maildir_folder */
	bool doubtful;  /* the folder did not say that it is a file */
};

struct maildir_chunk;

/* In order of delivery: time, then base name, then folder and whole name. */
struct maildir_list {
	struct maildir_entry *entries;
	uint32_t count;
	uint32_t room;
	struct maildir_chunk *chunks; /* the names */
	uint64_t names_size;          /* octets of all, each with its NUL */
	struct view_stamp stamps[MAILDIR_FOLDERS]; /* before they were read */
	bool changed; /* others changed a folder meanwhile */
};

/*
 * Read both folders (each may be NULL: it does not exist) from their
 * beginnings, up to tries times while others change them.  0, or -1 with
 * errno; EFBIG: more than VIEW_MESSAGES_MAX.  list is all 0, or was read
 * before; to be freed in any case.
 */
int maildir_list_read(struct maildir_list *list,
    DIR *const folders[MAILDIR_FOLDERS], unsigned tries) MUST_CHECK;
void maildir_list_free(struct maildir_list *list);

/* Sorting (maildir_sort.c) */

struct maildir_key {
	uint64_t key;
	uint32_t index;
};

/* By key; equal ones stay in order.  0, or -1 with errno ENOMEM. */
int maildir_sort_keys(struct maildir_key *keys, uint32_t count) MUST_CHECK;

/* Entries of one time, with room for as many. */
void maildir_sort_entries(
    struct maildir_entry *entries, struct maildir_entry *room, uint32_t count);

/* Order by time, then by base name. */
int maildir_order(const struct maildir_name *a, const char *a_text,
    const struct maildir_name *b, const char *b_text);

/*
 * The first entry with the base name of text, and how many there are (one
 * after the other); NULL: none.
 */
const struct maildir_entry *maildir_list_find(
    const struct maildir_list *list, const char *text, uint32_t *count);

/* What fstat() says of a folder; all 0 when fd is -1.  -1 with errno. */
int maildir_stamp(int fd, struct view_stamp *stamp) MUST_CHECK;

#endif
