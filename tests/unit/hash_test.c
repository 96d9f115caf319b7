/*
 * hash_test.c - every kind of hash that this system's libcrypt can make.
 */

#include <dlfcn.h>

#include "auth_world.h"

static char *(*gensalt)(const char *prefix, unsigned long count,
    const char *octets, int length, char *dst, int size);

/* Each with a low cost, as its kind counts that. */
static const struct {
	const char *prefix, *name;
	unsigned long count;
} kinds[] = {
    /* clang-format off */
	{ "$y$",    "yescrypt",        1 },
	{ "$gy$",   "gost-yescrypt",   1 },
	{ "$7$",    "scrypt",          6 },
	{ "$2b$",   "bcrypt",          4 },
	{ "$2a$",   "bcrypt, 2a",      4 },
	{ "$2y$",   "bcrypt, 2y",      4 },
	{ "$6$",    "sha512crypt",     1000 },
	{ "$5$",    "sha256crypt",     1000 },
	{ "$sha1",  "sha1crypt",       4 },
	{ "$md5",   "SunMD5",          0 },
	{ "$1$",    "md5crypt",        0 },
	{ "$3$",    "NT",              0 },
	{ "_",      "BSDi's DES",      1 },
	{ "",       "DES",             0 },
    /* clang-format on */
};

static void
hash_try(const char *kind, const char *setting)
{
	const char *hash = world_hash("Right 1", setting);
	char line[1024];

	if (!ok(hash != NULL && hash_usable(hash), "%s: usable", kind))
		return;
	text_cut(line, sizeof(line), "bob:%s:%u:%u::/h:\n", hash, world_uid(),
	    world_gid());
	world_write(world_path("users"), line, strlen(line), 0600);
	ok(world_try("bob", "Right 1") == CODE_OK, "%s: right", kind);
	ok(world_try("bob", "Wrong 1") == CODE_AUTH &&
		world_reason("wrong password"),
	    "%s: wrong", kind);
	ok(world_try("none", "Right 1") == CODE_AUTH &&
		world_reason("no such user"),
	    "%s: stands in for who is not there", kind);
	text_cut(line, sizeof(line), "bob:!%s:%u:%u::/h:\n", hash, world_uid(),
	    world_gid());
	world_write(world_path("users"), line, strlen(line), 0600);
	ok(world_try("bob", "Right 1") == CODE_AUTH && world_reason("locked"),
	    "%s: locked", kind);
}

int
main(void)
{
	static const char *const files[] = {"users", NULL};
	char setting[HASH_SIZE];
	unsigned made = 0;
	void *library;
	size_t i;

	platform_first_act();
	world_begin();
	world_set("auth", "passwd-file");
	world_set("passwd-file", world_path("users"));
	library = dlopen("libcrypt.so.1", RTLD_NOW);
	if (library != NULL)
		*(void **)&gensalt = dlsym(library, "crypt_gensalt_rn");
	for (i = 0; i < ARRAY_SIZE(kinds) && gensalt != NULL; i++) {
		if (gensalt(kinds[i].prefix, kinds[i].count, NULL, 0, setting,
			sizeof(setting)) == NULL &&
		    gensalt(kinds[i].prefix, 0, NULL, 0, setting,
			sizeof(setting)) == NULL) {
			ok(1, "SKIP: this libcrypt makes no %s", kinds[i].name);
			continue;
		}
		hash_try(kinds[i].name, setting);
		made++;
	}
	if (gensalt == NULL)
		ok(1, "SKIP: libcrypt.so.1 makes no settings here");
	else
		ok(made >= 2, "%u kinds", made);
	return world_end(files);
}
