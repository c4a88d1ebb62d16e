/* SPDX-License-Identifier: ISC */
/*
 * http01_rig - the responder over loopback, for its tests. It stands in for clock.c, so
 * that ten seconds are over when a test says so.
 */
#ifndef ACMED_HTTP01_RIG_H
#define ACMED_HTTP01_RIG_H

#include "tests/unit/unit.h"

#include <netinet/in.h>
#include <stdbool.h>

#include "daemon/challenge/http01.h"

#define TOKEN       "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define OTHER       "DGyRejmCefe7v4NfDGDKfA"
#define THUMBPRINT  "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define PATH        "/.well-known/acme-challenge/"
#define LINE(t)     "GET " PATH t " HTTP/1.1\r\nHost: example.org\r\n"
#define GET(t)      LINE(t) "Connection: close\r\n\r\n"
#define GET_KEEP(t) LINE(t) "\r\n"

#define FIXED "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
#define DATED "Date: Thu, 02 Jan 2025 03:04:05 GMT\r\n" FIXED
#define OK(length, connection)                                \
	"HTTP/1.1 200 OK\r\n" DATED "Content-Length: " length \
	"\r\nContent-Type: text/plain\r\nConnection: " connection "\r\n\r\n"
#define REFUSED(status) \
	"HTTP/1.1 " status "\r\n" DATED "Content-Length: 0\r\nConnection: close\r\n\r\n"
#define NOT_FOUND REFUSED("404 Not Found")
#define BAD       REFUSED("400 Bad Request")

/* What the tests have at hand. */
struct http01_rig {
	struct event_base *loop;
	struct http01 *http01;
	in_port_t port;
	int64_t now_ms; /* of the clock that this stands in for */
	size_t descriptors;
	char hits[512]; /* "TOKE 192.0.2.1 live;" for each */
};
extern struct http01_rig t;

/* A responder that listens on loopback; at the end all descriptors have to be back. */
int set_up(void **state);
int tear_down(void **state);
void listen_on(const char *address);
void run(void);

/* Clients. */
int dial_from(const char *address);
int dial(void);
void say(int fd, const char *text);
/* What came until the end, or until nothing came for a while: `*ended` tells. */
char *hear(int fd, int patience_ms, bool *ended);
void expect_closed(int fd, const char *text);
void expect_open(int fd, const char *text);
void exchange(const char *request, const char *answer);
void expect_counts(uint64_t served, uint64_t refused, uint64_t dropped, size_t connections);

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
