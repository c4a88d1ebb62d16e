/* SPDX-License-Identifier: ISC */
#include "common/frame.h"

#include <string.h>

#include "common/json.h"

enum frame_result
frame_next(const char *bytes, size_t length, size_t *used, struct json_object **ret,
    struct err *err)
{
	CLEAN(json) struct json_object *message = NULL;
	size_t looked_at = length <= FRAME_MAX ? length : FRAME_MAX + 1;
	const char *end = looked_at > 0 ? memchr(bytes, '\0', looked_at) : NULL;

	if (end == NULL && length <= FRAME_MAX)
		return FRAME_INCOMPLETE;
	if (end == NULL) {
		err_set(err, ERR_PROTOCOL, "a message of more than %d bytes", FRAME_MAX);
		return FRAME_BROKEN;
	}
	message = json_parse(bytes, (size_t)(end - bytes), err);
	if (message == NULL)
		return FRAME_BROKEN;
	if (!json_object_is_type(message, json_type_object)) {
		err_set(err, ERR_PROTOCOL, "a message that is not a JSON object");
		return FRAME_BROKEN;
	}
	*used = (size_t)(end - bytes) + 1;
	*ret = TAKE(message);
	return FRAME_MESSAGE;
}

char *
frame_print(struct json_object *message, size_t *length)
{
	char *text = json_print(message);

	*length = strlen(text) + 1;
	return text;
}
