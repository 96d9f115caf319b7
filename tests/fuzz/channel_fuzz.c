/*
 * channel_fuzz.c - any octets as a packet: what is accepted can be used
 * without another look, and nothing behind the packet is looked at.
 *
 * A packet's head is seldom right by chance: where the first octet is odd it is
 * made so.
 */

#include <stdlib.h>
#include <string.h>

#include "channel.h"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

#define HEAD offsetof(struct record, u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends within its field, and is text where people read it. */
static void
use_string(const char *field, size_t size, bool text)
{
	size_t length = strnlen(field, size), i;

	MUST(length < size);
	for (i = 0; text && i < length; i++)
		MUST(field[i] >= 0x20 && field[i] <= 0x7e);
}

static void
use_request(const struct record *r)
{
	switch (r->type) {
	case CH_PASSWORD:
		use_string(r->u.password.name, CHANNEL_NAME, false);
		use_string(r->u.password.secret, CHANNEL_SECRET, false);
		break;
	case CH_DIGEST:
		use_string(r->u.digest.name, CHANNEL_NAME, false);
		break;
	case CH_STEP:
		MUST(r->u.step.mechanism < MECHANISM_LIMIT &&
		    r->u.step.given <= 1 && r->u.step.length <= CHANNEL_STEP);
		break;
	case CH_EXTERNAL:
		use_string(r->u.external.name, CHANNEL_NAME, false);
		break;
	case CH_SIGN:
		MUST(r->u.sign.length <= CHANNEL_SIGN);
		break;
	case CH_OPEN:
		MUST(r->u.range.count <= CHANNEL_DESCRIPTORS &&
		    r->u.range.first <= VIEW_INDEX_MAX);
		break;
	case CH_LOOK:
		MUST(r->u.range.count <= 1 &&
		    r->u.range.first <= VIEW_INDEX_MAX);
		break;
	case CH_MARK:
		MUST(r->u.mark.first <= VIEW_INDEX_MAX);
		break;
	case CH_UPDATE:
		MUST(r->u.update.sync <= 1);
		break;
	case CH_TRACE:
	case CH_DEBUG:
		use_string(r->u.text.text, CHANNEL_TEXT, true);
		break;
	case CH_END:
		MUST(r->u.end.why < END_LIMIT);
		break;
	case CH_SECURE:
		MUST(r->u.secure.code < CODE_LIMIT);
		use_string(r->u.secure.protocol, CHANNEL_WORD, true);
		use_string(r->u.secure.cipher, CHANNEL_WORD, true);
		use_string(r->u.secure.text, CHANNEL_TEXT, true);
		break;
	case CH_SERVE:
		MUST(r->u.serve.signatures <= 1);
		break;
	default:
		break;
	}
}

static void
use_account(const struct ch_account *a)
{
	MUST(a->code < CODE_LIMIT && a->group_count <= CHANNEL_GROUPS);
	use_string(a->name, CHANNEL_NAME, false);
	use_string(a->home, CHANNEL_PATH, false);
	use_string(a->mailbox, CHANNEL_PATH, false);
	use_string(a->reason, CHANNEL_TEXT, false);
	use_string(a->text, CHANNEL_TEXT, true);
	MUST(a->keep <= 1 && a->read_only <= 1);
}

static void
use_answer(const struct record *r)
{
	switch (r->type) {
	case CH_PASSWORD + 1:
	case CH_DIGEST + 1:
	case CH_EXTERNAL + 1:
		MUST(r->u.login.code < CODE_LIMIT && r->u.login.keep <= 1 &&
		    r->u.login.read_only <= 1);
		use_string(r->u.login.text, CHANNEL_TEXT, true);
		break;
	case CH_STEP + 1:
		MUST(r->u.stepped.login.code < CODE_LIMIT &&
		    r->u.stepped.done <= 1 &&
		    r->u.stepped.length <= CHANNEL_STEP);
		use_string(r->u.stepped.login.text, CHANNEL_TEXT, true);
		break;
	case CH_SIGN + 1:
	case CH_SEAL:
	case CH_SEAL + 1:
	case CH_UNSEAL:
	case CH_UNSEAL + 1:
		MUST(r->u.octets.length <= CHANNEL_TICKET);
		MUST(r->type % 2 == 0 || r->u.octets.code < CODE_LIMIT);
		break;
	case CH_UPDATE + 1:
		MUST(r->u.updated.code < CODE_LIMIT);
		use_string(r->u.updated.text, CHANNEL_TEXT, true);
		break;
	case CH_LOOK + 1:
		MUST(r->u.looked.code < CODE_LIMIT);
		break;
	case CH_OPEN + 1:
		MUST(r->u.result.count <= CHANNEL_DESCRIPTORS);
		/* FALLTHROUGH */
	case CH_SERVING:
	case CH_STLS + 1:
	case CH_READY + 1:
	case CH_SUBMIT + 1:
	case CH_SUBMITTED + 1:
	case CH_TAKE + 1:
	case CH_REFRESH + 1:
	case CH_DROP + 1:
		MUST(r->u.result.code < CODE_LIMIT);
		use_string(r->u.result.text, CHANNEL_TEXT, true);
		break;
	case CH_ACCOUNT:
		use_account(&r->u.account);
		break;
	default:
		break;
	}
}

/* A right length for its type, the rest of it 0; 0: there is no such type. */
static size_t
size_right(uint32_t type)
{
	static size_t sizes[CHANNEL_TYPES];
	static struct record r;

	if (type >= CHANNEL_TYPES)
		return 0;
	if (sizes[type] != 0)
		return sizes[type] == 1 ? 0 : sizes[type];
	memset(&r, 0, sizeof(r));
	sizes[type] = 1;
	for (r.type = type, r.length = HEAD; r.length <= sizeof(r);
	     r.length++) {
		if (channel_check(&r, r.length) == 0)
			sizes[type] = r.length;
	}
	return size_right(type);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record *r;
	size_t want = size;
	uint32_t type, head[2];

	if (size < 2)
		return 0;
	type = data[1] % (CHANNEL_TYPES + 2);
	if ((data[0] & 1) != 0 && size_right(type) != 0)
		want = size_right(type);
	else
		want = size - 1;
	/* Just as large as the packet: what looks further is found. */
	r = calloc(1, want);
	MUST(r != NULL);
	memcpy(r, data + 1, size - 1 < want ? size - 1 : want);
	if ((data[0] & 1) != 0 && want >= HEAD) {
		head[0] = type;
		head[1] = (uint32_t)want;
		memcpy(r, head, sizeof(head));
	}
	if (channel_check(r, want) == 0) {
		MUST(r->length == want && r->type < CHANNEL_TYPES);
		MUST(strcmp(channel_name(r->type), "unknown") != 0);
		use_request(r);
		use_answer(r);
	}
	free(r);
	return 0;
}
