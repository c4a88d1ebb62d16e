/* SPDX-License-Identifier: ISC */
/*
 * bus - units of systemd are reloaded, restarted, started, over the system's D-Bus
 * ($DBUS_SYSTEM_BUS_ADDRESS, or the usual place).
 *
 * The connection is made by the first call and given up some seconds after the last one;
 * a call after a loss makes another. Nothing here blocks.
 */
#ifndef ACMED_BUS_H
#define ACMED_BUS_H

#include <stdint.h>

#include "common/clean.h"
#include "common/err.h"

struct event_base;
struct bus;
struct bus_call;

enum bus_verb { BUS_RELOAD, BUS_RESTART, BUS_START };

const char *bus_verb_name(enum bus_verb verb); /* "reload", "restart", "start" */

struct bus *bus_new(struct event_base *loop);

/* Calls that are left do not call back any more, and may still be freed. */
void bus_free(struct bus *b);
DEFINE_CLEAN(bus, struct bus);

/* NULL: systemd has done it, or there was nothing to do. ERR_CONFIG where there is no such
 * unit, ERR_SYSTEM otherwise; the text begins with the unit. Gone when the call returns. */
typedef void bus_done_fn(const struct err *err, void *arg);

/* Ends with the unit's job, after 90 s at the latest; a unit that is not running is not
 * reloaded, and that is no error: it reads its files when it starts. The handle is gone
 * after `done`. */
struct bus_call *bus_unit(struct bus *b, enum bus_verb verb, const char *unit,
    bus_done_fn *done, void *arg);

/* Before `done`: it will not be called. What systemd has begun goes on. */
void bus_call_free(struct bus_call *c);
DEFINE_CLEAN(bus_call, struct bus_call);

/* For tests: how long a call may take, and a connection without calls stays. */
void bus_set_limits(struct bus *b, int64_t call_ms, int64_t idle_ms);

#endif
