/* SPDX-License-Identifier: ISC */
#include "common/mem.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* dprintf() and _exit(): streams and exit handlers may want memory, too. */
static void __attribute__((noreturn)) out_of_memory(const char *what)
{
	dprintf(STDERR_FILENO, "out of memory: %s\n", what);
	_exit(EXIT_FAILURE);
}

void *
must_pointer(void *p, const char *what)
{
	if (p == NULL)
		out_of_memory(what);
	return p;
}

void *
xcalloc(size_t count, size_t size)
{
	return must_pointer(calloc(count > 0 ? count : 1, size > 0 ? size : 1), "calloc");
}

void *
xrealloc(void *p, size_t count, size_t size)
{
	/* Never 0 bytes: whether that frees is up to the C library. */
	if (count == 0 || size == 0)
		count = size = 1;
	return must_pointer(reallocarray(p, count, size), "realloc");
}

/* The copy has a NUL byte behind it that does not count. */
void *
xmemdup(const void *p, size_t length)
{
	char *copy;

	if (length == SIZE_MAX)
		out_of_memory("memdup");
	copy = must_pointer(malloc(length + 1), "memdup");
	if (length > 0)
		memcpy(copy, p, length);
	copy[length] = '\0';
	return copy;
}

char *
xstrdup(const char *s)
{
	return s != NULL ? must_pointer(strdup(s), "strdup") : NULL;
}

char *
xstrndup(const char *s, size_t length)
{
	return must_pointer(strndup(s, length), "strndup");
}

char *
xvasprintf(const char *fmt, va_list args)
{
	char *s;

	if (vasprintf(&s, fmt, args) == -1)
		out_of_memory("asprintf");
	return s;
}

char *
xasprintf(const char *fmt, ...)
{
	char *s;
	va_list args;

	va_start(args, fmt);
	s = xvasprintf(fmt, args);
	va_end(args);
	return s;
}

void
secret_free(void *p, size_t length)
{
	if (p == NULL)
		return;
	OPENSSL_cleanse(p, length);
	free(p);
}
