/* SPDX-License-Identifier: ISC */
/*
 * notify - the service manager: what it is told, what it passes, where it reads logs.
 * Without one all of it does nothing.
 */
#ifndef ACMED_NOTIFY_H
#define ACMED_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/log.h"

struct event_base;
struct notify;

/* Feeds the watchdog from the loop where $WATCHDOG_USEC asks for it. */
struct notify *notify_new(struct event_base *loop);
void notify_free(struct notify *n);

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *fmt, ...) PRINTF(1, 2);

/* The descriptors passed under this name ($LISTEN_FDNAMES), at most `room` of them into
 * `fds`; how many. Each is given once. */
size_t notify_take_sockets(const char *name, int *fds, size_t room);

/* A log sink that sends the fields to the journal as ACMED_CERT, ... */
log_sink_fn notify_journal_sink;

/* Whether stderr is the journal's. */
bool notify_under_journal(void);

#endif
