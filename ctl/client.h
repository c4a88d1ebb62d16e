/* SPDX-License-Identifier: ISC */
/* client - a conversation with the daemon: one call at a time, blocking. */
#ifndef ACMED_CLIENT_H
#define ACMED_CLIENT_H

#include <stdbool.h>

#include "common/clean.h"
#include "common/err.h"

struct json_object;

enum client_result {
	CLIENT_REPLY,   /* the last one: its parameters */
	CLIENT_MORE,    /* another one follows: its parameters */
	CLIENT_REFUSED, /* an error: the whole message */
	CLIENT_TICK,    /* a second went by; nothing is set */
	CLIENT_FAILED,  /* the daemon is gone, silent or makes no sense: err says so */
	CLIENT_UNREAD,  /* nobody reads our standard output any more; nothing is set */
};

struct client;

/* Takes over the descriptor. */
struct client *client_new(int fd);
void client_free(struct client *client);
DEFINE_CLEAN(client, struct client);

/* `parameters` may be NULL; borrowed. */
int client_send(struct client *client, const char *method, struct json_object *parameters,
    bool more, struct err *err);

/* Waits for what comes next, for `silence_s` seconds without a byte at most (0: as long as
 * it takes). With `ticks`, it comes back every second. The caller owns *ret. */
enum client_result client_next(struct client *client, int silence_s, bool ticks,
    struct json_object **ret, struct err *err);

#endif
