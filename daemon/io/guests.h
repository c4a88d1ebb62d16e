/* SPDX-License-Identifier: ISC */
/*
 * guests - who is connected to a port that is open to the world, and who has to go.
 *
 * At most `most` at once and `most_each` from one address (IPv6: one /64); Unix sockets
 * count as no address. Whoever comes is let in, and the one who has been there longest
 * goes: an honest client needs milliseconds, one that holds places only ousts itself.
 *
 * Counts only; a server embeds the struct guest, and opens and closes.
 */
#ifndef ACMED_GUESTS_H
#define ACMED_GUESTS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/clean.h"

struct guests;
struct sockaddr;
struct source;

struct guest {
	TAILQ_ENTRY(guest) by_age;
	TAILQ_ENTRY(guest) by_source;
	struct source *source;
	int64_t since_ms; /* of the monotonic clock */
};

struct guests *guests_new(size_t most, size_t most_each);

/* The guests have left before. */
void guests_free(struct guests *g);
DEFINE_CLEAN(guests, struct guests);

/* NULL, or the one who has to go for it: the caller closes that one. */
struct guest *guests_enter(struct guests *g, struct guest *guest,
    const struct sockaddr *peer);
void guests_leave(struct guests *g, struct guest *guest);

struct guest *guests_oldest(const struct guests *g);
size_t guests_count(const struct guests *g);

#endif
