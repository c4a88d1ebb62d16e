/* SPDX-License-Identifier: ISC */
/* http_fixture - the HTTP client and a server of ours on one loop, and what came of it. */
#ifndef ACMED_HTTP_FIXTURE_H
#define ACMED_HTTP_FIXTURE_H

#include "tests/unit/unit.h"

#include <stdbool.h>

#include "daemon/io/http.h"
#include "tests/unit/http_server.h"

struct event_base;

struct http_fixture {
	struct event_base *loop;
	struct http *http;
	struct http_server *server;
	struct http_peer peer;

	/* of the request that ended last */
	unsigned n_done;
	int status;
	char *body;
	char *nonce;
	char *second_link;
	struct err err;
};

extern struct http_fixture t;

void fixture_set_up(const struct route *routes);
int fixture_tear_down(void **state);

/* Writes down how a request has ended. */
http_done_fn on_done;

/* At most 16 bytes of body are taken; a POST sends {}. */
struct http_request *start(enum http_method method, const char *path, http_done_fn *done);
char *url_of(const char *path); /* a new string */

/* Until so many requests have ended; five seconds are too long. */
void run_until(unsigned n_done);

/* For what should not happen: gives it some time. */
void run_for_ms(long ms);

/* Start and run. */
void get(const char *path);

int64_t now_ms(void);
void assert_received(const char *text, bool there);

/* PORT in the text stands for the server's. */
void assert_error(enum err_kind kind, const char *text);

#endif
