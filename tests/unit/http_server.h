/* SPDX-License-Identifier: ISC */
/* http_server - a server on a loopback address that answers as it was told to. */
#ifndef ACMED_HTTP_SERVER_H
#define ACMED_HTTP_SERVER_H

#include <stddef.h>

struct event_base;
struct http_server;

enum route_after {
	ROUTE_KEEP,  /* wait for the next request */
	ROUTE_CLOSE, /* when all has been sent */
	ROUTE_DRIP,  /* an "x" every 200 ms, for ever */
};

struct route {
	const char *path;
	const char *answer; /* all bytes of it */
	enum route_after after;
	const char *endless; /* sent behind the answer over and over, or NULL */
};

/* `routes` ends with a NULL path. */
struct http_server *http_server_new(struct event_base *loop, const struct route *routes);
void http_server_free(struct http_server *s);

int http_server_port(const struct http_server *s);
unsigned http_server_connections(const struct http_server *s); /* so far */

/* All that was received so far, as it came. */
const char *http_server_received(struct http_server *s);

#endif
