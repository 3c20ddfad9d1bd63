/* SPDX-License-Identifier: MIT */
/* Regression: numbers for each picture, such as an age, a position, a temperature. Values stay in their own units
 * everywhere. The loss divides the error of each value by that value's standard deviation over the training data, so
 * that values of any size, and several of different units, are learned equally well. A new network ends in mean +
 * deviation x the output of its last layer. */
#include "data/dataset.h"
#include "metric/figures.h"
#include "task/kept.h"
#include "task/task.h"
#include <fovea/operators.h>
#include <math.h>
#include <string.h>

enum { MOST_LOOKED_AT = 1024 /* samples from which mean and deviation are estimated */ };
enum { LOSS_MSE, LOSS_MAE, LOSS_HUBER };
enum { SCALE_DATA, SCALE_NONE };
static const char *const loss_names[] = {"mse", "mae", "huber", NULL}, *const scale_names[] = {"data", "none", NULL};

struct options {
    int    loss, scale;
    double delta;
};

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct options, loss), .kind = ATTRIBUTE_CHOICE, .choices = loss_names,
     .doc = "squared, absolute, or squared up to delta"},
    {ATTRIBUTE(struct options, scale), .kind = ATTRIBUTE_CHOICE, .choices = scale_names,
     .doc = "errors in deviations of the training data, or as they are"},
    {ATTRIBUTE(struct options, delta), .kind = ATTRIBUTE_NUMBER, .standard = 1, .minimum = 1e-6, .maximum = 1e6,
     .doc = "huber: where an error stops to count squared"},
    {.name = NULL},
};

static const struct options *options_of(const struct task_use *use)
{
    return (const struct options *)(const void *)use->options;
}

struct regress_state {
    struct memory *memory;
    int     count;  /* values */
    float  *weight; /* [count]: 1 / deviation */
};

static int fit(struct task_use *use, struct error *error)
{
    int status = fit_pictures(use, error);
    fov_value output = use->model->output;
    int count = status == FOV_OK ? model_count_values(use->model, output) : 0;
    if (status == FOV_OK && (use->scores.meaning == FOV_MEANING_MAP || count < 1 ||
                             (use->data != NULL && count != use->data->values))) {
        char text[SHAPE_TEXT_SIZE];
        fov_shape shape = fov_value_shape(use->model->graph, output);
        return error_set(error, FOV_E_SHAPE, "output \"%s\" %s does not hold %d value%s for each picture",
                         fov_value_name(use->model->graph, output), shape_text(&shape, text),
                         use->data != NULL ? use->data->values : 1,
                         use->data != NULL && use->data->values != 1 ? "s" : "");
    }
    struct regress_state *state = NULL;
    if (status == FOV_OK) {
        struct memory *memory = use->model->context->memory;
        state = use->state = memory_allocate(memory, 1, sizeof *state, "a task", error);
        if (state == NULL) {
            return FOV_E_MEMORY;
        }
        *state = (struct regress_state){.memory = memory, .count = count};
        state->weight = memory_allocate(memory, (size_t)count, sizeof *state->weight, "a task", error);
        status = state->weight != NULL ? FOV_OK : FOV_E_MEMORY;
    }
    for (int v = 0; status == FOV_OK && v < count; v++) {
        state->weight[v] = 1;
    }
    use->scores = (struct model_scores){.meaning = FOV_MEANING_VALUES, .logits = output, .count = count};
    use->prepare.target = PREPARE_PICTURE;
    use->dtype = FOV_F32;
    use->target = (fov_shape){2, {FOV_BATCH, count}};
    return status;
}

static void close_use(struct task_use *use)
{
    struct regress_state *state = use->state;
    if (state != NULL) {
        memory_free(state->memory, state->weight);
        memory_free(state->memory, state);
        use->state = NULL;
    }
}

/* Mean and standard deviation of each value, [values] each, over samples evenly spread over the data. */
static int measure(const fov_dataset *data, double *mean, double *deviation, struct error *error)
{
    struct sample sample;
    size_t looked_at = data->count < MOST_LOOKED_AT ? data->count : MOST_LOOKED_AT;
    int status = FOV_OK;
    double seen = 0.0;
    sample_begin(&sample, data->context->memory);
    for (size_t i = 0; status == FOV_OK && i < looked_at; i++) {
        bool is_read;
        status = fit_look(data, i * data->count / looked_at, &sample, &is_read, error);
        seen += is_read;
        for (int v = 0; is_read && v < data->values; v++) { /* Welford's algorithm */
            double apart = (double)sample.numbers[v] - mean[v];
            mean[v] += apart / seen;
            deviation[v] += apart * ((double)sample.numbers[v] - mean[v]);
        }
    }
    for (int v = 0; status == FOV_OK && v < data->values; v++) {
        deviation[v] = sqrt(ratio_or_zero(deviation[v], seen));
        deviation[v] = deviation[v] > 0.0 && isfinite(deviation[v]) ? deviation[v] : 1.0;
    }
    sample_free(&sample);
    return status;
}

static int learn(struct task_use *use, struct error *error)
{
    struct regress_state *state = use->state;
    if (options_of(use)->scale == SCALE_NONE) {
        return FOV_OK;
    }
    double *mean = memory_allocate(state->memory, 2 * (size_t)state->count, sizeof *mean, "a task", error);
    int status = mean != NULL ? measure(use->data, mean, mean + state->count, error) : FOV_E_MEMORY;
    for (int v = 0; status == FOV_OK && v < state->count; v++) {
        state->weight[v] = (float)(1.0 / mean[state->count + v]);
    }
    memory_free(state->memory, mean);
    return status;
}

static void network(const struct task_use *use, fov_network_options *wanted)
{
    wanted->classes = wanted->classes != 0 ? wanted->classes : use->data->values;
}

static int name_values(const struct task_use *use, fov_model *model, struct error *error)
{
    struct memory *memory = model->context->memory;
    int count = use->data->values;
    const char **names = memory_allocate(memory, (size_t)count, sizeof *names, "names of values", error);
    bool are_named = names != NULL;
    for (int v = 0; names != NULL && v < count; v++) {
        names[v] = fov_dataset_value_name(use->data, v);
        are_named = are_named && *names[v] != '\0';
    }
    int status = names == NULL ? FOV_E_MEMORY
                 : are_named   ? fov_model_set_classes(model, names, count)
                               : FOV_OK;
    memory_free(memory, names);
    return status;
}

static int finish(const struct task_use *use, fov_model *model, struct error *error)
{
    struct memory *memory = model->context->memory;
    int count = use->data->values;
    if (model_count_values(model, model->output) != count || count < 1) {
        return FOV_OK; /* task_fit reports at the start of training that the output does not fit */
    }
    if (model_end_plainly(model) != FOV_OK) {
        return (int)error->status;
    }
    double *mean = memory_allocate(memory, 2 * (size_t)count, sizeof *mean, "a task", error);
    float *numbers = memory_allocate(memory, 2 * (size_t)count, sizeof *numbers, "a task", error);
    int status = mean != NULL && numbers != NULL ? measure(use->data, mean, mean + count, error) : FOV_E_MEMORY;
    if (status == FOV_OK) {
        fov_shape row = {2, {1, count}}, shape = fov_value_shape(model->graph, model->output);
        for (int v = 0; v < 2 * count; v++) {
            numbers[v] = (float)mean[v];
        }
        fov_value x = shape.rank > 2 ? fov_flatten(model->graph, model->output) : model->output;
        x = fov_mul(model->graph, x, fov_constant(model->graph, "values.deviation", FOV_F32, row, numbers + count));
        x = fov_add(model->graph, x, fov_constant(model->graph, "values.mean", FOV_F32, row, numbers));
        status = model_replace_output(model, x);
    }
    status = status == FOV_OK ? fov_model_set_meaning(model, model->output, FOV_MEANING_VALUES) : status;
    status = status == FOV_OK ? name_values(use, model, error) : status;
    memory_free(memory, mean);
    memory_free(memory, numbers);
    return status;
}

static void add_loss(const struct task_use *use, fov_graph *graph, struct task_ends *ends)
{
    const struct regress_state *state = use->state;
    const struct options *o = options_of(use);
    fov_shape rows = {2, {FOV_BATCH, state->count}};
    ends->targets = task_add_targets(use, graph);
    fov_value answers = fov_reshape(graph, ends->scores.logits, rows), weights, targets;
    ends->scores.logits = answers;
    weights = fov_constant(graph, "optimizer.value_weights", FOV_F32, (fov_shape){2, {1, state->count}}, state->weight);
    answers = fov_mul(graph, answers, weights);
    targets = fov_mul(graph, ends->targets, weights);
    ends->loss = o->loss == LOSS_MSE   ? fov_mse(graph, answers, targets)
                 : o->loss == LOSS_MAE ? fov_mae(graph, answers, targets)
                                       : fov_huber(graph, answers, targets, (float)o->delta);
}

static int write_values(const struct task_use *use, const struct prepared *prepared, size_t place, void *targets,
                        struct error *error)
{
    size_t count = (size_t)((const struct regress_state *)use->state)->count;
    float *values = (float *)targets + place * count;
    (void)error;
    for (size_t v = 0; v < count; v++) {
        double mean = 0;
        for (int i = 0; i < prepared->part_count; i++) {
            mean += prepared->part[i].share * (double)prepared->part[i].numbers[v];
        }
        values[v] = (float)mean;
    }
    return FOV_OK;
}

static void sum(const struct task_use *use, const struct model_scores *scores, const float *outputs,
                const void *targets, size_t count, double *sums)
{
    const float *truth = targets;
    (void)use;
    for (size_t i = 0; i < count * (size_t)scores->count; i++) {
        sums[0] += fabs((double)outputs[i] - (double)truth[i]);
        sums[1] += 1.0;
    }
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

struct regress_tally {
    double *square, *absolute, *mean, *variance; /* [count] each; variance: sum of (truth - mean)^2 */
    struct kept kept;
};

static int tally_open(struct task_tally *tally, struct error *error)
{
    struct memory *memory = tally->memory;
    size_t count = (size_t)tally->scores.count;
    struct regress_tally *sums = tally->state = memory_allocate(memory, 1, sizeof *sums, "sums", error);
    if (sums == NULL) {
        return FOV_E_MEMORY;
    }
    *sums = (struct regress_tally){.square = memory_allocate(memory, 4 * count, sizeof(double), "sums", error)};
    if (sums->square == NULL) {
        return FOV_E_MEMORY;
    }
    sums->absolute = sums->square + count;
    sums->mean = sums->absolute + count;
    sums->variance = sums->mean + count;
    return tally->keeps_answers
               ? kept_open_values(&sums->kept, (int64_t)tally->use->data->count, (int)count, memory, error)
               : FOV_OK;
}

static void tally_close(struct task_tally *tally)
{
    struct regress_tally *sums = tally->state;
    if (sums != NULL) {
        kept_close(&sums->kept, tally->memory);
        memory_free(tally->memory, sums->square);
        memory_free(tally->memory, sums);
        tally->state = NULL;
    }
}

static void tally_reset(struct task_tally *tally)
{
    struct regress_tally *sums = tally->state;
    memset(sums->square, 0, 4 * (size_t)tally->scores.count * sizeof(double));
    sums->kept.count = 0;
}

/* The loss of one value; `error` is in the unit of the training loss, deviations unless scale=none. */
static double value_loss(const struct options *o, double error)
{
    double size = fabs(error);
    return o->loss == LOSS_MSE   ? error * error
           : o->loss == LOSS_MAE ? size
           : size <= o->delta    ? error * error / 2.0
                                 : o->delta * (size - o->delta / 2.0);
}

static size_t tally_add(struct task_tally *tally, const float *outputs, const void *targets, size_t count)
{
    struct regress_tally *sums = tally->state;
    const struct task_use *learned = tally->use->learned != NULL ? tally->use->learned : tally->use;
    const float *truth = targets, *weight = ((const struct regress_state *)learned->state)->weight;
    size_t values = (size_t)tally->scores.count;
    for (size_t i = 0; i < count; i++, outputs += values, truth += values) {
        double loss = 0.0;
        for (size_t v = 0; v < values; v++) {
            loss += value_loss(options_of(tally->use), ((double)outputs[v] - (double)truth[v]) * (double)weight[v]);
        }
        if (!isfinite(loss)) {
            return i;
        }
        tally->count++;
        tally->loss += loss / (double)values;
        for (size_t v = 0; v < values; v++) {
            double error = (double)outputs[v] - (double)truth[v], apart = (double)truth[v] - sums->mean[v];
            sums->square[v] += error * error;
            sums->absolute[v] += fabs(error);
            sums->mean[v] += apart / (double)tally->count;
            sums->variance[v] += apart * ((double)truth[v] - sums->mean[v]);
            if (sums->kept.scores != NULL) {
                sums->kept.scores[(size_t)sums->kept.count * values + v] = (double)outputs[v];
                sums->kept.truth[(size_t)sums->kept.count * values + v] = (double)truth[v];
            }
        }
        sums->kept.count++;
    }
    return count;
}

/* R2, 1 - squared error / variance. For a constant truth: 1 where the answers equal it exactly, else 0
 * (docs/metrics.md). */
static double explained(const struct regress_tally *sums, int v, int64_t count)
{
    if (count < 2) {
        return (double)NAN;
    }
    return sums->variance[v] > 0.0 ? 1.0 - sums->square[v] / sums->variance[v] : sums->square[v] > 0.0 ? 0.0 : 1.0;
}

static void tally_figures(const struct task_tally *tally, double *values)
{
    const struct regress_tally *sums = tally->state;
    double square = 0.0, absolute = 0.0, r2 = 0.0, cells = (double)tally->count * tally->scores.count;
    for (int v = 0; v < tally->scores.count; v++) {
        square += sums->square[v];
        absolute += sums->absolute[v];
        r2 += explained(sums, v, tally->count) / tally->scores.count;
    }
    values[0] = r2;
    values[1] = ratio_or_undefined(absolute, cells);
    values[2] = sqrt(ratio_or_undefined(square, cells));
}

static int tally_report(struct task_tally *tally, fov_report *report, struct error *error)
{
    const struct regress_tally *sums = tally->state;
    if (sums->kept.scores != NULL) {
        report->metrics = fov_metrics_values(tally->use->model->context, sums->kept.count, tally->scores.count,
                                             sums->kept.truth, sums->kept.scores);
        return report->metrics != NULL ? FOV_OK : (int)error->status;
    }
    return FOV_OK;
}

static int answer(const struct task_use *use, const struct task_output *output, fov_answer *answer,
                  struct error *error)
{
    int status = answer_reserve(answer, use->model, use->scores.count, error);
    answer->measure = "value";
    for (int v = 0; status == FOV_OK && v < answer->count; v++) {
        answer->items[v].value = (double)output->numbers[v];
    }
    return status;
}

static const struct task_figure figures[] = {
    {.name = "r2", .column = "r2", .heading = "R2",
     .doc = "share of the values' variance that is explained, mean over values"},
    {.name = "mae", .column = "mae", .heading = "MAE", .lower_is_better = true, .while_training = true,
     .doc = "mean absolute error, in the values' own units"},
    {.name = "rmse", .column = "rmse", .heading = "RMSE", .lower_is_better = true,
     .doc = "root of the mean squared error, in the values' own units"},
    {.name = NULL},
};

const struct task task_regress = {
    .name = "regress",
    .summary = "numbers for each picture",
    .target = FOV_TARGET_VALUES,
    .targets = 1U << FOV_TARGET_VALUES,
    .augment = "",
    .attributes = attributes,
    .options_size = sizeof(struct options),
    .figures = figures,
    .fit = fit,
    .learn = learn,
    .network = network,
    .finish = finish,
    .close = close_use,
    .add_loss = add_loss,
    .write = write_values,
    .sum = sum,
    .tally_open = tally_open,
    .tally_close = tally_close,
    .tally_reset = tally_reset,
    .tally_add = tally_add,
    .tally_figures = tally_figures,
    .tally_report = tally_report,
    .answer = answer,
};
