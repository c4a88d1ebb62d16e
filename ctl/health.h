/* SPDX-License-Identifier: ISC */
/* health - how a certificate of `status` is doing: as a colour, in words, and whether
 * somebody has to be told. */
#ifndef ACMED_CTL_HEALTH_H
#define ACMED_CTL_HEALTH_H

#include "ctl/render.h"

struct json_object;

enum color health_color(const struct screen *screen, struct json_object *certificate);

/* What it does now, or how the last attempt ended; not yet printable. */
char *health_result(struct json_object *certificate);

/* What needs attention, in a few words that are not yet printable; NULL: nothing does. */
char *health_complaint(const struct screen *screen, struct json_object *certificate);

#endif
