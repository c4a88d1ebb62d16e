/* SPDX-License-Identifier: ISC */
/*
 * http01 - the answer on port 80 (RFC 8555, section 8.3).
 *
 * One route, answered out of memory: /.well-known/acme-challenge/TOKEN. A live token has
 * its own key authorization; any other well-formed token is answered with the default
 * thumbprint where one is set (stateless), else with 404. Knows no keys and no files, and
 * resolves nothing: it could live in a process of its own.
 *
 * Limits: 8 KiB of request, 10 s and 100 requests a connection, 4,096 connections (three
 * quarters of the descriptors, where that is less), 64 an address (/64). Over a limit of
 * connections the oldest goes, not the one that comes.
 */
#ifndef ACMED_HTTP01_H
#define ACMED_HTTP01_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clean.h"
#include "common/err.h"

struct event_base;
struct http01;

struct http01 *http01_new(struct event_base *loop);
void http01_free(struct http01 *h);
DEFINE_CLEAN(http01, struct http01);

/* Takes over a listening socket. */
void http01_listen(struct http01 *h, int fd);
bool http01_listens(const struct http01 *h);

/* Answers only live tokens where NULL. */
void http01_set_default(struct http01 *h, const char *thumbprint);

/* Both copied. Putting a token again replaces it. */
void http01_put(struct http01 *h, const char *token, const char *key_authorization);
void http01_remove(struct http01 *h, const char *token);

/* Called at each answer that was served; `live` tells whether the token was put. May put
 * and remove tokens, not free the responder. */
typedef void http01_hit_fn(const char *token, const char *peer, bool live, void *arg);
void http01_on_hit(struct http01 *h, http01_hit_fn *fn, void *arg);

struct http01_counts {
	uint64_t served;
	uint64_t refused; /* 400, 404 */
	uint64_t dropped; /* over a limit, or too slow */
	size_t connections;
};
void http01_count(const struct http01 *h, struct http01_counts *ret);

/* ---- the parser, for its tests and the fuzzer ---- */

#define HTTP01_REQUEST_MAX 8192

enum http01_parsed {
	HTTP01_MORE,      /* not whole yet */
	HTTP01_TOKEN,     /* a well-formed request for a token */
	HTTP01_NOT_FOUND, /* well-formed, and for something else */
	HTTP01_BAD,       /* not HTTP as we accept it */
};

struct http01_request {
	char token[129]; /* HTTP01_TOKEN: 22 to 128 characters */
	bool head;       /* HEAD: no body */
	bool keep_alive; /* HTTP/1.1 without Connection: close, 1.0 with keep-alive */
	size_t length;   /* of the request, for what is pipelined behind it */
};

enum http01_parsed http01_parse(const char *bytes, size_t length,
    struct http01_request *ret);

#endif
