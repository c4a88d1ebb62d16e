/* SPDX-License-Identifier: ISC */
/*
 * yaml - a file as a tree in which every node knows its line and column.
 *
 * Read through libyaml's events, never through its document loader, with limits that end
 * any file of up to 1 MiB within 50 ms: no aliases, no anchors, no tags, one document,
 * depth 32, 100,000 events. Duplicate keys are problems, too.
 */
#ifndef ACMED_YAML_H
#define ACMED_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "common/clean.h"

enum yaml_kind {
	YAML_SCALAR,
	YAML_LIST,
	YAML_MAP,
};

struct yaml_node {
	enum yaml_kind kind;
	unsigned line; /* from 1 */
	unsigned column;
	char *text;        /* scalar: its value; never NULL there */
	bool quoted;       /* scalar: written in quotes */
	char *key;         /* the key under which a map holds this node, or NULL */
	unsigned key_line; /* where the key stands */
	unsigned key_column;
	struct yaml_node *next;  /* the sibling, in the order of the file */
	struct yaml_node *first; /* of a list or map */
};

/* ---- what is wrong, all of it ---- */

struct problem {
	char *file; /* as the user wrote it, or an absolute path */
	unsigned line;
	unsigned column;
	bool warning; /* worth a word, no reason to refuse the configuration */
	char *text;
};

struct problems {
	struct problem *list;
	size_t count;
	size_t errors; /* how many of them are no warnings */
};

void problems_add(struct problems *p, const char *file, unsigned line, unsigned column,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void problems_warn(struct problems *p, const char *file, unsigned line, unsigned column,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* No further error would be kept. */
bool problems_full(const struct problems *p);
void problems_clear(struct problems *p);

/* Puts those from `first` on in the order of their file. */
void problems_sort(struct problems *p, size_t first);

/* "file:line:column: message" ("... warning: message"), owned by the caller. */
char *problem_print(const struct problem *p);

/* The tree of an empty file is an empty map. NULL after adding to `problems`. Duplicate
 * keys, and a file that others than root and we may write, are problems as well, but then
 * the tree is there: more may be wrong with it. */
struct yaml_node *yaml_load(const char *path, struct problems *problems);
struct yaml_node *yaml_parse(const char *path, const char *text, size_t length,
    struct problems *problems);
void yaml_tree_free(struct yaml_node *node); /* libyaml has a yaml_free() of its own */
DEFINE_CLEAN(yaml_tree, struct yaml_node);

/* The child of a map with this key, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

#endif
