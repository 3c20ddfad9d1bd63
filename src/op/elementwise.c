/* SPDX-License-Identifier: MIT */
/* Code shared by all elementwise operators with one argument (elementwise.h). The formulas are elsewhere: in the
 * operators' folders (in double) and in the kernels (in float). */
#include "op/elementwise.h"

const struct op_port elementwise_in[]  = {{.name = "x", .shape = "[...]"}, {0}};
const struct op_port elementwise_out[] = {{.name = "y", .shape = "[...], as x"}, {0}};

/* Away from zero by at least 0.1, so that central differences never step over the kink. */
static void fill_away_from_zero(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        double value = random_normal(key, i);
        data[i] = value < 0 ? value - 0.1 : value + 0.1;
    }
}

static void fill_positive(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        data[i] = 0.1 + 1.9 * random_uniform(key, i);
    }
}

static void fill_inside(int index, double *data, size_t count, struct random_key key)
{
    (void)index;
    for (size_t i = 0; i < count; i++) {
        data[i] = 1.8 * random_uniform(key, i) - 0.9;
    }
}

#define SHAPES(filling)                                                                                                \
    {.name = "one", .in = {{1, {1}}}, .in_count = 1, .fill = filling},                                                 \
    {.name = "scalar", .in = {{0, {0}}}, .in_count = 1, .fill = filling},                                              \
    {.name = "vector of 37", .in = {{1, {37}}}, .in_count = 1, .fill = filling},                                       \
    {.name = "3 x 17", .in = {{2, {3, 17}}}, .in_count = 1, .fill = filling},                                          \
    {.name = "image, batch 1", .in = {{4, {1, 3, 5, 7}}}, .in_count = 1, .fill = filling},                             \
    {.name = "image, batch 3", .in = {{4, {3, 2, 4, 3}}}, .in_count = 1, .fill = filling},                             \
    {.name = "several chunks", .in = {{2, {3, 12001}}}, .in_count = 1, .fill = filling, .no_gradient = true}, {0}

const struct op_case elementwise_cases[]        = {SHAPES(NULL)};
const struct op_case elementwise_cases_kinked[] = {SHAPES(fill_away_from_zero)};
const struct op_case elementwise_cases_positive[] = {SHAPES(fill_positive)};
const struct op_case elementwise_cases_inside[] = {SHAPES(fill_inside)};

int elementwise_infer(const struct op_infer *infer)
{
    int status = op_check_float(infer, 0, "x");
    return status != FOV_OK ? status : op_infer_same(infer);
}

int elementwise_infer_numbers(const struct op_infer *infer)
{
    if (infer->in[0].dtype == FOV_BOOL) {
        return error_set(infer->error, FOV_E_USAGE, "x is bool, it must be a number");
    }
    return op_infer_same(infer);
}

void elementwise_gradient(struct op_gradient *gradient)
{
    float alpha = 0, beta = 0;
    enum unary function = gradient->op->as_activation(gradient->options, &alpha, &beta);
    struct activation_gradient_options options = {(int)function, (double)alpha, (double)beta};

    /* The derivative is written in x or in y, whichever is cheaper to keep; some need neither. That of leaky_relu reads
       the sign of y, which is not the sign of x if the slope is negative: x is passed in its place then. */
    enum unary_reads reads = unary_gradient_reads(function);
    bool folds = function == UNARY_leaky_relu && alpha < 0;
    fov_value saved = {0};
    if (reads == READS_X || folds) {
        saved = gradient->in[0];
    } else if (reads == READS_Y) {
        saved = gradient->out[0];
    }
    gradient->in_gradient[0] =
        op_emit2(gradient->emitter, "activation_gradient", gradient->out_gradient[0], saved, &options);
}

void elementwise_textbook(const struct op_textbook *textbook, double (*function)(double x, const void *options))
{
    const double *x = textbook->in[0].data;
    double *y = textbook->out[0].data;
    size_t count = op_count(&textbook->in[0].shape);
    for (size_t i = 0; i < count; i++) {
        y[i] = op_wrap(textbook->out[0].dtype, function(x[i], textbook->options));
    }
}

fov_value elementwise_below_zero(const struct op_emitter *emitter, fov_value x)
{
    fov_value turned = op_emit1(emitter, "relu", op_emit1(emitter, "neg", x, NULL), NULL);
    return op_emit1(emitter, "neg", turned, NULL);
}

fov_value elementwise_build(fov_graph *graph, const char *op, fov_value x)
{
    return op_build(graph, op, &x, 1, NULL, NULL);
}

/* ---- on the CPU ---------------------------------------------------------------------------------------------- */

struct work {
    unary_kernel *kernel;
    const float  *x;
    float        *y;
    size_t        count;
    float         alpha, beta;
};

static void run_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    size_t begin = op_chunk_begin(chunk, OP_CHUNK);
    work->kernel(op_chunk_length(chunk, OP_CHUNK, work->count), work->x + begin, work->y + begin, work->alpha,
                 work->beta);
}

static void run(const struct op_run *run)
{
    struct work work = {.x = run->in[0].data, .y = run->out[0].data, .count = op_count(&run->in[0].shape)};
    work.kernel = run->kernel->unary[run->op->as_activation(run->options, &work.alpha, &work.beta)];
    pool_run(run->pool, run_chunk, &work, op_chunks(work.count, OP_CHUNK));
}

static int compile(struct op_compile *compile)
{
    compile->run = run;
    return FOV_OK;
}

const struct op_cpu elementwise_cpu = {
    .layout = OP_FOLLOWS, .any_order = true, .supports = op_all_f32, .compile = compile, .in_place = 1u << 0};

/* ---- by the definition --------------------------------------------------------------------------------------- */

enum { DEFINITION_CHUNK = 4096 }; /* elements; two buffers of doubles, 64 KiB, stay in the L2 cache */

static void define_chunk(void *context, size_t chunk, int worker)
{
    const struct op_run *run = context;
    size_t begin = op_chunk_begin(chunk, DEFINITION_CHUNK);
    size_t length = op_chunk_length(chunk, DEFINITION_CHUNK, op_count(&run->in[0].shape));
    double *x = op_worker_scratch(run, worker);
    double *y = x + DEFINITION_CHUNK;
    const float *from = (const float *)run->in[0].data + begin;
    float *to = (float *)run->out[0].data + begin;
    for (size_t i = 0; i < length; i++) {
        x[i] = (double)from[i];
    }
    struct op_textbook_tensor in = {FOV_F32, {1, {(int64_t)length}}, x}, out = {FOV_F32, {1, {(int64_t)length}}, y};
    run->op->textbook(
        &(struct op_textbook){
            .op = run->op, .options = run->options, .in = &in, .out = &out, .in_count = 1, .out_count = 1});
    for (size_t i = 0; i < length; i++) {
        to[i] = (float)y[i];
    }
}

static void define(const struct op_run *run)
{
    struct op_run copy = *run;
    pool_run(run->pool, define_chunk, &copy, op_chunks(op_count(&run->in[0].shape), DEFINITION_CHUNK));
}

static int compile_definition(struct op_compile *compile)
{
    compile->run = define;
    compile->scratch_per_worker = 2 * DEFINITION_CHUNK * sizeof(double);
    return FOV_OK;
}

const struct op_cpu elementwise_definition_cpu = {
    .layout = OP_FOLLOWS, .supports = op_all_f32, .compile = compile_definition, .in_place = 1u << 0};
