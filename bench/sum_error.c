/* SPDX-License-Identifier: MIT */
/* Errors of convolutions in float against the operators' textbook functions, which compute in double: the figures of
 * docs/numerics.md. Nothing is timed.
 *
 *   sum_error layers                  single convolutions, direct and in each of Winograd's forms
 *   sum_error networks MODEL.onnx...  whole networks, with the algorithms a plan chooses by default and direct only
 *
 * Inputs are random normal numbers (of layers: with the negative ones set to 0, as after a ReLU); weights of layers are
 * normal, networks keep their own. */
#include "graph/graph.h"
#include "model/model.h"
#include "op/op.h"
#include <fovea/fovea.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 3 };

struct distance {
    double worst, rms; /**< greatest and root-mean-square difference, each over that of the expected values */
};

static struct distance distance(const float *got, const double *expected, size_t count)
{
    double worst = 0, sum = 0, most = 0, squares = 0;

    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)got[i] - expected[i]);

        worst = difference <= worst ? worst : difference; /* NaN stays, which fmax() would drop */
        if (isnan(worst))
            return (struct distance){NAN, NAN};
        most  = fmax(most, fabs(expected[i]));
        sum += difference * difference;
        squares += expected[i] * expected[i];
    }
    return (struct distance){worst / most, sqrt(sum / squares)};
}

static double *draw(size_t count, uint64_t use, bool positive, double scale)
{
    double *numbers = calloc(count + 1, sizeof *numbers);

    for (size_t i = 0; i < count; i++) {
        double number = random_normal((struct random_key){SEED, RANDOM_TEST, use}, i);

        numbers[i] = (double)(float)(scale * (positive && number < 0 ? 0 : number));
    }
    return numbers;
}

/* The output of a plan for the input `x`, to free(); NULL after a failure. `detail` is set to the form of the first
 * step that uses Winograd, or to "direct"; the text is valid until the next call. */
static float *run(fov_graph *graph, fov_value input, fov_value output, const double *x, size_t count, size_t results,
                  const char **detail)
{
    fov_plan *plan = fov_plan_create(graph, &output, 1, &(fov_plan_options){.batch = 1});
    float    *copy = calloc(results + 1, sizeof *copy), *data;
    static char chosen[128];

    if (!plan)
        return NULL;
    data = fov_plan_data(plan, input);
    for (size_t i = 0; i < count; i++)
        data[i] = (float)x[i];
    fov_plan_run(plan, 0);
    memcpy(copy, fov_plan_data(plan, output), results * sizeof *copy);
    snprintf(chosen, sizeof chosen, "direct");
    for (int i = 0; i < fov_plan_step_count(plan); i++)
        if (strncmp(fov_plan_step_at(plan, i).detail, "Winograd", 8) == 0) {
            snprintf(chosen, sizeof chosen, "%.*s", (int)strcspn(fov_plan_step_at(plan, i).detail, ")") + 1,
                     fov_plan_step_at(plan, i).detail);
            break;
        }
    *detail = chosen;
    fov_plan_free(plan);
    return copy;
}

/* ---- layers ------------------------------------------------------------------------------------------------------ */

struct layer {
    int channels, filters, height, width, kernel[2];
};

/* Sets a list attribute of conv by its name in `options`: two numbers where `third` is negative, else four. */
static void set_list(unsigned char *options, const char *name, int first, int second, int third, int fourth)
{
    for (const struct op_attribute *attribute = op_find("conv")->attributes; attribute->name; attribute++)
        if (strcmp(attribute->name, name) == 0) {
            struct op_list list = {third < 0 ? 2 : 4, {first, second, third, fourth}};

            memcpy(options + attribute->offset, &list, sizeof list);
        }
}

static int layer_errors(const struct layer *layer, const char *isa, bool exact, const fov_rates *rates)
{
    fov_context *context = fov_context_create(&(fov_context_options){.isa = isa, .exact_conv = exact, .rates = rates});
    fov_graph   *graph   = fov_graph_create(context);
    fov_shape    x       = FOV_SHAPE(1, layer->channels, layer->height, layer->width);
    fov_shape    w       = FOV_SHAPE(layer->filters, layer->channels, layer->kernel[0], layer->kernel[1]);
    size_t       count = shape_span(&x, 0, 4), weights = shape_span(&w, 0, 4);
    size_t       results = (size_t)layer->filters * (size_t)(layer->height * layer->width);
    double       spread = sqrt(2.0 * layer->filters / (double)weights);
    double      *x_data = draw(count, 1, true, 1), *w_data = draw(weights, 2, false, spread);
    float       *constant = calloc(weights, sizeof *constant), *got;
    unsigned char options[OP_MAX_OPTIONS];
    const double **given;
    const char   *detail;
    struct evaluation truth;
    struct distance   error;

    for (size_t i = 0; i < weights; i++)
        constant[i] = (float)w_data[i];
    op_options_default(op_find("conv"), options);
    set_list(options, "pad", layer->kernel[0] / 2, layer->kernel[1] / 2, layer->kernel[0] / 2, layer->kernel[1] / 2);
    fov_value in[2] = {fov_input(graph, .name = "x", .shape = x), fov_constant(graph, "w", FOV_F32, w, constant)};
    fov_value out = op_emit(fov_graph_emitter(graph), "conv", in, 2, options);
    got = run(graph, in[0], out, x_data, count, results, &detail);
    given = calloc((size_t)graph->value_count, sizeof *given);
    given[in[0].id] = x_data;
    if (!got || graph_evaluate(graph, &out.id, 1, 1, false, 0, given, &truth)) {
        fprintf(stderr, "%s\n", fov_error(context));
        return 1;
    }
    error = distance(got, truth.data[out.id], results);
    printf("| %dx%d, %d to %d channels, %dx%d pixels | %s | %.1e | %.1e |\n", layer->kernel[0], layer->kernel[1],
           layer->channels, layer->filters, layer->height, layer->width, detail, error.worst, error.rms);
    graph_evaluate_free(graph, &truth);
    free(given), free(got), free(x_data), free(w_data), free(constant);
    fov_graph_free(graph);
    fov_context_free(context);
    return 0;
}

static int layers(const char *isa)
{
    static const struct layer list[] = {{64, 64, 16, 16, {3, 3}}, {256, 64, 16, 16, {3, 3}}, {512, 64, 16, 16, {3, 3}},
                                        {64, 64, 16, 16, {5, 5}}, {192, 64, 16, 16, {1, 7}}, {384, 64, 16, 16, {1, 3}}};
    fov_rates most = {.products = 1, .transform = 1e30, .memory = 1e30, .wake = 1e-30}, small = most;
    int       failed = 0;

    small.memory = 12.0 / 256; /* slow memory makes the transformed weights expensive, so that small tiles are chosen */
    printf("| layer | sums | greatest error / greatest result | rms error / rms result |\n|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        failed += layer_errors(&list[i], isa, true, NULL);
        if (list[i].kernel[0] * list[i].kernel[1] == 9)
            failed += layer_errors(&list[i], isa, false, &small);
        failed += layer_errors(&list[i], isa, false, &most);
    }
    return failed != 0;
}

/* ---- networks ---------------------------------------------------------------------------------------------------- */

static int network(const char *path, const char *isa)
{
    float      *got[2] = {NULL, NULL};
    double     *x = NULL, *truth = NULL;
    size_t      results = 0;
    const char *detail;

    for (int exact = 1; exact >= 0; exact--) {
        fov_context *context = fov_context_create(&(fov_context_options){.isa = isa, .exact_conv = exact});
        fov_model   *model   = fov_model_load(context, path);
        fov_graph   *graph   = model ? fov_model_graph(model) : NULL;
        fov_value    input, output;

        if (model) {
            fov_shape shape;

            input = fov_model_input(model), output = fov_model_output(model);
            shape = fov_value_shape(graph, input);
            shape.dim[0] = 1;
            if (!x)
                x = draw(shape_span(&shape, 0, shape.rank), 1, false, 1);
            shape = fov_value_shape(graph, output);
            shape.dim[0] = 1;
            results = shape_span(&shape, 0, shape.rank);
            shape = fov_value_shape(graph, input);
            shape.dim[0] = 1;
            got[exact] = run(graph, input, output, x, shape_span(&shape, 0, shape.rank), results, &detail);
            if (exact && got[1]) {
                const double **given = calloc((size_t)graph->value_count, sizeof *given);
                struct evaluation all;

                given[input.id] = x;
                if (graph_evaluate(graph, &output.id, 1, 1, false, 0, given, &all) == 0) {
                    truth = calloc(results + 1, sizeof *truth);
                    memcpy(truth, all.data[output.id], results * sizeof *truth);
                    graph_evaluate_free(graph, &all);
                }
                free(given);
            }
        }
        if (!got[exact] || !truth) {
            fprintf(stderr, "%s: %s\n", path, fov_error(context));
            return 1;
        }
        fov_model_free(model);
        fov_context_free(context);
    }
    printf("| %s | %.1e | %.1e | ", path, distance(got[1], truth, results).worst,
           distance(got[0], truth, results).worst);
    for (size_t i = 0; i < results; i++)
        truth[i] = (double)got[1][i]; /* from here on the reference is the direct result */
    printf("%.1e |\n", distance(got[0], truth, results).worst);
    fflush(stdout);
    free(got[0]), free(got[1]), free(x), free(truth);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0;

    if (argc >= 2 && strcmp(argv[1], "layers") == 0)
        return layers(NULL);
    if (argc < 3 || strcmp(argv[1], "networks") != 0) {
        fprintf(stderr, "usage: sum_error layers | sum_error networks MODEL.onnx...\n");
        return 2;
    }
    printf("| network | direct - true | as planned - true | as planned - direct |\n|---|---|---|---|\n");
    for (int i = 2; i < argc; i++)
        failed += network(argv[i], NULL);
    return failed != 0;
}
