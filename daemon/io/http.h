/* SPDX-License-Identifier: ISC */
/*
 * http - requests over libcurl, driven by the loop.
 *
 * A request calls back once, from the loop, never before http_start() has returned.
 * Freeing it earlier cancels it, and then it does not call back at all. Connections are
 * kept and shared, over HTTP/2 by many requests at a time; only https is spoken (http on
 * loopback addresses for tests of one's own); TLS is always verified. Every request has
 * a deadline, and a cap on its body and on its headers.
 */
#ifndef ACMED_HTTP_H
#define ACMED_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "common/clean.h"
#include "common/err.h"

struct event_base;
struct http;
struct http_request;

enum http_method {
	HTTP_GET, /* follows up to 5 redirects, https only */
	HTTP_HEAD,
	HTTP_POST, /* never follows a redirect */
};

/* What belongs to the server rather than to one request. Has to outlive the request. */
struct http_peer {
	const char *trust; /* PEM file of roots besides the system's, or NULL */
	const char *proxy; /* URL, or NULL */
	long timeout_ms;   /* of a whole request; 0: 60 s */
};

struct http_call {
	enum http_method method;
	const char *url;
	const struct http_peer *peer; /* may be NULL */
	const char *body;             /* HTTP_POST: sent as `content_type` */
	size_t body_length;
	const char *content_type;
	const char *accept; /* or NULL */
	size_t most;        /* bytes of body to take at most; 0: 256 KiB */
};

struct http_reply {
	int status;
	const char *body; /* NUL-terminated, never NULL */
	size_t body_length;
	struct http_request *request; /* for http_header() */
};

/* One of `reply` and `err` is NULL; both are gone when the call returns. */
typedef void http_done_fn(const struct http_reply *reply, const struct err *err, void *arg);

struct http *http_new(struct event_base *loop);

/* So many connections at most (1 or more) to one server, which HTTP/1.1 needs for as many
 * requests at a time; 8 before it is said. What goes beyond waits for its turn. */
void http_set_connections(struct http *http, unsigned most);

/* Not from a callback of a request. Requests that are left may still be freed. */
void http_free(struct http *http);
DEFINE_CLEAN(http, struct http);

/* Copies what it needs of `call`, but for the peer. */
struct http_request *http_start(struct http *http, const struct http_call *call,
    http_done_fn *done, void *arg);
void http_request_free(struct http_request *r);
DEFINE_CLEAN(http_request, struct http_request);

/* The nth value (from 0) of a header of the last response, "" where there is none. */
const char *http_header(const struct http_reply *reply, const char *name, size_t n);

/* ERR_NONE and 0, or why such a URL is not one to talk to: https, a host, no user, no
 * control characters, at most 2,048 bytes. */
int http_check_url(const char *url, struct err *err);

/* An absolute URL from a reference that `base` answered with (Location, Link). A new
 * string, or NULL and an ERR_PROTOCOL. */
char *http_resolve_url(const char *base, const char *reference, struct err *err);

/* "libcurl 7.88.1 …", for -V and the User-Agent. */
const char *http_library_version(void);

#endif
