/* SPDX-License-Identifier: ISC */
/* Streams, read tag by tag: text between them, and what the attributes say, is of no
 * interest here. */
#include <string.h>

#include "common/mem.h"
#include "daemon/io/starttls_internal.h"

static const char no_greeting[] = "not the greeting of such a server";

enum at {
	AT_HEADER,
	AT_FEATURES,
	AT_PROCEED,
	AT_PROCEED_END,
};

void
xmpp_begin(struct starttls *s)
{
	text_add(&s->output,
	    "<?xml version='1.0'?><stream:stream to='%s' version='1.0' "
	    "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
	    s->domain);
}

/* Text is dropped as it comes; before the header of the stream only blanks are text. */
bool
xmpp_is_whole(struct starttls *s)
{
	char byte = s->unit[s->length - 1];

	if (s->unit[0] != '<') {
		if (s->step == AT_HEADER && !starttls_is_blank(byte))
			return true; /* and xmpp_take() says so */
		s->length = 0;
		return false;
	}
	if (s->quote != 0) {
		if (byte == s->quote)
			s->quote = 0;
		return false;
	}
	if (byte == '\'' || byte == '"')
		s->quote = byte;
	return byte == '>';
}

/* The name in a tag, without its prefix, with the '/' of an end tag: "stream", "/features".
 * Cuts it out of there. */
static const char *
cut_name(char *tag)
{
	char *name = tag + 1;
	char *local;
	bool ends = *name == '/';

	name += ends;
	name[strcspn(name, " \t\r\n/>")] = '\0';
	local = strrchr(name, ':');
	name = local != NULL ? local + 1 : name;
	if (ends)
		*--name = '/';
	return name;
}

static enum starttls_result
take_feature(struct starttls *s, const char *name, bool empty, struct err *err)
{
	bool is_end = str_eq(name, "/features") || (str_eq(name, "features") && empty);

	s->offered = s->offered || str_eq(name, "starttls");
	if (!is_end)
		return STARTTLS_MORE;
	if (!s->offered) {
		err_set(err, ERR_PROTOCOL, "xmpp: the server does not offer STARTTLS");
		return STARTTLS_REFUSED;
	}
	s->step = AT_PROCEED;
	text_add(&s->output, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
	return STARTTLS_MORE;
}

/* `empty`: the tag is its own end. */
static enum starttls_result
take_tag(struct starttls *s, const char *name, bool empty, struct err *err)
{
	switch ((enum at)s->step) {
	case AT_HEADER:
		if (str_eq(name, "stream") && !empty)
			s->step = AT_FEATURES;
		else if (!str_eq(name, "?xml"))
			return starttls_refuse(s, err, no_greeting);
		return STARTTLS_MORE;
	case AT_FEATURES:
		return take_feature(s, name, empty, err);
	case AT_PROCEED:
		if (!str_eq(name, "proceed"))
			break;
		s->step = AT_PROCEED_END;
		return empty ? STARTTLS_GO : STARTTLS_MORE;
	case AT_PROCEED_END:
		if (str_eq(name, "/proceed"))
			return STARTTLS_GO;
		break;
	}
	return starttls_refuse(s, err, "the server does not let TLS begin");
}

enum starttls_result
xmpp_take(struct starttls *s, struct err *err)
{
	bool empty = s->length > 2 && s->unit[s->length - 2] == '/';
	CLEAN(string) char *tag = NULL;
	const char *name;

	if (s->unit[0] != '<')
		return starttls_refuse(s, err, no_greeting);
	tag = xstrndup(s->unit, s->length);
	name = cut_name(tag);
	if (s->failing || str_eq(name, "/stream"))
		return starttls_refuse(s, err, "the server ends the stream");
	s->failing = str_eq(name, "error");
	return s->failing ? STARTTLS_MORE : take_tag(s, name, empty, err);
}
