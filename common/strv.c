/* SPDX-License-Identifier: ISC */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"

#define ROOM_FIRST 64

size_t
strv_length(const char *const *list)
{
	size_t n = 0;

	while (list != NULL && list[n] != NULL)
		n++;
	return n;
}

bool
strv_contains(const char *const *list, const char *s)
{
	for (; list != NULL && *list != NULL; list++)
		if (str_eq(*list, s))
			return true;
	return false;
}

static bool
contains_all(const char *const *list, const char *const *wanted)
{
	for (; wanted != NULL && *wanted != NULL; wanted++)
		if (!strv_contains(list, *wanted))
			return false;
	return true;
}

bool
strv_same_set(const char *const *a, const char *const *b)
{
	return contains_all(a, b) && contains_all(b, a);
}

char **
strv_copy(const char *const *list)
{
	size_t n = strv_length(list);
	char **copy = xcalloc(n + 1, sizeof(*copy));

	for (size_t i = 0; i < n; i++)
		copy[i] = xstrdup(list[i]);
	return copy;
}

void
strv_add(char ***list, const char *s)
{
	size_t n = strv_length((const char *const *)*list);

	*list = xrealloc(*list, n + 2, sizeof(**list));
	(*list)[n] = xstrdup(s);
	(*list)[n + 1] = NULL;
}

void
strv_addf(char ***list, const char *fmt, ...)
{
	CLEAN(string) char *s = NULL;
	va_list args;

	va_start(args, fmt);
	s = xvasprintf(fmt, args);
	va_end(args);
	strv_add(list, s);
}

char *
strv_join(const char *const *list, const char *between)
{
	struct text t = { 0 };

	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		text_add(&t, "%s%s", i > 0 ? between : "", list[i]);
	return text_take(&t);
}

void
strv_free(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

/* Room for that many bytes more, and the NUL. */
static void
text_reserve(struct text *t, size_t more)
{
	size_t needed = t->length + more + 1;

	if (needed <= t->room)
		return;
	t->room = t->room > 0 ? t->room : ROOM_FIRST;
	while (t->room < needed)
		t->room += t->room / 2;
	t->s = xrealloc(t->s, t->room, 1);
}

void
text_add(struct text *t, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0)
		return;

	text_reserve(t, (size_t)n);
	va_start(args, fmt);
	vsnprintf(t->s + t->length, (size_t)n + 1, fmt, args);
	va_end(args);
	t->length += (size_t)n;
}

void
text_add_bytes(struct text *t, const void *bytes, size_t length)
{
	text_reserve(t, length);
	if (length > 0)
		memcpy(t->s + t->length, bytes, length);
	t->length += length;
	t->s[t->length] = '\0';
}

char *
text_take(struct text *t)
{
	char *s = t->s != NULL ? t->s : xstrdup("");

	*t = (struct text){ 0 };
	return s;
}

void
text_clear(struct text *t)
{
	free(t->s);
	*t = (struct text){ 0 };
}
