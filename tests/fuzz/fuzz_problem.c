/* SPDX-License-Identifier: ISC */
/* Any bytes as a CA's problem document: what is told of it can be shown to a person. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/str.h"
#include "daemon/acme/problem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool held)
{
	if (!held)
		abort();
}

/* Nothing but characters that do nothing to a terminal or a log. */
static void
check_text(const char *text, size_t room)
{
	CLEAN(string) char *safe = NULL;

	require(memchr(text, '\0', room) != NULL);
	safe = str_printable(text, room);
	require(strcmp(safe, text) == 0);
}

static void
check_err(const struct err *err)
{
	require(err->kind > ERR_NONE && err->kind < ERR_KIND_COUNT);
	require(err->text[0] != '\0');
	check_text(err->text, sizeof(err->text));
	check_text(err->problem, sizeof(err->problem));
	check_text(err->instance, sizeof(err->instance));
	require(err->instance[0] == '\0' || str_starts(err->instance, "https://") ||
		str_starts(err->instance, "http://"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err ignored = { 0 };
	CLEAN(json)
	struct json_object *doc = json_parse((const char *)data, size, &ignored);
	/* The document does not know the status of the answer it came in. */
	int status = 300 + (size > 0 ? data[size - 1] : 0);
	struct err err = { 0 };

	require(problem_to_err(status, doc, 7, &err) == -1);
	check_err(&err);
	require(err.status == status && err.retry_after == 7);
	err = (struct err){ 0 };
	require(problem_object_to_err(doc, &err) == -1);
	check_err(&err);
	return 0;
}
