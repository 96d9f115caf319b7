/*
 * line_box.h - the mailbox of line_fuzz.c: made once, and its wire form worked
 * out the slow and plain way.
 */

#ifndef LINE_BOX_H
#define LINE_BOX_H

#include "line_back.h"

/* The wire form, the slow and plain way. */
static void
wire_plain(struct text *t, const char *text, size_t length)
{
	char last = '\n';
	size_t i;

	for (i = 0; i < length; i++) {
		if (last == '\n' && text[i] == '.')
			text_add(t, ".", 1);
		if (text[i] == '\n' && last != '\r')
			text_add(t, "\r", 1);
		text_add(t, text + i, 1);
		last = text[i];
	}
	if (last != '\n')
		text_add(t, "\r\n", 2);
}

static void
box_message(struct text *mbox, struct view_message *m, uint32_t i,
    const char *text, size_t length)
{
	static const char envelope[] = "From a Thu Jan  1 00:00:00 2026\n";
	struct wire_count count;
	struct text header = {NULL, 0, 0};
	size_t body;

	for (body = 1; body < length; body++) {
		if (text[body] == '\n' && text[body - 1] == '\n')
			break;
	}
	body = body < length ? body + 1 : length;
	m->place = mbox->length;
	m->envelope = (uint16_t)strlen(envelope);
	m->length = length;
	m->body = body;
	m->digest[0] = (uint8_t)i;
	text_add(mbox, envelope, strlen(envelope));
	text_add(mbox, text, length);
	m->check = view_message_check(m, mbox->octets + m->place);
	if (i == BROKEN)
		m->check++;
	if (i + 1 < MESSAGES)
		text_add(mbox, "\n", 1);
	wire_count_init(&count);
	wire_count_put(&count, text, length);
	m->octets = wire_count_end(&count);
	box.octets[i] = m->octets;
	wire_plain(&box.texts[i], text, length);
	wire_plain(&header, text, body);
	box.header[i] = header.length;
	free(header.octets);
}

static int
box_file(const void *octets, size_t length)
{
	int fd = memfd_create("box", 0);

	MUST(fd != -1 && write_full(fd, octets, length) == 0);
	return fd;
}

static void
box_view(const struct text *mbox, struct view_message *messages)
{
	struct {
		struct view_head head;
		struct view_message messages[MESSAGES];
	} v;
	struct stat st;
	uint32_t i;

	memset(&v, 0, sizeof(v));
	MUST(fstat(box.file, &st) == 0);
	v.head.magic = VIEW_MAGIC;
	v.head.format = VIEW_MBOX;
	v.head.count = MESSAGES;
	for (i = 0; i < MESSAGES; i++)
		v.head.octets += messages[i].octets;
	v.head.stamp.size = mbox->length;
	v.head.stamp.device = st.st_dev;
	v.head.stamp.inode = st.st_ino;
	v.head.stamp.mtime_s = st.st_mtim.tv_sec;
	v.head.stamp.mtime_ns = st.st_mtim.tv_nsec;
	v.head.stamp.ctime_s = st.st_ctim.tv_sec;
	v.head.stamp.ctime_ns = st.st_ctim.tv_nsec;
	memcpy(v.messages, messages, sizeof(v.messages));
	box.ready = true;
	box.view[0] = box_file(&v, sizeof(v));
	v.head.stamp.mtime_s--;
	box.view[1] = box_file(&v, sizeof(v));
}

static void
box_init(void)
{
	static const char plain[] = "Subject: a\n\n.dot\n..two\nline\n";
	static const char bare[] = "Subject: no body\n";
	static const char odd[] = "X: y\r\n\r\n\r.\rx\0y\xff\n.\n.end";
	static char big[BIG];
	struct view_message messages[MESSAGES];
	struct text mbox = {NULL, 0, 0};
	struct record r;
	uint32_t type;
	size_t i;

	memset(messages, 0, sizeof(messages));
	memset(big, 'x', sizeof(big));
	memcpy(big, "Subject: big\n\n", 14);
	for (i = 100; i < 12000; i += 17)
		memcpy(big + i, "\n.\n\n", 4);
	box_message(&mbox, &messages[0], 0, plain, sizeof(plain) - 1);
	box_message(&mbox, &messages[1], 1, bare, sizeof(bare) - 1);
	box_message(&mbox, &messages[2], 2, big, sizeof(big));
	box_message(&mbox, &messages[3], 3, "", 0);
	box_message(&mbox, &messages[4], 4, "\nx\n", 3);
	box_message(&mbox, &messages[5], BROKEN, plain, sizeof(plain) - 1);
	box_message(&mbox, &messages[6], 6, odd, sizeof(odd) - 1);
	box.file = box_file(mbox.octets, mbox.length);
	box_view(&mbox, messages);
	free(mbox.octets);
	memset(&r, 0, sizeof(r));
	for (type = 0; type < CHANNEL_TYPES; type++) {
		for (i = RECORD_HEAD; i <= sizeof(r); i++) {
			r.type = type;
			r.length = (uint32_t)i;
			if (channel_check(&r, i) == 0)
				box.lengths[type] = i;
		}
	}
}

#endif
