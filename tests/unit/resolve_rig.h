/* SPDX-License-Identifier: ISC */
/*
 * resolve_rig - a name server on loopback, and a hosts file, for c-ares to ask instead of
 * those of this machine.
 */
#ifndef ACMED_RESOLVE_RIG_H
#define ACMED_RESOLVE_RIG_H

#include "tests/unit/unit.h"

#include <stdbool.h>

struct event_base;

struct resolve_rig {
	struct event *server;
	int fd;
	unsigned asked;  /* how often */
	bool no_channel; /* of c-ares */
	char address[32];
	char hosts[64]; /* a file */
};
extern struct resolve_rig rig;

/* "from-hosts.test" and "alias.test" are in the hosts file; what the server knows is in
 * resolve_rig.c. */
void rig_start(struct event_base *loop);
void rig_stop(void);

/* The server alone. */
void rig_start_server(struct event_base *loop);
void rig_stop_server(void);

#endif
