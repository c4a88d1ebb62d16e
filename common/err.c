/* SPDX-License-Identifier: ISC */
#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What callers put in front never takes more than this of the text: what happened is said
 * last, and counts most. */
#define PREFIX_MAX 200

/* Of the text in front of a system error: leaves room for the longest of those. */
#define CONTEXT_MAX 400

static const char *const kind_names[ERR_KIND_COUNT] = {
	[ERR_NONE] = "none",
	[ERR_CONFIG] = "config",
	[ERR_SYSTEM] = "system",
	[ERR_NETWORK] = "network",
	[ERR_BUSY] = "busy",
	[ERR_REFUSED] = "refused",
	[ERR_PROTOCOL] = "protocol",
	[ERR_HOOK] = "hook",
	[ERR_CANCELLED] = "cancelled",
};

/* `s` holds `wanted` bytes, or as many as fitted: then it ends in "..." instead of
 * in the middle of a character. */
static void
mark_cut(char *s, size_t size, int wanted)
{
	size_t end = size - sizeof("...");

	if (wanted < 0)
		s[0] = '\0';
	if (wanted < 0 || (size_t)wanted < size)
		return;
	while (end > 0 && ((unsigned char)s[end] & 0xC0) == 0x80)
		end--;
	memcpy(s + end, "...", sizeof("..."));
}

int
err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
	struct err e = { .kind = kind }; /* the arguments may point into *err */
	va_list args;
	int wanted;

	va_start(args, fmt);
	wanted = vsnprintf(e.text, sizeof(e.text), fmt, args);
	va_end(args);
	mark_cut(e.text, sizeof(e.text), wanted);
	*err = e;
	return -1;
}

int
err_set_errno(struct err *err, int errnum, const char *fmt, ...)
{
	char context[CONTEXT_MAX];
	va_list args;
	int wanted;

	va_start(args, fmt);
	wanted = vsnprintf(context, sizeof(context), fmt, args);
	va_end(args);
	mark_cut(context, sizeof(context), wanted);
	return err_set(err, ERR_SYSTEM, "%s: %s", context, strerror(errnum));
}

int
err_prefix(struct err *err, const char *fmt, ...)
{
	char prefix[PREFIX_MAX], text[sizeof(err->text)];
	va_list args;
	int wanted;

	va_start(args, fmt);
	wanted = vsnprintf(prefix, sizeof(prefix), fmt, args);
	va_end(args);
	mark_cut(prefix, sizeof(prefix), wanted);

	wanted = snprintf(text, sizeof(text), "%s: %s", prefix, err->text);
	mark_cut(text, sizeof(text), wanted);
	memcpy(err->text, text, sizeof(text));
	return -1;
}

const char *
err_kind_name(enum err_kind kind)
{
	return (unsigned)kind < ERR_KIND_COUNT ? kind_names[kind] : "unknown";
}
