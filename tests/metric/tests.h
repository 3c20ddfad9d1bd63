/* SPDX-License-Identifier: MIT */
/* cmocka.h with the headers that it needs before itself. */
#ifndef TESTS_METRIC_TESTS_H
#define TESTS_METRIC_TESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#endif
