/* SPDX-License-Identifier: ISC */
#include "ctl/table.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"

#define GAP         2    /* columns between cells: a name may hold one blank */
#define CELL_MOST   4096 /* bytes */
#define LAST_WISHED 16   /* columns of the last one that others give way for */
#define LAST_LEAST  8    /* it goes if it had fewer */
#define OTHER_LEAST 4

struct row {
	char **cells;
	size_t colored;
	enum color color;
};

struct table {
	const char *const *headings;
	size_t n_columns;
	struct row *rows;
	size_t n_rows;
	unsigned *contents; /* the widest cell */
	unsigned *widths;   /* that or the heading */
};

struct table *
table_new(const char *const *headings)
{
	struct table *t = xcalloc(1, sizeof(*t));

	t->headings = headings;
	t->n_columns = strv_length(headings);
	t->contents = xcalloc(t->n_columns, sizeof(*t->contents));
	t->widths = xcalloc(t->n_columns, sizeof(*t->widths));
	for (size_t i = 0; i < t->n_columns; i++)
		t->widths[i] = text_width(headings[i]);
	return t;
}

void
table_free(struct table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n_rows; i++)
		strv_free(t->rows[i].cells);
	free(t->rows);
	free(t->contents);
	free(t->widths);
	free(t);
}

void
table_add(struct table *t, const char *const *cells, size_t colored, enum color color)
{
	struct row *row;

	t->rows = xrealloc(t->rows, t->n_rows + 1, sizeof(*t->rows));
	row = &t->rows[t->n_rows++];
	*row = (struct row){ .colored = colored, .color = color };
	for (size_t i = 0; i < t->n_columns; i++) {
		CLEAN(string) char *cell = str_printable(cells[i], CELL_MOST);
		unsigned width = text_width(cell);

		if (width > t->contents[i])
			t->contents[i] = width;
		if (width > t->widths[i])
			t->widths[i] = width;
		strv_add(&row->cells, cell);
	}
}

unsigned
table_width_but_last(const struct table *t)
{
	unsigned width = 0;

	for (size_t i = 0; i + 1 < t->n_columns; i++)
		width += t->widths[i] + GAP;
	return width;
}

static void
take(unsigned *width, unsigned least, unsigned *excess)
{
	unsigned spare = *width > least ? *width - least : 0;
	unsigned taken = spare < *excess ? spare : *excess;

	*width -= taken;
	*excess -= taken;
}

static unsigned *
widest_of(unsigned *widths, size_t n)
{
	unsigned *widest = widths;

	for (size_t i = 1; i < n; i++)
		if (widths[i] > *widest)
			widest = &widths[i];
	return widest;
}

/* What matters least goes first: the end of the last column, headings that are wider than
 * what is below them, the last column as a whole, and then from whatever is widest. */
static void
shrink(const struct table *t, unsigned *widths, unsigned width)
{
	size_t last = t->n_columns - 1;
	unsigned total = table_width_but_last(t) + widths[last];
	unsigned excess = total > width ? total - width : 0;

	take(&widths[last], LAST_WISHED, &excess);
	for (size_t i = 0; i < last; i++)
		take(&widths[i], t->contents[i], &excess);
	take(&widths[last], LAST_LEAST, &excess);
	if (excess > 0) {
		excess -= excess < widths[last] + GAP ? excess : widths[last] + GAP;
		widths[last] = 0;
	}
	while (excess > 0 && *widest_of(widths, last) > OTHER_LEAST)
		take(widest_of(widths, last), *widest_of(widths, last) - 1, &excess);
}

static void
print_cell(const struct screen *screen, const char *cell, unsigned width, bool last,
    enum color color)
{
	CLEAN(string) char *fitted = text_fit(screen, cell, width);
	unsigned padding = width - text_width(fitted) + GAP;

	fprintf(screen->out, "%s%s%s", color_start(screen, color), fitted,
	    color_end(screen, color));
	if (last)
		fputc('\n', screen->out);
	else
		fprintf(screen->out, "%*s", (int)padding, "");
}

void
table_print(const struct table *t, const struct screen *screen)
{
	unsigned *widths = xmemdup(t->widths, t->n_columns * sizeof(*widths));
	size_t last = t->n_columns - 1;

	if (screen->terminal)
		shrink(t, widths, screen->width);
	if (widths[last] == 0 && last > 0)
		last--;
	for (size_t i = 0; i <= last; i++)
		print_cell(screen, t->headings[i], widths[i], i == last, COLOR_HEAD);
	for (size_t r = 0; r < t->n_rows; r++) {
		const struct row *row = &t->rows[r];

		for (size_t i = 0; i <= last; i++)
			print_cell(screen, row->cells[i], widths[i], i == last,
			    i == row->colored ? row->color : COLOR_NONE);
	}
	free(widths);
}
