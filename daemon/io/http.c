/* SPDX-License-Identifier: ISC */
#include "daemon/io/http.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/timefmt.h"
#include "daemon/io/clock.h"
#include "daemon/io/http_internal.h"

/* At a time to a server that speaks HTTP/1.1 only, where nobody says otherwise. */
#define CONNECTIONS 8

/* Connections (and some 100 KiB with each) are for the requests of a renewal, which come
 * within seconds: servers close them after a minute or so, which curl would not see. */
#define IDLE_S 60

static const struct http_peer no_peer = { 0 };

const char *
http_library_version(void)
{
	static char text[128];
	const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);

	snprintf(text, sizeof(text), "libcurl %s (%s, nghttp2/%s)", v->version,
	    v->ssl_version, v->nghttp2_version != NULL ? v->nghttp2_version : "none");
	return text;
}

/* ---- what ends ---- */

static void
http_rest(struct http *http)
{
	const struct timeval in = { .tv_sec = IDLE_S };

	if (TAILQ_EMPTY(&http->requests))
		event_add(http->idle, &in);
}

/* Off the lists, and away from curl. The answer can be read all the same. */
static void
request_stop(struct http_request *r)
{
	struct http *http = r->http;

	if (http == NULL)
		return;
	if (r->running) {
		curl_multi_remove_handle(http->multi, r->easy);
		TAILQ_REMOVE(&http->requests, r, link);
		http_rest(http);
	} else if (!r->calling) {
		TAILQ_REMOVE(&http->failed, r, link);
	}
	r->running = false;
}

static void
request_destroy(struct http_request *r)
{
	struct http *http = r->http;

	if (http != NULL && http->n_spare < HTTP_SPARE_MAX) {
		curl_easy_reset(r->easy);
		http->spare[http->n_spare++] = r->easy;
	} else {
		curl_easy_cleanup(r->easy);
	}
	curl_slist_free_all(r->headers);
	text_clear(&r->body);
	free(r);
}

static void
log_ended(const struct http_request *r, long status)
{
	static const char *const versions[] = {
		[CURL_HTTP_VERSION_1_0] = "HTTP/1.0",
		[CURL_HTTP_VERSION_1_1] = "HTTP/1.1",
		[CURL_HTTP_VERSION_2_0] = "HTTP/2",
	};
	curl_off_t us = 0;
	char *method = NULL;
	char *url = NULL;
	long version = 0;

	curl_easy_getinfo(r->easy, CURLINFO_EFFECTIVE_METHOD, &method);
	curl_easy_getinfo(r->easy, CURLINFO_EFFECTIVE_URL, &url);
	curl_easy_getinfo(r->easy, CURLINFO_HTTP_VERSION, &version);
	curl_easy_getinfo(r->easy, CURLINFO_TOTAL_TIME_T, &us);
	if (version <= CURL_HTTP_VERSION_NONE || version > CURL_HTTP_VERSION_2_0)
		version = CURL_HTTP_VERSION_1_1;
	log_debug("http: %s %s: %ld over %s in %lld ms", method ? method : "",
	    url ? url : "", status, versions[version], (long long)us / 1000);
}

/* Our clock is held against the server's. What has an Age comes from a cache, and so does
 * its Date. */
static void
pass_date_on(const struct http_reply *reply)
{
	CLEAN(string) char *who = NULL;
	char *url = NULL;
	time_t date;

	if (!timefmt_parse_http_date(http_header(reply, "Date", 0), &date) ||
	    http_header(reply, "Age", 0)[0] != '\0')
		return;
	curl_easy_getinfo(reply->request->easy, CURLINFO_EFFECTIVE_URL, &url);
	who = http_url_authority(url);
	clock_hint_date(date, who);
}

static void
request_ended(struct http_request *r, CURLcode code)
{
	struct http_reply reply = { .request = r, .body = "" };
	struct http_failure failure = { .easy = r->easy,
		.code = code,
		.detail = r->detail };
	long status = 0;

	failure.proxy = r->peer->proxy;
	failure.trust = r->peer->trust;
	failure.timeout_ms = http_timeout_ms(r->peer);
	if (r->err.kind == ERR_NONE && code != CURLE_OK)
		http_explain(&failure, &r->err);
	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	reply.status = (int)status;
	if (r->err.kind == ERR_NONE)
		log_ended(r, status);
	if (r->body.s != NULL)
		reply.body = r->body.s;
	reply.body_length = r->body.length;

	request_stop(r);
	r->calling = true;
	if (r->err.kind == ERR_NONE) {
		pass_date_on(&reply);
		r->done(&reply, NULL, r->arg);
	} else {
		r->done(NULL, &r->err, r->arg);
	}
	request_destroy(r);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct http *http = arg;
	struct http_request *r = TAILQ_FIRST(&http->failed);
	const struct timeval now = { 0 };

	(void)fd;
	(void)what;
	if (r == NULL) /* freed meanwhile */
		return;
	if (TAILQ_NEXT(r, link) != NULL)
		event_add(http->late, &now);
	request_ended(r, CURLE_OK);
}

/* ---- between curl and the loop ---- */

/* Tells curl what happened, then passes on what has ended because of it. The callbacks run
 * outside of curl, so they may start and free requests. */
static void
http_drive(struct http *http, curl_socket_t fd, int what)
{
	struct http_request *r;
	CURLMsg *message;
	CURLcode code;
	int unused;

	curl_multi_socket_action(http->multi, fd, what, &unused);
	while ((message = curl_multi_info_read(http->multi, &unused)) != NULL) {
		code = message->data.result; /* the message goes with its handle */
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &r);
		request_ended(r, code);
	}
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	http_drive(arg, fd,
	    (what & EV_READ ? CURL_CSELECT_IN : 0) |
		(what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	http_drive(arg, CURL_SOCKET_TIMEOUT, 0);
}

/* curl wants to hear of these events on `fd` from now on. */
static int
watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct http *http = arg;
	struct event *event = socket_arg;
	short events = EV_PERSIST;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (event != NULL)
			event_free(event);
		return 0;
	}
	if (what & CURL_POLL_IN)
		events |= EV_READ;
	if (what & CURL_POLL_OUT)
		events |= EV_WRITE;
	if (event == NULL) {
		event = must(event_new(http->loop, fd, events, on_socket, http));
		curl_multi_assign(http->multi, fd, event);
	} else {
		event_del(event);
		event_assign(event, http->loop, fd, events, on_socket, http);
	}
	event_add(event, NULL);
	return 0;
}

/* curl wants to be called in `ms`, or not at all; 0 goes by way of the loop, too. */
static int
set_timer(CURLM *multi, long ms, void *arg)
{
	struct http *http = arg;
	const struct timeval in = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	(void)multi;
	if (ms < 0)
		event_del(http->timer);
	else
		event_add(http->timer, &in);
	return 0;
}

static int
request_begin(struct http_request *r, const struct http_call *call)
{
	struct http *http = r->http;

	if (http_check_url(call->url, &r->err) == -1)
		return -1;
	if (http_set_up(r, call) == -1)
		return -1;
	if (http_trust_apply(http->trust, r->easy, r->peer->trust, &r->err) == -1)
		return -1;
	if (curl_multi_add_handle(http->multi, r->easy) != CURLM_OK)
		return err_set(&r->err, ERR_SYSTEM, "libcurl refuses the request");
	return 0;
}

struct http_request *
http_start(struct http *http, const struct http_call *call, http_done_fn *done, void *arg)
{
	struct http_request *r = xcalloc(1, sizeof(*r));
	const struct timeval now = { 0 };

	r->http = http;
	r->peer = call->peer != NULL ? call->peer : &no_peer;
	r->done = done;
	r->arg = arg;
	r->easy = http->n_spare > 0 ? http->spare[--http->n_spare] : must(curl_easy_init());
	r->running = request_begin(r, call) == 0;
	if (r->running) {
		event_del(http->idle);
		TAILQ_INSERT_TAIL(&http->requests, r, link);
	} else {
		TAILQ_INSERT_TAIL(&http->failed, r, link);
		event_add(http->late, &now);
	}
	return r;
}

void
http_request_free(struct http_request *r)
{
	if (r == NULL || r->calling) /* then it is freed in a moment anyway */
		return;
	request_stop(r);
	request_destroy(r);
}

const char *
http_header(const struct http_reply *reply, const char *name, size_t n)
{
	struct curl_header *header;

	if (curl_easy_header(reply->request->easy, name, n, CURLH_HEADER, -1, &header) !=
	    CURLHE_OK)
		return "";
	return header->value;
}

/* ---- all of them ---- */

void
http_set_connections(struct http *http, unsigned most)
{
	http->connections = most;
	curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)most);
}

static void
open_multi(struct http *http)
{
	http->multi = must(curl_multi_init());
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	http_set_connections(http, http->connections);
}

static void
close_multi(struct http *http)
{
	while (http->n_spare > 0)
		curl_easy_cleanup(http->spare[--http->n_spare]);
	curl_multi_cleanup(http->multi);
}

static void
on_idle(evutil_socket_t fd, short what, void *arg)
{
	struct http *http = arg;

	(void)fd;
	(void)what;
	close_multi(http);
	open_multi(http);
}

struct http *
http_new(struct event_base *loop)
{
	struct http *http = xcalloc(1, sizeof(*http));
	const curl_version_info_data *v;

	curl_global_init(CURL_GLOBAL_DEFAULT);
	v = curl_version_info(CURLVERSION_NOW);
	http->loop = loop;
	http->connections = CONNECTIONS;
	http->user_agent = xasprintf("acmed/%s (libcurl/%s; %s)", PACKAGE_VERSION,
	    v->version, v->ssl_version);
	TAILQ_INIT(&http->requests);
	TAILQ_INIT(&http->failed);
	http->timer = must(evtimer_new(loop, on_timer, http));
	http->late = must(evtimer_new(loop, on_late, http));
	http->idle = must(evtimer_new(loop, on_idle, http));
	http->trust = http_trust_new();
	open_multi(http);
	return http;
}

/* Requests that are still there call nobody any more; their owners may free them. */
static void
orphan(struct request_list *list)
{
	struct http_request *r;

	while ((r = TAILQ_FIRST(list)) != NULL) {
		if (r->running)
			curl_multi_remove_handle(r->http->multi, r->easy);
		TAILQ_REMOVE(list, r, link);
		r->running = false;
		r->http = NULL;
	}
}

void
http_free(struct http *http)
{
	if (http == NULL)
		return;
	orphan(&http->requests);
	orphan(&http->failed);
	close_multi(http);
	event_free(http->timer);
	event_free(http->late);
	event_free(http->idle);
	http_trust_free(http->trust);
	free(http->user_agent);
	free(http);
	curl_global_cleanup();
}
