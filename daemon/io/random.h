/* SPDX-License-Identifier: ISC */
/* random - chance, from the kernel. A test that defines it throws its own dice. */
#ifndef ACMED_RANDOM_H
#define ACMED_RANDOM_H

#include <stdint.h>

uint32_t random_u32(void);

/* `value` and up to `percent` more or less. */
int64_t random_jitter(int64_t value, int percent);

#endif
