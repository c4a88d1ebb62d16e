/* SPDX-License-Identifier: ISC */
/* timefmt - instants and durations as text, both ways. All of it in UTC but _local. */
#ifndef ACMED_TIMEFMT_H
#define ACMED_TIMEFMT_H

#include <stdbool.h>
#include <time.h>

#include "common/err.h"

#define TIMEFMT_SIZE 48

/* RFC 3339: `Z` or an offset, any fraction (cut off), `T` or `t`. ERR_PROTOCOL and
 * `"soon" is not a time` otherwise. */
int timefmt_parse(const char *text, time_t *ret, struct err *err);

/* HTTP's three date forms (RFC 9110, section 5.6.7). */
bool timefmt_parse_http_date(const char *text, time_t *ret);

/* A Retry-After value in seconds from `now`: delta-seconds or a date; never negative, at
 * most ten years. False for anything else (RFC 9110, section 10.2.3). */
bool timefmt_parse_retry_after(const char *text, time_t now, time_t *ret);

/* "90s", "15m", "12h", "30d", "2w", or a bare 0. ERR_CONFIG otherwise. */
int timefmt_parse_duration(const char *text, time_t *ret, struct err *err);

/* All write into `out` (TIMEFMT_SIZE) and return it. */
char *timefmt_rfc3339(time_t at, char *out);              /* 2026-05-01T12:00:00Z */
char *timefmt_local(time_t at, char *out);                /* 2026-05-01 14:00:00 +0200 */
char *timefmt_duration(time_t seconds, char *out);        /* 3 d 4 h, 12 min, 5 s */
char *timefmt_relative(time_t at, time_t now, char *out); /* in 3 d, 5 min ago, now */

#endif
