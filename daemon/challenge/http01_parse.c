/* SPDX-License-Identifier: ISC */
/*
 * The request parser of http01: RFC 9112 without its allowances. No bare LF, no folded
 * lines, no body, no form of the target but a path, no version but 1.0 and 1.1: nobody
 * who validates sends those, and each is a way to be understood differently by a proxy.
 */
#include "daemon/challenge/http01.h"

#include <string.h>
#include <strings.h>

#define PATH      "/.well-known/acme-challenge/"
#define TOKEN_MIN 22 /* 128 bits in base64url: RFC 8555, section 8.3 */
#define TOKEN_MAX 128

/* What a byte may be part of. */
enum kind {
	KIND_TEXT = 1,   /* a line */
	KIND_NAME = 2,   /* the name of a header: tchar, RFC 9110 */
	KIND_TARGET = 4, /* a path and a query: RFC 3986 */
	KIND_HOST = 8,   /* a host and a port */
	KIND_TOKEN = 16, /* base64url */
	KIND_BLANK = 32,
};

#define WORD    (KIND_TEXT | KIND_NAME | KIND_TARGET | KIND_HOST | KIND_TOKEN)
#define MARK    (KIND_TEXT | KIND_NAME | KIND_TARGET | KIND_HOST)
#define DELIM   (KIND_TEXT | KIND_TARGET | KIND_HOST)
#define SLASH   (KIND_TEXT | KIND_TARGET)
#define BRACKET (KIND_TEXT | KIND_HOST)
#define HASH    (KIND_TEXT | KIND_NAME)
#define BLANK   (KIND_TEXT | KIND_BLANK)

static const unsigned char kinds[256] = {
	['0' ... '9'] = WORD,
	['A' ... 'Z'] = WORD,
	['a' ... 'z'] = WORD,
	['-'] = WORD,
	['_'] = WORD,
	['!'] = MARK,
	['$'] = MARK,
	['%'] = MARK,
	['&'] = MARK,
	['\''] = MARK,
	['*'] = MARK,
	['+'] = MARK,
	['.'] = MARK,
	['~'] = MARK,
	['('] = DELIM,
	[')'] = DELIM,
	[','] = DELIM,
	[':'] = DELIM,
	[';'] = DELIM,
	['='] = DELIM,
	['/'] = SLASH,
	['?'] = SLASH,
	['@'] = SLASH,
	['['] = BRACKET,
	[']'] = BRACKET,
	['#'] = HASH,
	['^'] = HASH,
	['`'] = HASH,
	['|'] = HASH,
	['"'] = KIND_TEXT,
	['<'] = KIND_TEXT,
	['>'] = KIND_TEXT,
	['\\'] = KIND_TEXT,
	['{'] = KIND_TEXT,
	['}'] = KIND_TEXT,
	[0x80 ... 0xff] = KIND_TEXT,
	['\t'] = BLANK,
	[' '] = BLANK,
};

struct slice {
	const char *at;
	const char *end;
};

/* What the headers said. */
struct seen {
	unsigned hosts;
	bool close;
	bool keep_alive;
};

static bool
is(char c, enum kind kind)
{
	return kinds[(unsigned char)c] & kind;
}

static size_t
length_of(struct slice s)
{
	return (size_t)(s.end - s.at);
}

/* How many bytes of that kind it begins with. */
static size_t
span(struct slice s, enum kind kind)
{
	const char *at = s.at;

	while (at < s.end && is(*at, kind))
		at++;
	return (size_t)(at - s.at);
}

static bool
eat(struct slice *s, const char *start)
{
	size_t n = strlen(start);

	if (length_of(*s) < n || memcmp(s->at, start, n) != 0)
		return false;
	s->at += n;
	return true;
}

static bool
same_word(struct slice s, const char *word)
{
	return length_of(s) == strlen(word) && strncasecmp(s.at, word, length_of(s)) == 0;
}

static struct slice
trim(struct slice s)
{
	s.at += span(s, KIND_BLANK);
	while (s.at < s.end && is(s.end[-1], KIND_BLANK))
		s.end--;
	return s;
}

enum line {
	LINE_WHOLE,
	LINE_MORE,
	LINE_BAD,
};

/* Takes a line off, without its CR LF. */
static enum line
next_line(struct slice *rest, struct slice *line)
{
	const char *at = rest->at + span(*rest, KIND_TEXT);

	if (at == rest->end)
		return LINE_MORE;
	if (*at != '\r')
		return LINE_BAD;
	if (at + 1 == rest->end)
		return LINE_MORE;
	if (at[1] != '\n')
		return LINE_BAD;
	*line = (struct slice){ rest->at, at };
	rest->at = at + 2;
	return LINE_WHOLE;
}

static enum http01_parsed
parse_target(struct slice target, struct http01_request *ret)
{
	size_t n;

	if (!eat(&target, PATH))
		return HTTP01_NOT_FOUND;
	n = span(target, KIND_TOKEN);
	if (n < TOKEN_MIN || n > TOKEN_MAX)
		return HTTP01_NOT_FOUND;
	if (n < length_of(target) && target.at[n] != '?')
		return HTTP01_NOT_FOUND;
	memcpy(ret->token, target.at, n);
	ret->token[n] = '\0';
	return HTTP01_TOKEN;
}

static enum http01_parsed
parse_request_line(struct slice line, struct http01_request *ret, bool *modern)
{
	struct slice target;

	ret->head = eat(&line, "HEAD ");
	if (!ret->head && !eat(&line, "GET "))
		return HTTP01_BAD;

	target.at = line.at;
	line.at += span(line, KIND_TARGET);
	target.end = line.at;
	if (length_of(target) == 0 || *target.at != '/' || !eat(&line, " HTTP/1."))
		return HTTP01_BAD;

	*modern = same_word(line, "1");
	if (!*modern && !same_word(line, "0"))
		return HTTP01_BAD;
	return parse_target(target, ret);
}

static bool
see_host(struct slice value, struct seen *seen)
{
	size_t n = length_of(value);

	return n > 0 && span(value, KIND_HOST) == n && ++seen->hosts == 1;
}

static bool
see_connection(struct slice value, struct seen *seen)
{
	while (value.at < value.end) {
		const char *comma = memchr(value.at, ',', length_of(value));
		struct slice option = { value.at, comma ? comma : value.end };

		option = trim(option);
		if (same_word(option, "close"))
			seen->close = true;
		else if (same_word(option, "keep-alive"))
			seen->keep_alive = true;
		value.at = comma ? comma + 1 : value.end;
	}
	return true;
}

static bool
see_content_length(struct slice value, struct seen *seen)
{
	(void)seen;
	return same_word(value, "0");
}

static bool
see_transfer_encoding(struct slice value, struct seen *seen)
{
	(void)value;
	(void)seen;
	return false;
}

static const struct {
	const char *name;
	bool (*see)(struct slice value, struct seen *seen);
} headers[] = {
	{ "Host", see_host },
	{ "Connection", see_connection },
	{ "Content-Length", see_content_length },
	{ "Transfer-Encoding", see_transfer_encoding },
};

static bool
parse_header(struct slice line, struct seen *seen)
{
	struct slice name = { line.at, line.at + span(line, KIND_NAME) };

	if (length_of(name) == 0 || name.end == line.end || *name.end != ':')
		return false;
	line.at = name.end + 1;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (same_word(name, headers[i].name))
			return headers[i].see(trim(line), seen);
	return true;
}

/* All of them, and the empty line. */
static enum line
parse_headers(struct slice *rest, struct seen *seen)
{
	for (;;) {
		struct slice line;
		enum line result = next_line(rest, &line);

		if (result != LINE_WHOLE || length_of(line) == 0)
			return result;
		if (!parse_header(line, seen))
			return LINE_BAD;
	}
}

static enum http01_parsed
parse(struct slice rest, struct http01_request *ret)
{
	const char *start = rest.at;
	struct slice line;
	struct seen seen = { 0 };
	enum http01_parsed parsed;
	bool modern;
	enum line result = next_line(&rest, &line);

	if (result != LINE_WHOLE)
		return result == LINE_MORE ? HTTP01_MORE : HTTP01_BAD;
	parsed = parse_request_line(line, ret, &modern);
	if (parsed == HTTP01_BAD)
		return HTTP01_BAD;

	result = parse_headers(&rest, &seen);
	if (result != LINE_WHOLE)
		return result == LINE_MORE ? HTTP01_MORE : HTTP01_BAD;
	if (modern && seen.hosts == 0)
		return HTTP01_BAD;

	ret->keep_alive = !seen.close && (modern || seen.keep_alive);
	ret->length = (size_t)(rest.at - start);
	return parsed;
}

enum http01_parsed
http01_parse(const char *bytes, size_t length, struct http01_request *ret)
{
	size_t seen = length < HTTP01_REQUEST_MAX ? length : HTTP01_REQUEST_MAX;
	struct http01_request request = { 0 };
	enum http01_parsed parsed = parse((struct slice){ bytes, bytes + seen }, &request);

	if (parsed == HTTP01_MORE && seen == HTTP01_REQUEST_MAX)
		return HTTP01_BAD;
	if (parsed == HTTP01_TOKEN || parsed == HTTP01_NOT_FOUND)
		*ret = request;
	return parsed;
}
