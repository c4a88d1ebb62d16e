/* SPDX-License-Identifier: ISC */
#include "ctl/args.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"

struct parser {
	const struct command *commands;
	const struct option_info *globals;
	char *const *argv;
	int argc;
	int next;   /* the argument to read next */
	char *name; /* the words of a command that is not whole yet */
	struct args *args;
};

/* ---- commands ---- */

const struct command *
command_find(const struct command *commands, const char *name)
{
	for (; commands->name != NULL; commands++)
		if (str_eq(commands->name, name))
			return commands;
	return NULL;
}

/* "config show, config check" for "config"; NULL where no command begins like that. */
static char *
commands_that_begin(const struct command *commands, const char *word)
{
	CLEAN(string) char *start = xasprintf("%s ", word);
	CLEAN(strv) char **found = NULL;

	for (; commands->name != NULL; commands++)
		if (str_starts(commands->name, start))
			strv_add(&found, commands->name);
	return found != NULL ? strv_join((const char *const *)found, ", ") : NULL;
}

static int
no_such_command(const struct parser *p, const char *name, struct err *err)
{
	CLEAN(strv) char **names = NULL;
	const char *nearest;

	for (const struct command *c = p->commands; c->name != NULL; c++)
		strv_add(&names, c->name);
	nearest = str_nearest(name, (const char *const *)names);
	if (nearest != NULL)
		return err_set(err, ERR_CONFIG,
		    "there is no command \"%s\"; did you mean \"%s\"?", name, nearest);
	return err_set(err, ERR_CONFIG,
	    "there is no command \"%s\"; \"acmectl help\" lists those there are", name);
}

/* A word of the command's name. */
static int
take_command_word(struct parser *p, const char *word, struct err *err)
{
	CLEAN(string) char *before = TAKE(p->name);
	CLEAN(string) char *more = NULL;

	p->name = before == NULL ? xstrdup(word) : xasprintf("%s %s", before, word);
	p->args->command = command_find(p->commands, p->name);
	if (p->args->command != NULL)
		return 0;
	more = commands_that_begin(p->commands, p->name);
	return more != NULL ? 0 : no_such_command(p, p->name, err);
}

static int
check_command_whole(const struct parser *p, struct err *err)
{
	CLEAN(string) char *more = NULL;

	if (p->args->command != NULL || p->name == NULL)
		return 0;
	more = commands_that_begin(p->commands, p->name);
	return err_set(err, ERR_CONFIG, "\"%s\" needs a second word: %s", p->name,
	    more ? more : "");
}

/* ---- options ---- */

static const struct option_info *
find_in(const struct option_info *table, const char *name, size_t length, char letter)
{
	if (table == NULL)
		return NULL;
	for (; table->name != NULL; table++) {
		if (letter != 0 && table->letter == letter)
			return table;
		if (letter == 0 && strlen(table->name) == length &&
		    strncmp(table->name, name, length) == 0)
			return table;
	}
	return NULL;
}

/* By name, or by letter where that is not 0. */
static const struct option_info *
find_option(const struct parser *p, const char *name, size_t length, char letter)
{
	const struct command *command = p->args->command;
	const struct option_info *found = find_in(p->globals, name, length, letter);

	if (found == NULL && command != NULL)
		found = find_in(command->options, name, length, letter);
	return found;
}

static void
add_names(char ***names, const struct option_info *table)
{
	for (; table != NULL && table->name != NULL; table++)
		strv_add(names, table->name);
}

static int
no_such_option(const struct parser *p, const char *written, struct err *err)
{
	const struct command *command = p->args->command;
	CLEAN(strv) char **names = NULL;
	const char *nearest = NULL;

	add_names(&names, p->globals);
	if (command != NULL)
		add_names(&names, command->options);
	if (str_starts(written, "--"))
		nearest = str_nearest(written + 2, (const char *const *)names);
	if (nearest != NULL)
		return err_set(err, ERR_CONFIG, "there is no option %s; did you mean --%s?",
		    written, nearest);
	if (command == NULL)
		return err_set(err, ERR_CONFIG,
		    "there is no option %s for all commands; options of one come after it",
		    written);
	return err_set(err, ERR_CONFIG,
	    "%s has no option %s; \"acmectl help %s\" lists those it has", command->name,
	    written, command->name);
}

static void
add_given(struct args *args, const struct option_info *option, const char *value)
{
	args->given = xrealloc(args->given, args->n_given + 1, sizeof(*args->given));
	args->given[args->n_given++] =
	    (struct args_given){ .option = option, .value = value };
}

/* `attached` is what stands in the same argument; NULL: nothing does. */
static int
take_value(struct parser *p, const struct option_info *option, const char *attached,
    struct err *err)
{
	if (attached == NULL && p->next < p->argc)
		attached = p->argv[p->next++];
	if (attached == NULL)
		return err_set(err, ERR_CONFIG, "--%s needs a value: --%s %s", option->name,
		    option->name, option->value);
	add_given(p->args, option, attached);
	return 0;
}

static int
take_long(struct parser *p, const char *argument, struct err *err)
{
	const char *name = argument + 2;
	size_t length = strcspn(name, "=");
	const char *attached = name[length] == '=' ? name + length + 1 : NULL;
	const struct option_info *option = find_option(p, name, length, 0);

	if (option == NULL) {
		CLEAN(string) char *written = xstrndup(argument, 2 + length);

		return no_such_option(p, written, err);
	}
	if (option->value != NULL)
		return take_value(p, option, attached, err);
	if (attached != NULL)
		return err_set(err, ERR_CONFIG, "--%s takes no value", option->name);
	add_given(p->args, option, NULL);
	return 0;
}

static int
take_short(struct parser *p, const char *argument, struct err *err)
{
	for (const char *letter = argument + 1; *letter != '\0'; letter++) {
		const struct option_info *option = find_option(p, NULL, 0, *letter);

		if (option == NULL) {
			const char written[] = { '-', *letter, '\0' };

			return no_such_option(p, written, err);
		}
		if (option->value != NULL)
			return take_value(p, option, letter[1] != '\0' ? letter + 1 : NULL,
			    err);
		add_given(p->args, option, NULL);
	}
	return 0;
}

/* ---- all of it ---- */

static void
add_word(struct args *args, const char *word)
{
	args->words = xrealloc(args->words, args->n_words + 2, sizeof(*args->words));
	args->words[args->n_words++] = word;
	args->words[args->n_words] = NULL;
}

static int
take_word(struct parser *p, const char *word, struct err *err)
{
	if (p->args->command == NULL)
		return take_command_word(p, word, err);
	add_word(p->args, word);
	return 0;
}

static int
take_next(struct parser *p, bool *options_ended, struct err *err)
{
	const char *argument = p->argv[p->next++];

	if (*options_ended || argument[0] != '-' || argument[1] == '\0')
		return take_word(p, argument, err);
	if (str_eq(argument, "--")) {
		*options_ended = true;
		return 0;
	}
	return argument[1] == '-' ? take_long(p, argument, err)
				  : take_short(p, argument, err);
}

int
args_parse(int argc, char *const *argv, const struct command *commands,
    const struct option_info *globals, struct args *ret, struct err *err)
{
	struct args args = { 0 };
	struct parser p = { .commands = commands,
		.globals = globals,
		.argv = argv,
		.argc = argc,
		.next = 1,
		.args = &args };
	bool options_ended = false;
	int result = 0;

	while (result == 0 && p.next < argc)
		result = take_next(&p, &options_ended, err);
	if (result == 0)
		result = check_command_whole(&p, err);
	free(p.name);
	if (result == 0)
		*ret = args;
	else
		args_clear(&args);
	return result;
}

void
args_clear(struct args *args)
{
	free(args->words);
	free(args->given);
	*args = (struct args){ 0 };
}

int
args_check_count(const struct args *args, struct err *err)
{
	const struct command *command = args->command;

	if (args->n_words < command->least)
		return err_set(err, ERR_CONFIG, "%s needs more than that: acmectl %s %s",
		    command->name, command->name, command->arguments);
	if (args->n_words > command->most)
		return err_set(err, ERR_CONFIG, "\"%s\" is too much for %s: acmectl %s%s%s",
		    args->words[command->most], command->name, command->name,
		    command->most > 0 ? " " : "", command->arguments);
	return 0;
}

bool
args_has(const struct args *args, const char *option)
{
	for (size_t i = 0; i < args->n_given; i++)
		if (str_eq(args->given[i].option->name, option))
			return true;
	return false;
}

const char *
args_value(const struct args *args, const char *option)
{
	const char *value = NULL;

	for (size_t i = 0; i < args->n_given; i++)
		if (str_eq(args->given[i].option->name, option))
			value = args->given[i].value;
	return value;
}

char **
args_values(const struct args *args, const char *option)
{
	char **values = NULL;

	for (size_t i = 0; i < args->n_given; i++)
		if (str_eq(args->given[i].option->name, option))
			strv_add(&values, args->given[i].value);
	return values;
}
