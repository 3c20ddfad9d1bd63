/* SPDX-License-Identifier: MIT */
/* The text form of the first lessons: lines `name = expression`, # begins a comment. Numbers, names, + - * / ^,
 * comparisons (1 where they hold, else 0), parentheses, and the functions exp log sqrt abs tanh min max and the gates
 * and or not nand. No loops: every file ends. */
#ifndef LEARN_EXPRESSION_H
#define LEARN_EXPRESSION_H

#include "learn/lesson.h"

enum { VARIABLES = 64, VARIABLE_NAME = 32 };

struct variables {
    int count;
    char name[VARIABLES][VARIABLE_NAME];
    double value[VARIABLES];
};

/** Sets a variable, new or not; false where there is no room. */
bool variables_set(struct variables *variables, const char *name, double value);
/** The value of a variable; NULL: there is none of that name. */
const double *variables_get(const struct variables *variables, const char *name);

/** Evaluates the lines from the first to the last. false: `problem` holds a sentence with the number of the line that
 *  failed. */
bool expressions_run(const char *text, struct variables *variables, enum language language, char *problem, size_t size);

#endif
