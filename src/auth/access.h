/*
 * access.h - the access file: what a user or a group may, a line each;
 * pop3d.conf(5) has its form.  Verifier and -n only.
 */

#ifndef ACCESS_H
#define ACCESS_H

#include "auth.h"

/* The first line that means an account. */
struct access_rule {
	unsigned line;
	bool pop3;           /* may log in at all */
	bool tls;            /* on a protected connection only */
	bool keep;           /* removes nothing */
	bool read_only;      /* changes nothing */
	uint32_t mechanisms; /* a bit each, access_mechanism(); 0 = any */
	bool networks;       /* from some networks only, */
	bool inside;         /* and facts->peer is in one of them */
};

/*
 * 1 with *rule; 0: no line means this account; -1 with a sentence in why: the
 * file cannot be used, for anybody.  A damaged line counts wherever it is.
 */
int access_find(const struct config *config, const struct verifier_facts *facts,
    const struct ch_account *account, struct access_rule *rule,
    char why[CHANNEL_TEXT]) MUST_CHECK;

/* The bit of a way to log in, as struct verifier_facts has it; 0: no such. */
uint32_t access_mechanism(const char *method);

#endif
