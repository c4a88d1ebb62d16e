/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/renew/heap.h"

#define NODES 200

/* xorshift: the same numbers every time. */
static uint64_t
chance(void)
{
	static uint64_t seed = 0x9E3779B97F4A7C15;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static time_t
earliest(const time_t *model)
{
	time_t first = 0;

	for (size_t i = 0; i < NODES; i++)
		if (model[i] != 0 && (first == 0 || model[i] < first))
			first = model[i];
	return first;
}

static size_t
how_many(const time_t *model)
{
	size_t n = 0;

	for (size_t i = 0; i < NODES; i++)
		n += model[i] != 0;
	return n;
}

static void
assert_like_model(const struct heap *h, const struct heap_node *nodes, const time_t *model)
{
	const struct heap_node *first = heap_first(h);
	time_t wanted = earliest(model);

	assert_int_equal(h->count, how_many(model));
	if (wanted == 0)
		assert_null(first);
	else
		assert_int_equal(first->at, wanted);
	for (size_t i = 0; i < NODES; i++) {
		assert_int_equal(nodes[i].place != 0, model[i] != 0);
		if (model[i] == 0)
			continue;
		assert_int_equal(nodes[i].at, model[i]);
		assert_ptr_equal(h->nodes[nodes[i].place - 1], &nodes[i]);
	}
}

static void
test_an_empty_heap_has_no_first(void **state)
{
	struct heap h = { 0 };
	struct heap_node node = { 0 };

	(void)state;
	assert_null(heap_first(&h));
	heap_set(&h, &node, 0); /* out of it, where it is not */
	assert_null(heap_first(&h));
	heap_clear(&h);
}

static void
test_nodes_come_out_in_the_order_of_their_instants(void **state)
{
	static const time_t ats[] = { 7, 3, 9, 3, -5, 1, 4000000000, 8, 2 };
	static const time_t sorted[] = { -5, 1, 2, 3, 3, 7, 8, 9, 4000000000 };
	struct heap_node nodes[COUNT(ats)];
	struct heap h = { 0 };

	(void)state;
	memset(nodes, 0, sizeof(nodes));
	for (size_t i = 0; i < COUNT(ats); i++)
		heap_set(&h, &nodes[i], ats[i]);
	for (size_t i = 0; i < COUNT(sorted); i++) {
		struct heap_node *first = heap_first(&h);

		assert_int_equal(first->at, sorted[i]);
		heap_set(&h, first, 0);
		assert_int_equal(first->place, 0);
	}
	assert_null(heap_first(&h));
	heap_clear(&h);
}

static void
test_random_operations_agree_with_a_plain_model(void **state)
{
	static struct heap_node nodes[NODES];
	time_t model[NODES] = { 0 };
	struct heap h = { 0 };

	(void)state;
	memset(nodes, 0, sizeof(nodes));
	for (int round = 0; round < 20000; round++) {
		size_t i = chance() % NODES;
		/* Few instants, so that many are equal; often none. */
		time_t at = chance() % 3 == 0 ? 0 : 1 + (time_t)(chance() % 50);

		if (chance() % 5 == 0 && heap_first(&h) != NULL) {
			i = (size_t)(heap_first(&h) - nodes);
			at = 0;
		}
		heap_set(&h, &nodes[i], at);
		model[i] = at;
		if (round % 10 == 0)
			assert_like_model(&h, nodes, model);
	}
	for (size_t i = 0; i < NODES; i++) {
		heap_set(&h, &nodes[i], 0);
		model[i] = 0;
		assert_like_model(&h, nodes, model);
	}
	heap_clear(&h);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_heap_has_no_first),
		cmocka_unit_test(test_nodes_come_out_in_the_order_of_their_instants),
		cmocka_unit_test(test_random_operations_agree_with_a_plain_model),
	};

	return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
