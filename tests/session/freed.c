/*
 * freed.c - to be loaded before the C library (LD_PRELOAD): says when memory
 * is freed that has the text in FREED_TEXT in it.
 */

#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void (*next_free)(void *);
static const char *freed_text;

__attribute__((constructor)) static void
freed_load(void)
{
	void *symbol = dlsym(RTLD_NEXT, "free");

	memcpy(&next_free, &symbol, sizeof(next_free));
	freed_text = getenv("FREED_TEXT");
}

void
free(void *memory)
{
	static const char said[] = "freed with the text\n";

	if (next_free == NULL)
		return;
	if (memory != NULL && freed_text != NULL &&
	    memmem(memory, malloc_usable_size(memory), freed_text,
		strlen(freed_text)) != NULL)
		(void)!write(STDERR_FILENO, said, strlen(said));
	next_free(memory);
}
