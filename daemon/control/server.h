/* SPDX-License-Identifier: ISC */
/*
 * server - Varlink on the control socket (https://varlink.org): connections, framing, who
 * may call what, and limits. What a method does is in handlers.c.
 *
 * At most 64 connections, where who may do more goes before who may do less; a message of
 * at most 1 MiB, whole within 60 s; a reader that leaves 1 MiB unread is dropped; one call
 * at a time on a connection.
 */
#ifndef ACMED_SERVER_H
#define ACMED_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/clean.h"
#include "common/err.h"
#include "common/method.h"

struct call;
struct event_base;
struct json_object;
struct server;

/* Runs a method: replies now, or keeps the call and replies later. */
typedef void server_run_fn(struct call *call, void *arg);

struct server *server_new(struct event_base *loop, server_run_fn *run, void *arg);
void server_free(struct server *s);
DEFINE_CLEAN(server, struct server);

/* Takes over a listening socket. */
void server_listen(struct server *s, int fd);

/* (gid_t)-1: nobody by that group. uid 0 and the daemon's own may do all. */
void server_set_groups(struct server *s, gid_t group, gid_t read_group);

/* ---- a call, from run() until it was answered or its connection is gone ---- */

enum method call_method(const struct call *call);
struct json_object *call_parameters(const struct call *call); /* borrowed, an object */
bool call_wants_more(const struct call *call);

/* What a call keeps; freed when it ends, however it ends. */
void call_keep(struct call *call, void *state, void (*state_free)(void *));
void *call_state(const struct call *call);

/* Take over `parameters`. All but call_continue() end the call. */
void call_continue(struct call *call, struct json_object *parameters);
void call_reply(struct call *call, struct json_object *parameters);
void call_error(struct call *call, const char *name, struct json_object *parameters);

/* The error of io.acmed that fits: AcmeProblem, Network, Failed, ... */
void call_fail(struct call *call, const struct err *err);

#endif
