/* SPDX-License-Identifier: ISC */
#include "daemon/config/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"

#define ABSENT_MOST  4    /* items of a list that is a default */
#define SECTION_KEYS 40   /* of one section, for suggestions; a test counts them */
#define TEXT_MOST    4096 /* bytes of one value */
#define SUGGESTIONS  200  /* after so many errors none is made any more */
#define ITEMS_MOST   100  /* maps of one list */

const struct schema_row *
schema_find(enum schema_section section, const char *key)
{
	for (size_t i = 0; i < schema_row_count; i++)
		if (schema_rows[i].section == section &&
		    strcmp(schema_rows[i].key, key) == 0)
			return &schema_rows[i];
	return NULL;
}

bool
schema_problem(const struct schema_reader *r, const struct yaml_node *node, const char *fmt,
    ...)
{
	CLEAN(string) char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) == -1)
		text = NULL;
	va_end(args);
	problems_add(r->problems, r->file, node->line, node->column, "%s", must(text));
	return false;
}

void
schema_warn(const struct schema_reader *r, const struct yaml_node *node, const char *fmt,
    ...)
{
	CLEAN(string) char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) == -1)
		text = NULL;
	va_end(args);
	problems_warn(r->problems, r->file, node->line, node->column, "%s", must(text));
}

bool
schema_is_null(const struct yaml_node *node)
{
	if (node->kind != YAML_SCALAR || node->quoted)
		return false;
	return node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
	       strcmp(node->text, "null") == 0;
}

const char *
schema_text(const struct schema_reader *r, const char *what, const struct yaml_node *node)
{
	if (node->kind != YAML_SCALAR)
		schema_problem(r, node, "\"%s\" has to be one value, not a %s", what,
		    node->kind == YAML_LIST ? "list" : "map");
	else if (schema_is_null(node))
		schema_problem(r, node, "\"%s\" has no value", what);
	else if (node->text[0] == '\0')
		schema_problem(r, node, "\"%s\" must not be empty", what);
	else if (strlen(node->text) > TEXT_MOST)
		schema_problem(r, node, "\"%s\" is longer than %d bytes", what, TEXT_MOST);
	else if (strpbrk(node->text,
		     "\x01\x02\x03\x04\x05\x06\x07\x08\t\n\v\f\r\x0E\x0F\x10"
		     "\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1A\x1B\x1C\x1D"
		     "\x1E\x1F\x7F") != NULL)
		schema_problem(r, node,
		    "\"%s\" must not hold line breaks or control characters", what);
	else
		return node->text;
	return NULL;
}

/* ---- one key ---- */

static size_t
index_of(const struct schema_row *row)
{
	return (size_t)(row - schema_rows);
}

static void
warn_of_inert(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node)
{
	bool is_default = row->absent != NULL && node->kind == YAML_SCALAR &&
			  strcmp(node->text, row->absent) == 0;

	if ((row->flags & SCHEMA_INERT) == 0 || is_default || r->warned[index_of(row)])
		return;
	r->warned[index_of(row)] = true;
	problems_warn(r->problems, r->file, node->key_line, node->key_column,
	    "%s%s has no effect in this version", schema_section_prefix(row->section),
	    row->key);
}

/* False where another file has set it already. */
static bool
is_first(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node)
{
	struct schema_seen *seen = r->seen != NULL ? &r->seen[index_of(row)] : NULL;

	if (seen == NULL || row->type == TYPE_SECTION)
		return true;
	if (seen->file == r->file || row->type == TYPE_APART)
		return true; /* yaml_parse() has said so; or the parts are looked at */
	if (seen->file == NULL) {
		*seen = (struct schema_seen){ r->file, node->line, node->column };
		return true;
	}
	problems_add(r->problems, r->file, node->key_line, node->key_column,
	    "\"%s%s\" is set already, in %s line %u", schema_section_prefix(row->section),
	    row->key, seen->file, seen->line);
	return false;
}

/* Takes over the value; without a place for it, it was to be checked only. */
static void
keep_value(const struct schema_row *row, union schema_value *value, void *target)
{
	if (target != NULL && row->offset != SCHEMA_NOWHERE)
		schema_store(row, value, target);
	else
		schema_drop(row, value);
}

static void
read_item(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, void *item)
{
	bool has_one =
	    node->kind == YAML_MAP && node->first != NULL && node->first->next == NULL;

	schema_absent(r, row->inner, item);
	if ((row->flags & SCHEMA_ONE_KEY) != 0 && !has_one &&
	    (node->kind == YAML_MAP || schema_is_null(node)))
		schema_problem(r, node, "an item of \"%s\" has to have one key", row->key);
	schema_read(r, row->inner, node, item);
}

/* There is an item for each node, even if something is wrong with it. */
static void
read_sections(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, void *target)
{
	union schema_value value = { 0 };
	size_t n = 0;

	if (schema_is_null(node))
		schema_problem(r, node, "\"%s\" has no value; write [] for none", row->key);
	else if (node->kind != YAML_LIST)
		schema_problem(r, node,
		    "\"%s\" has to be a list of maps, each \"- KEY: ...\"", row->key);
	if (node->kind != YAML_LIST)
		return;
	for (const struct yaml_node *item = node->first; item != NULL; item = item->next)
		n++;
	if (n > ITEMS_MOST) {
		schema_problem(r, node, "\"%s\" has more than %d items", row->key,
		    ITEMS_MOST);
		return;
	}
	value.sections.list = n > 0 ? xcalloc(n, row->size) : NULL;
	value.sections.count = n;
	n = 0;
	for (const struct yaml_node *item = node->first; item != NULL; item = item->next)
		read_item(r, row, item, schema_item(row, &value.sections, n++));
	keep_value(row, &value, target);
}

static void
read_value(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, void *target)
{
	union schema_value value = { 0 };

	if (schema_types[row->type].read(r, row, node, &value))
		keep_value(row, &value, target);
}

static void
read_key(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, void *target)
{
	if (r->is_defaults && (row->flags & SCHEMA_OWN) != 0) {
		problems_add(r->problems, r->file, node->key_line, node->key_column,
		    "\"%s\" cannot stand in \"defaults\"; it is a certificate's own",
		    row->key);
		return;
	}
	if (!is_first(r, row, node))
		return;
	warn_of_inert(r, row, node);
	switch (row->type) {
	case TYPE_APART:
		break;
	case TYPE_SECTION:
		schema_read(r, row->inner, node, target);
		break;
	case TYPE_SECTIONS:
		read_sections(r, row, node, target);
		break;
	default:
		read_value(r, row, node, target);
	}
}

/* ---- a map of keys ---- */

static void
refuse_key(const struct schema_reader *r, enum schema_section section,
    const struct yaml_node *node)
{
	const char *keys[SECTION_KEYS] = { NULL };
	const char *nearest;
	size_t n = 0;

	/* The nearest of many takes time, and a file can hold fifty thousand wrong keys. */
	for (size_t i = 0; r->problems->errors < SUGGESTIONS && i < schema_row_count &&
			   n < SECTION_KEYS - 1;
	     i++)
		if (schema_rows[i].section == section)
			keys[n++] = schema_rows[i].key;
	nearest = str_nearest(node->key, keys);
	if (nearest != NULL)
		problems_add(r->problems, r->file, node->key_line, node->key_column,
		    "unknown key \"%s\"; did you mean \"%s\"?", node->key, nearest);
	else
		problems_add(r->problems, r->file, node->key_line, node->key_column,
		    "unknown key \"%.100s\"", node->key);
}

static void
require_keys(const struct schema_reader *r, enum schema_section section,
    const struct yaml_node *map)
{
	/* The place of a map is that of its first key; its own name tells more. */
	unsigned line = map->key != NULL ? map->key_line : map->line;
	unsigned column = map->key != NULL ? map->key_column : map->column;

	for (size_t i = 0; i < schema_row_count; i++) {
		const struct schema_row *row = &schema_rows[i];

		if (row->section != section || (row->flags & SCHEMA_REQUIRED) == 0 ||
		    (r->is_defaults && (row->flags & SCHEMA_OWN) != 0))
			continue;
		if (yaml_get(map, row->key) == NULL)
			problems_add(r->problems, r->file, line, column,
			    "\"%s%s\" is missing", schema_section_prefix(section),
			    row->key);
	}
}

void
schema_read(const struct schema_reader *r, enum schema_section section,
    const struct yaml_node *map, void *target)
{
	static const struct yaml_node empty = { .kind = YAML_MAP };

	if (schema_is_null(map)) {
		struct yaml_node place = *map;

		place.kind = YAML_MAP;
		place.first = empty.first;
		require_keys(r, section, &place);
		return;
	}
	if (map->kind != YAML_MAP) {
		schema_problem(r, map, "%s%s%shas to be a map of keys and values",
		    map->key != NULL ? "\"" : "this ", map->key != NULL ? map->key : "",
		    map->key != NULL ? "\" " : "");
		return;
	}
	for (const struct yaml_node *node = map->first; node != NULL; node = node->next) {
		const struct schema_row *row = schema_find(section, node->key);

		if (problems_full(r->problems))
			return; /* nothing that follows would be shown */
		if (row == NULL)
			refuse_key(r, section, node);
		else
			read_key(r, row, node, target);
	}
	require_keys(r, section, map);
}

/* ---- defaults ---- */

/* As if it stood in the file: "80 443" is a list of two where the row wants a list. */
static void
read_absent(const struct schema_reader *r, const struct schema_row *row, void *target)
{
	CLEAN(string) char *text = xstrdup(row->absent);
	struct yaml_node items[ABSENT_MOST] = { 0 };
	struct yaml_node node = { .kind = YAML_SCALAR, .text = text };
	char *rest = text, *word;
	size_t n = 0;

	if (schema_types[row->type].storage == STORAGE_LIST) {
		node = (struct yaml_node){ .kind = YAML_LIST, .first = &items[0] };
		while (n < ABSENT_MOST && (word = strsep(&rest, " ")) != NULL) {
			items[n].kind = YAML_SCALAR;
			items[n].text = word;
			if (n > 0)
				items[n - 1].next = &items[n];
			n++;
		}
	}
	read_value(r, row, &node, target);
}

void
schema_absent(const struct schema_reader *r, enum schema_section section, void *target)
{
	for (size_t i = 0; i < schema_row_count; i++) {
		const struct schema_row *row = &schema_rows[i];

		if (row->section != section)
			continue;
		if (row->type == TYPE_SECTION)
			schema_absent(r, row->inner, target);
		else if (row->absent != NULL && row->offset != SCHEMA_NOWHERE)
			read_absent(r, row, target);
	}
}
