/* SPDX-License-Identifier: ISC */
/* cmd_issue - a new certificate from the command line: its file, a reload, the order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/json.h"
#include "common/keyword.h"
#include "common/mem.h"
#include "common/str.h"
#include "ctl/certfile.h"
#include "ctl/cmd.h"

/* What the daemon said about its configuration, and what shall be added to it. */
struct plan {
	struct json_object *config;
	char **domains;
	char *name;
	char *directory;
	char *path;
	const char *account; /* borrowed from `config`, or NULL */
	char *text;
};

static void
plan_clear(struct plan *plan)
{
	json_object_put(plan->config);
	strv_free(plan->domains);
	free(plan->name);
	free(plan->directory);
	free(plan->path);
	free(plan->text);
}

/* ---- accounts ---- */

/* `server` as a person wrote it, `directory` as the daemon has it. */
static bool
is_same_server(const char *server, const char *directory)
{
	const char *url = keyword_directory(server);

	return directory != NULL && str_eq(url != NULL ? url : server, directory);
}

static bool
account_fits(const char *name, struct json_object *account, const struct args *args)
{
	const char *server = args_value(args, "server");

	if (args_has(args, "account") && !str_eq(args_value(args, "account"), name))
		return false;
	return server == NULL ||
	       is_same_server(server, json_get_string(account, "directory"));
}

static int
fail_no_account(struct ctl *ctl)
{
	const char *name = args_value(&ctl->args, "account");
	const char *server = args_value(&ctl->args, "server");

	if (name != NULL && server != NULL)
		return ctl_fail(ctl, STATUS_NOT_FOUND,
		    "there is no account \"%s\" at %s; add it under \"accounts:\" in %s",
		    name, server, ctl->config);
	if (name != NULL)
		return ctl_fail(ctl, STATUS_NOT_FOUND,
		    "there is no account \"%s\"; add it under \"accounts:\" in %s", name,
		    ctl->config);
	if (server != NULL)
		return ctl_fail(ctl, STATUS_NOT_FOUND,
		    "there is no account at %s; add one under \"accounts:\" in %s", server,
		    ctl->config);
	return ctl_fail(ctl, STATUS_NOT_FOUND,
	    "there is no account yet; add one under \"accounts:\" in %s", ctl->config);
}

/* The first that --account and --server fit. */
static const char *
find_account(struct json_object *accounts, const struct args *args)
{
	json_object_object_foreach (accounts, name, account)
		if (account_fits(name, account, args))
			return name;
	return NULL;
}

/* Among several the configuration has its own choice, or says that it has none. */
static int
choose_account(struct ctl *ctl, struct plan *plan)
{
	struct json_object *accounts = json_get_object(plan->config, "accounts");
	int n = accounts != NULL ? json_object_object_length(accounts) : 0;
	bool named = args_has(&ctl->args, "account") || args_has(&ctl->args, "server");

	if (!named && n > 1)
		return STATUS_DONE;
	plan->account = n > 0 ? find_account(accounts, &ctl->args) : NULL;
	return plan->account != NULL ? STATUS_DONE : fail_no_account(ctl);
}

static int
refuse_account_options(struct ctl *ctl)
{
	for (size_t i = 0; i < ctl->args.n_given; i++) {
		const struct option_info *option = ctl->args.given[i].option;

		if (option->help == NULL)
			return ctl_fail(ctl, STATUS_USAGE,
			    "--%s: accounts are set up under \"accounts:\" in %s",
			    option->name, ctl->config);
	}
	return STATUS_DONE;
}

/* ---- the plan ---- */

static int
plan_names(struct ctl *ctl, struct plan *plan)
{
	struct err err = { 0 };

	plan->domains = certfile_domains(&ctl->args, &err);
	if (plan->domains == NULL)
		return ctl_fail(ctl, STATUS_USAGE, "%s", err.text);
	plan->name = certfile_name(&ctl->args, plan->domains[0], &err);
	if (plan->name == NULL)
		return ctl_fail(ctl, STATUS_USAGE, "%s", err.text);
	return STATUS_DONE;
}

static int
plan_place(struct ctl *ctl, struct plan *plan)
{
	CLEAN(json) struct json_object *reply = NULL;
	const char *directory;
	int status = ctl_call(ctl, METHOD_config_show, NULL, &reply);

	if (status != STATUS_DONE)
		return status;
	plan->config = json_object_get(json_get_object(reply, "config"));
	directory = json_get_string(plan->config, "certificates");
	if (directory == NULL || *directory != '/')
		return ctl_fail(ctl, STATUS_FAILED,
		    "the daemon does not say where its certificates are configured; "
		    "it is of another version");
	plan->directory = xstrdup(directory);
	plan->path = xasprintf("%s/%s.yaml", directory, plan->name);
	return STATUS_DONE;
}

static int
plan_text(struct ctl *ctl, struct plan *plan)
{
	struct text text = { 0 };
	struct err err = { 0 };

	if (certfile_print(&ctl->args, plan->name, (const char *const *)plan->domains,
		plan->account, &text, &err) == -1)
		return ctl_fail(ctl, STATUS_USAGE, "%s", err.text);
	plan->text = text_take(&text);
	return STATUS_DONE;
}

/* ---- doing it ---- */

static int
print_plan(struct ctl *ctl, const struct plan *plan)
{
	CLEAN(json) struct json_object *doc = NULL;

	if (!ctl->json) {
		fprintf(ctl->screen.out, "# %s\n%s", plan->path, plan->text);
		return STATUS_DONE;
	}
	doc = must(json_object_new_object());
	json_add_string(doc, "file", plan->path);
	json_add_string(doc, "content", plan->text);
	ctl_print_json(ctl, doc);
	return STATUS_DONE;
}

static int
write_file(struct ctl *ctl, const struct plan *plan)
{
	struct err err = { 0 };
	bool exists;

	if (certfile_write(plan->directory, plan->path, plan->text, &exists, &err) == 0)
		return STATUS_DONE;
	if (exists)
		return ctl_fail(ctl, STATUS_FAILED,
		    "%s already exists; edit it and run \"acmectl reload\"", plan->path);
	if (access(plan->directory, W_OK) == -1 && errno == EACCES)
		return ctl_fail(ctl, STATUS_NOT_PERMITTED,
		    "%s; become root, or print the file with --dry-run", err.text);
	return ctl_fail(ctl, STATUS_FAILED, "%s", err.text);
}

/* Where the daemon does not take the file, it must not meet it at its next start. */
static int
load_file(struct ctl *ctl, const struct plan *plan)
{
	CLEAN(json) struct json_object *reply = NULL;
	int status = ctl_call(ctl, METHOD_reload, NULL, &reply);

	if (status != STATUS_DONE) {
		if (unlink(plan->path) == -1)
			fprintf(stderr, "acmectl: %s could not be removed again: %s\n",
			    plan->path, strerror(errno));
		else
			fprintf(stderr, "acmectl: %s was removed again\n", plan->path);
		return status;
	}
	ctl_print_problems(json_get_array(reply, "warnings"));
	if (!ctl->json && !ctl->quiet)
		fprintf(ctl->screen.out, "%s: written\n", plan->path);
	fflush(ctl->screen.out);
	return STATUS_DONE;
}

static int
carry_out(struct ctl *ctl, struct plan *plan)
{
	static int (*const preparations[])(struct ctl *, struct plan *) = { plan_names,
		plan_place, choose_account, plan_text };
	int status = refuse_account_options(ctl);

	for (size_t i = 0; i < sizeof(preparations) / sizeof(preparations[0]); i++)
		if (status == STATUS_DONE)
			status = preparations[i](ctl, plan);
	if (status != STATUS_DONE)
		return status;
	if (args_has(&ctl->args, "dry-run"))
		return print_plan(ctl, plan);
	status = write_file(ctl, plan);
	if (status == STATUS_DONE)
		status = load_file(ctl, plan);
	return status == STATUS_DONE ? issue_now(ctl, plan->name, true) : status;
}

static int
issue_new(struct ctl *ctl)
{
	struct plan plan = { 0 };
	int status = carry_out(ctl, &plan);

	plan_clear(&plan);
	return status;
}

/* Options that are for new certificates only. */
static int
issue_known(struct ctl *ctl)
{
	for (size_t i = 0; i < ctl->args.n_given; i++)
		for (const struct option_info *o = issue_options; o->name != NULL; o++)
			if (ctl->args.given[i].option == o)
				return ctl_fail(ctl, STATUS_USAGE,
				    "issue: --%s is for a new certificate: name its "
				    "domains with -d",
				    o->name);
	if (ctl->args.n_words != 1)
		return ctl_fail(ctl, STATUS_USAGE,
		    "issue: the name of one certificate, or -d with the domains of a new "
		    "one");
	return issue_now(ctl, ctl->args.words[0], false);
}

int
cmd_issue(struct ctl *ctl)
{
	return args_has(&ctl->args, "domain") ? issue_new(ctl) : issue_known(ctl);
}
