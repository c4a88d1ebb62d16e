/* SPDX-License-Identifier: ISC */
/* Any bytes as renewal information, and as a Retry-After header. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/acme/ari.h"

#define YEARS_10 (3650LL * 86400)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool held)
{
	if (!held)
		abort();
}

static void
check_answer(const struct ari_answer *answer)
{
	static const uint32_t randoms[] = { 0, 1, UINT32_MAX / 2, UINT32_MAX - 1,
		UINT32_MAX };
	const struct ari_window *w = &answer->window;
	time_t before = w->start;

	require(w->end > w->start);
	require(ari_pick(w, 0) == w->start);
	for (size_t i = 0; i < sizeof(randoms) / sizeof(randoms[0]); i++) {
		time_t at = ari_pick(w, randoms[i]);

		require(at >= before && at < w->end);
		before = at;
	}
	require(answer->explanation == NULL ||
		str_starts(answer->explanation, "https://") ||
		str_starts(answer->explanation, "http://"));
}

static void
check_retry_after(const char *text)
{
	static const time_t nows[] = { 0, 1790000000, 253402300799 };

	for (size_t i = 0; i < sizeof(nows) / sizeof(nows[0]); i++) {
		time_t seconds = -7;

		if (timefmt_parse_retry_after(text, nows[i], &seconds))
			require(seconds >= 0 && seconds <= YEARS_10);
		else
			require(seconds == -7);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	CLEAN(json) struct json_object *doc = json_parse((const char *)data, size, &err);
	struct ari_answer answer = { .retry_after = 7 };
	char *text = malloc(size + 1);

	require(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	check_retry_after(text);
	free(text);

	if (doc == NULL)
		return 0;
	if (ari_parse(doc, &answer, &err) == 0)
		check_answer(&answer);
	else
		require(err.kind == ERR_PROTOCOL && answer.retry_after == 7);
	return 0;
}
