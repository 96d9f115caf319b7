/*
 * maildir_list.c - reading the two folders of a Maildir.
 *
 * new/ is read before cur/: what a reader moves meanwhile is then seen twice
 * rather than not at all.  Who renames within a folder while it is read may
 * hide a message from us, or show it twice: so the folders' times are looked
 * at again afterwards.
 *
 * 100,000 names must cost little more than the kernel needs to give them: one
 * piece of memory holds many names and never moves, and the order of delivery
 * is made by the octets of the times, not by comparing.
 */

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maildir_list.h"

#define CHUNK (256U * 1024)     /* octets of names allocated at once */
#define CHUNK_LARGE (8 * CHUNK) /* the same once there are many */
#define ENTRIES_FIRST 1024

struct maildir_chunk {
	struct maildir_chunk *next;
	size_t used, size;
	char octets[];
};

const char *const maildir_folders[MAILDIR_FOLDERS] = {
    [MAILDIR_CUR] = "cur",
    [MAILDIR_NEW] = "new",
};

int
maildir_stamp(int fd, struct view_stamp *stamp)
{
	struct stat st;

	memset(stamp, 0, sizeof(*stamp));
	if (fd == -1)
		return 0;
	if (platform_fstat(fd, &st) == -1)
		return -1;
	stamp->device = (uint64_t)st.st_dev;
	stamp->inode = (uint64_t)st.st_ino;
	stamp->size = (uint64_t)st.st_size;
	stamp->mtime_s = st.st_mtim.tv_sec;
	stamp->mtime_ns = st.st_mtim.tv_nsec;
	stamp->ctime_s = st.st_ctim.tv_sec;
	stamp->ctime_ns = st.st_ctim.tv_nsec;
	return 0;
}

void
maildir_list_free(struct maildir_list *list)
{
	struct maildir_chunk *chunk;

	while ((chunk = list->chunks) != NULL) {
		list->chunks = chunk->next;
		free(chunk);
	}
	free(list->entries);
	memset(list, 0, sizeof(*list));
}

static struct maildir_chunk *
maildir_list_chunk(struct maildir_list *list)
{
	size_t size = list->names_size < CHUNK_LARGE ? CHUNK : CHUNK_LARGE;
	struct maildir_chunk *chunk = platform_memory_large(size);

	if (chunk == NULL)
		return NULL;
	chunk->next = list->chunks;
	chunk->used = 0;
	chunk->size = size - sizeof(*chunk);
	list->chunks = chunk;
	return chunk;
}

/* A copy of a name that stays where it is; NULL with errno ENOMEM. */
static const char *
maildir_list_keep(struct maildir_list *list, const char *name, size_t length)
{
	struct maildir_chunk *chunk = list->chunks;
	char *copy;

	if (chunk == NULL || chunk->size - chunk->used < length + 1) {
		chunk = maildir_list_chunk(list);
		if (chunk == NULL)
			return NULL;
	}
	copy = chunk->octets + chunk->used;
	/*
	 * Not memcpy(): of one whose length is known to be small gcc makes an
	 * instruction that takes longer to begin than such a name to copy.
	 */
	(void)!text_copy(copy, length + 1, name, length);
	chunk->used += length + 1;
	list->names_size += length + 1;
	return copy;
}

static int
maildir_list_grow(struct maildir_list *list)
{
	uint32_t room = list->room == 0 ? ENTRIES_FIRST : 2 * list->room;
	void *entries;

	if (room > VIEW_MESSAGES_MAX)
		room = VIEW_MESSAGES_MAX;
	if (room == list->room) {
		errno = EFBIG;
		return -1;
	}
	entries = platform_memory_large(room * sizeof(*list->entries));
	if (entries == NULL)
		return -1;
	if (list->count > 0)
		memcpy(entries, list->entries,
		    list->count * sizeof(*list->entries));
	free(list->entries);
	list->entries = entries;
	list->room = room;
	return 0;
}

/* Does the folder say that it is no file?  Not every file system tells. */
static bool
maildir_odd(const struct dirent *d, bool *doubtful)
{
#ifdef DT_UNKNOWN
	*doubtful = d->d_type == DT_UNKNOWN;
	if (d->d_type != DT_REG && d->d_type != DT_UNKNOWN)
		return true;
#else
	*doubtful = true;
#endif
	return d->d_name[0] == '.';
}

static int
maildir_list_add(struct maildir_list *list, const struct dirent *d,
    enum maildir_folder folder)
{
	size_t length = strlen(d->d_name);
	struct maildir_entry *entry;
	bool doubtful;

	if (maildir_odd(d, &doubtful) || length > MAILDIR_NAME)
		return 0;
	if (list->count == list->room && maildir_list_grow(list) == -1)
		return -1;
	entry = &list->entries[list->count];
	entry->name = maildir_list_keep(list, d->d_name, length);
	if (entry->name == NULL)
		return -1;
	maildir_name_read(&entry->is, entry->name, length);
	entry->inode = (uint64_t)d->d_ino;
	entry->folder = (uint8_t)folder;
	entry->doubtful = doubtful;
	list->count++;
	return 0;
}

static int
maildir_list_folder(
    struct maildir_list *list, DIR *folder, enum maildir_folder which)
{
	struct dirent *d;

	if (folder == NULL)
		return 0;
	rewinddir(folder);
	while (errno = 0, (d = readdir(folder)) != NULL)
		if (maildir_list_add(list, d, which) == -1)
			return -1;
	return errno == 0 ? 0 : -1;
}

int
maildir_order(const struct maildir_name *a, const char *a_text,
    const struct maildir_name *b, const char *b_text)
{
	size_t least = a->base < b->base ? a->base : b->base;
	int order;

	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	order = memcmp(a_text, b_text, least);
	return order != 0 ? order : a->base - b->base;
}

/* By time, then those of one time by name. */
static int
maildir_sort(struct maildir_list *list)
{
	struct maildir_entry *sorted;
	struct maildir_key *keys;
	uint32_t i, k, count = list->count;

	if (count < 2)
		return 0;
	sorted = platform_memory_large(list->room * sizeof(*sorted));
	keys = platform_memory_large(count * sizeof(*keys));
	for (i = 0; keys != NULL && i < count; i++) {
		keys[i].key = list->entries[i].is.time;
		keys[i].index = i;
	}
	if (sorted == NULL || keys == NULL ||
	    maildir_sort_keys(keys, count) == -1) {
		free(sorted);
		free(keys);
		return -1;
	}
	for (i = 0; i < count; i++)
		sorted[i] = list->entries[keys[i].index];
	free(keys);
	for (i = 0; i < count; i = k) {
		for (k = i + 1; k < count; k++)
			if (sorted[k].is.time != sorted[i].is.time)
				break;
		maildir_sort_entries(sorted + i, list->entries, k - i);
	}
	free(list->entries);
	list->entries = sorted;
	return 0;
}

static bool
maildir_stamps_same(const struct view_stamp stamps[MAILDIR_FOLDERS],
    DIR *const folders[MAILDIR_FOLDERS])
{
	struct view_stamp now;
	int i;

	for (i = 0; i < MAILDIR_FOLDERS; i++) {
		if (maildir_stamp(folders[i] == NULL ? -1 : dirfd(folders[i]),
			&now) == -1 ||
		    memcmp(&now, &stamps[i], sizeof(now)) != 0)
			return false;
	}
	return true;
}

static int
maildir_list_once(
    struct maildir_list *list, DIR *const folders[MAILDIR_FOLDERS])
{
	int i;

	memset(list, 0, sizeof(*list));
	for (i = 0; i < MAILDIR_FOLDERS; i++)
		if (maildir_stamp(folders[i] == NULL ? -1 : dirfd(folders[i]),
			&list->stamps[i]) == -1)
			return -1;
	if (maildir_list_folder(list, folders[MAILDIR_NEW], MAILDIR_NEW) ==
		-1 ||
	    maildir_list_folder(list, folders[MAILDIR_CUR], MAILDIR_CUR) == -1)
		return -1;
	list->changed = !maildir_stamps_same(list->stamps, folders);
	return 0;
}

int
maildir_list_read(struct maildir_list *list,
    DIR *const folders[MAILDIR_FOLDERS], unsigned tries)
{
	do {
		maildir_list_free(list);
		if (maildir_list_once(list, folders) == -1)
			return -1;
	} while (list->changed && --tries > 0);
	return maildir_sort(list);
}

const struct maildir_entry *
maildir_list_find(
    const struct maildir_list *list, const char *text, uint32_t *count)
{
	uint32_t low = 0, high = list->count, middle;
	const struct maildir_entry *e;
	struct maildir_name name;

	maildir_name_read(&name, text, strlen(text));
	while (low < high) {
		middle = low + (high - low) / 2;
		e = &list->entries[middle];
		if (maildir_order(&e->is, e->name, &name, text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (high = low; high < list->count; high++) {
		e = &list->entries[high];
		if (maildir_order(&e->is, e->name, &name, text) != 0)
			break;
	}
	*count = high - low;
	return *count == 0 ? NULL : &list->entries[low];
}
