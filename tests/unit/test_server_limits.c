/* SPDX-License-Identifier: ISC */
/* Clients that are many, slow, greedy or gone. */
#include "tests/unit/server_rig.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/unit/unit.h"

#define KIB    ((size_t)1024)
#define PING   "{\"method\":\"io.acmed.Ping\"}"
#define PONG   "{\"parameters\":{\"pong\":true}}"
#define WATCH  "{\"method\":\"io.acmed.Watch\",\"more\":true}"
#define STATUS "{\"method\":\"io.acmed.Status\"}"

static struct json_object *
event_of(size_t size)
{
	struct json_object *doc = json_object_new_object();
	CLEAN(string) char *filler = xcalloc(1, size + 1);

	memset(filler, 'x', size);
	json_add_string(doc, "event", filler);
	return doc;
}

static void
test_the_65th_connection_is_refused(void **state)
{
	int fds[64], fd;

	(void)state;
	for (size_t i = 0; i < COUNT(fds); i++)
		fds[i] = rig_connect();
	fd = rig_connect();
	rig_expect_reply(fd, "{\"error\":\"io.acmed.Failed\",\"parameters\":{\"detail\":"
			     "\"acmed has 64 connections open, which is all it takes; "
			     "try again later\"}}");
	rig_expect_closed(fd);
	rig_send(fds[0], PING);
	rig_expect_reply(fds[0], PONG);
	close(fds[63]);
	rig_run(2);
	rig_expect_alive();
	for (size_t i = 0; i < 63; i++)
		close(fds[i]);
}

static void
test_those_who_may_less_give_way_to_those_who_may_more(void **state)
{
	int strangers[64], fd;

	(void)state;
	rig.peer = (struct endpoint_peer){ .uid = 1000, .gid = 7 };
	for (size_t i = 0; i < COUNT(strangers); i++)
		strangers[i] = rig_connect();
	rig.peer = (struct endpoint_peer){ 0 };
	fd = rig_connect();
	rig_send(fd, WATCH);
	rig_run(2);
	assert_int_equal(rig.n_states, 1);
	rig_expect_closed(strangers[0]);
	rig.peer = (struct endpoint_peer){ .uid = 1000, .gid = 7 };
	json_free(rig_read(rig_connect())); /* and a stranger for nobody */
	assert_int_equal(rig.n_states, 1);
	for (size_t i = 1; i < COUNT(strangers); i++)
		close(strangers[i]);
	close(fd);
}

static void
test_who_does_not_read_is_dropped_and_slows_nobody(void **state)
{
	int slow = rig_connect(), other = rig_connect(), caller = rig_connect();
	unsigned n = 0;

	(void)state;
	rig_send(slow, WATCH);
	rig_send(other, WATCH);
	rig_run(3);
	assert_int_equal(rig.n_kept, 2);
	/* 100 KiB each; the kernel keeps some of them. */
	for (; rig.kept[0] != NULL; n++) {
		CLEAN(json) struct json_object *event = NULL;

		assert_in_range(n, 0, 30);
		call_continue(rig.kept[0], event_of(100 * KIB));
		call_continue(rig.kept[1], event_of(10));
		event = rig_read(other);
		assert_non_null(event);
		rig_send(caller, PING);
		rig_expect_reply(caller, PONG);
	}
	assert_in_range(n, 10, 30);
	assert_int_equal(rig.n_states, 1);
	close(slow);
	close(other);
	close(caller);
}

static void
test_events_for_one_who_is_being_dropped_are_not_kept(void **state)
{
	int fd = rig_connect();

	(void)state;
	rig_send(fd, WATCH);
	rig_run(3);
	for (int i = 0; i < 300; i++) /* all of it before the loop runs: 30 MiB */
		call_continue(rig.kept[0], event_of(100 * KIB));
	rig_run(3);
	assert_null(rig.kept[0]);
	close(fd);
}

static void
test_who_asks_and_does_not_read_is_asked_to_read_first(void **state)
{
	int fd = rig_connect();
	unsigned runs;

	(void)state;
	rig.reply_size = 1024 * KIB; /* more than the kernel keeps */
	for (int i = 0; i < 100; i++)
		rig_send(fd, STATUS);
	rig_run(20);
	runs = rig.n_runs;
	assert_in_range(runs, 1, 3);
	rig_expect_alive();
	for (int i = 0; i < 100; i++) {
		struct json_object *reply = rig_read(fd);

		assert_non_null(reply);
		json_free(reply);
		rig.reply_size = 10;
	}
	close(fd);
}

static void
test_many_calls_of_one_client_leave_others_their_turn(void **state)
{
	int greedy = rig_connect(), other = rig_connect();
	static const char oneway[] = "{\"method\":\"io.acmed.Ping\",\"oneway\":true}";
	static const char why[] = "{\"method\":\"io.acmed.Why\"}";
	struct text calls = { 0 };

	(void)state;
	for (int i = 0; i < 2000; i++)
		text_add_bytes(&calls, oneway, sizeof(oneway));
	assert_int_equal(send(greedy, calls.s, calls.length, MSG_NOSIGNAL), calls.length);
	assert_int_equal(send(other, why, sizeof(why), MSG_NOSIGNAL), sizeof(why));
	rig_run(3);
	assert_in_range(rig.why_at, 1, 10);
	assert_int_equal(rig.n_runs, 2001);
	text_clear(&calls);
	close(greedy);
	close(other);
}

static void
test_a_large_answer_arrives_whole(void **state)
{
	int fd = rig_connect();
	CLEAN(json) struct json_object *reply = NULL;

	(void)state;
	rig.reply_size = 3 * 1024 * KIB;
	rig_send(fd, STATUS);
	reply = rig_read(fd);
	assert_int_equal(strlen(json_get_string(json_get_object(reply, "parameters"),
			     "filler")),
	    3 * 1024 * KIB);
	rig_send(fd, PING);
	rig_expect_reply(fd, PONG);
	close(fd);
}

static void
test_who_is_gone_in_the_middle_of_a_call_leaves_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		int fd = rig_connect();

		rig_send(fd, WATCH);
		rig_run(2);
		assert_int_equal(rig.n_states, 1);
		if (i % 2)
			call_continue(rig.kept[i], event_of(10));
		close(fd);
		rig_run(3);
		assert_int_equal(rig.n_states, 0);
	}
	rig_expect_alive();
}

static void
test_who_says_no_more_while_waiting_is_gone(void **state)
{
	int fd = rig_connect();

	(void)state;
	rig_send(fd, WATCH);
	shutdown(fd, SHUT_WR);
	rig_expect_closed(fd);
	assert_int_equal(rig.n_states, 0);
}

static void
test_calls_end_with_the_server(void **state)
{
	int fd = rig_connect();

	rig_send(fd, WATCH);
	rig_run(2);
	assert_int_equal(rig.n_states, 1);
	rig_tear_down(state); /* looks at the states, too */
	rig_set_up(state);
	close(fd);
}

static void
test_replies_within_an_event_end_several_calls(void **state)
{
	int fds[20];

	(void)state;
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = rig_connect();
		rig_send(fds[i], WATCH);
		rig_send(fds[i], PING);
		rig_run(2);
	}
	for (size_t i = 0; i < COUNT(fds); i++)
		call_reply(rig.kept[i], event_of(1));
	assert_int_equal(rig.n_states, 0);
	for (size_t i = 0; i < COUNT(fds); i++) {
		rig_expect_reply(fds[i], "{\"parameters\":{\"event\":\"x\"}}");
		rig_expect_reply(fds[i], PONG);
		close(fds[i]);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_the_65th_connection_is_refused),
		TEST(test_those_who_may_less_give_way_to_those_who_may_more),
		TEST(test_who_does_not_read_is_dropped_and_slows_nobody),
		TEST(test_events_for_one_who_is_being_dropped_are_not_kept),
		TEST(test_who_asks_and_does_not_read_is_asked_to_read_first),
		TEST(test_many_calls_of_one_client_leave_others_their_turn),
		TEST(test_a_large_answer_arrives_whole),
		TEST(test_who_is_gone_in_the_middle_of_a_call_leaves_nothing),
		TEST(test_who_says_no_more_while_waiting_is_gone),
		TEST(test_calls_end_with_the_server),
		TEST(test_replies_within_an_event_end_several_calls),
	};

	return cmocka_run_group_tests_name("server_limits", tests, NULL, NULL);
}
