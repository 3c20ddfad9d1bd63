/* SPDX-License-Identifier: MIT */
/* The gradient of batch normalisation, two passes: the sums of dy and of dy (x - mean) per channel, then dx. Where the
 * statistics are running ones they are constants, and dx is dy scaled. */
#include "op/batch_norm/batch_norm.h"

#include <stdio.h>
#include <string.h>

enum { X, WEIGHT, SAVED_MEAN, SAVED_INV_STD, DY }; /* inputs */
enum { DX, DWEIGHT, DBIAS };                       /* outputs */

static int infer(const struct op_infer *infer)
{
    char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
    int status = batch_norm_check(infer, WEIGHT, SAVED_INV_STD);
    if (status == 0 && !shape_fits(&infer->in[X].shape, &infer->in[DY].shape)) {
        status = error_set(infer->error, FOV_E_SHAPE, "dy %s must have the shape of x %s",
                           shape_text(&infer->in[DY].shape, text), shape_text(&infer->in[X].shape, other));
    }
    for (int i = DWEIGHT; i < infer->out_count; i++) {
        infer->out[i].shape = (fov_shape){1, {infer->in[X].shape.dim[1]}};
    }
    return status;
}

/* With h = (x - mean) inv_std: y = weight h + bias, so dbias = sum dy and dweight = sum dy h. Through mean and variance of
 * the batch, dx = weight inv_std (dy - mean(dy) - h mean(dy h)). */
static void textbook(const struct op_textbook *textbook)
{
    const fov_shape *shape = &textbook->in[X].shape;
    size_t samples = (size_t)shape->dim[0], channels = (size_t)shape->dim[1], pixels = shape_span(shape, 2, shape->rank);
    double count = (double)(samples * pixels);
    bool of_batch = batch_norm_uses_batch(textbook->options, textbook->training);
    for (size_t c = 0; c < channels; c++) {
        double mean = textbook->in[SAVED_MEAN].data[c], inv_std = textbook->in[SAVED_INV_STD].data[c];
        double dbias = 0, dweight = 0;
        for (size_t i = 0; i < samples * pixels; i++) {
            size_t at = (i / pixels * channels + c) * pixels + i % pixels;
            dbias += textbook->in[DY].data[at];
            dweight += textbook->in[DY].data[at] * (textbook->in[X].data[at] - mean) * inv_std;
        }
        for (size_t i = 0; textbook->out[DX].data != NULL && i < samples * pixels; i++) {
            size_t at = (i / pixels * channels + c) * pixels + i % pixels;
            double h = (textbook->in[X].data[at] - mean) * inv_std;
            double flows = textbook->in[DY].data[at] - (of_batch ? dbias / count + h * dweight / count : 0);
            textbook->out[DX].data[at] = textbook->in[WEIGHT].data[c] * inv_std * flows;
        }
        if (textbook->out_count > DWEIGHT && textbook->out[DWEIGHT].data != NULL) {
            textbook->out[DWEIGHT].data[c] = dweight;
        }
        if (textbook->out_count > DBIAS && textbook->out[DBIAS].data != NULL) {
            textbook->out[DBIAS].data[c] = dbias;
        }
    }
}

/** Scratch: [chunks][2][channels] sums in double, then the three factors of dx. */
struct norm_job {
    const struct op_run          *run;
    const struct batch_norm_plan *plan;
    double *sums;
    float  *a, *b, *d; /**< dx = a dy + b (x - mean) + d */
};

static void sums_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct norm_job *job = context;
    const struct batch_norm_plan *plan = job->plan;
    const struct op_run *run = job->run;
    double *sum = job->sums + chunk * 2 * plan->channels;
    size_t first = op_chunk_begin(chunk, plan->chunk_rows) * plan->channels;
    memset(sum, 0, 2 * plan->channels * sizeof *sum);
    run->kernel->column_products(op_chunk_length(chunk, plan->chunk_rows, plan->rows), plan->channels,
                                 (const float *)run->in[DY].data + first, plan->channels,
                                 (const float *)run->in[X].data + first, plan->channels, run->in[SAVED_MEAN].data,
                                 (struct kernel_mask){0}, sum, sum + plan->channels);
}

static void combine_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct norm_job *job = context;
    const struct batch_norm_plan *plan = job->plan;
    const struct op_run *run = job->run;
    size_t first = op_chunk_begin(chunk, plan->chunk_rows) * plan->channels;
    run->kernel->column_combine(op_chunk_length(chunk, plan->chunk_rows, plan->rows), plan->channels,
                                (const float *)run->in[DY].data + first, plan->channels,
                                (const float *)run->in[X].data + first, plan->channels, run->in[SAVED_MEAN].data,
                                (struct kernel_mask){0}, job->a, job->b, job->d,
                                (float *)run->out[DX].data + first, plan->channels, NULL, 0);
}

static void store(const struct op_run *run, int out, size_t channel, double value)
{
    if (out < run->out_count && run->out[out].data != NULL) {
        ((float *)run->out[out].data)[channel] = (float)value;
    }
}

static void run(const struct op_run *run)
{
    const struct batch_norm_plan *plan = run->state;
    struct norm_job job = {.run = run, .plan = plan, .sums = run->scratch};
    job.a = (float *)(void *)(job.sums + plan->chunks * 2 * plan->channels);
    job.b = job.a + plan->channels;
    job.d = job.b + plan->channels;
    bool of_batch = batch_norm_uses_batch(run->options, run->training);
    double rows = plan->rows > 0 ? (double)plan->rows : 1;
    pool_run(run->pool, sums_chunk, &job, plan->chunks);
    for (size_t c = 0; c < plan->channels; c++) {
        double sum = 0, product = 0;
        for (size_t chunk = 0; chunk < plan->chunks; chunk++) {
            sum += job.sums[chunk * 2 * plan->channels + c];
            product += job.sums[(chunk * 2 + 1) * plan->channels + c];
        }
        double inv_std = ((const float *)run->in[SAVED_INV_STD].data)[c];
        double scale = inv_std * (double)((const float *)run->in[WEIGHT].data)[c];
        job.a[c] = (float)scale;
        job.b[c] = of_batch ? (float)(-scale * inv_std * inv_std * product / rows) : 0;
        job.d[c] = of_batch ? (float)(-scale * sum / rows) : 0;
        store(run, DWEIGHT, c, product * inv_std);
        store(run, DBIAS, c, sum);
    }
    if (run->out[DX].data != NULL) {
        pool_run(run->pool, combine_chunk, &job, plan->chunks);
    }
}

static int compile(struct op_compile *compile)
{
    struct batch_norm_plan plan = batch_norm_plan(&compile->in[X].shape);
    compile->run = run;
    compile->prepare = batch_norm_prepare;
    compile->state = sizeof plan;
    compile->scratch = plan.chunks * 2 * plan.channels * sizeof(double) + 3 * plan.channels * sizeof(float);
    snprintf(compile->detail, sizeof compile->detail, "%s statistics",
             batch_norm_uses_batch(compile->options, compile->training) ? "batch" : "running");
    return 0;
}

static const struct op_cpu cpu = {
    .layout = OP_WANTS_CHANNELS_LAST, .supports = op_all_f32, .compile = compile, .in_place = 1u << DY};

static const struct batch_norm_options usual = {.epsilon = 1e-5, .momentum = 0.1},
                                       frozen = {.epsilon = 1e-5, .momentum = 0.1, .statistics = BATCH_NORM_RUNNING};
#define INPUTS(c, ...) FOV_SHAPE(__VA_ARGS__), FOV_SHAPE(c), FOV_SHAPE(c), FOV_SHAPE(c), FOV_SHAPE(__VA_ARGS__)

/* Gradients of this gradient do not exist yet. */
static const struct op_case cases[] = {
    {.name = "training", .options = &usual, .in = {INPUTS(5, 3, 5, 4, 3)}, .in_count = 5, .positive = true,
     .training = true, .no_gradient = true},
    {.name = "inference", .options = &usual, .in = {INPUTS(17, 2, 17, 3, 5)}, .in_count = 5, .positive = true,
     .no_gradient = true},
    {.name = "frozen", .options = &frozen, .in = {INPUTS(3, 2, 3, 7)}, .in_count = 5, .positive = true, .training = true,
     .no_gradient = true},
    {.name = "matrix", .options = &usual, .in = {INPUTS(6, 7, 6)}, .in_count = 5, .positive = true, .training = true,
     .no_gradient = true},
    {.name = "several chunks", .options = &usual, .in = {INPUTS(3, 2, 3, 113, 97)}, .in_count = 5, .positive = true,
     .training = true, .no_gradient = true},
    {0},
};

const struct op op_batch_norm_gradient = {
    .name = "batch_norm_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of batch normalisation with respect to its input, weight and bias.",
    .formula = "h = (x - mean) inv_std; dx = weight inv_std (dy - mean(dy) - h mean(dy h)); dweight = sum dy h; dbias = sum dy",
    .source = "Ioffe & Szegedy, Batch normalization, ICML 2015, section 3",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, ...]"},
                                   {.name = "weight", .shape = "[C]", .plain = true},
                                   {.name = "saved_mean", .shape = "[C]", .plain = true},
                                   {.name = "saved_inv_std", .shape = "[C]", .plain = true},
                                   {.name = "dy", .shape = "as x"},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "as x"},
                                    {.name = "dweight", .shape = "[C]", .optional = true, .plain = true},
                                    {.name = "dbias", .shape = "[C]", .optional = true, .plain = true},
                                    {0}},
    .attributes = batch_norm_attributes,
    .options_size = sizeof(struct batch_norm_options),
    .infer = infer,
    .textbook = textbook,
    .cpu = &cpu,
    .cases = cases,
};
