/*
 * session_tree.h - a folder with all that is in it, as octets in memory: to
 * be looked at, changed, and put back.
 */

#ifndef SESSION_TREE_H
#define SESSION_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREE_PATH 400

struct node {
	char path[TREE_PATH]; /* "box/md/cur" */
	bool folder;
	uint64_t inode;
	size_t size;
	unsigned char *text;
};

/* Sorted by path, so that folders come before what is in them. */
struct tree {
	size_t count, room;
	struct node *nodes;
};

void tree_free(struct tree *tree);

/* All of root, which an open descriptor names; exits where it cannot. */
void tree_load(struct tree *tree, int root);

/*
 * Make root what the tree says.  Files that are there already keep their
 * inodes: a journal knows its mailbox by that.
 */
void tree_store(const struct tree *tree, int root);

struct node *tree_find(const struct tree *tree, const char *path);

/* A new file or folder; the text is copied. */
struct node *tree_put(struct tree *tree, const char *path, bool folder,
    const void *text, size_t size);

/* Of names and octets; not of inodes. */
uint64_t tree_digest(const struct tree *tree);

uint64_t digest(uint64_t from, const void *p, size_t size);

/* The test itself cannot go on. */
_Noreturn void broken(const char *what);

#endif
