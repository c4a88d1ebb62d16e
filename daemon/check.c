/* SPDX-License-Identifier: ISC */
/* acmed --check: the configuration, and nothing else. */
#include <stdio.h>

#include "common/str.h"
#include "daemon/config/config.h"
#include "daemon/daemon.h"

int
daemon_check(const char *path)
{
	struct problems problems = { 0 };
	CLEAN(config) struct config *config = config_load(path, &problems);
	char certs[STR_COUNT_SIZE], accounts[STR_COUNT_SIZE];

	for (size_t i = 0; i < problems.count; i++) {
		CLEAN(string) char *line = problem_print(&problems.list[i]);

		puts(line);
	}
	if (config != NULL)
		printf("%s: %s, %s, no errors\n", config->file,
		    str_count(config->n_certs, "certificate", certs),
		    str_count(config->n_accounts, "account", accounts));
	problems_clear(&problems);
	return config != NULL ? 0 : 1;
}
