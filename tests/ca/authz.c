/* SPDX-License-Identifier: ISC */
/* authz - authorizations and challenges (RFC 8555, sections 7.5 and 8.3). */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/ca/ca.h"

#define FETCH_SECONDS 10

static const char *const kinds[CHALLENGE_KINDS] = {
	[CHALLENGE_HTTP] = "http-01",
	[CHALLENGE_DNS] = "dns-01",
	[CHALLENGE_ALPN] = "tls-alpn-01",
};

static bool
offers(const struct authz *a, enum challenge_kind kind)
{
	bool ip = str_eq(json_get_string(a->identifier, "type"), "ip");

	return kind == CHALLENGE_DNS ? !ip : !a->wildcard;
}

static const char *
challenge_status(const struct authz *a, enum challenge_kind kind)
{
	if (a->tried != (int)kind)
		return "pending";
	if (a->processing)
		return "processing";
	return a->error != NULL ? "invalid" : "valid";
}

static struct json_object *
challenge_json(struct ca *ca, const struct authz *a, enum challenge_kind kind)
{
	struct json_object *doc = json_object_new_object();
	CLEAN(string)
	char *url = xasprintf("%s/challenge/%zu-%d", ca->base, a->id, (int)kind);

	json_add_string(doc, "type", kinds[kind]);
	json_add_string(doc, "url", url);
	json_add_string(doc, "status", challenge_status(a, kind));
	json_add_string(doc, "token", a->token);
	if (a->tried == (int)kind && a->error != NULL)
		json_object_object_add(doc, "error", json_object_get(a->error));
	if (a->tried == (int)kind)
		json_add_time(doc, "validated", a->validated);
	return doc;
}

static void
reply_authz(struct call *c)
{
	struct authz *a = c->authz;
	struct json_object *doc = json_object_new_object();
	struct json_object *challenges = json_object_new_array();
	bool settled = !str_eq(a->status, "pending");

	json_object_object_add(doc, "identifier", json_object_get(a->identifier));
	json_add_string(doc, "status", a->status);
	json_add_time(doc, "expires", time(NULL) + 3600);
	if (a->wildcard)
		json_add_bool(doc, "wildcard", true);
	for (int i = 0; i < CHALLENGE_KINDS; i++)
		if (settled ? a->tried == i : offers(a, (enum challenge_kind)i))
			json_object_array_add(challenges,
			    challenge_json(c->ca, a, (enum challenge_kind)i));
	json_object_object_add(doc, "challenges", challenges);
	reply_json(&c->reply, 200, doc);
	if (!settled && c->ca->options.poll_after >= 0)
		reply_header(&c->reply, "Retry-After", "%ld", c->ca->options.poll_after);
}

void
handle_authz(struct call *c)
{
	if (c->payload != NULL) {
		if (!str_eq(json_get_string(c->payload, "status"), "deactivated")) {
			reply_problem(&c->reply, 400, "malformed", "nothing to do");
			return;
		}
		set_string(&c->authz->status, "deactivated");
	}
	reply_authz(c);
}

void
authz_settle(struct authz *a, const char *problem, const char *detail)
{
	CLEAN(string) char *urn = NULL;

	if (!str_eq(a->status, "pending"))
		return;
	a->processing = false;
	a->validated = time(NULL);
	set_string(&a->status, problem == NULL ? "valid" : "invalid");
	if (problem == NULL)
		return;
	urn = xasprintf("urn:ietf:params:acme:error:%s", problem);
	a->error = json_object_new_object();
	json_add_string(a->error, "type", urn);
	json_add_string(a->error, "detail", detail);
	json_add_int(a->error, "status", 403);
}

void
handle_challenge(struct call *c)
{
	struct authz *a = c->authz;

	if (!offers(a, c->challenge)) {
		reply_problem(&c->reply, 404, "malformed", "no such challenge");
		return;
	}
	if (a->tried != -1 || !str_eq(a->status, "pending")) {
		reply_problem(&c->reply, 400, "malformed",
		    "a challenge was answered already");
		return;
	}
	a->tried = (int)c->challenge;
	a->processing = true;
	if (c->ca->options.no_validate)
		authz_settle(a, NULL, NULL);
	else if (c->challenge == CHALLENGE_HTTP)
		validate_http(c->ca, a);
	else
		authz_settle(a, "serverInternal", "this CA can validate http-01 only");
	reply_json(&c->reply, 200, challenge_json(c->ca, a, c->challenge));
	reply_header(&c->reply, "Link", "<%s/authz/%zu>;rel=\"up\"", c->ca->base, a->id);
	if (a->processing && c->ca->options.poll_after >= 0)
		reply_header(&c->reply, "Retry-After", "%ld", c->ca->options.poll_after);
}

/* ---- http-01, for real ---- */

struct fetch {
	LIST_ENTRY(fetch) entry;
	struct authz *authz;
	struct evhttp_connection *connection;
	struct event *end; /* what a callback of the connection must not free */
};

static void
settle_fetched(struct authz *a, struct evhttp_request *answer)
{
	struct evbuffer *buffer = evhttp_request_get_input_buffer(answer);
	CLEAN(string) char *wanted = xasprintf("%s.%s", a->token, a->account->thumbprint);
	CLEAN(string) char *body = NULL;
	size_t length = evbuffer_get_length(buffer);
	int status = evhttp_request_get_response_code(answer);

	body =
	    xstrndup(length > 0 ? (const char *)evbuffer_pullup(buffer, -1) : "", length);
	/* White space at the end is ignored (RFC 8555, section 8.3). */
	while (length > 0 && strchr(" \t\r\n", body[length - 1]) != NULL)
		body[--length] = '\0';
	if (status == 0)
		authz_settle(a, "connection", "the connection to port 80 failed");
	else if (status != 200)
		authz_settle(a, "unauthorized", "the answer to http-01 was not 200");
	else if (!str_eq(body, wanted))
		authz_settle(a, "incorrectResponse", "the answer to http-01 was wrong");
	else
		authz_settle(a, NULL, NULL);
}

static void
fetch_free(struct fetch *f)
{
	LIST_REMOVE(f, entry);
	evhttp_connection_free(f->connection);
	event_free(f->end);
	free(f);
}

static void
on_fetch_end(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fetch_free(arg);
}

static void
on_fetched(struct evhttp_request *answer, void *arg)
{
	struct fetch *f = arg;
	struct timeval now = { 0 };

	if (answer == NULL)
		authz_settle(f->authz, "connection", "the connection to port 80 failed");
	else
		settle_fetched(f->authz, answer);
	event_add(f->end, &now);
}

static void
fetch_start(struct fetch *f, const char *host, const char *path)
{
	struct evhttp_request *request = must(evhttp_request_new(on_fetched, f));
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	struct timeval now = { 0 };

	evhttp_connection_set_timeout(f->connection, FETCH_SECONDS);
	evhttp_connection_set_max_body_size(f->connection, 1024);
	evhttp_add_header(headers, "Host", host);
	evhttp_add_header(headers, "User-Agent", "scripted-ca");
	evhttp_add_header(headers, "Connection", "close");
	if (evhttp_make_request(f->connection, request, EVHTTP_REQ_GET, path) == -1) {
		authz_settle(f->authz, "connection", "the connection to port 80 failed");
		event_add(f->end, &now);
	}
}

void
validate_http(struct ca *ca, struct authz *a)
{
	CLEAN(string) char *path = xasprintf("/.well-known/acme-challenge/%s", a->token);
	const char *value = json_get_string(a->identifier, "value");
	bool brackets = strchr(value, ':') != NULL;
	CLEAN(string)
	char *host = xasprintf("%s%s%s", brackets ? "[" : "", value, brackets ? "]" : "");
	struct fetch *f = xcalloc(1, sizeof(*f));

	f->authz = a;
	f->end = must(evtimer_new(ca->loop, on_fetch_end, f));
	f->connection = must(evhttp_connection_base_new(ca->loop, NULL, "127.0.0.1",
	    (ev_uint16_t)ca->options.http_port));
	LIST_INSERT_HEAD(&ca->fetches, f, entry);
	fetch_start(f, host, path);
}

void
validate_stop(struct ca *ca)
{
	struct fetch *f, *next;

	for (f = LIST_FIRST(&ca->fetches); f != NULL; f = next) {
		next = LIST_NEXT(f, entry);
		fetch_free(f);
	}
}
