/* SPDX-License-Identifier: ISC */
#include "daemon/acme/session.h"

#include <event2/event.h>
#include <string.h>

#include "common/crypto/base64url.h"
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/acme/directory.h"
#include "daemon/acme/problem.h"
#include "daemon/crypto/jws.h"
#include "daemon/io/clock.h"
#include "daemon/io/http.h"

/* CAs let nonces expire: older ones are more likely to cost a round trip than to save one.
 */
#define NONCES_MAX         64
#define NONCE_KEEP_SECONDS 300

/* Times a request is signed anew after badNonce, before it counts as a server's failure. */
#define BAD_NONCES_MAX 10

struct nonce {
	char *value;
	time_t at;
};

struct session {
	struct directory *directory;
	const struct key *key;
	char *account_url;
	struct nonce nonces[NONCES_MAX]; /* the newest last */
	size_t n_nonces;
};

struct session_request {
	struct session *session;
	char *url;
	char *payload;
	char *accept;
	bool with_jwk;
	bool listed; /* the URL is a member of the directory */
	unsigned bad_nonces;
	struct http_request *http;
	struct event *turn; /* tells of an early failure, from the loop */
	struct err early;
	session_done_fn *done;
	void *arg;
};

static void send_or_fetch_nonce(struct session_request *r);

/* ---- nonces ---- */

static void
keep_nonce(struct session *s, const struct http_reply *reply)
{
	const char *value = http_header(reply, "Replay-Nonce", 0);

	if (!base64url_is_token(value) || strlen(value) > 512)
		return;
	if (s->n_nonces == NONCES_MAX) {
		free(s->nonces[0].value);
		memmove(s->nonces, s->nonces + 1, (NONCES_MAX - 1) * sizeof(s->nonces[0]));
		s->n_nonces--;
	}
	s->nonces[s->n_nonces++] =
	    (struct nonce){ .value = xstrdup(value), .at = clock_now() };
}

static void
forget_nonces(struct session *s)
{
	while (s->n_nonces > 0)
		free(s->nonces[--s->n_nonces].value);
}

/* The newest, owned by the caller; NULL where there is none that is fresh. */
static char *
take_nonce(struct session *s)
{
	time_t now = clock_now();

	if (s->n_nonces == 0)
		return NULL;
	if (s->nonces[s->n_nonces - 1].at + NONCE_KEEP_SECONDS >= now)
		return s->nonces[--s->n_nonces].value;
	forget_nonces(s);
	return NULL;
}

/* ---- the answer ---- */

static void
request_ended(struct session_request *r, const struct session_reply *reply,
    const struct err *err)
{
	session_done_fn *done = r->done;
	void *arg = r->arg;

	session_request_free(r);
	done(reply, err, arg); /* nothing after this: the callee may free the session */
}

static void
request_failed(struct session_request *r, const struct err *err)
{
	struct err copy = *err;

	request_ended(r, NULL, &copy);
}

/* The header as an absolute URL of the CA's, owned by the caller; "" where it is absent. */
static char *
absolute_header(struct session_request *r, const struct http_reply *reply, const char *name,
    struct err *err)
{
	const char *value = http_header(reply, name, 0);
	CLEAN(string) char *url = NULL;

	if (*value == '\0')
		return xstrdup("");
	url = http_resolve_url(r->url, value, err);
	if (url == NULL || directory_check_url(r->session->directory, url, err) == -1) {
		err_prefix(err, "%s", name);
		return NULL;
	}
	return TAKE(url);
}

static void
pass_on(struct session_request *r, const struct http_reply *reply)
{
	struct err err = { 0 };
	struct err no_json = { 0 };
	CLEAN(json)
	struct json_object *doc = json_parse(reply->body, reply->body_length, &no_json);
	CLEAN(string) char *location = NULL;
	struct session_reply answer = { .status = reply->status,
		.doc = doc,
		.body = reply->body,
		.body_length = reply->body_length };

	timefmt_parse_retry_after(http_header(reply, "Retry-After", 0), clock_now(),
	    &answer.retry_after);
	if (reply->status >= 300) {
		problem_to_err(reply->status, doc, answer.retry_after, &err);
		request_failed(r, &err);
		return;
	}
	location = absolute_header(r, reply, "Location", &err);
	if (location == NULL) {
		request_failed(r, &err);
		return;
	}
	answer.location = location;
	request_ended(r, &answer, NULL);
}

static bool
is_bad_nonce(const struct http_reply *reply)
{
	struct err ignored = { 0 };
	struct err err = { 0 };
	CLEAN(json) struct json_object *doc = NULL;

	if (reply->status != 400)
		return false;
	doc = json_parse(reply->body, reply->body_length, &ignored);
	problem_to_err(reply->status, doc, 0, &err);
	return str_eq(err.problem, "badNonce");
}

static void
on_posted(const struct http_reply *reply, const struct err *failure, void *arg)
{
	struct session_request *r = arg;

	r->http = NULL;
	if (failure != NULL) {
		if (r->listed)
			directory_forget(r->session->directory); /* it may have moved */
		request_failed(r, failure);
		return;
	}
	if (is_bad_nonce(reply) && r->bad_nonces++ < BAD_NONCES_MAX) {
		log_debug("session: %s refuses a nonce for the %u. time", r->url,
		    r->bad_nonces);
		forget_nonces(r->session);
		keep_nonce(r->session, reply);
		send_or_fetch_nonce(r);
		return;
	}
	keep_nonce(r->session, reply);
	if (r->listed && (reply->status == 404 || reply->status == 405))
		directory_forget(r->session->directory);
	pass_on(r, reply);
}

/* ---- sending ---- */

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct session_request *r = arg;

	(void)fd;
	(void)what;
	request_failed(r, &r->early);
}

static void
fail_early(struct session_request *r, const struct err *err)
{
	r->early = *err;
	r->turn = must(event_new(directory_loop(r->session->directory), -1, 0, on_turn, r));
	event_active(r->turn, EV_TIMEOUT, 1);
}

static void
send_signed(struct session_request *r, const char *nonce)
{
	struct session *s = r->session;
	struct err err = { 0 };
	const struct jws_header header = { .url = r->url,
		.nonce = nonce,
		.kid = r->with_jwk ? NULL : s->account_url };
	CLEAN(string) char *body = jws_sign(s->key, &header, r->payload, &err);
	const struct http_call call = { .method = HTTP_POST,
		.url = r->url,
		.peer = directory_peer(s->directory),
		.body = body,
		.body_length = body ? strlen(body) : 0,
		.content_type = "application/jose+json",
		.accept = r->accept };

	if (body == NULL) {
		fail_early(r, &err);
		return;
	}
	r->http = http_start(directory_http(s->directory), &call, on_posted, r);
}

static void
on_nonce(const struct http_reply *reply, const struct err *failure, void *arg)
{
	struct session_request *r = arg;
	struct err err = { 0 };
	CLEAN(string) char *nonce = NULL;
	time_t retry_after = 0;

	r->http = NULL;
	if (failure != NULL) {
		err = *failure;
		err_prefix(&err, "newNonce");
		request_failed(r, &err);
		return;
	}
	keep_nonce(r->session, reply);
	nonce = take_nonce(r->session);
	if (nonce != NULL) {
		send_signed(r, nonce);
		return;
	}
	timefmt_parse_retry_after(http_header(reply, "Retry-After", 0), clock_now(),
	    &retry_after);
	if (reply->status >= 300)
		problem_to_err(reply->status, NULL, retry_after, &err);
	else
		err_set(&err, ERR_PROTOCOL, "no Replay-Nonce in the answer");
	err_prefix(&err, "newNonce");
	request_failed(r, &err);
}

static void
send_or_fetch_nonce(struct session_request *r)
{
	struct directory *directory = r->session->directory;
	CLEAN(string) char *nonce = take_nonce(r->session);
	struct err err = { 0 };
	struct http_call call = { .method = HTTP_HEAD, .peer = directory_peer(directory) };

	if (nonce != NULL) {
		send_signed(r, nonce);
		return;
	}
	if (directory_need(directory, "newNonce", &call.url, &err) == -1)
		fail_early(r, &err);
	else
		r->http = http_start(directory_http(directory), &call, on_nonce, r);
}

static int
find_url(struct session_request *r, const struct session_call *call, struct err *err)
{
	const char *url = call->url;

	r->listed = call->resource != NULL;
	if (call->resource != NULL &&
	    directory_need(r->session->directory, call->resource, &url, err) == -1)
		return -1;
	r->url = xstrdup(url);
	return directory_check_url(r->session->directory, r->url, err);
}

struct session_request *
session_post(struct session *s, const struct session_call *call, session_done_fn *done,
    void *arg)
{
	struct session_request *r = xcalloc(1, sizeof(*r));
	struct err err = { 0 };

	r->session = s;
	r->payload = call->payload ? json_print(call->payload) : xstrdup("");
	r->accept = xstrdup(call->accept ? call->accept : "application/json");
	r->with_jwk = call->with_jwk;
	r->done = done;
	r->arg = arg;
	if (find_url(r, call, &err) == -1)
		fail_early(r, &err);
	else
		send_or_fetch_nonce(r);
	return r;
}

void
session_request_free(struct session_request *r)
{
	if (r == NULL)
		return;
	http_request_free(r->http);
	if (r->turn != NULL)
		event_free(r->turn);
	free(r->url);
	free(r->payload);
	free(r->accept);
	free(r);
}

/* ---- sessions ---- */

struct session *
session_new(struct directory *directory, const struct key *key)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->directory = directory;
	s->key = key;
	return s;
}

void
session_free(struct session *s)
{
	if (s == NULL)
		return;
	forget_nonces(s);
	free(s->account_url);
	free(s);
}

struct directory *
session_directory(const struct session *s)
{
	return s->directory;
}

void
session_set_account(struct session *s, const char *url)
{
	free(s->account_url);
	s->account_url = xstrdup(url);
}
