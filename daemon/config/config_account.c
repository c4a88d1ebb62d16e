/* SPDX-License-Identifier: ISC */
/* Accounts, and the certificates' references to them. */
#include <string.h>

#include "common/crypto/base64url.h"
#include "common/keyword.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/config_internal.h"

/* Everything that looks for an account looks at them all. */
#define ACCOUNTS_MOST   1000
#define REFERENCES_MOST 100

void
config_account_free(struct account_config *account)
{
	if (account == NULL)
		return;
	schema_clear(SECTION_ACCOUNT, account);
	free(account->name);
	free(account);
}

/* Accounts of equal name in one file are a duplicate key, and said to be. */
static bool
is_in_earlier_file(struct loader *l, const struct main_file *file, const char *name,
    const struct yaml_node *node)
{
	for (const struct main_file *other = l->files; other != file; other++) {
		const struct yaml_node *accounts = yaml_get(other->tree, "accounts");
		const struct yaml_node *same =
		    accounts != NULL ? yaml_get(accounts, name) : NULL;

		if (same == NULL)
			continue;
		problems_add(l->problems, file->path, node->key_line, node->key_column,
		    "account \"%s\" is defined already, in %s line %u", name, other->path,
		    same->key_line);
		return true;
	}
	return false;
}

static void
check_eab(const struct schema_reader *r, struct account_config *account,
    const struct yaml_node *node)
{
	const struct yaml_node *eab = yaml_get(node, "eab");
	const struct yaml_node *keytab = yaml_get(node, "gssapi-keytab");
	const struct yaml_node *key = eab != NULL ? yaml_get(eab, "key") : NULL;
	struct err err = { 0 };
	unsigned char *bytes;
	size_t length = 0;

	if (eab == NULL) {
		free(TAKE(account->eab_alg)); /* its default would promise what is not */
		return;
	}
	if (keytab != NULL)
		problems_add(r->problems, r->file, keytab->key_line, keytab->key_column,
		    "\"gssapi-keytab\" and \"eab\" exclude each other");
	if (key == NULL || account->eab_key == NULL)
		return;
	bytes = base64_decode_any(account->eab_key, &length, &err);
	if (bytes == NULL || length == 0)
		schema_problem(r, key,
		    "the key of \"eab\" is not base64url, as CAs give it");
	secret_free(bytes, length);
}

/* Its rate limits, for as long as the periods that are the defaults of these keys. */
#define LETSENCRYPT_ORDERS     300
#define LETSENCRYPT_DUPLICATES 5

/* The defaults that depend on the CA. */
static void
fill_in_ca(struct account_config *account, const struct yaml_node *node)
{
	const struct yaml_node *directory = yaml_get(node, "directory");
	const struct yaml_node *budget = yaml_get(node, "budget");
	CLEAN(string) char *sibling = NULL;

	if (account->staging == NULL && directory != NULL &&
	    directory->kind == YAML_SCALAR) {
		sibling = xasprintf("%s-staging", directory->text);
		account->staging = xstrdup(keyword_directory(sibling));
	}
	if (!str_eq(account->directory, keyword_directory("letsencrypt")))
		return;
	if (budget == NULL || yaml_get(budget, "orders") == NULL)
		account->budget_orders = LETSENCRYPT_ORDERS;
	if (budget == NULL || yaml_get(budget, "duplicates") == NULL)
		account->budget_duplicates = LETSENCRYPT_DUPLICATES;
}

static void
load_account(struct loader *l, const struct main_file *file, const struct yaml_node *node)
{
	struct schema_reader r = config_reader(l, file->path, file->directory);
	struct config *c = &l->owned->config;
	struct account_config *account = xcalloc(1, sizeof(*account));
	const char *fault = schema_name_fault(node->key);

	if (fault != NULL)
		problems_add(l->problems, file->path, node->key_line, node->key_column,
		    "\"%.100s\" cannot be the name of an account: %s", node->key, fault);
	account->name = xstrdup(node->key);
	schema_absent(&r, SECTION_ACCOUNT, account);
	schema_read(&r, SECTION_ACCOUNT, node, account);
	check_eab(&r, account, node);
	fill_in_ca(account, node);
	/* Kept even if it is wrong, or each reference to it would be so, too. */
	c->accounts =
	    xrealloc(c->accounts, c->n_accounts + 1, sizeof(struct account_config *));
	c->accounts[c->n_accounts++] = account;
}

void
config_load_accounts(struct loader *l, const struct main_file *file)
{
	const struct yaml_node *accounts = yaml_get(file->tree, "accounts");
	struct schema_reader r = config_reader(l, file->path, file->directory);

	if (accounts == NULL || schema_is_null(accounts))
		return;
	if (accounts->kind != YAML_MAP) {
		schema_problem(&r, accounts,
		    "\"accounts\" has to be a map from names to accounts");
		return;
	}
	for (const struct yaml_node *n = accounts->first; n != NULL; n = n->next) {
		if (l->owned->config.n_accounts == ACCOUNTS_MOST) {
			schema_problem(&r, n, "more than %d accounts", ACCOUNTS_MOST);
			return;
		}
		if (!is_in_earlier_file(l, file, n->key, n))
			load_account(l, file, n);
	}
}

const struct account_config *
config_account(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_accounts; i++)
		if (str_eq(c->accounts[i]->name, name))
			return c->accounts[i];
	return NULL;
}

/* ---- references ---- */

static const char *
nearest_account(const struct config *c, const char *name)
{
	const char **names = xcalloc(c->n_accounts + 1, sizeof(*names));
	const char *nearest;

	for (size_t i = 0; i < c->n_accounts; i++)
		names[i] = c->accounts[i]->name;
	nearest = str_nearest(name, names);
	free(names);
	return nearest;
}

static char *
read_reference(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node)
{
	const char *text = schema_text(r, row->key, node);
	const char *nearest;

	if (text == NULL || config_account(r->config, text) != NULL)
		return xstrdup(text);
	nearest = nearest_account(r->config, text);
	if (nearest != NULL)
		schema_problem(r, node, "no account \"%s\"; did you mean \"%s\"?", text,
		    nearest);
	else
		schema_problem(r, node, "no account \"%.100s\" under \"accounts\"", text);
	return NULL;
}

bool
schema_read_account_names(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	CLEAN(strv) char **list = schema_read_list(r, row, node, read_reference);
	size_t n;

	if (list == NULL)
		return false;
	n = strv_length((const char *const *)list);
	if (n == 0)
		return schema_problem(r, node, "\"%s\" must not be empty", row->key);
	if (n > REFERENCES_MOST)
		return schema_problem(r, node, "\"%s\" has more than %d names", row->key,
		    REFERENCES_MOST);
	for (size_t i = 1; i < n; i++) {
		CLEAN(string) char *name = TAKE(list[i]); /* what is before it remains */

		if (strv_contains((const char *const *)list, name))
			return schema_problem(r, node, "\"%s\" has \"%s\" twice", row->key,
			    name);
		list[i] = TAKE(name);
	}
	ret->list = TAKE(list);
	return true;
}
