/* SPDX-License-Identifier: ISC */
#include "tests/unit/order_rig.h"

#include "tests/unit/unit.h"

#include <dlfcn.h>
#include <string.h>

#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/acme/problem.h"
#include "daemon/acme/session.h"

#define SCRIPT_MOST 140

struct order_rig t;

static struct order_answer script[SCRIPT_MOST];
static size_t at, count;

/* ---- time ---- */

/* In place of libevent's: what is waited for in seconds comes in tenths of a
 * millisecond. The deadline, the only wait that is longer than five minutes, keeps its
 * distance from the sum of all the others unless a test is about it. */
int
event_add(struct event *event, const struct timeval *in)
{
	static int (*add)(struct event * event, const struct timeval *in);
	struct timeval soon;
	int64_t us;

	if (add == NULL)
		*(void **)&add = dlsym(RTLD_NEXT, "event_add");
	if (in == NULL)
		return add(event, in);
	us = (int64_t)in->tv_sec * 1000000 + in->tv_usec;
	if (in->tv_sec <= 300)
		text_add(&t.delays, "%lld ", (long long)us / 1000);
	us /= in->tv_sec <= 300 || t.hurry ? 10000 : 100;
	soon = (struct timeval){ .tv_sec = us / 1000000, .tv_usec = us % 1000000 };
	return add(event, &soon);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct turn *turn = arg;

	(void)fd;
	(void)what;
	turn->end(arg);
}

void
turn_start(struct turn *turn, void (*end)(void *arg), bool hangs)
{
	turn->end = end;
	turn->event = must(event_new(t.loop, -1, 0, on_turn, turn));
	if (!hangs)
		event_active(turn->event, EV_TIMEOUT, 1);
	t.open++;
}

void
turn_free(struct turn *turn)
{
	event_free(turn->event);
	t.open--;
}

/* ---- session.h ---- */

struct session_request {
	struct turn turn;
	struct order_answer answer;
	session_done_fn *done;
	void *arg;
};

static struct json_object *
parse(const char *text)
{
	struct err err = { 0 };

	return text ? json_parse(text, strlen(text), &err) : NULL;
}

static void
on_answer(void *arg)
{
	struct session_request *r = arg;
	struct order_answer answer = r->answer;
	CLEAN(json) struct json_object *doc = parse(answer.json);
	struct session_reply reply = { .status = answer.status ? answer.status : 200,
		.doc = doc,
		.body = answer.json ? answer.json : "",
		.body_length = answer.length ? answer.length : 0,
		.location = answer.location ? answer.location : "",
		.retry_after = answer.retry_after };
	struct err err = { 0 };
	session_done_fn *done = r->done;
	void *done_arg = r->arg;

	session_request_free(r);
	if (reply.body_length == 0)
		reply.body_length = strlen(reply.body);
	if (answer.unreachable != NULL)
		err_set(&err, ERR_NETWORK, "%s", answer.unreachable);
	else if (reply.status >= 300)
		problem_to_err(reply.status, doc, answer.retry_after, &err);
	done(err.kind ? NULL : &reply, err.kind ? &err : NULL, done_arg);
}

struct session_request *
session_post(struct session *s, const struct session_call *call, session_done_fn *done,
    void *arg)
{
	struct session_request *r = xcalloc(1, sizeof(*r));
	const char *to = call->resource ? call->resource : call->url;

	assert_ptr_equal(s, &t);
	if (call->payload != NULL)
		text_add(&t.transcript, "%s %s\n", to,
		    json_object_to_json_string_ext(call->payload,
			JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		text_add(&t.transcript, "GET %s%s%s\n", to, call->accept ? " " : "",
		    call->accept ? call->accept : "");
	if (at == count) {
		print_error("nothing is left of the script for:\n%s\n", t.transcript.s);
		fail();
	}
	r->answer = script[at++];
	r->done = done;
	r->arg = arg;
	turn_start(&r->turn, on_answer, r->answer.hangs);
	return r;
}

void
session_request_free(struct session_request *r)
{
	if (r == NULL)
		return;
	turn_free(&r->turn);
	free(r);
}

/* ---- the watcher ---- */

static void
on_step(const char *step, const char *detail, void *arg)
{
	assert_ptr_equal(arg, &t);
	if (t.order != NULL)
		assert_string_equal(order_step(t.order), step);
	text_add(&t.steps, "%s%s%s%s", t.steps.length > 0 ? ", " : "", step,
	    *detail ? " " : "", detail);
}

static void
on_recorded(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (t.order != NULL)
		order_recorded(t.order, t.record_err.kind ? &t.record_err : NULL);
}

static void
on_record(const char *url, void *arg)
{
	const struct timeval now = { 0 };

	assert_ptr_equal(arg, &t);
	assert_string_equal(order_url(t.order), url);
	text_add(&t.transcript, "record %s\n", url);
	if (t.record_later)
		event_base_once(t.loop, -1, EV_TIMEOUT, on_recorded, NULL, &now);
	else if (!t.record_hangs)
		on_recorded(-1, 0, NULL);
}

static void
on_done(const struct order_outcome *outcome, void *arg)
{
	assert_ptr_equal(arg, &t);
	assert_true((outcome->pem == NULL) != (outcome->err == NULL));
	t.calls++;
	t.order_lost = outcome->order_lost;
	t.replaces_refused = outcome->replaces_refused;
	if (outcome->pem != NULL)
		snprintf(t.pem, sizeof(t.pem), "%.*s", (int)outcome->pem_length,
		    outcome->pem);
	else if (outcome->err != NULL)
		t.err = *outcome->err;
	if (!t.keep)
		order_free(TAKE(t.order));
}

/* ---- for the tests ---- */

static void
say_nothing(enum log_level level, const struct log_fields *fields, const char *line)
{
	(void)level;
	(void)fields;
	(void)line;
}

static char *one_name[] = { (char *)(uintptr_t) "a.example", NULL };

int
order_rig_set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	log_set_sink(say_nothing);
	t.loop = must(event_base_new());
	t.cert = (struct cert_config){ .name = one_name[0],
		.names = one_name,
		.options = &t.options };
	t.request = (struct order_request){ .loop = t.loop,
		.account = (struct account *)(void *)&t,
		.cert = &t.cert,
		.servers = (const struct challenge_servers *)(const void *)&t,
		.csr = (const unsigned char *)"CSR",
		.csr_length = 3 };
	at = count = 0;
	return 0;
}

int
order_rig_tear_down(void **state)
{
	(void)state;
	order_free(TAKE(t.order));
	text_clear(&t.transcript);
	text_clear(&t.steps);
	text_clear(&t.delays);
	json_object_put(t.meta);
	event_base_free(t.loop);
	return t.open == 0 ? 0 : -1;
}

void
order_rig_names(char **names)
{
	t.cert.names = names;
}

void
order_rig_script(const struct order_answer *answers, size_t n)
{
	assert_true(n <= SCRIPT_MOST);
	memcpy(script, answers, n * sizeof(*answers));
	at = 0;
	count = n;
}

void
order_rig_start(void)
{
	const struct order_watcher watcher = { .step = on_step,
		.record = on_record,
		.done = on_done,
		.arg = &t };

	t.order = order_start(&t.request, &watcher);
	assert_int_equal(t.steps.length, 0);
	assert_int_equal(t.calls, 0);
}

void
order_rig_run(void)
{
	order_rig_start();
	event_base_dispatch(t.loop);
	assert_int_equal(t.calls, 1);
}

void
assert_issued(void)
{
	assert_string_equal(t.err.text, "");
	assert_string_equal(t.pem, "PEM");
	assert_int_equal(at, count);
}

void
assert_failed(enum err_kind kind, const char *text)
{
	assert_string_equal(t.err.text, text);
	assert_int_equal(t.err.kind, kind);
	assert_string_equal(t.pem, "");
	assert_int_equal(at, count);
}

static void
assert_text(struct text *text, const char *expected)
{
	assert_string_equal(text->s ? text->s : "", expected);
	text_clear(text);
}

void
assert_transcript(const char *expected)
{
	assert_text(&t.transcript, expected);
}

void
assert_steps(const char *expected)
{
	assert_text(&t.steps, expected);
}

void
assert_delays(const char *expected)
{
	assert_text(&t.delays, expected);
}
