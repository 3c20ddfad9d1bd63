/* SPDX-License-Identifier: MIT */
/* Draws the cases and runs lessons in the text form. Lessons in C are run by program.c. */
#include "learn/cases.h"
#include "learn/expression.h"

#include <stdio.h>
#include <stdlib.h>

struct cases *cases_draw(const struct lesson *lesson, uint64_t seed)
{
    struct cases *cases = calloc(1, sizeof *cases);
    struct draw draw = draw_from(seed);
    if (cases == NULL) {
        return NULL;
    }
    cases->lesson = lesson;
    cases->count = LESSON_CASES;
    for (int i = 0; i < cases->count; i++) {
        struct part parts[LESSON_PARTS];
        struct one_case *one = &cases->one[i];
        one->given = lesson->draw(&draw, i, one->in);
        one->answered = parts_numbers(parts, lesson_parts(lesson, one->in, parts));
        lesson->answer(one->in, 0, one->right);
    }
    return cases;
}

/* Reads the learner's variables that are the answer, or from which lesson->apply computes it. False: one is missing. */
static bool read_values(const struct lesson *lesson, const struct variables *variables, double *values,
                        enum language language, struct outcome *outcome)
{
    const char *const *names = lesson->values != NULL ? lesson->values : lesson->outputs;
    for (int i = 0; names[i] != NULL; i++) {
        const double *value = variables_get(variables, names[i]);
        if (value == NULL) {
            snprintf(outcome->problem, sizeof outcome->problem,
                     language == CHINESE ? "文件里没有给出 %s：需要一行 `%s = ...`"
                                         : "the file does not say what %s is: a line `%s = ...` is needed",
                     names[i], names[i]);
            return false;
        }
        values[i] = *value;
    }
    return true;
}

void cases_run_expressions(struct cases *cases, const char *text, enum language language, struct outcome *outcome)
{
    const struct lesson *lesson = cases->lesson;
    for (int i = 0; i < cases->count; i++) {
        struct one_case *one = &cases->one[i];
        struct variables variables = {.count = 0};
        double values[VARIABLES];
        for (int j = 0; lesson->inputs != NULL && lesson->inputs[j] != NULL; j++) {
            variables_set(&variables, lesson->inputs[j], one->in[j]);
        }
        if (!expressions_run(text, &variables, language, outcome->problem, sizeof outcome->problem) ||
            !read_values(lesson, &variables, values, language, outcome)) {
            return;
        }
        if (lesson->apply != NULL) {
            lesson->apply(values, one->in, one->got);
        } else {
            for (int j = 0; j < one->answered; j++) {
                one->got[j] = values[j];
            }
        }
    }
    outcome->ran = true;
}
