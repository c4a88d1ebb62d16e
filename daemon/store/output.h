/* SPDX-License-Identifier: ISC */
/*
 * output - a copy of a pair where a server wants it, in the form that it wants: what the
 * configuration has under "outputs".
 *
 * The new file gets owner, group and mode before it takes the place of the old one, and
 * nobody but us can open it until then. No symbolic link is followed, and nothing is
 * written to a directory in which everybody could meddle with it.
 */
#ifndef ACMED_OUTPUT_H
#define ACMED_OUTPUT_H

#include <stdbool.h>

#include "common/err.h"

struct chain;
struct key;
struct output_config;

struct output_pair {
	const struct key *key;
	const struct chain *chain; /* of this key: the caller has checked it */
};

/* Blocks: a worker thread's. Old content or new content, whatever happens; after a failure
 * the old one, unless only the last sync of the directory failed. What a crash left beside
 * it is removed, so that no two may write the same output at a time. */
int output_write(const struct output_config *output, const struct output_pair *pair,
    struct err *err);

/* Whether the file already has just this content, owner, group and mode: then nothing has
 * to be written, and no server to be reloaded. Blocks. */
bool output_is_current(const struct output_config *output, const struct output_pair *pair);

#endif
