/* SPDX-License-Identifier: ISC */
/* fuzz_frame - what a client sends over the control socket. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "common/frame.h"
#include "common/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was understood can be said, and is understood again. */
static void
check_message(struct json_object *message)
{
	CLEAN(json) struct json_object *again = NULL;
	CLEAN(string) char *bytes = NULL;
	size_t length = 0, used = 0;
	struct err err = { 0 };
	enum frame_result result;

	bytes = frame_print(message, &length);
	result = frame_next(bytes, length, &used, &again, &err);
	assert(result == FRAME_MESSAGE);
	assert(used == length);
	assert(json_object_equal(message, again));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data;
	size_t left = size, used = 0;
	struct json_object *message = NULL;
	struct err err = { 0 };

	while (frame_next(at, left, &used, &message, &err) == FRAME_MESSAGE) {
		assert(used > 0 && used <= left);
		at += used;
		left -= used;
		/* Escapes make a message longer than it was. */
		if (used < FRAME_MAX / 8)
			check_message(message);
		json_free(message);
	}
	return 0;
}
