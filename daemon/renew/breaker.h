/* SPDX-License-Identifier: ISC */
/*
 * breaker - whether a CA is left alone. After a failure that speaks of the CA itself (it
 * was not reached, or is busy: the caller tells) nothing is begun there but one attempt
 * after each pause, until something works. One for each directory URL. A plain value,
 * zero is closed; without clock and chance.
 */
#ifndef ACMED_BREAKER_H
#define ACMED_BREAKER_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "common/err.h"

struct breaker {
	unsigned failures; /* in a row; 0: closed */
	time_t probe_at;   /* not before then */
	bool probing;      /* one is under way */
};

enum breaker_answer {
	BREAKER_GO,
	BREAKER_PROBE, /* go, as the one attempt: breaker_begin_probe(), then its outcome */
	BREAKER_HOLD,  /* until probe_at, or the outcome of the attempt under way */
};

enum breaker_answer breaker_ask(const struct breaker *b, time_t now);

void breaker_begin_probe(struct breaker *b);

/* True where it opened just now. The pause is 30 seconds, doubled each time up to an hour,
 * a fifth more or less by `chance` (any of its values), or retry_after where that is
 * longer, up to a day. What had begun before it opened and fails later says nothing new:
 * it prolongs the pause by its retry_after at most. */
bool breaker_failed(struct breaker *b, const struct err *err, time_t now, uint32_t chance);

/* Anything of that CA worked. True where it closed just now. */
bool breaker_worked(struct breaker *b);

/* The attempt ended and said nothing of the CA: the next one may follow at once. */
void breaker_gave_up(struct breaker *b);

/* Three times or more in a row: time for another CA, where there is one. */
bool breaker_is_failing(const struct breaker *b);

#endif
