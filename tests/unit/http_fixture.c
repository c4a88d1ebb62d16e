/* SPDX-License-Identifier: ISC */
#include "tests/unit/http_fixture.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "common/str.h"

struct http_fixture t;

void
fixture_set_up(const struct route *routes)
{
	memset(&t, 0, sizeof(t));
	unsetenv("https_proxy");
	unsetenv("HTTPS_PROXY");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	t.loop = event_base_new();
	t.http = http_new(t.loop);
	t.server = http_server_new(t.loop, routes);
}

int
fixture_tear_down(void **state)
{
	(void)state;
	http_free(t.http);
	http_server_free(t.server);
	event_base_free(t.loop);
	free(t.body);
	free(t.nonce);
	free(t.second_link);
	return 0;
}

void
on_done(const struct http_reply *reply, const struct err *err, void *arg)
{
	(void)arg;
	assert_true((reply == NULL) != (err == NULL));
	t.n_done++;
	free(t.body);
	free(t.nonce);
	free(t.second_link);
	t.body = t.nonce = t.second_link = NULL;
	memset(&t.err, 0, sizeof(t.err));
	t.status = 0;
	if (err != NULL)
		t.err = *err;
	if (reply == NULL)
		return;
	assert_int_equal(strlen(reply->body), reply->body_length);
	t.status = reply->status;
	t.body = xstrdup(reply->body);
	t.nonce = xstrdup(http_header(reply, "replay-nonce", 0));
	t.second_link = xstrdup(http_header(reply, "Link", 1));
	assert_string_equal(http_header(reply, "Link", 2), "");
}

char *
url_of(const char *path)
{
	return xasprintf("http://127.0.0.1:%d%s", http_server_port(t.server), path);
}

struct http_request *
start(enum http_method method, const char *path, http_done_fn *done)
{
	CLEAN(string) char *url = url_of(path);
	struct http_call call = { .method = method,
		.url = url,
		.peer = &t.peer,
		.most = 16 };

	if (method == HTTP_POST) {
		call.body = "{}";
		call.body_length = 2;
		call.content_type = "application/jose+json";
		call.accept = "application/json";
	}
	return http_start(t.http, &call, done, NULL);
}

static void
on_too_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

/* Until so many requests have ended, or five seconds have gone by. */
void
run_until(unsigned n_done)
{
	const struct timeval patience = { .tv_sec = 5 };
	bool too_late = false;
	struct event *end = evtimer_new(t.loop, on_too_late, &too_late);

	event_add(end, &patience);
	while (t.n_done < n_done && !too_late)
		event_base_loop(t.loop, EVLOOP_ONCE);
	event_free(end);
	assert_int_equal(t.n_done, n_done);
}

/* For what should not happen: gives it some time. */
void
run_for_ms(long ms)
{
	const struct timeval in = { .tv_usec = ms * 1000 };

	event_base_loopexit(t.loop, &in);
	event_base_dispatch(t.loop);
}

void
get(const char *path)
{
	start(HTTP_GET, path, on_done);
	run_until(t.n_done + 1);
}

int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
assert_received(const char *line, bool there)
{
	bool found = strstr(http_server_received(t.server), line) != NULL;

	if (found != there)
		fail_msg("%s in\n%s", line, http_server_received(t.server));
}

/* PORT in the text stands for the server's. */
void
assert_error(enum err_kind kind, const char *text)
{
	char port[8];
	const char *place = strstr(text, "PORT");
	CLEAN(string) char *whole = NULL;

	snprintf(port, sizeof(port), "%d", http_server_port(t.server));
	if (place == NULL)
		whole = xstrdup(text);
	else
		whole = xasprintf("%.*s%s%s", (int)(place - text), text, port, place + 4);
	assert_string_equal(t.err.text, whole);
	assert_int_equal(t.err.kind, kind);
}
