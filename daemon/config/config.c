/* SPDX-License-Identifier: ISC */
#include "daemon/config/config.h"

#include <search.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/config_internal.h"

static struct config_owned *
owned_of(struct config *c)
{
	return (struct config_owned *)c;
}

struct config *
config_ref(struct config *c)
{
	__atomic_add_fetch(&owned_of(c)->references, 1, __ATOMIC_RELAXED);
	return c;
}

void
config_free(struct config *c)
{
	struct config_owned *owned = c != NULL ? owned_of(c) : NULL;

	if (c == NULL || __atomic_sub_fetch(&owned->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (size_t i = 0; i < c->n_accounts; i++)
		config_account_free(c->accounts[i]);
	for (size_t i = 0; i < owned->n_shared; i++) {
		schema_clear(SECTION_CERT, &owned->shared[i]->options);
		free(owned->shared[i]);
	}
	pool_clear(&owned->pool);
	schema_clear(SECTION_MAIN, c);
	schema_clear(SECTION_CERT, &owned->defaults);
	free(c->accounts);
	free(c->certs);
	free(c->file);
	free(owned->shared);
	free(owned);
}

/* ---- loading ---- */

static void
forget(void *node)
{
	(void)node; /* belongs to the configuration */
}

static void
clear_loader(struct loader *l)
{
	for (size_t i = 0; i < l->n_files; i++) {
		free(l->files[i].path);
		free(l->files[i].directory);
		yaml_tree_free(l->files[i].tree);
	}
	free(l->files);
	free(l->warned);
	free(l->seen);
	free(l->seen_defaults);
	tdestroy(l->names, forget);
	tdestroy(l->options, forget);
	config_claims_free(l);
}

static const struct schema_seen *
seen_at(const struct loader *l, enum schema_section section, const char *key)
{
	const struct schema_seen *seen = &l->seen[schema_find(section, key) - schema_rows];

	return seen->file != NULL ? seen : NULL;
}

static void
check_ari_poll(struct loader *l)
{
	const struct config *c = &l->owned->config;
	const struct schema_seen *place = seen_at(l, SECTION_ARI_POLL, "min");

	if (place == NULL)
		place = seen_at(l, SECTION_ARI_POLL, "max");
	if (c->ari_poll_min > c->ari_poll_max && place != NULL)
		problems_add(l->problems, place->file, place->line, place->column,
		    "\"min\" of \"ari-poll\" is greater than \"max\"");
}

/* Keys that stand together were read apart: accounts before what refers to them. */
static void
sort_problems(struct loader *l, size_t first)
{
	struct problems *p = l->problems;
	size_t n = p->count - first, at = 0;
	struct problem *sorted = xcalloc(n + 1, sizeof(*sorted));
	bool *taken = xcalloc(n + 1, sizeof(*taken));

	for (size_t f = 0; f <= l->n_files; f++)
		for (size_t i = 0; i < n; i++) {
			const struct problem *one = &p->list[first + i];

			if (taken[i] ||
			    (f < l->n_files && !str_eq(one->file, l->files[f].path)))
				continue;
			taken[i] = true;
			sorted[at++] = *one;
		}
	if (n > 0)
		memcpy(&p->list[first], sorted, n * sizeof(*sorted));
	free(sorted);
	free(taken);
	problems_sort(p, first);
}

static int
compare_certs(const void *a, const void *b)
{
	const struct cert_config *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void
load(struct loader *l, const char *path)
{
	struct config *c = &l->owned->config;
	size_t first = l->problems->count;

	if (config_load_main(l, path)) {
		for (size_t i = 0; i < l->n_files; i++)
			config_load_accounts(l, &l->files[i]);
		for (size_t i = 0; i < l->n_files; i++)
			config_load_defaults(l, &l->files[i]);
		if (l->owned->defaults.accounts == NULL && c->n_accounts > 0)
			strv_add(&l->owned->defaults.accounts, c->accounts[0]->name);
		check_ari_poll(l);
		sort_problems(l, first);
		config_load_certs(l);
	}
	if (c->n_certs > 0)
		qsort(c->certs, c->n_certs, sizeof(struct cert_config *), compare_certs);
}

struct config *
config_load(const char *path, struct problems *problems)
{
	struct loader l = { .problems = problems };
	size_t errors = problems->errors;

	l.owned = xcalloc(1, sizeof(*l.owned));
	l.owned->references = 1;
	l.warned = xcalloc(schema_row_count, sizeof(*l.warned));
	l.seen = xcalloc(schema_row_count, sizeof(*l.seen));
	l.seen_defaults = xcalloc(schema_row_count, sizeof(*l.seen_defaults));
	load(&l, path);
	clear_loader(&l);
	if (problems->errors == errors)
		return &l.owned->config;
	config_free(&l.owned->config);
	return NULL;
}

/* ---- looking ---- */

const struct cert_config *
config_cert(const struct config *c, const char *name)
{
	const struct cert_config key = { .name = (char *)name };
	const struct cert_config *wanted = &key;
	struct cert_config **found = NULL;

	if (c->n_certs > 0)
		found = bsearch(&wanted, c->certs, c->n_certs, sizeof(struct cert_config *),
		    compare_certs);
	return found != NULL ? *found : NULL;
}

/* Not with strv_add(), which counts what is there: these may be a hundred thousand. */
struct collected {
	char **list;
	size_t count;
};

static void
collect(struct collected *to, size_t most, const char *name)
{
	if (to->list == NULL)
		to->list = xcalloc(most + 1, sizeof(*to->list));
	to->list[to->count++] = xstrdup(name);
}

void
config_compare(const struct config *old, const struct config *next, struct config_diff *ret)
{
	struct collected added = { 0 }, changed = { 0 }, removed = { 0 };
	size_t n_old = old != NULL ? old->n_certs : 0, i = 0, j = 0;

	while (i < n_old && j < next->n_certs) {
		const struct cert_config *a = old->certs[i], *b = next->certs[j];
		int order = strcmp(a->name, b->name);

		if (order < 0)
			collect(&removed, n_old, a->name);
		else if (order > 0)
			collect(&added, next->n_certs, b->name);
		else if (strcmp(a->hash, b->hash) != 0)
			collect(&changed, n_old, a->name);
		i += order <= 0;
		j += order >= 0;
	}
	for (; i < n_old; i++)
		collect(&removed, n_old, old->certs[i]->name);
	for (; j < next->n_certs; j++)
		collect(&added, next->n_certs, next->certs[j]->name);
	*ret = (struct config_diff){ added.list, changed.list, removed.list };
}

void
config_diff_clear(struct config_diff *diff)
{
	strv_free(diff->added);
	strv_free(diff->changed);
	strv_free(diff->removed);
	memset(diff, 0, sizeof(*diff));
}
