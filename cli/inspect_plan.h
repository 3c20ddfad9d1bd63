/* SPDX-License-Identifier: MIT */
/* The plan of a model as a table or as JSON. */
#ifndef CLI_INSPECT_PLAN_H
#define CLI_INSPECT_PLAN_H

#include "cli.h"
#include "json.h"

struct inspect_plan {
    int64_t batch;
    bool training; /**< forward, backward and a step of plain gradient descent */
};

/** Prints the plan, or puts it into `object` as "plan" where that is not NULL. An exit code. */
int inspect_plan(struct cli *cli, fov_model *model, const struct inspect_plan *wanted, json_t *object);

#endif
