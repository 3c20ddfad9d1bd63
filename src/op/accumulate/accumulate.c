/* SPDX-License-Identifier: MIT */
/* The running sum of gradients over several batches whose gradients make one update. As an optimiser it runs as soon as
 * its gradient is computed and writes over the old sum, so that a training step keeps no gradient until its end. */
#include "op/common.h"

enum { SUM, VALUE, KEEP, WEIGHT };

static const struct op_port in[] = {
    {.name = "sum", .shape = "[...]", .plain = true},
    {.name = "value", .shape = "as sum", .plain = true},
    {.name = "keep", .shape = "[]: 0 at the first value of a sum, else 1"},
    {.name = "weight", .shape = "[]"},
    {0},
};
static const struct op_port out[] = {
    {.name = "sum", .shape = "as sum", .plain = true, .updates = 1 + SUM},
    {0},
};

static int infer(const struct op_infer *infer)
{
    int status = op_check_float(infer, SUM, "sum");

    status = status != FOV_OK ? status : op_check_same_shape(infer, VALUE, "value", SUM, "sum");
    status = status != FOV_OK ? status : op_check_same_dtype(infer, VALUE, "value", SUM, "sum");
    return status != FOV_OK ? status : op_infer_same(infer);
}

static void textbook(const struct op_textbook *textbook)
{
    const double *sum = textbook->in[SUM].data, *value = textbook->in[VALUE].data;
    double        keep = textbook->in[KEEP].data[0], weight = textbook->in[WEIGHT].data[0];
    size_t        count = op_count(&textbook->in[SUM].shape);

    for (size_t i = 0; i < count; i++) {
        textbook->out[0].data[i] = keep * sum[i] + weight * value[i];
    }
}

struct work {
    const float *old, *value;
    float       *sum;
    float        keep, weight;
    size_t       count;
};

static void run_chunk(void *context, size_t chunk, int worker)
{
    const struct work *work = context;
    size_t begin = op_chunk_begin(chunk, OP_CHUNK), end = begin + op_chunk_length(chunk, OP_CHUNK, work->count);

    (void)worker;
    for (size_t i = begin; i < end; i++) {
        work->sum[i] = work->keep * work->old[i] + work->weight * work->value[i];
    }
}

static void run(const struct op_run *run)
{
    struct work work = {.old = run->in[SUM].data,
                        .value = run->in[VALUE].data,
                        .sum = run->out[0].data,
                        .keep = (float)op_scalar(&run->in[KEEP]),
                        .weight = (float)op_scalar(&run->in[WEIGHT]),
                        .count = op_count(&run->in[SUM].shape)};

    pool_run(run->pool, run_chunk, &work, op_chunks(work.count, OP_CHUNK));
}

static int compile(struct op_compile *compile)
{
    compile->run = run;
    return FOV_OK;
}

static const struct op_cpu cpu = {
    .layout = OP_WANTS_PLAIN, .supports = op_all_f32, .compile = compile, .in_place = 1u << SUM};

static void fill_later(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        data[i] = index == KEEP ? 1 : index == WEIGHT ? 0.25 : random_normal(key, i);
    }
}

static void fill_first(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        data[i] = index == KEEP ? 0 : index == WEIGHT ? 0.75 : random_normal(key, i);
    }
}

static const struct op_case cases[] = {
    {.name = "a later value", .in = {{2, {3, 17}}, {2, {3, 17}}, {0, {0}}, {0, {0}}}, .in_count = 4,
     .fill = fill_later},
    {.name = "the first value", .in = {{1, {37}}, {1, {37}}, {0, {0}}, {0, {0}}}, .in_count = 4, .fill = fill_first},
    {.name = "several chunks", .in = {{1, {40001}}, {1, {40001}}, {0, {0}}, {0, {0}}}, .in_count = 4,
     .fill = fill_later},
    {0},
};

const struct op op_accumulate = {
    .name = "accumulate",
    .family = OP_OPTIMISER,
    .by_elements = true,
    .summary = "A weighted sum over batches, of gradients say: adds one batch's value.",
    .formula = "sum = keep sum + weight value",
    .in = in,
    .out = out,
    .infer = infer,
    .textbook = textbook,
    .cpu = &cpu,
    .cases = cases,
};
