/* SPDX-License-Identifier: ISC */
#include "tests/unit/paper.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "tests/unit/unit.h"

void
paper_open(struct paper *p, unsigned width)
{
	*p = (struct paper){ 0 };
	p->screen = (struct screen){
		.out = open_memstream(&p->text, &p->length),
		.terminal = width > 0,
		.utf8 = true,
		.width = width,
		.now = PAPER_NOW,
	};
	assert_non_null(p->screen.out);
}

void
paper_expect(struct paper *p, const char *text)
{
	fclose(p->screen.out);
	assert_string_equal(p->text, text);
	free(p->text);
}

struct json_object *
paper_json(const char *text)
{
	CLEAN(string) char *copy = xstrdup(text);
	struct err err = { 0 };
	struct json_object *doc;

	for (char *c = copy; *c != '\0'; c++)
		if (*c == '\'')
			*c = '"';
	doc = json_parse(copy, strlen(copy), &err);
	assert_string_equal(err.text, "");
	return doc;
}
