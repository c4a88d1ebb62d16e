/* SPDX-License-Identifier: ISC */
#include "tests/unit/scripted_http.h"

#include "tests/unit/unit.h"

#include <event2/event.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "daemon/io/clock.h"

#define SCRIPT_MOST 160

struct http_request {
	struct event *turn;
	struct scripted_reply reply;
	http_done_fn *done;
	void *arg;
};

struct scripted_http h;

/* A copy: scripts are often temporary. */
static struct scripted_reply script[SCRIPT_MOST];

time_t
clock_now(void)
{
	return h.now;
}

int64_t
clock_monotonic_ms(void)
{
	return (int64_t)h.now * 1000;
}

/* ---- http.h ---- */

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct http_request *r = arg;
	const char *body = r->reply.body ? r->reply.body : "";
	struct http_reply reply = { .status = r->reply.status,
		.body = body,
		.body_length = strlen(body),
		.request = r };
	struct err err = { 0 };

	(void)fd;
	(void)what;
	h.open--;
	if (r->reply.failure != NULL) {
		err_set(&err, ERR_NETWORK, "%s", r->reply.failure);
		r->done(NULL, &err, r->arg);
	} else {
		r->done(&reply, NULL, r->arg);
	}
	event_free(r->turn);
	free(r);
}

static const char *
method_name(enum http_method method)
{
	if (method == HTTP_POST)
		return "POST";
	return method == HTTP_HEAD ? "HEAD" : "GET";
}

struct http_request *
http_start(struct http *http, const struct http_call *call, http_done_fn *done, void *arg)
{
	struct http_request *r = xcalloc(1, sizeof(*r));
	struct timeval now = { 0 };

	assert_ptr_equal(http, h.http);
	text_add(&h.transcript, "%s %s", method_name(call->method), call->url);
	if (call->method == HTTP_POST)
		text_add(&h.transcript, " %.*s", (int)call->body_length, call->body);
	text_add(&h.transcript, "\n");
	text_add(&h.accepts, "%s\n", call->accept ? call->accept : "-");
	h.last = (struct http_call){ .method = call->method,
		.peer = call->peer,
		.most = call->most };
	h.open++;

	if (h.left == 0) {
		print_error("nothing is left of the script for:\n%s\n", h.transcript.s);
		fail();
	}
	r->reply = *h.script++;
	h.left--;
	r->done = done;
	r->arg = arg;
	r->turn = must(evtimer_new(h.loop, on_turn, r));
	if (r->reply.status != 0 || r->reply.failure != NULL)
		event_add(r->turn, &now);
	return r;
}

void
http_request_free(struct http_request *r)
{
	if (r == NULL)
		return;
	h.open--;
	event_free(r->turn);
	free(r);
}

const char *
http_header(const struct http_reply *reply, const char *name, size_t n)
{
	static char values[4][1024];
	static unsigned turn;
	const char *line = reply->request->reply.headers;
	char *value = values[turn++ % 4];

	assert_int_equal(n, 0);
	for (; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncasecmp(line, name, strlen(name)) != 0 ||
		    strncmp(line + strlen(name), ": ", 2) != 0)
			continue;
		line += strlen(name) + 2;
		snprintf(value, sizeof(values[0]), "%.*s", (int)strcspn(line, "\n"), line);
		return value;
	}
	return "";
}

/* ---- for the tests ---- */

void
scripted_http_answer(const struct scripted_reply *replies, size_t count)
{
	assert_true(count <= SCRIPT_MOST);
	assert_int_equal(h.left, 0);
	memcpy(script, replies, count * sizeof(*replies));
	h.script = script;
	h.left = count;
}

void
scripted_http_run(void)
{
	event_base_dispatch(h.loop);
}

void
assert_asked(const char *expected)
{
	assert_string_equal(h.transcript.s ? h.transcript.s : "", expected);
	assert_int_equal(h.left, 0);
	text_clear(&h.transcript);
	text_clear(&h.accepts);
}

int
scripted_http_set_up(void **state)
{
	static char http;

	(void)state;
	h = (struct scripted_http){ .loop = must(event_base_new()),
		.http = (struct http *)(void *)&http,
		.now = 1790000000 };
	return 0;
}

int
scripted_http_tear_down(void **state)
{
	(void)state;
	text_clear(&h.transcript);
	text_clear(&h.accepts);
	event_base_free(h.loop);
	return h.open == 0 ? 0 : -1;
}
