/*
 * tls_hello.h - records and ClientHellos, to be changed and to be read, with
 * nothing of OpenSSL's.
 */

#ifndef TLS_HELLO_H
#define TLS_HELLO_H

#include "line_back.h"

#define RECORD 5 /* octets before a record's own */
#define MESSAGE 4
#define PARTS 32 /* extensions of a hello that are looked at */

/* Octets that are looked through, never past their end. */
struct view_of {
	const uint8_t *p;
	size_t left;
};

static size_t
number_at(const void *octets, size_t size)
{
	const uint8_t *p = octets;
	size_t n = 0;

	for (; size > 0; size--)
		n = n << 8 | *p++;
	return n;
}

static void
number_to(void *octets, size_t size, size_t n)
{
	uint8_t *p = octets;

	for (; size > 0; size--, n >>= 8)
		p[size - 1] = (uint8_t)n;
}

/* So many octets out of it; NULL: there are not so many. */
static const uint8_t *
out_of(struct view_of *v, size_t length)
{
	const uint8_t *p = v->p;

	if (length > v->left)
		return NULL;
	v->p += length;
	v->left -= length;
	return p;
}

/* What has its length in so many octets before it. */
static bool
vector_of(struct view_of *v, size_t size, struct view_of *in)
{
	const uint8_t *head = out_of(v, size);

	if (head == NULL)
		return false;
	in->left = number_at(head, size);
	in->p = out_of(v, in->left);
	return in->p != NULL;
}

struct tls_record {
	unsigned type, version;
	struct view_of body;
};

/* The next whole record. */
static bool
record_of(struct view_of *v, struct tls_record *r)
{
	const uint8_t *head = out_of(v, RECORD - 2);

	if (head == NULL)
		return false;
	r->type = head[0];
	r->version = (unsigned)number_at(head + 1, 2);
	return vector_of(v, 2, &r->body);
}

/* Changes */

static void
text_splice(struct text *t, size_t at, size_t gone, const void *new, size_t n)
{
	struct text result = {NULL, 0, 0};

	if (t->length == 0) {
		text_add(t, new, n);
		return;
	}
	at = at > t->length ? t->length : at;
	gone = gone > t->length - at ? t->length - at : gone;
	text_add(&result, t->octets, at);
	text_add(&result, new, n);
	text_add(&result, t->octets + at + gone, t->length - at - gone);
	free(t->octets);
	*t = result;
}

static size_t
records_count(const struct text *flight, unsigned type)
{
	struct view_of v = {(const uint8_t *)flight->octets, flight->length};
	struct tls_record r;
	size_t count = 0;

	while (record_of(&v, &r))
		count += r.type == type;
	return count;
}

static void
record_add(struct text *t, const struct tls_record *r, size_t at, size_t n)
{
	uint8_t head[RECORD];

	head[0] = (uint8_t)r->type;
	number_to(head + 1, 2, r->version);
	number_to(head + 3, 2, n);
	text_add(t, head, sizeof(head));
	text_add(t, r->body.p + at, n);
}

/* A handshake in the clear in records of so many octets. */
static void
records_split(struct text *flight, size_t most)
{
	struct view_of v = {(const uint8_t *)flight->octets, flight->length};
	struct text result = {NULL, 0, 0};
	struct tls_record r;
	bool clear = true;
	size_t at, n;

	while (record_of(&v, &r)) {
		clear = clear && r.type == 22;
		for (at = 0; at < r.body.left; at += n) {
			n = r.body.left - at;
			if (clear && n > most)
				n = most;
			record_add(&result, &r, at, n);
		}
	}
	text_add(&result, v.p, v.left);
	free(flight->octets);
	*flight = result;
}

static void
records_swap(struct text *flight, uint64_t which)
{
	struct view_of v = {(const uint8_t *)flight->octets, flight->length};
	struct text result = {NULL, 0, 0};
	size_t count = 0, i;
	struct tls_record r[PARTS];

	while (count < PARTS && record_of(&v, &r[count]))
		count++;
	for (i = 0; i < count; i++) {
		if (i == which % count && i + 1 < count) {
			record_add(&result, &r[i + 1], 0, r[i + 1].body.left);
			record_add(&result, &r[i], 0, r[i].body.left);
			i++;
		} else
			record_add(&result, &r[i], 0, r[i].body.left);
	}
	text_add(&result, v.p, v.left);
	free(flight->octets);
	*flight = result;
}

/* The extensions of a ClientHello's body. */
static bool
hello_extensions(struct view_of body, struct view_of *list)
{
	struct view_of part;

	return out_of(&body, 2 + 32) != NULL && vector_of(&body, 1, &part) &&
	    vector_of(&body, 2, &part) && vector_of(&body, 1, &part) &&
	    vector_of(&body, 2, list);
}

/* New octets in the place of some in the list, with all lengths set right. */
static void
hello_splice(struct text *flight, const struct view_of *list, const uint8_t *at,
    size_t gone, const void *new, size_t n)
{
	size_t length = list->left - gone + n, change = n - gone;
	size_t place = (size_t)(at - (const uint8_t *)flight->octets);
	char *begin = flight->octets;

	number_to((uint8_t *)(uintptr_t)list->p - 2, 2, length);
	number_to(begin + 3, 2, number_at(begin + 3, 2) + change);
	number_to(begin + 6, 3, number_at(begin + 6, 3) + change);
	text_splice(flight, place, gone, new, n);
}

/* By its parts: an extension doubled, gone, with other octets, or a new one. */
static void
hello_edit(
    struct text *flight, uint64_t which, const uint8_t *octets, uint64_t n)
{
	struct view_of v = {(const uint8_t *)flight->octets, flight->length};
	struct view_of list, rest, part[PARTS];
	const uint8_t *begin[PARTS];
	uint8_t fresh[4 + 64];
	struct tls_record r;
	size_t count = 0, size;

	if (n == 0 || !record_of(&v, &r) || r.type != 22 ||
	    out_of(&r.body, MESSAGE) == NULL || r.body.p[-MESSAGE] != 1 ||
	    !hello_extensions(r.body, &list))
		return;
	for (rest = list; count < PARTS; count++) {
		begin[count] = rest.p;
		if (out_of(&rest, 2) == NULL ||
		    !vector_of(&rest, 2, &part[count]))
			break;
	}
	if (count == 0)
		return;
	which %= count;
	size = 4 + part[which].left;
	memcpy(fresh, begin[which], 2);
	memcpy(fresh + 4, octets + 1, n - 1);
	number_to(fresh + 2, 2, n - 1);
	if (octets[0] % 4 == 0)
		hello_splice(
		    flight, &list, begin[which], 0, begin[which], size);
	else if (octets[0] % 4 == 1)
		hello_splice(flight, &list, begin[which], size, "", 0);
	else if (octets[0] % 4 == 2)
		hello_splice(flight, &list, begin[which], size, fresh, 3 + n);
	else if (n > 2) {
		/* Of any type: also one that the client does not have. */
		memcpy(fresh, "\0\20", 2);
		fresh[1] = octets[0] / 4 % 64;
		hello_splice(flight, &list, begin[which], 0, fresh, 3 + n);
	}
}

/* Reading */

/* No list of protocols, or one that has pop3 in it. */
static bool
hello_fits(struct view_of body)
{
	struct view_of list, data, protocols, name;
	const uint8_t *type;

	if (!hello_extensions(body, &list))
		return true;
	while (
	    (type = out_of(&list, 2)) != NULL && vector_of(&list, 2, &data)) {
		if (number_at(type, 2) != 16)
			continue;
		if (!vector_of(&data, 2, &protocols))
			return false;
		while (vector_of(&protocols, 1, &name)) {
			if (name.left == 4 && memcmp(name.p, "pop3", 4) == 0)
				return true;
		}
		return false;
	}
	return true;
}

/* The messages of a handshake in the clear, one behind the other. */
static void
messages_join(const struct text *from, struct text *to)
{
	struct view_of v = {(const uint8_t *)from->octets, from->length};
	struct tls_record r;

	while (record_of(&v, &r) && r.type >= 20 && r.type <= 22) {
		if (r.type == 22)
			text_add(to, r.body.p, r.body.left);
	}
}

/* The ClientHello of this number fits; also what is none of SSL 3's form. */
static bool
hello_judge(const struct text *sent, unsigned number)
{
	struct text joined = {NULL, 0, 0};
	struct view_of v, body;
	const uint8_t *type;
	bool fits = true;

	if (sent->length > 2 && (sent->octets[0] & 0x80) != 0)
		return true;
	messages_join(sent, &joined);
	v = (struct view_of){(const uint8_t *)joined.octets, joined.length};
	while ((type = out_of(&v, 1)) != NULL && vector_of(&v, 3, &body)) {
		if (*type == 1 && number-- == 0) {
			fits = hello_fits(body);
			break;
		}
	}
	free(joined.octets);
	return fits;
}

#endif
