/* SPDX-License-Identifier: ISC */
/*
 * pool - memory for a great many small things that come to an end together: nothing is
 * lost between them, and giving it back takes no time. A pool begins as { 0 }.
 */
#ifndef ACMED_POOL_H
#define ACMED_POOL_H

#include <stddef.h>

struct pool_block;

struct pool {
	struct pool_block *blocks; /* the one in use first */
	size_t used;
	size_t room;
};

/* Zeroed, aligned for anything; there until the pool is cleared. */
void *pool_take(struct pool *p, size_t size);
char *pool_copy(struct pool *p, const char *s); /* NULL for NULL */

void pool_clear(struct pool *p);

#endif
