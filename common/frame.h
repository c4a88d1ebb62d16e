/* SPDX-License-Identifier: ISC */
/* frame - Varlink's framing: one JSON object, then a NUL byte. On bytes, without I/O. */
#ifndef ACMED_FRAME_H
#define ACMED_FRAME_H

#include <stddef.h>

#include "common/err.h"

struct json_object;

#define FRAME_MAX (1 << 20) /* of one message, without its NUL */

enum frame_result {
	FRAME_MESSAGE,    /* *ret is set, *used bytes were eaten */
	FRAME_INCOMPLETE, /* give it more bytes, from the same start */
	FRAME_BROKEN,     /* err says why; the connection is beyond repair */
};

/* Takes the first message off `bytes`. Call again until it says FRAME_INCOMPLETE. */
enum frame_result frame_next(const char *bytes, size_t length, size_t *used,
    struct json_object **ret, struct err *err);

/* The message with its NUL; *length counts it. Owned by the caller. */
char *frame_print(struct json_object *message, size_t *length);

#endif
