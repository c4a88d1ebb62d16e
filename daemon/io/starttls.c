/* SPDX-License-Identifier: ISC */
#include "daemon/io/starttls.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/io/starttls_internal.h"

/* ---- postgres: a message of eight bytes, and one byte as the answer ---- */

static void
postgres_begin(struct starttls *s)
{
	static const char request[] = { 0, 0, 0, 8, 0x04, (char)0xd2, 0x16, 0x2f };

	text_add_bytes(&s->output, request, sizeof(request));
}

static bool
postgres_is_whole(struct starttls *s)
{
	(void)s;
	return true;
}

static enum starttls_result
postgres_take(struct starttls *s, struct err *err)
{
	if (s->unit[0] == 'S')
		return STARTTLS_GO;
	if (s->unit[0] == 'N')
		return starttls_refuse(s, err, "the server has no TLS to offer");
	return starttls_refuse(s, err, "not an answer of a PostgreSQL server");
}

/* ---- the table ---- */

static const struct step smtp[] = {
	{ "220", NULL, "EHLO", true },
	{ "250", NULL, "STARTTLS", false },
	{ "220", NULL, NULL, false },
};
static const struct step lmtp[] = {
	{ "220", NULL, "LHLO", true },
	{ "250", NULL, "STARTTLS", false },
	{ "220", NULL, NULL, false },
};
static const struct step imap[] = {
	{ "* OK", NULL, "a1 STARTTLS", false },
	{ "a1 OK", "* ", NULL, false },
};
static const struct step pop3[] = {
	{ "+OK", NULL, "STLS", false },
	{ "+OK", NULL, NULL, false },
};
static const struct step ftp[] = {
	{ "220", "120", "AUTH TLS", false }, /* 120: it will be ready in some minutes */
	{ "234", NULL, NULL, false },
};
static const struct step nntp[] = {
	{ "20", NULL, "STARTTLS", false }, /* 200: may post, 201: may not */
	{ "382", NULL, NULL, false },
};
static const struct step sieve[] = {
	{ "OK", "\"", "STARTTLS", false }, /* quoted: capabilities */
	{ "OK", NULL, NULL, false },
};

static const struct dialect dialects[] = {
	{ "smtp", NULL, line_is_whole, line_take, smtp, true },
	{ "lmtp", NULL, line_is_whole, line_take, lmtp, true },
	{ "imap", NULL, line_is_whole, line_take, imap, false },
	{ "pop3", NULL, line_is_whole, line_take, pop3, false },
	{ "ftp", NULL, line_is_whole, line_take, ftp, true },
	{ "ldap", ldap_begin, ldap_is_whole, ldap_take, NULL, false },
	{ "postgres", postgres_begin, postgres_is_whole, postgres_take, NULL, false },
	{ "xmpp", xmpp_begin, xmpp_is_whole, xmpp_take, NULL, false },
	{ "nntp", NULL, line_is_whole, line_take, nntp, true },
	{ "sieve", NULL, line_is_whole, line_take, sieve, false },
};

#define N_DIALECTS (sizeof(dialects) / sizeof(dialects[0]))

const char *const *
starttls_dialects(void)
{
	static const char *names[N_DIALECTS + 1];

	for (size_t i = 0; i < N_DIALECTS; i++)
		names[i] = dialects[i].name;
	return names;
}

static const struct dialect *
find_dialect(const char *name)
{
	for (size_t i = 0; i < N_DIALECTS; i++) {
		if (str_eq(dialects[i].name, name))
			return &dialects[i];
	}
	return NULL;
}

bool
starttls_is_dialect(const char *name)
{
	return find_dialect(name) != NULL;
}

/* ---- what all of them have in common ---- */

enum starttls_result
starttls_refuse(const struct starttls *s, struct err *err, const char *why)
{
	CLEAN(string) char *line = xstrndup(s->unit, s->length);
	CLEAN(string) char *said = NULL;

	line[strcspn(line, "\r\n")] = '\0';
	said = str_printable(line, STARTTLS_QUOTED_MOST);
	err_set(err, ERR_PROTOCOL, "%s: %s: \"%s\"", s->dialect->name, why, said);
	return STARTTLS_REFUSED;
}

bool
starttls_is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static enum starttls_result
take_byte(struct starttls *s, char byte, struct err *err)
{
	enum starttls_result result = STARTTLS_MORE;

	s->unit[s->length++] = byte;
	s->unit[s->length] = '\0';
	if (++s->total > STARTTLS_MOST)
		return starttls_refuse(s, err, "more than 8 KiB before TLS begins");
	if (s->dialect->is_whole(s)) {
		result = s->dialect->take(s, err);
		s->length = 0;
	} else if (s->length == STARTTLS_LINE_MOST) {
		return starttls_refuse(s, err, "a line of more than 1 KiB");
	}
	return result;
}

static enum starttls_result
take_bytes(struct starttls *s, const char *bytes, size_t n, struct err *err)
{
	enum starttls_result result = STARTTLS_MORE;
	size_t i = 0;

	while (i < n && result == STARTTLS_MORE && s->output.length == 0)
		result = take_byte(s, bytes[i++], err);
	/* Some end a stanza with a line break, which is harmless before the go-ahead. */
	while (i < n && result == STARTTLS_MORE && starttls_is_blank(bytes[i]))
		i++;
	if (i == n || result == STARTTLS_REFUSED)
		return result;
	err_set(err, ERR_PROTOCOL, "%s: %s", s->dialect->name,
	    result == STARTTLS_GO
		? "more follows the go-ahead in the clear: somebody in between?"
		: "the server answers before it is asked");
	return STARTTLS_REFUSED;
}

enum starttls_result
starttls_feed(struct starttls *s, const void *bytes, size_t n, struct err *err)
{
	if (s->result == STARTTLS_MORE) {
		text_clear(&s->output);
		s->result = take_bytes(s, bytes, n, &s->err);
	}
	if (s->result == STARTTLS_REFUSED)
		*err = s->err;
	return s->result;
}

const void *
starttls_output(const struct starttls *s, size_t *length)
{
	*length = s->output.length;
	return s->output.s;
}

struct starttls *
starttls_new(const char *dialect, const char *domain, const char *self)
{
	const struct dialect *found = find_dialect(dialect);
	struct starttls *s;

	if (found == NULL)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->dialect = found;
	s->domain = xstrdup(domain);
	s->self = xstrdup(self);
	if (s->dialect->begin != NULL)
		s->dialect->begin(s);
	return s;
}

void
starttls_free(struct starttls *s)
{
	if (s == NULL)
		return;
	text_clear(&s->output);
	free(s->domain);
	free(s->self);
	free(s);
}
