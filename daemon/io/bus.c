/* SPDX-License-Identifier: ISC */
#include "daemon/io/bus.h"

#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/bus_internal.h"
#include "daemon/io/clock.h"

#define DEFAULT_ADDRESS "unix:path=/run/dbus/system_bus_socket"

/* A reload that takes longer is one that hangs: systemd's own patience is the same. */
#define CALL_MS 90000

/* One burst of renewals needs one connection; for days after it none is needed. */
#define IDLE_MS 10000

/* Messages a turn: other events have theirs. */
#define TURN_MOST 64

static struct timeval
interval_of(int64_t ms)
{
	struct timeval interval;

	interval.tv_sec = (time_t)(ms / 1000);
	interval.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	return interval;
}

static const char *
address(void)
{
	const char *given = secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");

	return given != NULL && *given != '\0' ? given : DEFAULT_ADDRESS;
}

/* ---- what systemd says unasked ---- */

/* Anybody on the bus can send a signal straight to us: only systemd's count. */
static int
on_job_removed(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	struct bus *b = arg;
	const char *path, *unit, *result;
	uint32_t id;

	(void)ret_error;
	if (b->manager == NULL || !str_eq(sd_bus_message_get_sender(m), b->manager))
		return 0;
	if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) > 0)
		bus_job_ended(b, path, result);
	return 0;
}

/* Without a subscription no job would ever be heard to end. */
static int
on_subscribed(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	const sd_bus_error *error = sd_bus_message_get_error(m);
	struct bus *b = arg;
	struct err err = { 0 };

	(void)ret_error;
	if (sd_bus_is_open(b->connection) <= 0)
		return 0;
	if (error != NULL && !str_eq(error->name, SYSTEMD_ERROR("AlreadySubscribed"))) {
		bus_explain(error, &err);
		bus_calls_end(b, &err);
		b->failed = true;
		return 0;
	}
	b->manager = xstrdup(sd_bus_message_get_sender(m));
	return 0;
}

/* ---- the connection ---- */

/* No sd_bus_open_system(): it would wait for the daemon. What is sent before the
 * connection stands waits in its queue. */
static int
start(struct bus *b)
{
	int r = sd_bus_new(&b->connection);

	if (r >= 0)
		r = sd_bus_set_address(b->connection, address());
	if (r >= 0)
		r = sd_bus_set_bus_client(b->connection, 1);
	if (r >= 0) /* the call's own limit comes first */
		r = sd_bus_set_method_call_timeout(b->connection,
		    (uint64_t)b->call_ms * 2000);
	if (r >= 0)
		r = sd_bus_start(b->connection);
	if (r >= 0)
		r = sd_bus_match_signal_async(b->connection, NULL, SYSTEMD, SYSTEMD_PATH,
		    SYSTEMD_MANAGER, "JobRemoved", on_job_removed, NULL, b);
	if (r >= 0)
		r = sd_bus_call_method_async(b->connection, NULL, SYSTEMD, SYSTEMD_PATH,
		    SYSTEMD_MANAGER, "Subscribe", on_subscribed, b, NULL);
	return r;
}

static void
disconnect(struct bus *b)
{
	event_del(b->io);
	sd_bus_close_unref(b->connection);
	b->connection = NULL;
	free(TAKE(b->manager));
	b->failed = false;
	b->n_jobs = 0;
}

static int
no_bus(struct err *err, int errnum)
{
	return err_set(err, ERR_SYSTEM,
	    "no system bus at %s: %s (Debian package: dbus; without systemd use queue: or "
	    "run: "
	    "instead)",
	    address(), strerror(errnum));
}

int
bus_connect(struct bus *b, struct err *err)
{
	int r;

	event_del(b->idle);
	if (b->connection != NULL)
		return 0;
	r = start(b);
	if (r >= 0)
		return 0;
	disconnect(b);
	return no_bus(err, -r);
}

static void
lose(struct bus *b, int r)
{
	struct err err = { 0 };

	if (b->manager == NULL)
		no_bus(&err, r < 0 ? -r : ECONNRESET);
	else
		err_set(&err, ERR_SYSTEM, "the connection to the system bus was lost");
	bus_calls_end(b, &err);
	disconnect(b);
}

static void
on_io(evutil_socket_t fd, short what, void *arg)
{
	struct bus *b = arg;
	int r = 1;

	(void)fd;
	(void)what;
	for (unsigned n = 0; n < TURN_MOST && r > 0 && !b->failed; n++)
		r = sd_bus_process(b->connection, NULL);
	if (b->failed)
		disconnect(b);
	else if (r < 0 || sd_bus_is_open(b->connection) <= 0)
		lose(b, r);
	else
		bus_watch(b);
}

void
bus_watch(struct bus *b)
{
	int events = sd_bus_get_events(b->connection);
	uint64_t until_us = UINT64_MAX;
	struct timeval wait;
	int64_t ms = 0;
	short what = 0;

	if (events < 0 || sd_bus_get_timeout(b->connection, &until_us) < 0)
		until_us = 0; /* on_io() will find out */
	if (events > 0 && (events & POLLIN) != 0)
		what |= EV_READ;
	if (events > 0 && (events & POLLOUT) != 0)
		what |= EV_WRITE;
	event_del(b->io);
	event_assign(b->io, b->loop, sd_bus_get_fd(b->connection), what, on_io, b);
	if (until_us == UINT64_MAX) {
		event_add(b->io, NULL);
		return;
	}
	/* Rounded up, or it would be asked again and again within the last millisecond. */
	if (until_us > 0)
		ms = (int64_t)(until_us / 1000) + 1 - clock_monotonic_ms();
	wait = interval_of(ms > 0 ? ms : 0);
	event_add(b->io, &wait);
}

static void
on_idle(evutil_socket_t fd, short what, void *arg)
{
	struct bus *b = arg;

	(void)fd;
	(void)what;
	if (b->connection != NULL)
		disconnect(b);
}

void
bus_rest(struct bus *b)
{
	struct timeval wait = interval_of(b->idle_ms);

	if (b->connection != NULL)
		event_add(b->idle, &wait);
}

struct bus *
bus_new(struct event_base *loop)
{
	struct bus *b = xcalloc(1, sizeof(*b));

	b->loop = loop;
	b->call_ms = CALL_MS;
	b->idle_ms = IDLE_MS;
	b->io = must(event_new(loop, -1, EV_TIMEOUT, on_io, b));
	b->idle = must(event_new(loop, -1, EV_TIMEOUT, on_idle, b));
	TAILQ_INIT(&b->calls);
	return b;
}

void
bus_set_limits(struct bus *b, int64_t call_ms, int64_t idle_ms)
{
	b->call_ms = call_ms;
	b->idle_ms = idle_ms;
}

void
bus_free(struct bus *b)
{
	if (b == NULL)
		return;
	bus_calls_detach(b);
	disconnect(b);
	event_free(b->io);
	event_free(b->idle);
	free(b);
}
