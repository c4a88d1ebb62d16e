/* SPDX-License-Identifier: ISC */
#include "ctl/render.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"

#define WIDTH_UNKNOWN 80   /* what a terminal has that does not say */
#define VALUE_MOST    4096 /* bytes of one value: a certificate in PEM has fewer */
#define LABEL_MOST    24   /* columns; a longer label moves its own value only */
#define INDENT        2

/* ---- the screen ---- */

static unsigned
terminal_width(int fd)
{
	struct winsize size = { 0 };

	if (ioctl(fd, TIOCGWINSZ, &size) == -1 || size.ws_col == 0)
		return WIDTH_UNKNOWN;
	return size.ws_col;
}

void
screen_open(struct screen *screen, FILE *out)
{
	const char *no_color = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");
	int fd = fileno(out);

	*screen = (struct screen){ .out = out, .now = time(NULL) };
	screen->utf8 = str_eq(nl_langinfo(CODESET), "UTF-8");
	screen->terminal = isatty(fd) == 1;
	screen->width = screen->terminal ? terminal_width(fd) : WIDTH_UNKNOWN;
	screen->color = screen->terminal && (no_color == NULL || *no_color == '\0') &&
			terminal != NULL && *terminal != '\0' && !str_eq(terminal, "dumb");
}

const char *
color_start(const struct screen *screen, enum color color)
{
	static const char *const sequences[] = {
		[COLOR_NONE] = "",
		[COLOR_GOOD] = "\033[32m",
		[COLOR_WARN] = "\033[33m",
		[COLOR_BAD] = "\033[31m",
		[COLOR_HEAD] = "\033[1m",
	};

	return screen->color ? sequences[color] : "";
}

const char *
color_end(const struct screen *screen, enum color color)
{
	return screen->color && color != COLOR_NONE ? "\033[0m" : "";
}

/* ---- widths ---- */

/* Bytes of the character at `s`, and its columns; a byte that is none is one of each. */
static size_t
character_at(const char *s, unsigned *columns)
{
	mbstate_t state = { 0 };
	wchar_t wide;
	size_t length = mbrtowc(&wide, s, strlen(s), &state);
	int width;

	*columns = 1;
	if (length == 0 || length == (size_t)-1 || length == (size_t)-2)
		return 1;
	width = wcwidth(wide);
	if (width >= 0)
		*columns = (unsigned)width;
	return length;
}

unsigned
text_width(const char *s)
{
	unsigned width = 0;

	while (*s != '\0') {
		unsigned columns;

		s += character_at(s, &columns);
		width += columns;
	}
	return width;
}

char *
text_fit(const struct screen *screen, const char *s, unsigned width)
{
	const char *mark = screen->utf8 ? "…" : "~";
	size_t length = 0;
	unsigned used = 0;

	if (text_width(s) <= width)
		return xstrdup(s);
	if (width == 0)
		return xstrdup("");
	for (;;) {
		unsigned columns;
		size_t step = character_at(s + length, &columns);

		if (used + columns > width - 1)
			break;
		used += columns;
		length += step;
	}
	return xasprintf("%.*s%s", (int)length, s, mark);
}

bool
text_is_first_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	return str_starts(text, word) && (text[length] == '\0' || text[length] == ' ');
}

const char *
text_without_name(const char *name, const char *text)
{
	size_t length = name != NULL ? strlen(name) : 0;

	if (length > 0 && strncmp(text, name, length) == 0 && text[length] == ':')
		return text + length + strspn(text + length, ": ");
	return text;
}

/* ---- instants ---- */

static char *
print_instant(const struct screen *screen, time_t at, enum time_style style)
{
	char local[TIMEFMT_SIZE], hint[TIMEFMT_SIZE];

	if (!screen->terminal)
		return xstrdup(timefmt_rfc3339(at, local));
	timefmt_relative(at, screen->now, hint);
	if (style == TIME_RELATIVE)
		return xstrdup(hint);
	timefmt_local(at, local); /* "2026-05-01 14:00:00 +0200" */
	return xasprintf("%.*s (%s)", style == TIME_FULL ? 16 : 10, local, hint);
}

char *
render_time(const struct screen *screen, const char *text, enum time_style style)
{
	struct err err = { 0 };
	time_t at;

	if (text == NULL)
		return xstrdup("-");
	if (timefmt_parse(text, &at, &err) == -1)
		return str_printable(text, VALUE_MOST);
	return print_instant(screen, at, style);
}

/* Bytes of the instant that the text begins with; 0: it begins with none. */
static size_t
instant_at(const char *text, time_t *ret)
{
	char copy[sizeof("2026-05-01T12:00:00Z")];
	size_t length = strnlen(text, sizeof(copy) - 1);
	struct err err = { 0 };

	if (*text < '0' || *text > '9')
		return 0;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return timefmt_parse(copy, ret, &err) == 0 ? length : 0;
}

char *
render_words(const struct screen *screen, const char *text, size_t most)
{
	CLEAN(string) char *clean = str_printable(text, most);
	struct text words = { 0 };

	if (!screen->terminal)
		return TAKE(clean);
	for (const char *c = clean; *c != '\0';) {
		char local[TIMEFMT_SIZE];
		time_t at;
		size_t length = instant_at(c, &at);

		if (length > 0)
			text_add(&words, "%.16s", timefmt_local(at, local));
		else
			text_add_bytes(&words, c, 1);
		c += length > 0 ? length : 1;
	}
	return text_take(&words);
}

/* ---- objects ---- */

static void render_members(const struct screen *screen, struct json_object *object,
    unsigned indent);
static void render_list(const struct screen *screen, struct json_object *list,
    unsigned indent);

/* "not_before" is "not before" to a person. */
static char *
print_label(const char *key)
{
	char *label = str_printable(key, VALUE_MOST);

	for (char *c = label; *c != '\0'; c++)
		if (*c == '_')
			*c = ' ';
	return label;
}

static char *
print_scalar(const struct screen *screen, const char *key, struct json_object *value)
{
	char duration[TIMEFMT_SIZE];

	switch (json_object_get_type(value)) {
	case json_type_null:
		return xstrdup("-");
	case json_type_boolean:
		return xstrdup(json_object_get_boolean(value) ? "yes" : "no");
	case json_type_string:
		return render_time(screen, json_object_get_string(value), TIME_FULL);
	case json_type_int:
		if (screen->terminal && str_ends(key, "_seconds"))
			return xstrdup(
			    timefmt_duration((time_t)json_object_get_int64(value),
				duration));
		break;
	default:
		break;
	}
	return str_printable(json_object_get_string(value), VALUE_MOST);
}

static bool
is_container(struct json_object *value)
{
	return json_object_is_type(value, json_type_object) ||
	       json_object_is_type(value, json_type_array);
}

static bool
is_empty(struct json_object *value)
{
	if (json_object_is_type(value, json_type_array))
		return json_object_array_length(value) == 0;
	return json_object_is_type(value, json_type_object) &&
	       json_object_object_length(value) == 0;
}

/* A list of short texts, on one line; NULL where it is not that. */
static char *
print_short_list(const struct screen *screen, const char *key, struct json_object *list,
    unsigned room)
{
	CLEAN(strv) char **parts = NULL;
	CLEAN(string) char *joined = NULL;

	if (!json_object_is_type(list, json_type_array))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *element = json_object_array_get_idx(list, i);
		CLEAN(string) char *part = NULL;

		if (is_container(element))
			return NULL;
		part = print_scalar(screen, key, element);
		strv_add(&parts, part);
	}
	joined = strv_join((const char *const *)parts, ", ");
	if (screen->terminal && text_width(joined) > room)
		return NULL;
	return TAKE(joined);
}

static unsigned
label_columns(struct json_object *object)
{
	unsigned widest = 0;

	json_object_object_foreach (object, key, value) {
		CLEAN(string) char *label = print_label(key);
		unsigned width = text_width(label);

		(void)value;
		if (width <= LABEL_MOST && width > widest)
			widest = width;
	}
	return widest;
}

static void
render_member(const struct screen *screen, const char *key, struct json_object *value,
    unsigned indent, unsigned columns)
{
	CLEAN(string) char *label = print_label(key);
	CLEAN(string) char *text = NULL;
	unsigned width = text_width(label);
	unsigned padding = width < columns ? columns - width : 0;
	unsigned before = indent + width + padding + 2;

	if (is_empty(value))
		text = xstrdup("none");
	else if (!is_container(value))
		text = print_scalar(screen, key, value);
	else
		text = print_short_list(screen, key, value,
		    screen->width > before ? screen->width - before : 0);

	fprintf(screen->out, "%*s%s%s:%s", (int)indent, "", color_start(screen, COLOR_HEAD),
	    label, color_end(screen, COLOR_HEAD));
	if (text != NULL) {
		fprintf(screen->out, "%*s %s\n", (int)padding, "", text);
		return;
	}
	fputc('\n', screen->out);
	if (json_object_is_type(value, json_type_array))
		render_list(screen, value, indent + INDENT);
	else
		render_members(screen, value, indent + INDENT);
}

static void
render_members(const struct screen *screen, struct json_object *object, unsigned indent)
{
	unsigned columns = label_columns(object);

	json_object_object_foreach (object, key, value)
		render_member(screen, key, value, indent, columns);
}

/* One element a line; objects are set apart by a blank line. */
static void
render_list(const struct screen *screen, struct json_object *list, unsigned indent)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *element = json_object_array_get_idx(list, i);
		CLEAN(string) char *text = NULL;

		if (json_object_is_type(element, json_type_array)) {
			render_list(screen, element, indent + INDENT);
			continue;
		}
		if (json_object_is_type(element, json_type_object)) {
			if (i > 0)
				fputc('\n', screen->out);
			render_members(screen, element, indent);
			continue;
		}
		text = print_scalar(screen, "", element);
		fprintf(screen->out, "%*s%s\n", (int)indent, "", text);
	}
}

void
render_object(const struct screen *screen, struct json_object *object)
{
	render_members(screen, object, 0);
}
