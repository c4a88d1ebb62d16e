/* SPDX-License-Identifier: ISC */
/*
 * problem - the only reader of problem documents (RFC 7807, RFC 8555 section 6.7): what a
 * CA said went wrong, as one readable sentence and a kind that says what can be done.
 */
#ifndef ACMED_PROBLEM_H
#define ACMED_PROBLEM_H

#include "common/err.h"

struct json_object;

/* An answer with a status of 300 or more. `doc` may be NULL, `retry_after` is in seconds,
 * 0 where the CA did not say. Returns -1. */
int problem_to_err(int status, struct json_object *doc, time_t retry_after,
    struct err *err);

/* The "error" member of an order or a challenge. Returns -1. */
int problem_object_to_err(struct json_object *problem, struct err *err);

#endif
