/*
 * certificates_test.c - tls-client-map: which line means a certificate, whom it
 * lets in, and every line that is none.
 */

#include "auth_world.h"

#include "auth/sasl.h"

/* SHA-256 of nothing. */
#define PRINT \
	"e3b0c44298fc1c149afbf4c8996fb924" \
	"27ae41e4649b934ca495991b7852b855"
#define COLONS \
	"E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:" \
	"27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55"
#define OTHER \
	"00b0c44298fc1c149afbf4c8996fb924" \
	"27ae41e4649b934ca495991b7852b855"

static const struct tls_client ann = {
    .fingerprint = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb,
	0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
	0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55},
    .subject = "CN=Ann Smith,O=x",
    .emails = {"Ann@Example.org", "smith@example.net"},
};

static char user[CHANNEL_NAME], why[CHANNEL_TEXT];

static int
try(const char *map, const char *authzid)
{
	world_write(world_path("map"), map, strlen(map), 0600);
	text_cut(user, sizeof(user), "nobody");
	return certificate_user(&world_config, &ann, authzid, user, why);
}

/* Maps, who it is without a name, and with the name joe; "": nobody. */
static const struct {
	const char *map, *first, *joe;
} maps[] = {
    /* clang-format off */
	{ PRINT " joe\n", "joe", "joe" },
	{ COLONS " ann,joe", "ann", "joe" },
	{ "  " PRINT "\t  ann\t# a comment\n", "ann", "" },
	{ OTHER " joe\n", "", "" },
	{ OTHER " joe\n" PRINT " ann\n", "ann", "" },
	{ PRINT " ann\n" PRINT " joe\n", "ann", "" },
	{ "email:Ann@example.ORG joe", "joe", "joe" },
	{ "email:ann@example.org joe", "", "" },
	{ "email:smith@example.net joe", "joe", "joe" },
	{ "email:Ann@Example.or joe", "", "" },
	{ "email:Ann@Example.orgx joe", "", "" },
	{ "email:Ann joe", "", "" },
	{ "subject:CN=Ann Smith,O=x ann,joe", "ann", "joe" },
	{ "subject:CN=Ann Smith joe", "", "" },
	{ "subject:CN=ann smith,O=x joe", "", "" },
	{ "subject:CN=Ann  Smith,O=x joe", "", "" },
	{ PRINT " joe@example.com", "joe", "joe" },
	{ PRINT " ann,joe@Example.COM", "ann", "joe" },
	{ "# nothing\n\n", "", "" },
	{ "", "", "" },
    /* clang-format on */
};

static const char *const damaged[] = {"joe", PRINT, "email:x", "email: joe",
    "subject: joe", "subject:", PRINT "0 joe", "0" PRINT " joe", ": joe",
    COLONS ": joe", ":" COLONS " joe", "e3::b0 joe", "sha256:" PRINT " joe",
    "g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 joe",
    PRINT " joe,", PRINT " ,joe", PRINT " a,,b", PRINT " joe\n" OTHER,
    OTHER "  \n" PRINT " joe\n", PRINT " joe\nx\001y joe"};

static void
test_maps(void)
{
	size_t i;
	int rc;

	for (i = 0; i < ARRAY_SIZE(maps); i++) {
		rc = try(maps[i].map, "");
		ok(rc == (maps[i].first[0] != '\0') &&
			(rc == 0 || strcmp(user, maps[i].first) == 0),
		    "map %zu: %s", i, user);
		rc = try(maps[i].map, "joe");
		ok(rc == (maps[i].joe[0] != '\0') &&
			(rc == 0 || strcmp(user, "joe") == 0),
		    "and joe: %s", user);
	}
	ok(try(PRINT " ann,joe\n", "joe@example.com") == 1 &&
		strcmp(user, "joe") == 0,
	    "a name with the default domain");
	ok(try(PRINT " ann,joe\n", "joe@example.org") == 0 &&
		strstr(why, "map:1: it is not that user's") != NULL,
	    "with another one");
}

static void
test_damaged(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(damaged); i++) {
		ok(try(damaged[i], "") == -1 && strstr(why, "map:") != NULL,
		    "damaged %zu: %s", i, why);
	}
	ok(try(PRINT " joe\n\n# x\nnonsense\n", "") == -1 &&
		strstr(why, "map:4:") != NULL,
	    "behind the line that counts, too");
	(void)try("", "");
	if (chmod(world_path("map"), 0606) == -1)
		fatal("chmod");
	ok(certificate_user(&world_config, &ann, "", user, why) == -1 &&
		strstr(why, "everybody may write it") != NULL,
	    "a file that everybody may write");
	(void)unlink(world_path("map"));
	ok(certificate_user(&world_config, &ann, "", user, why) == -1,
	    "no file");
}

int
main(void)
{
	static const char *const files[] = {NULL};

	world_begin();
	world_set("tls-client-map", world_path("map"));
	world_set("default-domain", "example.com");
	test_maps();
	test_damaged();
	return world_end(files);
}
