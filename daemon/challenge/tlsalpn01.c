/* SPDX-License-Identifier: ISC */
/*
 * Connections come in two crowds with limits of their own: those who may yet say anything,
 * and those who have asked for a live name and were answered. A flood of the first does
 * not reach the second, where a CA is while the answer is on its way to it and back.
 */
#include "daemon/challenge/tlsalpn01.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/challenge/tlsalpn01_answer.h"
#include "daemon/io/clock.h"
#include "daemon/io/guests.h"
#include "daemon/io/listener.h"
#include "daemon/io/memory.h"

#define MOST_CONNECTIONS 256
#define MOST_EACH        64
#define MOST_RECEIVED    ((size_t)2 * TLSALPN01_RECORD_MAX) /* of a whole handshake */
#define DEADLINE_MS      10000
#define SWEEP_MS         1000
#define MANY             16 /* connections: their memory is worth giving back */
#define CALM_SECONDS     2

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct connection {
	struct guest guest; /* the first, so that a guest is a connection */
	struct guests *crowd;
	TAILQ_ENTRY(connection) by_age;
	struct tlsalpn01 *owner;
	struct event event;
	int fd;
	union address peer;
	int64_t until_ms;
	size_t received;
	unsigned char *in; /* of a first record that is not whole yet */
	size_t in_length;
	struct tlsalpn01_handshake *handshake; /* NULL until then */
};
TAILQ_HEAD(connections, connection);

struct tlsalpn01 {
	struct event_base *loop;
	struct listener **listeners;
	size_t n_listeners;
	struct tlsalpn01_answers *answers;
	struct connections all; /* the oldest first */
	struct guests *waiting;
	struct guests *answered;
	struct event *sweep; /* pending while somebody is connected */
	struct event *calm;
	bool were_many; /* since memory was given back */
	tlsalpn01_hit_fn *hit;
	void *hit_arg;
	uint64_t served;
	uint64_t refused;
	uint64_t dropped;
	struct text out;
	unsigned char in[2 * TLSALPN01_RECORD_MAX];
};

/* ---- a connection ---- */

static void
tell_hit(struct connection *c)
{
	struct tlsalpn01 *t = c->owner;
	const struct in6_addr *six = &c->peer.in6.sin6_addr;
	char peer[INET6_ADDRSTRLEN] = "unix";

	if (t->hit == NULL)
		return;
	if (c->peer.sa.sa_family == AF_INET)
		inet_ntop(AF_INET, &c->peer.in.sin_addr, peer, sizeof(peer));
	else if (c->peer.sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(six))
		inet_ntop(AF_INET, &six->s6_addr[12], peer, sizeof(peer));
	else if (c->peer.sa.sa_family == AF_INET6)
		inet_ntop(AF_INET6, six, peer, sizeof(peer));
	t->hit(tlsalpn01_handshake_name(c->handshake), peer, t->hit_arg);
}

static bool
are_many(const struct tlsalpn01 *t)
{
	return guests_count(t->waiting) + guests_count(t->answered) >= MANY;
}

static void
look_for_calm(struct tlsalpn01 *t)
{
	static const struct timeval wait = { .tv_sec = CALM_SECONDS };

	if (t->were_many && !are_many(t) && !event_pending(t->calm, EV_TIMEOUT, NULL))
		event_add(t->calm, &wait);
}

static void
connection_free(struct connection *c)
{
	struct tlsalpn01 *t = c->owner;

	guests_leave(c->crowd, &c->guest);
	TAILQ_REMOVE(&t->all, c, by_age);
	event_del(&c->event);
	close(c->fd);
	tlsalpn01_handshake_free(c->handshake);
	free(c->in);
	free(c);
	look_for_calm(t);
}

static void
refuse(struct connection *c)
{
	c->owner->refused++;
	connection_free(c);
}

static void
drop(struct connection *c)
{
	c->owner->dropped++;
	connection_free(c);
}

static bool
is_this_host(const union address *peer)
{
	const struct in6_addr *six = &peer->in6.sin6_addr;
	in_addr_t four = 0;

	if (peer->sa.sa_family == AF_INET)
		four = peer->in.sin_addr.s_addr;
	else if (peer->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(six))
		memcpy(&four, &six->s6_addr[12], sizeof(four));
	else
		return peer->sa.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(six);
	return four == htonl(INADDR_LOOPBACK);
}

/* Behind a proxy on this host all come from here: then there is no limit for each. */
static void
enter(struct connection *c, struct guests *crowd)
{
	static const struct sockaddr anybody = { .sa_family = AF_UNSPEC };
	struct guest *ousted;

	c->crowd = crowd;
	ousted =
	    guests_enter(crowd, &c->guest, is_this_host(&c->peer) ? &anybody : &c->peer.sa);
	if (ousted != NULL)
		drop((struct connection *)ousted);
}

/* A whole flight is less than a new socket takes at once. */
static bool
is_sent(const struct connection *c, const struct text *out)
{
	return out->length == 0 ||
	       send(c->fd, out->s, out->length, MSG_NOSIGNAL) == (ssize_t)out->length;
}

static void
connection_feed(struct connection *c, const unsigned char *bytes, size_t length)
{
	struct tlsalpn01 *t = c->owner;
	enum tlsalpn01_state state;

	t->out.length = 0;
	state = tlsalpn01_handshake_feed(c->handshake, bytes, length, &t->out);
	if (state == TLSALPN01_REFUSED) {
		refuse(c);
		return;
	}
	if (!is_sent(c, &t->out)) {
		drop(c);
		return;
	}
	if (state == TLSALPN01_DONE) {
		t->served++;
		tell_hit(c);
		connection_free(c);
		return;
	}
	if (t->out.length > 0 && c->crowd == t->waiting) {
		guests_leave(t->waiting, &c->guest);
		enter(c, t->answered);
	}
}

static void
keep(struct connection *c, const unsigned char *bytes, size_t length)
{
	free(c->in);
	c->in = xmemdup(bytes, length);
	c->in_length = length;
}

/* The bytes in the shared buffer, with what was kept in front of them. */
static void
connection_got(struct connection *c, size_t length)
{
	struct tlsalpn01 *t = c->owner;

	if (c->handshake == NULL) {
		enum tlsalpn01_state state = tlsalpn01_look(t->in, length);

		/* What was live may have been removed meanwhile. */
		if (state == TLSALPN01_REFUSED || !tlsalpn01_answers_any(t->answers)) {
			refuse(c);
			return;
		}
		if (state == TLSALPN01_MORE) {
			keep(c, t->in, length);
			return;
		}
		free(TAKE(c->in));
		c->in_length = 0;
		c->handshake = tlsalpn01_handshake_new(t->answers);
	}
	connection_feed(c, t->in, length);
}

/* One call a wake-up, so that no connection holds up the others. */
static void
connection_read(struct connection *c)
{
	struct tlsalpn01 *t = c->owner;
	size_t length = c->in_length;
	ssize_t n = recv(c->fd, t->in + length, sizeof(t->in) - length, 0);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		connection_free(c);
		return;
	}
	c->received += (size_t)n;
	if (c->received > MOST_RECEIVED) {
		refuse(c);
		return;
	}
	if (length > 0)
		memcpy(t->in, c->in, length);
	connection_got(c, length + (size_t)n);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	connection_read(arg);
}

/* ---- all of them ---- */

static void
sweep_in(struct tlsalpn01 *t, int64_t ms)
{
	struct timeval wait = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(t->sweep, &wait);
}

/* Whatever it has sent by then. */
static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct tlsalpn01 *t = arg;
	struct connection *c, *next;

	(void)fd;
	(void)what;
	for (c = TAILQ_FIRST(&t->all); c != NULL; c = next) {
		int64_t left = c->until_ms - clock_monotonic_ms();

		next = TAILQ_NEXT(c, by_age);
		if (left > 0) {
			sweep_in(t, left < SWEEP_MS ? left : SWEEP_MS);
			return;
		}
		drop(c);
	}
}

static void
on_calm(evutil_socket_t fd, short what, void *arg)
{
	struct tlsalpn01 *t = arg;

	(void)fd;
	(void)what;
	if (are_many(t))
		return; /* when those are gone it comes again */
	t->were_many = false;
	memory_give_back();
}

static void
on_accept(int fd, const struct sockaddr *peer, void *arg)
{
	struct tlsalpn01 *t = arg;
	struct connection *c;

	if (!tlsalpn01_answers_any(t->answers)) {
		t->refused++;
		close(fd);
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->owner = t;
	c->fd = fd;
	c->until_ms = clock_monotonic_ms() + DEADLINE_MS;
	c->peer.sa.sa_family = peer->sa_family;
	if (peer->sa_family == AF_INET)
		memcpy(&c->peer, peer, sizeof(c->peer.in));
	else if (peer->sa_family == AF_INET6)
		memcpy(&c->peer, peer, sizeof(c->peer.in6));
	TAILQ_INSERT_TAIL(&t->all, c, by_age);
	enter(c, t->waiting);
	if (are_many(t))
		t->were_many = true;
	if (!event_pending(t->sweep, EV_TIMEOUT, NULL))
		sweep_in(t, SWEEP_MS);
	event_assign(&c->event, t->loop, fd, EV_READ | EV_PERSIST, on_ready, c);
	event_add(&c->event, NULL);
	connection_read(c); /* the ClientHello has often come already */
}

void
tlsalpn01_listen(struct tlsalpn01 *t, int fd)
{
	t->listeners =
	    xrealloc(t->listeners, t->n_listeners + 1, sizeof(struct listener *));
	t->listeners[t->n_listeners++] = listener_new(t->loop, fd, on_accept, t);
}

bool
tlsalpn01_listens(const struct tlsalpn01 *t)
{
	return t->n_listeners > 0;
}

int
tlsalpn01_put(struct tlsalpn01 *t, const char *identifier, const char *key_authorization,
    struct err *err)
{
	return tlsalpn01_answers_put(t->answers, identifier, key_authorization, err);
}

void
tlsalpn01_remove(struct tlsalpn01 *t, const char *identifier, const char *key_authorization)
{
	tlsalpn01_answers_remove(t->answers, identifier, key_authorization);
}

void
tlsalpn01_on_hit(struct tlsalpn01 *t, tlsalpn01_hit_fn *fn, void *arg)
{
	t->hit = fn;
	t->hit_arg = arg;
}

void
tlsalpn01_count(const struct tlsalpn01 *t, struct tlsalpn01_counts *ret)
{
	ret->served = t->served;
	ret->refused = t->refused;
	ret->dropped = t->dropped;
	ret->waiting = guests_count(t->waiting);
	ret->answered = guests_count(t->answered);
}

/* Two crowds, a quarter of a small table of descriptors each. */
static size_t
most_connections(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 4 < MOST_CONNECTIONS)
		return limit.rlim_cur / 4;
	return MOST_CONNECTIONS;
}

struct tlsalpn01 *
tlsalpn01_new(struct event_base *loop)
{
	struct tlsalpn01 *t = xcalloc(1, sizeof(*t));

	t->loop = loop;
	TAILQ_INIT(&t->all);
	t->answers = tlsalpn01_answers_new();
	t->waiting = guests_new(most_connections(), MOST_EACH);
	t->answered = guests_new(most_connections(), MOST_EACH);
	t->sweep = must(evtimer_new(loop, on_sweep, t));
	t->calm = must(evtimer_new(loop, on_calm, t));
	return t;
}

void
tlsalpn01_free(struct tlsalpn01 *t)
{
	struct connection *c, *next;

	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n_listeners; i++)
		listener_free(t->listeners[i]);
	free(t->listeners);
	for (c = TAILQ_FIRST(&t->all); c != NULL; c = next) {
		next = TAILQ_NEXT(c, by_age);
		connection_free(c);
	}
	guests_free(t->waiting);
	guests_free(t->answered);
	event_free(t->sweep);
	event_free(t->calm);
	tlsalpn01_answers_free(t->answers);
	text_clear(&t->out);
	free(t);
}
