/* SPDX-License-Identifier: MIT */
/* A check: is the learner's file right, and if not, where does it differ first, and why probably? */
#ifndef LEARN_CHECK_H
#define LEARN_CHECK_H

#include "learn/lesson.h"

enum verdict_kind { VERDICT_PASS, VERDICT_NOT_YET, VERDICT_COULD_NOT_RUN };

struct verdict {
    enum verdict_kind kind;
    uint64_t seed; /**< of the numbers drawn */
    int cases;
    bool differs; /**< the five below say where */
    double expected, got;
    int at;              /**< the case, from 0 */
    char where[96];      /**< "y", "gradient[3]", "result[1][2]" */
    char given[1200];    /**< "x1 = 1, x2 = 0" */
    char cause[2304];    /**< a sentence or some; "" after a pass */
    const char *mistake; /**< the name of a catalogued mistake, or "unchanged", "sign", "factor", "offset",
                              "not-a-number"; NULL: none */
    char printed[4096];  /**< what the learner's program printed, or the compiler warned of; "" for none */
    double engine;       /**< largest difference from the engine that networks run on, relative; below 0: not asked */
};

enum { CHECK_SECONDS = 10 };

/** Checks a text as the learner's file. `context`: for lessons that ask the engine; NULL: it is not asked. */
void check_text(const struct lesson *lesson, const char *text, uint64_t seed, enum language language,
                fov_context *context, double seconds, struct verdict *verdict);
/** The same of a file. One that is not there could not run. */
void check_file(const struct lesson *lesson, const char *path, uint64_t seed, enum language language,
                fov_context *context, struct verdict *verdict);

#endif
