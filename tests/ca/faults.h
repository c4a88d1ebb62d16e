/* SPDX-License-Identifier: ISC */
/*
 * faults - what is to go wrong, as rules that a test sets at run time:
 *
 *	[{"at": "newOrder", "do": "status", "status": 503, "retry-after": 2, "count": 1}]
 *
 * at     an endpoint's name, or "any"
 * name   only for requests about this identifier
 * nth    from the nth such request on (1 is the first; 0, the default: from the first)
 * count  so many times (default: once with nth, else always)
 * do     one of the kinds in faults.c
 * after  true: the request is carried out first, then its answer is lost in this way
 * delay_ms, set (members of the answer: value), headers (name: value, null removes; a
 *        Date takes the place of the true one): with every kind, or alone
 *
 * The first rule that fits is taken. Rules see requests that are signed as they should be.
 */
#ifndef ACMED_CA_FAULTS_H
#define ACMED_CA_FAULTS_H

#include <stdbool.h>

#include "common/err.h"

struct call;
struct fault;
struct faults;
struct json_object;

struct faults *faults_new(void);
void faults_free(struct faults *f);

/* Replaces all rules; on an err none has changed. */
int faults_set(struct faults *f, struct json_object *rules, struct err *err);

/* The rule for this request, which is counted; NULL: nothing goes wrong. */
struct fault *faults_take(struct faults *f, const struct call *c);

/* Before the request is carried out. True: it is not, the reply is there. */
bool fault_before(const struct fault *fault, struct call *c);

/* What the reply becomes. */
void fault_after(const struct fault *fault, struct call *c);

#endif
