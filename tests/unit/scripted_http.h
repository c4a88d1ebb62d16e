/* SPDX-License-Identifier: ISC */
/*
 * scripted_http - stands in for http.c and clock.c at link time: what is asked is written
 * down in a transcript, what it gets back is read off a script, and the time is ours.
 */
#ifndef ACMED_SCRIPTED_HTTP_H
#define ACMED_SCRIPTED_HTTP_H

#include <stddef.h>
#include <time.h>

#include "common/str.h"
#include "daemon/io/http.h"

struct scripted_reply {
	const char *failure; /* instead of an answer: an ERR_NETWORK with this text */
	int status;          /* 0: no answer, ever */
	const char *body;    /* NULL: none */
	const char *headers; /* "Name: value\nName: value" */
};

extern struct scripted_http {
	struct event_base *loop;
	struct http *http; /* for functions that want one */
	const struct scripted_reply *script;
	size_t left;            /* of the script */
	struct text transcript; /* "GET https://ca.example/directory\n" */
	size_t open;            /* requests that are under way */
	time_t now;
	struct http_call last; /* only what is no pointer, and the peer */
	struct text accepts;   /* "application/json\n", one line a request */
} h;

/* For setup and teardown of every test. */
int scripted_http_set_up(void **state);
int scripted_http_tear_down(void **state);
#define HTTP_TEST(function)                                             \
	cmocka_unit_test_setup_teardown(function, scripted_http_set_up, \
	    scripted_http_tear_down)

/* The answers to the requests that follow, in this order. */
void scripted_http_answer(const struct scripted_reply *script, size_t count);
#define ANSWER(...)                                                          \
	scripted_http_answer((const struct scripted_reply[]){ __VA_ARGS__ }, \
	    sizeof((const struct scripted_reply[]){ __VA_ARGS__ }) /         \
		sizeof(struct scripted_reply))

/* Runs the loop until nothing is left to do. */
void scripted_http_run(void);

/* What was asked since the last time. */
void assert_asked(const char *expected);

#endif
