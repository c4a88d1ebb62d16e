/* SPDX-License-Identifier: ISC */
/* server - the ACME side: HTTPS, who is asked, what is answered, and the log of it. */
#ifndef ACMED_CA_SERVER_H
#define ACMED_CA_SERVER_H

#include "common/err.h"

struct ca;
struct evhttp;
struct json_object;
struct server;

/* Listens on 127.0.0.1:*port; 0: any, and says which. */
struct server *server_new(struct ca *ca, int *port, struct err *err);
void server_free(struct server *s);

/* An evhttp server's listening socket, with a backlog for a thousand clients at once. */
int server_listen(struct evhttp *http, int *port, struct err *err);

/* What was asked since the last clearing: [{endpoint, method, path, status, connection,
 * at_ms, fault}]; only of one endpoint where `at` is not NULL. The caller's. */
struct json_object *server_log(const struct server *s, const char *at);
void server_clear_log(struct server *s);

#endif
