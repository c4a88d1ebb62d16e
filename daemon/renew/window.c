/* SPDX-License-Identifier: ISC */
#include "daemon/renew/window.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/str.h"

#define MINUTE 60
#define DAY    86400

/* From one opening to the next it is a week, and what the clocks were put back. */
#define AHEAD_MAX ((time_t)8 * DAY)

struct window {
	unsigned days; /* bit 0: Monday */
	time_t start;  /* seconds after midnight, at most 24 h */
	time_t length; /* seconds, at most 24 h */
};

/* ---- reading: what the configuration has checked ---- */

static int
take_day(const char **text)
{
	static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun",
		NULL };

	for (int i = 0; days[i] != NULL; i++) {
		if (str_starts(*text, days[i])) {
			*text += 3;
			return i;
		}
	}
	return -1;
}

/* "Sat-Mon" goes over the end of the week. */
static bool
take_days(const char **text, unsigned *ret)
{
	do {
		int first = take_day(text), last = first;

		if (first >= 0 && **text == '-') {
			++*text;
			last = take_day(text);
		}
		if (first < 0 || last < 0)
			return false;
		for (int day = first; day != last; day = (day + 1) % 7)
			*ret |= 1U << day;
		*ret |= 1U << last;
	} while (**text == ',' && (*text)++ != NULL);
	return *(*text)++ == ' ';
}

static bool
take_two_digits(const char **text, int most, int *ret)
{
	const char *s = *text;

	if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9')
		return false;
	*ret = (s[0] - '0') * 10 + (s[1] - '0');
	*text += 2;
	return *ret <= most;
}

static bool
take_hour(const char **text, time_t *ret)
{
	int hour = 0, minute = 0;

	if (!take_two_digits(text, 24, &hour) || *(*text)++ != ':' ||
	    !take_two_digits(text, 59, &minute) || (hour == 24 && minute > 0))
		return false;
	*ret = (time_t)(hour * 60 + minute) * MINUTE;
	return true;
}

static bool
read_window(const char *text, struct window *ret)
{
	time_t end = 0;

	*ret = (struct window){ 0 };
	if (*text >= '0' && *text <= '9')
		ret->days = 0x7F;
	else if (!take_days(&text, &ret->days))
		return false;
	if (!take_hour(&text, &ret->start) || *text++ != '-' || !take_hour(&text, &end) ||
	    *text != '\0')
		return false;
	ret->length = end - ret->start;
	if (ret->length <= 0)
		ret->length += DAY;
	return true;
}

/* ---- by the clock on the wall: seconds as if they were UTC ---- */

static time_t
midnight(time_t wall)
{
	time_t over = wall % DAY;

	return wall - (over < 0 ? over + DAY : over);
}

static bool
begins_on(const struct window *w, time_t day)
{
	/* 1970 began on a Thursday. */
	return w->days >> ((day / DAY % 7 + 7 + 3) % 7) & 1;
}

/* The first reading from `wall` on that is within the window. */
static time_t
wall_next(const struct window *w, time_t wall)
{
	time_t day = midnight(wall) - DAY;

	while (!begins_on(w, day) || day + w->start + w->length <= wall)
		day += DAY;
	return day + w->start > wall ? day + w->start : wall;
}

/* Whether one window lies whole in the readings that are left out. */
static bool
is_swallowed(const struct window *w, time_t from, time_t until)
{
	for (time_t day = midnight(from) - DAY; day < until; day += DAY)
		if (begins_on(w, day) && day + w->start >= from &&
		    day + w->start + w->length <= until)
			return true;
	return false;
}

/* ---- by instants ---- */

/* Seconds that the clocks are ahead of UTC. */
static time_t
offset_at(time_t at)
{
	struct tm tm;

	return localtime_r(&at, &tm) != NULL ? tm.tm_gmtoff : 0;
}

/* When the clocks are put forward or back next, or a day on. */
static time_t
next_change(time_t at)
{
	time_t offset = offset_at(at), same = at, other = at + DAY;

	if (offset_at(other) == offset)
		return other;
	while (other - same > 1) {
		time_t between = same + (other - same) / 2;

		if (offset_at(between) == offset)
			same = between;
		else
			other = between;
	}
	return other;
}

time_t
window_next(const char *window, time_t now)
{
	time_t at = now - DAY; /* one that was swallowed may still be open */
	struct window w;

	if (window == NULL || !read_window(window, &w))
		return now;
	while (at <= now + AHEAD_MAX) {
		time_t offset = offset_at(at), until = next_change(at);
		time_t from = at > now ? at : now;
		time_t opens = wall_next(&w, from + offset) - offset;
		time_t left_out = offset_at(until) - offset;

		if (opens < until)
			return opens;
		if (left_out > 0 && until + w.length > now &&
		    is_swallowed(&w, until + offset, until + offset + left_out))
			return until > now ? until : now;
		at = until;
	}
	return now + AHEAD_MAX;
}
