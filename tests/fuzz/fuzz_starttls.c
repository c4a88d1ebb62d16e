/* SPDX-License-Identifier: ISC */
/* Any bytes as what a server says before TLS begins: a byte for the dialect, then segments,
 * each behind a byte that is its length. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/clean.h"
#include "common/err.h"
#include "common/str.h"
#include "daemon/io/starttls.h"

#define ARGUMENTS "example.org", "[IPv6:2001:db8::1]"

/* Blanks behind an answer, at most twice, do not count. */
#define MOST (STARTTLS_MOST + 2 * UINT8_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool held)
{
	if (!held)
		abort();
}

/* In a block of its own size, so that reading past the end is seen. */
static enum starttls_result
feed(struct starttls *s, const uint8_t *bytes, size_t n, struct err *err)
{
	uint8_t *block = malloc(n > 0 ? n : 1);
	enum starttls_result result;

	require(block != NULL);
	if (n > 0)
		memcpy(block, bytes, n);
	result = starttls_feed(s, block, n, err);
	free(block);
	return result;
}

static size_t
output_length(const struct starttls *s)
{
	size_t length = 77;
	const char *bytes = starttls_output(s, &length);

	require((bytes == NULL) == (length == 0) && length < 512);
	return length;
}

/* Byte by byte until something has to be done; how many bytes it took. */
static size_t
feed_slowly(struct starttls *s, const uint8_t *bytes, size_t n, enum starttls_result *ret)
{
	struct err err = { 0 };
	size_t at = 0;

	*ret = STARTTLS_MORE;
	while (at < n && *ret == STARTTLS_MORE) {
		*ret = feed(s, bytes + at++, 1, &err);
		if (output_length(s) > 0)
			break;
	}
	return at;
}

/* One segment has to mean what its bytes mean, but that there is nothing behind an answer;
 * blanks behind one of ours are passed over. */
static enum starttls_result
compare(struct starttls *s, struct starttls *slow, const uint8_t *bytes, size_t n)
{
	struct err err = { 0 };
	enum starttls_result result = feed(s, bytes, n, &err), slowly;
	size_t length = output_length(s);
	size_t at = feed_slowly(slow, bytes, n, &slowly);

	require((result == STARTTLS_REFUSED) == (err.kind == ERR_PROTOCOL));
	require((result == STARTTLS_REFUSED) == (err.text[0] != '\0'));
	while (at < n && slowly == STARTTLS_MORE && strchr(" \t\r\n", bytes[at]) != NULL &&
	       bytes[at] != '\0')
		at++;
	if (at < n)
		require(result == STARTTLS_REFUSED);
	else
		require(result == slowly && length == output_length(slow));
	require(feed(s, bytes, result == STARTTLS_MORE ? 0 : n, &err) == result);
	return result;
}

static const char *
pick_dialect(uint8_t number)
{
	const char *const *names = starttls_dialects();

	return names[number % strv_length(names)];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum starttls_result result = STARTTLS_MORE;
	size_t total = 0;

	if (size == 0)
		return 0;
	CLEAN(starttls)
	struct starttls *s = starttls_new(pick_dialect(*data), ARGUMENTS);
	CLEAN(starttls)
	struct starttls *slow = starttls_new(pick_dialect(*data), ARGUMENTS);

	for (data++, size--; size > 0 && result == STARTTLS_MORE;) {
		size_t n = *data < size ? *data : size - 1;

		if (n > 0)
			result = compare(s, slow, data + 1, n);
		data += 1 + n;
		size -= 1 + n;
		total += n;
		require(total <= MOST || result == STARTTLS_REFUSED);
	}
	return 0;
}
