/* SPDX-License-Identifier: ISC */
/*
 * output_place - where an output goes, whether it is safe to write there, and whom the
 * file is to belong to. For output.c alone. All of it blocks.
 *
 * Nothing here mentions the path of the output in an err: the caller prefixes it.
 */
#ifndef ACMED_OUTPUT_PLACE_H
#define ACMED_OUTPUT_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "common/clean.h"
#include "common/err.h"

struct output_config;

/* ---- whose it is ---- */

struct output_access {
	uid_t owner; /* -1: as it is made */
	gid_t group; /* the same */
	mode_t mode;
};

/* Asks the system for the numbers of user and group. */
int output_access_find(struct output_access *a, const struct output_config *output,
    bool has_key, struct err *err);

bool output_access_fits(const struct output_access *a, const struct stat *st);

/* Group, mode, owner of an open file that nobody but us can open yet. */
int output_access_give(const struct output_access *a, const struct output_config *output,
    int fd, struct err *err);

/* ---- where it is ---- */

struct output_place {
	int dir; /* open, so that nothing depends on what the path means later */
	char *dir_path;
	char leaf[NAME_MAX + 1];
};

/* No symbolic link is followed, and nothing is made on the way. Refuses a place where
 * others could put something else in between: a directory that everybody can write to,
 * unless only the owner of a file can replace it and that is `owner` or us; a link or
 * anything but a regular file as the output itself. */
int output_place_open(struct output_place *p, const char *path, uid_t owner,
    struct err *err);
void output_place_close(struct output_place *p);
static inline void
output_place_free_at(struct output_place *p)
{
	output_place_close(p);
}

/* A new name beside the output. Owned by the caller. */
char *output_place_temporary(const struct output_place *p);

/* Removes what has such a name: a crash has left it. */
void output_place_tidy(const struct output_place *p);

#endif
