/* SPDX-License-Identifier: MIT */
/* The numbers of one check: of each case the inputs, the right answer, and the answer that the learner's file gives. */
#ifndef LEARN_CASES_H
#define LEARN_CASES_H

#include "learn/lesson.h"

struct cases {
    const struct lesson *lesson;
    int count;
    struct one_case {
        int given, answered; /**< how many numbers .in has; how many .right and .got have */
        double in[LESSON_NUMBERS], right[LESSON_NUMBERS], got[LESSON_NUMBERS];
    } one[LESSON_CASES];
};

/** Draws all cases and computes their right answers. The caller frees the result; NULL: out of memory. */
struct cases *cases_draw(const struct lesson *lesson, uint64_t seed);

/** The result of running the learner's file on all cases. */
struct outcome {
    bool ran;    /**< .got is filled in for all cases */
    bool judged; /**< not .ran, but the verdict is NOT YET: it crashed, took too long, or wrote outside its result */
    int at;      /**< the case in which that happened */
    char problem[2048];
    char printed[4096]; /**< what it printed itself, or the compiler's warnings */
};

/** Fills .got from the learner's text. */
void cases_run_expressions(struct cases *cases, const char *text, enum language language, struct outcome *outcome);
/** The same for a lesson in C: compiles the text and runs it in a child process for at most `seconds`. */
void cases_run_program(struct cases *cases, const char *text, enum language language, double seconds,
                       struct outcome *outcome);

#endif
