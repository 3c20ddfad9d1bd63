/* SPDX-License-Identifier: MIT */
/* Normalisation of rows: shape rule, textbook twin and CPU implementation of layer, group, instance and RMS
 * normalisation. Each row is done by one thread, its statistics in two passes (mean, then squares of the differences
 * from it). The gradient is the operator row_norm_gradient (layer_norm/gradient.c). */
#include "op/row_norm.h"

#include <math.h>
#include <stdio.h>

int row_norm_resolve(struct row_norm_geometry *geometry, const struct row_norm_options *options, const fov_shape *x,
                     struct error *error)
{
    char text[SHAPE_TEXT_SIZE];
    int rank = x->rank;
    if (options->kind == ROW_NORM_LAYER) {
        int64_t axis = options->axis + (options->axis < 0 ? rank : 0);
        if (axis < 0 || axis >= rank) {
            return error_set(error, FOV_E_USAGE, "axis %lld is not one of input %s", (long long)options->axis,
                             shape_text(x, text));
        }
        for (int i = (int)axis; i < rank; i++) {
            if (x->dim[i] < 1) {
                return error_set(error, FOV_E_SHAPE, "input %s: sizes from axis %lld on must be known and not empty",
                                 shape_text(x, text), (long long)axis);
            }
        }
        *geometry = (struct row_norm_geometry){.columns = shape_span(x, (int)axis, rank), .period = 1, .divisor = 1};
        geometry->weights = geometry->columns;
        geometry->rows = 1;
        for (int i = 0; i < axis; i++) {
            geometry->rows *= x->dim[i] < 0 ? 1 : (size_t)x->dim[i];
        }
        return 0;
    }
    int64_t channels = rank < 2 ? 0 : x->dim[1], groups = options->groups != 0 ? options->groups : channels;
    if (rank < 2 || channels < 1 || groups < 1 || channels % groups != 0) {
        return error_set(error, FOV_E_SHAPE, "input %s must be [N, C, ...] with channels that %lld groups divide",
                         shape_text(x, text), (long long)groups);
    }
    for (int i = 2; i < rank; i++) {
        if (x->dim[i] < 1) {
            return error_set(error, FOV_E_SHAPE, "input %s: spatial sizes must be known and not empty",
                             shape_text(x, text));
        }
    }
    size_t pixels = shape_span(x, 2, rank), share = (size_t)(channels / groups);
    *geometry = (struct row_norm_geometry){.rows = (x->dim[0] < 0 ? 1 : (size_t)x->dim[0]) * (size_t)groups,
                                           .columns = share * pixels,
                                           .weights = (size_t)(options->group_weights ? groups : channels),
                                           .period = (size_t)groups,
                                           .row_step = options->group_weights ? 1 : share,
                                           .divisor = options->group_weights ? share * pixels : pixels};
    return 0;
}

int row_norm_check_weights(const struct op_infer *infer, const struct row_norm_geometry *geometry, int index,
                           const char *name)
{
    if (index >= infer->in_count || infer->in[index].shape.rank < 0) {
        return 0;
    }
    size_t count;
    const fov_shape *shape = &infer->in[index].shape;
    int status = op_check_float(infer, index, name);
    if (status != 0) {
        return status;
    }
    if (!shape_count(shape, &count) || count != geometry->weights) {
        char text[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "%s %s must have %zu numbers", name, shape_text(shape, text),
                         geometry->weights);
    }
    return 0;
}

fov_shape row_norm_rows(const struct row_norm_options *options, const fov_shape *x)
{
    if (options->kind != ROW_NORM_LAYER) {
        return (fov_shape){2, {x->dim[0], options->groups != 0 ? options->groups : x->dim[1]}};
    }
    fov_shape rows = *x;
    for (int i = (int)(options->axis + (options->axis < 0 ? x->rank : 0)); i < x->rank; i++) {
        rows.dim[i] = 1;
    }
    return rows;
}

int row_norm_infer(const struct op_infer *infer)
{
    const struct row_norm_options *options = infer->options;
    struct row_norm_geometry geometry;
    const fov_shape *x = &infer->in[ROW_NORM_X].shape;
    int status = op_check_float(infer, ROW_NORM_X, "x");
    status = status != 0 ? status : row_norm_resolve(&geometry, options, x, infer->error);
    status = status != 0 ? status : row_norm_check_weights(infer, &geometry, ROW_NORM_WEIGHT, "weight");
    status = status != 0 ? status : row_norm_check_weights(infer, &geometry, ROW_NORM_BIAS, "bias");
    if (status != 0) {
        return status;
    }
    infer->out[ROW_NORM_Y].shape = *x;
    fov_shape rows = row_norm_rows(options, x);
    for (int i = ROW_NORM_MEAN; i < infer->out_count; i++) {
        infer->out[i].shape = rows;
        infer->out[i].dtype =
            infer->in[ROW_NORM_X].dtype == FOV_F64 ? FOV_F64 : FOV_F32; /* stash_type: single at least */
    }
    if (options->uncentred && infer->out_count > ROW_NORM_MEAN) {
        infer->out[ROW_NORM_MEAN].shape.rank = -1;
    }
    return 0;
}

void row_norm_gradient(struct op_gradient *gradient)
{
    const struct op_emitter *emitter = gradient->emitter;
    fov_value in[5] = {gradient->in[ROW_NORM_X],
                       gradient->in_count > 1 ? gradient->in[ROW_NORM_WEIGHT] : (fov_value){0}};
    if (!((const struct row_norm_options *)gradient->options)->uncentred) {
        in[2] = op_emit_output(emitter, gradient->out[0], ROW_NORM_MEAN);
    }
    in[3] = op_emit_output(emitter, gradient->out[0], ROW_NORM_INV_STD);
    in[4] = gradient->out_gradient[0];
    if (in[4].id == 0) {
        return;
    }
    fov_value dx = op_emit(emitter, "row_norm_gradient", in, 5, gradient->options);
    for (int i = 0; i < gradient->in_count; i++) {
        if (gradient->wanted[i]) {
            fov_value flow = i == 0 ? dx : op_emit_output(emitter, dx, i);
            gradient->in_gradient[i] = i == 0 || gradient->in_tensor[i].shape.rank == 1
                                           ? flow
                                           : op_emit_reshape(emitter, flow, &gradient->in_tensor[i].shape);
        }
    }
}

/* y = (x - mean) / sqrt(var + epsilon) * weight + bias, mean and variance of the element's row. */
void row_norm_textbook(const struct op_textbook *textbook)
{
    const struct row_norm_options *options = textbook->options;
    struct row_norm_geometry geometry;
    if (row_norm_resolve(&geometry, options, &textbook->in[ROW_NORM_X].shape, NULL) != 0) {
        return;
    }
    const double *weight = textbook->in_count > ROW_NORM_WEIGHT ? textbook->in[ROW_NORM_WEIGHT].data : NULL;
    const double *bias = textbook->in_count > ROW_NORM_BIAS ? textbook->in[ROW_NORM_BIAS].data : NULL;
    for (size_t r = 0; r < geometry.rows; r++) {
        const double *x = textbook->in[ROW_NORM_X].data + r * geometry.columns;
        double sum = 0, squares = 0;
        for (size_t j = 0; j < geometry.columns; j++) {
            sum += x[j];
        }
        double mean = options->uncentred ? 0 : sum / (double)geometry.columns;
        for (size_t j = 0; j < geometry.columns; j++) {
            squares += (x[j] - mean) * (x[j] - mean);
        }
        double inv_std = 1 / sqrt(squares / (double)geometry.columns + options->epsilon);
        for (size_t j = 0; j < geometry.columns; j++) {
            size_t w = row_norm_weight(&geometry, r, j);
            textbook->out[ROW_NORM_Y].data[r * geometry.columns + j] =
                (x[j] - mean) * inv_std * (weight != NULL ? weight[w] : 1) + (bias != NULL ? bias[w] : 0);
        }
        if (textbook->out_count > ROW_NORM_MEAN && textbook->out[ROW_NORM_MEAN].data != NULL) {
            textbook->out[ROW_NORM_MEAN].data[r] = mean;
        }
        if (textbook->out_count > ROW_NORM_INV_STD && textbook->out[ROW_NORM_INV_STD].data != NULL) {
            textbook->out[ROW_NORM_INV_STD].data[r] = inv_std;
        }
    }
}

/* ---- CPU --------------------------------------------------------------------------------------------------------- */

struct plan {
    struct row_norm_geometry geometry;
    size_t                   together; /**< rows per chunk */
};

static float *output(const struct op_run *run, int index)
{
    return index < run->out_count ? run->out[index].data : NULL;
}

static const float *input(const struct op_run *run, int index)
{
    return index < run->in_count && run->in[index].shape.rank >= 0 ? run->in[index].data : NULL;
}

/** y holds x - mean; scales and shifts it. */
static void finish_row(const struct row_norm_geometry *geometry, const struct op_run *run, size_t row, float inv_std,
                       float *y)
{
    const float *weight = input(run, ROW_NORM_WEIGHT), *bias = input(run, ROW_NORM_BIAS);
    size_t columns = geometry->columns, n = geometry->divisor;
    const struct kernel_table *kernel = run->kernel;
    if (n == 1 && columns > 1) { /* a weight per element */
        size_t w = row_norm_weight(geometry, row, 0);
        kernel->unary[UNARY_affine](columns, y, y, inv_std, 0);
        struct kernel_operand a = {y, 0, 1};
        if (weight != NULL) {
            kernel->binary[BINARY_mul](1, columns, a, (struct kernel_operand){weight + w, 0, 1}, y, columns);
        }
        if (bias != NULL) {
            kernel->binary[BINARY_add](1, columns, a, (struct kernel_operand){bias + w, 0, 1}, y, columns);
        }
        return;
    }
    for (size_t j = 0; j < columns; j += n) { /* one weight for n consecutive elements */
        size_t w = row_norm_weight(geometry, row, j), length = columns - j < n ? columns - j : n;
        kernel->unary[UNARY_affine](length, y + j, y + j, weight != NULL ? inv_std * weight[w] : inv_std,
                                    bias != NULL ? bias[w] : 0);
    }
}

static void norm_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct op_run *run = context;
    const struct plan *plan = run->state;
    const struct row_norm_options *options = run->options;
    size_t columns = plan->geometry.columns, first = op_chunk_begin(chunk, plan->together);
    size_t end = first + op_chunk_length(chunk, plan->together, plan->geometry.rows);
    for (size_t r = first; r < end; r++) {
        const float *x = (const float *)run->in[ROW_NORM_X].data + r * columns;
        float *y = (float *)run->out[ROW_NORM_Y].data + r * columns;
        double mean = options->uncentred ? 0 : run->kernel->sum(columns, x) / (double)columns;
        run->kernel->unary[UNARY_affine](columns, x, y, 1, (float)-mean);
        /* y = x - float(mean): the variance about the mean is y's mean square less the square of the rounding error. */
        double rest = mean - (double)(float)mean;
        double variance = run->kernel->sum_squares(columns, y) / (double)columns - rest * rest;
        double inv_std = 1 / sqrt((variance < 0 ? 0 : variance) + options->epsilon); /* NaN stays NaN */
        finish_row(&plan->geometry, run, r, (float)inv_std, y);
        if (output(run, ROW_NORM_MEAN) != NULL) {
            output(run, ROW_NORM_MEAN)[r] = (float)mean;
        }
        if (output(run, ROW_NORM_INV_STD) != NULL) {
            output(run, ROW_NORM_INV_STD)[r] = (float)inv_std;
        }
    }
}

static void run(const struct op_run *run)
{
    const struct plan *plan = run->state;
    struct op_run copy = *run; /* the pool's context is not const */
    pool_run(run->pool, norm_chunk, &copy, op_chunks(plan->geometry.rows, plan->together));
}

static int prepare(const struct op_compile *compile, void *state)
{
    struct plan *plan = state;
    int status = row_norm_resolve(&plan->geometry, compile->options, &compile->in[ROW_NORM_X].shape, compile->error);
    plan->together = status != 0 ? 1 : OP_CHUNK / (plan->geometry.columns + 1) + 1;
    return status;
}

int row_norm_compile(struct op_compile *compile)
{
    compile->run = run;
    compile->prepare = prepare;
    compile->state = sizeof(struct plan);
    snprintf(compile->detail, sizeof compile->detail, "rows, two passes");
    return 0;
}
