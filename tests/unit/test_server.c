/* SPDX-License-Identifier: ISC */
#include "tests/unit/server_rig.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/frame.h"
#include "common/json.h"
#include "common/mem.h"
#include "tests/unit/unit.h"

#define PING  "{\"method\":\"io.acmed.Ping\"}"
#define PONG  "{\"parameters\":{\"pong\":true}}"
#define WATCH "{\"method\":\"io.acmed.Watch\",\"more\":true}"

/* ---- messages ---- */

static void
test_two_messages_in_one_write_are_answered_in_turn(void **state)
{
	static const char both[] = PING "\0{\"method\":\"io.acmed.Why\"}";
	int fd = rig_connect();

	(void)state;
	rig_send_bytes(fd, both, sizeof(both));
	rig_expect_reply(fd, PONG);
	rig_expect_reply(fd, "{\"error\":\"io.acmed.NoSuchCertificate\","
			     "\"parameters\":{\"name\":\"a\"}}");
	close(fd);
}

static void
test_a_message_may_come_byte_by_byte(void **state)
{
	static const char message[] = PING;
	int fd = rig_connect();

	(void)state;
	for (size_t i = 0; i < sizeof(message); i++) {
		assert_int_equal(rig.n_runs, 0);
		rig_send_bytes(fd, message + i, 1);
		rig_run(2);
	}
	rig_expect_reply(fd, PONG);
	close(fd);
}

static void
test_half_a_message_and_a_hangup_leave_nothing(void **state)
{
	(void)state;
	/* More than there may be at once. */
	for (int i = 0; i < 200; i++) {
		int fd = rig_connect();

		rig_send_bytes(fd, PING, 10);
		rig_run(1);
		close(fd);
		rig_run(1);
	}
	assert_int_equal(rig.n_runs, 0);
	rig_expect_alive();
}

static void
test_a_message_of_1_mib_is_taken_and_no_longer_one(void **state)
{
	static const char start[] = "{\"method\":\"io.acmed.Ping\",\"x\":\"", end[] = "\"}";
	size_t most = FRAME_MAX;
	CLEAN(string) char *message = xcalloc(1, 2 * most);
	int fd = rig_connect();

	(void)state;
	memset(message, 'x', most);
	memcpy(message, start, strlen(start));
	memcpy(message + most - strlen(end), end, sizeof(end));
	assert_int_equal(strlen(message), most);
	rig_send_bytes(fd, message, most + 1);
	rig_expect_reply(fd, PONG);

	memset(message, 'x', 2 * most);
	memcpy(message, start, strlen(start));
	rig_send_bytes(fd, message, 2 * most);
	rig_expect_closed(fd);
	rig_expect_alive();
}

static void
test_what_is_no_message_ends_the_connection(void **state)
{
	static const char *const broken[] = { "", "[]", "7", "null", "\"x\"", "{", "{}{}",
		"{\"method\":\"\xFF\xFE\"}", "{\"method\":\"\xC3\"}", "{'method':1}",
		"hello" };

	(void)state;
	for (size_t i = 0; i < COUNT(broken); i++) {
		int fd = rig_connect();

		rig_send(fd, PING); /* what came before is still answered */
		rig_send(fd, broken[i]);
		rig_expect_reply(fd, PONG);
		rig_expect_closed(fd);
	}
	rig_expect_alive();
}

static void
test_members_of_another_type_are_refused(void **state)
{
	static const struct {
		const char *member, *name;
	} cases[] = {
		{ "\"parameters\":[1]", "parameters" },
		{ "\"parameters\":\"x\"", "parameters" },
		{ "\"more\":\"yes\"", "more" },
		{ "\"oneway\":7", "oneway" },
	};
	int fd = rig_connect();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(string)
		char *call =
		    xasprintf("{\"method\":\"io.acmed.Ping\",%s}", cases[i].member);
		CLEAN(string)
		char *reply =
		    xasprintf("{\"error\":\"org.varlink.service.InvalidParameter\","
			      "\"parameters\":{\"parameter\":\"%s\"}}",
			cases[i].name);

		rig_send(fd, call);
		rig_expect_reply(fd, reply);
	}
	rig_send(fd, "{\"method\":\"io.acmed.Ping\",\"parameters\":null,\"x\":7}");
	rig_expect_reply(fd, PONG);
	close(fd);
}

/* ---- the service ---- */

static void
test_what_is_not_there_is_said_to_be(void **state)
{
#define SERVICE "org.varlink.service."
	static const struct {
		const char *call;
		const char *reply;
	} cases[] = {
		{ "{\"method\":\"io.acmed.Fly\"}",
		    "{\"error\":\"" SERVICE "MethodNotFound\","
		    "\"parameters\":{\"method\":\"io.acmed.Fly\"}}" },
		{ "{\"method\":\"io.acmed.ping\"}",
		    "{\"error\":\"" SERVICE "MethodNotFound\","
		    "\"parameters\":{\"method\":\"io.acmed.ping\"}}" },
		{ "{\"method\":\"a\\u001b[2Jb\"}",
		    "{\"error\":\"" SERVICE "MethodNotFound\","
		    "\"parameters\":{\"method\":\"a?[2Jb\"}}" },
		{ "{}", "{\"error\":\"" SERVICE "MethodNotFound\","
			"\"parameters\":{\"method\":\"\"}}" },
		{ "{\"method\":7}", "{\"error\":\"" SERVICE "MethodNotFound\","
				    "\"parameters\":{\"method\":\"\"}}" },
		{ "{\"method\":\"" SERVICE "GetInterfaceDescription\"}",
		    "{\"error\":\"" SERVICE "InvalidParameter\","
		    "\"parameters\":{\"parameter\":\"interface\"}}" },
		{ "{\"method\":\"" SERVICE "GetInterfaceDescription\","
		  "\"parameters\":{\"interface\":\"io.other\"}}",
		    "{\"error\":\"" SERVICE "InterfaceNotFound\","
		    "\"parameters\":{\"interface\":\"io.other\"}}" },
		{ "{\"method\":\"" SERVICE "GetInfo\"}",
		    "{\"parameters\":{\"vendor\":\"acmed\",\"product\":\"acmed\","
		    "\"version\":\"" PACKAGE_VERSION "\",\"url\":\"" PACKAGE_BUGREPORT
		    "\",\"interfaces\":[\"org.varlink.service\",\"io.acmed\"]}}" },
	};
	int fd = rig_connect();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		rig_send(fd, cases[i].call);
		rig_expect_reply(fd, cases[i].reply);
	}
	assert_int_equal(rig.n_runs, 0);
	close(fd);
}

static void
test_both_interfaces_are_described(void **state)
{
	static const char *const names[] = { "org.varlink.service", "io.acmed" };
	int fd = rig_connect();

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		CLEAN(string)
		char *call = xasprintf("{\"method\":\"" SERVICE "GetInterfaceDescription\","
				       "\"parameters\":{\"interface\":\"%s\"}}",
		    names[i]);
		CLEAN(string) char *line = xasprintf("\ninterface %s\n", names[i]);
		CLEAN(json) struct json_object *reply = NULL;
		const char *text;

		rig_send(fd, call);
		reply = rig_read(fd);
		text = json_get_string(json_get_object(reply, "parameters"), "description");
		assert_non_null(text);
		assert_non_null(strstr(text, line));
		for (int m = 0; m < METHOD_COUNT && i == 1; m++) {
			CLEAN(string)
			char *method = xasprintf("\nmethod %s(", method_info[m].name);

			assert_non_null(strstr(text, method));
		}
	}
	close(fd);
}

/* ---- who may do what ---- */

static void
test_the_peer_decides_what_is_permitted(void **state)
{
	static const struct {
		uid_t uid;
		gid_t gid;
		bool reads, changes;
	} cases[] = {
		{ 0, 0, true, true },
		{ 1000, 500, true, true },  /* the group */
		{ 1000, 600, true, false }, /* the read-group */
		{ 1000, 700, false, false },
		{ 1000, (gid_t)-1, false, false },
	};

	(void)state;
	server_set_groups(rig.server, 500, 600);
	for (size_t i = 0; i < COUNT(cases); i++) {
		int fd;

		rig.peer.uid = cases[i].uid;
		rig.peer.gid = cases[i].gid;
		fd = rig_connect();
		rig_send(fd, "{\"method\":\"io.acmed.Ping\"}");
		rig_expect_reply(fd, cases[i].reads
					 ? PONG
					 : "{\"error\":\"io.acmed.NotPermitted\","
					   "\"parameters\":{}}");
		rig_send(fd, "{\"method\":\"io.acmed.Reload\"}");
		rig_expect_reply(fd, cases[i].changes
					 ? "{\"parameters\":{}}"
					 : "{\"error\":\"io.acmed.NotPermitted\","
					   "\"parameters\":{}}");
		rig_send(fd, "{\"method\":\"" SERVICE "GetInterfaceDescription\"}");
		json_free(rig_read(fd)); /* anybody may know what could be asked */
		close(fd);
	}
}

static void
test_without_groups_only_root_and_the_daemon_s_own_user_are_let_in(void **state)
{
	int fd;

	(void)state;
	rig.peer.uid = geteuid();
	fd = rig_connect();
	rig_send(fd, "{\"method\":\"io.acmed.Reload\"}");
	rig_expect_reply(fd, "{\"parameters\":{}}");
	close(fd);
	rig.peer = (struct endpoint_peer){ .uid = 1000, .gid = (gid_t)-1 };
	fd = rig_connect();
	rig_send(fd, PING);
	rig_expect_reply(fd, "{\"error\":\"io.acmed.NotPermitted\",\"parameters\":{}}");
	close(fd);
	rig.peer_unknown = true;
	rig_expect_closed(rig_connect());
}

/* ---- answers ---- */

static void
test_events_come_before_the_answer_where_they_are_wanted(void **state)
{
	int fd = rig_connect();

	(void)state;
	rig_send(fd, "{\"method\":\"io.acmed.Issue\",\"more\":true}");
	rig_expect_reply(fd, "{\"parameters\":{\"n\":1},\"continues\":true}");
	rig_expect_reply(fd, "{\"parameters\":{\"n\":2},\"continues\":true}");
	rig_expect_reply(fd, "{\"parameters\":{\"n\":3}}");
	rig_send(fd, "{\"method\":\"io.acmed.Issue\"}");
	rig_expect_reply(fd, "{\"parameters\":{\"n\":3}}");
	close(fd);
}

static void
test_oneway_calls_are_not_answered(void **state)
{
	int fd = rig_connect();

	(void)state;
	rig_send(fd, "{\"method\":\"io.acmed.Issue\",\"more\":true,\"oneway\":true}");
	rig_send(fd, "{\"method\":\"io.acmed.Fly\",\"oneway\":true}");
	rig_send(fd, PING);
	rig_expect_reply(fd, PONG);
	assert_int_equal(rig.n_runs, 2);
	close(fd);
}

static void
test_a_failure_becomes_the_error_that_fits(void **state)
{
	static const struct {
		struct err err;
		const char *reply;
	} cases[] = {
		{ { .kind = ERR_NETWORK, .text = "no route" },
		    "{\"error\":\"io.acmed.Network\","
		    "\"parameters\":{\"detail\":\"no route\"}}" },
		{ { .kind = ERR_SYSTEM, .text = "disk full \xFF" },
		    "{\"error\":\"io.acmed.Failed\","
		    "\"parameters\":{\"detail\":\"disk full ?\"}}" },
		{ { .kind = ERR_REFUSED,
		      .status = 403,
		      .problem = "caa",
		      .instance = "https://ca.example/1",
		      .text = "order: no" },
		    "{\"error\":\"io.acmed.AcmeProblem\",\"parameters\":{"
		    "\"type\":\"caa\",\"title\":\"refused\",\"detail\":\"order: no\","
		    "\"status\":403,\"instance\":\"https://ca.example/1\","
		    "\"subproblems\":[]}}" },
	};
	int fd = rig_connect();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		rig.failure = cases[i].err;
		rig_send(fd, "{\"method\":\"io.acmed.Show\"}");
		rig_expect_reply(fd, cases[i].reply);
	}
	close(fd);
}

static void
test_one_call_at_a_time_on_a_connection(void **state)
{
	int fd = rig_connect();

	(void)state;
	rig_send(fd, WATCH);
	rig_send(fd, PING);
	rig_run(5);
	assert_int_equal(rig.n_runs, 1);
	call_reply(rig.kept[0], NULL);
	rig_expect_reply(fd, "{\"parameters\":{}}");
	rig_expect_reply(fd, PONG);
	assert_int_equal(rig.n_states, 0);
	close(fd);
}

static void
test_who_says_no_more_still_gets_the_answer(void **state)
{
	int fd = rig_connect();

	(void)state;
	rig_send(fd, PING);
	shutdown(fd, SHUT_WR);
	rig_expect_reply(fd, PONG);
	rig_expect_closed(fd);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_two_messages_in_one_write_are_answered_in_turn),
		TEST(test_a_message_may_come_byte_by_byte),
		TEST(test_half_a_message_and_a_hangup_leave_nothing),
		TEST(test_a_message_of_1_mib_is_taken_and_no_longer_one),
		TEST(test_what_is_no_message_ends_the_connection),
		TEST(test_members_of_another_type_are_refused),
		TEST(test_what_is_not_there_is_said_to_be),
		TEST(test_both_interfaces_are_described),
		TEST(test_the_peer_decides_what_is_permitted),
		TEST(test_without_groups_only_root_and_the_daemon_s_own_user_are_let_in),
		TEST(test_events_come_before_the_answer_where_they_are_wanted),
		TEST(test_oneway_calls_are_not_answered),
		TEST(test_a_failure_becomes_the_error_that_fits),
		TEST(test_one_call_at_a_time_on_a_connection),
		TEST(test_who_says_no_more_still_gets_the_answer),
	};

	return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
