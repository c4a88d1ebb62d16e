/* SPDX-License-Identifier: ISC */
#include "daemon/config/yaml.h"

#include <string.h>
#include <yaml.h>

#include "common/mem.h"
#include "common/str.h"

#define SIZE_MOST   (1024UL * 1024)
#define DEPTH_MOST  32
#define EVENTS_MOST 100000

struct reading {
	yaml_parser_t parser;
	const char *path;
	const char *text;
	size_t length;
	struct problems *problems;
	struct yaml_node *root;
	struct yaml_node *open[DEPTH_MOST];  /* the lists and maps around this place */
	struct yaml_node **tail[DEPTH_MOST]; /* where the next child of each goes */
	size_t depth;
	char *key; /* read, its value not yet */
	unsigned key_line;
	unsigned key_column;
	unsigned documents;
};

void
yaml_tree_free(struct yaml_node *node)
{
	while (node != NULL) {
		struct yaml_node *next = node->next;

		yaml_tree_free(node->first); /* DEPTH_MOST bounds this */
		free(node->text);
		free(node->key);
		free(node);
		node = next;
	}
}

const struct yaml_node *
yaml_get(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *node = map->kind == YAML_MAP ? map->first : NULL;

	while (node != NULL && strcmp(node->key, key) != 0)
		node = node->next;
	return node;
}

static unsigned
line_of(const yaml_mark_t *mark)
{
	return (unsigned)mark->line + 1;
}

static unsigned
column_of(const yaml_mark_t *mark)
{
	return (unsigned)mark->column + 1;
}

/* ---- what libyaml has to say, in words ---- */

static const struct {
	const char *said;
	const char *meant;
} sentences[] = {
	{ "mapping values are not allowed in this context",
	    "a \":\" cannot stand here; look at the indentation, and put a value that has "
	    "\": \" in it in quotes" },
	{ "did not find expected key",
	    "no key here; look at the indentation, at brackets and at quotes" },
	{ "could not find expected ':'", "a key without \":\" and a value" },
	{ "did not find expected ',' or ']'", "\",\" or \"]\" is missing" },
	{ "did not find expected ',' or '}'", "\",\" or \"}\" is missing" },
	{ "did not find expected '-' indicator",
	    "an item of the list has to start with \"- \"; look at the indentation" },
	{ "block sequence entries are not allowed in this context",
	    "a list cannot start here; begin it on a line of its own" },
	{ "did not find expected node content", "a value is missing" },
	{ "did not find expected <document start>",
	    "nothing may follow the end of the document" },
	{ "found unexpected end of stream", "the quotes are not closed" },
	{ "found unknown escape character",
	    "an escape that YAML does not know; use '...'" },
	{ "did not find expected alphabetic or numeric character",
	    "\"*\" and \"&\" begin what is not supported; put the value in quotes" },
	{ "control characters are not allowed", "a control character" },
};

/* Whether a tab is what this line begins with, or has before its text. */
static bool
has_tab_before(const struct reading *r, unsigned line)
{
	const char *at = r->text, *end = r->text + r->length;

	for (; line > 1 && at != NULL; line--) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at != NULL ? at + 1 : NULL;
	}
	while (at != NULL && at < end && (*at == ' ' || *at == '-'))
		at++;
	return at != NULL && at < end && *at == '\t';
}

static int
refuse(struct reading *r, const yaml_mark_t *mark, const char *why)
{
	problems_add(r->problems, r->path, line_of(mark), column_of(mark), "%s", why);
	return -1;
}

/* Broken UTF-8 and the like have an offset only. */
static yaml_mark_t
mark_of_offset(const struct reading *r, size_t offset)
{
	yaml_mark_t mark = { 0 };

	for (size_t i = 0; i < offset && i < r->length; i++) {
		mark.column++;
		if (r->text[i] != '\n')
			continue;
		mark.line++;
		mark.column = 0;
	}
	return mark;
}

static int
refuse_syntax(struct reading *r)
{
	const char *said = r->parser.problem != NULL ? r->parser.problem : "not YAML";
	yaml_mark_t mark = r->parser.problem_mark;
	CLEAN(string) char *other = NULL;

	if (r->parser.error == YAML_READER_ERROR)
		mark = mark_of_offset(r, r->parser.problem_offset);
	else if (strstr(said, "tab character") != NULL || has_tab_before(r, line_of(&mark)))
		return refuse(r, &mark, "a tab cannot indent; use blanks");
	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
		if (strcmp(said, sentences[i].said) == 0)
			return refuse(r, &mark, sentences[i].meant);
	if (strcmp(said, "found character that cannot start any token") == 0)
		return refuse(r, &mark,
		    "a value cannot start with this character; put it in quotes");
	other = xasprintf("not YAML: %s", said);
	return refuse(r, &mark, other);
}

/* ---- events to nodes ---- */

static int
compare_keys(const void *a, const void *b)
{
	const struct yaml_node *const *x = a, *const *y = b;
	int order = strcmp((*x)->key, (*y)->key);

	if (order != 0)
		return order;
	if ((*x)->key_line != (*y)->key_line)
		return (*x)->key_line < (*y)->key_line ? -1 : 1;
	return (*x)->key_column < (*y)->key_column ? -1 : 1;
}

/* By sorting: a map may have fifty thousand keys. */
static void
check_keys(struct reading *r, const struct yaml_node *map)
{
	const struct yaml_node **sorted = NULL, *first;
	size_t n = 0, i = 0;

	for (const struct yaml_node *child = map->first; child != NULL; child = child->next)
		n++;
	if (n < 2)
		return;
	sorted = xcalloc(n, sizeof(struct yaml_node *));
	for (const struct yaml_node *child = map->first; child != NULL; child = child->next)
		sorted[i++] = child;
	qsort(sorted, n, sizeof(struct yaml_node *), compare_keys);
	first = sorted[0];
	for (i = 1; i < n; i++) {
		if (strcmp(first->key, sorted[i]->key) != 0) {
			first = sorted[i];
			continue;
		}
		problems_add(r->problems, r->path, sorted[i]->key_line,
		    sorted[i]->key_column,
		    "duplicate key \"%.100s\"; the first is in line %u", first->key,
		    first->key_line);
	}
	free(sorted);
}

static struct yaml_node *
add_node(struct reading *r, enum yaml_kind kind, const yaml_mark_t *mark)
{
	struct yaml_node *node = xcalloc(1, sizeof(*node));

	node->kind = kind;
	node->line = line_of(mark);
	node->column = column_of(mark);
	node->key = TAKE(r->key);
	node->key_line = node->key != NULL ? r->key_line : 0;
	node->key_column = node->key != NULL ? r->key_column : 0;
	if (r->depth == 0) {
		r->root = node;
		return node;
	}
	*r->tail[r->depth - 1] = node;
	r->tail[r->depth - 1] = &node->next;
	return node;
}

static bool
wants_key(const struct reading *r)
{
	return r->depth > 0 && r->open[r->depth - 1]->kind == YAML_MAP && r->key == NULL;
}

/* What the language has and a configuration does not need. */
static int
check_plain(struct reading *r, const yaml_event_t *event, const yaml_char_t *anchor,
    const yaml_char_t *tag)
{
	if (anchor != NULL)
		return refuse(r, &event->start_mark,
		    "anchors (&name) are not supported; write the value out, or quote it");
	if (tag != NULL)
		return refuse(r, &event->start_mark,
		    "tags (!name) are not supported; quote a value that starts with \"!\"");
	return 0;
}

static int
read_scalar(struct reading *r, const yaml_event_t *event)
{
	const char *value = (const char *)event->data.scalar.value;
	struct yaml_node *node;

	if (check_plain(r, event, event->data.scalar.anchor, event->data.scalar.tag) == -1)
		return -1;
	if (strlen(value) != event->data.scalar.length)
		return refuse(r, &event->start_mark, "a NUL in a value");
	if (wants_key(r)) {
		r->key = xstrdup(value);
		r->key_line = line_of(&event->start_mark);
		r->key_column = column_of(&event->start_mark);
		return 0;
	}
	node = add_node(r, YAML_SCALAR, &event->start_mark);
	node->text = xstrdup(value);
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	return 0;
}

static int
open_node(struct reading *r, const yaml_event_t *event, enum yaml_kind kind)
{
	struct yaml_node *node;

	if (wants_key(r))
		return refuse(r, &event->start_mark,
		    "a key has to be text, no list or map; quote what starts with [ or {");
	if (r->depth == DEPTH_MOST)
		return refuse(r, &event->start_mark, "nested more than 32 deep");
	node = add_node(r, kind, &event->start_mark);
	r->open[r->depth] = node;
	r->tail[r->depth++] = &node->first;
	return 0;
}

static void
close_node(struct reading *r)
{
	struct yaml_node *node = r->open[--r->depth];

	if (node->kind == YAML_MAP)
		check_keys(r, node);
}

/* 0: go on; 1: the end; -1: refused. */
static int
read_event(struct reading *r, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (r->documents++ > 0)
			return refuse(r, &event->start_mark,
			    "a second document; a configuration file has one");
		return 0;
	case YAML_ALIAS_EVENT:
		return refuse(r, &event->start_mark,
		    "aliases (*name) are not supported; quote a value that starts with "
		    "\"*\"");
	case YAML_SCALAR_EVENT:
		return read_scalar(r, event);
	case YAML_SEQUENCE_START_EVENT:
		if (check_plain(r, event, event->data.sequence_start.anchor,
			event->data.sequence_start.tag) == -1)
			return -1;
		return open_node(r, event, YAML_LIST);
	case YAML_MAPPING_START_EVENT:
		if (check_plain(r, event, event->data.mapping_start.anchor,
			event->data.mapping_start.tag) == -1)
			return -1;
		return open_node(r, event, YAML_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		close_node(r);
		return 0;
	case YAML_STREAM_END_EVENT:
		return 1;
	default:
		return 0;
	}
}

static int
read_events(struct reading *r)
{
	int result = 0;

	for (unsigned n = 0; result == 0; n++) {
		yaml_event_t event;

		if (!yaml_parser_parse(&r->parser, &event))
			return refuse_syntax(r);
		if (n == EVENTS_MOST)
			result = refuse(r, &event.start_mark,
			    "more than 100,000 keys and values in one file");
		else
			result = read_event(r, &event);
		yaml_event_delete(&event);
	}
	return result;
}

/* A file without anything in it says nothing, as a map without keys does. */
static struct yaml_node *
whole(struct yaml_node *root)
{
	bool empty = root != NULL && root->kind == YAML_SCALAR && !root->quoted &&
		     root->text[0] == '\0';

	if (root != NULL && !empty)
		return root;
	yaml_tree_free(root);
	root = xcalloc(1, sizeof(*root));
	root->kind = YAML_MAP;
	root->line = 1;
	root->column = 1;
	return root;
}

static int
check_bytes(const struct reading *r)
{
	const char *nul = memchr(r->text, '\0', r->length);
	yaml_mark_t mark;

	if (r->length > SIZE_MOST) {
		problems_add(r->problems, r->path, 1, 1,
		    "larger than 1 MiB; spread it over several files");
		return -1;
	}
	if (nul == NULL)
		return 0;
	mark = mark_of_offset(r, (size_t)(nul - r->text));
	problems_add(r->problems, r->path, line_of(&mark), column_of(&mark),
	    "a NUL byte; is this a text file in UTF-8?");
	return -1;
}

struct yaml_node *
yaml_parse(const char *path, const char *text, size_t length, struct problems *problems)
{
	struct reading r = { .path = path,
		.text = text,
		.length = length,
		.problems = problems };
	int result;

	if (check_bytes(&r) == -1)
		return NULL;
	if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* a byte order mark */
		r.text += 3;
		r.length -= 3;
	}
	if (!yaml_parser_initialize(&r.parser))
		must(NULL);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)r.text, r.length);
	result = read_events(&r);
	yaml_parser_delete(&r.parser);
	free(r.key);
	if (result == -1) {
		yaml_tree_free(r.root);
		return NULL;
	}
	return whole(r.root);
}
