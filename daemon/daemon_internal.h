/* SPDX-License-Identifier: ISC */
/* daemon_internal - what daemon.c and reload.c share: every long-lived object. */
#ifndef ACMED_DAEMON_INTERNAL_H
#define ACMED_DAEMON_INTERNAL_H

#include <stdbool.h>

#include "daemon/challenge/challenge.h"
#include "daemon/control/handlers.h"
#include "daemon/daemon.h"
#include "daemon/io/lag.h"

struct account_wait;
struct config_diff;
struct problems;

struct acmed {
	const struct daemon_options *options;
	struct config *config;
	struct event_base *loop;
	struct lag lag;
	struct notify *notify;
	struct worker *worker;
	struct worker *slow_worker;
	struct http *http;
	struct bus *bus;
	struct units *units;
	struct hooks *hooks;
	struct prober *prober;
	struct store *store;
	struct directories *directories;
	struct accounts *accounts;
	struct http01 *http01;
	struct tlsalpn01 *tlsalpn01;
	struct challenge_servers servers;
	struct scheduler *scheduler;
	struct subscription *subscription;
	struct handlers handlers;
	struct server *server;
	struct place *place;
	struct account_wait *default_key;
	struct event *signals[4];
	struct event *calm;   /* nothing has happened for a while */
	struct event *status; /* the status text is to be told */
	bool failed;
};

/* ---- ports.c ---- */

/* The ports of the challenges; only what nobody has asked for in so many words is not
 * fatal. */
int daemon_listen(struct acmed *d, struct err *err);

/* That of tls-alpn-01, where `next` is the first to need it. */
void daemon_listen_more(struct acmed *d, const struct config *next,
    struct problems *problems);

/* ---- reload.c ---- */

void daemon_log_problems(const struct problems *problems);

/* Puts it in force, and takes over the reference. */
void daemon_use_config(struct acmed *d, struct config *config);

/* As struct handlers has them; `arg` is a struct acmed. */
int daemon_reload(struct problems *problems, struct config_diff *diff, void *arg);
struct config *daemon_load(struct problems *problems, void *arg);
bool daemon_has_files(const char *name, void *arg);

#endif
