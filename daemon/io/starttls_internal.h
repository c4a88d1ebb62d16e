/* SPDX-License-Identifier: ISC */
/* starttls_internal - what the files of starttls share. Nobody else includes it. */
#ifndef ACMED_STARTTLS_INTERNAL_H
#define ACMED_STARTTLS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/str.h"
#include "daemon/io/starttls.h"

#define STARTTLS_QUOTED_MOST 160 /* bytes of what the server said */

/* Where a protocol says lines: what ours is an answer to. Case does not count. */
struct step {
	const char *expect; /* the server's line begins like this */
	const char *skip;   /* lines that begin like this come before it, or NULL */
	const char *send;   /* the answer, without its end; NULL: TLS begins */
	bool introduces;    /* our name goes behind the answer */
};

/* A server speaks in units: lines, tags, messages. */
struct dialect {
	const char *name;
	void (*begin)(struct starttls *s);    /* NULL: the server speaks first */
	bool (*is_whole)(struct starttls *s); /* the unit, with its last byte */
	enum starttls_result (*take)(struct starttls *s, struct err *err);
	const struct step *steps; /* of lines; NULL elsewhere, as the next */
	bool has_codes; /* three digits and a blank; a hyphen: more lines follow */
};

struct starttls {
	const struct dialect *dialect;
	char *domain;
	char *self;
	size_t step;
	size_t total; /* bytes so far */
	char unit[STARTTLS_LINE_MOST + 1];
	size_t length;
	struct text output;
	enum starttls_result result;
	struct err err;

	char code[4]; /* of a reply whose last line has not come; "" */
	char quote;   /* of the attribute that the tag is in; 0 */
	bool offered; /* in the features of the stream */
	bool failing; /* the next tag is the reason */
};

/* STARTTLS_REFUSED, and the unit as it stands behind the text. */
enum starttls_result starttls_refuse(const struct starttls *s, struct err *err,
    const char *why);

/* Blanks and line breaks. */
bool starttls_is_blank(char byte);

/* ---- starttls_line.c ---- */

bool line_is_whole(struct starttls *s);
enum starttls_result line_take(struct starttls *s, struct err *err);

/* ---- starttls_ldap.c: RFC 4511 section 4.14 ---- */

void ldap_begin(struct starttls *s);
bool ldap_is_whole(struct starttls *s);
enum starttls_result ldap_take(struct starttls *s, struct err *err);

/* ---- starttls_xmpp.c: RFC 6120 section 5.4 ---- */

void xmpp_begin(struct starttls *s);
bool xmpp_is_whole(struct starttls *s);
enum starttls_result xmpp_take(struct starttls *s, struct err *err);

#endif
