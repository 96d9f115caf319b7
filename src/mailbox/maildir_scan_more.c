/*
 * maildir_scan_more.c - a Maildir to which mail was only delivered.
 *
 * Deliveries come to new/, and their names begin with the time.  So where
 * cur/ is as it was, all that is known of new/ is still there, and the rest
 * comes behind what is known, the view only grows.
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maildir_scan_parts.h"

/* The entry of list with just this name; UINT32_MAX: none. */
static uint32_t
more_find(const struct maildir_list *list, const char *text)
{
	const struct maildir_entry *e;
	uint32_t count, i;

	e = maildir_list_find(list, text, &count);
	for (i = 0; e != NULL && i < count; i++)
		if (strcmp(e[i].name, text) == 0)
			return (uint32_t)(e - list->entries) + i;
	return UINT32_MAX;
}

/* The message was in new/: it must be there still.  Marks it as known. */
static bool
more_there(struct scan *scan, const struct view_message *m, bool *known)
{
	char name[MAILDIR_NAME + 1];
	uint32_t at;

	if (view_parts_name(
		&scan->job->known->view, m->place, name, sizeof(name)) == -1)
		return false;
	at = more_find(&scan->list, name);
	if (at == UINT32_MAX || known[at] ||
	    scan->list.entries[at].inode != m->check)
		return false;
	known[at] = true;
	return true;
}

/* One pass over the known view: its sum, and what it has in new/. */
static bool
more_pass(struct scan *scan, bool *known, char *piece)
{
	const struct kept *kept = scan->job->known;
	uint64_t size = view_size(&kept->view.head), at = 0;
	const struct view_message *m;
	size_t want, i = sizeof(struct view_head) / sizeof(*m);
	uint32_t left = kept->view.head.count;
	struct kept_sum sum;
	bool there = true;

	kept_sum_init(&sum);
	for (; at < size && there; at += want, i = 0) {
		want =
		    size - at < KEPT_PIECE ? (size_t)(size - at) : KEPT_PIECE;
		if (pread_full(kept->view.fd, piece, want, at) != (ssize_t)want)
			return false;
		kept_sum_put(&sum, piece, want);
		m = (const void *)piece;
		for (; there && left > 0 && i < want / sizeof(*m); i++, left--)
			if ((m[i].flags & VIEW_NEW) != 0)
				there = more_there(scan, &m[i], known);
	}
	return there && kept_sum_end(&sum) == kept->sum;
}

/* Leave what is not known, in scan->list. */
static void
more_pack(struct maildir_list *list, const bool *known)
{
	uint32_t i, count = 0;

	list->names_size = 0;
	for (i = 0; i < list->count; i++) {
		if (known[i])
			continue;
		list->names_size += list->entries[i].is.length + 1U;
		list->entries[count++] = list->entries[i];
	}
	list->count = count;
}

/* Does all that is left come behind the last one known? */
static bool
more_behind(const struct scan *scan)
{
	const struct view_parts *view = &scan->job->known->view;
	const struct maildir_entry *e = scan->list.entries;
	char text[MAILDIR_NAME + 1];
	struct maildir_name name;
	struct view_message last;

	if (scan->list.count == 0)
		return true;
	if (view_parts_message(view, view->head.count - 1, &last) == -1 ||
	    view_parts_name(view, last.place, text, sizeof(text)) == -1)
		return false;
	maildir_name_read(&name, text, strlen(text));
	return maildir_order(&name, text, &e->is, e->name) < 0;
}

/* new/ has been read: is the view still good as far as it goes? */
static bool
more_judge(struct scan *scan)
{
	bool *known = calloc((size_t)scan->list.count + 1, sizeof(*known));
	char *piece = malloc(KEPT_PIECE);
	bool good = false;

	if (known != NULL && piece != NULL && more_pass(scan, known, piece)) {
		more_pack(&scan->list, known);
		good = more_behind(scan);
	}
	free(known);
	free(piece);
	return good;
}

int
scan_more(struct scan *scan)
{
	const struct maildir_scan_job *job = scan->job;
	DIR *folders[MAILDIR_FOLDERS] = {NULL};

	if (job->known == NULL || job->known->view.head.count == 0 ||
	    !job->same[MAILDIR_CUR] || job->same[MAILDIR_NEW])
		return 0;
	folders[MAILDIR_NEW] = job->folders[MAILDIR_NEW];
	if (maildir_list_read(&scan->list, folders, SCAN_TRIES) == -1)
		return -1;
	if (scan->list.changed || !more_judge(scan))
		return 0;
	scan->list.stamps[MAILDIR_CUR] = job->known->stamps[MAILDIR_CUR];
	scan->base = job->known->view.head;
	return 1;
}
