/* SPDX-License-Identifier: ISC */
/* json_scan - is this JSON, to the letter of RFC 8259? For json.c only, which has json-c
 * build the document: that parser lets too much through. */
#ifndef ACMED_JSON_SCAN_H
#define ACMED_JSON_SCAN_H

#include <stddef.h>

#include "common/err.h"

#define JSON_DEPTH_MAX 16

/* One value, nothing after it, at most JSON_DEPTH_MAX levels. Counts the members of all
 * objects in it. ERR_PROTOCOL and "not JSON at offset 3: ..." otherwise. */
int json_scan(const char *text, size_t length, size_t *n_members, struct err *err);

#endif
