/*
 * session_tree.c - see session_tree.h.
 */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session_tree.h"

_Noreturn void
broken(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

/* FNV-1a, a word for a test's own use. */
uint64_t
digest(uint64_t from, const void *p, size_t size)
{
	const unsigned char *octets = p;

	if (from == 0)
		from = 14695981039346656037U;
	for (size_t i = 0; i < size; i++)
		from = (from ^ octets[i]) * 1099511628211U;
	return from;
}

void
tree_free(struct tree *tree)
{
	for (size_t i = 0; i < tree->count; i++)
		free(tree->nodes[i].text);
	free(tree->nodes);
	memset(tree, 0, sizeof(*tree));
}

static struct node *
tree_add(struct tree *tree)
{
	if (tree->count == tree->room) {
		tree->room = tree->room * 2 + 32;
		tree->nodes =
		    realloc(tree->nodes, tree->room * sizeof(*tree->nodes));
		if (tree->nodes == NULL)
			broken("memory");
	}
	memset(&tree->nodes[tree->count], 0, sizeof(struct node));
	return &tree->nodes[tree->count++];
}

static int
node_compare(const void *a, const void *b)
{
	return strcmp(
	    ((const struct node *)a)->path, ((const struct node *)b)->path);
}

struct node *
tree_put(struct tree *tree, const char *path, bool folder, const void *text,
    size_t size)
{
	struct node *node = tree_add(tree);

	(void)snprintf(node->path, sizeof(node->path), "%s", path);
	node->folder = folder;
	node->size = size;
	if (size > 0) {
		node->text = malloc(size);
		if (node->text == NULL)
			broken("memory");
		memcpy(node->text, text, size);
	}
	qsort(tree->nodes, tree->count, sizeof(*tree->nodes), node_compare);
	return tree_find(tree, path);
}

struct node *
tree_find(const struct tree *tree, const char *path)
{
	for (size_t i = 0; i < tree->count; i++)
		if (strcmp(tree->nodes[i].path, path) == 0)
			return &tree->nodes[i];
	return NULL;
}

static void
node_load(struct node *node, int root, size_t size)
{
	int fd = openat(root, node->path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		broken(node->path);
	node->size = size;
	node->text = size == 0 ? NULL : malloc(size);
	if (size > 0 &&
	    (node->text == NULL || read(fd, node->text, size) != (ssize_t)size))
		broken(node->path);
	(void)close(fd);
}

static void
folder_load(struct tree *tree, int root, const char *path)
{
	int fd = openat(root, path[0] == '\0' ? "." : path,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *d;
	struct node *node;
	struct stat st;
	char name[TREE_PATH];

	if (folder == NULL)
		broken(path);
	while ((d = readdir(folder)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			broken(d->d_name);
		node = tree_add(tree);
		(void)snprintf(node->path, sizeof(node->path), "%s%s%s", path,
		    path[0] == '\0' ? "" : "/", d->d_name);
		node->folder = S_ISDIR(st.st_mode);
		node->inode = (uint64_t)st.st_ino;
		memcpy(name, node->path, sizeof(name));
		if (node->folder)
			folder_load(tree, root, name);
		else
			node_load(node, root, (size_t)st.st_size);
	}
	(void)closedir(folder);
}

void
tree_load(struct tree *tree, int root)
{
	tree_free(tree);
	folder_load(tree, root, "");
	qsort(tree->nodes, tree->count, sizeof(*tree->nodes), node_compare);
}

static void
node_store(const struct node *node, int root)
{
	int fd;

	if (node->folder) {
		if (mkdirat(root, node->path, 0700) == -1 && errno != EEXIST)
			broken(node->path);
		return;
	}
	fd = openat(
	    root, node->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1 ||
	    (node->size > 0 &&
		write(fd, node->text, node->size) != (ssize_t)node->size))
		broken(node->path);
	(void)close(fd);
}

void
tree_store(const struct tree *tree, int root)
{
	static struct tree now;

	tree_load(&now, root);
	for (size_t i = now.count; i-- > 0;)
		if (tree_find(tree, now.nodes[i].path) == NULL &&
		    unlinkat(root, now.nodes[i].path,
			now.nodes[i].folder ? AT_REMOVEDIR : 0) == -1)
			broken(now.nodes[i].path);
	for (size_t i = 0; i < tree->count; i++)
		node_store(&tree->nodes[i], root);
}

uint64_t
tree_digest(const struct tree *tree)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < tree->count; i++) {
		const struct node *node = &tree->nodes[i];

		sum = digest(sum, node->path, strlen(node->path) + 1);
		sum = digest(sum, node->text, node->size);
	}
	return sum;
}
