/* SPDX-License-Identifier: ISC */
#include "daemon/io/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

uint32_t
random_u32(void)
{
	uint32_t value;

	/* Up to 256 bytes come whole or not at all; before the kernel has gathered enough
	 * chance at boot the call waits, and a signal may end the wait. */
	while (getrandom(&value, sizeof(value), 0) != sizeof(value)) {
		if (errno != EINTR)
			abort(); /* a kernel before 3.17 */
	}
	return value;
}

/* A number below `range`: range * random / 2^32, without the overflow. */
static uint64_t
random_below(uint64_t range)
{
	uint64_t random = random_u32();

	return (range >> 32) * random + ((range & UINT32_MAX) * random >> 32);
}

int64_t
random_jitter(int64_t value, int percent)
{
	uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
	uint64_t spread =
	    size / 100 * (unsigned)percent + size % 100 * (unsigned)percent / 100;

	return value - (int64_t)spread + (int64_t)random_below(2 * spread + 1);
}
