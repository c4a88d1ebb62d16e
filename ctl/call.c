/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/endpoint.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "ctl/client.h"
#include "ctl/cmd.h"

#define SILENCE_S 30 /* an answer that needs no CA takes milliseconds */

static int
connect_once(struct ctl *ctl)
{
	struct err err = { 0 };
	int fd;

	if (ctl->client != NULL)
		return STATUS_DONE;
	fd = endpoint_connect(ctl->socket, &err);
	if (fd != -1) {
		ctl->client = client_new(fd);
		return STATUS_DONE;
	}
	if (access(ctl->socket, W_OK) == -1 && errno == EACCES)
		return ctl_fail(ctl, STATUS_NOT_PERMITTED,
		    "%s; become root, or a member of the group under \"control:\" in the "
		    "daemon's configuration",
		    err.text);
	return ctl_fail(ctl, STATUS_UNREACHABLE, "%s; start it, or name its socket with -s",
	    err.text);
}

static int
send_call(struct ctl *ctl, enum method method, struct json_object *parameters, bool more)
{
	CLEAN(string)
	char *name = xasprintf(METHOD_INTERFACE ".%s", method_info[method].name);
	struct err err = { 0 };
	int status = connect_once(ctl);

	if (status != STATUS_DONE)
		return status;
	if (client_send(ctl->client, name, parameters, more, &err) == -1)
		return ctl_fail(ctl, STATUS_UNREACHABLE, "%s", err.text);
	return STATUS_DONE;
}

/* What is not a reply ends the command. */
static int
end_of_call(struct ctl *ctl, enum client_result result, struct json_object *message,
    const struct err *err)
{
	switch (result) {
	case CLIENT_REFUSED:
		return ctl_refused(ctl, message);
	case CLIENT_FAILED:
		return ctl_fail(ctl, STATUS_UNREACHABLE, "%s", err->text);
	case CLIENT_UNREAD:
		return STATUS_FAILED;
	default:
		return ctl_fail(ctl, STATUS_UNREACHABLE,
		    "the daemon's answer has more parts than were asked for");
	}
}

int
ctl_call(struct ctl *ctl, enum method method, struct json_object *parameters,
    struct json_object **ret)
{
	CLEAN(json) struct json_object *owned = parameters;
	CLEAN(json) struct json_object *message = NULL;
	int silence_s = ctl->silence_s >= 0 ? ctl->silence_s : SILENCE_S;
	struct err err = { 0 };
	enum client_result result;
	int status = send_call(ctl, method, owned, false);

	if (status != STATUS_DONE)
		return status;
	result = client_next(ctl->client, silence_s, false, &message, &err);
	if (result != CLIENT_REPLY)
		return end_of_call(ctl, result, message, &err);
	*ret = TAKE(message);
	return STATUS_DONE;
}

static void
handle_more(struct ctl *ctl, struct json_object *parameters,
    const struct stream_handler *handler)
{
	struct json_object *event = json_get_object(parameters, "event");

	if (ctl->json)
		ctl_print_json(ctl, parameters);
	if (event != NULL)
		handler->on_event(ctl, event, handler->arg);
}

/* What ends the stream, with the last message in *ret; CLIENT_UNREAD also where nothing
 * can be written any more. */
static enum client_result
read_events(struct ctl *ctl, const struct stream_handler *handler, struct json_object **ret,
    struct err *err)
{
	int silence_s = ctl->silence_s >= 0 ? ctl->silence_s : 0;

	for (;;) {
		CLEAN(json) struct json_object *message = NULL;
		enum client_result result =
		    client_next(ctl->client, silence_s, true, &message, err);

		if (result == CLIENT_MORE)
			handle_more(ctl, message, handler);
		else if (result == CLIENT_TICK)
			progress_tick(&ctl->progress);
		else
			*ret = TAKE(message);
		if (result != CLIENT_MORE && result != CLIENT_TICK)
			return result;
		if (ferror(ctl->screen.out))
			return CLIENT_UNREAD;
	}
}

int
ctl_stream(struct ctl *ctl, enum method method, struct json_object *parameters,
    const struct stream_handler *handler, struct json_object **ret)
{
	CLEAN(json) struct json_object *owned = parameters;
	CLEAN(json) struct json_object *message = NULL;
	struct err err = { 0 };
	enum client_result result;
	int status = send_call(ctl, method, owned, true);

	if (status != STATUS_DONE)
		return status;
	result = read_events(ctl, handler, &message, &err);
	progress_hide(&ctl->progress);
	if (result != CLIENT_REPLY)
		return end_of_call(ctl, result, message, &err);
	if (ctl->json)
		ctl_print_json(ctl, message);
	*ret = TAKE(message);
	return STATUS_DONE;
}

char *
event_text(struct json_object *event)
{
	const char *step = json_get_string(event, "step");
	const char *text = json_get_string(event, "text");

	if (text == NULL || *text == '\0')
		text = step != NULL ? step : "";
	if (step == NULL || text_is_first_word(text, step))
		return xstrdup(text);
	return xasprintf("%s %s", step, text);
}

struct json_object *
ctl_names(const struct ctl *ctl)
{
	struct json_object *parameters = must(json_object_new_object());

	if (ctl->args.n_words > 0)
		json_add_strings(parameters, "names", ctl->args.words);
	return parameters;
}
