/* SPDX-License-Identifier: ISC */
/*
 * file_swap - replacing small files that are replaced again and again, without making and
 * removing a file each time: what is replaced stays behind under another name, and the next
 * content is written over it. To a file system that is a fifth of the work.
 *
 * What is replaced is still readable there, so this is not for keys. All of it blocks.
 */
#ifndef ACMED_FILE_SWAP_H
#define ACMED_FILE_SWAP_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct file_spare {
	const char *name; /* in the directory of what it is for; any number of files may
			   * have it in turns */
	bool there;       /* nothing but file_swap() has left it: false at first */
};

/* As file_replace(), with the mode 0600: old content or new content, whatever happens.
 * `name` is in `dir` itself, without a slash. Where the file is no plain one, or has a
 * second name, or the system cannot exchange files, the spare is used up. */
int file_swap(int dir, const char *name, struct file_spare *spare, const void *bytes,
    size_t length, struct err *err);

/* Removes it, if it is there. */
void file_spare_drop(int dir, struct file_spare *spare);

#endif
