/* SPDX-License-Identifier: ISC */
/* Any bytes as what comes in on port 80: what the parser promises has to hold. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/challenge/http01.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool held)
{
	if (!held)
		abort();
}

static void
check_request(const char *bytes, size_t length, const struct http01_request *request)
{
	struct http01_request again = { 0 };

	/* Its length is exact: a byte less is not whole, bytes behind it change nothing. */
	require(request->length > 0 && request->length <= length);
	require(request->length <= HTTP01_REQUEST_MAX);
	require(memcmp(bytes + request->length - 4, "\r\n\r\n", 4) == 0);
	require(http01_parse(bytes, request->length - 1, &again) == HTTP01_MORE);
	require(http01_parse(bytes, request->length, &again) != HTTP01_MORE);
	require(again.length == request->length);
}

static void
check_token(const char *token)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789-_";
	size_t n = strlen(token);

	require(n >= 22 && n <= 128 && strspn(token, alphabet) == n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A block of its own size, so that reading past the end is seen. */
	char *bytes = malloc(size > 0 ? size : 1);
	size_t at = 0;

	require(bytes != NULL);
	if (size > 0)
		memcpy(bytes, data, size);
	while (at < size) {
		struct http01_request request = { 0 };
		enum http01_parsed parsed = http01_parse(bytes + at, size - at, &request);

		if (parsed == HTTP01_MORE || parsed == HTTP01_BAD) {
			require(parsed == HTTP01_BAD || size - at < HTTP01_REQUEST_MAX);
			require(request.length == 0);
			break;
		}
		check_request(bytes + at, size - at, &request);
		if (parsed == HTTP01_TOKEN)
			check_token(request.token);
		at += request.length;
	}
	free(bytes);
	return 0;
}
