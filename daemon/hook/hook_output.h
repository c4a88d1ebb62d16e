/* SPDX-License-Identifier: ISC */
/* hook_output - the last octets of a stream, and a text that harms nobody. */
#ifndef ACMED_HOOK_OUTPUT_H
#define ACMED_HOOK_OUTPUT_H

#include <stddef.h>

/* struct output o = { .most = ... }; ... output_clear(&o) */
struct output {
	size_t most;  /* octets to keep */
	char *kept;   /* a ring of so many; NULL until there is something */
	size_t total; /* octets that came */
};

void output_add(struct output *o, const char *bytes, size_t length);

/* What was kept, line breaks as they were, anything that is no printable character '?'. A
 * new string, never NULL and no longer than what was kept. */
char *output_text(const struct output *o);
size_t output_lost(const struct output *o);

/* The last lines, as one of at most `most` octets: a new string, "" where all are blank. */
char *output_last_lines(const struct output *o, size_t most);

void output_clear(struct output *o);

#endif
