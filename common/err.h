/* SPDX-License-Identifier: ISC */
/*
 * err - what went wrong, said once, where it happened.
 *
 * A function that can fail takes a `struct err *` as its last argument and returns
 * int: 0, or -1 after filling the err (pointer functions: NULL). Each caller on the
 * way up prefixes what it alone knows; whoever decides what to do about the failure
 * logs it, once.
 *
 * An err is a plain value: nothing to allocate, nothing to free, copy it with `=`.
 */
#ifndef ACMED_ERR_H
#define ACMED_ERR_H

#include <time.h>

/* Named after what can be done about it; acme/retry.c and renew/scheduler.c turn it into
 * delays. */
enum err_kind {
	ERR_NONE,
	ERR_CONFIG,    /* a person has to change the configuration */
	ERR_SYSTEM,    /* this host: disk, memory, fork */
	ERR_NETWORK,   /* the CA was not reached, or not in time */
	ERR_BUSY,      /* the CA asks us to come back, see retry_after */
	ERR_REFUSED,   /* the CA understood, and said no */
	ERR_PROTOCOL,  /* the CA said something we do not understand */
	ERR_HOOK,      /* a hook failed */
	ERR_CANCELLED, /* we were told to stop */
	ERR_KIND_COUNT
};

struct err {
	enum err_kind kind;
	int status;          /* of the CA's HTTP reply; 0 where there was none */
	time_t retry_after;  /* seconds, as the CA put it; 0 where it did not */
	char problem[48];    /* ACME problem type without its URN prefix, or "" */
	char instance[1024]; /* a page for a person that the CA named, or "" */
	char about[256];     /* the identifier whose validation failed, or "" */
	char text[1280];     /* for people: "context: context: what happened" */
};

#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* All of these return -1, so that a failure is one statement: return err_set(...). */
int err_set(struct err *err, enum err_kind kind, const char *fmt, ...) PRINTF(3, 4);
int err_set_errno(struct err *err, int errnum, const char *fmt, ...) PRINTF(3, 4);
int err_prefix(struct err *err, const char *fmt, ...) PRINTF(2, 3);

/* "config", "system", ...; a text that cannot hold all ends in "...". */
const char *err_kind_name(enum err_kind kind);

#endif
