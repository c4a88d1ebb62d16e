/* SPDX-License-Identifier: ISC */
/* heap - things in the order of their instants: the earliest is at hand, any can move. */
#ifndef ACMED_HEAP_H
#define ACMED_HEAP_H

#include <stddef.h>
#include <time.h>

/* A member of what is put into a heap; in no heap when zeroed. */
struct heap_node {
	time_t at;
	size_t place; /* from 1; 0: in no heap */
};

struct heap {
	struct heap_node **nodes;
	size_t count;
	size_t room;
};

/* NULL where it is empty. */
struct heap_node *heap_first(const struct heap *h);

/* Puts it in, or moves it; 0 takes it out. O(log n). */
void heap_set(struct heap *h, struct heap_node *node, time_t at);

/* Takes all of them out. O(n); those that are put in again in their order are O(1) each. */
void heap_empty(struct heap *h);
void heap_clear(struct heap *h);

#endif
