/* SPDX-License-Identifier: ISC */
/* probe_rig - a prober, servers on loopback, and names that mean what a test says: it
 * stands in for resolve.c, and for connect(). */
#ifndef ACMED_PROBE_RIG_H
#define ACMED_PROBE_RIG_H

#include "tests/unit/unit.h"

#include <stdbool.h>

#include "daemon/io/probe.h"
#include "tests/unit/tls_server.h"

#define RIG_SERVERS 4
#define RIG_SEEN    16

/* A probe that notes what it is told. */
struct asked {
	struct probe *handle;
	struct probe *frees; /* when it is told */
	unsigned calls;
	struct probe_seen seen[RIG_SEEN];
	size_t n;
	struct err err;
};

struct probe_rig {
	struct event_base *loop;
	struct prober *prober;
	struct tls_identity ec, rsa; /* for all tests */
	struct tls_server *servers[RIG_SERVERS];
	size_t n_servers;
	/* What every name but "nowhere.test" resolves to: "127.0.0.1:443 [::1]:443". */
	char addresses[1024];
	unsigned waiting; /* probes */
	bool frees_prober;
	int refuse_connect;   /* an errno for connect(); 0: none */
	int never_connect;    /* a socket that will never be writable; 0: none */
	unsigned n_connected; /* how often connect() was called */
	size_t descriptors;
};
extern struct probe_rig t;

int group_set_up(void **state);
int group_tear_down(void **state);
/* In the end all descriptors have to be back, and nothing be left on the loop. */
int set_up(void **state);
int tear_down(void **state);

/* On 127.0.0.1; its address is added to those that names resolve to. */
struct tls_server *serve(const struct tls_plan *plan);

/* False where this machine has no such address. */
bool serve_at(const char *address, const struct tls_plan *plan);

/* Does not wait. */
void begin(struct asked *a, const struct probe_request *request);
void wait_for_all(void);

/* Asks, waits. */
void ask(struct asked *a, const struct probe_request *request);

/* Asks the one server, and expects its leaf; or an err of this kind and text. */
void expect_leaf(const char *starttls, const struct tls_identity *identity);
void expect_err(const char *starttls, enum err_kind kind, const char *text);

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
