/*
 * sasl_users.h - a database of mailauth(8) and a passwd-file, of users who
 * differ in what is kept of them.
 */

#ifndef SASL_USERS_H
#define SASL_USERS_H

#include "sasl_world.h"

#include "mailauth/database.h"

#define SECRET "open sesame"

/* The users: name, its secret, what is kept of it. */
static const struct {
	const char *name;
	bool locked, keys, apop;
	const char *hash; /* a setting for crypt(3), or NULL */
} users[] = {
    /* clang-format off; sorted, as the file must be */
    {"away", false, true, true, NULL}, /* has no account */
    {"joe", false, true, true, NULL}, {"locked", true, true, true, NULL},
    {"old", false, false, false, "$5$rounds=1000$abcdefgh"},
    {"sam", false, true, false, NULL},
    {"toor", false, true, true, NULL}, /* whose uid is 0 */
				       /* clang-format on */
};

static void
users_write(void)
{
	static char text[16384], line[ENTRY_LINE], passwd[1024];
	struct mailauth_entry e;
	size_t i, used, n;

	database_header(text);
	used = strlen(text);
	for (i = 0; i < ARRAY_SIZE(users); i++) {
		memset(&e, 0, sizeof(e));
		text_cut(e.name, sizeof(e.name), "%s", users[i].name);
		e.locked = users[i].locked;
		if (users[i].keys &&
		    (keys_make(&e.keys[MAILAUTH_SHA1], MAILAUTH_SHA1, SECRET,
			 4096) == -1 ||
			keys_make(&e.keys[MAILAUTH_SHA256], MAILAUTH_SHA256,
			    SECRET, 4096) == -1))
			fatal("keys");
		if (users[i].apop)
			text_cut(e.secret, sizeof(e.secret), SECRET);
		if (users[i].hash != NULL)
			text_cut(e.hash, sizeof(e.hash), "%s",
			    world_hash(SECRET, users[i].hash));
		n = entry_write(&e, line);
		memcpy(text + used, line, n);
		used += n;
	}
	world_write(world_path("secrets"), text, used, 0600);
	text_cut(passwd, sizeof(passwd),
	    "joe:x:%u:%u::/home/joe:\nlocked:x:%u:%u::/:\nold:x:%u:%u::/:\n"
	    "sam:%s:%u:%u::/:\ntoor:x:0:0::/:\n",
	    world_uid(), world_gid(), world_uid(), world_gid(), world_uid(),
	    world_gid(), world_hash("another one", "$5$rounds=1000$abcdefgh"),
	    world_uid(), world_gid());
	world_write(world_path("passwd"), passwd, strlen(passwd), 0600);
}

#endif
