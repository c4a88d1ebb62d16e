/* SPDX-License-Identifier: ISC */
/*
 * deploy_rig - a world for a deployment: outputs, units, a queue, hooks and servers that do
 * what the test says, on a clock that goes on only while somebody waits for it. What it
 * does is a transcript, one line a deed.
 */
#ifndef ACMED_DEPLOY_RIG_H
#define ACMED_DEPLOY_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/str.h"
#include "daemon/config/config.h"
#include "daemon/io/bus.h"
#include "daemon/renew/deploy.h"

#define RIG_VERSION 7
#define RIG_NEVER   INT64_MAX

/* One address of an endpoint. */
struct rig_server {
	const char *connect;
	const char *address;
	int64_t new_from;    /* ms after the start: until then it serves the old leaf */
	int64_t fails_until; /* and until then, nothing */
	enum err_kind fails; /* why not */
};

struct rig {
	struct deploy *deploy;
	struct deploy_request request;
	struct text transcript;
	int64_t now;         /* ms since the start */
	int64_t probe_takes; /* ms */
	const char *current; /* "/a /b": outputs that are as they should be */
	const char *breaks;  /* the output, unit, entry or program that fails, or NULL */
	bool no_version;     /* the generation cannot be read */
	bool quiet;          /* no lines for looks at endpoints */

	/* ---- how it ended ---- */

	bool ended;
	struct err err; /* ERR_NONE: in use */
	bool verified;
	bool untouched;

	/* ---- what the last hook was given ---- */

	char *environment; /* a line each */
	char *command;     /* words, a blank between them */
	char *label;
	char *home;
	char *hidden;
	time_t timeout;
};
extern struct rig rig;

int rig_set_up(void **state);
int rig_tear_down(void **state);

/* ---- the configuration: in this order, before the start ---- */

void rig_output(const char *path);
void rig_unit(enum bus_verb verb, const char *unit);
void rig_queue(const char *entry);
void rig_hook(const char *program, const char *argument);
struct verify_config *rig_verify(const char *connect);

/* The endpoint has this address, too, and serves the new leaf there. */
struct rig_server *rig_server(const char *connect, const char *address);

/* An output, a unit, the queue, a hook, and an endpoint with two addresses. */
void rig_all(void);

/* ---- going on ---- */

void rig_start(void);

/* One thing ends, or a pause does; false where there is none. */
bool rig_step(void);

/* Until there is none. */
void rig_run(void);

/* From the start to the end, which is to be like that. */
void rig_succeeds(void);
void rig_fails(enum err_kind kind, const char *text);

/* And what was done on the way. */
void rig_expect(const char *transcript);
void rig_forget(void);
unsigned rig_count(const char *what);

/* A task that was freed while it ran comes to its end. */
void rig_end_orphan(void);

#endif
