/* SPDX-License-Identifier: ISC */
#include "common/str.h"

#include <stdint.h>
#include <string.h>

#include "common/mem.h"

#define NEAREST_MAX 64 /* longer words have no typing mistakes, they are something else */

bool
str_eq(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

bool
str_starts(const char *s, const char *start)
{
	return s != NULL && strncmp(s, start, strlen(start)) == 0;
}

bool
str_ends(const char *s, const char *end)
{
	size_t length = s != NULL ? strlen(s) : 0, tail = strlen(end);

	return s != NULL && length >= tail && strcmp(s + length - tail, end) == 0;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

char *
str_lower(char *s)
{
	for (char *p = s; *p != '\0'; p++)
		*p = lower(*p);
	return s;
}

/* How many bytes the first one announces, and the smallest character that needs them. */
static size_t
announced(unsigned char first, uint32_t *least)
{
	if (first < 0x80)
		return *least = 0, 1;
	if (first >= 0xC2 && first < 0xE0)
		return *least = 0x80, 2;
	if (first >= 0xE0 && first < 0xF0)
		return *least = 0x800, 3;
	if (first >= 0xF0 && first < 0xF5)
		return *least = 0x10000, 4;
	return 0;
}

size_t
str_utf8(const char *s, size_t length, uint32_t *ret)
{
	uint32_t least = 0, c;
	size_t n = length > 0 ? announced((unsigned char)s[0], &least) : 0;

	if (n == 0 || n > length)
		return 0;
	c = (unsigned char)s[0] & (n == 1 ? 0x7F : 0xFF >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)s[i] & 0xC0) != 0x80)
			return 0;
		c = c << 6 | ((unsigned char)s[i] & 0x3F);
	}
	if (c < least || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		return 0;
	*ret = c;
	return n;
}

/* What stands for a character that is not to be shown: 0 where it may be. */
static char
substitute(uint32_t c)
{
	if (c == '\t' || c == '\n' || c == '\r' || c == 0x2028 || c == 0x2029)
		return ' ';
	if (c < 0x20 || (c >= 0x7F && c < 0xA0))
		return '?';
	/* These turn the direction of the text around: what is shown is not what is. */
	if ((c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069))
		return '?';
	return '\0';
}

char *
str_printable(const char *s, size_t most)
{
	size_t left = strnlen(s, most);
	struct text t = { 0 };

	/* The bytes after `most` tell whether a character there is whole; it is not taken.
	 */
	while (left > 0) {
		uint32_t c = 0;
		size_t room = strnlen(s, 4), n = str_utf8(s, room, &c);
		char instead = n > 0 ? substitute(c) : '?';

		if (n > left)
			break;
		if (instead != '\0')
			text_add_bytes(&t, &instead, 1);
		else
			text_add_bytes(&t, s, n);
		s += n > 0 ? n : 1;
		left -= n > 0 ? n : 1;
	}
	return text_take(&t);
}

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours that make b of a. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned rows[3][NEAREST_MAX + 1] = { 0 };
	size_t n = strlen(b);

	for (size_t j = 0; j <= n; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n; j++) {
			bool same = lower(a[i - 1]) == lower(b[j - 1]);

			row[j] = least(above[j], row[j - 1]) + 1;
			row[j] = least(row[j], above[j - 1] + !same);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				row[j] = least(row[j], rows[(i + 1) % 3][j - 2] + 1);
		}
	}
	return rows[strlen(a) % 3][n];
}

const char *
str_nearest(const char *word, const char *const *candidates)
{
	size_t length = strlen(word);
	/* One mistake in short words, one in three letters of long ones. */
	unsigned limit = length < 6 ? 1 : (unsigned)(length / 3);
	const char *nearest = NULL;

	if (length < 2 || length > NEAREST_MAX || candidates == NULL)
		return NULL;
	for (; *candidates != NULL; candidates++) {
		unsigned d;

		if (strlen(*candidates) > NEAREST_MAX)
			continue;
		d = distance(word, *candidates);
		if (d > limit || (nearest != NULL && d == limit))
			continue;
		nearest = *candidates;
		limit = d;
	}
	return nearest;
}

char *
str_count(size_t n, const char *noun, char out[STR_COUNT_SIZE])
{
	snprintf(out, STR_COUNT_SIZE, "%zu %s%s", n, noun, n == 1 ? "" : "s");
	return out;
}
