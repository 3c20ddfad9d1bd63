/* SPDX-License-Identifier: MIT */
/* The gradient of layer, group, instance and RMS normalisation, from the saved statistics of each row. dx is computed
 * row by row; the weights' gradients are summed over chunks of rows fixed by shape, added in order. */
#include "op/row_norm.h"

#include <string.h>

enum { X, WEIGHT, MEAN, INV_STD, DY };
enum { DX, DWEIGHT, DBIAS };

static const char *const kinds[] = {"layer", "group", NULL};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct row_norm_options, epsilon), .kind = OP_NUMBER, .standard = 1e-5, .minimum = 0, .maximum = 1e6,
     .doc = "added to the variance"},
    {OP_ATTRIBUTE(struct row_norm_options, axis), .kind = OP_INTEGER, .standard = -1, .minimum = -FOV_MAX_RANK,
     .maximum = FOV_MAX_RANK - 1, .doc = "layer: the first of the dimensions that are normalised together"},
    {OP_ATTRIBUTE(struct row_norm_options, groups), .kind = OP_INTEGER, .minimum = 0, .maximum = INT32_MAX,
     .doc = "group: parts of the channels; 0: each channel by itself"},
    {OP_ATTRIBUTE(struct row_norm_options, kind), .kind = OP_CHOICE, .choices = kinds, .doc = "what makes a row"},
    {OP_ATTRIBUTE(struct row_norm_options, group_weights), .kind = OP_FLAG, .doc = "weights are per group"},
    {OP_ATTRIBUTE(struct row_norm_options, uncentred), .kind = OP_FLAG, .doc = "no mean was taken away"},
    {0},
};

/* saved_mean and saved_inv_std have a number per row. */
static int check_saved(const struct op_infer *infer, int index, const char *name)
{
    fov_shape rows = row_norm_rows(infer->options, &infer->in[X].shape);
    if (!shape_fits(&rows, &infer->in[index].shape)) {
        char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
        bool is_there = infer->in[index].shape.rank >= 0;
        return error_set(infer->error, FOV_E_SHAPE, "%s %s must be %s", name,
                         is_there ? shape_text(&infer->in[index].shape, text) : "is missing; it",
                         shape_text(&rows, other));
    }
    return FOV_OK;
}

static int infer(const struct op_infer *infer)
{
    const struct row_norm_options *options = infer->options;
    struct row_norm_geometry geometry;
    int status = row_norm_resolve(&geometry, options, &infer->in[X].shape, infer->error);
    status = status != 0 ? status : op_check_float(infer, X, "x");
    status = status != 0 ? status : op_check_same_shape(infer, DY, "dy", X, "x");
    status = status != 0 ? status : op_check_same_dtype(infer, DY, "dy", X, "x");
    status = status != 0 ? status : row_norm_check_weights(infer, &geometry, WEIGHT, "weight");
    status = status != 0 ? status : check_saved(infer, INV_STD, "saved_inv_std");
    status = status != 0 || options->uncentred ? status : check_saved(infer, MEAN, "saved_mean");
    for (int i = DWEIGHT; status == 0 && i < infer->out_count; i++) {
        infer->out[i].shape = (fov_shape){1, {(int64_t)geometry.weights}};
    }
    return status;
}

/* With h = (x - mean) inv_std and g = dy weight: dx = inv_std (g - mean(g) - h mean(g h)), means over the row. In the
 * uncentred form (RMS) mean and mean(g) are 0. */
static void textbook(const struct op_textbook *textbook)
{
    struct row_norm_geometry geometry;
    if (row_norm_resolve(&geometry, textbook->options, &textbook->in[X].shape, NULL) != 0) {
        return;
    }
    const double *weight = textbook->in[WEIGHT].data;
    double *dweight = textbook->out_count > DWEIGHT ? textbook->out[DWEIGHT].data : NULL;
    double *dbias = textbook->out_count > DBIAS ? textbook->out[DBIAS].data : NULL;
    double columns = (double)geometry.columns;
    bool centred = !((const struct row_norm_options *)textbook->options)->uncentred;
    for (size_t r = 0; r < geometry.rows; r++) {
        const double *x = textbook->in[X].data + r * geometry.columns,
                     *dy = textbook->in[DY].data + r * geometry.columns;
        double mean = centred ? textbook->in[MEAN].data[r] : 0, inv_std = textbook->in[INV_STD].data[r], sum = 0,
               product = 0;
        for (size_t j = 0; j < geometry.columns; j++) {
            size_t w = row_norm_weight(&geometry, r, j);
            double h = (x[j] - mean) * inv_std, g = dy[j] * (weight != NULL ? weight[w] : 1);
            sum += centred ? g : 0;
            product += g * h;
            if (dweight != NULL) {
                dweight[w] += dy[j] * h;
            }
            if (dbias != NULL) {
                dbias[w] += dy[j];
            }
        }
        for (size_t j = 0; textbook->out[DX].data != NULL && j < geometry.columns; j++) {
            double h = (x[j] - mean) * inv_std;
            double g = dy[j] * (weight != NULL ? weight[row_norm_weight(&geometry, r, j)] : 1);
            textbook->out[DX].data[r * geometry.columns + j] = inv_std * (g - sum / columns - h * product / columns);
        }
    }
}

/* ---- CPU --------------------------------------------------------------------------------------------------------- */

enum { MAX_PARTS = 16 }; /* partial sums of the weights' gradients */

struct plan {
    struct row_norm_geometry geometry;
    size_t                   together, chunks; /**< rows per chunk */
};

static struct plan plan_of(const struct row_norm_geometry *geometry)
{
    struct plan plan = {.geometry = *geometry, .together = OP_CHUNK / (geometry->columns + 1) + 1};
    if (plan.together * MAX_PARTS < geometry->rows) {
        plan.together = size_divide_up(geometry->rows, MAX_PARTS);
    }
    plan.chunks = op_chunks(geometry->rows, plan.together);
    return plan;
}

static void gradient_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct op_run *run = context;
    const struct plan *plan = run->state;
    const struct row_norm_geometry *geometry = &plan->geometry;
    const float *weight = run->in[WEIGHT].shape.rank >= 0 ? run->in[WEIGHT].data : NULL;
    double *dweight = (double *)run->scratch + chunk * 2 * geometry->weights, *dbias = dweight + geometry->weights;
    size_t columns = geometry->columns, first = op_chunk_begin(chunk, plan->together);
    size_t end = first + op_chunk_length(chunk, plan->together, geometry->rows), n = geometry->divisor;
    bool centred = !((const struct row_norm_options *)run->options)->uncentred;
    memset(dweight, 0, 2 * geometry->weights * sizeof *dweight);
    for (size_t r = first; r < end; r++) {
        const float *x = (const float *)run->in[X].data + r * columns,
                    *dy = (const float *)run->in[DY].data + r * columns;
        float *dx = (float *)run->out[DX].data + r * columns;
        double mean = centred ? (double)((const float *)run->in[MEAN].data)[r] : 0, sum = 0, product = 0;
        double inv_std = (double)((const float *)run->in[INV_STD].data)[r];
        for (size_t j = 0; j < columns; j += n) { /* runs that share a weight */
            size_t w = row_norm_weight(geometry, r, j), length = columns - j < n ? columns - j : n;
            double run_sum = 0, run_product = 0, factor = weight != NULL ? (double)weight[w] : 1;
            for (size_t k = j; k < j + length; k++) {
                run_sum += (double)dy[k];
                run_product += (double)dy[k] * ((double)x[k] - mean);
            }
            dbias[w] += run_sum;
            dweight[w] += run_product * inv_std;
            sum += centred ? run_sum * factor : 0;
            product += run_product * inv_std * factor;
        }
        if (run->out[DX].data == NULL) {
            continue;
        }
        float b = (float)(-inv_std * inv_std * product / (double)columns), m = (float)mean;
        float d = (float)(-inv_std * sum / (double)columns);
        for (size_t j = 0; j < columns; j += n) {
            size_t w = row_norm_weight(geometry, r, j), length = columns - j < n ? columns - j : n;
            float a = (float)(inv_std * (weight != NULL ? (double)weight[w] : 1));
            for (size_t k = j; k < j + length; k++) {
                dx[k] = a * dy[k] + (b * (x[k] - m) + d);
            }
        }
    }
}

static void store(const struct op_run *run, const struct plan *plan, int out, size_t offset)
{
    float *to = out < run->out_count ? run->out[out].data : NULL;
    for (size_t w = 0; to != NULL && w < plan->geometry.weights; w++) {
        double sum = 0;
        for (size_t chunk = 0; chunk < plan->chunks; chunk++) {
            sum += ((const double *)run->scratch)[chunk * 2 * plan->geometry.weights + offset + w];
        }
        to[w] = (float)sum;
    }
}

static void run(const struct op_run *run)
{
    const struct plan *plan = run->state;
    struct op_run copy = *run; /* the pool's context is not const */
    pool_run(run->pool, gradient_chunk, &copy, plan->chunks);
    store(run, plan, DWEIGHT, 0);
    store(run, plan, DBIAS, plan->geometry.weights);
}

static int prepare(const struct op_compile *compile, void *state)
{
    struct row_norm_geometry geometry;
    int status = row_norm_resolve(&geometry, compile->options, &compile->in[X].shape, compile->error);
    if (status == 0) {
        *(struct plan *)state = plan_of(&geometry);
    }
    return status;
}

static int compile(struct op_compile *compile)
{
    struct row_norm_geometry geometry;
    int status = row_norm_resolve(&geometry, compile->options, &compile->in[X].shape, compile->error);
    if (status != 0) {
        return status;
    }
    struct plan plan = plan_of(&geometry);
    compile->run = run;
    compile->prepare = prepare;
    compile->state = sizeof plan;
    if (!size_multiply(plan.chunks * 2 * sizeof(double), geometry.weights, &compile->scratch)) {
        return error_set(compile->error, FOV_E_MEMORY, "the weights' gradients do not fit memory");
    }
    return 0;
}

static const struct op_cpu cpu = {.layout = OP_WANTS_PLAIN, .supports = op_all_f32, .compile = compile};

static const struct row_norm_options last = {.epsilon = 1e-5, .axis = -1}, from_1 = {.epsilon = 1e-5, .axis = 1},
                                     groups = {.epsilon = 1e-5, .groups = 2, .kind = ROW_NORM_GROUP},
                                     instances = {.epsilon = 1e-5, .kind = ROW_NORM_GROUP},
                                     by_group = {
                                         .epsilon = 1e-5, .groups = 3, .kind = ROW_NORM_GROUP, .group_weights = true},
                                     squares = {.epsilon = 1e-5, .axis = -2, .uncentred = true};
#define ROWS(...) FOV_SHAPE(__VA_ARGS__), FOV_SHAPE(__VA_ARGS__)
/* Gradients of this gradient do not exist yet. */
static const struct op_case cases[] = {
    {.name = "last",
     .options = &last,
     .in = {FOV_SHAPE(3, 4, 5), FOV_SHAPE(5), ROWS(3, 4, 1), FOV_SHAPE(3, 4, 5)},
     .in_count = 5,
     .positive = true,
     .no_gradient = true},
    {.name = "from 1",
     .options = &from_1,
     .in = {FOV_SHAPE(3, 4, 2, 5), FOV_SHAPE(4, 2, 5), ROWS(3, 1, 1, 1), FOV_SHAPE(3, 4, 2, 5)},
     .in_count = 5,
     .positive = true,
     .no_gradient = true},
    {.name = "no weight",
     .options = &last,
     .in = {FOV_SHAPE(3, 7), {-1, {0}}, ROWS(3, 1), FOV_SHAPE(3, 7)},
     .in_count = 5,
     .positive = true,
     .no_gradient = true},
    {.name = "2 groups",
     .options = &groups,
     .in = {FOV_SHAPE(3, 6, 2, 3), FOV_SHAPE(6), ROWS(3, 2), FOV_SHAPE(3, 6, 2, 3)},
     .in_count = 5,
     .positive = true,
     .no_gradient = true},
    {.name = "instances",
     .options = &instances,
     .in = {FOV_SHAPE(2, 5, 7, 3), FOV_SHAPE(5), ROWS(2, 5), FOV_SHAPE(2, 5, 7, 3)},
     .in_count = 5,
     .positive = true,
     .no_gradient = true},
    {.name = "weights per group",
     .options = &by_group,
     .in = {FOV_SHAPE(2, 6, 5), FOV_SHAPE(3), ROWS(2, 3), FOV_SHAPE(2, 6, 5)},
     .in_count = 5,
     .positive = true,
     .no_gradient = true},
    {.name = "mean squares",
     .options = &squares,
     .in = {FOV_SHAPE(3, 4, 5), FOV_SHAPE(4, 5), {-1, {0}}, FOV_SHAPE(3, 1, 1), FOV_SHAPE(3, 4, 5)},
     .in_count = 5,
     .positive = true,
     .no_gradient = true},
    {.name = "several chunks",
     .options = &last,
     .in = {FOV_SHAPE(900, 70), FOV_SHAPE(70), ROWS(900, 1), FOV_SHAPE(900, 70)},
     .in_count = 5,
     .positive = true,
     .no_gradient = true},
    {0},
};

const struct op op_row_norm_gradient = {
    .name = "row_norm_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of layer, group, instance and RMS normalisation by input, weight and bias.",
    .formula = "h = (x - mean) inv_std; g = dy weight; dx = inv_std (g - mean(g) - h mean(g h)); dweight = sum dy h; "
               "dbias = sum dy",
    .in = (const struct op_port[]){{.name = "x", .shape = "[...]"},
                                   {.name = "weight", .shape = "[weights]", .optional = true, .plain = true},
                                   {.name = "saved_mean", .shape = "[rows]", .optional = true, .plain = true},
                                   {.name = "saved_inv_std", .shape = "[rows]", .plain = true},
                                   {.name = "dy", .shape = "as x"},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "as x"},
                                    {.name = "dweight", .shape = "[weights]", .optional = true, .plain = true},
                                    {.name = "dbias", .shape = "[weights]", .optional = true, .plain = true},
                                    {0}},
    .attributes = attributes,
    .options_size = sizeof(struct row_norm_options),
    .infer = infer,
    .textbook = textbook,
    .cpu = &cpu,
    .cases = cases,
};
