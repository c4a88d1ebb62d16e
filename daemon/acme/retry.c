/* SPDX-License-Identifier: ISC */
#include "daemon/acme/retry.h"

#define MINUTE ((time_t)60)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* An order does not wait longer than this for a CA that is busy; the next attempt does. */
#define STEP_WAIT_MAX MINUTE

/* Tries of one request within one order. */
#define STEP_TRIES 3

int64_t
retry_step_ms(const struct err *err, unsigned tries)
{
	static const int64_t pauses[] = { 1000, 5000, 10000 };

	if (err->kind != ERR_NETWORK && err->kind != ERR_BUSY)
		return -1;
	if (tries >= STEP_TRIES || err->retry_after > STEP_WAIT_MAX)
		return -1;
	if (err->kind == ERR_BUSY && err->retry_after == 0)
		return -1;
	if (err->retry_after > 0)
		return (int64_t)err->retry_after * 1000;
	return pauses[tries < 1 ? 0 : tries - 1];
}

int64_t
retry_poll_ms(unsigned polls, time_t retry_after)
{
	/* The first look comes when a CA that is quick has just finished, and not within
	 * the 2 ms in which some servers trip over it. */
	static const int64_t pauses[] = { 8, 50, 250, 1000, 2000, 3000, 5000, 8000 };
	const unsigned n = sizeof(pauses) / sizeof(pauses[0]);

	if (retry_after > 5 * MINUTE)
		retry_after = 5 * MINUTE;
	if (retry_after > 0)
		return (int64_t)retry_after * 1000;
	return polls < n ? pauses[polls] : 10000;
}

/* Let's Encrypt's advice to clients: 1, 10, 100 minutes, then once a day. */
static time_t
refused_pause(unsigned failures)
{
	static const time_t pauses[] = { MINUTE, 10 * MINUTE, 100 * MINUTE };

	return failures <= 3 ? pauses[failures < 1 ? 0 : failures - 1] : DAY;
}

/* From a minute, doubling, to an hour: an outage has to be noticed when it ends. */
static time_t
network_pause(unsigned failures)
{
	return failures < 7 ? MINUTE << (failures < 1 ? 0 : failures - 1) : HOUR;
}

time_t
retry_attempt(const struct err *err, unsigned failures)
{
	time_t pause;

	switch (err->kind) {
	case ERR_NETWORK:
	case ERR_SYSTEM:
	case ERR_CANCELLED:
		pause = network_pause(failures);
		break;
	case ERR_BUSY:
		/* Where it wants a person to visit a page, asking again is no use. */
		pause = err->retry_after > 0                     ? 0
			: failures > 3 || *err->instance != '\0' ? DAY
								 : HOUR;
		break;
	case ERR_NONE:
	case ERR_CONFIG:
	case ERR_REFUSED:
	case ERR_PROTOCOL:
	case ERR_HOOK:
	case ERR_KIND_COUNT:
	default:
		pause = refused_pause(failures);
		break;
	}
	if (pause < err->retry_after)
		pause = err->retry_after;
	if (pause < MINUTE)
		pause = MINUTE;
	return pause > DAY ? DAY : pause;
}
