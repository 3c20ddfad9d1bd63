/* SPDX-License-Identifier: MIT */
/* A check: whether the learner's file is right; if not, where it first differs from our answer, and the likely
 * cause. */
#ifndef LEARN_CHECK_H
#define LEARN_CHECK_H

#include "learn/lesson.h"

enum verdict_kind { VERDICT_PASS, VERDICT_NOT_YET, VERDICT_COULD_NOT_RUN };

struct verdict {
    enum verdict_kind kind;
    uint64_t seed; /**< of the numbers drawn */
    int cases;
    bool differs; /**< the next five say where */
    double expected, got;
    int at;              /**< the case, from 0 */
    char where[96];      /**< "y", "gradient[3]", "result[1][2]" */
    char given[1200];    /**< "x1 = 1, x2 = 0" */
    char cause[2304];    /**< a sentence or some; "" after a pass */
    const char *mistake; /**< the name of a mistake of the lesson's list, or "unchanged", "sign", "factor", "offset",
                              "zero", "not-a-number"; NULL: none */
    char printed[4096];  /**< what the learner's program printed, or the compiler warned of; "" for none */
    double engine;       /**< largest relative difference between our answers and the engine's; below 0: not asked */
};

enum { CHECK_SECONDS = 10 };

/** Checks a text as if it were the learner's file. `context` runs the engine in lessons that compare with it; NULL:
 *  they don't. */
void check_text(const struct lesson *lesson, const char *text, uint64_t seed, enum language language,
                fov_context *context, double seconds, struct verdict *verdict);
/** The same for a file. A missing or unreadable file gives VERDICT_COULD_NOT_RUN. */
void check_file(const struct lesson *lesson, const char *path, uint64_t seed, enum language language,
                fov_context *context, struct verdict *verdict);

#endif
