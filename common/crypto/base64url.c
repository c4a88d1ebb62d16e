/* SPDX-License-Identifier: ISC */
#include "common/crypto/base64url.h"

#include <stdint.h>
#include <string.h>

#include "common/mem.h"

#define NOT_IN 0x40 /* not in the alphabet; OR-ed values show it */

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				 "0123456789-_";

char *
base64url_encode(const void *bytes, size_t length)
{
	const unsigned char *in = bytes;
	char *text = xcalloc(length / 3 + 1, 4 + 1), *out = text;
	size_t i;

	for (i = 0; i + 3 <= length; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];

		*out++ = alphabet[v >> 18];
		*out++ = alphabet[v >> 12 & 63];
		*out++ = alphabet[v >> 6 & 63];
		*out++ = alphabet[v & 63];
	}
	if (i < length) {
		uint32_t v = (uint32_t)in[i] << 16;

		if (i + 1 < length)
			v |= (uint32_t)in[i + 1] << 8;
		*out++ = alphabet[v >> 18];
		*out++ = alphabet[v >> 12 & 63];
		if (i + 1 < length)
			*out++ = alphabet[v >> 6 & 63];
	}
	*out = '\0';
	return text;
}

static uint32_t
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint32_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint32_t)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (uint32_t)(c - '0') + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : NOT_IN;
}

static uint32_t
value_of_any(char c)
{
	if (c == '+')
		return 62;
	return c == '/' ? 63 : value_of(c);
}

typedef uint32_t value_fn(char c);

/* What is wrong with it, or NULL. `out` holds length / 4 * 3 + 2 octets. */
static const char *
decode(const char *in, size_t length, value_fn *value, unsigned char *out)
{
	uint32_t bad = 0, spare = 0;
	size_t i;

	if (length % 4 == 1)
		return "a character is missing";
	for (i = 0; i + 4 <= length; i += 4) {
		uint32_t a = value(in[i]), b = value(in[i + 1]);
		uint32_t c = value(in[i + 2]), d = value(in[i + 3]);

		bad |= a | b | c | d;
		*out++ = (unsigned char)(a << 2 | b >> 4);
		*out++ = (unsigned char)(b << 4 | c >> 2);
		*out++ = (unsigned char)(c << 6 | d);
	}
	if (i < length) {
		uint32_t a = value(in[i]), b = value(in[i + 1]);
		uint32_t c = i + 2 < length ? value(in[i + 2]) : 0;

		bad |= a | b | c;
		spare = i + 2 < length ? c & 3 : b & 15;
		*out++ = (unsigned char)(a << 2 | b >> 4);
		if (i + 2 < length)
			*out++ = (unsigned char)(b << 4 | c >> 2);
	}
	if (bad & NOT_IN)
		return "a character is not in the alphabet";
	return spare != 0 ? "the last character has spare bits set" : NULL;
}

static unsigned char *
decode_new(const char *text, size_t length, value_fn *value, size_t *ret,
    const char **fault)
{
	size_t room = length / 4 * 3 + 3;
	unsigned char *bytes = xcalloc(room, 1);

	*fault = decode(text, length, value, bytes);
	if (*fault != NULL) {
		secret_free(bytes, room);
		return NULL;
	}
	*ret = length / 4 * 3 + (length % 4 > 0 ? length % 4 - 1 : 0);
	return bytes;
}

unsigned char *
base64url_decode(const char *text, size_t *length, struct err *err)
{
	const char *fault = NULL;
	unsigned char *bytes = decode_new(text, strlen(text), value_of, length, &fault);

	if (bytes == NULL)
		err_set(err, ERR_PROTOCOL, "not base64url: %s", fault);
	return bytes;
}

unsigned char *
base64_decode_any(const char *text, size_t *length, struct err *err)
{
	const char *fault = NULL;
	unsigned char *bytes;
	size_t n;

	/* A line pasted into a file has a line end. */
	text += strspn(text, " \t\r\n");
	n = strlen(text);
	while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL)
		n--;
	for (int padding = 0; padding < 2 && n > 0 && text[n - 1] == '='; padding++)
		n--;
	bytes = decode_new(text, n, value_of_any, length, &fault);
	if (bytes == NULL)
		err_set(err, ERR_CONFIG, "not base64: %s", fault);
	return bytes;
}

bool
base64url_is_token(const char *text)
{
	uint32_t bad = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
		bad |= value_of(*text);
	return (bad & NOT_IN) == 0;
}
