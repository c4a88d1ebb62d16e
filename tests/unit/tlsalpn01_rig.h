/* SPDX-License-Identifier: ISC */
/*
 * tlsalpn01_rig - the responder over loopback, for its tests. It stands in for clock.c, so
 * that ten seconds are over when a test says so, and for memory.c.
 */
#ifndef ACMED_TLSALPN01_RIG_H
#define ACMED_TLSALPN01_RIG_H

#include "tests/unit/unit.h"

#include <netinet/in.h>
#include <stdbool.h>

#include "daemon/challenge/tlsalpn01.h"
#include "tests/unit/alpn_client.h"

/* What the tests have at hand. */
struct tlsalpn01_rig {
	struct event_base *loop;
	struct tlsalpn01 *server;
	in_port_t port;
	int64_t now_ms; /* of the clock that this stands in for */
	size_t descriptors;
	unsigned given_back; /* how often memory was */
	char hits[512];      /* "a.example 192.0.2.1;" for each */
	char *removes;       /* when hit */
};
extern struct tlsalpn01_rig t;

/* A responder that listens on loopback and knows a.example; at the end all descriptors
 * have to be back. */
int set_up(void **state);
int tear_down(void **state);
void listen_on(const char *address);
void put(const char *identifier);
void run(void);

/* ---- connections; one from 127.0.0.1 is without a limit of its own ---- */

int dial_from(const char *address);
int dial(void);
void say(int fd, const void *bytes, size_t length);
/* How many bytes came until the end, or until nothing came for a while. */
size_t hear(int fd, void *bytes, size_t room, bool *ended);
void expect_closed(int fd); /* and without a word; closes it */
bool is_open(int fd);

/* ---- handshakes ---- */

/* What a CA says first, for this name. */
size_t make_hello(const char *name, unsigned char *out, size_t room);
/* A whole handshake on the connection, which is closed by the server then; by us, too. */
void expect_answer(int fd, const struct alpn_hello *hello);

void expect_counts(uint64_t served, uint64_t refused, uint64_t dropped);
void expect_here(size_t waiting, size_t answered);

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
