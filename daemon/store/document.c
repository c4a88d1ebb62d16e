/* SPDX-License-Identifier: ISC */
/* document - what is remembered of all certificates together: STATE-DIR/NAME.json. */
#include <errno.h>
#include <string.h>

#include "common/json.h"
#include "common/log.h"
#include "daemon/io/file.h"
#include "daemon/store/store.h"
#include "daemon/store/store_internal.h"

struct json_object *
store_document(const struct store *s, const char *name)
{
	struct err err = { 0 };
	struct json_object *doc = layout_read_json(s->dir, name, &err);

	if (doc == NULL && errno == EBADMSG)
		layout_set_aside(s, s->dir, ".", name, err.text);
	else if (doc == NULL && errno != ENOENT)
		log_warn("%s/%s", s->path, err.text);
	return doc;
}

int
store_save_document(struct store *s, const char *name, const char *text, struct err *err)
{
	if (file_replace(s->dir, name, 0600, text, strlen(text), err) == -1)
		return err_prefix(err, "%s", s->path);
	return 0;
}
