/* SPDX-License-Identifier: ISC */
/* paper - a screen of acmectl's whose text is read afterwards. */
#ifndef ACMED_TEST_PAPER_H
#define ACMED_TEST_PAPER_H

#include "ctl/render.h"

#define PAPER_NOW 1767225600 /* 2026-01-01T00:00:00Z */

struct paper {
	struct screen screen;
	char *text;
	size_t length;
};

/* A terminal of that width; 0: no terminal. */
void paper_open(struct paper *p, unsigned width);

/* What was written; ends it. */
void paper_expect(struct paper *p, const char *text);

/* A document that is written with single quotes; the caller owns it. */
struct json_object *paper_json(const char *text);

#endif
