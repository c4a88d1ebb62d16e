/* SPDX-License-Identifier: ISC */
/*
 * tlsalpn01 - the answer on port 443 (RFC 8737; for addresses RFC 8738, section 6).
 *
 * A handshake is completed with who offers the protocol acme-tls/1, and it alone, for a
 * name that is live; then the connection ends. All others are closed at once, without a
 * reply: while nothing is live before they have said anything. Certificates are made when
 * a challenge is put, with a key that lives as long as the process. Knows no other keys
 * and no files, and resolves nothing: it could live in a process of its own.
 *
 * Limits: 10 s from accepting to the end, 256 connections that have not said hello and 256
 * handshakes that have been answered (a quarter of the descriptors, where that is less),
 * 64 of each an address (/64), but for 127.0.0.1 and ::1, where a proxy may be. Over a
 * limit the oldest goes, not the one that comes. What a flood took goes back to the system
 * when it is over.
 */
#ifndef ACMED_TLSALPN01_H
#define ACMED_TLSALPN01_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clean.h"
#include "common/err.h"

struct event_base;
struct tlsalpn01;

struct tlsalpn01 *tlsalpn01_new(struct event_base *loop);
void tlsalpn01_free(struct tlsalpn01 *t);
DEFINE_CLEAN(tlsalpn01, struct tlsalpn01);

/* Takes over a listening socket. */
void tlsalpn01_listen(struct tlsalpn01 *t, int fd);
bool tlsalpn01_listens(const struct tlsalpn01 *t);

/* Answers for a DNS name or an IP address, all copied. ERR_BUSY where the name is live
 * with another key authorization: there is one answer to a name, so its turn comes when
 * that one is removed. What was put twice is to be removed twice. */
int tlsalpn01_put(struct tlsalpn01 *t, const char *identifier,
    const char *key_authorization, struct err *err);
void tlsalpn01_remove(struct tlsalpn01 *t, const char *identifier,
    const char *key_authorization);

/* Called at each handshake that was completed. May put and remove, not free. */
typedef void tlsalpn01_hit_fn(const char *identifier, const char *peer, void *arg);
void tlsalpn01_on_hit(struct tlsalpn01 *t, tlsalpn01_hit_fn *fn, void *arg);

struct tlsalpn01_counts {
	uint64_t served;
	uint64_t refused; /* closed without a reply */
	uint64_t dropped; /* over a limit, or too slow */
	size_t waiting;   /* for a whole ClientHello */
	size_t answered;  /* and not done yet */
};
void tlsalpn01_count(const struct tlsalpn01 *t, struct tlsalpn01_counts *ret);

#endif
