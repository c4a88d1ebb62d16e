/* SPDX-License-Identifier: ISC */
/*
 * session - signed requests of one account to one CA (RFC 8555, section 6).
 *
 * Alone knows nonces: every response's is kept, newNonce is asked only when there is
 * none, and a request that was refused for its nonce is signed again, a bounded number of
 * times. A request calls back once, from the loop, never before session_post() has
 * returned; freed earlier it does not call back at all.
 */
#ifndef ACMED_SESSION_H
#define ACMED_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "common/clean.h"
#include "common/err.h"

struct directory;
struct http_reply;
struct json_object;
struct key;
struct session;
struct session_request;

/* Borrows the directory and the key, which outlive the session. The directory has to be
 * loaded before anything is posted. */
struct session *session_new(struct directory *directory, const struct key *key);
void session_free(struct session *s); /* with no request under way */
DEFINE_CLEAN(session, struct session);

struct directory *session_directory(const struct session *s);

/* The account URL that signs from now on (as `kid`); copied. */
void session_set_account(struct session *s, const char *url);

struct session_call {
	const char *resource;        /* a member of the directory, or NULL: url */
	const char *url;             /* absolute */
	struct json_object *payload; /* borrowed; NULL: POST-as-GET */
	bool with_jwk;               /* signed by the key itself, not by the account */
	const char *accept;          /* NULL: application/json */
};

/* An answer with a status below 300. All of it is gone when the callback returns; `doc`
 * may be kept with json_object_get(). */
struct session_reply {
	int status;
	struct json_object *doc; /* NULL where the body is no JSON */
	const char *body;
	size_t body_length;
	const char *location; /* absolute, of the CA's own hosts; "" where there is none */
	time_t retry_after;   /* seconds; 0 where there is none */
};

/* One of them is NULL. Problem documents arrive as err. */
typedef void session_done_fn(const struct session_reply *reply, const struct err *err,
    void *arg);

struct session_request *session_post(struct session *s, const struct session_call *call,
    session_done_fn *done, void *arg);
void session_request_free(struct session_request *r);
DEFINE_CLEAN(session_request, struct session_request);

#endif
