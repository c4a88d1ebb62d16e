/* SPDX-License-Identifier: ISC */
/*
 * mem - allocation that does not fail: where there is no memory left the process
 * ends, the service manager starts it again, and the orders in flight are resumed.
 */
#ifndef ACMED_MEM_H
#define ACMED_MEM_H

#include <stdarg.h>
#include <stddef.h>

#include "common/err.h"

void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t count, size_t size);
void *xmemdup(const void *p, size_t length);
char *xstrdup(const char *s); /* NULL for NULL */
char *xstrndup(const char *s, size_t length);
char *xasprintf(const char *fmt, ...) PRINTF(1, 2);
char *xvasprintf(const char *fmt, va_list args) PRINTF(1, 0);

/* Overwrites a secret, frees it. NULL is fine. */
void secret_free(void *p, size_t length);

/* For constructors of libraries that return NULL only when memory is short. */
#define must(pointer) ((__typeof__(pointer))must_pointer((pointer), #pointer))
void *must_pointer(void *p, const char *what);

#endif
