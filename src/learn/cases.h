/* SPDX-License-Identifier: MIT */
/* The numbers of one check: what is given in each case, and what somebody answers to it. */
#ifndef LEARN_CASES_H
#define LEARN_CASES_H

#include "learn/lesson.h"

struct cases {
    const struct lesson *lesson;
    int count;
    struct one_case {
        int given, answered; /**< numbers */
        double in[LESSON_NUMBERS], right[LESSON_NUMBERS], got[LESSON_NUMBERS];
    } one[LESSON_CASES];
};

/** Draws all cases and answers them rightly. To be freed; NULL: no memory. */
struct cases *cases_draw(const struct lesson *lesson, uint64_t seed);

/** What came of running the learner's file over all cases. */
struct outcome {
    bool ran;    /**< .got is there for all cases */
    bool judged; /**< it ran, but did not come to its end: crashed, took too long, wrote where it must not */
    int at;      /**< the case in which that was */
    char problem[2048];
    char printed[4096]; /**< what it printed itself, or the compiler's warnings */
};

/** Fills .got from the learner's text. */
void cases_run_expressions(struct cases *cases, const char *text, enum language language, struct outcome *outcome);
/** The same from C: compiled, and run in a child process. `seconds`: for the run. */
void cases_run_program(struct cases *cases, const char *text, enum language language, double seconds,
                       struct outcome *outcome);

#endif
