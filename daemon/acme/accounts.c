/* SPDX-License-Identifier: ISC */
#include "common/mem.h"
#include "common/str.h"
#include "daemon/acme/account_internal.h"

struct accounts {
	struct account_deps deps;
	struct account **list;
	struct account **staging; /* in the same order; NULL where there is none */
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
	       str_eq(a->proxy, b->proxy) && a->timeout_ms == b->timeout_ms &&
	       str_eq(a->staging, b->staging);
}

static void
free_lists(struct accounts *all)
{
	for (size_t i = 0; i < all->count; i++) {
		account_free(all->list[i]);
		account_free(all->staging[i]);
	}
	free(all->list);
	free(all->staging);
}

void
accounts_set_config(struct accounts *all, struct config *config)
{
	size_t n = config->n_accounts;
	struct account **list = xcalloc(n + 1, sizeof(struct account *));
	struct account **staging = xcalloc(n + 1, sizeof(struct account *));

	for (size_t i = 0; i < n; i++) {
		const struct account_config *settings = config->accounts[i];
		struct account *known = accounts_find(all, settings->name);

		if (known != NULL && same_settings(known->settings, settings)) {
			list[i] = account_ref(known);
			staging[i] =
			    account_ref(accounts_find_staging(all, settings->name));
			continue;
		}
		list[i] = account_new(&all->deps, config, settings);
		if (settings->staging != NULL)
			staging[i] = account_new_staging(&all->deps, config, settings);
	}
	free_lists(all);
	all->list = list;
	all->staging = staging;
	all->count = n;
}

struct account *
accounts_find(struct accounts *all, const char *name)
{
	for (size_t i = 0; i < all->count; i++)
		if (str_eq(all->list[i]->settings->name, name))
			return all->list[i];
	return NULL;
}

struct account *
accounts_find_staging(struct accounts *all, const char *name)
{
	for (size_t i = 0; i < all->count; i++)
		if (str_eq(all->list[i]->settings->name, name))
			return all->staging[i];
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
	free_lists(all);
	free(all);
}
