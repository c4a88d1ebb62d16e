/* SPDX-License-Identifier: ISC */
/* unit - cmocka with what it needs before it. */
#ifndef ACMED_UNIT_H
#define ACMED_UNIT_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
