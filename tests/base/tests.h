/* SPDX-License-Identifier: MIT */
/* cmocka's header needs the standard ones before it, in this order. */
#ifndef TESTS_BASE_TESTS_H
#define TESTS_BASE_TESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#endif
