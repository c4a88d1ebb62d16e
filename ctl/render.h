/* SPDX-License-Identifier: ISC */
/*
 * render - how things look to a person: widths, colours, instants, whole JSON objects.
 *
 * A struct screen says where the text goes. On a terminal lines fit its width, and
 * instants are local with a hint: "2026-05-01 14:00 (in 3 d)". Elsewhere nothing is cut
 * and instants are RFC 3339 in UTC. Whatever the daemon said is made printable here.
 */
#ifndef ACMED_RENDER_H
#define ACMED_RENDER_H

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

struct json_object;

struct screen {
	FILE *out;
	bool terminal;
	bool color; /* and a line that changes in place */
	bool utf8;
	unsigned width; /* of the terminal */
	time_t now;
};

enum color {
	COLOR_NONE,
	COLOR_GOOD,
	COLOR_WARN,
	COLOR_BAD,
	COLOR_HEAD,
};

enum time_style {
	TIME_FULL,     /* 2026-05-01 14:00 (in 3 d) */
	TIME_DATE,     /* 2026-05-01 (in 3 d) */
	TIME_RELATIVE, /* in 3 d */
	TIME_STYLE_COUNT
};

/* What `out` is, NO_COLOR, TERM, the locale. */
void screen_open(struct screen *screen, FILE *out);

/* Escape sequences, or "". color_end() undoes. */
const char *color_start(const struct screen *screen, enum color color);
const char *color_end(const struct screen *screen, enum color color);

/* Columns that a printable text takes. */
unsigned text_width(const char *s);

/* A copy that takes `width` columns at most; what was cut shows at its end. */
char *text_fit(const struct screen *screen, const char *s, unsigned width);

/* Does the text begin with that word, or words? */
bool text_is_first_word(const char *text, const char *word);

/* What follows "NAME: ", where the text begins with that; NULL for no name. */
const char *text_without_name(const char *name, const char *text);

/* The daemon's instant, or a printable copy of it where it is none; NULL gives "-". */
char *render_time(const struct screen *screen, const char *text, enum time_style style);

/* The daemon's words, printable: at most `most` bytes of them. On a terminal the instants
 * among them become local. */
char *render_words(const struct screen *screen, const char *text, size_t most);

/* Member by member, "key: value", nested ones further to the right. */
void render_object(const struct screen *screen, struct json_object *object);

#endif
