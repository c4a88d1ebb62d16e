/* SPDX-License-Identifier: ISC */
/* Which challenge is for which name. */
#include <string.h>

#include "common/identifier.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/config_internal.h"

#define RULES_MOST 1000

static const char *const type_names[] = {
	[CHALLENGE_HTTP_01] = "http-01",
	[CHALLENGE_TLS_ALPN_01] = "tls-alpn-01",
	[CHALLENGE_DNS_01] = "dns-01",
	[CHALLENGE_DNS_ACCOUNT_01] = "dns-account-01",
	[CHALLENGE_DNS_PERSIST_01] = "dns-persist-01",
	[CHALLENGE_ONION_CSR_01] = "onion-csr-01",
	[CHALLENGE_TKAUTH_01] = "tkauth-01",
	[CHALLENGE_AUTO] = "auto",
	[CHALLENGE_TYPE_COUNT] = NULL,
};

const char *
challenge_type_name(enum challenge_type type)
{
	return type < CHALLENGE_TYPE_COUNT ? type_names[type] : "none";
}

enum challenge_type
challenge_type_find(const char *name)
{
	unsigned type = 0;

	while (type < CHALLENGE_TYPE_COUNT && !str_eq(type_names[type], name))
		type++;
	return (enum challenge_type)type;
}

/* ---- patterns ---- */

/* "*" stands for any characters, and nothing else for anything. */
static bool
matches(const char *pattern, const char *name)
{
	const char *star = NULL, *resume = NULL;

	while (*name != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			resume = name;
		} else if (*pattern == *name) {
			pattern++;
			name++;
		} else if (star != NULL) {
			pattern = star + 1;
			name = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* CHALLENGE_TYPE_COUNT where no pattern matches. */
static enum challenge_type
find_rule(const struct cert_options *options, const char *name)
{
	for (size_t i = 0; i < options->n_rules; i++)
		if (matches(options->rules[i].pattern, name))
			return options->rules[i].type;
	return CHALLENGE_TYPE_COUNT;
}

enum challenge_type
config_challenge(const struct cert_config *cert, const char *name)
{
	enum challenge_type type = find_rule(cert->options, name);

	return type != CHALLENGE_TYPE_COUNT ? type : CHALLENGE_AUTO;
}

bool
config_uses(const struct config *c, enum challenge_type type)
{
	for (size_t i = 0; i < c->n_certs; i++) {
		const struct cert_options *options = c->certs[i]->options;

		for (size_t rule = 0; rule < options->n_rules; rule++)
			if (options->rules[rule].type == type)
				return true;
	}
	return false;
}

/* ---- reading ---- */

static bool
read_type(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, enum challenge_type *ret)
{
	const char *text = schema_text(r, row->key, node);
	const char *nearest;

	if (text == NULL)
		return false;
	*ret = challenge_type_find(text);
	if (*ret != CHALLENGE_TYPE_COUNT)
		return true;
	nearest = str_nearest(text, type_names);
	if (nearest == NULL)
		return schema_problem(r, node, "unknown challenge \"%.100s\"", text);
	return schema_problem(r, node, "unknown challenge \"%s\"; did you mean \"%s\"?",
	    text, nearest);
}

/* Patterns are compared with names as they are ordered. */
static char *
read_pattern(const struct schema_reader *r, const struct yaml_node *node)
{
	const char *key = node->key;
	const char *star = strchr(key[0] == '*' ? key + 1 : key, '*');
	struct err err = { 0 };
	char *name = star == NULL ? identifier_normalize(key, &err) : NULL;

	if (name != NULL)
		return name;
	name = str_lower(xstrdup(key));
	if (key[0] != '\0' &&
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.:_*-")] == '\0')
		return name;
	free(name);
	problems_add(r->problems, r->file, node->key_line, node->key_column,
	    "\"%.100s\" is no pattern of names", key);
	return NULL;
}

static bool
read_rules(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, struct challenge_rules *rules)
{
	bool good = true;

	for (const struct yaml_node *one = node->first; one != NULL; one = one->next) {
		struct challenge_rule *rule = &rules->list[rules->count];
		char *pattern = read_pattern(r, one);

		if (!read_type(r, row, one, &rule->type) || pattern == NULL) {
			free(pattern);
			good = false;
			continue;
		}
		rule->pattern = pattern;
		rules->count++;
	}
	return good;
}

bool
schema_read_challenge(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	struct challenge_rules rules = { 0 };
	size_t n = 0;
	bool good;

	if (node->kind == YAML_MAP)
		for (const struct yaml_node *one = node->first; one != NULL;
		     one = one->next)
			n++;
	if (n > RULES_MOST)
		return schema_problem(r, node, "\"%s\" has more than %d patterns", row->key,
		    RULES_MOST);
	rules.list = xcalloc(n + 1, sizeof(*rules.list));
	if (node->kind == YAML_MAP) {
		good = read_rules(r, row, node, &rules);
	} else {
		good = read_type(r, row, node, &rules.list[0].type);
		rules.list[0].pattern = good ? xstrdup("*") : NULL;
		rules.count = good;
	}
	ret->rules = rules;
	if (good)
		return true;
	schema_drop(row, ret);
	return false;
}

/* ---- whether they can do for the names ---- */

static bool
is_dns(enum challenge_type type)
{
	return type == CHALLENGE_DNS_01 || type == CHALLENGE_DNS_ACCOUNT_01 ||
	       type == CHALLENGE_DNS_PERSIST_01;
}

static void
check_name(const struct schema_reader *r, const struct yaml_node *node, const char *name,
    enum challenge_type type)
{
	if (type == CHALLENGE_TYPE_COUNT)
		schema_problem(r, node,
		    "no pattern of \"challenge\" is for \"%s\"; add one, or \"*\"", name);
	else if (identifier_is_wildcard(name) &&
		 (type == CHALLENGE_HTTP_01 || type == CHALLENGE_TLS_ALPN_01))
		schema_problem(r, node, "challenge %s cannot prove \"%s\"; use dns-01",
		    challenge_type_name(type), name);
	else if (identifier_type(name) == IDENTIFIER_IP && is_dns(type))
		schema_problem(r, node, "challenge %s cannot prove \"%s\"; use http-01",
		    challenge_type_name(type), name);
}

void
config_check_challenges(const struct schema_reader *r, const char *cert,
    const struct cert_draft *draft, const struct yaml_node *names,
    const struct yaml_node *place)
{
	const struct yaml_node *node = names->kind == YAML_LIST ? names->first : names;
	bool wanted[CHALLENGE_TYPE_COUNT + 1] = { false };
	bool is_wild = false;

	for (size_t i = 0; draft->names[i] != NULL && node != NULL; i++) {
		enum challenge_type type = find_rule(&draft->options, draft->names[i]);

		check_name(r, node, draft->names[i], type);
		wanted[type] = true;
		is_wild = is_wild || (type == CHALLENGE_AUTO &&
					 identifier_is_wildcard(draft->names[i]));
		node = node->next;
	}
	for (unsigned type = 0; type < CHALLENGE_TYPE_COUNT; type++)
		if (wanted[type] && type != CHALLENGE_HTTP_01 &&
		    type != CHALLENGE_TLS_ALPN_01 && type != CHALLENGE_AUTO)
			schema_warn(r, place,
			    "challenge %s is not available in this version; %s cannot be "
			    "issued",
			    type_names[type], cert);
	if (is_wild)
		schema_warn(r, place,
		    "challenge auto has nothing for a wildcard in this version; %s cannot "
		    "be issued",
		    cert);
}
