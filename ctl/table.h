/* SPDX-License-Identifier: ISC */
/* table - rows under headings, as wide as the screen at most where that is a terminal. */
#ifndef ACMED_TABLE_H
#define ACMED_TABLE_H

#include <stddef.h>

#include "common/clean.h"
#include "ctl/render.h"

struct table;

/* The headings end with NULL and are borrowed. */
struct table *table_new(const char *const *headings);
void table_free(struct table *table);
DEFINE_CLEAN(table, struct table);

/* One cell a heading; copied, made printable. `color` is for the cell number `colored`. */
void table_add(struct table *table, const char *const *cells, size_t colored,
    enum color color);

/* Columns that it takes without its last column, which is the one to cut first. */
unsigned table_width_but_last(const struct table *table);

void table_print(const struct table *table, const struct screen *screen);

#endif
