/* SPDX-License-Identifier: ISC */
/* str - small helpers on strings, on lists of strings, and a text that grows. */
#ifndef ACMED_STR_H
#define ACMED_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clean.h"
#include "common/err.h"

/* NULL equals NULL only. */
bool str_eq(const char *a, const char *b);
bool str_starts(const char *s, const char *start);
bool str_ends(const char *s, const char *end);

/* Lower case of A-Z only, in place, whatever the locale. Returns s. */
char *str_lower(char *s);

/* The bytes of the UTF-8 character that `s` begins with, and the character: 0 where there
 * is none, or only a part of one, in `length`. */
size_t str_utf8(const char *s, size_t length, uint32_t *ret);

/* A copy that cannot harm a terminal or a log: control characters, DEL, C1 controls and
 * invalid UTF-8 become '?', tabs and line breaks a blank. At most `most` bytes. */
char *str_printable(const char *s, size_t most);

/* "1 account", "2 accounts": a count and a noun that takes an s. Into `out`, returned. */
#define STR_COUNT_SIZE 48
char *str_count(size_t n, const char *noun, char out[STR_COUNT_SIZE]);

/* The candidate (NULL-terminated list) most like `word`, or NULL where none is near. */
const char *str_nearest(const char *word, const char *const *candidates);

/* ---- NULL-terminated lists; a NULL list is an empty one ---- */

size_t strv_length(const char *const *list);
bool strv_contains(const char *const *list, const char *s);
bool strv_same_set(const char *const *a, const char *const *b); /* order does not count */
char **strv_copy(const char *const *list);
void strv_add(char ***list, const char *s); /* copies s */
void strv_addf(char ***list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *strv_join(const char *const *list, const char *between);
void strv_free(char **list);
DEFINE_CLEAN(strv, char *);

/* ---- a growing text: struct text t = { 0 }; ... text_clear(&t) ---- */

struct text {
	char *s; /* NUL-terminated; NULL until something was added */
	size_t length;
	size_t room;
};

void text_add(struct text *t, const char *fmt, ...) PRINTF(2, 3);
void text_add_bytes(struct text *t, const void *bytes, size_t length);
char *text_take(struct text *t); /* never NULL; the text is empty afterwards */
void text_clear(struct text *t);

#endif
