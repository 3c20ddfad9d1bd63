/* SPDX-License-Identifier: MIT */
/* A slow copy of weights that follows them: an exponential moving average, or Lookahead (Zhang et al. 2019), in which
 * the weights then take the average's values. The share is an input, so that the caller of each step decides how far
 * the copy moves; a share of 0 changes nothing, and costs nothing. */
#include "op/common.h"

#include <string.h>

struct moving_average_options {
    bool returns;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct moving_average_options, returns), .kind = OP_FLAG,
     .doc = "where the share is not 0, the value becomes the average, too"},
    {0},
};

enum { AVERAGE, VALUE, SHARE };

static const struct op_port in[] = {
    {.name = "average", .shape = "[...]", .plain = true},
    {.name = "value", .shape = "as average", .plain = true},
    {.name = "share", .shape = "[]"},
    {0},
};
static const struct op_port out[] = {
    {.name = "average", .shape = "as average", .plain = true, .updates = 1 + AVERAGE},
    {.name = "value", .shape = "as average", .optional = true, .plain = true, .updates = 1 + VALUE},
    {0},
};

static int infer(const struct op_infer *infer)
{
    int status = op_check_float(infer, AVERAGE, "average");

    status = status != FOV_OK ? status : op_check_same_shape(infer, VALUE, "value", AVERAGE, "average");
    infer->out[1] = infer->in[VALUE];
    return status != FOV_OK ? status : op_infer_same(infer);
}

static void textbook(const struct op_textbook *textbook)
{
    const struct moving_average_options *options = textbook->options;
    const double *average = textbook->in[AVERAGE].data, *value = textbook->in[VALUE].data;
    double        share = textbook->in[SHARE].data[0];
    size_t        count = op_count(&textbook->in[AVERAGE].shape);

    for (size_t i = 0; i < count; i++) {
        double moved = share != 0 ? average[i] + share * (value[i] - average[i]) : average[i];

        textbook->out[0].data[i] = moved;
        if (textbook->out_count > 1 && textbook->out[1].data != NULL) {
            textbook->out[1].data[i] = options->returns && share != 0 ? moved : value[i];
        }
    }
}

struct work {
    float       *average;
    const float *value;
    float        share;
    size_t       count;
};

static void run_chunk(void *context, size_t chunk, int worker)
{
    const struct work *work = context;
    size_t begin = op_chunk_begin(chunk, OP_CHUNK), end = begin + op_chunk_length(chunk, OP_CHUNK, work->count);

    (void)worker;
    for (size_t i = begin; i < end; i++) {
        work->average[i] += work->share * (work->value[i] - work->average[i]);
    }
}

static void run(const struct op_run *run)
{
    const struct moving_average_options *options = run->options;
    struct work work = {.average = run->out[0].data,
                        .value = run->in[VALUE].data,
                        .share = (float)op_scalar(&run->in[SHARE]),
                        .count = op_count(&run->in[AVERAGE].shape)};
    float *value = run->out_count > 1 ? run->out[1].data : NULL;

    op_copy(run, work.average, run->in[AVERAGE].data, work.count * sizeof(float));
    if (work.share != 0) {
        pool_run(run->pool, run_chunk, &work, op_chunks(work.count, OP_CHUNK));
    }
    if (value != NULL) {
        op_copy(run, value, options->returns && work.share != 0 ? work.average : work.value,
                work.count * sizeof(float));
    }
}

static int compile(struct op_compile *compile)
{
    compile->run = run;
    return FOV_OK;
}

static const struct op_cpu cpu = {
    .layout = OP_WANTS_PLAIN, .supports = op_all_f32, .compile = compile, .in_place = 1u << AVERAGE};

static void fill(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        data[i] = index == SHARE ? 0.25 : random_normal(key, i);
    }
}

static void fill_nothing(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        data[i] = index == SHARE ? 0 : random_normal(key, i);
    }
}

static const struct moving_average_options back = {.returns = true};

static const struct op_case cases[] = {
    {.name = "average", .in = {{2, {3, 17}}, {2, {3, 17}}, {0, {0}}}, .in_count = 3, .fill = fill},
    {.name = "several chunks", .in = {{1, {40001}}, {1, {40001}}, {0, {0}}}, .in_count = 3, .fill = fill},
    {.name = "returns", .in = {{1, {37}}, {1, {37}}, {0, {0}}}, .in_count = 3, .options = &back, .fill = fill},
    {.name = "share of nothing", .in = {{1, {37}}, {1, {37}}, {0, {0}}}, .in_count = 3, .options = &back,
     .fill = fill_nothing},
    {0},
};

const struct op op_moving_average = {
    .name = "moving_average",
    .family = OP_OPTIMISER,
    .summary = "A slow copy of weights that moves a share of the way to them.",
    .formula = "where share is not 0: average += share (value - average); with returns: value = average",
    .source = "Zhang, Lucas, Hinton & Ba, Lookahead optimizer: k steps forward, 1 step back, NeurIPS 2019, algorithm 1",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct moving_average_options),
    .infer = infer,
    .textbook = textbook,
    .cpu = &cpu,
    .cases = cases,
};
