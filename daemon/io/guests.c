/* SPDX-License-Identifier: ISC */
#include "daemon/io/guests.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "common/mem.h"
#include "daemon/io/clock.h"
#include "daemon/io/random.h"

#define BUCKETS 1024

TAILQ_HEAD(guest_queue, guest);

/* One address, while somebody from there is here. */
struct source {
	LIST_ENTRY(source) link;
	sa_family_t family;
	uint64_t prefix;
	size_t count;
	struct guest_queue guests;
};
LIST_HEAD(source_list, source);

struct guests {
	size_t most;
	size_t most_each;
	size_t count;
	uint64_t seed; /* so that nobody can choose addresses that share a bucket */
	struct guest_queue all;
	struct source_list buckets[BUCKETS];
};

/* False where it has none. IPv4 seen through an IPv6 socket is IPv4. */
static bool
source_of(const struct sockaddr *peer, sa_family_t *family, uint64_t *prefix)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	*family = peer->sa_family;
	*prefix = 0;
	if (peer->sa_family == AF_INET) {
		memcpy(&in, peer, sizeof(in));
		memcpy(prefix, &in.sin_addr, sizeof(in.sin_addr));
		return true;
	}
	if (peer->sa_family != AF_INET6)
		return false;
	memcpy(&in6, peer, sizeof(in6));
	if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
		*family = AF_INET;
		memcpy(prefix, &in6.sin6_addr.s6_addr[12], 4);
	} else {
		memcpy(prefix, &in6.sin6_addr, sizeof(*prefix));
	}
	return true;
}

static struct source_list *
bucket_of(struct guests *g, uint64_t prefix)
{
	uint64_t hash = (prefix ^ g->seed) * 0x9e3779b97f4a7c15U;

	hash = (hash ^ (hash >> 32)) * (g->seed | 1);
	return &g->buckets[(hash >> 32) % BUCKETS];
}

static struct source *
source_need(struct guests *g, sa_family_t family, uint64_t prefix)
{
	struct source_list *bucket = bucket_of(g, prefix);
	struct source *source;

	LIST_FOREACH(source, bucket, link)
	{
		if (source->prefix == prefix && source->family == family)
			return source;
	}

	source = xcalloc(1, sizeof(*source));
	source->family = family;
	source->prefix = prefix;
	TAILQ_INIT(&source->guests);
	LIST_INSERT_HEAD(bucket, source, link);
	return source;
}

struct guest *
guests_enter(struct guests *g, struct guest *guest, const struct sockaddr *peer)
{
	sa_family_t family;
	uint64_t prefix;

	guest->source = NULL;
	guest->since_ms = clock_monotonic_ms();
	TAILQ_INSERT_TAIL(&g->all, guest, by_age);
	g->count++;
	if (source_of(peer, &family, &prefix)) {
		guest->source = source_need(g, family, prefix);
		guest->source->count++;
		TAILQ_INSERT_TAIL(&guest->source->guests, guest, by_source);
		if (guest->source->count > g->most_each)
			return TAILQ_FIRST(&guest->source->guests);
	}
	return g->count > g->most ? TAILQ_FIRST(&g->all) : NULL;
}

void
guests_leave(struct guests *g, struct guest *guest)
{
	struct source *source = guest->source;

	TAILQ_REMOVE(&g->all, guest, by_age);
	g->count--;
	if (source == NULL)
		return;
	TAILQ_REMOVE(&source->guests, guest, by_source);
	if (--source->count == 0) {
		LIST_REMOVE(source, link);
		free(source);
	}
}

struct guest *
guests_oldest(const struct guests *g)
{
	return TAILQ_FIRST(&g->all);
}

size_t
guests_count(const struct guests *g)
{
	return g->count;
}

struct guests *
guests_new(size_t most, size_t most_each)
{
	struct guests *g = xcalloc(1, sizeof(*g));

	g->most = most;
	g->most_each = most_each;
	g->seed = (uint64_t)random_u32() << 32 | random_u32();
	TAILQ_INIT(&g->all);
	return g;
}

void
guests_free(struct guests *g)
{
	free(g);
}
