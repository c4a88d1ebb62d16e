/* SPDX-License-Identifier: ISC */
/* Readers of addresses: directories of CAs, other URLs, contacts, sockets. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "common/keyword.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/schema.h"

#define URL_MOST 2048

/* ---- hosts and ports ---- */

static bool
is_port(const char *text)
{
	size_t length = strlen(text);

	return length > 0 && length <= 5 && strspn(text, "0123456789") == length &&
	       strtol(text, NULL, 10) <= 65535;
}

/* Splits "host:port" and "[v6]:port" in place; the brackets are left out. *port is NULL
 * where there is none. */
static bool
split_host(char *text, char **host, char **port, bool *is_bracketed)
{
	char *end;

	*is_bracketed = text[0] == '[';
	if (*is_bracketed) {
		end = strchr(text, ']');
		if (end == NULL || (end[1] != ':' && end[1] != '\0'))
			return false;
		*host = text + 1;
		*port = end[1] == ':' ? end + 2 : NULL;
		*end = '\0';
		return true;
	}
	end = strchr(text, ':');
	*host = text;
	*port = end != NULL ? end + 1 : NULL;
	if (end != NULL)
		*end = '\0';
	return true;
}

static bool
is_address(int family, const char *text)
{
	unsigned char octets[16];

	return inet_pton(family, text, octets) == 1;
}

static bool
is_host(const char *host, bool is_bracketed)
{
	if (is_bracketed)
		return is_address(AF_INET6, host);
	return host[0] != '\0' && strlen(host) <= 255 &&
	       host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789.-_")] == '\0';
}

static bool
is_loopback(const char *host, bool is_bracketed)
{
	if (is_bracketed)
		return strcmp(host, "::1") == 0;
	return strcmp(host, "localhost") == 0 ||
	       (is_address(AF_INET, host) && str_starts(host, "127."));
}

/* ---- URLs: what is wrong with one, or NULL ---- */

static const char *
authority_fault(const char *scheme, const char *authority)
{
	CLEAN(string) char *copy = xstrdup(authority);
	char *host = NULL, *port = NULL;
	bool is_bracketed = false;

	if (strchr(authority, '@') != NULL)
		return "it must not name a user";
	if (!split_host(copy, &host, &port, &is_bracketed) || !is_host(host, is_bracketed))
		return "it needs a host, in ASCII";
	if (port != NULL && (!is_port(port) || strtol(port, NULL, 10) == 0))
		return "its port is none";
	if (strcmp(scheme, "http") == 0 && !is_loopback(host, is_bracketed))
		return "plain http:// is for loopback addresses only; use https://";
	return NULL;
}

/* http+unix://%2Frun%2Fca.sock/directory: the authority is a path. */
static const char *
socket_fault(const char *authority)
{
	size_t length = 0;

	if (!str_starts(authority, "%2F") && !str_starts(authority, "%2f"))
		return "http+unix:// needs the absolute path of a socket, with %2F for /";
	for (const char *p = authority; *p != '\0'; p++, length++)
		if (*p == '%') {
			if (strspn(p + 1, "0123456789abcdefABCDEF") < 2 ||
			    str_starts(p, "%00"))
				return "its socket has a broken % sequence";
			p += 2;
		}
	if (length >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return "the path of its socket is too long";
	return NULL;
}

static const char *
url_fault(const char *url)
{
	const char *rest = strstr(url, "://");
	CLEAN(string) char *scheme = NULL, *authority = NULL;

	if (strlen(url) > URL_MOST)
		return "it is longer than 2,048 bytes";
	for (const char *p = url; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || strchr("\"<>\\^`{|}", *p) != NULL)
			return "it holds a character that a URL may not have";
	if (strchr(url, '#') != NULL)
		return "it must not have a fragment (#)";
	if (rest == NULL)
		return "it does not start with https://";
	scheme = str_lower(xstrndup(url, (size_t)(rest - url)));
	authority = xstrndup(rest + 3, strcspn(rest + 3, "/?"));
	if (strcmp(scheme, "http+unix") == 0)
		return socket_fault(authority);
	if (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0)
		return authority_fault(scheme, authority);
	return "it does not start with https://";
}

static bool
refuse_keyword(const struct schema_reader *r, const struct yaml_node *node,
    const char *text)
{
	const char *const *names = keyword_names();
	const char *nearest = str_nearest(text, names);

	if (nearest != NULL)
		return schema_problem(r, node,
		    "unknown directory \"%s\"; did you mean \"%s\"?", text, nearest);
	return schema_problem(r, node,
	    "unknown directory \"%.100s\"; write the https:// URL of the CA's directory, "
	    "or "
	    "a keyword such as letsencrypt",
	    text);
}

bool
schema_read_directory(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	const char *text = schema_text(r, row->key, node);
	const char *fault;

	if (text == NULL)
		return false;
	if (keyword_directory(text) != NULL) {
		ret->text = xstrdup(keyword_directory(text));
		return true;
	}
	if (strcmp(text, "buypass") == 0 || str_starts(text, "https://api.buypass.com/"))
		return schema_problem(r, node,
		    "Buypass has ended its ACME service on 2025-10-31; use another CA");
	if (strstr(text, "://") == NULL)
		return refuse_keyword(r, node, text);
	fault = url_fault(text);
	if (fault != NULL)
		return schema_problem(r, node, "\"%.200s\" cannot be a directory: %s", text,
		    fault);
	if (str_starts(text, "http+unix:"))
		schema_warn(r, node,
		    "http+unix:// is not available in this version; this "
		    "account cannot be used");
	ret->text = xstrdup(text);
	return true;
}

bool
schema_read_url(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	const char *text = schema_text(r, row->key, node);
	const char *fault = text != NULL ? url_fault(text) : NULL;

	if (text == NULL)
		return false;
	if (fault != NULL)
		return schema_problem(r, node, "\"%s\": \"%.200s\" is not good: %s",
		    row->key, text, fault);
	ret->text = xstrdup(text);
	return true;
}

bool
schema_read_proxy(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	static const char *const schemes[] = { "http://", "https://", "socks4://",
		"socks4a://", "socks5://", "socks5h://" };
	const char *text = schema_text(r, row->key, node);
	const char *rest = NULL;
	CLEAN(string) char *authority = NULL;
	const char *user_end;

	if (text == NULL)
		return false;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (str_starts(text, schemes[i]))
			rest = text + strlen(schemes[i]);
	if (rest == NULL || strpbrk(text, " \"<>\\^`{|}#") != NULL)
		return schema_problem(r, node,
		    "\"%s\" has to be a URL that starts with http://, https:// or "
		    "socks5h://",
		    row->key);
	user_end = strrchr(rest, '@'); /* a password may be before it: never shown */
	authority = xstrdup(user_end != NULL ? user_end + 1 : rest);
	authority[strcspn(authority, "/")] = '\0';
	if (authority_fault("https", authority) != NULL)
		return schema_problem(r, node, "\"%s\" needs a host, and a port", row->key);
	ret->text = xstrdup(text);
	return true;
}

/* ---- contacts: RFC 8555, section 7.3 ---- */

static char *
read_contact(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node)
{
	const char *text = schema_text(r, row->key, node);
	const char *colon = text != NULL ? strchr(text, ':') : NULL;

	if (text == NULL)
		return NULL;
	if (colon == NULL && strchr(text, '@') != NULL)
		schema_problem(r, node, "contact \"%.100s\" is no URL; write mailto:%.100s",
		    text, text);
	else if (colon == NULL || colon == text || strpbrk(text, " <>\"") != NULL)
		schema_problem(r, node,
		    "contact \"%.100s\" is no URL such as mailto:admin@example.com", text);
	else if (str_starts(text, "mailto:") &&
		 (strpbrk(text, "?,") != NULL || strchr(text, '@') == NULL))
		schema_problem(r, node,
		    "contact \"%.100s\" has to be one address and nothing else", text);
	else
		return xstrdup(text);
	return NULL;
}

bool
schema_read_contacts(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	ret->list = schema_read_list(r, row, node, read_contact);
	return ret->list != NULL;
}

/* ---- addresses to listen on and to connect to ---- */

static char *
read_listen(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node)
{
	const char *text = schema_text(r, row->key, node);
	CLEAN(string) char *copy = xstrdup(text);
	char *host = NULL, *port = NULL;
	bool is_bracketed = false;

	if (text == NULL)
		return NULL;
	if (split_host(copy, &host, &port, &is_bracketed) && port != NULL &&
	    is_port(port) && is_address(is_bracketed ? AF_INET6 : AF_INET, host))
		return xstrdup(text);
	schema_problem(r, node,
	    "\"%.100s\" is no address with a port, such as \"0.0.0.0:80\" or \"[::]:80\"",
	    text);
	return NULL;
}

bool
schema_read_listen(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	ret->list = schema_read_list(r, row, node, read_listen);
	return ret->list != NULL;
}

bool
schema_read_address(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	if (node->kind == YAML_SCALAR && node->text[0] == '/')
		return schema_read_socket(r, row, node, ret);
	ret->text = read_listen(r, row, node);
	return ret->text != NULL;
}

bool
schema_read_connect(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	const char *text = schema_text(r, row->key, node);
	CLEAN(string) char *copy = xstrdup(text);
	char *host = NULL, *port = NULL;
	bool is_bracketed = false;

	if (text == NULL)
		return false;
	if (!split_host(copy, &host, &port, &is_bracketed) ||
	    !is_host(host, is_bracketed) || port == NULL || !is_port(port) ||
	    strtol(port, NULL, 10) == 0)
		return schema_problem(r, node,
		    "\"%.100s\" is no host with a port, such as \"example.com:443\"", text);
	ret->text = xstrdup(text);
	return true;
}
