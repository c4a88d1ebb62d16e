/* SPDX-License-Identifier: ISC */
/* Extended operation StartTLS, in as much BER as it takes (RFC 4511 sections 4.12, 5.1). */
#include "common/mem.h"
#include "daemon/io/starttls_internal.h"

#define SEQUENCE          0x30
#define INTEGER           0x02
#define ENUMERATED        0x0a
#define OCTET_STRING      0x04
#define EXTENDED_RESPONSE 0x78

struct ber {
	const unsigned char *at;
	size_t left;
};

/* The octets of tag and length, 0 where they are not all there; a length beyond all
 * measure is STARTTLS_LINE_MOST. */
static size_t
read_header(const struct ber *in, size_t *length)
{
	size_t octets;

	if (in->left < 2)
		return 0;
	*length = in->at[1];
	if (*length < 0x80)
		return 2;
	octets = *length & 0x7f;
	*length = STARTTLS_LINE_MOST;
	if (octets == 0 || octets > 4)
		return 2;
	if (in->left < 2 + octets)
		return 0;
	*length = 0;
	for (size_t i = 0; i < octets; i++)
		*length = *length << 8 | in->at[2 + i];
	if (*length > STARTTLS_LINE_MOST)
		*length = STARTTLS_LINE_MOST;
	return 2 + octets;
}

/* Takes the next element off, which has to have this tag. */
static bool
read_element(struct ber *in, unsigned char tag, struct ber *content)
{
	size_t length = 0;
	size_t header = read_header(in, &length);

	if (header == 0 || in->at[0] != tag || length > in->left - header)
		return false;
	*content = (struct ber){ in->at + header, length };
	in->at += header + length;
	in->left -= header + length;
	return true;
}

/* A small number that is not negative. */
static bool
read_number(struct ber *in, unsigned char tag, unsigned *ret)
{
	struct ber content;

	if (!read_element(in, tag, &content) || content.left == 0 || content.left > 3 ||
	    content.at[0] >= 0x80)
		return false;
	for (*ret = 0; content.left > 0; content.left--)
		*ret = *ret << 8 | *content.at++;
	return true;
}

void
ldap_begin(struct starttls *s)
{
	static const char oid[] = "1.3.6.1.4.1.1466.20037";
	static const unsigned char request[] = { SEQUENCE, 29, INTEGER, 1, 1, 0x77, 24,
		0x80, sizeof(oid) - 1 };

	text_add_bytes(&s->output, request, sizeof(request));
	text_add_bytes(&s->output, oid, sizeof(oid) - 1);
}

bool
ldap_is_whole(struct starttls *s)
{
	const struct ber all = { (const unsigned char *)s->unit, s->length };
	size_t length = 0, header;

	if (all.at[0] != SEQUENCE)
		return true; /* and ldap_take() says so */
	header = read_header(&all, &length);
	return header > 0 && (s->length == header + length || length == STARTTLS_LINE_MOST);
}

enum starttls_result
ldap_take(struct starttls *s, struct err *err)
{
	struct ber all = { (const unsigned char *)s->unit, s->length };
	struct ber message, response, name, text;
	unsigned id, code;
	CLEAN(string) char *copy = NULL;
	CLEAN(string) char *said = NULL;

	if (!read_element(&all, SEQUENCE, &message) ||
	    !read_number(&message, INTEGER, &id) ||
	    !read_element(&message, EXTENDED_RESPONSE, &response) ||
	    !read_number(&response, ENUMERATED, &code) ||
	    !read_element(&response, OCTET_STRING, &name) ||
	    !read_element(&response, OCTET_STRING, &text)) {
		err_set(err, ERR_PROTOCOL, "ldap: not an answer of an LDAP server");
		return STARTTLS_REFUSED;
	}
	if (id == 1 && code == 0)
		return STARTTLS_GO;
	/* Number 0 is nobody's answer: the server says why it hangs up. */
	copy = xstrndup((const char *)text.at, text.left);
	said = str_printable(copy, STARTTLS_QUOTED_MOST);
	err_set(err, ERR_PROTOCOL, "ldap: the server does not let TLS begin: %u \"%s\"",
	    code, said);
	return STARTTLS_REFUSED;
}
