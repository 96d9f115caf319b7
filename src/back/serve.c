/*
 * serve.c - the mailbox's side of the channel.
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state.h"

#define COMPLAINTS_MAX 100 /* lines a session */

/* What went wrong, for the log: no lock is held here. */
static void
error_log(const struct back *back, const struct mailbox_error *error)
{
	char who[CHANNEL_TEXT];

	if (error->log[0] == '\0')
		return;
	report_who(back, back->name, who, sizeof(who));
	log_warnx("%s: %s", who, error->log);
}

/* A front that asks for what is not there must not fill the log. */
static void
complaint_log(struct back *back, const struct mailbox_error *error)
{
	if (error->log[0] != '\0' && back->complaints++ < COMPLAINTS_MAX)
		error_log(back, error);
}

void
on_look(struct back *back)
{
	struct mailbox_error error;
	uint32_t index = back->record.u.range.first;
	enum channel_code code = CODE_CHANGED;
	struct ch_looked looked;

	memset(&error, 0, sizeof(error));
	memset(&looked, 0, sizeof(looked));
	if (index < back->messages)
		code = mailbox_look(back->mailbox, index, &looked, &error);
	complaint_log(back, &error);
	looked.code = (uint32_t)code;
	back->record.u.looked = looked;
	answer(back, CH_LOOK + 1, NULL, 0);
}

void
on_open(struct back *back)
{
	struct ch_result *result = &back->record.u.result;
	const struct ch_range range = back->record.u.range;
	int descriptors[CHANNEL_DESCRIPTORS];
	struct mailbox_error error;
	uint32_t count = range.count;
	size_t opened = 0;

	memset(&error, 0, sizeof(error));
	error.code = CODE_CHANGED;
	if (range.first < back->messages && count > 0) {
		if (count > back->messages - range.first)
			count = back->messages - range.first;
		opened = mailbox_messages(
		    back->mailbox, range.first, count, descriptors, &error);
	}
	complaint_log(back, &error);
	memset(result, 0, sizeof(*result));
	result->code = opened > 0 ? CODE_OK : (uint32_t)error.code;
	result->first = range.first;
	result->count = (uint32_t)opened;
	text_cut(result->text, sizeof(result->text), "%s", error.text);
	answer(back, CH_OPEN + 1, descriptors, opened);
	while (opened > 0)
		(void)close(descriptors[--opened]);
}

static bool
mark_none(const uint8_t marks[CHANNEL_SET])
{
	static const uint8_t none[CHANNEL_SET];

	return memcmp(marks, none, sizeof(none)) == 0;
}

void
on_mark(struct back *back)
{
	const struct ch_mark *mark = &back->record.u.mark;
	size_t octets = back->messages / 8 + 1, length = CHANNEL_SET;

	if (mark->first % (8 * CHANNEL_SET) != 0 ||
	    mark->first >= back->messages) {
		log_warnx("the front marked messages that are not there");
		back->over = back->broken = true;
		return;
	}
	if (back->keep && !mark_none(mark->deleted)) {
		log_warnx("the front marked messages that are kept");
		back->over = back->broken = true;
		return;
	}
	if (back->deleted == NULL) {
		back->deleted = calloc(octets, 1);
		back->fetched = calloc(octets, 1);
		if (back->deleted == NULL || back->fetched == NULL)
			fatal("marks");
	}
	if (octets - mark->first / 8 < length)
		length = octets - mark->first / 8;
	memcpy(back->deleted + mark->first / 8, mark->deleted, length);
	memcpy(back->fetched + mark->first / 8, mark->fetched, length);
}

void
on_update(struct back *back)
{
	struct ch_updated *updated = &back->record.u.updated;
	struct mailbox_set set = {back->deleted, back->fetched, back->messages};
	struct mailbox_tally tally = back->tally;
	struct mailbox_error error;
	int result = 0;

	memset(&error, 0, sizeof(error));
	if (back->deleted != NULL)
		result = mailbox_update(back->mailbox, &set, &tally, &error);
	if (result == 0 || error.code == CODE_PARTIAL)
		back->tally = tally;
	memset(updated, 0, sizeof(*updated));
	if (result == -1)
		updated->code = (uint32_t)error.code;
	text_cut(updated->text, sizeof(updated->text), "%s", error.text);
	updated->removed = back->tally.removed;
	updated->left = back->tally.left;
	updated->removed_octets = back->tally.removed_octets;
	updated->left_octets = back->tally.left_octets;
	phase_done(back);
	answer(back, CH_UPDATE + 1, NULL, 0);
	error_log(back, &error);
}
