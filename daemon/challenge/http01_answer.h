/* SPDX-License-Identifier: ISC */
/*
 * http01_answer - the answers of http01, as bytes: which tokens are live, what is said
 * about one, and what about anything else. No request's bytes but a whole, well-formed
 * token are ever repeated.
 */
#ifndef ACMED_HTTP01_ANSWER_H
#define ACMED_HTTP01_ANSWER_H

#include "common/clean.h"
#include "common/str.h"
#include "daemon/challenge/http01.h"

struct http01_answers;

struct http01_answers *http01_answers_new(void);
void http01_answers_free(struct http01_answers *a);
DEFINE_CLEAN(http01_answers, struct http01_answers);

/* As http01_put() and the others of that kind. */
void http01_answers_put(struct http01_answers *a, const char *token,
    const char *key_authorization);
void http01_answers_remove(struct http01_answers *a, const char *token);
void http01_answers_set_default(struct http01_answers *a, const char *thumbprint);

enum http01_answer {
	HTTP01_LIVE,    /* 200, for a token that was put */
	HTTP01_DEFAULT, /* 200, with the default thumbprint */
	HTTP01_REFUSED, /* 404 or 400; it says that the connection ends */
};

/* Adds the answer to a request; says what it was. */
enum http01_answer http01_answer(struct http01_answers *a, enum http01_parsed parsed,
    const struct http01_request *request, struct text *out);

#endif
