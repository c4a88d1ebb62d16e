/* SPDX-License-Identifier: ISC */
/* server_rig - a server on a socket, methods that do little, and clients of it. */
#ifndef ACMED_SERVER_RIG_H
#define ACMED_SERVER_RIG_H

#include <stdbool.h>
#include <stddef.h>

#include "common/endpoint.h"
#include "daemon/control/server.h"

#define RIG_KEPT 128

struct rig {
	struct event_base *loop;
	struct server *server;
	char directory[64];
	char path[80];
	struct endpoint_peer peer; /* who is there, whoever it is */
	bool peer_unknown;
	struct err failure;          /* what Show fails with */
	size_t reply_size;           /* of Status */
	struct call *kept[RIG_KEPT]; /* those of Watch, NULL once they are over */
	unsigned n_kept;
	unsigned n_runs;
	unsigned why_at;   /* which run that of Why was */
	unsigned n_states; /* kept and not freed */
};

extern struct rig rig;

int rig_set_up(void **state);
int rig_tear_down(void **state);

/* Goes around the loop. */
void rig_run(int times);

int rig_connect(void);
void rig_send(int fd, const char *message); /* with its NUL */
void rig_send_bytes(int fd, const char *bytes, size_t length);

/* The next message, NULL where the connection ends instead. Owned by the caller. */
struct json_object *rig_read(int fd);
void rig_expect_reply(int fd, const char *text);
void rig_expect_closed(int fd); /* and closes it */

/* Somebody new is served. */
void rig_expect_alive(void);

#endif
