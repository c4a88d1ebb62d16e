/* SPDX-License-Identifier: ISC */
#include "common/json_scan.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/str.h"

/* What may come next. */
enum want {
	WANT_VALUE,
	WANT_VALUE_OR_END, /* after [ */
	WANT_KEY,
	WANT_KEY_OR_END, /* after { */
	WANT_NEXT,       /* after a value: a comma or the end of what it is in */
};

struct scan {
	const char *text;
	size_t length;
	size_t at;
	enum want want;
	char open[JSON_DEPTH_MAX]; /* '{' or '[' */
	size_t depth;
	size_t n_members;
	struct err *err;
};

static int
broken_at(struct scan *s, size_t offset, const char *why)
{
	return err_set(s->err, ERR_PROTOCOL, "not JSON at offset %zu: %s", offset, why);
}

/* '\0' behind the end: outside of strings that is not allowed either. */
static char
peek(const struct scan *s)
{
	return s->at < s->length ? s->text[s->at] : '\0';
}

static void
skip_blanks(struct scan *s)
{
	while (s->at < s->length && strchr(" \t\n\r", s->text[s->at]) != NULL &&
	       s->text[s->at] != '\0')
		s->at++;
}

static int
unexpected(struct scan *s, const char *expected)
{
	if (s->at >= s->length)
		return broken_at(s, s->at, "it ends too early");
	return broken_at(s, s->at, expected);
}

/* ---- strings ---- */

/* Four hex digits. */
static int
scan_unit(struct scan *s, uint32_t *ret)
{
	uint32_t unit = 0;

	for (int i = 0; i < 4; i++, s->at++) {
		char c = peek(s);

		if (c >= '0' && c <= '9')
			unit = unit << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			unit = unit << 4 | (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			unit = unit << 4 | (uint32_t)(c - 'A' + 10);
		else
			return unexpected(s, "not a hex digit");
	}
	*ret = unit;
	return 0;
}

/* After "\u". */
static int
scan_unicode(struct scan *s, bool is_key)
{
	size_t start = s->at - 2;
	uint32_t unit = 0, low = 0;

	if (scan_unit(s, &unit) == -1)
		return -1;
	if (unit == 0 && is_key)
		return broken_at(s, start, "a NUL character in a name");
	if (unit < 0xD800 || unit > 0xDFFF)
		return 0;
	if (unit > 0xDBFF || s->length - s->at < 2 ||
	    memcmp(s->text + s->at, "\\u", 2) != 0)
		return broken_at(s, start, "half a surrogate pair");
	s->at += 2;
	if (scan_unit(s, &low) == -1)
		return -1;
	if (low < 0xDC00 || low > 0xDFFF)
		return broken_at(s, start, "half a surrogate pair");
	return 0;
}

static int
scan_escape(struct scan *s, bool is_key)
{
	char c;

	s->at++;
	c = peek(s);
	if (c == '\0' || strchr("\"\\/bfnrtu", c) == NULL)
		return unexpected(s, "not an escape");
	s->at++;
	return c == 'u' ? scan_unicode(s, is_key) : 0;
}

static int
scan_string(struct scan *s, bool is_key)
{
	for (s->at++; s->at < s->length;) {
		unsigned char c = (unsigned char)s->text[s->at];
		uint32_t character;
		size_t n = 1;

		if (c == '"') {
			s->at++;
			return 0;
		}
		if (c < 0x20)
			return broken_at(s, s->at, "a control character in a string");
		if (c == '\\') {
			if (scan_escape(s, is_key) == -1)
				return -1;
			continue;
		}
		if (c >= 0x80)
			n = str_utf8(s->text + s->at, s->length - s->at, &character);
		if (n == 0)
			return broken_at(s, s->at, "not UTF-8");
		s->at += n;
	}
	return unexpected(s, "");
}

/* ---- numbers and words ---- */

static size_t
skip_digits(struct scan *s)
{
	size_t start = s->at;

	while (peek(s) >= '0' && peek(s) <= '9')
		s->at++;
	return s->at - start;
}

/* Beyond these, json-c takes the next best number instead. */
static int
check_range(struct scan *s, size_t start, bool whole)
{
	char digits[64];
	size_t length = s->at - start;
	double d;

	if (length >= sizeof(digits))
		return broken_at(s, start, "a number of too many digits");
	memcpy(digits, s->text + start, length);
	digits[length] = '\0';
	errno = 0;
	if (whole) {
		(void)strtoll(digits, NULL, 10);
		return errno == ERANGE ? broken_at(s, start, "a number too large") : 0;
	}
	d = strtod(digits, NULL);
	return isfinite(d) ? 0 : broken_at(s, start, "a number too large");
}

static int
scan_number(struct scan *s)
{
	size_t start = s->at;
	bool whole = true;

	if (peek(s) == '-')
		s->at++;
	if (peek(s) == '0')
		s->at++;
	else if (skip_digits(s) == 0)
		return unexpected(s, "not a digit");
	if (peek(s) == '.') {
		whole = false;
		s->at++;
		if (skip_digits(s) == 0)
			return unexpected(s, "not a digit");
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		whole = false;
		s->at++;
		if (peek(s) == '+' || peek(s) == '-')
			s->at++;
		if (skip_digits(s) == 0)
			return unexpected(s, "not a digit");
	}
	return check_range(s, start, whole);
}

static int
scan_word(struct scan *s)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t length = strlen(words[i]);

		if (s->length - s->at >= length &&
		    memcmp(s->text + s->at, words[i], length) == 0) {
			s->at += length;
			return 0;
		}
	}
	return unexpected(s, "not a value");
}

/* ---- structure ---- */

static int
scan_open(struct scan *s, char bracket)
{
	if (s->depth == JSON_DEPTH_MAX)
		return broken_at(s, s->at, "too many levels");
	s->open[s->depth++] = bracket;
	s->want = bracket == '{' ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
	s->at++;
	return 0;
}

static int
scan_close(struct scan *s)
{
	s->depth--;
	s->want = WANT_NEXT;
	s->at++;
	return 0;
}

static int
scan_value(struct scan *s)
{
	char c = peek(s);

	if (c == '{' || c == '[')
		return scan_open(s, c);
	s->want = WANT_NEXT;
	if (c == '"')
		return scan_string(s, false);
	if (c == '-' || (c >= '0' && c <= '9'))
		return scan_number(s);
	return scan_word(s);
}

static int
scan_key(struct scan *s)
{
	if (peek(s) != '"')
		return unexpected(s, "not a name in double quotes");
	if (scan_string(s, true) == -1)
		return -1;
	skip_blanks(s);
	if (peek(s) != ':')
		return unexpected(s, "not a colon");
	s->at++;
	s->n_members++;
	s->want = WANT_VALUE;
	return 0;
}

static int
scan_next(struct scan *s)
{
	bool object = s->open[s->depth - 1] == '{';

	if (peek(s) == (object ? '}' : ']'))
		return scan_close(s);
	if (peek(s) != ',')
		return unexpected(s, object ? "not a comma or }" : "not a comma or ]");
	s->at++;
	s->want = object ? WANT_KEY : WANT_VALUE;
	return 0;
}

static int
scan_token(struct scan *s)
{
	switch (s->want) {
	case WANT_VALUE_OR_END:
		return peek(s) == ']' ? scan_close(s) : scan_value(s);
	case WANT_VALUE:
		return scan_value(s);
	case WANT_KEY_OR_END:
		return peek(s) == '}' ? scan_close(s) : scan_key(s);
	case WANT_KEY:
		return scan_key(s);
	case WANT_NEXT:
		break;
	}
	return scan_next(s);
}

int
json_scan(const char *text, size_t length, size_t *n_members, struct err *err)
{
	struct scan s = { .text = text, .length = length, .err = err };

	do {
		skip_blanks(&s);
		if (scan_token(&s) == -1)
			return -1;
	} while (s.depth > 0 || s.want != WANT_NEXT);
	skip_blanks(&s);
	if (s.at < s.length)
		return broken_at(&s, s.at, "something after the value");
	*n_members = s.n_members;
	return 0;
}
