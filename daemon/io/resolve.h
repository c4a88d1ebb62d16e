/* SPDX-License-Identifier: ISC */
/*
 * resolve - the addresses of a host, both families, by c-ares on the loop.
 *
 * The hosts file, resolv.conf and its search list count, as for every other program here,
 * and are read anew for each question: what an administrator changes holds at once, and
 * nothing is cached that a name server has already forgotten.
 */
#ifndef ACMED_RESOLVE_H
#define ACMED_RESOLVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/clean.h"
#include "common/err.h"

struct event_base;
struct resolve;
struct resolver;

#define RESOLVE_MOST 16 /* addresses of one host; more are left out */

struct resolve_address {
	struct sockaddr_storage address; /* with the port */
	socklen_t length;
};

/* At least one address and no err, or none and the reason: ERR_CONFIG where that can be no
 * name, ERR_NETWORK where it has no address or nobody answers, ERR_SYSTEM. Both are gone
 * when the call returns. */
typedef void resolve_done_fn(const struct resolve_address *list, size_t n,
    const struct err *err, void *arg);

struct resolver *resolver_new(struct event_base *loop);

/* Questions that are left call nobody any more, and may still be freed. */
void resolver_free(struct resolver *r);
DEFINE_CLEAN(resolver, struct resolver);

/* For tests: how long a question may take in all, instead of 10 s. */
void resolver_set_patience(struct resolver *r, long ms);

/* `host`: a name (A-labels), or an address, which may stand in brackets. Calls back once,
 * from the loop, never before this has returned. At most 16 questions are asked at a time,
 * the others wait for their turn. */
struct resolve *resolve_start(struct resolver *r, const char *host, uint16_t port,
    resolve_done_fn *done, void *arg);

/* Before the call: it will not come. The handle is gone after it. */
void resolve_free(struct resolve *q);
DEFINE_CLEAN(resolve, struct resolve);

#endif
