/* SPDX-License-Identifier: ISC */
#include "daemon/acme/problem.h"

#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

/* Sub-problems beyond this many are counted, not told. */
#define SUBPROBLEMS_TOLD 5

/* Longest detail that is passed on: the page that Let's Encrypt sends people to, to have a
 * paused account go on, is part of it, and its address is long. */
/* Let's Encrypt has a whole token in a URL there, which is of no use without its end. */
#define DETAIL_MAX 1220

static const struct {
	const char *type;
	enum err_kind kind;
} types[] = {
	{ "accountDoesNotExist", ERR_CONFIG },
	{ "agreementRequired", ERR_CONFIG },
	{ "alreadyReplaced", ERR_REFUSED },
	{ "badCSR", ERR_REFUSED },
	{ "badNonce", ERR_NETWORK },
	{ "badPublicKey", ERR_CONFIG },
	{ "badSignatureAlgorithm", ERR_CONFIG },
	{ "caa", ERR_REFUSED },
	{ "compound", ERR_REFUSED },
	{ "connection", ERR_REFUSED },
	{ "dns", ERR_REFUSED },
	{ "externalAccountRequired", ERR_CONFIG },
	{ "incorrectResponse", ERR_REFUSED },
	{ "invalidContact", ERR_CONFIG },
	{ "invalidProfile", ERR_CONFIG },
	{ "malformed", ERR_PROTOCOL },
	{ "orderNotReady", ERR_PROTOCOL },
	{ "rateLimited", ERR_BUSY },
	{ "rejectedIdentifier", ERR_REFUSED },
	{ "serverInternal", ERR_NETWORK },
	{ "tls", ERR_REFUSED },
	{ "unauthorized", ERR_REFUSED },
	{ "unsupportedContact", ERR_CONFIG },
	{ "unsupportedIdentifier", ERR_CONFIG },
	{ "userActionRequired", ERR_CONFIG },
};

/* What an HTTP status alone says. */
static enum err_kind
kind_of_status(int status)
{
	if (status == 429)
		return ERR_BUSY;
	if (status == 408 || status == 425 || status >= 500)
		return ERR_NETWORK;
	if (status == 401 || status == 403)
		return ERR_REFUSED;
	return ERR_PROTOCOL;
}

static enum err_kind
kind_of_type(const char *type, int status)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (str_eq(types[i].type, type))
			return types[i].kind;
	return kind_of_status(status);
}

/* The type without its URN prefix, also the one that servers used before the RFC. */
static const char *
short_type(struct json_object *problem)
{
	static const char *const prefixes[] = {
		"urn:ietf:params:acme:error:",
		"urn:acme:error:",
	};
	const char *type = json_get_string(problem, "type");

	if (type == NULL || str_eq(type, "about:blank"))
		return "";
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (str_starts(type, prefixes[i]))
			return type + strlen(prefixes[i]);
	return type;
}

/* "detail (type)", in characters that are safe to show. */
static void
add_sentence(struct text *t, struct json_object *problem)
{
	const char *detail = json_get_string(problem, "detail");
	const char *type = short_type(problem);
	CLEAN(string) char *safe_detail = str_printable(detail ? detail : "", DETAIL_MAX);
	CLEAN(string) char *safe_type = str_printable(type, 64);

	if (*safe_detail == '\0') {
		text_add(t, "%s", *safe_type ? safe_type : "no reason given");
		return;
	}
	text_add(t, "%s", safe_detail);
	if (*safe_type != '\0')
		text_add(t, " (%s)", safe_type);
}

static void
add_subproblems(struct text *t, struct json_object *problem)
{
	struct json_object *list = json_get_array(problem, "subproblems");
	size_t n = list ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n && i < SUBPROBLEMS_TOLD; i++) {
		struct json_object *sub = json_object_array_get_idx(list, i);
		struct json_object *identifier = json_get_object(sub, "identifier");
		const char *name = json_get_string(identifier, "value");
		CLEAN(string) char *safe = str_printable(name ? name : "", 253);

		text_add(t, "%s", i == 0 ? ": " : "; ");
		if (*safe != '\0')
			text_add(t, "%s: ", safe);
		add_sentence(t, sub);
	}
	if (n > SUBPROBLEMS_TOLD)
		text_add(t, "; and %zu more", n - SUBPROBLEMS_TOLD);
}

static void
add_algorithms(struct text *t, struct json_object *problem)
{
	struct err ignored = { 0 };
	CLEAN(strv) char **list = json_need_strings(problem, "algorithms", &ignored);
	CLEAN(string) char *joined = strv_join((const char *const *)list, ", ");
	CLEAN(string) char *safe = str_printable(joined, 120);

	if (list != NULL)
		text_add(t, "; it takes %s", safe);
}

/* "... Please visit: https://..." is how Let's Encrypt puts it where an account is paused.
 */
static char *
page_in_sentence(struct json_object *problem)
{
	const char *detail = json_get_string(problem, "detail");
	const char *page = detail != NULL ? strstr(detail, "isit") : NULL;
	size_t length;

	if (page == NULL || !str_eq(short_type(problem), "rateLimited"))
		return NULL;
	page += strcspn(page, " ");
	page += strspn(page, " ");
	if (!str_starts(page, "https://"))
		return NULL;
	length = strcspn(page, " \"<>");
	while (strchr(".,;)", page[length - 1]) != NULL)
		length--;
	return xstrndup(page, length);
}

static char *
page_of(struct json_object *problem)
{
	const char *instance = json_get_string(problem, "instance");

	if (str_starts(instance, "https://") || str_starts(instance, "http://"))
		return xstrdup(instance);
	return page_in_sentence(problem);
}

/* The sentence, the type and the page for a person; the kind is the caller's. */
static void
tell(struct json_object *problem, enum err_kind kind, struct err *err)
{
	CLEAN(string) char *page = page_of(problem);
	struct text t = { 0 };
	CLEAN(string)
	char *type = str_printable(short_type(problem), sizeof(err->problem) - 1);

	add_sentence(&t, problem);
	add_subproblems(&t, problem);
	add_algorithms(&t, problem);
	err_set(err, kind, "%s", t.s);
	text_clear(&t);
	snprintf(err->problem, sizeof(err->problem), "%s", type);
	if (page != NULL) {
		CLEAN(string) char *safe = str_printable(page, sizeof(err->instance) - 1);

		snprintf(err->instance, sizeof(err->instance), "%s", safe);
	}
}

int
problem_object_to_err(struct json_object *problem, struct err *err)
{
	int status = (int)json_get_int(problem, "status", 0);

	tell(problem, kind_of_type(short_type(problem), status), err);
	return -1;
}

int
problem_to_err(int status, struct json_object *doc, time_t retry_after, struct err *err)
{
	bool told = json_get_string(doc, "detail") != NULL || *short_type(doc) != '\0';

	if (told)
		tell(doc, kind_of_type(short_type(doc), status), err);
	else if (status >= 300 && status < 400)
		err_set(err, ERR_PROTOCOL,
		    "the CA redirects (%d), which is not followed here", status);
	else
		err_set(err, kind_of_status(status), "the CA answered %d and no reason",
		    status);
	err->status = status;
	err->retry_after = retry_after;
	return -1;
}
