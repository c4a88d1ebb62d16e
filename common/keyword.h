/* SPDX-License-Identifier: ISC */
/* keyword - short names of the directories of CAs that people would have to look up. */
#ifndef ACMED_KEYWORD_H
#define ACMED_KEYWORD_H

/* All of them, NULL-terminated. */
const char *const *keyword_names(void);

/* The directory that a keyword stands for; NULL where it is none. */
const char *keyword_directory(const char *name);

#endif
