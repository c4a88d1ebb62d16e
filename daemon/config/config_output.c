/* SPDX-License-Identifier: ISC */
/* Where copies of certificates go: what no key can tell by itself. */
#include <search.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/config_internal.h"

/* The words of the table stand in the order of the enumeration. */
enum output_format
output_format_find(const char *name)
{
	const char *const *words = schema_find(SECTION_OUTPUT, "format")->words;
	unsigned format = 0;

	while (format < OUTPUT_FORMAT_COUNT && !str_eq(words[format], name))
		format++;
	return (enum output_format)format;
}

/* ---- paths ---- */

/* The same for "/a/b", "/a//b", "/a/./b" and "/a/c/../b". Goes by the text alone: where
 * symbolic links lead is known only when the file is written. */
static char *
plain_path(const char *path)
{
	char *plain = xcalloc(strlen(path) + 2, 1);
	size_t length = 0;

	while (*path != '\0') {
		size_t part;

		path += strspn(path, "/");
		part = strcspn(path, "/");
		if (part == 2 && str_starts(path, "..")) {
			while (length > 0 && plain[--length] != '/')
				;
		} else if (part > 0 && !(part == 1 && *path == '.')) {
			plain[length++] = '/';
			memcpy(plain + length, path, part);
			length += part;
		}
		path += part;
	}
	plain[length] = '\0';
	return plain;
}

/* Whatever is there: "/a/", "/a/." and "/a/.." name no file. */
static bool
is_directory_name(const char *path)
{
	return str_ends(path, "/") || str_ends(path, "/.") || str_ends(path, "/..");
}

static bool
is_inside(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	return str_starts(path, directory) && (path[length] == '/' || path[length] == '\0');
}

/* ---- one list of outputs ---- */

static bool
is_repeated(const struct cert_options *options, size_t index, const char *path)
{
	for (size_t i = 0; i < index; i++) {
		const char *other = options->outputs[i].path;
		CLEAN(string) char *plain = other != NULL ? plain_path(other) : NULL;

		if (str_eq(plain, path))
			return true;
	}
	return false;
}

static void
check_path(const struct schema_reader *r, const struct cert_options *options, size_t index,
    const struct yaml_node *node)
{
	const char *path = options->outputs[index].path;
	CLEAN(string) char *plain = plain_path(path);
	CLEAN(string) char *state_dir = plain_path(r->config->state_dir);

	if (is_directory_name(path))
		schema_problem(r, node, "an output has to be a file, and %s is a directory",
		    path);
	else if (is_inside(plain, state_dir))
		schema_problem(r, node,
		    "an output cannot be in \"state-dir\", where acmed keeps its own "
		    "files: "
		    "%s",
		    path);
	else if (is_repeated(options, index, plain))
		schema_problem(r, node, "\"outputs\" has %s twice", path);
}

static void
check_password(const struct schema_reader *r, const struct output_config *output,
    const struct yaml_node *node)
{
	if (node == NULL || output->format == NULL ||
	    output_format_find(output->format) == OUTPUT_PKCS12)
		return;
	schema_problem(r, node,
	    "\"password\" is for the format pkcs12; a file in the format %s has none",
	    output->format);
}

void
config_check_outputs(const struct schema_reader *r, const struct cert_options *options,
    const struct yaml_node *map)
{
	const struct yaml_node *list = yaml_get(map, "outputs");
	const struct yaml_node *item = list != NULL ? list->first : NULL;

	for (size_t i = 0; i < options->n_outputs && item != NULL; i++, item = item->next) {
		const struct yaml_node *path = yaml_get(item, "path");

		if (path != NULL && options->outputs[i].path != NULL)
			check_path(r, options, i, path);
		check_password(r, &options->outputs[i], yaml_get(item, "password"));
	}
}

/* ---- those of all certificates ---- */

struct claim {
	char *path;
	const struct cert_config *cert;
};

static int
compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static void
claim_free(void *node)
{
	struct claim *claim = node;

	free(claim->path);
	free(claim);
}

/* The certificate that has it already; NULL: nobody had. */
static const struct cert_config *
claim_path(struct loader *l, const struct cert_config *cert, const char *path)
{
	struct claim *claim = xcalloc(1, sizeof(*claim)), **slot;

	claim->path = plain_path(path);
	claim->cert = cert;
	slot = must(tsearch(claim, &l->claims, compare_claims));
	if (*slot == claim)
		return NULL;
	claim_free(claim);
	return (*slot)->cert;
}

void
config_claim_outputs(struct loader *l, const struct schema_reader *r,
    const struct cert_config *cert, const struct yaml_node *map)
{
	const struct yaml_node *list = yaml_get(map, "outputs");
	const struct yaml_node *item = list != NULL ? list->first : NULL;

	for (size_t i = 0; i < cert->options->n_outputs; i++) {
		const char *path = cert->options->outputs[i].path;
		const struct yaml_node *node = item != NULL ? yaml_get(item, "path") : map;
		const struct cert_config *other =
		    path != NULL ? claim_path(l, cert, path) : NULL;

		if (other != NULL && other != cert && node != NULL)
			schema_problem(r, node,
			    "%s is an output of certificate \"%s\" already, in %s line %u",
			    path, other->name, other->file, other->line);
		item = item != NULL ? item->next : NULL;
	}
}

void
config_claims_free(struct loader *l)
{
	tdestroy(l->claims, claim_free);
}
