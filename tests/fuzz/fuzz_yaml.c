/* SPDX-License-Identifier: ISC */
/* A configuration file of any content: the tree, then what the schema says of it. */
#include <stdint.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(enum schema_section section, const struct yaml_node *tree, struct problems *problems,
    void *target)
{
	static const struct config config; /* without accounts */
	bool *warned = xcalloc(schema_row_count, sizeof(*warned));
	struct schema_reader r = { .file = "fuzz",
		.directory = "/nonexistent",
		.problems = problems,
		.warned = warned,
		.config = &config };

	schema_absent(&r, section, target);
	schema_read(&r, section, tree, target);
	schema_clear(section, target);
	free(warned);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problems problems = { 0 };
	struct yaml_node *tree = yaml_parse("fuzz", (const char *)data, size, &problems);
	struct account_config account = { 0 };
	struct cert_draft cert = { 0 };
	struct config config = { 0 };

	if (tree != NULL) {
		check(SECTION_MAIN, tree, &problems, &config);
		check(SECTION_ACCOUNT, tree, &problems, &account);
		check(SECTION_CERT, tree, &problems, &cert);
		free(cert.name);
		strv_free(cert.names);
	} else if (problems.errors == 0) {
		abort(); /* nothing, and no reason why */
	}
	problems_sort(&problems, 0);
	for (size_t i = 0; i < problems.count; i++)
		free(problem_print(&problems.list[i]));
	problems_clear(&problems);
	yaml_tree_free(tree);
	return 0;
}
