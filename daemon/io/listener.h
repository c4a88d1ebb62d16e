/* SPDX-License-Identifier: ISC */
/*
 * listener - accepting connections: on addresses, or on sockets that the service manager
 * passed. When descriptors run out it pauses, so that a flood costs neither the CPU nor
 * the daemon's own files, and goes on within a second.
 */
#ifndef ACMED_LISTENER_H
#define ACMED_LISTENER_H

#include <event2/util.h>

#include "common/clean.h"
#include "common/err.h"

struct event_base;
struct listener;
struct sockaddr;

/* Takes over `fd`: non-blocking, close-on-exec. May pause the listener, not free it. */
typedef void listener_accept_fn(int fd, const struct sockaddr *peer, void *arg);

/* "0.0.0.0:80", "[::]:80" (IPv6 only), "127.0.0.1:0". An err that says what to do where
 * the port is taken or privileged; ERR_CONFIG where the address is none of this host's. */
int listener_bind(const char *address, struct err *err);

/* Takes over the listening descriptor. */
struct listener *listener_new(struct event_base *loop, int fd, listener_accept_fn *accept,
    void *arg);
void listener_free(struct listener *l);
DEFINE_CLEAN(listener, struct listener);

/* No new connections for now; they wait in the kernel. */
void listener_pause(struct listener *l);
void listener_resume(struct listener *l);

#endif
