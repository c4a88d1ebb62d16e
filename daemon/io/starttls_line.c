/* SPDX-License-Identifier: ISC */
/* Protocols of lines: RFC 3207 (SMTP, LMTP), 2595 (IMAP, POP3), 4217 (FTP), 4642 (NNTP),
 * 5804 (ManageSieve). */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "daemon/io/starttls_internal.h"

bool
line_is_whole(struct starttls *s)
{
	return s->unit[s->length - 1] == '\n';
}

static bool
begins(const char *line, const char *with)
{
	return strncasecmp(line, with, strlen(with)) == 0;
}

/* "250 text", "250-text", "250". */
static bool
has_code(const char *line)
{
	return isdigit((unsigned char)line[0]) && isdigit((unsigned char)line[1]) &&
	       isdigit((unsigned char)line[2]) &&
	       (line[3] == '\0' || strchr(" -", line[3]));
}

/* Whether the line ends a reply. Between its first and its last line anything may stand,
 * as FTP has it (RFC 959 section 4.2). */
static bool
ends_reply(struct starttls *s)
{
	const char *line = s->unit;

	if (s->code[0] != '\0' && !(has_code(line) && begins(line, s->code)))
		return false;
	memcpy(s->code, line, 3);
	if (line[3] == '-')
		return false;
	s->code[0] = '\0';
	return true;
}

static const char *
explain(const struct starttls *s, const struct step *step)
{
	if (step->send == NULL)
		return "the server does not let TLS begin";
	return s->step == 0 ? "not the greeting of such a server"
			    : "the server does not go on";
}

enum starttls_result
line_take(struct starttls *s, struct err *err)
{
	const struct step *step = &s->dialect->steps[s->step];

	s->unit[strcspn(s->unit, "\r\n")] = '\0';
	if (s->dialect->has_codes) {
		if (s->code[0] == '\0' && !has_code(s->unit))
			return starttls_refuse(s, err, explain(s, step));
		if (!ends_reply(s))
			return STARTTLS_MORE;
	}
	if (step->skip != NULL && begins(s->unit, step->skip))
		return STARTTLS_MORE;
	if (!begins(s->unit, step->expect))
		return starttls_refuse(s, err, explain(s, step));
	s->step++;
	if (step->send == NULL)
		return STARTTLS_GO;
	text_add(&s->output, "%s%s%s\r\n", step->send, step->introduces ? " " : "",
	    step->introduces ? s->self : "");
	return STARTTLS_MORE;
}
