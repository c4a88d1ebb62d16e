/* SPDX-License-Identifier: ISC */
/* acmed.yaml, and the files that it includes. */
#include <errno.h>
#include <glob.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/config_internal.h"

struct schema_reader
config_reader(const struct loader *l, const char *file, const char *directory)
{
	return (struct schema_reader){ .file = file,
		.directory = directory,
		.problems = l->problems,
		.warned = l->warned,
		.config = &l->owned->config };
}

static bool
is_loaded(const struct loader *l, const char *path)
{
	for (size_t i = 0; i < l->n_files; i++)
		if (str_eq(l->files[i].path, path))
			return true;
	return false;
}

/* False where there is nothing to read in it. */
static bool
add_file(struct loader *l, const char *path, const char *absolute)
{
	struct yaml_node *tree = yaml_load(path, l->problems);
	struct main_file *file;

	if (tree != NULL && tree->kind != YAML_MAP) {
		problems_add(l->problems, path, tree->line, tree->column,
		    "this file has to be a map of keys and values");
		yaml_tree_free(TAKE(tree));
	}
	if (tree == NULL)
		return false;
	l->files = xrealloc(l->files, l->n_files + 1, sizeof(*l->files));
	file = &l->files[l->n_files++];
	file->path = xstrdup(path);
	file->directory = config_directory_of(absolute);
	file->tree = tree;
	return true;
}

/* A pattern in a directory that is not there has no match, as in one that is empty. */
static int
on_glob_error(const char *path, int error)
{
	(void)path;
	return error != ENOENT && error != ENOTDIR;
}

static void
include(struct loader *l, const struct schema_reader *r, const struct yaml_node *node)
{
	const char *text = schema_text(r, "include", node);
	CLEAN(string) char *pattern = text != NULL ? config_path(r->directory, text) : NULL;
	glob_t found = { 0 };
	int result;

	if (pattern == NULL)
		return;
	result = glob(pattern, 0, on_glob_error, &found);
	if (result == GLOB_NOMATCH && strpbrk(text, "*?[") == NULL)
		schema_problem(r, node, "\"include\": there is no file %s", pattern);
	else if (result != 0 && result != GLOB_NOMATCH)
		schema_problem(r, node, "\"include\": cannot read the directory of %s",
		    pattern);
	for (size_t i = 0; result == 0 && i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];

		if (is_loaded(l, path))
			schema_problem(r, node, "\"include\": %s is included already",
			    path);
		else
			add_file(l, path, path);
	}
	globfree(&found);
}

static void
load_includes(struct loader *l)
{
	CLEAN(string) char *path = xstrdup(l->files[0].path);
	CLEAN(string) char *directory = xstrdup(l->files[0].directory);
	struct schema_reader r = config_reader(l, path, directory);
	const struct yaml_node *node = yaml_get(l->files[0].tree, "include");

	if (node == NULL || schema_is_null(node))
		return;
	if (node->kind != YAML_LIST) {
		include(l, &r, node);
		return;
	}
	for (const struct yaml_node *one = node->first; one != NULL; one = one->next)
		include(l, &r, one);
}

static void
refuse_nested_include(struct loader *l, const struct main_file *file)
{
	const struct yaml_node *node = yaml_get(file->tree, "include");

	if (node != NULL && file != l->files)
		problems_add(l->problems, file->path, node->key_line, node->key_column,
		    "\"include\" cannot stand in a file that is included itself");
}

bool
config_load_main(struct loader *l, const char *path)
{
	struct config *c = &l->owned->config;
	CLEAN(string) char *here = getcwd(NULL, 0);
	struct schema_reader r;

	c->file = config_path(here != NULL ? here : "/", path);
	if (!add_file(l, path, c->file))
		return false;
	load_includes(l);
	r = config_reader(l, l->files[0].path, l->files[0].directory);
	schema_absent(&r, SECTION_MAIN, c);
	schema_absent(&r, SECTION_CERT, &l->owned->defaults);
	for (size_t i = 0; i < l->n_files; i++) {
		r = config_reader(l, l->files[i].path, l->files[i].directory);
		r.seen = l->seen;
		refuse_nested_include(l, &l->files[i]);
		schema_read(&r, SECTION_MAIN, l->files[i].tree, c);
	}
	return true;
}
