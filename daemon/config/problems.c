/* SPDX-License-Identifier: ISC */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/yaml.h"

/* Of errors and of warnings each: nobody reads more, and a file of 1 MiB can hold a
 * hundred thousand. */
#define PROBLEMS_MAX 1000
#define TEXT_MAX     1000

static void
append(struct problems *p, const struct problem *problem)
{
	/* Room doubles at powers of two, so that it need not be kept. */
	if ((p->count & (p->count - 1)) == 0)
		p->list =
		    xrealloc(p->list, p->count == 0 ? 1 : p->count * 2, sizeof(*p->list));
	p->list[p->count++] = *problem;
	if (!problem->warning)
		p->errors++;
}

bool
problems_full(const struct problems *p)
{
	return p->errors > PROBLEMS_MAX;
}

static void
add(struct problems *p, struct problem *problem, const char *fmt, va_list args)
{
	size_t count = problem->warning ? p->count - p->errors : p->errors;
	char *text = NULL;

	if (count > PROBLEMS_MAX)
		return;
	if (vasprintf(&text, fmt, args) == -1)
		text = NULL;
	must(text);
	problem->file = xstrdup(problem->file);
	problem->text =
	    str_printable(count == PROBLEMS_MAX ? "and more like these, which are not shown"
						: text,
		TEXT_MAX);
	free(text);
	append(p, problem);
}

void
problems_add(struct problems *p, const char *file, unsigned line, unsigned column,
    const char *fmt, ...)
{
	struct problem problem = { (char *)file, line, column, false, NULL };
	va_list args;

	va_start(args, fmt);
	add(p, &problem, fmt, args);
	va_end(args);
}

void
problems_warn(struct problems *p, const char *file, unsigned line, unsigned column,
    const char *fmt, ...)
{
	struct problem problem = { (char *)file, line, column, true, NULL };
	va_list args;

	va_start(args, fmt);
	add(p, &problem, fmt, args);
	va_end(args);
}

static bool
is_after(const struct problem *a, const struct problem *b)
{
	if (a->line != b->line)
		return a->line > b->line;
	return a->column > b->column;
}

/* Stable; there are few, and they are nearly in order. Files stay in the order in which
 * they first have a problem. */
void
problems_sort(struct problems *p, size_t first)
{
	for (size_t i = first + 1; i < p->count; i++) {
		struct problem problem = p->list[i];
		size_t to = i;

		while (to > first && str_eq(p->list[to - 1].file, problem.file) &&
		       is_after(&p->list[to - 1], &problem))
			to--;
		memmove(&p->list[to + 1], &p->list[to], (i - to) * sizeof(*p->list));
		p->list[to] = problem;
	}
}

void
problems_clear(struct problems *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->list[i].file);
		free(p->list[i].text);
	}
	free(p->list);
	memset(p, 0, sizeof(*p));
}

char *
problem_print(const struct problem *p)
{
	CLEAN(string) char *file = str_printable(p->file, TEXT_MAX);

	return xasprintf("%s:%u:%u: %s%s", file, p->line, p->column,
	    p->warning ? "warning: " : "", p->text);
}
