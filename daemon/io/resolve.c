/* SPDX-License-Identifier: ISC */
#include "daemon/io/resolve.h"

#include <ares.h>
#include <arpa/inet.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/mem.h"
#include "daemon/io/clock.h"

#define PATIENCE_MS  10000
#define AT_ONCE_MOST 16

/* Of c-ares: one family that nobody answers for must not cost the answer for the other,
 * so it gives up before we do. */
#define TRY_MS 1500
#define TRIES  2

/* A socket of c-ares. */
struct watch {
	evutil_socket_t fd;
	struct event *event;
	LIST_ENTRY(watch) link;
};

struct resolve {
	struct resolver *resolver; /* NULL where that was freed before */
	char *host;
	in_port_t port; /* in the order of the network */
	bool running;   /* on resolver->running, otherwise on ->waiting or none */
	bool calling;   /* `done`, which may free us */
	bool ended;     /* and `done` is called when the timer fires */
	int64_t until_ms;
	ares_channel channel; /* of its own: freeing it cancels this question, no other */
	struct event *timer;
	LIST_HEAD(, watch) watches;
	struct resolve_address list[RESOLVE_MOST];
	size_t n;
	struct err err;
	resolve_done_fn *done;
	void *arg;
	TAILQ_ENTRY(resolve) link;
};

TAILQ_HEAD(resolve_list, resolve);

struct resolver {
	struct event_base *loop;
	struct event *turn; /* somebody who waits may begin */
	long patience_ms;
	size_t n_running;
	struct resolve_list running;
	struct resolve_list waiting;
};

/* ---- addresses ---- */

static bool
is_known(const struct resolve *q, const struct resolve_address *it)
{
	for (size_t i = 0; i < q->n; i++) {
		if (q->list[i].length == it->length &&
		    memcmp(&q->list[i].address, &it->address, it->length) == 0)
			return true;
	}
	return false;
}

static void
add_address(struct resolve *q, int family, const void *octets)
{
	struct resolve_address it = { 0 };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = q->port };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = q->port };

	if (family == AF_INET) {
		memcpy(&in.sin_addr, octets, sizeof(in.sin_addr));
		memcpy(&it.address, &in, sizeof(in));
		it.length = sizeof(in);
	} else {
		memcpy(&in6.sin6_addr, octets, sizeof(in6.sin6_addr));
		memcpy(&it.address, &in6, sizeof(in6));
		it.length = sizeof(in6);
	}
	if (q->n < RESOLVE_MOST && !is_known(q, &it))
		q->list[q->n++] = it;
}

static bool
add_literal(struct resolve *q)
{
	static const int families[] = { AF_INET, AF_INET6 };
	unsigned char octets[sizeof(struct in6_addr)];

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if (inet_pton(families[i], q->host, octets) == 1) {
			add_address(q, families[i], octets);
			return true;
		}
	}
	return false;
}

static void
add_node(struct resolve *q, const struct ares_addrinfo_node *node)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (node->ai_family == AF_INET) {
		memcpy(&in, node->ai_addr, sizeof(in));
		add_address(q, AF_INET, &in.sin_addr);
	} else if (node->ai_family == AF_INET6) {
		memcpy(&in6, node->ai_addr, sizeof(in6));
		add_address(q, AF_INET6, &in6.sin6_addr);
	}
}

/* ---- what ends ---- */

static void
explain(struct resolve *q, int status)
{
	switch (status) {
	case ARES_EBADNAME:
		err_set(&q->err, ERR_CONFIG, "\"%s\" can be no name of a host", q->host);
		return;
	case ARES_ENOTFOUND:
		err_set(&q->err, ERR_NETWORK, "%s: there is no such host", q->host);
		return;
	case ARES_ENODATA:
		err_set(&q->err, ERR_NETWORK, "%s has no address", q->host);
		return;
	case ARES_ECANCELLED:
	case ARES_ETIMEOUT:
		err_set(&q->err, ERR_NETWORK, "%s: no name server answers in time",
		    q->host);
		return;
	default:
		err_set(&q->err, ERR_NETWORK, "%s: %s", q->host, ares_strerror(status));
		return;
	}
}

/* `done` is called from the loop, and not from within c-ares. */
static void
end_soon(struct resolve *q)
{
	static const struct timeval now = { 0 };

	q->ended = true;
	event_add(q->timer, &now);
}

static void
on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *answer)
{
	struct resolve *q = arg;
	const struct ares_addrinfo_node *node = answer != NULL ? answer->nodes : NULL;

	(void)timeouts;
	if (status == ARES_EDESTRUCTION) /* we ourselves: nobody is to be told */
		return;
	for (; node != NULL; node = node->ai_next)
		add_node(q, node);
	if (answer != NULL)
		ares_freeaddrinfo(answer);
	if (q->n == 0)
		explain(q, status == ARES_SUCCESS ? ARES_ENODATA : status);
	end_soon(q);
}

static void
wake_waiting(struct resolver *r)
{
	static const struct timeval now = { 0 };

	if (!TAILQ_EMPTY(&r->waiting) && r->n_running < AT_ONCE_MOST)
		event_add(r->turn, &now);
}

static void
watch_end(struct watch *w)
{
	LIST_REMOVE(w, link);
	event_free(w->event);
	free(w);
}

static void
end_watches(struct resolve *q)
{
	struct watch *w, *next;

	for (w = LIST_FIRST(&q->watches); w != NULL; w = next) {
		next = LIST_NEXT(w, link);
		watch_end(w);
	}
}

/* Off the lists; c-ares closes its sockets. What was found can still be read. */
static void
resolve_stop(struct resolve *q)
{
	struct resolver *r = q->resolver;

	if (r == NULL || q->calling)
		return;
	TAILQ_REMOVE(q->running ? &r->running : &r->waiting, q, link);
	if (!q->running)
		return;
	q->running = false;
	r->n_running--;
	if (q->channel != NULL)
		ares_destroy(q->channel);
	q->channel = NULL;
	end_watches(q);
	event_free(q->timer);
	q->timer = NULL;
	wake_waiting(r);
}

static void
resolve_destroy(struct resolve *q)
{
	free(q->host);
	free(q);
}

static void
resolve_end(struct resolve *q)
{
	bool found = q->n > 0;

	resolve_stop(q);
	q->calling = true;
	q->done(found ? q->list : NULL, q->n, found ? NULL : &q->err, q->arg);
	resolve_destroy(q);
}

/* ---- between c-ares and the loop ---- */

/* As long as c-ares wants to sleep, and no longer than we have patience. */
static void
set_timer(struct resolve *q)
{
	int64_t left_ms = q->until_ms - clock_monotonic_ms();
	struct timeval most = { 0 }, wanted, *next;

	if (q->ended)
		return;
	if (left_ms > 0) {
		most.tv_sec = left_ms / 1000;
		most.tv_usec = left_ms % 1000 * 1000;
	}
	next = ares_timeout(q->channel, &most, &wanted);
	event_add(q->timer, next != NULL ? next : &most);
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct resolve *q = arg;

	ares_process_fd(q->channel, what & EV_READ ? fd : ARES_SOCKET_BAD,
	    what & EV_WRITE ? fd : ARES_SOCKET_BAD);
	set_timer(q);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct resolve *q = arg;

	(void)fd;
	(void)what;
	if (q->ended) {
		resolve_end(q);
		return;
	}
	if (clock_monotonic_ms() >= q->until_ms)
		ares_cancel(q->channel);
	else
		ares_process_fd(q->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_timer(q);
}

static struct watch *
find_watch(struct resolve *q, evutil_socket_t fd)
{
	struct watch *w;

	LIST_FOREACH(w, &q->watches, link)
	{
		if (w->fd == fd)
			return w;
	}
	return NULL;
}

/* c-ares wants to hear of these events on `fd` from now on. */
static void
on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct resolve *q = arg;
	struct watch *w = find_watch(q, fd);
	short events = (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));

	if (w != NULL)
		watch_end(w);
	if (events == 0)
		return;
	w = xcalloc(1, sizeof(*w));
	w->fd = fd;
	w->event = must(
	    event_new(q->resolver->loop, fd, (short)(events | EV_PERSIST), on_socket, q));
	LIST_INSERT_HEAD(&q->watches, w, link);
	event_add(w->event, NULL);
}

/* ---- what begins ---- */

static void
ask(struct resolve *q)
{
	const struct ares_addrinfo_hints hints = {
		.ai_flags = ARES_AI_NOSORT,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	struct ares_options options = {
		.timeout = TRY_MS,
		.tries = TRIES,
		.sock_state_cb = on_state,
		.sock_state_cb_data = q,
	};
	int status = ares_init_options(&q->channel, &options,
	    ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);

	if (status != ARES_SUCCESS) {
		q->channel = NULL;
		err_set(&q->err, ERR_SYSTEM, "%s: cannot ask for its addresses: %s",
		    q->host, ares_strerror(status));
		end_soon(q);
		return;
	}
	ares_getaddrinfo(q->channel, q->host, NULL, &hints, on_answer, q);
	set_timer(q);
}

static void
resolve_begin(struct resolve *q)
{
	struct resolver *r = q->resolver;

	TAILQ_REMOVE(&r->waiting, q, link);
	TAILQ_INSERT_TAIL(&r->running, q, link);
	r->n_running++;
	q->running = true;
	q->until_ms = clock_monotonic_ms() + r->patience_ms;
	q->timer = must(evtimer_new(r->loop, on_timer, q));
	if (add_literal(q))
		end_soon(q);
	else
		ask(q);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *r = arg;

	(void)fd;
	(void)what;
	while (!TAILQ_EMPTY(&r->waiting) && r->n_running < AT_ONCE_MOST)
		resolve_begin(TAILQ_FIRST(&r->waiting));
}

/* Without the brackets around an address. */
static char *
copy_host(const char *host)
{
	size_t length = strlen(host);

	if (length > 2 && host[0] == '[' && host[length - 1] == ']')
		return xstrndup(host + 1, length - 2);
	return xstrdup(host);
}

struct resolve *
resolve_start(struct resolver *r, const char *host, uint16_t port, resolve_done_fn *done,
    void *arg)
{
	struct resolve *q = xcalloc(1, sizeof(*q));

	q->resolver = r;
	q->host = copy_host(host);
	q->port = htons(port);
	q->done = done;
	q->arg = arg;
	LIST_INIT(&q->watches);
	TAILQ_INSERT_TAIL(&r->waiting, q, link);
	wake_waiting(r);
	return q;
}

void
resolve_free(struct resolve *q)
{
	if (q == NULL || q->calling) /* then it is freed in a moment anyway */
		return;
	resolve_stop(q);
	resolve_destroy(q);
}

/* ---- all of them ---- */

struct resolver *
resolver_new(struct event_base *loop)
{
	struct resolver *r = xcalloc(1, sizeof(*r));

	ares_library_init(ARES_LIB_INIT_ALL);
	r->loop = loop;
	r->patience_ms = PATIENCE_MS;
	r->turn = must(evtimer_new(loop, on_turn, r));
	TAILQ_INIT(&r->running);
	TAILQ_INIT(&r->waiting);
	return r;
}

void
resolver_set_patience(struct resolver *r, long ms)
{
	r->patience_ms = ms;
}

static void
orphan(struct resolve_list *list)
{
	struct resolve *q;

	while ((q = TAILQ_FIRST(list)) != NULL) {
		resolve_stop(q);
		q->resolver = NULL;
	}
}

void
resolver_free(struct resolver *r)
{
	if (r == NULL)
		return;
	orphan(&r->waiting); /* first: a place that gets free is for nobody any more */
	orphan(&r->running);
	event_free(r->turn);
	free(r);
	ares_library_cleanup();
}
