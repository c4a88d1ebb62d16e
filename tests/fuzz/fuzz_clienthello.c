/* SPDX-License-Identifier: ISC */
/* Any bytes as what comes in on port 443, cut into pieces as the first byte says: nobody is
 * answered but who asks for the one name, and for our protocol. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/challenge/tlsalpn01_answer.h"

#define NAME     "a.example"
#define PROTOCOL "acme-tls/1"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool held)
{
	if (!held)
		abort();
}

static struct tlsalpn01_answers *
answers(void)
{
	static struct tlsalpn01_answers *a;
	struct err err;

	if (a == NULL) {
		a = tlsalpn01_answers_new();
		require(tlsalpn01_answers_put(a, NAME, "KEY.AUTHORIZATION", &err) == 0);
	}
	return a;
}

static bool
has(const uint8_t *data, size_t size, const char *text, bool any_case)
{
	size_t length = strlen(text);

	for (size_t at = 0; at + length <= size; at++)
		if (any_case ? strncasecmp((const char *)data + at, text, length) == 0
			     : memcmp(data + at, text, length) == 0)
			return true;
	return false;
}

/* As a connection does it: a handshake begins when the first record is whole. A client of
 * chance does not come to the end of one. */
static bool
is_answered(const uint8_t *data, size_t size, size_t step)
{
	CLEAN(tlsalpn01_handshake) struct tlsalpn01_handshake *h = NULL;
	enum tlsalpn01_state state = TLSALPN01_MORE;
	struct text out = { 0 };
	bool answered;
	size_t from = 0;

	for (size_t at = 0; at < size && state == TLSALPN01_MORE;) {
		at = size - at < step ? size : at + step;
		if (h == NULL) {
			state = tlsalpn01_look(data, at);
			if (state != TLSALPN01_DONE)
				continue;
			h = tlsalpn01_handshake_new(answers());
		}
		state = tlsalpn01_handshake_feed(h, data + from, at - from, &out);
		from = at;
	}
	require(state != TLSALPN01_DONE);
	answered = out.length > 0;
	require(!answered || strcmp(tlsalpn01_handshake_name(h), NAME) == 0);
	text_clear(&out);
	return answered;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A block of its own size, so that reading past the end is seen. */
	uint8_t *bytes;
	bool answered;

	if (size < 2)
		return 0;
	bytes = malloc(size - 1);
	require(bytes != NULL);
	memcpy(bytes, data + 1, size - 1);
	answered = is_answered(bytes, size - 1, 1 + (size_t)data[0] * 4);
	/* The header of a second record may stand in the middle of either text. */
	if (answered && ((size_t)bytes[3] << 8 | bytes[4]) + 5 >= size - 1)
		require(has(bytes, size - 1, NAME, true) &&
			has(bytes, size - 1, PROTOCOL, false));
	free(bytes);
	return 0;
}
