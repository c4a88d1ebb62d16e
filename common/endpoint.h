/* SPDX-License-Identifier: ISC */
/* endpoint - the control socket: where it is, connecting, listening, who is there. */
#ifndef ACMED_ENDPOINT_H
#define ACMED_ENDPOINT_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/err.h"

#define ENDPOINT_DEFAULT RUNSTATEDIR "/acmed/acmed.sock"

struct endpoint_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};

/* Descriptors are close-on-exec. The caller closes them. connect: blocking; the err says
 * whether nobody listens, the socket is missing, or permission is. */
int endpoint_connect(const char *path, struct err *err);

/* Whom the file system lets connect. */
struct endpoint_access {
	gid_t group;   /* (gid_t)-1: as it comes */
	bool everyone; /* mode 0666; otherwise 0660 */
};

/* Non-blocking. A socket file that a dead daemon left is replaced, one that answers is an
 * error, anything else at that path is left alone and an error. Missing directories are
 * made 0755. */
int endpoint_listen(const char *path, const struct endpoint_access *access,
    struct err *err);

/* Gives the socket at `path` to others. */
int endpoint_set_access(const char *path, const struct endpoint_access *access,
    struct err *err);

/* SO_PEERCRED, and whether the peer was in the group when it connected: what the kernel
 * knows of it, not the group database, which may be slow to answer. */
int endpoint_peer(int fd, struct endpoint_peer *ret, struct err *err);
bool endpoint_peer_in_group(int fd, const struct endpoint_peer *peer, gid_t gid);

#endif
