/* SPDX-License-Identifier: ISC */
/*
 * certfile - the text of a certificate's file, certs.d/NAME.yaml, from the options of
 * `acmectl issue -d`, and putting it there. What comes from the command line is checked
 * or quoted: no value can add a key of its own.
 */
#ifndef ACMED_CERTFILE_H
#define ACMED_CERTFILE_H

#include <stdbool.h>

#include "common/err.h"
#include "common/str.h"
#include "ctl/args.h"

/* The options of issue; certfile_print() knows what becomes of each. */
extern const struct option_info issue_options[];

/* The normalized names from -d and the words, each once; NULL and an err otherwise. */
char **certfile_domains(const struct args *args, struct err *err);

/* --name, or the first domain without its "*.": safe as a file's name. Owned by the
 * caller. */
char *certfile_name(const struct args *args, const char *first_domain, struct err *err);

/* `account` may be NULL: the configuration's own choice. */
int certfile_print(const struct args *args, const char *name, const char *const *domains,
    const char *account, struct text *ret, struct err *err);

/* Whole and synced, or not at all; *exists where a file is there, which stays. */
int certfile_write(const char *directory, const char *path, const char *text, bool *exists,
    struct err *err);

#endif
