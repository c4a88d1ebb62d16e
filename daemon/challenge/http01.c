/* SPDX-License-Identifier: ISC */
/*
 * What a connection costs while it waits is its struct: bytes are read into, and answers
 * built in, buffers that all connections share; only what is left over is kept.
 */
#include "daemon/challenge/http01.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/challenge/http01_answer.h"
#include "daemon/io/clock.h"
#include "daemon/io/guests.h"
#include "daemon/io/listener.h"

#define MOST_CONNECTIONS 4096
#define MOST_EACH        64
#define MOST_REQUESTS    100 /* of one connection: browsers of health checks, not CAs */
#define DEADLINE_MS      10000
#define SWEEP_MS         1000
#define MOST_DISCARDED   (2U << 20) /* of what comes after a refusal */

enum state {
	READING,
	WRITING,
	DISCARDING, /* answered; closing with bytes unread would make TCP take it back */
};

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct connection {
	struct guest guest; /* the first, so that a guest is a connection */
	struct http01 *owner;
	struct event event;
	short waits; /* what the event waits for; 0: it is not added */
	int fd;
	union address peer;
	enum state state;
	unsigned requests;
	bool closing; /* after the answers that are under way */
	bool unread;  /* there may be more than we wanted */
	char *in;     /* of a request that is not whole yet */
	size_t in_length;
	char *out; /* what the socket did not take yet */
	size_t out_length;
	size_t out_sent;
	size_t discarded;
};

struct http01 {
	struct event_base *loop;
	struct listener **listeners;
	size_t n_listeners;
	struct guests *guests;
	struct event *sweep; /* pending while somebody is connected */
	struct http01_answers *answers;
	http01_hit_fn *hit;
	void *hit_arg;
	uint64_t served;
	uint64_t refused;
	uint64_t dropped;
	struct text out;
	char in[2 * HTTP01_REQUEST_MAX];
};

static void on_ready(evutil_socket_t fd, short what, void *arg);

static void
tell_hit(struct connection *c, const char *token, bool is_live)
{
	struct http01 *h = c->owner;
	const struct in6_addr *six = &c->peer.in6.sin6_addr;
	char peer[INET6_ADDRSTRLEN] = "unix";

	if (h->hit == NULL)
		return;
	if (c->peer.sa.sa_family == AF_INET)
		inet_ntop(AF_INET, &c->peer.in.sin_addr, peer, sizeof(peer));
	else if (c->peer.sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(six))
		inet_ntop(AF_INET, &six->s6_addr[12], peer, sizeof(peer));
	else if (c->peer.sa.sa_family == AF_INET6)
		inet_ntop(AF_INET6, six, peer, sizeof(peer));
	h->hit(token, peer, is_live, h->hit_arg);
}

static void
answer(struct connection *c, enum http01_parsed parsed, struct http01_request *request)
{
	struct http01 *h = c->owner;
	enum http01_answer result;

	if (++c->requests >= MOST_REQUESTS)
		request->keep_alive = false;
	result = http01_answer(h->answers, parsed, request, &h->out);
	c->closing = result == HTTP01_REFUSED || !request->keep_alive;
	if (result == HTTP01_REFUSED) {
		h->refused++;
		return;
	}
	h->served++;
	/* Last: the callback may take the token down. */
	tell_hit(c, request->token, result == HTTP01_LIVE);
}

/* How many bytes were answered; the answers are in the shared buffer. */
static size_t
answer_all(struct connection *c, const char *bytes, size_t length)
{
	size_t at = 0;

	while (at < length && !c->closing) {
		struct http01_request request = { 0 };
		enum http01_parsed parsed = http01_parse(bytes + at, length - at, &request);

		if (parsed == HTTP01_MORE)
			return at;
		answer(c, parsed, &request);
		at += request.length;
	}
	c->unread = at < length;
	return at;
}

/* ---- a connection ---- */

static void
connection_free(struct connection *c)
{
	guests_leave(c->owner->guests, &c->guest);
	if (c->waits != 0)
		event_del(&c->event);
	close(c->fd);
	free(c->in);
	free(c->out);
	free(c);
}

/* One who was answered and stayed is no loss. */
static void
drop(struct connection *c)
{
	if (c->requests == 0 || c->in_length > 0 || c->out_length > 0)
		c->owner->dropped++;
	connection_free(c);
}

static void
wait_for(struct connection *c, short what)
{
	if (c->waits == what)
		return;
	if (c->waits != 0)
		event_del(&c->event);
	c->waits = what;
	event_assign(&c->event, c->owner->loop, c->fd, (short)(what | EV_PERSIST), on_ready,
	    c);
	event_add(&c->event, NULL);
}

static void
connection_sent(struct connection *c)
{
	if (c->closing && !c->unread) {
		connection_free(c);
		return;
	}
	c->state = READING;
	if (c->closing) {
		c->state = DISCARDING;
		shutdown(c->fd, SHUT_WR);
	}
	wait_for(c, EV_READ);
}

/* How many bytes it took, -1 where the peer is gone. */
static ssize_t
push(int fd, const char *bytes, size_t length)
{
	ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);

	return n == -1 && (errno == EAGAIN || errno == EINTR) ? 0 : n;
}

static void
connection_write(struct connection *c)
{
	ssize_t n = push(c->fd, c->out + c->out_sent, c->out_length - c->out_sent);

	if (n == -1) {
		connection_free(c);
		return;
	}
	c->out_sent += (size_t)n;
	if (c->out_sent < c->out_length)
		return;
	free(TAKE(c->out));
	c->out_length = 0;
	connection_sent(c);
}

static void
connection_send(struct connection *c, const struct text *answers)
{
	ssize_t n = push(c->fd, answers->s, answers->length);

	if (n == -1) {
		connection_free(c);
		return;
	}
	if ((size_t)n == answers->length) {
		connection_sent(c);
		return;
	}
	c->state = WRITING;
	c->out_sent = 0;
	c->out_length = answers->length - (size_t)n;
	c->out = xmemdup(answers->s + n, c->out_length);
	wait_for(c, EV_WRITE);
}

static void
keep(struct connection *c, const char *bytes, size_t length)
{
	free(TAKE(c->in));
	c->in_length = length;
	if (length > 0)
		c->in = xmemdup(bytes, length);
}

/* One call a wake-up, so that no connection holds up the others. */
static void
connection_read(struct connection *c)
{
	struct http01 *h = c->owner;
	size_t length = c->in_length;
	size_t used;
	ssize_t n;

	n = recv(c->fd, h->in + length, sizeof(h->in) - length, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
		wait_for(c, EV_READ);
		return;
	}
	if (n <= 0) {
		connection_free(c);
		return;
	}
	if (length > 0)
		memcpy(h->in, c->in, length);
	length += (size_t)n;

	h->out.length = 0;
	used = answer_all(c, h->in, length);
	keep(c, h->in + used, c->closing ? 0 : length - used);
	if (h->out.length > 0)
		connection_send(c, &h->out);
	else
		wait_for(c, EV_READ);
}

static void
connection_discard(struct connection *c)
{
	struct http01 *h = c->owner;
	ssize_t n = recv(c->fd, h->in, sizeof(h->in), 0);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		c->discarded += (size_t)n;
	if (n <= 0 || c->discarded > MOST_DISCARDED)
		connection_free(c);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;

	(void)fd;
	(void)what;
	switch (c->state) {
	case READING:
		connection_read(c);
		break;
	case WRITING:
		connection_write(c);
		break;
	case DISCARDING:
		connection_discard(c);
		break;
	}
}

/* ---- all of them ---- */

static void
sweep_in(struct http01 *h, int64_t ms)
{
	struct timeval wait = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(h->sweep, &wait);
}

/* One timer for all: the deadline is the same, so the oldest is the first to be late.
 * Looks once a second, or earlier where somebody's time is over by then. */
static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct http01 *h = arg;
	struct guest *guest;

	(void)fd;
	(void)what;
	while ((guest = guests_oldest(h->guests)) != NULL) {
		int64_t left = guest->since_ms + DEADLINE_MS - clock_monotonic_ms();

		if (left > 0) {
			sweep_in(h, left < SWEEP_MS ? left : SWEEP_MS);
			return;
		}
		drop((struct connection *)guest);
	}
}

static void
on_accept(int fd, const struct sockaddr *peer, void *arg)
{
	struct http01 *h = arg;
	struct connection *c = xcalloc(1, sizeof(*c));
	struct guest *ousted;

	c->owner = h;
	c->fd = fd;
	if (peer->sa_family == AF_INET)
		memcpy(&c->peer, peer, sizeof(c->peer.in));
	else if (peer->sa_family == AF_INET6)
		memcpy(&c->peer, peer, sizeof(c->peer.in6));

	ousted = guests_enter(h->guests, &c->guest, peer);
	if (ousted != NULL)
		drop((struct connection *)ousted);
	if (!event_pending(h->sweep, EV_TIMEOUT, NULL))
		sweep_in(h, SWEEP_MS);
	/* The request has often come already: then no event is needed at all. */
	connection_read(c);
}

void
http01_listen(struct http01 *h, int fd)
{
	h->listeners =
	    xrealloc(h->listeners, h->n_listeners + 1, sizeof(struct listener *));
	h->listeners[h->n_listeners++] = listener_new(h->loop, fd, on_accept, h);
}

bool
http01_listens(const struct http01 *h)
{
	return h->n_listeners > 0;
}

void
http01_set_default(struct http01 *h, const char *thumbprint)
{
	http01_answers_set_default(h->answers, thumbprint);
}

void
http01_put(struct http01 *h, const char *token, const char *key_authorization)
{
	http01_answers_put(h->answers, token, key_authorization);
}

void
http01_remove(struct http01 *h, const char *token)
{
	http01_answers_remove(h->answers, token);
}

void
http01_on_hit(struct http01 *h, http01_hit_fn *fn, void *arg)
{
	h->hit = fn;
	h->hit_arg = arg;
}

void
http01_count(const struct http01 *h, struct http01_counts *ret)
{
	ret->served = h->served;
	ret->refused = h->refused;
	ret->dropped = h->dropped;
	ret->connections = guests_count(h->guests);
}

/* Three quarters of a small table of descriptors: the rest of the daemon needs some. */
static size_t
most_connections(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_cur / 4 * 3 < MOST_CONNECTIONS)
		return limit.rlim_cur / 4 * 3;
	return MOST_CONNECTIONS;
}

struct http01 *
http01_new(struct event_base *loop)
{
	struct http01 *h = xcalloc(1, sizeof(*h));

	h->loop = loop;
	h->guests = guests_new(most_connections(), MOST_EACH);
	h->sweep = must(evtimer_new(loop, on_sweep, h));
	h->answers = http01_answers_new();
	return h;
}

void
http01_free(struct http01 *h)
{
	struct guest *guest;

	if (h == NULL)
		return;
	for (size_t i = 0; i < h->n_listeners; i++)
		listener_free(h->listeners[i]);
	free(h->listeners);
	while ((guest = guests_oldest(h->guests)) != NULL)
		connection_free((struct connection *)guest);
	guests_free(h->guests);
	event_free(h->sweep);
	http01_answers_free(h->answers);
	text_clear(&h->out);
	free(h);
}
