/* SPDX-License-Identifier: ISC */
#include "tests/unit/resolve_rig.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "common/clean.h"
#include "daemon/io/resolve.h"

struct question {
	struct resolve *handle;
	struct resolve *frees; /* when it is answered */
	unsigned calls;
	char found[1024]; /* "192.0.2.1:443 [2001:db8::1]:443" */
	struct err err;
};

static struct {
	struct event_base *loop;
	struct resolver *resolver;
	unsigned waiting; /* for an answer */
	bool frees_resolver;
} t;

static int
set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.loop = event_base_new();
	rig_start(t.loop);
	t.resolver = resolver_new(t.loop);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	resolver_free(t.resolver);
	/* Nothing of it is left on the loop. */
	rig_stop();
	assert_int_equal(event_base_loop(t.loop, EVLOOP_NONBLOCK), 1);
	event_base_free(t.loop);
	return 0;
}

/* ---- questions ---- */

static void
note_address(struct question *q, const struct resolve_address *it)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&it->address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&it->address;
	bool six = it->address.ss_family == AF_INET6;
	char text[INET6_ADDRSTRLEN];
	size_t used = strlen(q->found);

	assert_int_equal(it->length, six ? sizeof(*in6) : sizeof(*in));
	assert_non_null(inet_ntop(it->address.ss_family,
	    six ? (const void *)&in6->sin6_addr : (const void *)&in->sin_addr, text,
	    sizeof(text)));
	snprintf(q->found + used, sizeof(q->found) - used, six ? "%s[%s]:%u" : "%s%s:%u",
	    used > 0 ? " " : "", text, ntohs(six ? in6->sin6_port : in->sin_port));
}

static void
done(const struct resolve_address *list, size_t n, const struct err *err, void *arg)
{
	struct question *q = arg;

	q->calls++;
	assert_true((n > 0) == (err == NULL));
	for (size_t i = 0; i < n; i++)
		note_address(q, &list[i]);
	if (err != NULL)
		q->err = *err;
	resolve_free(q->handle); /* a callback may do that */
	q->handle = NULL;
	resolve_free(q->frees);
	if (t.frees_resolver)
		resolver_free(TAKE(t.resolver));
	if (--t.waiting == 0)
		event_base_loopbreak(t.loop);
}

static void
start(struct question *q, const char *host)
{
	q->handle = resolve_start(t.resolver, host, 443, done, q);
	t.waiting++;
}

static void
ask(struct question *q, const char *host)
{
	*q = (struct question){ 0 };
	start(q, host);
	assert_int_equal(q->calls, 0);
	event_base_dispatch(t.loop);
	assert_int_equal(q->calls, 1);
}

static bool
has(const struct question *q, const char *address)
{
	return strstr(q->found, address) != NULL;
}

/* ---- tests ---- */

static void
test_nothing_to_do_keeps_no_loop(void **state)
{
	(void)state;
	event_del(rig.server);
	assert_int_equal(event_base_dispatch(t.loop), 1); /* 1: no events */
	resolver_free(NULL);
	resolve_free(NULL);
}

static void
test_addresses_need_no_question(void **state)
{
	struct question q;

	(void)state;
	ask(&q, "192.0.2.7");
	assert_string_equal(q.found, "192.0.2.7:443");
	ask(&q, "2001:db8::7");
	assert_string_equal(q.found, "[2001:db8::7]:443");
	ask(&q, "[2001:db8::7]");
	assert_string_equal(q.found, "[2001:db8::7]:443");
	assert_int_equal(rig.asked, 0);
}

static void
test_both_families_are_found(void **state)
{
	struct question q;

	(void)state;
	ask(&q, "both.test");
	assert_true(has(&q, "192.0.2.1:443") && has(&q, "192.0.2.2:443"));
	assert_true(has(&q, "[2001:db8::1]:443"));
	assert_int_equal(rig.asked, 2);
	ask(&q, "four.test");
	assert_string_equal(q.found, "192.0.2.4:443");
	ask(&q, "six.test");
	assert_string_equal(q.found, "[2001:db8::6]:443");
}

static void
test_the_hosts_file_comes_first(void **state)
{
	struct question q;

	(void)state;
	ask(&q, "from-hosts.test");
	assert_true(has(&q, "192.0.2.99:443") && has(&q, "[2001:db8::99]:443"));
	ask(&q, "alias.test");
	assert_true(has(&q, "192.0.2.99:443"));
	ask(&q, "localhost");
	assert_true(has(&q, "127.0.0.1:443"));
	assert_int_equal(rig.asked, 0);
}

static void
test_nothing_is_kept_for_the_next_question(void **state)
{
	struct question q;

	(void)state;
	ask(&q, "four.test");
	ask(&q, "four.test");
	assert_int_equal(rig.asked, 4);
}

static void
test_duplicates_are_dropped(void **state)
{
	struct question q;

	(void)state;
	ask(&q, "twice.test");
	assert_int_equal(strlen(q.found),
	    strlen("192.0.2.7:443 192.0.2.8:443 [2001:db8::7]:443"));
	assert_true(has(&q, "192.0.2.7:443") && has(&q, "192.0.2.8:443"));
	assert_true(has(&q, "[2001:db8::7]:443"));
}

static void
test_sixteen_are_enough(void **state)
{
	struct question q;
	unsigned n = 0;

	(void)state;
	ask(&q, "many.test");
	for (const char *at = q.found; (at = strstr(at, ":443")) != NULL; at++)
		n++;
	assert_int_equal(n, RESOLVE_MOST);
}

static void
test_what_is_wrong_is_said(void **state)
{
	struct question q;

	(void)state;
	ask(&q, "unknown.test");
	assert_int_equal(q.err.kind, ERR_NETWORK);
	assert_string_equal(q.err.text, "unknown.test: there is no such host");
	ask(&q, "empty.test");
	assert_int_equal(q.err.kind, ERR_NETWORK);
	assert_string_equal(q.err.text, "empty.test has no address");
	ask(&q, "two..dots.test");
	assert_int_equal(q.err.kind, ERR_CONFIG);
	assert_string_equal(q.err.text, "\"two..dots.test\" can be no name of a host");
}

static void
test_silence_has_an_end(void **state)
{
	struct question q;

	(void)state;
	ask(&q, "silent.test");
	assert_int_equal(q.err.kind, ERR_NETWORK);
	assert_string_equal(q.err.text, "silent.test: no name server answers in time");
	assert_true(rig.asked > 2); /* more than once */
}

static void
test_patience_has_an_end(void **state)
{
	struct question q;

	(void)state;
	resolver_set_patience(t.resolver, 50);
	ask(&q, "silent.test");
	assert_int_equal(q.err.kind, ERR_NETWORK);
	assert_string_equal(q.err.text, "silent.test: no name server answers in time");
	assert_true(rig.asked <= 2);
}

static void
test_one_silent_family_does_not_cost_the_other(void **state)
{
	struct question q;

	(void)state;
	ask(&q, "half.test");
	assert_string_equal(q.found, "192.0.2.5:443");
}

static void
test_a_refused_query_is_an_error(void **state)
{
	struct question q;

	(void)state;
	rig_stop_server();
	ask(&q, "both.test");
	assert_int_equal(q.err.kind, ERR_NETWORK);
	rig_start_server(t.loop);
}

static void
test_what_this_host_lacks_is_said(void **state)
{
	struct question q;

	(void)state;
	rig.no_channel = true;
	ask(&q, "both.test");
	assert_int_equal(q.err.kind, ERR_SYSTEM);
	assert_non_null(strstr(q.err.text, "both.test: cannot ask for its addresses"));
}

static void
test_a_freed_question_does_not_call(void **state)
{
	struct question begun = { 0 }, waits = { 0 }, other = { 0 };

	(void)state;
	start(&waits, "both.test");
	start(&begun, "silent.test");
	resolve_free(waits.handle);
	event_base_loop(t.loop, EVLOOP_ONCE);
	resolve_free(begun.handle);
	t.waiting -= 2;
	start(&other, "both.test");
	event_base_dispatch(t.loop);
	assert_int_equal(other.calls, 1);
	assert_int_equal(begun.calls + waits.calls, 0);
}

static void
test_a_callback_frees_another(void **state)
{
	struct question a = { 0 }, b = { 0 };

	(void)state;
	start(&a, "192.0.2.1");
	start(&b, "192.0.2.2");
	a.frees = b.handle;
	t.waiting--;
	event_base_dispatch(t.loop);
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 0);
}

static void
test_a_callback_may_free_the_resolver(void **state)
{
	struct question a = { 0 }, b = { 0 };

	(void)state;
	t.frees_resolver = true;
	start(&a, "192.0.2.1");
	start(&b, "silent.test");
	t.waiting--;
	event_base_dispatch(t.loop);
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 0);
	resolve_free(b.handle);
}

static unsigned
count_ended(const struct question *questions, size_t n)
{
	unsigned ended = 0;

	for (size_t i = 0; i < n; i++)
		ended += questions[i].calls;
	return ended;
}

static void
test_some_wait_for_their_turn(void **state)
{
	struct question questions[40] = { 0 };

	(void)state;
	resolver_set_patience(t.resolver, 60000);
	for (size_t i = 0; i < COUNT(questions); i++)
		start(&questions[i], i < 16 ? "silent.test" : "four.test");
	/* Nobody has a turn before one of the first sixteen has ended. */
	while (count_ended(questions, 16) == 0) {
		assert_int_equal(count_ended(questions + 16, COUNT(questions) - 16), 0);
		event_base_loop(t.loop, EVLOOP_ONCE);
	}
	event_base_dispatch(t.loop);
	for (size_t i = 0; i < COUNT(questions); i++)
		assert_int_equal(questions[i].calls, 1);
	assert_string_equal(questions[39].found, "192.0.2.4:443");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_nothing_to_do_keeps_no_loop),
		TEST(test_addresses_need_no_question),
		TEST(test_both_families_are_found),
		TEST(test_the_hosts_file_comes_first),
		TEST(test_nothing_is_kept_for_the_next_question),
		TEST(test_duplicates_are_dropped),
		TEST(test_sixteen_are_enough),
		TEST(test_what_is_wrong_is_said),
		TEST(test_silence_has_an_end),
		TEST(test_patience_has_an_end),
		TEST(test_one_silent_family_does_not_cost_the_other),
		TEST(test_a_refused_query_is_an_error),
		TEST(test_what_this_host_lacks_is_said),
		TEST(test_a_freed_question_does_not_call),
		TEST(test_a_callback_frees_another),
		TEST(test_a_callback_may_free_the_resolver),
		TEST(test_some_wait_for_their_turn),
	};

	return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
