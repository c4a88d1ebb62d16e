/* SPDX-License-Identifier: ISC */
/*
 * clean - locals that free themselves when they leave their block.
 *
 *	CLEAN(order) struct order *o = order_new(...);
 *	...
 *	return TAKE(o);		(the caller owns it now)
 *
 * CLEAN(x) calls x_free(). Every x_free() accepts NULL and a half-built object.
 */
#ifndef ACMED_CLEAN_H
#define ACMED_CLEAN_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEAN(type) __attribute__((cleanup(type##_free_at)))

/* Put next to the declaration of `void type_free(ctype *)`. */
#define DEFINE_CLEAN(type, ctype)                    \
	static inline void type##_free_at(ctype **p) \
	{                                            \
		type##_free(*p);                     \
	}                                            \
	struct type##_needs_semicolon

/* The pointer's value; the pointer itself forgets it. */
#define TAKE(p)                             \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})

static inline void
string_free(char *s)
{
	free(s);
}
DEFINE_CLEAN(string, char);

static inline void
stream_free(FILE *f)
{
	if (f != NULL)
		fclose(f);
}
DEFINE_CLEAN(stream, FILE);

/* CLEAN(fd) int fd = open(...): closed where it is not -1. */
static inline void
fd_free_at(int *fd)
{
	if (*fd != -1)
		close(*fd);
}

/* The descriptor; the variable is -1 afterwards. */
static inline int
take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
