/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "daemon/io/clock.h"
#include "daemon/io/guests.h"

static int64_t now_ms;

time_t
clock_now(void)
{
	return 0;
}

int64_t
clock_monotonic_ms(void)
{
	return now_ms;
}

/* NULL: a Unix socket. */
static struct guest *
enter(struct guests *g, struct guest *guest, const char *address)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr local = { .sa_family = AF_UNIX };

	if (address == NULL)
		return guests_enter(g, guest, &local);
	if (strchr(address, ':') == NULL) {
		assert_int_equal(inet_pton(AF_INET, address, &in.sin_addr), 1);
		return guests_enter(g, guest, (struct sockaddr *)&in);
	}
	assert_int_equal(inet_pton(AF_INET6, address, &in6.sin6_addr), 1);
	return guests_enter(g, guest, (struct sockaddr *)&in6);
}

static void
test_whether_two_count_as_one_address(void **state)
{
	static const struct {
		const char *first;
		const char *second;
		bool same;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true },
		{ "2001:db8:1:2::1", "2001:db8:1:3::1", false },
		{ "::ffff:192.0.2.1", "192.0.2.1", true },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.2", false },
		{ "::1", "0.0.0.0", false },
		{ NULL, NULL, false },
		{ NULL, "0.0.0.0", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(guests) struct guests *g = guests_new(10, 1);
		struct guest first;
		struct guest second;

		assert_null(enter(g, &first, cases[i].first));
		assert_ptr_equal(enter(g, &second, cases[i].second),
		    cases[i].same ? &first : NULL);
		guests_leave(g, &first);
		guests_leave(g, &second);
	}
}

static void
test_the_oldest_of_the_address_goes_first(void **state)
{
	CLEAN(guests) struct guests *g = guests_new(10, 2);
	struct guest stranger;
	struct guest mine[4];

	(void)state;
	assert_null(enter(g, &stranger, "192.0.2.9"));
	assert_null(enter(g, &mine[0], "192.0.2.1"));
	assert_null(enter(g, &mine[1], "192.0.2.1"));
	assert_ptr_equal(enter(g, &mine[2], "192.0.2.1"), &mine[0]);
	guests_leave(g, &mine[0]);
	guests_leave(g, &mine[1]);
	assert_null(enter(g, &mine[3], "192.0.2.1"));
	assert_int_equal(guests_count(g), 3);
	guests_leave(g, &mine[2]);
	guests_leave(g, &mine[3]);
	guests_leave(g, &stranger);
	assert_int_equal(guests_count(g), 0);
}

static void
test_the_oldest_of_all_goes_when_it_is_full(void **state)
{
	CLEAN(guests) struct guests *g = guests_new(3, 3);
	struct guest guests[5];

	(void)state;
	assert_null(guests_oldest(g));
	for (int i = 0; i < 3; i++) {
		now_ms = 100 + i;
		assert_null(enter(g, &guests[i], i == 1 ? NULL : "192.0.2.1"));
	}
	assert_int_equal(guests_oldest(g)->since_ms, 100);
	assert_ptr_equal(enter(g, &guests[3], "192.0.2.2"), &guests[0]);
	guests_leave(g, &guests[0]);
	assert_ptr_equal(enter(g, &guests[4], NULL), &guests[1]);
	guests_leave(g, &guests[1]);
	assert_ptr_equal(guests_oldest(g), &guests[2]);
	assert_int_equal(guests_count(g), 3);
	for (int i = 2; i < 5; i++)
		guests_leave(g, &guests[i]);
}

static void
test_many_addresses_are_told_apart(void **state)
{
	static struct guest guests[5000];
	CLEAN(guests) struct guests *g = guests_new(COUNT(guests), 1);

	(void)state;
	for (size_t i = 0; i < COUNT(guests); i++) {
		struct sockaddr_in in = { .sin_family = AF_INET };

		in.sin_addr.s_addr = htonl((uint32_t)i);
		assert_null(guests_enter(g, &guests[i], (struct sockaddr *)&in));
	}
	for (size_t i = 0; i < COUNT(guests); i++)
		guests_leave(g, &guests[i]);
	assert_int_equal(guests_count(g), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whether_two_count_as_one_address),
		cmocka_unit_test(test_the_oldest_of_the_address_goes_first),
		cmocka_unit_test(test_the_oldest_of_all_goes_when_it_is_full),
		cmocka_unit_test(test_many_addresses_are_told_apart),
	};

	return cmocka_run_group_tests_name("guests", tests, NULL, NULL);
}
