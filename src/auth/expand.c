/*
 * expand.c - the mailbox template of an account.
 *
 * The name came over the network; the method said that it is right, but
 * where a module or a virtual user's file decides that, anything may be.  So
 * no part of it may be more than a part of one file name.
 */

#include <errno.h>
#include <string.h>

#include "method.h"

struct expansion {
	char *dst;
	size_t size;        /* with the NUL */
	size_t used;        /* without; less than size */
	const char *domain; /* of a name that has none; "" = there is none */
};

size_t
mailbox_prefix(const char *text)
{
	static const char *const prefixes[] = {"mbox:", "maildir:", "auto:"};
	size_t i, length;

	for (i = 0; i < ARRAY_SIZE(prefixes); i++) {
		length = strlen(prefixes[i]);
		if (strncmp(text, prefixes[i], length) == 0)
			return length;
	}
	return 0;
}

static int
expansion_put(struct expansion *out, const char *text, size_t length)
{
	if (text_copy(out->dst + out->used, out->size - out->used, text,
		length) == -1)
		return -1;
	out->used += length;
	return 0;
}

static bool
text_controlled(const char *text, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return true;
	}
	return false;
}

/* A leading dot: "." and "..", and the hidden files of other programs. */
static bool
part_harmless(const char *part, size_t length)
{
	return length > 0 && part[0] != '.' &&
	    memchr(part, '/', length) == NULL && !text_controlled(part, length);
}

static int
part_put(struct expansion *out, const char *part, size_t length)
{
	if (!part_harmless(part, length)) {
		errno = EINVAL;
		return -1;
	}
	return expansion_put(out, part, length);
}

/*
 * %n and %d.  With two "@" programs differ in which one divides the name, and
 * then two users might share one mailbox.
 */
static int
address_put(struct expansion *out, const char *name, char which)
{
	const char *at;

	at = strchr(name, '@');
	if (at != NULL && strchr(at + 1, '@') != NULL) {
		errno = EINVAL;
		return -1;
	}
	if (which == 'd')
		return at == NULL ?
		    part_put(out, out->domain, strlen(out->domain)) :
		    part_put(out, at + 1, strlen(at + 1));
	return part_put(
	    out, name, at == NULL ? strlen(name) : (size_t)(at - name));
}

/* Without the slashes at its end, so that "~/x" has no "//" where it is "/". */
static int
home_put(struct expansion *out, const char *home)
{
	size_t length;

	length = strlen(home);
	if (home[0] != '/' || text_controlled(home, length)) {
		errno = EINVAL;
		return -1;
	}
	while (length > 0 && home[length - 1] == '/')
		length--;
	return expansion_put(out, home, length);
}

static int
letter_put(struct expansion *out, const struct ch_account *account, char letter)
{
	switch (letter) {
	case 'u':
		return part_put(out, account->name, strlen(account->name));
	case 'n':
	case 'd':
		return address_put(out, account->name, letter);
	case 'h':
		return home_put(out, account->home);
	case '%':
		return expansion_put(out, "%", 1);
	default:
		errno = EINVAL;
		return -1;
	}
}

/* One pass: what was put in is never looked at again. */
static int
template_put(
    struct expansion *out, const struct ch_account *account, const char *path)
{
	size_t length;

	if (path[0] == '~' && path[1] == '/') {
		if (home_put(out, account->home) == -1)
			return -1;
		path++;
	}
	while (*path != '\0') {
		length = strcspn(path, "%");
		if (expansion_put(out, path, length) == -1)
			return -1;
		path += length;
		if (*path == '\0')
			break;
		if (letter_put(out, account, path[1]) == -1)
			return -1;
		path += 2;
	}
	return 0;
}

int
mailbox_expand(const char *mailbox, const char *domain,
    const struct ch_account *account, char *dst, size_t size)
{
	struct expansion out = {dst, size, 0, domain};
	size_t prefix;
	int rc;

	prefix = mailbox_prefix(mailbox);
	rc = -1;
	errno = EINVAL;
	if (prefix > 0 && part_harmless(account->name, strlen(account->name)))
		rc = expansion_put(&out, mailbox, prefix);
	if (rc == 0)
		rc = template_put(&out, account, mailbox + prefix);
	if (rc == 0 && dst[prefix] != '/') {
		errno = EINVAL;
		rc = -1;
	}
	if (rc == -1 && size > 0)
		dst[0] = '\0';
	return rc;
}
