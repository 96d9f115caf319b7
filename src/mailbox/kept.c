/*
 * kept.c - a view that one session leaves to the next.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kept.h"

#define KEPT_MAGIC 0x32574d5643503350U /* changes with the layout */
#define KEPT_MAX ((uint64_t)1 << 31)   /* octets; larger ones are not kept */
#define KEPT_NAME 300 /* octets of a file's name, ".new", NUL */
#define KEPT_FLAGS (O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)

struct kept_tail {
	uint64_t magic;
	uint64_t size; /* octets of the view */
	uint64_t sum;  /* of the view */
	uint32_t settled;
	uint32_t sampled;
	struct view_stamp stamps[KEPT_STAMPS];
	uint64_t head;  /* view_check() of the view's head */
	uint64_t check; /* view_check() of what is above */
};

void
kept_sum_init(struct kept_sum *sum)
{
	memset(sum, 0, sizeof(*sum));
}

/* One block of KEPT_BLOCK octets. */
static inline void
kept_sum_block(uint64_t lane[KEPT_LANES], const unsigned char *octets)
{
	uint64_t word[KEPT_LANES];
	size_t i;

	memcpy(word, octets, sizeof(word));
#pragma GCC unroll 8
	for (i = 0; i < KEPT_LANES; i++) {
		lane[i] = (lane[i] ^ word[i]) * 0x9e3779b97f4a7c15U;
		lane[i] = lane[i] << 35 | lane[i] >> 29;
	}
}

void
kept_sum_put(struct kept_sum *sum, const void *octets, size_t length)
{
	const unsigned char *s = octets;
	unsigned char last[KEPT_BLOCK] = {0};
	uint64_t lane[KEPT_LANES];

	memcpy(lane, sum->lane, sizeof(lane));
	for (; length >= KEPT_BLOCK; length -= KEPT_BLOCK) {
		kept_sum_block(lane, s);
		s += KEPT_BLOCK;
	}
	if (length > 0) {
		memcpy(last, s, length);
		kept_sum_block(lane, last);
	}
	memcpy(sum->lane, lane, sizeof(lane));
}

uint64_t
kept_sum_end(const struct kept_sum *sum)
{
	return view_check(sum->lane, sizeof(sum->lane));
}

static uint64_t
kept_tail_check(const struct kept_tail *tail)
{
	return view_check(tail, offsetof(struct kept_tail, check));
}

/* The tail of a file of ours; -1 when it is none. */
static int
kept_tail_read(int fd, struct kept_tail *tail)
{
	struct stat st;
	uint64_t size;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid() || st.st_size < (off_t)sizeof(*tail))
		return -1;
	size = (uint64_t)st.st_size - sizeof(*tail);
	if (size > KEPT_MAX ||
	    pread_full(fd, tail, sizeof(*tail), size) !=
		(ssize_t)sizeof(*tail) ||
	    tail->magic != KEPT_MAGIC || tail->size != size ||
	    tail->check != kept_tail_check(tail))
		return -1;
	return 0;
}

int
kept_open(
    int folder, const char *name, enum view_format format, struct kept *kept)
{
	int fd = openat(folder, name, O_RDONLY | KEPT_FLAGS);
	struct view_parts *view = &kept->view;
	struct kept_tail tail;

	memset(kept, 0, sizeof(*kept));
	view->fd = view->base = -1;
	if (fd == -1)
		return -1;
	if (kept_tail_read(fd, &tail) == 0 &&
	    view_parts_open(view, fd, -1) == 0 &&
	    view->head.format == (uint32_t)format &&
	    view_size(&view->head) == tail.size &&
	    view_check(&view->head, sizeof(view->head)) == tail.head) {
		kept->sum = tail.sum;
		kept->settled = tail.settled;
		kept->sampled = tail.sampled != 0;
		memcpy(kept->stamps, tail.stamps, sizeof(kept->stamps));
		return 0;
	}
	close(fd);
	view->fd = -1;
	return -1;
}

bool
kept_whole(const struct kept *kept)
{
	uint64_t size = view_size(&kept->view.head), at = 0;
	char *piece = malloc(KEPT_PIECE);
	struct kept_sum sum;
	ssize_t n = 1;

	kept_sum_init(&sum);
	for (; piece != NULL && at < size && n > 0; at += (uint64_t)n) {
		size_t want =
		    size - at < KEPT_PIECE ? (size_t)(size - at) : KEPT_PIECE;

		n = pread_full(kept->view.fd, piece, want, at);
		if (n != (ssize_t)want)
			break;
		kept_sum_put(&sum, piece, want);
	}
	free(piece);
	return at == size && kept_sum_end(&sum) == kept->sum;
}

/* A view on its way to its file. */
struct kept_writer {
	int fd;
	uint64_t at; /* of what is in piece */
	size_t used; /* of it */
	char *piece; /* KEPT_PIECE octets */
	struct kept_sum sum;
};

static int
writer_flush(struct kept_writer *w)
{
	kept_sum_put(&w->sum, w->piece, w->used);
	if (pwrite_full(w->fd, w->piece, w->used, w->at) == -1)
		return -1;
	w->at += w->used;
	w->used = 0;
	return 0;
}

/* From octets, or where that is NULL from fd at offset. */
static int
writer_put(struct kept_writer *w, const char *octets, int fd, uint64_t offset,
    uint64_t length)
{
	while (length > 0) {
		size_t n = KEPT_PIECE - w->used;

		if (n > length)
			n = (size_t)length;
		if (octets != NULL) {
			memcpy(w->piece + w->used, octets, n);
			octets += n;
		} else if (pread_full(fd, w->piece + w->used, n, offset) !=
		    (ssize_t)n) {
			errno = EBADMSG;
			return -1;
		}
		offset += n;
		length -= n;
		w->used += n;
		if (w->used == KEPT_PIECE && writer_flush(w) == -1)
			return -1;
	}
	return 0;
}

/* A view that stands in one file or two, as one. */
static int
writer_put_parts(struct kept_writer *w, const struct view_parts *view)
{
	const struct view_head *h = &view->head;
	uint64_t start = sizeof(*h), one = sizeof(struct view_message);
	uint64_t own = (h->count - h->base) * one;

	if (writer_put(w, NULL, view->base, start, h->base * one) == -1 ||
	    writer_put(w, NULL, view->fd, start, own) == -1 ||
	    writer_put(w, NULL, view->base, start + h->base * one,
		h->base_names) == -1)
		return -1;
	return writer_put(
	    w, NULL, view->fd, start + own, h->names_size - h->base_names);
}

static int
kept_put(struct kept_writer *w, const struct kept *kept, const void *data)
{
	struct view_head head = kept->view.head;
	uint64_t size = view_size(&head);
	struct kept_tail tail;
	int failed;

	head.base = 0;
	head.base_names = 0;
	if (writer_put(w, (const char *)&head, -1, 0, sizeof(head)) == -1)
		return -1;
	failed = data == NULL ? writer_put_parts(w, &kept->view) :
				writer_put(w, (const char *)data + sizeof(head),
				    -1, 0, size - sizeof(head));
	if (failed == -1 || writer_flush(w) == -1)
		return -1;
	memset(&tail, 0, sizeof(tail));
	tail.magic = KEPT_MAGIC;
	tail.size = size;
	tail.sum = kept_sum_end(&w->sum);
	tail.settled = kept->settled;
	tail.sampled = kept->sampled;
	memcpy(tail.stamps, kept->stamps, sizeof(tail.stamps));
	tail.head = view_check(&head, sizeof(head));
	tail.check = kept_tail_check(&tail);
	return pwrite_full(w->fd, &tail, sizeof(tail), size);
}

int
kept_write(
    int folder, const char *name, const struct kept *kept, const void *data)
{
	struct kept_writer w;
	char new[KEPT_NAME];
	int number, result;

	if (view_size(&kept->view.head) > KEPT_MAX) {
		errno = EFBIG;
		return -1;
	}
	memset(&w, 0, sizeof(w));
	if (text_print(new, sizeof(new), "%s.new", name) == -1)
		return -1;
	(void)unlinkat(folder, new, 0);
	w.fd =
	    openat(folder, new, O_WRONLY | O_CREAT | O_EXCL | KEPT_FLAGS, 0600);
	if (w.fd == -1)
		return -1;
	w.piece = malloc(KEPT_PIECE);
	result = w.piece == NULL ? -1 : kept_put(&w, kept, data);
	number = errno;
	free(w.piece);
	if (close(w.fd) == -1 && result == 0) {
		number = errno;
		result = -1;
	}
	if (result == 0 && renameat(folder, new, folder, name) == 0)
		return 0;
	if (result == 0)
		number = errno;
	(void)unlinkat(folder, new, 0);
	errno = number;
	return -1;
}
