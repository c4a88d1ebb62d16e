/* SPDX-License-Identifier: ISC */
/* peer - who is at the other end of the control socket, and what they may do. */
#ifndef ACMED_PEER_H
#define ACMED_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/err.h"
#include "common/method.h"

/* Where there is no room for all, more goes before less. */
enum peer_rank {
	PEER_STRANGER, /* may ask what this service is */
	PEER_READER,
	PEER_CHANGER,
};

/* (gid_t)-1: nobody by that. */
struct peer_groups {
	gid_t change;
	gid_t read;
};

/* uid 0 and the daemon's own may do all. */
int peer_identify(int fd, const struct peer_groups *groups, enum peer_rank *ret,
    struct err *err);

bool peer_may_call(enum peer_rank rank, enum method method);

/* Tells one for whom there is no room, and closes. */
void peer_turn_away(int fd, int connections);

#endif
