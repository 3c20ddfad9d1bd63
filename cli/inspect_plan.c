/* SPDX-License-Identifier: MIT */
/* Compiles a plan only to show it: of an inference, or of a training step with SGD and momentum as `fovea train`
 * runs. */
#include "inspect_plan.h"
#include "memory_text.h"
#include "output.h"
#include "table.h"

static void print_steps(struct cli *cli, const fov_plan *plan)
{
    struct table *table = table_create("rLLLlLrrl");
    table_drops(table, "gf");
    char number[NUMBER_SIZE], shape[SHAPE_SIZE], offset[NUMBER_SIZE], bytes[NUMBER_SIZE];
    table_row(table, (const char *const[]){"", "node", "operation", "how", "shape", "layout", "offset", "bytes", ""});
    table_rule(table);
    for (int i = 0; i < fov_plan_step_count(plan); i++) {
        fov_plan_step step = fov_plan_step_at(plan, i);
        show_shape(shape, &step.shape);
        snprintf(number, sizeof number, "%d", i + 1);
        table_row(table, (const char *const[]){number, step.name, step.operation, step.detail, shape, step.layout,
                                               show_count(offset, (int64_t)step.offset),
                                               show_count(bytes, (int64_t)step.bytes),
                                               step.again      ? "again"
                                               : step.in_place ? "in place"
                                                               : ""});
    }
    table_print(table, cli);
    table_free(table);
}

static void print_plan(struct cli *cli, const fov_plan *plan, const struct inspect_plan *wanted)
{
    fov_plan_memory memory = fov_plan_memory_use(plan);
    char bytes[5][NUMBER_SIZE], recomputed[MEMORY_TEXT];
    fprintf(cli->out, "\n%sPlan%s of %s, batch %lld: %d steps\n\n", style_bold(cli), style_off(cli),
            wanted->training ? "a training step" : "an inference", (long long)wanted->batch, fov_plan_step_count(plan));
    print_steps(cli, plan);
    fprintf(cli->out, "\n  arena       %s (side by side it would be %s)\n",
            show_bytes(bytes[0], (double)memory.activations), show_bytes(bytes[1], (double)memory.unshared));
    fprintf(cli->out, "  packed      %s: weights in kernel order, and tables\n",
            show_bytes(bytes[2], (double)memory.packed));
    fprintf(cli->out, "  scratch     %s: workspace of the largest step\n",
            show_bytes(bytes[3], (double)memory.scratch));
    fprintf(cli->out, "  parameters  %s%s\n", show_bytes(bytes[4], (double)memory.parameters),
            wanted->training ? ", with what the optimizer keeps of them" : " in plain form");
    fprintf(cli->out, "  in all      %s\n",
            show_bytes(bytes[0], (double)memory.activations + (double)memory.packed + (double)memory.parameters));
    if (recomputation_text(recomputed, &memory)) {
        fprintf(cli->out, "  %s\n", recomputed);
    }
}

static json_t *plan_to_json(const fov_plan *plan, const struct inspect_plan *wanted)
{
    fov_plan_memory memory = fov_plan_memory_use(plan);
    json_t *object = json_object(), *steps = json_array(), *bytes = json_object();
    json_set_integer(object, "batch", wanted->batch);
    json_set_flag(object, "training", wanted->training);
    for (int i = 0; i < fov_plan_step_count(plan); i++) {
        fov_plan_step step = fov_plan_step_at(plan, i);
        json_t *one = json_object();
        json_set_text(one, "name", step.name);
        json_set_text(one, "operation", step.operation);
        json_set_text(one, "detail", step.detail);
        json_set(one, "shape", json_from_shape(&step.shape));
        json_set_text(one, "layout", step.layout);
        json_set_integer(one, "offset", (int64_t)step.offset);
        json_set_integer(one, "bytes", (int64_t)step.bytes);
        json_set_flag(one, "in_place", step.in_place);
        json_set_flag(one, "again", step.again);
        json_set_integer(one, "multiply_adds", step.multiply_adds);
        json_add(steps, one);
    }
    json_set(object, "steps", steps);
    memory_to_json(bytes, &memory);
    json_set(object, "memory", bytes);
    return object;
}

int inspect_plan(struct cli *cli, fov_model *model, const struct inspect_plan *wanted, json_t *object)
{
    fov_value result = fov_model_output(model), input = fov_model_input(model);
    bool is_nhwc = fov_model_layout(model, input) == FOV_LAYOUT_NHWC;
    fov_plan_options options = {
        .batch = wanted->batch, .channels_last = &input, .channels_last_count = is_nhwc ? 0 : 1};
    fov_train_options step = {.batch = (int)wanted->batch, .optimizer = "sgd", .momentum = 0.9f};
    fov_training *training = wanted->training ? fov_training_create(model, &step) : NULL;
    fov_plan *plan = training != NULL     ? fov_training_plan(training)
                     : !wanted->training ? fov_plan_create(fov_model_graph(model), &result, 1, &options)
                                         : NULL;
    if (plan == NULL) {
        return fail_library(cli);
    }
    if (object != NULL) {
        json_set(object, "plan", plan_to_json(plan, wanted));
    } else {
        print_plan(cli, plan, wanted);
    }
    if (training != NULL) {
        fov_training_free(training);
    } else {
        fov_plan_free(plan);
    }
    return EXIT_OK;
}
