/* SPDX-License-Identifier: ISC */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"
#include "daemon/io/clock.h"
#include "daemon/io/probe_internal.h"
#include "daemon/io/starttls.h"

/* Of what is said in the clear, at a time. */
#define READ_MOST 1024

#define SELF_SIZE (INET6_ADDRSTRLEN + sizeof("[IPv6:]"))

static struct err *
err_of(struct contact *c)
{
	return &c->probe->seen[c->index].err;
}

/* ---- addresses as text ---- */

static void
address_text(const struct sockaddr_storage *address, char text[INET6_ADDRSTRLEN],
    in_port_t *port)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (address->ss_family == AF_INET) {
		memcpy(&in, address, sizeof(in));
		inet_ntop(AF_INET, &in.sin_addr, text, INET6_ADDRSTRLEN);
		*port = ntohs(in.sin_port);
	} else {
		memcpy(&in6, address, sizeof(in6));
		inet_ntop(AF_INET6, &in6.sin6_addr, text, INET6_ADDRSTRLEN);
		*port = ntohs(in6.sin6_port);
	}
}

static void
note_address(struct contact *c)
{
	char *ret = c->probe->seen[c->index].address;
	char text[INET6_ADDRSTRLEN] = "";
	in_port_t port = 0;

	address_text(&c->to.address, text, &port);
	snprintf(ret, PROBE_ADDRESS_SIZE,
	    c->to.address.ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
}

/* What we are called: a daemon that connects from here need not have a name. */
static void
self_text(const struct contact *c, char ret[SELF_SIZE])
{
	struct sockaddr_storage address = { .ss_family = AF_INET };
	socklen_t length = sizeof(address);
	char text[INET6_ADDRSTRLEN] = "";
	in_port_t port = 0;

	(void)getsockname(c->fd, (struct sockaddr *)&address, &length);
	address_text(&address, text, &port);
	snprintf(ret, SELF_SIZE, address.ss_family == AF_INET6 ? "[IPv6:%s]" : "[%s]",
	    text);
}

/* ---- step by step ---- */

static void on_ready(evutil_socket_t fd, short what, void *arg);

static void
wait_for(struct contact *c, short events)
{
	event_assign(c->ready, c->probe->prober->loop, c->fd, events, on_ready, c);
	event_add(c->ready, NULL);
}

static void
shake(struct contact *c)
{
	struct prober *p = c->probe->prober;

	if (c->tls == NULL) {
		if (p->tls == NULL)
			p->tls = probe_tls_setup_new();
		c->tls = probe_tls_new(p->tls, c->fd, c->probe->sni);
		c->at = CONTACT_SHAKES;
	}
	switch (probe_tls_step(c->tls, c->probe->seen[c->index].fingerprint, err_of(c))) {
	case PROBE_TLS_READS:
		wait_for(c, EV_READ);
		return;
	case PROBE_TLS_WRITES:
		wait_for(c, EV_WRITE);
		return;
	case PROBE_TLS_DONE:
	case PROBE_TLS_FAILED:
		probe_contact_ended(c);
	}
}

/* A line or two on a connection where nothing else is under way: it fits in the kernel. */
static void
send_output(struct contact *c)
{
	size_t length;
	const void *bytes = starttls_output(c->talk, &length);

	if (length > 0 && send(c->fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length) {
		err_set(err_of(c), ERR_NETWORK, "cannot send to the server: %s",
		    strerror(errno));
		probe_contact_ended(c);
		return;
	}
	wait_for(c, EV_READ);
}

static void
begin_talk(struct contact *c)
{
	const struct probe *pr = c->probe;
	char self[SELF_SIZE];

	self_text(c, self);
	c->talk =
	    must(starttls_new(pr->starttls, pr->sni != NULL ? pr->sni : pr->host, self));
	c->at = CONTACT_TALKS;
	send_output(c);
}

static void
talk(struct contact *c)
{
	char bytes[READ_MOST];
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);

	if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
		wait_for(c, EV_READ);
		return;
	}
	if (n <= 0) {
		err_set(err_of(c), ERR_NETWORK, "%s: %s before TLS began",
		    c->probe->starttls,
		    n == 0 ? "the server closed the connection" : strerror(errno));
		probe_contact_ended(c);
		return;
	}
	switch (starttls_feed(c->talk, bytes, (size_t)n, err_of(c))) {
	case STARTTLS_MORE:
		send_output(c);
		return;
	case STARTTLS_GO:
		shake(c);
		return;
	case STARTTLS_REFUSED:
		probe_contact_ended(c);
	}
}

static void
go_on_connected(struct contact *c)
{
	int errnum = 0;
	socklen_t length = sizeof(errnum);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &errnum, &length) == -1)
		errnum = errno;
	if (errnum != 0) {
		err_set(err_of(c), ERR_NETWORK, "connecting: %s", strerror(errnum));
		probe_contact_ended(c);
	} else if (c->probe->starttls != NULL) {
		begin_talk(c);
	} else {
		shake(c);
	}
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct contact *c = arg;

	(void)fd;
	(void)what;
	if (c->at == CONTACT_CONNECTS)
		go_on_connected(c);
	else if (c->at == CONTACT_TALKS)
		talk(c);
	else
		shake(c);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	static const char *const missing[] = {
		[CONTACT_CONNECTS] = "no connection",
		[CONTACT_TALKS] = "no go-ahead for TLS",
		[CONTACT_SHAKES] = "no end of the TLS handshake",
	};
	struct contact *c = arg;

	(void)fd;
	(void)what;
	err_set(err_of(c), ERR_NETWORK, "%s within %.3g s", missing[c->at],
	    (double)c->probe->prober->patience_ms / 1000);
	probe_contact_ended(c);
}

/* ---- the socket ---- */

/* What the kernel says at once is about this host: the connection was not even begun. */
static int
explain_connect(const struct contact *c, int errnum, struct err *err)
{
	const char *family = c->to.address.ss_family == AF_INET6 ? "IPv6" : "IPv4";

	switch (errnum) {
	case ENETUNREACH:
	case EADDRNOTAVAIL:
		return err_set(err, ERR_SYSTEM, "this host has no route to it by %s: %s",
		    family, strerror(errnum));
	case EAFNOSUPPORT:
		return err_set(err, ERR_SYSTEM, "this host has no %s", family);
	case ECONNREFUSED:
	case ECONNRESET:
	case EHOSTUNREACH:
	case ETIMEDOUT:
		return err_set(err, ERR_NETWORK, "connecting: %s", strerror(errnum));
	default:
		return err_set(err, ERR_SYSTEM, "connecting: %s", strerror(errnum));
	}
}

static int
open_socket(struct contact *c, struct err *err)
{
	int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

	c->fd = socket(c->to.address.ss_family, type, 0);
	if (c->fd == -1)
		return explain_connect(c, errno, err);
	if (connect(c->fd, (const struct sockaddr *)&c->to.address, c->to.length) == -1 &&
	    errno != EINPROGRESS && errno != EINTR)
		return explain_connect(c, errno, err);
	return 0;
}

void
contact_begin(struct contact *c)
{
	struct prober *p = c->probe->prober;
	const struct timeval in = { .tv_sec = p->patience_ms / 1000,
		.tv_usec = p->patience_ms % 1000 * 1000 };

	TAILQ_REMOVE(&p->waiting, c, link);
	TAILQ_INSERT_TAIL(&p->running, c, link);
	p->n_running++;
	c->at = CONTACT_CONNECTS;
	c->begun_ms = clock_monotonic_ms();
	c->ready = must(event_new(p->loop, -1, 0, on_ready, c));
	c->late = must(evtimer_new(p->loop, on_late, c));
	if (open_socket(c, err_of(c)) == -1) {
		probe_contact_ended(c);
		return;
	}
	event_add(c->late, &in);
	wait_for(c, EV_WRITE);
}

struct contact *
contact_new(struct probe *pr, size_t index, const struct resolve_address *to)
{
	struct contact *c = xcalloc(1, sizeof(*c));

	c->probe = pr;
	c->index = index;
	c->to = *to;
	c->fd = -1;
	TAILQ_INSERT_TAIL(&pr->prober->waiting, c, link);
	note_address(c);
	return c;
}

void
contact_free(struct contact *c)
{
	struct prober *p;

	if (c == NULL)
		return;
	p = c->probe->prober;
	TAILQ_REMOVE(c->at == CONTACT_WAITS ? &p->waiting : &p->running, c, link);
	if (c->at != CONTACT_WAITS) {
		p->n_running--;
		event_free(c->ready);
		event_free(c->late);
	}
	probe_tls_free(c->tls);
	starttls_free(c->talk);
	if (c->fd != -1)
		close(c->fd);
	free(c);
}
