/* SPDX-License-Identifier: ISC */
/* Readers of numbers, durations, shares of a lifetime, instants and hours of the week. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/config/schema.h"

/* Up to nine digits and nothing else. */
static bool
parse_number(const char *text, long *ret)
{
	size_t length = strlen(text);

	if (length == 0 || length > 9 || strspn(text, "0123456789") != length)
		return false;
	*ret = strtol(text, NULL, 10);
	return true;
}

bool
schema_read_number(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	const char *text = schema_text(r, row->key, node);
	long number = 0;

	if (text == NULL)
		return false;
	if (node->quoted || !parse_number(text, &number))
		return schema_problem(r, node, "\"%s\" has to be a number%s", row->key,
		    node->quoted ? ", without quotes" : "");
	if (number < row->least || number > row->most)
		return schema_problem(r, node, "\"%s\" has to be from %ld to %ld", row->key,
		    row->least, row->most);
	ret->number = (unsigned)number;
	return true;
}

/* Within the limits of the row; `or` says what else there might have been. */
static bool
parse_duration(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, const char * or, time_t *ret)
{
	char least[TIMEFMT_SIZE], most[TIMEFMT_SIZE];
	struct err err = { 0 };

	if (timefmt_parse_duration(node->text, ret, &err) == -1)
		return schema_problem(r, node,
		    "\"%s\" is \"%.100s\", which is no duration such as 90s, 15m, 12h or "
		    "30d%s",
		    row->key, node->text, or);
	if (*ret < row->least || *ret > row->most)
		return schema_problem(r, node, "\"%s\" has to be from %s to %s", row->key,
		    timefmt_duration(row->least, least), timefmt_duration(row->most, most));
	return true;
}

bool
schema_read_duration(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	return schema_text(r, row->key, node) != NULL &&
	       parse_duration(r, row, node, "", &ret->seconds);
}

bool
schema_read_timeout(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	time_t seconds = 0;

	if (schema_text(r, row->key, node) == NULL ||
	    !parse_duration(r, row, node, "", &seconds))
		return false;
	ret->milliseconds = (long)seconds * 1000;
	return true;
}

bool
schema_read_share(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	const char *text = schema_text(r, row->key, node);
	struct config_share share = { 0 };
	CLEAN(string) char *digits = NULL;
	long percent = 0;

	if (text == NULL)
		return false;
	if (str_ends(text, "%")) {
		digits = xstrndup(text, strlen(text) - 1);
		if (!parse_number(digits, &percent) || percent < 1 || percent > 99)
			return schema_problem(r, node, "\"%s\" has to be from 1%% to 99%%",
			    row->key);
		share.percent = (int)percent;
	} else if (!parse_duration(r, row, node, ", nor a share such as 33%",
		       &share.seconds)) {
		return false;
	}
	ret->share = share;
	return true;
}

bool
schema_read_lifetime(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	struct config_share share = { 0 };

	if (schema_text(r, row->key, node) == NULL ||
	    !parse_duration(r, row, node, "", &share.seconds))
		return false;
	ret->share = share;
	return true;
}

bool
schema_read_time(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	const char *text = schema_text(r, row->key, node);
	struct err err = { 0 };

	if (text == NULL)
		return false;
	if (timefmt_parse(text, &ret->seconds, &err) == -1)
		return schema_problem(r, node,
		    "\"%s\" is \"%.100s\", which is no time such as 2027-01-01T00:00:00Z",
		    row->key, text);
	return true;
}

bool
schema_read_wait(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	const char *text = schema_text(r, row->key, node);
	CLEAN(string) char *words = NULL, * or = NULL;
	time_t seconds = 0;

	if (text == NULL)
		return false;
	words = strv_join(row->words, ", ");
	or = xasprintf(", nor one of %s", words);
	if (!strv_contains(row->words, text) && !parse_duration(r, row, node, or, &seconds))
		return false;
	ret->text = xstrdup(text);
	return true;
}

/* ---- "Mon-Fri,Sun 02:00-05:00" ---- */

static bool
take_day(const char **text)
{
	static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun",
		NULL };

	for (size_t i = 0; days[i] != NULL; i++) {
		if (str_starts(*text, days[i])) {
			*text += 3;
			return true;
		}
	}
	return false;
}

static bool
take_days(const char **text)
{
	do {
		if (!take_day(text))
			return false;
		if (**text == '-' && ((*text)++, !take_day(text)))
			return false;
	} while (**text == ',' && (*text)++ != NULL);
	return *(*text)++ == ' ';
}

static bool
take_two_digits(const char **text, int most)
{
	const char *s = *text;
	int number;

	if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9')
		return false;
	number = (s[0] - '0') * 10 + (s[1] - '0');
	*text += 2;
	return number <= most;
}

static bool
take_hour(const char **text)
{
	bool is_last = str_starts(*text, "24:00");

	return take_two_digits(text, is_last ? 24 : 23) && *(*text)++ == ':' &&
	       take_two_digits(text, 59);
}

bool
schema_read_window(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	const char *text = schema_text(r, row->key, node), *at = text;

	if (text == NULL)
		return false;
	if (((*at >= '0' && *at <= '9') || take_days(&at)) && take_hour(&at) &&
	    *at++ == '-' && take_hour(&at) && *at == '\0') {
		ret->text = xstrdup(text);
		return true;
	}
	return schema_problem(r, node,
	    "\"%s\" is \"%.100s\", which is no window such as \"Mon-Fri 02:00-05:00\"",
	    row->key, text);
}
