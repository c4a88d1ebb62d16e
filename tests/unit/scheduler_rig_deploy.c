/* SPDX-License-Identifier: ISC */
/* How certificates go into use in the scheduler's world, and who is told of trouble. */
#include <string.h>
#include <sys/queue.h>

#include "common/mem.h"
#include "daemon/config/config.h"
#include "daemon/hook/hook.h"
#include "daemon/renew/deploy.h"
#include "tests/unit/scheduler_rig_internal.h"
#include "tests/unit/unit.h"

struct deploy {
	TAILQ_ENTRY(deploy) entry;
	char *name;
	struct deploy_watcher watcher;
};

static TAILQ_HEAD(, deploy) deploys;

void
rig_begin_deploys(void)
{
	TAILQ_INIT(&deploys);
}

void
rig_check_deploys(void)
{
	assert_true(TAILQ_EMPTY(&deploys));
}

static struct deploy *
deploy_of(const char *name)
{
	struct deploy *d;

	TAILQ_FOREACH (d, &deploys, entry) {
		if (str_eq(d->name, name))
			return d;
	}
	return NULL;
}

struct deploy *
deploy_start(const struct deploy_deps *deps, const struct deploy_request *request,
    const struct deploy_watcher *watcher)
{
	struct deploy *d = xcalloc(1, sizeof(*d));

	(void)deps;
	assert_null(deploy_of(request->cert->name)); /* one at a time */
	assert_ptr_equal(config_cert(request->config, request->cert->name), request->cert);
	d->name = xstrdup(request->cert->name);
	d->watcher = *watcher;
	rig_say("deploy %s/%u, %s%s", d->name, request->version, request->event,
	    request->check ? ", as far as it does not fit" : "");
	assert_int_equal(request->version, rig_disk(d->name)->version);
	TAILQ_INSERT_TAIL(&deploys, d, entry);
	return d;
}

void
deploy_free(struct deploy *d)
{
	if (d == NULL)
		return;
	TAILQ_REMOVE(&deploys, d, entry);
	free(d->name);
	free(d);
}

const char *
deploy_step(const struct deploy *d)
{
	(void)d;
	return "reload";
}

bool
rig_is_deploying(const char *name)
{
	return deploy_of(name) != NULL;
}

static void
end_well(struct deploy *d, bool verified)
{
	assert_non_null(d);
	d->watcher.done(&(struct deploy_outcome){ .verified = verified }, d->watcher.arg);
}

bool
rig_end_deploy(void)
{
	if (!rig.deploys_well || TAILQ_EMPTY(&deploys))
		return false;
	end_well(TAILQ_FIRST(&deploys), rig.verifies);
	return true;
}

void
rig_deploy(const char *name, bool verified)
{
	end_well(deploy_of(name), verified);
	rig_settle();
}

void
rig_fail_deploy(const char *name)
{
	struct deploy *d = deploy_of(name);
	struct err err = { 0 };

	assert_non_null(d);
	err_set(&err, ERR_SYSTEM, "nginx.service: reload failed");
	d->watcher.done(&(struct deploy_outcome){ .err = &err }, d->watcher.arg);
	rig_settle();
}

/* ---- notify hooks: "tell-me failed a: order: no" ---- */

static const char *
value_of(const struct hook_request *request, const char *name)
{
	for (const char *const *one = request->environment; *one != NULL; one++)
		if (str_starts(*one, name) && (*one)[strlen(name)] == '=')
			return *one + strlen(name) + 1;
	fail_msg("a hook is not told %s", name);
	return NULL;
}

struct hook_run *
hook_start(struct hooks *h, const struct hook_request *request, hook_done_fn *done,
    void *arg)
{
	(void)h;
	(void)done;
	(void)arg;
	rig_say("%s %s %s: %s", request->command[0], value_of(request, "ACMED_EVENT"),
	    value_of(request, "ACMED_CERT"), value_of(request, "ACMED_TEXT"));
	return NULL;
}
