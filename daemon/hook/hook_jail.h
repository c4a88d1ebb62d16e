/* SPDX-License-Identifier: ISC */
/*
 * hook_jail - directories that a process and all it starts cannot read files in, by
 * Landlock: no root and no configuration needed, and no way back.
 */
#ifndef ACMED_HOOK_JAIL_H
#define ACMED_HOOK_JAIL_H

/* The version of Landlock that the kernel has; 0: none, which is logged once. */
int jail_version(void);

/* Of a process that has no privileges to gain: for a child after fork(). -1 and errno:
 * E2BIG where they are too many. */
int jail_enter(char *const *hidden, int version);

#endif
