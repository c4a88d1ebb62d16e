/* SPDX-License-Identifier: ISC */
#include "common/identifier.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <string.h>

#include "common/clean.h"
#include "common/mem.h"
#include "common/str.h"

#define NAME_MAX_BYTES  253
#define LABEL_MAX_BYTES 63
/* As much as 253 characters are in UTF-8: more is not given to the IDNA library. */
#define TEXT_MAX_BYTES 1012

size_t
identifier_octets(const char *name, unsigned char out[16])
{
	if (inet_pton(AF_INET, name, out) == 1)
		return 4;
	if (inet_pton(AF_INET6, name, out) == 1)
		return 16;
	return 0;
}

enum identifier_type
identifier_type(const char *name)
{
	unsigned char octets[16];

	return identifier_octets(name, octets) > 0 ? IDENTIFIER_IP : IDENTIFIER_DNS;
}

const char *
identifier_type_name(enum identifier_type type)
{
	return type == IDENTIFIER_IP ? "ip" : "dns";
}

bool
identifier_is_wildcard(const char *name)
{
	return str_starts(name, "*.");
}

static bool
same_without_case(const char *a, const char *b)
{
	CLEAN(string) char *x = str_lower(xstrdup(a));
	CLEAN(string) char *y = str_lower(xstrdup(b));

	return str_eq(x, y);
}

bool
identifier_equal(const char *a, const char *b)
{
	unsigned char x[16], y[16];
	size_t length = identifier_octets(a, x);

	if (length == 0)
		return same_without_case(a, b);
	return identifier_octets(b, y) == length && memcmp(x, y, length) == 0;
}

/* ---- the one spelling ---- */

static int
check_label(const char *label, size_t length, struct err *err)
{
	if (length == 0)
		return err_set(err, ERR_CONFIG, "an empty label");
	if (length > LABEL_MAX_BYTES)
		return err_set(err, ERR_CONFIG, "a label of more than %d characters",
		    LABEL_MAX_BYTES);
	if (label[0] == '-' || label[length - 1] == '-')
		return err_set(err, ERR_CONFIG, "a label begins or ends with a hyphen");
	for (size_t i = 0; i < length; i++) {
		char c = label[i];

		if (c == '*')
			return err_set(err, ERR_CONFIG,
			    "a wildcard has to be the whole first label");
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
			return err_set(err, ERR_CONFIG,
			    c > ' ' && c < 0x7F ? "'%c' is not allowed in a DNS name"
						: "a character 0x%02x",
			    (unsigned char)c);
	}
	return 0;
}

/* `name` is lower case, without wildcard and final dot. */
static int
check_labels(const char *name, size_t n_labels, struct err *err)
{
	const char *label = name;
	size_t length = strcspn(label, ".");

	if (check_label(label, length, err) == -1)
		return -1;
	for (n_labels++; label[length] == '.'; n_labels++) {
		label += length + 1;
		length = strcspn(label, ".");
		if (check_label(label, length, err) == -1)
			return -1;
	}
	if (n_labels < 2)
		return err_set(err, ERR_CONFIG, "a DNS name has at least two labels");
	if (strspn(label, "0123456789") == length)
		return err_set(err, ERR_CONFIG, "neither an IP address nor a DNS name");
	return 0;
}

static bool
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

/* Lower case A-labels of U-labels; A-labels are checked. A new string, or NULL. */
static char *
to_ascii(const char *name, struct err *err)
{
	CLEAN(string) char *lowered = str_lower(xstrdup(name));
	uint8_t *ascii = NULL;
	char *copy;
	int r;

	if (is_ascii(lowered) && strstr(lowered, "xn--") == NULL)
		return TAKE(lowered);
	r = idn2_lookup_u8((const uint8_t *)lowered, &ascii,
	    IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
	if (r != IDN2_OK) {
		err_set(err, ERR_CONFIG, "%s", idn2_strerror(r));
		return NULL;
	}
	copy = str_lower(xstrdup((const char *)ascii));
	idn2_free(ascii);
	return copy;
}

static char *
normalize_dns(const char *text, struct err *err)
{
	bool wildcard = identifier_is_wildcard(text);
	CLEAN(string) char *name = xstrdup(wildcard ? text + 2 : text);
	CLEAN(string) char *ascii = NULL;
	size_t length = strlen(name);

	if (length > 0 && name[length - 1] == '.')
		name[length - 1] = '\0';
	ascii = to_ascii(name, err);
	if (ascii == NULL || check_labels(ascii, wildcard, err) == -1)
		return NULL;
	if (strlen(ascii) + (wildcard ? 2 : 0) > NAME_MAX_BYTES) {
		err_set(err, ERR_CONFIG, "more than %d characters", NAME_MAX_BYTES);
		return NULL;
	}
	return xasprintf("%s%s", wildcard ? "*." : "", ascii);
}

static char *
normalize_ip(const unsigned char *octets, size_t length)
{
	char text[INET6_ADDRSTRLEN];

	return xstrdup(
	    inet_ntop(length == 4 ? AF_INET : AF_INET6, octets, text, sizeof(text)));
}

char *
identifier_normalize(const char *text, struct err *err)
{
	unsigned char octets[16];
	size_t length = identifier_octets(text, octets);
	char *name = NULL;

	if (length > 0)
		return normalize_ip(octets, length);
	if (text[0] == '\0')
		err_set(err, ERR_CONFIG, "empty");
	else if (strnlen(text, TEXT_MAX_BYTES + 1) > TEXT_MAX_BYTES)
		err_set(err, ERR_CONFIG, "more than %d characters", NAME_MAX_BYTES);
	else if (strchr(text, ':') != NULL)
		err_set(err, ERR_CONFIG, "not an IP address");
	else
		name = normalize_dns(text, err);
	if (name == NULL) {
		CLEAN(string) char *shown = str_printable(text, 80);

		err_prefix(err, "\"%s\"", shown);
	}
	return name;
}
