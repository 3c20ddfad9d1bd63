/* SPDX-License-Identifier: MIT */
/* The plan of a model as a table or as JSON. */
#ifndef CLI_INSPECT_PLAN_H
#define CLI_INSPECT_PLAN_H

#include "cli.h"
#include "json.h"

struct inspect_plan {
    int64_t batch;
    bool training; /**< forward, backward and an update by SGD with momentum */
};

/** Prints the plan, or sets it as "plan" in `object` where that is not NULL. 0 or an exit code. */
int inspect_plan(struct cli *cli, fov_model *model, const struct inspect_plan *wanted, json_t *object);

#endif
