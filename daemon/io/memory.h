/* SPDX-License-Identifier: ISC */
/*
 * memory - giving back what an issuance needed: a daemon that sleeps for weeks should be
 * as small as it was before.
 */
#ifndef ACMED_MEMORY_H
#define ACMED_MEMORY_H

/* Free heap pages go back to the system, and program text that is not needed while
 * sleeping is unmapped; it comes back from the page cache when it runs again. */
void memory_give_back(void);

#endif
