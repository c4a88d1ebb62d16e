/* SPDX-License-Identifier: ISC */
#include "daemon/io/clock.h"

#include <stdio.h>

#include "common/timefmt.h"

#define DAY  ((time_t)86400)
#define YEAR (365 * DAY)

/* Builders are in all time zones, and their clocks are not all right. */
#define BUILT_SLACK DAY

/* Also where the CA is ahead of us, and where somebody brought certificates along. */
#define NOT_BEFORE_SLACK DAY
#define NOT_BEFORE_MOST  ((time_t)BUILD_DATE + 11 * YEAR)

#define DATE_SLACK ((time_t)600)

#define WHO_MAX 128

static struct {
	time_t not_before; /* the newest */
	bool heard;
	time_t date;         /* what `who` said it was */
	int64_t heard_at_ms; /* on a clock that nobody sets */
	char who[WHO_MAX];
	char text[WHO_MAX + 2 * TIMEFMT_SIZE + 64];
} hints;

static const char *
before(time_t now, time_t bound, const char *what)
{
	char is[TIMEFMT_SIZE], was[TIMEFMT_SIZE];

	snprintf(hints.text, sizeof(hints.text), "the clock says %s, before %s (%s)",
	    timefmt_rfc3339(now, is), what, timefmt_rfc3339(bound, was));
	return hints.text;
}

static const char *
contradicted(time_t now, time_t said)
{
	char is[TIMEFMT_SIZE], should[TIMEFMT_SIZE];

	snprintf(hints.text, sizeof(hints.text), "the clock says %s, but %s says %s",
	    timefmt_rfc3339(now, is), hints.who, timefmt_rfc3339(said, should));
	return hints.text;
}

const char *
clock_doubt(void)
{
	time_t now = clock_now(), said;

	if (now < (time_t)BUILD_DATE - BUILT_SLACK)
		return before(now, BUILD_DATE, "this program was built");
	if (now < hints.not_before - NOT_BEFORE_SLACK)
		return before(now, hints.not_before, "the newest certificate begins");
	if (!hints.heard)
		return NULL;
	said = hints.date + (time_t)((clock_boottime_ms() - hints.heard_at_ms) / 1000);
	if (said - now > DATE_SLACK || now - said > DATE_SLACK)
		return contradicted(now, said);
	return NULL;
}

void
clock_hint_not_before(time_t not_before)
{
	if (not_before > hints.not_before && not_before <= NOT_BEFORE_MOST)
		hints.not_before = not_before;
}

void
clock_hint_date(time_t date, const char *who)
{
	hints.heard = true;
	hints.date = date;
	hints.heard_at_ms = clock_boottime_ms();
	snprintf(hints.who, sizeof(hints.who), "%s", who);
}
