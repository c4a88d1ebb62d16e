/* SPDX-License-Identifier: ISC */
#include "common/mem.h"
#include "common/str.h"
#include "daemon/acme/account_internal.h"

struct accounts {
	struct account_deps deps;
	struct account **list;
	size_t count;
};

static bool
same_settings(const struct account_config *a, const struct account_config *b)
{
	return str_eq(a->name, b->name) && str_eq(a->directory, b->directory) &&
	       strv_same_set((const char *const *)a->contact,
		   (const char *const *)b->contact) &&
	       a->agree_tos == b->agree_tos && a->key_type == b->key_type &&
	       str_eq(a->key, b->key) && str_eq(a->url, b->url) &&
	       str_eq(a->eab_kid, b->eab_kid) && str_eq(a->eab_key, b->eab_key) &&
	       str_eq(a->eab_alg, b->eab_alg) && str_eq(a->trust, b->trust) &&
	       str_eq(a->proxy, b->proxy) && a->timeout_ms == b->timeout_ms;
}

void
accounts_set_config(struct accounts *all, struct config *config)
{
	struct account **list = xcalloc(config->n_accounts + 1, sizeof(struct account *));

	for (size_t i = 0; i < config->n_accounts; i++) {
		const struct account_config *settings = config->accounts[i];
		struct account *known = accounts_find(all, settings->name);

		if (known != NULL && same_settings(known->settings, settings))
			list[i] = account_ref(known);
		else
			list[i] = account_new(&all->deps, config, settings);
	}
	for (size_t i = 0; i < all->count; i++)
		account_free(all->list[i]);
	free(all->list);
	all->list = list;
	all->count = config->n_accounts;
}

struct account *
accounts_find(struct accounts *all, const char *name)
{
	for (size_t i = 0; i < all->count; i++)
		if (str_eq(all->list[i]->settings->name, name))
			return all->list[i];
	return NULL;
}

struct accounts *
accounts_new(const struct account_deps *deps)
{
	struct accounts *all = xcalloc(1, sizeof(*all));

	all->deps = *deps;
	return all;
}

void
accounts_free(struct accounts *all)
{
	if (all == NULL)
		return;
	for (size_t i = 0; i < all->count; i++)
		account_free(all->list[i]);
	free(all->list);
	free(all);
}
