/* SPDX-License-Identifier: ISC */
#include "daemon/hook/hook_output.h"

#include <stdint.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"

#define BETWEEN " / "
#define CUT     "..."

void
output_add(struct output *o, const char *bytes, size_t length)
{
	size_t at, first;

	if (o->kept == NULL)
		o->kept = xcalloc(1, o->most);
	if (length > o->most) {
		o->total += length - o->most;
		bytes += length - o->most;
		length = o->most;
	}
	at = o->total % o->most;
	first = length < o->most - at ? length : o->most - at;
	memcpy(o->kept + at, bytes, first);
	memcpy(o->kept, bytes + first, length - first);
	o->total += length;
}

size_t
output_lost(const struct output *o)
{
	return o->total > o->most ? o->total - o->most : 0;
}

/* In the order in which it came, with NULs made visible, so that it is a string. */
static char *
unroll(const struct output *o)
{
	size_t length = o->total - output_lost(o);
	size_t start = output_lost(o) % o->most;
	size_t first = length < o->most - start ? length : o->most - start;
	char *s = xcalloc(length + 1, 1);

	if (length == 0)
		return s;
	memcpy(s, o->kept + start, first);
	memcpy(s + first, o->kept, length - first);
	for (size_t i = 0; i < length; i++)
		if (s[i] == '\0')
			s[i] = '?';
	return s;
}

char *
output_text(const struct output *o)
{
	CLEAN(string) char *raw = unroll(o);
	struct text t = { 0 };

	for (const char *line = raw; *line != '\0';) {
		size_t length = strcspn(line, "\n");

		if (length > 0) {
			CLEAN(string) char *clean = str_printable(line, length);

			text_add_bytes(&t, clean, strlen(clean));
		}
		line += length;
		if (*line == '\n')
			text_add_bytes(&t, line++, 1);
	}
	return text_take(&t);
}

/* The end of a line that is too long, from the beginning of a character. */
static char *
end_of_line(const char *line, size_t length, size_t most)
{
	size_t kept = most - strlen(CUT);
	const char *from = line + length - kept;

	for (; kept > 0 && ((unsigned char)*from & 0xC0) == 0x80; kept--)
		from++;
	return xasprintf(CUT "%.*s", (int)kept, from);
}

/* Takes the last line that is not blank off the text; NULL where there is none. */
static const char *
take_last_line(char *text, size_t *length)
{
	size_t end = strlen(text);
	char *line;

	while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == ' '))
		end--;
	text[end] = '\0';
	if (end == 0)
		return NULL;
	line = strrchr(text, '\n');
	if (line != NULL)
		*line++ = '\0';
	else
		line = text;
	*length = end - (size_t)(line - text);
	/* With its first octet it is no part of the text any more. */
	return line;
}

char *
output_last_lines(const struct output *o, size_t most)
{
	CLEAN(string) char *text = output_text(o);
	char *all = NULL;
	const char *line;
	size_t length;

	while ((line = take_last_line(text, &length)) != NULL) {
		char *longer;

		if (all == NULL && length > most)
			return end_of_line(line, length, most);
		if (all != NULL && length + strlen(BETWEEN) + strlen(all) > most)
			break;
		longer = all == NULL
			     ? xstrndup(line, length)
			     : xasprintf("%.*s" BETWEEN "%s", (int)length, line, all);
		free(all);
		all = longer;
		if (line == text)
			break;
	}
	return all != NULL ? all : xstrdup("");
}

void
output_clear(struct output *o)
{
	free(o->kept);
	o->kept = NULL;
	o->total = 0;
}
