/* SPDX-License-Identifier: ISC */
/* place - where the control socket is, and for whom, as the configuration says. */
#ifndef ACMED_PLACE_H
#define ACMED_PLACE_H

#include "common/clean.h"
#include "common/err.h"

struct config;
struct place;
struct server;

struct place *place_new(struct server *server);
void place_free(struct place *p);
DEFINE_CLEAN(place, struct place);

/* Who may do what, from now on. */
void place_set_groups(struct place *p, const struct config *config);

/* Makes the socket, or takes the one that the service manager passed. */
int place_listen(struct place *p, const struct config *config, struct err *err);

#endif
