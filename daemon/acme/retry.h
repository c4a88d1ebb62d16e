/* SPDX-License-Identifier: ISC */
/* retry - how long to wait after a failure: arithmetic alone, without clock or chance. */
#ifndef ACMED_RETRY_H
#define ACMED_RETRY_H

#include <stdint.h>

#include "common/err.h"

/* Milliseconds before a step of an order is tried again after failing for the nth time
 * (from 1); -1 when the order has to be given up. */
int64_t retry_step_ms(const struct err *err, unsigned tries);

/* Milliseconds before the nth look (from 0) at something the CA is working on.
 * `retry_after` is the CA's wish in seconds, 0 where it had none. */
int64_t retry_poll_ms(unsigned polls, time_t retry_after);

/* Looks after which an order is given up. */
#define RETRY_POLLS_MAX 60

/* Seconds before the next attempt after this many in a row (from 1) have failed, without
 * jitter. Between one minute and one day, whatever the count. */
time_t retry_attempt(const struct err *err, unsigned failures);

#endif
