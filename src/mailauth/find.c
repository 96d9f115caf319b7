/*
 * find.c - looking a name up, and what a name is taken for that is not there.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "database.h"

#define SAMPLES 32 /* lines of the file, that others are modelled on */
#define SAMPLE_WEIGHT (256U * ENTRY_LINE)

/* What an entry's password costs, and what its challenge shows. */
struct shape {
	uint32_t iterations[MAILAUTH_HASHES];
	uint32_t salt_length[MAILAUTH_HASHES];
	char hash[sizeof(((struct mailauth_entry *)0)->hash)];
	enum mailauth_hash password;
	uint32_t weight; /* a long line is found more often than a short one */
};

/* Octets that only whoever has the file can foretell. */
static int
octets_of(const struct database *db, const char *what, const char *name,
    uint8_t octets[CRYPTO_SHA256])
{
	char text[CHANNEL_NAME + 16];
	const struct crypto *crypto;

	crypto = crypto_load();
	if (crypto == NULL)
		return -1;
	text_cut(text, sizeof(text), "%s:%s", what, name);
	if (crypto->hmac(CRYPTO_HASH_SHA256, db->key, sizeof(db->key), text,
		strlen(text), octets) == 0)
		return 0;
	errno = EIO;
	return -1;
}

static int
shape_compare(const void *a, const void *b)
{
	const struct shape *x = a, *y = b;

	/* The salt of a hash is no part of its shape; its kind comes first. */
	if ((x->hash[0] == '\0') != (y->hash[0] == '\0'))
		return x->hash[0] == '\0' ? -1 : 1;
	if (x->hash[0] != '\0')
		return strcmp(x->hash, y->hash);
	if (memcmp(x->iterations, y->iterations, sizeof(x->iterations)) != 0)
		return memcmp(
		    x->iterations, y->iterations, sizeof(x->iterations));
	return memcmp(x->salt_length, y->salt_length, sizeof(x->salt_length));
}

static void
shape_take(struct shape *shape, const struct mailauth_entry *entry)
{
	size_t i;

	memset(shape, 0, sizeof(*shape));
	memcpy(shape->hash, entry->hash, sizeof(shape->hash));
	shape->password = entry->password;
	for (i = 0; i < MAILAUTH_HASHES; i++) {
		shape->iterations[i] = entry->keys[i].iterations;
		shape->salt_length[i] = entry->keys[i].salt_length;
	}
}

/*
 * Lines at even distances, as few as is cheap and as many as give kinds their
 * share.  Sorted, so that what a name is modelled on is the same kind again
 * when a change of the file moves the lines.
 */
static size_t
shapes_sample(const struct database *db, struct shape shapes[SAMPLES])
{
	size_t i, count = 0, room = db->length - DATABASE_HEADER;
	struct mailauth_entry entry;
	ssize_t start, length;

	if (room == 0)
		return 0;
	for (i = 0; i < SAMPLES; i++) {
		start = database_line_start(db,
		    DATABASE_HEADER + room / SAMPLES * i +
			room % SAMPLES * i / SAMPLES);
		if (start == -1)
			continue;
		length = database_line(db, (size_t)start);
		/* Somebody's line is damaged: not this name's fault. */
		if (length == -1 ||
		    entry_read(&entry, db->text + start, (size_t)length) == -1)
			continue;
		shape_take(&shapes[count], &entry);
		shapes[count++].weight = SAMPLE_WEIGHT / ((uint32_t)length + 1);
	}
	explicit_bzero(&entry, sizeof(entry));
	qsort(shapes, count, sizeof(shapes[0]), shape_compare);
	return count;
}

static int
keys_pretend(const struct database *db, const char *name,
    enum mailauth_hash hash, const struct shape *shape,
    struct mailauth_keys *keys)
{
	static const char *const what[MAILAUTH_HASHES][3] = {
	    [MAILAUTH_SHA1] = {"salt-1", "stored-1", "server-1"},
	    [MAILAUTH_SHA256] = {"salt-256", "stored-256", "server-256"}};
	uint8_t *to[3] = {keys->salt, keys->stored, keys->server};
	uint8_t octets[CRYPTO_SHA256];
	size_t i;

	keys->iterations = shape->iterations[hash];
	keys->salt_length = shape->salt_length[hash];
	if (keys->iterations == 0) {
		keys->iterations = ITERATIONS_DEFAULT;
		keys->salt_length = 16;
	}
	for (i = 0; i < 3; i++) {
		if (octets_of(db, what[hash][i], name, octets) == -1)
			return -1;
		memcpy(to[i], octets, sizeof(octets));
	}
	/* No one makes longer ones; it must only not show an end. */
	memcpy(keys->salt + sizeof(octets), keys->stored, sizeof(octets));
	return 0;
}

/* The one in whose part of all the weights these two octets point. */
static void
shape_pick(const struct shape *shapes, size_t count, const uint8_t octets[2],
    struct shape *shape)
{
	uint64_t all = 0, part;
	size_t i;

	for (i = 0; i < count; i++)
		all += shapes[i].weight;
	part = ((uint64_t)octets[0] << 8 | octets[1]) * all >> 16;
	for (i = 0; i + 1 < count && part >= shapes[i].weight; i++)
		part -= shapes[i].weight;
	*shape = shapes[i];
}

/*
 * Keys of a kind that the shape has none of are modelled on one that has, or a
 * default would show who has none.
 */
static void
shape_fill(struct shape *shape, enum mailauth_hash hash,
    const struct shape *shapes, size_t count, const uint8_t octets[2])
{
	struct shape keyed[SAMPLES], from;
	size_t i, n = 0;

	for (i = 0; i < count; i++) {
		if (shapes[i].iterations[hash] != 0)
			keyed[n++] = shapes[i];
	}
	if (shape->iterations[hash] == 0 && n > 0) {
		shape_pick(keyed, n, octets, &from);
		shape->iterations[hash] = from.iterations[hash];
		shape->salt_length[hash] = from.salt_length[hash];
	}
	explicit_bzero(keyed, sizeof(keyed));
	explicit_bzero(&from, sizeof(from));
}

int
database_pretend(
    const struct database *db, const char *name, struct mailauth_entry *entry)
{
	struct shape shapes[SAMPLES], shape;
	uint8_t octets[CRYPTO_SHA256];
	size_t count, length;
	int rc;

	memset(entry, 0, sizeof(*entry));
	memset(&shape, 0, sizeof(shape));
	shape.password = MAILAUTH_SHA256;
	if (text_copy(entry->name, sizeof(entry->name), name, strlen(name)) ==
		-1 ||
	    octets_of(db, "shape", name, octets) == -1)
		return -1;
	count = shapes_sample(db, shapes);
	if (count > 0)
		shape_pick(shapes, count, octets, &shape);
	shape_fill(&shape, MAILAUTH_SHA1, shapes, count, octets + 2);
	shape_fill(&shape, MAILAUTH_SHA256, shapes, count, octets + 2);
	entry->password = shape.password;
	length = strlen(shape.hash);
	if (length > 0) {
		memcpy(entry->hash, shape.hash, length);
		entry->hash[length - 1] =
		    entry->hash[length - 1] == '.' ? '/' : '.';
	}
	rc = keys_pretend(
	    db, name, MAILAUTH_SHA1, &shape, &entry->keys[MAILAUTH_SHA1]);
	if (rc == 0)
		rc = keys_pretend(db, name, MAILAUTH_SHA256, &shape,
		    &entry->keys[MAILAUTH_SHA256]);
	explicit_bzero(shapes, sizeof(shapes));
	explicit_bzero(&shape, sizeof(shape));
	return rc;
}

/* Both are worked out for every name, so that they cost the same. */
int
mailauth_find(const char *file, const char *name, struct mailauth_entry *entry)
{
	struct mailauth_entry there;
	struct database db;
	int found, error;
	ssize_t length;
	size_t at;

	if (database_open(&db, AT_FDCWD, file) == -1)
		return -1;
	/* A colon would end the name before its end. */
	found = name_trouble(name) == NULL ? database_seek(&db, name, &at) : 0;
	if (found != -1 && database_pretend(&db, name, entry) == -1)
		found = -1;
	if (found == 1) {
		length = database_line(&db, at);
		if (length == -1 ||
		    entry_read(&there, db.text + at, (size_t)length) == -1)
			found = -1;
		else
			*entry = there;
	}
	error = errno;
	explicit_bzero(&there, sizeof(there));
	database_close(&db);
	errno = error;
	return found;
}

int
mailauth_pretend(
    const char *file, const char *name, struct mailauth_entry *entry)
{
	struct database db;
	int rc, error;

	if (database_open(&db, AT_FDCWD, file) == -1)
		return -1;
	rc = database_pretend(&db, name, entry);
	error = errno;
	database_close(&db);
	errno = error;
	return rc;
}
