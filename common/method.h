/* SPDX-License-Identifier: ISC */
/*
 * method - what the daemon can be asked over its socket. The one list: the dispatcher of
 * acmed, the client in acmectl, and tests of io.acmed.varlink, of the manual pages and of
 * the completions all read it.
 */
#ifndef ACMED_METHOD_H
#define ACMED_METHOD_H

enum method_flag {
	METHOD_READS = 0,        /* for the read-group too */
	METHOD_CHANGES = 1 << 0, /* for uid 0, the daemon's own uid and the control group */
	METHOD_STREAMS = 1 << 1, /* with "more": true, events come before the result */
};

/* X(identifier, name in io.acmed, flags, help) */
#define METHODS(X)                                                                       \
	X(status, "Status", METHOD_READS, "Certificates with their state and schedule")  \
	X(show, "Show", METHOD_READS, "All that is known of one certificate")            \
	X(why, "Why", METHOD_READS, "The decision about a certificate, and its reasons") \
	X(issue, "Issue", METHOD_CHANGES | METHOD_STREAMS, "Obtain a certificate now")   \
	X(renew, "Renew", METHOD_CHANGES | METHOD_STREAMS,                               \
	    "Renew what is due, or by force")                                            \
	X(rollback, "Rollback", METHOD_CHANGES | METHOD_STREAMS,                         \
	    "Put an earlier version back and deploy it")                                 \
	X(hold, "Hold", METHOD_CHANGES, "No orders for a certificate for a while")       \
	X(resume, "Resume", METHOD_CHANGES, "Orders again")                              \
	X(plan, "Plan", METHOD_READS, "What a reload would do")                          \
	X(config_show, "ConfigShow", METHOD_READS, "The configuration in force")         \
	X(reload, "Reload", METHOD_CHANGES, "Read the configuration again")              \
	X(watch, "Watch", METHOD_READS | METHOD_STREAMS, "Events as they happen")        \
	X(set_log_level, "SetLogLevel", METHOD_CHANGES, "Say more, or less")             \
	X(ping, "Ping", METHOD_READS, "Is the daemon alive, and which version")

enum method {
#define X(id, name, flags, help) METHOD_##id,
	METHODS(X)
#undef X
	    METHOD_COUNT
};

struct method_info {
	const char *name;
	unsigned flags;
	const char *help;
};

#define METHOD_INTERFACE "io.acmed"

extern const struct method_info method_info[METHOD_COUNT];

/* By the qualified name, "io.acmed.Status"; METHOD_COUNT where there is no such. */
enum method method_find(const char *qualified);

/* The text of io.acmed.varlink, compiled in. */
extern const char method_interface_text[];

#endif
