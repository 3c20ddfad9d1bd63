/* SPDX-License-Identifier: MIT */
/* Runs any model on tensors from a safetensors file, or trains it on one batch of them, and writes the results and
 * gradients to another. A tool for comparison with other programs: tests/parity/check_models.py reads the files.
 *
 *   run_model [--exact-conv] load  MODEL.onnx
 *   run_model run   MODEL.onnx DATA.safetensors OUT.safetensors     "input" -> "output"
 *   run_model train MODEL.onnx DATA.safetensors OUT.safetensors RATE STEPS
 *       "train_input" and "answer" (int32: classes, one per sample or per pixel; any other type: the target of the
 *       mean squared error) -> "train_logits", "loss", "gradient.NAME" of each parameter, all computed in training
 *       mode; then STEPS steps of SGD without momentum
 *
 * --exact-conv: direct convolution only, no Winograd. Prints the time and the highest resident memory so far (KiB) of
 * each part, and the loss of each step. */
#include "base/clock.h"
#include "base/error.h"
#include "graph/graph.h"
#include "io/safetensors.h"
#include "model/model.h"
#include <fovea/fovea.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARAMETERS = 2048 };

struct tool {
    fov_context       *context;
    fov_model         *model;
    fov_graph         *graph;
    struct safetensors data;
    struct safetensors_source results[PARAMETERS + 8];
    size_t                    result_count;
};

/* The highest resident memory of this process so far, KiB. */
static long peak_resident(void)
{
    char  line[256];
    long  peak = 0;
    FILE *file = fopen("/proc/self/status", "r");

    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            peak = strtol(line + 6, NULL, 10);
    if (file)
        fclose(file);
    return peak;
}

static void report(const char *part, double begun)
{
    printf("%s %.3f s, peak %ld KiB\n", part, clock_seconds() - begun, peak_resident());
}

static int fail(const struct tool *tool)
{
    fprintf(stderr, "%s\n", fov_error(tool->context));
    return 1;
}

static const struct safetensors_tensor *tensor(struct tool *tool, const char *name)
{
    const struct safetensors_tensor *found = safetensors_find(&tool->data, name);

    if (!found)
        error_set(&tool->context->error, FOV_E_INPUT, "%s: no tensor \"%s\"", tool->data.file, name);
    return found;
}

static int fill(struct tool *tool, fov_plan *plan, fov_value value, const struct safetensors_tensor *from)
{
    if (fov_plan_bytes(plan, value) != from->bytes)
        return (int)error_set(&tool->context->error, FOV_E_SHAPE, "\"%s\" has %zu bytes, the model's \"%s\" %zu",
                              from->name, from->bytes, fov_value_name(tool->graph, value), fov_plan_bytes(plan, value));
    memcpy(fov_plan_data(plan, value), from->data, from->bytes);
    return 0;
}

static void keep(struct tool *tool, const char *name, fov_shape shape, const void *data)
{
    tool->results[tool->result_count++] =
        (struct safetensors_source){.name = name, .dtype = FOV_F32, .shape = shape, .data = data};
}

static int write_results(struct tool *tool, const char *path)
{
    return safetensors_write(path, tool->results, tool->result_count, NULL, 0, false, NULL, tool->context->memory,
                             &tool->context->error);
}

/* ---- run --------------------------------------------------------------------------------------------------------- */

static int run(struct tool *tool, const char *out)
{
    const struct safetensors_tensor *input = tensor(tool, "input");
    fov_value                        x = fov_model_input(tool->model), y = fov_model_output(tool->model);
    fov_plan                        *plan;
    double                           begun = clock_seconds();
    int                              status;

    if (!input)
        return 1;
    plan = fov_plan_create(tool->graph, &y, 1, &(fov_plan_options){.batch = input->shape.dim[0]});
    if (!plan)
        return 1;
    report("plan", begun);
    begun  = clock_seconds();
    status = fill(tool, plan, x, input);
    if (!status) {
        fov_plan_run(plan, 1);
        report("run", begun);
        keep(tool, "output", fov_plan_shape(plan, y), fov_plan_data(plan, y));
        status = write_results(tool, out);
    }
    fov_plan_free(plan);
    return status;
}

/* ---- train ------------------------------------------------------------------------------------------------------- */

struct training {
    fov_value parameters[PARAMETERS], gradients[PARAMETERS], outputs[PARAMETERS + 2];
    char      names[PARAMETERS][200];
    fov_value logits, answer, loss, rate;
    int       count, output_count;
    int64_t   batch;
};

static int build(struct tool *tool, struct training *t, const struct safetensors_tensor *answer)
{
    fov_graph *g     = tool->graph;
    fov_shape  shape = answer->shape;

    shape.dim[0] = FOV_BATCH;
    t->logits    = model_scores(tool->model, tool->model->output).logits;
    t->rate      = fov_input(g, .name = "tool.rate");
    t->answer    = fov_input(g, .name = "tool.answer", .dtype = answer->dtype, .shape = shape);
    t->loss      = answer->dtype != FOV_I32 ? fov_mse(g, t->logits, t->answer)
                   : answer->shape.rank == 1 && fov_value_shape(g, t->logits).rank > 2
                       ? fov_softmax_cross_entropy(g, fov_flatten(g, t->logits), t->answer)
                       : fov_softmax_cross_entropy(g, t->logits, t->answer);
    for (int i = 0; i < fov_parameter_count(g); i++)
        if (!fov_parameter_frozen(g, fov_parameter_at(g, i))) {
            if (t->count == PARAMETERS)
                return (int)error_set(&tool->context->error, FOV_E_UNSUPPORTED,
                                      "the model has more than %d parameters to train", PARAMETERS);
            t->parameters[t->count++] = fov_parameter_at(g, i);
        }
    return fov_gradient(g, t->loss, t->parameters, t->count, t->gradients);
}

static int one_gradient(struct tool *tool, struct training *t, const struct safetensors_tensor *input,
                        const struct safetensors_tensor *answer, const char *out)
{
    fov_plan *plan;
    double    begun = clock_seconds();
    int       status;

    t->outputs[t->output_count++] = t->loss;
    t->outputs[t->output_count++] = t->logits;
    for (int i = 0; i < t->count; i++)
        if (t->gradients[i].id)
            t->outputs[t->output_count++] = t->gradients[i];
    plan = fov_plan_create(tool->graph, t->outputs, t->output_count,
                           &(fov_plan_options){.batch = t->batch, .training = true});
    if (!plan)
        return 1;
    report("gradient plan", begun);
    begun  = clock_seconds();
    status = fill(tool, plan, fov_model_input(tool->model), input) || fill(tool, plan, t->answer, answer);
    if (!status) {
        fov_plan_run(plan, 1);
        report("gradient", begun);
        keep(tool, "loss", (fov_shape){0}, fov_plan_data(plan, t->loss));
        keep(tool, "train_logits", fov_plan_shape(plan, t->logits), fov_plan_data(plan, t->logits));
        for (int i = 0; i < t->count; i++)
            if (t->gradients[i].id) {
                snprintf(t->names[i], sizeof t->names[i], "gradient.%s", fov_value_name(tool->graph, t->parameters[i]));
                keep(tool, t->names[i], fov_plan_shape(plan, t->gradients[i]), fov_plan_data(plan, t->gradients[i]));
            }
        status = write_results(tool, out);
    }
    fov_plan_free(plan);
    return status;
}

static int descend(struct tool *tool, struct training *t, const struct safetensors_tensor *input,
                   const struct safetensors_tensor *answer, float rate, float *losses, int steps)
{
    const struct op_emitter *emitter = fov_graph_emitter(tool->graph);
    struct {
        double momentum, dampening, weight_decay;
        bool   nesterov;
    } options = {.momentum = 0.0};
    fov_plan *plan;
    double    begun = clock_seconds();
    int       status;

    for (int i = 0; i < t->count; i++) {
        fov_value in[4] = {t->parameters[i], t->gradients[i], {0}, t->rate};

        if (t->gradients[i].id)
            fov_assign(tool->graph, t->parameters[i], op_emit(emitter, "sgd", in, 4, &options));
    }
    plan = fov_plan_create(tool->graph, &t->loss, 1,
                           &(fov_plan_options){.batch = t->batch, .training = true, .updates = true});
    if (!plan)
        return 1;
    report("training plan", begun);
    begun  = clock_seconds();
    status = fill(tool, plan, fov_model_input(tool->model), input) || fill(tool, plan, t->answer, answer);
    if (!status)
        *(float *)fov_plan_data(plan, t->rate) = rate;
    for (int i = 0; i < steps && !status; i++) {
        fov_plan_run(plan, (uint64_t)i + 1);
        losses[i] = *(float *)fov_plan_data(plan, t->loss);
    }
    if (!status)
        report("training", begun);
    fov_plan_free(plan);
    return status;
}

static int train(struct tool *tool, const char *out, float rate, int steps)
{
    const struct safetensors_tensor *input = tensor(tool, "train_input"), *answer = tensor(tool, "answer");
    struct training                 *t      = calloc(1, sizeof *t);
    float                           *losses = calloc((size_t)steps + 1, sizeof *losses);
    int                              status = !input || !answer || !t || !losses;

    if (!status) {
        t->batch = input->shape.dim[0];
        status   = build(tool, t, answer);
    }
    /* The gradients first, while the weights are still the file's: the SGD steps change them. */
    if (!status)
        status = one_gradient(tool, t, input, answer, out);
    if (!status && steps > 0)
        status = descend(tool, t, input, answer, rate, losses, steps);
    for (int i = 0; i < steps && !status; i++)
        printf("step %d loss %.9g\n", i + 1, (double)losses[i]);
    free(losses);
    free(t);
    return status;
}

int main(int argc, char **argv)
{
    struct tool tool  = {0};
    bool        exact = argc > 1 && strcmp(argv[1], "--exact-conv") == 0;

    argc -= exact;
    argv += exact;
    bool        load  = argc == 3 && strcmp(argv[1], "load") == 0;
    bool        runs  = argc == 5 && strcmp(argv[1], "run") == 0;
    bool        learn = argc == 7 && strcmp(argv[1], "train") == 0;
    double      begun = clock_seconds();
    int         status;

    if (!load && !runs && !learn) {
        fprintf(stderr,
                "usage: run_model [--exact-conv] load MODEL | run MODEL DATA OUT | train MODEL DATA OUT RATE STEPS\n");
        return 2;
    }
    tool.context = fov_context_create(&(fov_context_options){.exact_conv = exact});
    tool.model   = fov_model_load(tool.context, argv[2]);
    if (!tool.model) {
        status = fail(&tool);
        fov_context_free(tool.context);
        return status;
    }
    report("load", begun);
    tool.graph = fov_model_graph(tool.model);
    status     = load ? 0 : safetensors_open(&tool.data, argv[3], tool.context->memory, &tool.context->error);
    if (!status && runs)
        status = run(&tool, argv[4]);
    if (!status && learn)
        status = train(&tool, argv[4], strtof(argv[5], NULL), atoi(argv[6]));
    if (status)
        status = fail(&tool);
    if (!load)
        safetensors_close(&tool.data);
    fov_model_free(tool.model);
    fov_context_free(tool.context);
    return status;
}
