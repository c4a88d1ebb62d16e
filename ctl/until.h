/* SPDX-License-Identifier: ISC */
/*
 * until - an instant to come, as people write one: a duration from now ("12h", "3d"), a
 * day or a minute of local time ("2027-01-31", "2027-01-31 14:00"), or RFC 3339.
 */
#ifndef ACMED_CTL_UNTIL_H
#define ACMED_CTL_UNTIL_H

#include <time.h>

#include "common/err.h"

/* ERR_CONFIG where it is no instant, or none to come. */
int until_parse(const char *text, time_t now, time_t *ret, struct err *err);

#endif
