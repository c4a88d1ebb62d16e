/* SPDX-License-Identifier: ISC */
#include "common/pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* A few things cost little, and many few blocks. */
#define BLOCK_LEAST ((size_t)2048)
#define BLOCK_MOST  ((size_t)256 * 1024)

struct pool_block {
	struct pool_block *next;
	_Alignas(max_align_t) char room[];
};

static void
add_block(struct pool *p, size_t size)
{
	size_t room = p->room * 2 > BLOCK_LEAST ? p->room * 2 : BLOCK_LEAST;
	struct pool_block *block;

	if (room > BLOCK_MOST)
		room = BLOCK_MOST;
	if (room < size)
		room = size;
	if (room > SIZE_MAX / 2)
		must_pointer(NULL, "pool");
	block = xrealloc(NULL, 1, sizeof(*block) + room);
	block->next = p->blocks;
	p->blocks = block;
	p->room = room;
	p->used = 0;
}

/* From `used` on, as far as `align` asks. */
static char *
take(struct pool *p, size_t size, size_t align)
{
	size_t at = (p->used + align - 1) & ~(align - 1);

	if (p->blocks == NULL || at > p->room || size > p->room - at) {
		add_block(p, size);
		at = 0;
	}
	p->used = at + size;
	return p->blocks->room + at;
}

void *
pool_take(struct pool *p, size_t size)
{
	return memset(take(p, size, _Alignof(max_align_t)), 0, size);
}

char *
pool_copy(struct pool *p, const char *s)
{
	size_t size;

	if (s == NULL)
		return NULL;
	size = strlen(s) + 1;
	return memcpy(take(p, size, 1), s, size);
}

void
pool_clear(struct pool *p)
{
	for (struct pool_block *block = p->blocks, *next; block != NULL; block = next) {
		next = block->next;
		free(block);
	}
	*p = (struct pool){ 0 };
}
