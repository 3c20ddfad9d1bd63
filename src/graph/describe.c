/* SPDX-License-Identifier: MIT */
/* One line about a plan for the log: the instruction set, its tile, and how many convolutions are computed in which
 * way. The whole table, step by step, is `fovea inspect --plan`. The words are the operators' own
 * (op_compile.detail). */
#include "base/text.h"
#include "graph/plan.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { FORMS = 12 }; /* most ways to convolve that are counted separately; the rest are "others" */

struct form {
    const char *name;
    size_t      length;
    int         count;
};

static bool is_convolution(const struct op *op)
{
    return strstr(op->name, "conv") != NULL; /* matches transposed and per-sample ones, and gradients, too */
}

/* Length of the name of a form, the words before the first number: "implicit product" of "implicit product 12 x 32,
 * pointwise". Text in parentheses belongs to the name: "Winograd F(4x4, 3x3)". */
static size_t form_length(const char *detail)
{
    int    depth = 0;
    size_t i     = 0;

    for (; detail[i] != '\0'; i++) {
        depth += detail[i] == '(' ? 1 : detail[i] == ')' ? -1 : 0;
        if (depth == 0 && (detail[i] == ',' || (detail[i] == ' ' && isdigit((unsigned char)detail[i + 1]))))
            break;
    }
    return i;
}

static void count_form(struct form *forms, int *count, int *others, const char *detail)
{
    size_t length = form_length(detail);

    for (int i = 0; i < *count; i++)
        if (forms[i].length == length && memcmp(forms[i].name, detail, length) == 0) {
            forms[i].count++;
            return;
        }
    if (*count < FORMS)
        forms[(*count)++] = (struct form){detail, length, 1};
    else
        (*others)++;
}

void plan_describe(const fov_plan *plan)
{
    const struct kernel_table *kernel = plan->graph->context->kernel;
    struct form                forms[FORMS];
    char                       text[640];
    int                        count = 0, others = 0, all = 0;
    size_t                     used;

    for (size_t s = 0; s < plan->step_count; s++) {
        const struct plan_step *step = &plan->steps[s];

        if (step->skip || !is_convolution(step->op))
            continue;
        all++;
        count_form(forms, &count, &others, *step->compile.detail ? step->compile.detail : "textbook");
    }
    used = text_append(text, sizeof text, 0, "%s, tile %zu x %zu", kernel->name, kernel->tile_rows,
                       kernel->panel_columns);
    if (all > 0)
        used = text_append(text, sizeof text, used, "; %d convolution%s", all, all > 1 ? "s" : "");
    for (int i = 0; i < count; i++)
        used = text_append(text, sizeof text, used, "%s %d %.*s", i ? "," : ":", forms[i].count, (int)forms[i].length,
                           forms[i].name);
    if (others > 0)
        text_append(text, sizeof text, used, ", %d others", others);
    context_log(plan->graph->context, FOV_LOG_INFO, "%s", text);
}
