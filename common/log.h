/* SPDX-License-Identifier: ISC */
/*
 * log - one line per fact: to stderr (with <N> priorities where the journal reads it),
 * to syslog, or to whatever sink the daemon sets.
 *
 * ERROR: a person has to act. WARN: it will be tried again. INFO: what an operator tells
 * the story with. DEBUG: transitions, requests, timings. TRACE: every event. Never a key,
 * a nonce or a credential at any level. Certificate first, present tense, no final stop.
 */
#ifndef ACMED_LOG_H
#define ACMED_LOG_H

#include <stdbool.h>

#include "common/err.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_TRACE,
	LOG_LEVEL_COUNT
};

/* What a line is about; each may be NULL. */
struct log_fields {
	const char *cert;
	const char *account;
	const char *order;
	const char *step;
	const char *problem;
	const char *message_id; /* 128 bits in hex, see docs */
};

/* `fields` is never NULL. The sink must not log. */
typedef void log_sink_fn(enum log_level level, const struct log_fields *fields,
    const char *line);

void log_set_level(enum log_level level);
enum log_level log_get_level(void);
void log_set_sink(log_sink_fn *sink); /* NULL: back to stderr */
void log_sink_syslog(enum log_level level, const struct log_fields *fields,
    const char *line);

/* stderr lines begin with <3>..<7>: on when stderr is the journal's ($JOURNAL_STREAM). */
void log_set_priorities(bool on);

/* "error", "warn", "info", "debug", "trace"; LOG_LEVEL_COUNT where there is no such. */
const char *log_level_name(enum log_level level);
enum log_level log_level_find(const char *name);

void log_write(enum log_level level, const struct log_fields *fields, const char *fmt, ...)
    PRINTF(3, 4);

#define log_error(...) log_write(LOG_LEVEL_ERROR, NULL, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, NULL, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, NULL, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, NULL, __VA_ARGS__)
#define log_trace(...) log_write(LOG_LEVEL_TRACE, NULL, __VA_ARGS__)

#endif
