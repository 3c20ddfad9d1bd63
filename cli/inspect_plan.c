/* SPDX-License-Identifier: MIT */
/* Compiles a plan only to look at it. A training plan is made as a program of the user's own would make it: loss and
 * gradients as nodes, then p <- p - rate * gradient for every parameter that learns. */
#include "inspect_plan.h"
#include "output.h"
#include "table.h"
#include <stdlib.h>

/* Adds the training step to the model's graph; the loss, 0 on failure. */
static fov_value add_training(fov_model *model)
{
    fov_graph *graph = fov_model_graph(model);
    int count = fov_parameter_count(graph), used = 0;
    fov_value *target = take_memory((size_t)count, sizeof *target);
    fov_value *gradient = take_memory((size_t)count, sizeof *gradient);
    for (int i = 0; i < count; i++) {
        fov_value parameter = fov_parameter_at(graph, i);
        if (!fov_parameter_frozen(graph, parameter)) {
            target[used++] = parameter;
        }
    }
    fov_value labels = fov_input(graph, .name = "labels", .dtype = FOV_I32, .shape = FOV_SHAPE(FOV_BATCH));
    fov_value loss = fov_softmax_cross_entropy(graph, fov_model_output(model), labels);
    const float rate = 0.01f;
    fov_value step = fov_constant(graph, "rate", FOV_F32, (fov_shape){.rank = 0}, &rate);
    int status = fov_gradient(graph, loss, target, used, gradient);
    for (int i = 0; status == FOV_OK && i < used; i++) {
        if (gradient[i].id != 0) {
            fov_assign(graph, target[i], fov_sub(graph, target[i], fov_mul(graph, step, gradient[i])));
        }
    }
    free(target);
    free(gradient);
    bool failed = status != FOV_OK || fov_error_status(fov_graph_context(graph)) != FOV_OK;
    return failed ? (fov_value){0} : loss;
}

static void print_steps(struct cli *cli, const fov_plan *plan)
{
    struct table *table = table_create("rLLLlLrrl");
    char number[NUMBER_SIZE], shape[96], offset[NUMBER_SIZE], bytes[NUMBER_SIZE];
    table_row(table, (const char *const[]){"", "node", "operation", "how", "shape", "layout", "offset", "bytes", ""});
    table_rule(table);
    for (int i = 0; i < fov_plan_step_count(plan); i++) {
        fov_plan_step step = fov_plan_step_at(plan, i);
        show_shape(shape, &step.shape);
        snprintf(number, sizeof number, "%d", i + 1);
        table_row(table, (const char *const[]){number, step.name, step.operation, step.detail, shape, step.layout,
                                               show_count(offset, (int64_t)step.offset),
                                               show_count(bytes, (int64_t)step.bytes), step.in_place ? "in place" : ""});
    }
    table_print(table, cli);
    table_free(table);
}

static void print_plan(struct cli *cli, const fov_plan *plan, const struct inspect_plan *wanted)
{
    fov_plan_memory memory = fov_plan_memory_use(plan);
    char bytes[5][NUMBER_SIZE];
    fprintf(cli->out, "\n%sPlan%s of %s, batch %lld: %d steps\n\n", style_bold(cli), style_off(cli),
            wanted->training ? "a training step" : "an inference", (long long)wanted->batch, fov_plan_step_count(plan));
    print_steps(cli, plan);
    fprintf(cli->out, "\n  arena       %s (side by side it would be %s)\n", show_bytes(bytes[0], (double)memory.activations),
            show_bytes(bytes[1], (double)memory.unshared));
    fprintf(cli->out, "  packed      %s: weights in kernel order, and tables\n", show_bytes(bytes[2], (double)memory.packed));
    fprintf(cli->out, "  scratch     %s: workspace of the largest step\n", show_bytes(bytes[3], (double)memory.scratch));
    fprintf(cli->out, "  parameters  %s\n", show_bytes(bytes[4], (double)memory.parameters));
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
        json_set_integer(one, "multiply_adds", step.multiply_adds);
        json_add(steps, one);
    }
    json_set(object, "steps", steps);
    json_set_integer(bytes, "activations", (int64_t)memory.activations);
    json_set_integer(bytes, "unshared", (int64_t)memory.unshared);
    json_set_integer(bytes, "packed", (int64_t)memory.packed);
    json_set_integer(bytes, "scratch", (int64_t)memory.scratch);
    json_set_integer(bytes, "parameters", (int64_t)memory.parameters);
    json_set(object, "memory", bytes);
    return object;
}

int inspect_plan(struct cli *cli, fov_model *model, const struct inspect_plan *wanted, json_t *object)
{
    fov_value result = wanted->training ? add_training(model) : fov_model_output(model);
    fov_plan_options options = {.batch = wanted->batch, .training = wanted->training, .updates = wanted->training,
                                .channels_last_inputs = true};
    fov_plan *plan = result.id != 0 ? fov_plan_create(fov_model_graph(model), &result, 1, &options) : NULL;
    if (plan == NULL) {
        return fail_library(cli);
    }
    if (object != NULL) {
        json_set(object, "plan", plan_to_json(plan, wanted));
    } else {
        print_plan(cli, plan, wanted);
    }
    fov_plan_free(plan);
    return EXIT_OK;
}
