/* SPDX-License-Identifier: ISC */
/*
 * directory - what a CA offers and where (RFC 8555, section 7.1.1). One for each CA that
 * is spoken to, however many accounts and certificates use it: fetched when first needed,
 * by one request for all who wait, and kept for a day.
 */
#ifndef ACMED_DIRECTORY_H
#define ACMED_DIRECTORY_H

#include <stdbool.h>

#include "common/clean.h"
#include "common/err.h"
#include "daemon/io/http.h"

struct event_base;
struct json_object;
struct directories;
struct directory;
struct directory_wait;

struct directories *directories_new(struct event_base *loop, struct http *http);
void directories_free(struct directories *d);
DEFINE_CLEAN(directories, struct directories);

/* The one for this URL by this way; made where it is new. Copies the peer. Lives as long
 * as the directories. */
struct directory *directory_find(struct directories *d, const char *url,
    const struct http_peer *peer);

const char *directory_url(const struct directory *d);
const struct http_peer *directory_peer(const struct directory *d);
struct http *directory_http(const struct directory *d);
struct event_base *directory_loop(const struct directory *d);

/* Calls back once, from the loop, never before it has returned; not at all when the wait
 * was freed. A NULL err: the directory is there. */
typedef void directory_done_fn(const struct err *err, void *arg);
struct directory_wait *directory_load(struct directory *d, directory_done_fn *done,
    void *arg);
void directory_wait_free(struct directory_wait *w);

/* After a successful load. The URL of a resource ("newOrder", ...); NULL where the CA has
 * none. */
const char *directory_get(const struct directory *d, const char *resource);
int directory_need(const struct directory *d, const char *resource, const char **ret,
    struct err *err);
struct json_object *directory_meta(const struct directory *d); /* or NULL */

/* Whether a URL that the CA gave may be asked: https, at a host of the directory or of
 * the same domain. */
int directory_check_url(const struct directory *d, const char *url, struct err *err);

/* The next load asks the CA again. */
void directory_forget(struct directory *d);

#endif
