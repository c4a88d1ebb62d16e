/* SPDX-License-Identifier: ISC */
#include "common/timefmt.h"

#include <stdio.h>
#include <string.h>

#include "common/clean.h"
#include "common/str.h"

#define MINUTE 60
#define HOUR   3600
#define DAY    86400
#define WEEK   (7 * DAY)
#define YEAR   (365LL * DAY)

/* A CA that wants us back later than this is not asked again in this life. */
#define RETRY_AFTER_MAX (10 * YEAR)
#define DURATION_MAX    (100 * YEAR)

static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
	"Aug", "Sep", "Oct", "Nov", "Dec", NULL };
static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", NULL };
static const char *const long_days[] = { "Sunday", "Monday", "Tuesday", "Wednesday",
	"Thursday", "Friday", "Saturday", NULL };

/* ---- reading: like strptime(3), but without locale, blanks and signs ---- */

static const char *
take_digits(const char *s, int n, int *ret)
{
	int value = 0;

	for (int i = 0; i < n; i++, s++) {
		if (*s < '0' || *s > '9')
			return NULL;
		value = value * 10 + (*s - '0');
	}
	*ret = value;
	return s;
}

static const char *
take_name(const char *s, const char *const *names, int *ret)
{
	for (int i = 0; names[i] != NULL; i++)
		if (str_starts(s, names[i])) {
			*ret = i;
			return s + strlen(names[i]);
		}
	return NULL;
}

static const char *
take_field(const char *s, char field, struct tm *tm)
{
	switch (field) {
	case 'Y':
		s = take_digits(s, 4, &tm->tm_year);
		tm->tm_year -= 1900;
		return s;
	case 'y': /* only an old date form has two digits: no certificate is from before
		     1970 */
		s = take_digits(s, 2, &tm->tm_year);
		tm->tm_year += tm->tm_year < 70 ? 100 : 0;
		return s;
	case 'm':
		s = take_digits(s, 2, &tm->tm_mon);
		tm->tm_mon -= 1;
		return s;
	case 'b':
		return take_name(s, months, &tm->tm_mon);
	case 'd':
		return take_digits(s, 2, &tm->tm_mday);
	case 'e': /* padded with a blank */
		return *s == ' ' ? take_digits(s + 1, 1, &tm->tm_mday)
				 : take_digits(s, 2, &tm->tm_mday);
	case 'H':
		return take_digits(s, 2, &tm->tm_hour);
	case 'M':
		return take_digits(s, 2, &tm->tm_min);
	case 'S':
		return take_digits(s, 2, &tm->tm_sec);
	case 'a':
		return take_name(s, days, &tm->tm_wday);
	default:
		return take_name(s, long_days, &tm->tm_wday);
	}
}

/* What follows, or NULL where the text is not like the format. */
static const char *
take_fields(const char *s, const char *format, struct tm *tm)
{
	for (; *format != '\0' && s != NULL; format++) {
		if (*format == '%')
			s = take_field(s, *++format, tm);
		else
			s = *s == *format ? s + 1 : NULL;
	}
	return s;
}

/* False for February 30 and its like. */
static bool
instant_of(const struct tm *tm, time_t *ret)
{
	struct tm copy = *tm;
	bool leap = tm->tm_sec == 60;
	time_t at;

	copy.tm_sec -= leap;
	at = timegm(&copy);
	if (copy.tm_mon != tm->tm_mon || copy.tm_mday != tm->tm_mday ||
	    copy.tm_hour != tm->tm_hour || copy.tm_min != tm->tm_min ||
	    copy.tm_sec != tm->tm_sec - leap)
		return false;
	*ret = at + leap;
	return true;
}

/* "Z", "+02:00": what follows, or NULL. */
static const char *
take_offset(const char *s, time_t *ret)
{
	struct tm tm = { 0 };
	int sign = *s == '-' ? -1 : 1;

	if (*s == 'Z' || *s == 'z')
		return s + 1;
	if (*s != '+' && *s != '-')
		return NULL;
	s = take_fields(s + 1, "%H:%M", &tm);
	if (s == NULL || tm.tm_hour > 23 || tm.tm_min > 59)
		return NULL;
	*ret = (time_t)sign * (tm.tm_hour * HOUR + tm.tm_min * MINUTE);
	return s;
}

static const char *
skip_fraction(const char *s)
{
	size_t n;

	if (*s != '.')
		return s;
	n = strspn(s + 1, "0123456789");
	return n > 0 ? s + 1 + n : NULL;
}

static bool
parse_rfc3339(const char *s, time_t *ret)
{
	struct tm tm = { 0 };
	time_t at, offset = 0;

	s = take_fields(s, "%Y-%m-%d", &tm);
	if (s == NULL || (*s != 'T' && *s != 't'))
		return false;
	s = take_fields(s + 1, "%H:%M:%S", &tm);
	s = s != NULL ? skip_fraction(s) : NULL;
	s = s != NULL ? take_offset(s, &offset) : NULL;
	if (s == NULL || *s != '\0' || !instant_of(&tm, &at))
		return false;
	*ret = at - offset;
	return true;
}

int
timefmt_parse(const char *text, time_t *ret, struct err *err)
{
	CLEAN(string) char *shown = NULL;

	if (parse_rfc3339(text, ret))
		return 0;
	shown = str_printable(text, 64);
	return err_set(err, ERR_PROTOCOL, "\"%s\" is not a time", shown);
}

bool
timefmt_parse_http_date(const char *text, time_t *ret)
{
	static const char *const forms[] = {
		"%a, %d %b %Y %H:%M:%S GMT",
		"%A, %d-%b-%y %H:%M:%S GMT",
		"%a %b %e %H:%M:%S %Y",
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { 0 };
		const char *rest = take_fields(text, forms[i], &tm);

		if (rest != NULL && *rest == '\0')
			return instant_of(&tm, ret);
	}
	return false;
}

/* Digits only; what is more than `most` is `most`. */
static const char *
take_count(const char *s, long long most, long long *ret)
{
	long long value = 0;

	if (*s < '0' || *s > '9')
		return NULL;
	for (; *s >= '0' && *s <= '9'; s++) {
		value = value * 10 + (*s - '0');
		if (value > most)
			value = most;
	}
	*ret = value;
	return s;
}

bool
timefmt_parse_retry_after(const char *text, time_t now, time_t *ret)
{
	long long seconds = 0;
	const char *rest = take_count(text, RETRY_AFTER_MAX, &seconds);
	time_t at;

	if (rest == NULL || *rest != '\0') {
		if (!timefmt_parse_http_date(text, &at))
			return false;
		seconds = (long long)at - (long long)now;
	}
	if (seconds > RETRY_AFTER_MAX)
		seconds = RETRY_AFTER_MAX;
	*ret = (time_t)(seconds > 0 ? seconds : 0);
	return true;
}

static long long
seconds_of_unit(const char *unit)
{
	static const struct {
		char unit[2];
		int seconds;
	} units[] = { { "s", 1 }, { "m", MINUTE }, { "h", HOUR }, { "d", DAY },
		{ "w", WEEK } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (str_eq(unit, units[i].unit))
			return units[i].seconds;
	return 0;
}

int
timefmt_parse_duration(const char *text, time_t *ret, struct err *err)
{
	CLEAN(string) char *shown = str_printable(text, 64);
	long long count = 0, unit;
	const char *rest = take_count(text, DURATION_MAX + 1, &count);

	if (str_eq(text, "0")) {
		*ret = 0;
		return 0;
	}
	unit = rest != NULL ? seconds_of_unit(rest) : 0;
	if (unit == 0)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is not a duration like 90s, 15m, 12h, 30d or 2w", shown);
	if (count > DURATION_MAX / unit)
		return err_set(err, ERR_CONFIG, "\"%s\" is longer than a century", shown);
	*ret = (time_t)(count * unit);
	return 0;
}

/* ---- writing ---- */

char *
timefmt_rfc3339(time_t at, char *out)
{
	struct tm tm;

	if (gmtime_r(&at, &tm) == NULL ||
	    strftime(out, TIMEFMT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(out, TIMEFMT_SIZE, "-");
	return out;
}

char *
timefmt_local(time_t at, char *out)
{
	struct tm tm;

	if (localtime_r(&at, &tm) == NULL ||
	    strftime(out, TIMEFMT_SIZE, "%Y-%m-%d %H:%M:%S %z", &tm) == 0)
		snprintf(out, TIMEFMT_SIZE, "-");
	return out;
}

static const struct {
	long long seconds;
	const char *name;
} steps[] = { { DAY, "d" }, { HOUR, "h" }, { MINUTE, "min" }, { 1, "s" } };

#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

/* The largest unit of which there is one; seconds for nothing. */
static size_t
step_of(long long seconds)
{
	size_t i = 0;

	while (i + 1 < N_STEPS && seconds < steps[i].seconds)
		i++;
	return i;
}

char *
timefmt_duration(time_t seconds, char *out)
{
	const char *sign = seconds < 0 ? "-" : "";
	long long left = seconds < 0 ? -(long long)seconds : (long long)seconds;
	size_t i = step_of(left);
	long long count = left / steps[i].seconds, less = 0;

	/* The next smaller one makes it precise enough. */
	if (i + 1 < N_STEPS)
		less = left % steps[i].seconds / steps[i + 1].seconds;
	if (less > 0)
		snprintf(out, TIMEFMT_SIZE, "%s%lld %s %lld %s", sign, count, steps[i].name,
		    less, steps[i + 1].name);
	else
		snprintf(out, TIMEFMT_SIZE, "%s%lld %s", sign, count, steps[i].name);
	return out;
}

char *
timefmt_relative(time_t at, time_t now, char *out)
{
	long long ahead = (long long)at - (long long)now;
	long long distance = ahead < 0 ? -ahead : ahead;
	size_t i = step_of(distance);
	long long count = distance / steps[i].seconds;

	if (ahead == 0)
		snprintf(out, TIMEFMT_SIZE, "now");
	else if (ahead > 0)
		snprintf(out, TIMEFMT_SIZE, "in %lld %s", count, steps[i].name);
	else
		snprintf(out, TIMEFMT_SIZE, "%lld %s ago", count, steps[i].name);
	return out;
}
