/* SPDX-License-Identifier: ISC */
#include "ctl/until.h"

#include "common/clean.h"
#include "common/str.h"
#include "common/timefmt.h"

/* False also for February 30 and its like. An hour that the clocks skip is the next. */
static bool
parse_local(const char *text, time_t *ret)
{
	static const char *const forms[] = { "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M",
		"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S" };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { 0 }, copy;
		const char *rest = strptime(text, forms[i], &tm);

		if (rest == NULL || *rest != '\0')
			continue;
		copy = tm;
		if (timegm(&copy) == -1 || copy.tm_mday != tm.tm_mday)
			return false;
		tm.tm_isdst = -1;
		*ret = mktime(&tm);
		return *ret != -1;
	}
	return false;
}

int
until_parse(const char *text, time_t now, time_t *ret, struct err *err)
{
	CLEAN(string) char *shown = str_printable(text, 64);
	struct err unused = { 0 };
	time_t seconds, at;

	if (timefmt_parse_duration(text, &seconds, &unused) == 0)
		at = now + seconds;
	else if (timefmt_parse(text, &at, &unused) == -1 && !parse_local(text, &at))
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is no time like 12h, 3d, 2027-01-31, \"2027-01-31 14:00\" or "
		    "2027-01-31T14:00:00Z",
		    shown);
	if (at <= now)
		return err_set(err, ERR_CONFIG, "\"%s\" has passed already", shown);
	*ret = at;
	return 0;
}
