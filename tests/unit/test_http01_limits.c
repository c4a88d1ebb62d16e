/* SPDX-License-Identifier: ISC */
#include "tests/unit/http01_rig.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"

static void
test_a_megabyte_of_header_gets_its_400(void **state)
{
	char *block = xcalloc(1, 4097);
	int fd = dial();

	(void)state;
	memset(block, 'x', 4096);
	say(fd, LINE(TOKEN) "X: ");
	for (int i = 0; i < 256; i++) {
		say(fd, block);
		run();
	}
	expect_closed(fd, BAD);
	expect_counts(0, 1, 0, 0);
	free(block);
}

static void
test_a_connection_ends_after_100_requests(void **state)
{
	int fd = dial();
	bool ended;

	(void)state;
	http01_put(t.http01, TOKEN, "body");
	for (int i = 0; i < 150; i++)
		say(fd, GET_KEEP(TOKEN));
	assert_non_null(strstr(hear(fd, 2000, &ended), "Connection: close\r\n"));
	assert_true(ended);
	close(fd);
	run();
	expect_counts(100, 0, 0, 0);
}

/* More than the kernel takes: the rest is ours to keep. */
static void
test_answers_wait_for_a_client_that_does_not_read(void **state)
{
	size_t length = 100000;
	char *body = xcalloc(1, length + 1);
	size_t heard = 0;
	int fd = dial();

	(void)state;
	memset(body, 'x', length);
	http01_put(t.http01, TOKEN, body);
	for (int i = 0; i < 99; i++)
		say(fd, GET_KEEP(TOKEN));
	say(fd, GET(TOKEN));
	run();
	expect_counts(100, 0, 0, 1);
	for (int waited = 0; waited < 5000;) {
		ssize_t n = recv(fd, body, length, MSG_DONTWAIT);

		if (n == 0)
			break;
		if (n > 0)
			heard += (size_t)n;
		else
			waited += 1 + poll(NULL, 0, 1);
		run();
	}
	free(body);
	assert_true(heard > 100 * length);
	close(fd);
	run();
	expect_counts(100, 0, 0, 0);
}

static void
test_the_slow_are_dropped_after_ten_seconds(void **state)
{
	int silent = dial();
	int slow = dial();
	int kept = dial();
	int late;

	(void)state;
	http01_put(t.http01, TOKEN, "body");
	say(slow, LINE(TOKEN));
	say(kept, GET_KEEP(TOKEN));
	expect_open(kept, OK("4", "keep-alive") "body");
	t.now_ms += 9999;
	say(slow, "X: y\r\n"); /* bytes do not buy time */
	late = dial();
	expect_open(slow, "");
	expect_counts(1, 0, 0, 4);

	t.now_ms += 1;
	expect_closed(silent, "");
	expect_closed(slow, "");
	expect_closed(kept, "");
	expect_counts(1, 0, 2, 1);
	say(late, GET(TOKEN));
	expect_closed(late, OK("4", "close") "body");
}

static void
test_an_address_has_64_places_and_the_oldest_goes(void **state)
{
	int mine[66];
	int stranger = dial_from("127.0.0.2");

	(void)state;
	http01_put(t.http01, TOKEN, "body");
	run();
	for (size_t i = 0; i < COUNT(mine); i++) {
		mine[i] = dial_from("127.0.0.3");
		run();
	}
	expect_counts(0, 0, 2, 65);
	expect_closed(mine[0], "");
	expect_closed(mine[1], "");
	say(mine[65], GET(TOKEN));
	expect_closed(mine[65], OK("4", "close") "body");
	say(stranger, GET(TOKEN));
	expect_closed(stranger, OK("4", "close") "body");
	for (size_t i = 2; i < COUNT(mine) - 1; i++)
		close(mine[i]);
	run();
	expect_counts(2, 0, 2, 0);
}

/* The number of places follows the limit of descriptors where that is low. */
static void
test_when_it_is_full_a_newcomer_takes_the_oldest_place(void **state)
{
	struct rlimit before;
	struct rlimit low;
	int fds[20];

	(void)state;
	http01_free(t.http01);
	getrlimit(RLIMIT_NOFILE, &before);
	low = before;
	low.rlim_cur = 24;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	t.http01 = http01_new(t.loop);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	listen_on("127.0.0.1:0");
	http01_put(t.http01, TOKEN, "body");

	for (size_t i = 0; i < COUNT(fds); i++) {
		char address[16];

		snprintf(address, sizeof(address), "127.0.1.%zu", i + 1);
		fds[i] = dial_from(address);
		run();
	}
	expect_counts(0, 0, 2, 18);
	expect_closed(fds[0], "");
	expect_closed(fds[1], "");
	say(fds[19], GET(TOKEN));
	expect_closed(fds[19], OK("4", "close") "body");
	for (size_t i = 2; i < COUNT(fds) - 1; i++)
		close(fds[i]);
}

static void
test_what_is_open_at_the_end_is_closed(void **state)
{
	int fds[10];

	(void)state;
	http01_put(t.http01, TOKEN, "body");
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = dial();
		say(fds[i], "GET");
	}
	run();
	expect_counts(0, 0, 0, COUNT(fds));
	http01_free(t.http01);
	t.http01 = NULL;
	for (size_t i = 0; i < COUNT(fds); i++)
		expect_closed(fds[i], "");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_megabyte_of_header_gets_its_400),
		TEST(test_a_connection_ends_after_100_requests),
		TEST(test_answers_wait_for_a_client_that_does_not_read),
		TEST(test_the_slow_are_dropped_after_ten_seconds),
		TEST(test_an_address_has_64_places_and_the_oldest_goes),
		TEST(test_when_it_is_full_a_newcomer_takes_the_oldest_place),
		TEST(test_what_is_open_at_the_end_is_closed),
	};

	return cmocka_run_group_tests_name("http01_limits", tests, NULL, NULL);
}
