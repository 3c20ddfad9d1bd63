/* SPDX-License-Identifier: MIT */
/* What cmocka wants before it. */
#ifndef TESTS_DETECT_TESTS_H
#define TESTS_DETECT_TESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#endif
