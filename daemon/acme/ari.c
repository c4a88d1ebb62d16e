/* SPDX-License-Identifier: ISC */
#include "daemon/acme/ari.h"

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/acme/directory.h"
#include "daemon/acme/problem.h"
#include "daemon/io/clock.h"
#include "daemon/io/http.h"

struct ari_fetch {
	struct directory *directory;
	char *cert_id;
	struct directory_wait *wait;
	struct http_request *request;
	ari_done_fn *done;
	void *arg;
};

static int
need_time(struct json_object *doc, const char *key, time_t *ret, struct err *err)
{
	const char *text;

	if (json_need_string(doc, key, &text, err) == -1)
		return -1;
	if (timefmt_parse(text, ret, err) == -1)
		return err_prefix(err, "%s", key);
	return 0;
}

int
ari_parse(struct json_object *doc, struct ari_answer *ret, struct err *err)
{
	struct json_object *suggested;
	const char *explanation = json_get_string(doc, "explanationURL");
	struct ari_window w;

	if (json_need_object(doc, "suggestedWindow", &suggested, err) == -1)
		return -1;
	if (need_time(suggested, "start", &w.start, err) == -1 ||
	    need_time(suggested, "end", &w.end, err) == -1)
		return err_prefix(err, "suggestedWindow");
	if (w.end <= w.start)
		return err_set(err, ERR_PROTOCOL, "suggestedWindow ends before it starts");
	if (!str_starts(explanation, "http://") && !str_starts(explanation, "https://"))
		explanation = NULL;
	*ret = (struct ari_answer){ .window = w, .explanation = explanation };
	return 0;
}

time_t
ari_pick(const struct ari_window *w, uint32_t random)
{
	/* Scaled in 64 bits: a window of 136 years fits. */
	uint64_t last = (uint64_t)(w->end - w->start) - 1;

	if (last > UINT32_MAX)
		last = UINT32_MAX;
	return w->start + (time_t)(last * random / UINT32_MAX);
}

/* ---- asking ---- */

static void
fetch_ended(struct ari_fetch *f, const struct ari_answer *answer, const struct err *err)
{
	ari_done_fn *done = f->done;
	void *arg = f->arg;
	struct err copy = err ? *err : (struct err){ 0 };

	if (err != NULL)
		err_prefix(&copy, "renewalInfo");
	ari_fetch_free(f);
	done(answer, err ? &copy : NULL, arg);
}

static void
on_reply(const struct http_reply *reply, const struct err *failure, void *arg)
{
	struct ari_fetch *f = arg;
	struct ari_answer answer = { 0 };
	struct err err = { 0 };
	CLEAN(json) struct json_object *doc = NULL;
	time_t retry_after = 0;

	f->request = NULL;
	if (failure != NULL) {
		fetch_ended(f, NULL, failure);
		return;
	}
	timefmt_parse_retry_after(http_header(reply, "Retry-After", 0), clock_now(),
	    &retry_after);
	doc = json_parse(reply->body, reply->body_length, &err);
	if (reply->status != 200) {
		err = (struct err){ 0 };
		problem_to_err(reply->status, doc, retry_after, &err);
	} else if (doc != NULL) {
		ari_parse(doc, &answer, &err);
	}
	answer.retry_after = retry_after;
	fetch_ended(f, err.kind ? NULL : &answer, err.kind ? &err : NULL);
}

static void
on_directory(const struct err *failure, void *arg)
{
	struct ari_fetch *f = arg;
	const char *prefix = directory_get(f->directory, "renewalInfo");
	struct err err = { 0 };
	CLEAN(string) char *url = NULL;
	struct http_call call = { .method = HTTP_GET, .accept = "application/json" };

	f->wait = NULL;
	if (failure != NULL || prefix == NULL) {
		fetch_ended(f, NULL, failure);
		return;
	}
	if (directory_check_url(f->directory, prefix, &err) == -1) {
		fetch_ended(f, NULL, &err);
		return;
	}
	url = xasprintf("%s%s%s", prefix, str_ends(prefix, "/") ? "" : "/", f->cert_id);
	call.url = url;
	call.peer = directory_peer(f->directory);
	f->request = http_start(directory_http(f->directory), &call, on_reply, f);
}

struct ari_fetch *
ari_fetch_start(struct directory *directory, const char *cert_id, ari_done_fn *done,
    void *arg)
{
	struct ari_fetch *f = xcalloc(1, sizeof(*f));

	f->directory = directory;
	f->cert_id = xstrdup(cert_id);
	f->done = done;
	f->arg = arg;
	f->wait = directory_load(directory, on_directory, f);
	return f;
}

void
ari_fetch_free(struct ari_fetch *f)
{
	if (f == NULL)
		return;
	directory_wait_free(f->wait);
	http_request_free(f->request);
	free(f->cert_id);
	free(f);
}
