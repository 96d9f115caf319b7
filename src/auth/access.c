/*
 * access.c - the access file.
 *
 * The whole file is read for each login: that a line is damaged shall be seen
 * by the first who logs in, not by the first whom it means.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "access.h"
#include "trusted.h"
#include "users.h"

#define ACCESS_MAX (16U << 20) /* octets of the file */
#define ADDRESS_TEXT 64        /* octets of an address, with the NUL */
#define MAPPED 96              /* bits before the address in ::ffff:a.b.c.d */

/* As they stand in the file, and in struct verifier_facts. */
static const struct {
	const char *name, *method;
} ways[] = {
    {"password", "USER"},
    {"apop", "APOP"},
    {"plain", "PLAIN"},
    {"login", "LOGIN"},
    {"cram-md5", "CRAM-MD5"},
    {"scram-sha-1", "SCRAM-SHA-1"},
    {"scram-sha-256", "SCRAM-SHA-256"},
    {"scram-sha-1-plus", "SCRAM-SHA-1-PLUS"},
    {"scram-sha-256-plus", "SCRAM-SHA-256-PLUS"},
    {"external", "EXTERNAL"},
};

/* An address of either family; one of IPv4 in its last octets. */
struct address {
	bool v4;
	uint8_t octets[16];
};

/* A line on its way; why: a sentence about what is wrong with it. */
struct reading {
	const struct verifier_facts *facts;
	struct access_rule *rule;
	unsigned seen; /* of options, a bit each */
	char why[CHANNEL_TEXT];
};

uint32_t
access_mechanism(const char *method)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		if (strcmp(ways[i].method, method) == 0)
			return 1U << i;
	}
	return 0;
}

/* IPv4 in IPv6 is IPv4. */
static int
address_parse(const char *text, struct address *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, text, a->octets + sizeof(mapped)) == 1) {
		memcpy(a->octets, mapped, sizeof(mapped));
		a->v4 = true;
		return 0;
	}
	if (inet_pton(AF_INET6, text, a->octets) != 1)
		return -1;
	a->v4 = memcmp(a->octets, mapped, sizeof(mapped)) == 0;
	return 0;
}

/* "ADDRESS" or "ADDRESS/BITS": the number of bits counts from octets[0]. */
static int
network_parse(char *text, struct address *a, uint64_t *bits)
{
	char *slash = strchr(text, '/');
	bool dotted = strchr(text, ':') == NULL;

	*bits = 128;
	if (slash != NULL) {
		*slash++ = '\0';
		if (number_get(
			slash, strlen(slash), 0, dotted ? 32 : 128, bits) == -1)
			return -1;
		if (dotted)
			*bits += MAPPED;
	}
	return address_parse(text, a);
}

static bool
network_has(
    const struct address *network, uint64_t bits, const struct address *peer)
{
	size_t octets = (size_t)bits / 8;
	unsigned rest = (unsigned)bits % 8;

	/* "::/0" means IPv6. */
	if (network->v4 != peer->v4 ||
	    memcmp(network->octets, peer->octets, octets) != 0)
		return false;
	return rest == 0 ||
	    ((network->octets[octets] ^ peer->octets[octets]) >> (8 - rest)) ==
	    0;
}

/* The next of a list with commas, cut off; NULL after the last. */
static char *
value_next(char **list)
{
	char *word = *list;

	if (word == NULL)
		return NULL;
	*list = strchr(word, ',');
	if (*list != NULL)
		*(*list)++ = '\0';
	return word;
}

static int
networks_read(struct reading *r, char *list)
{
	struct address network, peer;
	bool internet = address_parse(r->facts->peer, &peer) == 0;
	uint64_t bits;
	char *word;

	r->rule->networks = true;
	while ((word = value_next(&list)) != NULL) {
		if (strcmp(word, "local") == 0) {
			if (!internet)
				r->rule->inside = true;
			continue;
		}
		if (network_parse(word, &network, &bits) == -1) {
			text_cut(r->why, sizeof(r->why),
			    "'%.100s' is no network", word);
			return -1;
		}
		if (internet && network_has(&network, bits, &peer))
			r->rule->inside = true;
	}
	return 0;
}

/* With a mechanism goes what is the same and more: it, bound to TLS. */
static uint32_t
mechanisms_meant(const char *word)
{
	size_t length = strlen(word), i;
	uint32_t meant = 0;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		if (strcasecmp(ways[i].name, word) == 0 ||
		    (strncasecmp(ways[i].name, word, length) == 0 &&
			strcmp(ways[i].name + length, "-plus") == 0))
			meant |= 1U << i;
	}
	return meant;
}

static int
mechanisms_read(struct reading *r, char *list)
{
	uint32_t meant;
	char *word;

	while ((word = value_next(&list)) != NULL) {
		meant = mechanisms_meant(word);
		if (meant == 0) {
			text_cut(r->why, sizeof(r->why),
			    "'%.100s' is no mechanism", word);
			return -1;
		}
		r->rule->mechanisms |= meant;
	}
	return 0;
}

struct option {
	const char *name;
	size_t place; /* of what it sets in struct access_rule */
	bool set;
	const char *contrary; /* cannot be said besides */
	/* With "=" and a list; 0, or -1 with r->why. */
	int (*read)(struct reading *r, char *list);
};

#define RULE(field) offsetof(struct access_rule, field)

static const struct option options[] = {
    /* clang-format off */
	{ "pop3",       RULE(pop3),      true,  "no-pop3", NULL },
	{ "no-pop3",    RULE(pop3),      false, "pop3",    NULL },
	{ "tls",        RULE(tls),       true,  "",        NULL },
	{ "keep",       RULE(keep),      true,  "",        NULL },
	{ "read-only",  RULE(read_only), true,  "",        NULL },
	{ "mechanisms", 0,               false, "",        mechanisms_read },
	{ "networks",   0,               false, "",        networks_read },
    /* clang-format on */
};

static size_t
option_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		if (strcmp(options[i].name, name) == 0)
			break;
	}
	return i;
}

static int
option_read(struct reading *r, char *word)
{
	char *list = strchr(word, '=');
	const struct option *o;
	size_t i;

	if (list != NULL)
		*list++ = '\0';
	i = option_find(word);
	if (i == ARRAY_SIZE(options) ||
	    (options[i].read != NULL) != (list != NULL)) {
		text_cut(r->why, sizeof(r->why), "'%.100s%s' is no option",
		    word, list == NULL ? "" : "=");
		return -1;
	}
	o = &options[i];
	if ((r->seen >> i & 1) != 0 ||
	    (r->seen >> option_find(o->contrary) & 1) != 0) {
		text_cut(r->why, sizeof(r->why),
		    "'%s' is there twice, or with its contrary", word);
		return -1;
	}
	r->seen |= 1U << i;
	if (o->read != NULL)
		return o->read(r, list);
	*(bool *)(void *)((char *)r->rule + o->place) = o->set;
	return 0;
}

/* What follows the name. */
static int
options_read(struct reading *r, char *text)
{
	char *word;

	for (;;) {
		word = text + strspn(text, " \t");
		text = word + strcspn(word, " \t");
		if (text == word)
			break;
		if (*text != '\0')
			*text++ = '\0';
		if (option_read(r, word) == -1)
			return -1;
	}
	if (r->seen != 0)
		return 0;
	text_cut(r->why, sizeof(r->why), "a name without an option");
	return -1;
}

/* 1: the line means the account; 0: it does not; -1 with r->why. */
static int
line_read(const struct config *config, char *line,
    const struct ch_account *account, struct reading *r)
{
	size_t length = strcspn(line, " \t");
	char *rest = line + length;
	int is;

	if (*rest != '\0')
		*rest++ = '\0';
	if (options_read(r, rest) == -1)
		return -1;
	is = user_is(config, line, account);
	if (is == -1)
		user_group_trouble(line, r->why);
	return is;
}

int
access_find(const struct config *config, const struct verifier_facts *facts,
    const struct ch_account *account, struct access_rule *rule,
    char why[CHANNEL_TEXT])
{
	const char *path = config->access_file;
	struct access_rule tried;
	struct reading r = {.facts = facts, .rule = &tried};
	struct trusted file;
	int found = 0, is;
	char *line;

	if (trusted_read(&file, path, ACCESS_MAX, why) == -1)
		return -1;
	while ((is = trusted_line(&file, &line, why)) == 1) {
		memset(&tried, 0, sizeof(tried));
		tried.line = file.number;
		tried.pop3 = true;
		r.seen = 0;
		is = line_read(config, line, account, &r);
		if (is == -1) {
			text_cut(why, CHANNEL_TEXT, "%.200s:%u: %.250s", path,
			    file.number, r.why);
			break;
		}
		if (is == 1 && found == 0) {
			*rule = tried;
			found = 1;
		}
	}
	trusted_free(&file);
	return is == -1 ? -1 : found;
}
