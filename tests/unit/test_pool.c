/* SPDX-License-Identifier: ISC */
#include "common/pool.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static void
test_what_is_taken_is_zeroed_and_aligned(void **state)
{
	static const char zeros[5000];
	struct pool p = { 0 };

	(void)state;
	for (size_t size = 0; size < sizeof(zeros); size += 7) {
		char *taken = pool_take(&p, size);

		assert_int_equal((uintptr_t)taken % _Alignof(max_align_t), 0);
		assert_memory_equal(taken, zeros, size);
		memset(taken, 'x', size);
		assert_string_equal(pool_copy(&p, "odd"), "odd");
	}
	pool_clear(&p);
}

static void
test_nothing_overlaps(void **state)
{
	char *taken[3000];
	struct pool p = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(taken); i++) {
		char text[16];

		snprintf(text, sizeof(text), "number %zu", i);
		taken[i] = pool_copy(&p, text);
	}
	for (size_t i = 0; i < COUNT(taken); i++) {
		char text[16];

		snprintf(text, sizeof(text), "number %zu", i);
		assert_string_equal(taken[i], text);
	}
	pool_clear(&p);
}

static void
test_one_may_be_larger_than_a_block(void **state)
{
	struct pool p = { 0 };
	char *small = pool_copy(&p, "small");
	char *large = pool_take(&p, 1000000);

	(void)state;
	memset(large, 'x', 1000000);
	assert_string_equal(small, "small");
	assert_string_equal(pool_copy(&p, "after"), "after");
	assert_int_equal(large[999999], 'x');
	pool_clear(&p);
}

static void
test_nothing_of_nothing(void **state)
{
	struct pool p = { 0 };

	(void)state;
	assert_null(pool_copy(&p, NULL));
	assert_null(p.blocks);
	pool_clear(&p);
	assert_string_equal(pool_copy(&p, ""), "");
	pool_clear(&p);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_taken_is_zeroed_and_aligned),
		cmocka_unit_test(test_nothing_overlaps),
		cmocka_unit_test(test_one_may_be_larger_than_a_block),
		cmocka_unit_test(test_nothing_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
