/* SPDX-License-Identifier: ISC */
/*
 * args - a command line: `acmectl [OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]`.
 *
 * Options stand in tables, those that every command takes in one, those of a command in
 * its own. A command is one word or two ("config show"). Global options may stand before,
 * between and after the words of a command; `--` ends the options. Long options are
 * written out; short ones may be put together, a value may stick to its letter.
 *
 * Strings are borrowed from argv.
 */
#ifndef ACMED_ARGS_H
#define ACMED_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/clean.h"
#include "common/err.h"

/* A table of these ends with one without a name. */
struct option_info {
	char letter;       /* 0: none */
	const char *name;  /* without its dashes */
	const char *value; /* what help calls it; NULL: the option takes none */
	const char *help;  /* NULL: accepted, but not in the help */
};

struct ctl;

/* A table of these, too. */
struct command {
	const char *name;
	const char *arguments; /* for people: "[NAME...]" */
	size_t least, most;    /* how many arguments it takes */
	const struct option_info *options;
	const char *help;
	int (*run)(struct ctl *ctl); /* the exit status */
};

struct args_given {
	const struct option_info *option;
	const char *value;
};

struct args {
	const struct command *command; /* NULL: none was named */
	const char **words;            /* its arguments, NULL-terminated */
	size_t n_words;
	struct args_given *given;
	size_t n_given;
};

/* Fails with an ERR_CONFIG that says what is wrong with the line. */
int args_parse(int argc, char *const *argv, const struct command *commands,
    const struct option_info *globals, struct args *ret, struct err *err);
void args_clear(struct args *args);

/* Does the command take that many arguments? */
int args_check_count(const struct args *args, struct err *err);

bool args_has(const struct args *args, const char *option);
const char *args_value(const struct args *args, const char *option); /* the last one */

/* All values of an option in their order: a new list, NULL where it was not given. */
char **args_values(const struct args *args, const char *option);

/* By its whole name; NULL where there is no such. */
const struct command *command_find(const struct command *commands, const char *name);

#endif
