/* SPDX-License-Identifier: ISC */
/*
 * facts - what is known of the pair in force, in state/CERT.json: with it a start need not
 * read every pair of a hundred thousand, as long as their files have not changed.
 */
#ifndef ACMED_FACTS_H
#define ACMED_FACTS_H

#include "daemon/crypto/cert.h"

struct json_object;

/* Adds "certificate" to the document; nothing where the files have no stamp. */
void facts_to_json(struct json_object *doc, const struct cert_info *info, unsigned version);

/* Of that version; NULL where there are none, or what they say cannot be. The caller
 * compares the stamp. */
struct cert_info *facts_read(struct json_object *doc, unsigned version);

#endif
