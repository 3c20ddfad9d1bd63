/* SPDX-License-Identifier: MIT */
/* The loss of task style and its gradient with respect to the network's output, against the definitions of
 * docs/tasks.md in double precision: the trained network's preprocessing (blue first) and running statistics, maps,
 * Gram matrices, variation. The trained network is no parameter of the step; one that draws at random is refused. */
#include "device/context.h"
#include "graph/graph.h"
#include "task/task.h"
#include "train/made.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 2, SIDE = MADE_SIDE, PIXELS = SIDE * SIDE, NUMBERS = 3 * PIXELS, MOST = 5 };
static const double content_weight = 0.7, style_weight = 3, variation_weight = 5;

/* ---- the definitions --------------------------------------------------------------------------------------------- */

/* Weights [out, in, 3, 3] and biases of the three convolutions of made.c's network. */
struct looker {
    double weight[3][MOST * 4 * 9], bias[3][MOST];
};
/* Its activations [channels, pixels]: the content is the third, the style are the first and the third. */
struct maps {
    double at[3][MOST * PIXELS];
};
static const int widths[] = {3, 4, 4, 5};

static void read_parameter(fov_model *model, const char *name, double *to)
{
    float numbers[MOST * 4 * 9];
    fov_graph *graph = fov_model_graph(model);
    fov_value parameter = fov_find(graph, name);
    assert_true(parameter.id != 0);
    fov_shape shape = fov_value_shape(graph, parameter);
    size_t count = 1;
    for (int i = 0; i < shape.rank; i++) {
        count *= (size_t)shape.dim[i];
    }
    assert_true(count <= sizeof numbers / sizeof *numbers);
    assert_int_equal(fov_parameter_get(graph, parameter, numbers, count * sizeof *numbers), FOV_OK);
    for (size_t i = 0; i < count; i++) {
        to[i] = (double)numbers[i];
    }
}

static void convolve(const struct looker *l, int layer, const double *x, int side, double *y)
{
    int from = widths[layer], to = widths[layer + 1];
    double norm = layer == 0 ? 1.0 / sqrt(1.0 + 1e-5) : 1.0; /* running mean 0 and variance 1 */
    for (int p = 0; p < to * side * side; p++) {
        int o = p / (side * side), row = p / side % side, column = p % side;
        double sum = l->bias[layer][o];
        for (int k = 0; k < from * 9; k++) {
            int i = k / 9, down = row + k / 3 % 3 - 1, across = column + k % 3 - 1;
            if (down >= 0 && down < side && across >= 0 && across < side) {
                sum += l->weight[layer][o * from * 9 + k] * x[(i * side + down) * side + across];
            }
        }
        y[p] = fmax(sum * norm, 0.0);
    }
}

/* What the network sees in a picture [3, SIDE, SIDE] of 0..1, red first. */
static void look(const struct looker *l, const double *picture, struct maps *maps)
{
    static const double mean[] = {0.4, 0.5, 0.6}, deviation[] = {0.2, 0.25, 0.3};
    double x[NUMBERS], pooled[4 * PIXELS / 4];
    for (int i = 0; i < NUMBERS; i++) {
        int c = i / PIXELS;
        x[i] = (picture[(2 - c) * PIXELS + i % PIXELS] - mean[c]) / deviation[c];
    }
    convolve(l, 0, x, SIDE, maps->at[0]);
    convolve(l, 1, maps->at[0], SIDE, maps->at[1]);
    for (int p = 0; p < 4 * PIXELS / 4; p++) {
        const double *from = &maps->at[1][p / (SIDE / 2) * 2 * SIDE + p % (SIDE / 2) * 2];
        pooled[p] = (from[0] + from[1] + from[SIDE] + from[SIDE + 1]) / 4.0;
    }
    convolve(l, 2, pooled, SIDE / 2, maps->at[2]);
}

static void gram(const double *map, int channels, int pixels, double *to)
{
    for (int i = 0; i < channels * channels; i++) {
        to[i] = 0.0;
        for (int p = 0; p < pixels; p++) {
            to[i] += map[i / channels * pixels + p] * map[i % channels * pixels + p];
        }
        to[i] /= channels * pixels;
    }
}

static double square_of(const double *a, int count)
{
    double square = 0.0;
    for (int i = 0; i < count; i++) {
        square += a[i] * a[i];
    }
    return square;
}

static double difference(const double *a, const double *b, int count)
{
    double away = 0.0;
    for (int i = 0; i < count; i++) {
        away += (a[i] - b[i]) * (a[i] - b[i]);
    }
    return away;
}

static double define(const struct looker *l, const double *made, const struct maps *wanted, const struct maps *style)
{
    struct maps maps;
    double a[MOST * MOST], b[MOST * MOST], sums[2] = {0.0};
    look(l, made, &maps);
    enum { CONTENT = 5 * PIXELS / 4 };
    double loss = content_weight * difference(maps.at[2], wanted->at[2], CONTENT) /
                  (square_of(wanted->at[2], CONTENT) + 1e-3 * square_of(style->at[2], CONTENT));
    for (int layer = 0; layer < 3; layer += 2) {
        int channels = widths[layer + 1], pixels = layer == 0 ? PIXELS : PIXELS / 4;
        gram(maps.at[layer], channels, pixels, a);
        gram(style->at[layer], channels, pixels, b);
        loss += style_weight / 2.0 * difference(a, b, channels * channels) / square_of(b, channels * channels);
    }
    for (int i = 0; i < NUMBERS; i++) {
        double down = i / SIDE % SIDE + 1 < SIDE ? made[i + SIDE] - made[i] : 0.0;
        double across = i % SIDE + 1 < SIDE ? made[i + 1] - made[i] : 0.0;
        sums[0] += down * down;
        sums[1] += across * across;
    }
    return loss + variation_weight * (sums[0] + sums[1]) / (3 * SIDE * (SIDE - 1));
}

static double noise(int i)
{
    return 0.5 + 0.5 * sin(12.9898 * i + 0.7 * i * i);
}

/* ---- what is asserted -------------------------------------------------------------------------------------------- */

/* Task style for a network of made.c, fitted to its data. */
struct fitted {
    fov_context *context;
    fov_dataset *data;
    fov_model *model;
    struct task_use use;
};

static int fit_style(struct fitted *f, const char *options)
{
    char text[1024];
    const struct made_case *of = made_cases;
    while (strncmp(of->task, "style", 5) != 0) {
        of++;
    }
    f->context = test_context(1, 4);
    f->data = made_data(f->context, of->target, FOV_TRAIN);
    f->model = of->network(f->context, of->outputs);
    f->use = (struct task_use){.model = f->model, .data = f->data};
    snprintf(text, sizeof text, "%s%s", of->task, options);
    struct error *error = &f->context->error;
    int status = task_choose(&f->use, text, FOV_TARGET_NONE, error);
    return status == FOV_OK ? task_fit(&f->use, error) : status;
}

static void end_style(struct fitted *f)
{
    task_close(&f->use);
    fov_model_free(f->model);
    fov_dataset_free(f->data);
    fov_context_free(f->context);
}

/* The trained network that the task's options name. */
static void read_looker(fov_context *context, const char *task, struct looker *l)
{
    static const char *const names[] = {"first", "second", "third"};
    char name[64];
    const char *path = strstr(task, "network=") + strlen("network=");
    fov_model *model = fov_model_load(context, path);
    assert_fine(context, model != NULL);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s.weight", names[i]);
        read_parameter(model, name, l->weight[i]);
        snprintf(name, sizeof name, "%s.bias", names[i]);
        read_parameter(model, name, l->bias[i]);
    }
    fov_model_free(model);
}

static void the_loss_is_its_definition(void **state)
{
    (void)state;
    struct fitted f;
    assert_fine(f.context, fit_style(&f, ":content=0.7:style=3:variation=5") == FOV_OK);
    struct looker *l = calloc(1, sizeof *l);
    struct maps style, *wanted = calloc(N, sizeof *wanted);
    double *made = malloc(N * NUMBERS * sizeof *made), picture[NUMBERS];
    const struct made_case *of = made_cases;
    while (strncmp(of->task, "style", 5) != 0) {
        of++;
    }
    read_looker(f.context, of->task, l);
    for (int i = 0; i < NUMBERS; i++) {
        picture[i] = made_style_byte(3 * (i % PIXELS) + i / PIXELS) / 255.0;
    }
    look(l, picture, &style);

    fov_graph *graph = fov_graph_create(f.context);
    struct task_ends ends = {.scores = f.use.scores};
    fov_value output = fov_input(graph, .name = "made", .shape = f.use.target), slope;
    ends.scores.logits = output;
    f.use.task->add_loss(&f.use, graph, &ends);
    assert_fine(f.context, fov_gradient(graph, ends.loss, &output, 1, &slope) == FOV_OK);
    assert_int_equal(fov_parameter_count(graph), 0); /* the trained network is a constant */
    const fov_value out[] = {ends.loss, slope};
    fov_plan *plan = fov_plan_create(graph, out, 2, &(fov_plan_options){.batch = N, .training = true});
    assert_fine(f.context, plan != NULL);
    float *in = fov_plan_data(plan, output), *targets = fov_plan_data(plan, ends.targets);
    for (int i = 0; i < N * NUMBERS; i++) {
        in[i] = (float)noise(i);
        made[i] = (double)in[i];
        targets[i] = (float)noise(i + N * NUMBERS);
    }
    fov_plan_run(plan, 0);
    double by_definition = 0.0, steepest = 0.0;
    for (int n = 0; n < N; n++) {
        for (int i = 0; i < NUMBERS; i++) {
            picture[i] = (double)targets[n * NUMBERS + i];
        }
        look(l, picture, &wanted[n]);
        by_definition += define(l, made + n * NUMBERS, &wanted[n], &style) / N;
    }
    double loss = (double)*(const float *)fov_plan_data(plan, ends.loss);
    if (!(fabs(loss - by_definition) < 1e-5 * by_definition)) {
        fail_msg("the loss is %.9g, by definition %.9g", loss, by_definition);
    }
    const float *slopes = fov_plan_data(plan, slope);
    for (int i = 0; i < N * NUMBERS; i++) {
        steepest = fmax(steepest, fabs((double)slopes[i]));
    }
    for (int i = 0; i < N * NUMBERS; i += 7) {
        const double step = 1e-6, at = made[i];
        double *one = made + i / NUMBERS * NUMBERS;
        made[i] = at + step;
        double above = define(l, one, &wanted[i / NUMBERS], &style);
        made[i] = at - step;
        double wanted_slope = (above - define(l, one, &wanted[i / NUMBERS], &style)) / (2.0 * step) / N;
        made[i] = at;
        if (!(fabs((double)slopes[i] - wanted_slope) < 2e-5 * steepest)) {
            fail_msg("slope %d is %.9g, by definition %.9g", i, (double)slopes[i], wanted_slope);
        }
    }
    fov_plan_free(plan);
    fov_graph_free(graph);
    free(made);
    free(wanted);
    free(l);
    end_style(&f);
}

static int keep_loss(const fov_progress *progress, void *user)
{
    *(double *)user = progress->loss;
    return FOV_OK;
}

/* The loss of a first step over all samples is that of an evaluation of the untrained model. */
static void evaluation_counts_the_same_loss(void **state)
{
    (void)state;
    struct fitted f;
    char text[TASK_TEXT_SIZE];
    double loss = 0.0;
    fov_report report;
    assert_fine(f.context, fit_style(&f, ":variation=5") == FOV_OK);
    task_text(&f.use, text);
    fov_evaluate_options how = {.task = text};
    fov_train_options options = {.task = text, .epochs = 1, .batch = MADE_TRAIN, .on_step = keep_loss, .user = &loss};
    assert_fine(f.context, fov_evaluate_opt(f.model, f.data, &how, &report) == FOV_OK);
    assert_fine(f.context, fov_train_opt(f.model, f.data, &options) == FOV_OK);
    if (!(fabs(loss - report.loss) < 1e-5 * report.loss)) {
        fail_msg("training says %.9g, the evaluation %.9g", loss, report.loss);
    }
    assert_int_equal(report.figure_count, 4);
    const fov_task_figure *figure = report.figures;
    assert_true(figure[0].value == report.loss && figure[3].value > 0.0);
    assert_true(fabs(figure[1].value + figure[2].value + figure[3].value - report.loss) < 1e-9 * report.loss);
    fov_report_free(&report);
    end_style(&f);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        fov_status  status;
        const char *part;
    } slips[] = {
        {":style_layers=relu_99", FOV_E_USAGE, "relu_99"},
        {":size=8", FOV_E_INPUT, "8 x 8 pixels"},
        {":picture=absent.png", FOV_E_IO, "absent.png"},
        {":content=-1", FOV_E_USAGE, "content"},
    };
    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++) {
        struct fitted f;
        assert_int_equal(fit_style(&f, slips[i].options), slips[i].status);
        if (strstr(fov_error(f.context), slips[i].part) == NULL) {
            fail_msg("\"%s\" is not in: %s", slips[i].part, fov_error(f.context));
        }
        end_style(&f);
    }
}

/* A model that answers needs neither picture nor network: files that its task names may be gone. */
static void answers_need_no_files(void **state)
{
    (void)state;
    fov_context *context = test_context(1, 4);
    fov_model *model = made_map(context, 3);
    fov_session *session = fov_session_create(model, "style:picture=absent.png:network=absent.onnx");
    assert_fine(context, session != NULL);
    fov_session_free(session);
    fov_model_free(model);
    fov_context_free(context);
}

/* A network that drops values at random while training would make the loss random. */
static void a_random_network_is_refused(void **state)
{
    (void)state;
    char folder[256], path[512], options[600];
    fov_context *context = test_context(1, 4);
    fov_model *model = fov_model_create(context);
    fov_graph *graph = fov_model_graph(model);
    fov_value x = fov_input(graph, .shape = FOV_SHAPE(FOV_BATCH, 3, 16, 16));
    fov_value y = fov_dropout(graph, fov_conv2d(graph, x, .filters = 4, .kernel = 3, .pad = 1), 0.5F);
    assert_fine(context, fov_model_set_input_output(model, x, fov_relu(graph, y)) == FOV_OK);
    test_folder(folder);
    assert_fine(context, fov_model_save(model, test_path(path, folder, "random.onnx")) == FOV_OK);
    snprintf(options, sizeof options, ":network=%s", path);
    struct fitted f;
    assert_int_equal(fit_style(&f, options), FOV_E_UNSUPPORTED);
    assert_non_null(strstr(fov_error(f.context), "draws at random"));
    end_style(&f);
    test_folder_remove(folder);
    fov_model_free(model);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loss_is_its_definition),
        cmocka_unit_test(evaluation_counts_the_same_loss),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(answers_need_no_files),
        cmocka_unit_test(a_random_network_is_refused),
    };
    return cmocka_run_group_tests(tests, made_open, made_close);
}
