/* SPDX-License-Identifier: ISC */
/* reply - what the CA is going to answer, as a value that faults can still change. */
#ifndef ACMED_CA_REPLY_H
#define ACMED_CA_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct evbuffer;
struct json_object;

/* How the reply leaves. */
enum reply_end {
	REPLY_SEND,  /* as HTTP wants it */
	REPLY_HANG,  /* never */
	REPLY_CLOSE, /* the connection closes without one */
	REPLY_RAW,   /* `body` is all that goes over the wire, then the connection closes */
};

struct reply {
	int status;
	const char *type;            /* Content-Type; NULL: none */
	struct json_object *doc;     /* the body while it is JSON */
	struct evbuffer *body;       /* else this; made on first use */
	struct json_object *headers; /* name: value */
	enum reply_end end;
	long delay_ms;
	long drip_ms; /* REPLY_RAW: a byte at a time, so far apart */
	bool no_nonce;
};

void reply_clear(struct reply *r);

/* Takes over `doc`. */
void reply_json(struct reply *r, int status, struct json_object *doc);

void reply_text(struct reply *r, int status, const char *type, const char *text);

/* A problem document (RFC 7807); `type` without its URN prefix. Always -1. */
int reply_problem(struct reply *r, int status, const char *type, const char *fmt, ...)
    PRINTF(4, 5);

void reply_header(struct reply *r, const char *name, const char *fmt, ...) PRINTF(3, 4);

/* The body's buffer, whatever the reply was made as: a document is printed into it. */
struct evbuffer *reply_body(struct reply *r);

/* Adds `bytes` times the same letter, without the memory for it. */
void reply_fill(struct reply *r, size_t bytes);

/* Status line, headers and body as one text, of which the first `share` percent of the
 * body are kept: REPLY_RAW from here on. */
void reply_make_raw(struct reply *r, unsigned share);

#endif
