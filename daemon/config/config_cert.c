/* SPDX-License-Identifier: ISC */
/* Certificates: the files of their directory, their defaults, what they share. */
#include <dirent.h>
#include <inttypes.h>
#include <search.h>
#include <string.h>

#include "common/identifier.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/config_internal.h"

#define NAMES_MOST 100 /* CAs take no more in one certificate */

void
config_load_defaults(struct loader *l, const struct main_file *file)
{
	const struct yaml_node *defaults = yaml_get(file->tree, "defaults");
	struct schema_reader r = config_reader(l, file->path, file->directory);

	r.seen = l->seen_defaults;
	r.is_defaults = true;
	if (defaults == NULL)
		return;
	schema_read(&r, SECTION_CERT, defaults, &l->owned->defaults);
	config_check_outputs(&r, &l->owned->defaults, defaults);
}

/* ---- names ---- */

static char *
read_name(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node)
{
	const char *text = schema_text(r, row->key, node);
	struct err err = { 0 };
	char *name;

	if (text == NULL)
		return NULL;
	name = identifier_normalize(text, &err);
	if (name == NULL)
		schema_problem(r, node, "%s", err.text);
	return name;
}

static bool
check_names(const struct schema_reader *r, const struct yaml_node *node, char **names)
{
	const struct yaml_node *place = node->kind == YAML_LIST ? node->first : node;
	bool good = true;

	if (names[0] == NULL)
		return schema_problem(r, node, "\"names\" must not be empty");
	for (size_t i = 0; names[i] != NULL && place != NULL; i++, place = place->next)
		for (size_t before = 0; before < i; before++)
			if (strcmp(names[before], names[i]) == 0)
				good = schema_problem(r, place,
				    "\"%s\" is among the names twice", names[i]);
	return good;
}

bool
schema_read_names(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	CLEAN(strv) char **names = NULL;
	size_t n = 0;

	if (node->kind == YAML_LIST)
		for (const struct yaml_node *one = node->first; one != NULL;
		     one = one->next)
			n++;
	if (n > NAMES_MOST)
		return schema_problem(r, node,
		    "%zu names in one certificate; CAs take no more than %d", n,
		    NAMES_MOST);
	names = schema_read_list(r, row, node, read_name);
	if (names == NULL || !check_names(r, node, names))
		return false;
	ret->list = TAKE(names);
	return true;
}

/* ---- what certificates share ---- */

static int
compare_shared(const void *a, const void *b)
{
	const struct shared_options *x = a, *y = b;

	if (x->hash.high != y->hash.high)
		return x->hash.high < y->hash.high ? -1 : 1;
	if (x->hash.low != y->hash.low)
		return x->hash.low < y->hash.low ? -1 : 1;
	return 0;
}

/* Takes over what the options hold. */
static const struct shared_options *
share(struct loader *l, struct cert_options *options)
{
	struct config_owned *owned = l->owned;
	struct shared_options probe = { .hash = SCHEMA_HASH_START }, *added;
	void *found;

	schema_hash(SECTION_CERT, options, &probe.hash);
	found = tfind(&probe, &l->options, compare_shared);
	if (found != NULL) {
		schema_clear(SECTION_CERT, options);
		return *(struct shared_options **)found;
	}
	added = xmemdup(&probe, sizeof(probe));
	added->options = *options;
	memset(options, 0, sizeof(*options));
	must(tsearch(added, &l->options, compare_shared));
	owned->shared =
	    xrealloc(owned->shared, owned->n_shared + 1, sizeof(struct shared_options *));
	owned->shared[owned->n_shared++] = added;
	return added;
}

static int
compare_names(const void *a, const void *b)
{
	const struct cert_config *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* In the pool: there may be a hundred thousand of them. */
static struct cert_config *
new_cert(struct config_owned *owned, const struct cert_draft *draft,
    const struct shared_options *shared)
{
	struct cert_config *cert = pool_take(&owned->pool, sizeof(*cert));
	size_t n = strv_length((const char *const *)draft->names);
	struct schema_hash hash = shared->hash;
	char text[33];

	schema_hash_list(&hash, (const char *const *)draft->names);
	snprintf(text, sizeof(text), "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
	cert->name = pool_copy(&owned->pool, draft->name);
	cert->hash = pool_copy(&owned->pool, text);
	cert->names = pool_take(&owned->pool, (n + 1) * sizeof(char *));
	for (size_t i = 0; i < n; i++)
		cert->names[i] = pool_copy(&owned->pool, draft->names[i]);
	cert->options = &shared->options;
	return cert;
}

static void
add_cert(struct loader *l, const struct schema_reader *r, struct cert_draft *draft,
    const struct yaml_node *map)
{
	const struct yaml_node *name = yaml_get(map, "name");
	const struct yaml_node *place = name != NULL ? name : map;
	struct config *c = &l->owned->config;
	struct cert_config *cert = new_cert(l->owned, draft, share(l, &draft->options));
	struct cert_config **slot;

	cert->file = r->file;
	cert->line = place->line;
	slot = must(tsearch(cert, &l->names, compare_names));
	if (*slot != cert) {
		schema_problem(r, place,
		    "certificate \"%s\" is defined already, in %s line %u", cert->name,
		    (*slot)->file, (*slot)->line);
		return;
	}
	c->certs = xrealloc(c->certs, c->n_certs + 1, sizeof(struct cert_config *));
	c->certs[c->n_certs++] = cert;
	config_claim_outputs(l, r, cert, map);
}

/* ---- one certificate ---- */

/* "example.com" for "*.example.com". */
static const char *
plain(const char *name)
{
	return str_starts(name, "*.") ? name + 2 : name;
}

static void
set_name(const struct schema_reader *r, struct cert_draft *draft,
    const struct yaml_node *node, const char *stem)
{
	const char *name = stem;
	const char *fault;

	if (draft->name != NULL || yaml_get(node, "name") != NULL)
		return;
	if (name == NULL && draft->names != NULL)
		name = plain(draft->names[0]);
	if (name == NULL)
		return;
	fault = schema_name_fault(name);
	if (fault == NULL)
		draft->name = xstrdup(name);
	else
		schema_problem(r, node,
		    "\"%.100s\" cannot name the certificate: %s; set \"name\"", name,
		    fault);
}

static void
need_account(struct loader *l, const struct schema_reader *r, const struct yaml_node *node)
{
	if (l->owned->config.n_accounts > 0 || l->told_no_account)
		return;
	l->told_no_account = true;
	schema_problem(r, node,
	    "no account to get a certificate with; add one under \"accounts\" in "
	    "acmed.yaml");
}

/* `stem` is its name where it has none, NULL: the first of its names. */
static void
load_cert(struct loader *l, const struct schema_reader *r, const struct yaml_node *node,
    const char *stem)
{
	struct cert_draft draft = { 0 };
	const struct yaml_node *names, *place;

	schema_copy(SECTION_CERT, &l->owned->defaults, &draft);
	schema_read(r, SECTION_CERT, node, &draft);
	if (node->kind == YAML_MAP) {
		set_name(r, &draft, node, stem);
		need_account(l, r, node);
		names = yaml_get(node, "names");
		place = yaml_get(node, "challenge");
		if (draft.name != NULL && draft.names != NULL)
			config_check_challenges(r, draft.name, &draft, names,
			    place != NULL ? place : names);
		config_check_outputs(r, &draft.options, node);
		if (draft.name != NULL)
			add_cert(l, r, &draft, node);
	}
	schema_clear(SECTION_CERT, &draft);
	free(draft.name);
	strv_free(draft.names);
}

/* ---- the directory ---- */

/* Lives as long as the configuration: certificates point to it. */
static const char *
keep_file(struct config_owned *owned, const char *name)
{
	CLEAN(string) char *path = config_path(owned->config.cert_dir, name);

	return pool_copy(&owned->pool, path);
}

static void
load_file(struct loader *l, const char *name)
{
	const char *path = keep_file(l->owned, name);
	struct schema_reader r = config_reader(l, path, l->owned->config.cert_dir);
	size_t first = l->problems->count;
	CLEAN(yaml_tree) struct yaml_node *tree = yaml_load(path, l->problems);
	CLEAN(string) char *stem = xstrndup(name, strlen(name) - strlen(".yaml"));

	r.seen = NULL;
	if (tree == NULL)
		return;
	if (tree->kind == YAML_LIST)
		for (const struct yaml_node *n = tree->first; n != NULL; n = n->next)
			load_cert(l, &r, n, NULL);
	else
		load_cert(l, &r, tree, stem);
	problems_sort(l->problems, first);
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Files whose name starts with "." are an editor's. */
static char **
list_directory(DIR *dir, size_t *count)
{
	char **names = NULL;
	size_t n = 0;

	for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
		if (e->d_name[0] == '.' || !str_ends(e->d_name, ".yaml"))
			continue;
		names = xrealloc(names, n + 1, sizeof(*names));
		names[n++] = xstrdup(e->d_name);
	}
	if (n > 0)
		qsort(names, n, sizeof(*names), compare_texts);
	*count = n;
	return names;
}

static void
tell_no_directory(struct loader *l)
{
	const struct schema_row *row = schema_find(SECTION_MAIN, "certificates");
	const struct schema_seen *seen = &l->seen[row - schema_rows];

	if (seen->file != NULL)
		problems_add(l->problems, seen->file, seen->line, seen->column,
		    "\"certificates\": cannot read %s: %m", l->owned->config.cert_dir);
	else
		problems_warn(l->problems, l->files[0].path, 1, 1,
		    "no certificates: cannot read %s: %m", l->owned->config.cert_dir);
}

void
config_load_certs(struct loader *l)
{
	DIR *dir = opendir(l->owned->config.cert_dir);
	char **names;
	size_t n = 0;

	if (dir == NULL) {
		tell_no_directory(l);
		return;
	}
	names = list_directory(dir, &n);
	closedir(dir);
	for (size_t i = 0; i < n; i++) {
		load_file(l, names[i]);
		free(names[i]);
	}
	free(names);
}
