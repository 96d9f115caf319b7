/*
 * line_sasl.h - the part of line_reading.h that reads APOP and AUTH.
 */

#ifndef LINE_SASL_H
#define LINE_SASL_H

/* Is it base64, with nothing left over? */
static bool
text_base64(const char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = strspn(text, digits), length = strlen(text);
	size_t over =
	    n == 0 ? 0 : (size_t)(strchr(digits, text[n - 1]) - digits);

	if (length % 4 != 0 || strspn(text + n, "=") != length - n)
		return false;
	if (length - n == 1)
		return over % 4 == 0;
	return length == n || (length - n == 2 && over % 16 == 0);
}

/* One response more, or one that was not given. */
static void
read_step(struct reading *r, const char *text, bool given)
{
	r->needs -= given;
	if (r->needs > 0)
		want_text2(r, "+ ", text);
	else
		read_login(r);
}

static void
read_cancel(struct reading *r)
{
	r->needs = 0;
	if (++r->cancels >= CANCELS)
		r->state = OVER;
}

static void
read_response(struct reading *r, const char *text)
{
	if (text_base64(text)) {
		read_step(r, text, true);
		return;
	}
	want_text(r,
	    strcmp(text, "*") == 0 ? "-ERR cancelled" :
				     "-ERR not base64: cancelled");
	read_cancel(r);
}

static void
read_auth(struct reading *r, char *word[2], int words)
{
	uint32_t accepted = mechanisms_of(r->how), m;
	int count = 0;

	for (m = MECHANISM_PLAIN; m < MECHANISM_LIMIT; m++)
		count += (int)(accepted >> m & 1);
	if (words == 0) {
		(void)want_line(r, "+OK");
		want_list(r, count);
		return;
	}
	for (m = MECHANISM_PLAIN; m < MECHANISM_LIMIT; m++) {
		if (strcasecmp(channel_mechanism_name(m), word[0]) == 0)
			break;
	}
	if ((accepted >> m & 1) == 0 ||
	    (words == 2 && strcmp(word[1], "=") != 0 &&
		!text_base64(word[1]))) {
		(void)want_line(r, "-ERR");
		return;
	}
	r->needs = mechanism_needs(m);
	read_step(r, words == 1 || strcmp(word[1], "=") == 0 ? "" : word[1],
	    words == 2);
}

static void
read_apop(struct reading *r, const char *name, const char *digest)
{
	if (stamp_of(r->how)[0] == '\0' || r->stamp_used) {
		(void)want_line(r, "-ERR");
		if (r->stamp_used)
			r->state = OVER;
		return;
	}
	if (strlen(name) > 255 || strlen(digest) != 32 ||
	    strspn(digest, "0123456789abcdefABCDEF") != 32) {
		(void)want_line(r, "-ERR");
		return;
	}
	r->stamp_used = true;
	r->user = false;
	read_login(r);
}

#endif
