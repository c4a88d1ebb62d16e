/* SPDX-License-Identifier: ISC */
/*
 * why - a decision of the daemon in sentences: what is to be done, the reasons, whether
 * the version in force is in use, what holds it, and what happens next and when.
 */
#ifndef ACMED_CTL_WHY_H
#define ACMED_CTL_WHY_H

#include "ctl/render.h"

struct json_object;

void why_print(const struct screen *screen, struct json_object *decision);

#endif
