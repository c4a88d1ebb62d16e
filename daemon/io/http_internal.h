/* SPDX-License-Identifier: ISC */
/* http_internal - what the files of http share. Nobody else includes it. */
#ifndef ACMED_HTTP_INTERNAL_H
#define ACMED_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "common/err.h"
#include "common/str.h"
#include "daemon/io/http.h"

/* Handles for the next requests; a renewal seldom has more under way. */
#define HTTP_SPARE_MAX 8

TAILQ_HEAD(request_list, http_request);

struct http {
	struct event_base *loop;
	CURLM *multi;
	struct event *timer; /* curl's */
	struct event *late;  /* for requests that failed while they were started */
	struct event *idle;
	struct http_trust *trust;
	char *user_agent;
	unsigned connections; /* to a server, at most */
	struct request_list requests;
	struct request_list failed;
	CURL *spare[HTTP_SPARE_MAX];
	size_t n_spare;
};

struct http_request {
	struct http *http; /* NULL where that was freed before */
	CURL *easy;
	bool running; /* with curl: on http->requests, otherwise on ->failed or none */
	bool calling; /* `done`, which may free us */
	const struct http_peer *peer;
	struct curl_slist *headers;
	struct text body;
	size_t most;
	size_t header_bytes;
	unsigned n_headers;
	bool final;     /* the status of the headers that come is not a 1xx */
	struct err err; /* what we ourselves hold against the answer */
	char detail[CURL_ERROR_SIZE];
	http_done_fn *done;
	void *arg;
	TAILQ_ENTRY(http_request) link;
};

/* ---- http_setup.c: what curl is told of a request, what it brings ---- */

long http_timeout_ms(const struct http_peer *peer);

/* -1 where curl refuses an option. */
int http_set_up(struct http_request *r, const struct http_call *call);

/* ---- url.c ---- */

bool http_url_is_plain(const char *url); /* http, not https */

/* "HOST:PORT", for people. A new string. */
char *http_url_authority(const char *url);

/* ---- http_trust.c: the roots that a server's certificate may lead to ---- */

struct http_trust;

struct http_trust *http_trust_new(void);
void http_trust_free(struct http_trust *t);

/* Lets a request trust the system's roots and those in `file` (or NULL). */
int http_trust_apply(struct http_trust *t, CURL *easy, const char *file, struct err *err);

/* ---- http_error.c: sentences for people ---- */

#define HTTP_CONNECT_MS    10000
#define HTTP_REDIRECTS_MAX 5
#define HTTP_SLOW_BYTES    16 /* a second */

struct http_failure {
	CURL *easy;
	CURLcode code;
	const char *detail; /* what curl says, may be "" */
	const char *proxy;  /* or NULL */
	const char *trust;  /* or NULL */
	long timeout_ms;
};

void http_explain(const struct http_failure *f, struct err *err);

#endif
