/* SPDX-License-Identifier: ISC */
#include "daemon/renew/breaker.h"

#include <limits.h>

#define HOUR ((time_t)3600)
#define DAY  (24 * HOUR)

#define PAUSE_FIRST ((time_t)30)
#define PAUSE_MAX   HOUR
#define WISH_MAX    DAY /* of the CA */

#define FAILING 3

/* A pause that is longer than any is one of before the clock was set back. */
static bool
may_probe(const struct breaker *b, time_t now)
{
	return b->probe_at <= now || b->probe_at > now + WISH_MAX;
}

enum breaker_answer
breaker_ask(const struct breaker *b, time_t now)
{
	if (b->failures == 0)
		return BREAKER_GO;
	return !b->probing && may_probe(b, now) ? BREAKER_PROBE : BREAKER_HOLD;
}

void
breaker_begin_probe(struct breaker *b)
{
	b->probing = true;
}

/* Any count of failures, also one that has reached its end. */
static time_t
pause_after(unsigned failures, uint32_t chance)
{
	time_t pause = PAUSE_FIRST;
	time_t fifth;

	for (unsigned i = 1; i < failures && pause < PAUSE_MAX; i++)
		pause *= 2;
	if (pause > PAUSE_MAX)
		pause = PAUSE_MAX;
	fifth = pause / 5;
	return pause - fifth + (time_t)((uint64_t)(2 * fifth) * chance / UINT32_MAX);
}

static time_t
wish_of(const struct err *err)
{
	return err->retry_after > WISH_MAX ? WISH_MAX : err->retry_after;
}

bool
breaker_failed(struct breaker *b, const struct err *err, time_t now, uint32_t chance)
{
	bool was_closed = b->failures == 0;
	time_t wish = wish_of(err);
	time_t pause;

	if (!was_closed && !b->probing && !may_probe(b, now)) {
		if (wish > b->probe_at - now)
			b->probe_at = now + wish;
		return false;
	}
	if (b->failures < UINT_MAX)
		b->failures++;
	pause = pause_after(b->failures, chance);
	b->probe_at = now + (wish > pause ? wish : pause);
	b->probing = false;
	return was_closed;
}

bool
breaker_worked(struct breaker *b)
{
	bool was_open = b->failures > 0;

	*b = (struct breaker){ 0 };
	return was_open;
}

void
breaker_gave_up(struct breaker *b)
{
	b->probing = false;
}

bool
breaker_is_failing(const struct breaker *b)
{
	return b->failures >= FAILING;
}
