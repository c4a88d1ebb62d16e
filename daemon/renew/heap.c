/* SPDX-License-Identifier: ISC */
#include "daemon/renew/heap.h"

#include <stdlib.h>

#include "common/mem.h"

static void
put(struct heap *h, size_t place, struct heap_node *node)
{
	h->nodes[place - 1] = node;
	node->place = place;
}

static void
rise(struct heap *h, struct heap_node *node)
{
	size_t place = node->place;

	while (place > 1 && h->nodes[place / 2 - 1]->at > node->at) {
		put(h, place, h->nodes[place / 2 - 1]);
		place /= 2;
	}
	put(h, place, node);
}

static void
sink(struct heap *h, struct heap_node *node)
{
	size_t place = node->place;

	while (place * 2 <= h->count) {
		size_t child = place * 2;

		if (child < h->count && h->nodes[child]->at < h->nodes[child - 1]->at)
			child++;
		if (h->nodes[child - 1]->at >= node->at)
			break;
		put(h, place, h->nodes[child - 1]);
		place = child;
	}
	put(h, place, node);
}

struct heap_node *
heap_first(const struct heap *h)
{
	return h->count > 0 ? h->nodes[0] : NULL;
}

static void
take_out(struct heap *h, struct heap_node *node)
{
	struct heap_node *last = h->nodes[h->count - 1];

	h->count--;
	if (last != node) {
		put(h, node->place, last);
		rise(h, last);
		sink(h, last);
	}
	node->place = 0;
}

void
heap_set(struct heap *h, struct heap_node *node, time_t at)
{
	if (at == 0) {
		if (node->place > 0)
			take_out(h, node);
		return;
	}
	if (node->place == 0) {
		if (h->count == h->room) {
			h->room = h->room ? h->room * 2 : 16;
			h->nodes = xrealloc(h->nodes, h->room, sizeof(struct heap_node *));
		}
		put(h, ++h->count, node);
	}
	node->at = at;
	rise(h, node);
	sink(h, node);
}

void
heap_empty(struct heap *h)
{
	for (size_t i = 0; i < h->count; i++)
		h->nodes[i]->place = 0;
	h->count = 0;
}

void
heap_clear(struct heap *h)
{
	free(h->nodes);
	*h = (struct heap){ 0 };
}
