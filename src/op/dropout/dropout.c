/* SPDX-License-Identifier: MIT */
/* Dropout, inverted form: in training each element is zeroed with probability `rate` and the rest is scaled up, so that
 * inference needs no scaling. Whether an element stays is a pure function of (seed, node, step, its index in
 * plain order): neither threads nor layout can change it. */
#include "op/common.h"

#include "op/onnx.h"
#include <fovea/operators.h>
#include <string.h>

struct dropout_options {
    double rate;
    bool   per_sample; /* stochastic depth: a sample is dropped as a whole */
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct dropout_options, rate), .kind = OP_NUMBER, .standard = 0.5, .maximum = 1,
     .doc = "share of elements set to zero"},
    {OP_ATTRIBUTE(struct dropout_options, per_sample), .kind = OP_FLAG,
     .doc = "whole samples are dropped (stochastic depth), not elements"},
    {0},
};

static double rate_of(const void *options)
{
    return ((const struct dropout_options *)options)->rate;
}

/* Kept elements are scaled so that the expected value stays the same; at rate 1 no element is kept. */
static double scale_of(const void *options)
{
    double rate = rate_of(options);
    return rate < 1 ? 1 / (1 - rate) : 0;
}

/* 32 random bits against the rate as a fixed-point number: exact, and the same on every machine. */
static bool stays(uint32_t bits, double rate)
{
    return (double)bits >= rate * 0x1p32;
}

static int infer(const struct op_infer *infer)
{
    int status = op_check_float(infer, 0, "x");
    for (int i = 1; i < infer->out_count; i++) {
        infer->out[i].shape = infer->in[0].shape;
        infer->out[i].dtype = FOV_BOOL;
    }
    return status;
}

static int infer_gradient(const struct op_infer *infer)
{
    int status = op_check_float(infer, 0, "dy");
    status = status != FOV_OK ? status : op_check_same_shape(infer, 1, "mask", 0, "dy");
    if (status == FOV_OK && infer->in[1].dtype != FOV_BOOL) {
        status =
            error_set(infer->error, FOV_E_USAGE, "mask is %s, it must be bool", fov_dtype_name(infer->in[1].dtype));
    }
    return status;
}

static void gradient(struct op_gradient *gradient)
{
    fov_value mask =
        gradient->out_count > 1 ? gradient->out[1] : op_emit_output(gradient->emitter, gradient->out[0], 1);
    gradient->in_gradient[0] =
        op_emit2(gradient->emitter, "dropout_gradient", gradient->out_gradient[0], mask, gradient->options);
}

static void gradient_gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[0]) {
        gradient->in_gradient[0] = op_emit2(gradient->emitter, "dropout_gradient", gradient->out_gradient[0],
                                            gradient->in[1], gradient->options);
    }
}

/* How many elements share one random number. */
static size_t elements_together(const void *options, const fov_shape *x)
{
    bool per_sample = ((const struct dropout_options *)options)->per_sample && x->rank > 0;
    size_t size = per_sample ? shape_span(x, 1, x->rank) : 1;
    return size > 0 ? size : 1;
}

/* ---- definitions ----------------------------------------------------------------------------------------------- */

static void textbook(const struct op_textbook *textbook)
{
    double rate = textbook->training ? rate_of(textbook->options) : 0;
    double scale = textbook->training ? scale_of(textbook->options) : 1;
    double *mask = textbook->out_count > 1 ? textbook->out[1].data : NULL;
    size_t count = op_count(&textbook->in[0].shape),
           together = elements_together(textbook->options, &textbook->in[0].shape);
    for (size_t i = 0; i < count; i++) {
        bool stay = stays(random_u32(textbook->random, i / together), rate);
        textbook->out[0].data[i] = stay ? textbook->in[0].data[i] * scale : 0;
        if (mask != NULL) {
            mask[i] = stay;
        }
    }
}

static void gradient_textbook(const struct op_textbook *textbook)
{
    double scale = textbook->training ? scale_of(textbook->options) : 1;
    size_t count = op_count(&textbook->in[0].shape);
    for (size_t i = 0; i < count; i++) {
        textbook->out[0].data[i] = textbook->in[1].data[i] != 0 ? textbook->in[0].data[i] * scale : 0;
    }
}

/* ---- on the CPU ------------------------------------------------------------------------------------------------ */

enum { LANES = 4 }; /* numbers in a block of the generator; chunks are whole blocks */

struct work {
    const float      *x;
    float            *y;
    uint8_t          *mask; /* NULL where nobody reads it */
    struct random_key key;
    uint64_t          bound; /* bits below it drop the element */
    float             scale;
    size_t            count;
    size_t            channels, pixels; /* of an image in channels-last order; 1, 1 in plain order */
    size_t            together;         /* elements of a sample, where samples are dropped as a whole */
};

/* Samples lie one after the other in both layouts. */
static void drop_samples_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    size_t begin = op_chunk_begin(chunk, OP_CHUNK), end = begin + op_chunk_length(chunk, OP_CHUNK, work->count);
    for (size_t i = begin; i < end;) {
        size_t sample = i / work->together, last = (sample + 1) * work->together;
        bool stay = random_u32(work->key, sample) >= work->bound;
        for (; i < last && i < end; i++) {
            work->y[i] = stay ? work->x[i] * work->scale : 0;
            if (work->mask != NULL) {
                work->mask[i] = stay;
            }
        }
    }
}

/* Elements are numbered and visited in plain order; `at` is an element's index in memory. */
static void drop_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct work *work = context;
    size_t begin = op_chunk_begin(chunk, OP_CHUNK), end = begin + op_chunk_length(chunk, OP_CHUNK, work->count);
    size_t image = work->channels * work->pixels;
    for (size_t block = begin; block < end; block += LANES) {
        uint32_t bits[LANES];
        random_block(work->key, block / LANES, bits);
        for (size_t i = block; i < block + LANES && i < end; i++) {
            size_t at = i;
            if (image > 1) {
                size_t inside = i % image;
                at = i - inside + inside % work->pixels * work->channels + inside / work->pixels;
            }
            bool stay = bits[i - block] >= work->bound;
            work->y[at] = stay ? work->x[at] * work->scale : 0;
            if (work->mask != NULL) {
                work->mask[at] = stay;
            }
        }
    }
}

static void run(const struct op_run *run)
{
    const struct op_tensor *x = &run->in[0];
    double rate = rate_of(run->options) * 0x1p32;
    struct work work = {.x = x->data,
                        .y = run->out[0].data,
                        .mask = run->out_count > 1 ? run->out[1].data : NULL,
                        .key = run->random,
                        .bound = (uint64_t)rate + (rate > (double)(uint64_t)rate),
                        .scale = (float)scale_of(run->options),
                        .count = op_count(&x->shape),
                        .channels = 1,
                        .pixels = 1,
                        .together = elements_together(run->options, &x->shape)};
    if (((const struct dropout_options *)run->options)->per_sample) {
        pool_run(run->pool, drop_samples_chunk, &work, op_chunks(work.count, OP_CHUNK));
        return;
    }
    if (x->layout == OP_CHANNELS_LAST && x->shape.rank >= 3) {
        work.channels = (size_t)x->shape.dim[1];
        work.pixels = shape_span(&x->shape, 2, x->shape.rank);
    }
    pool_run(run->pool, drop_chunk, &work, op_chunks(work.count, OP_CHUNK));
}

/* Inference where the mask is read: every element is kept. */
static void run_inference(const struct op_run *run)
{
    op_copy(run, run->out[0].data, run->in[0].data, op_count(&run->in[0].shape) * sizeof(float));
    if (run->out[1].data != NULL) {
        memset(run->out[1].data, 1, op_count(&run->in[0].shape));
    }
}

static int compile(struct op_compile *compile)
{
    if (compile->training) {
        compile->run = run;
    } else if (compile->out_count > 1 && compile->out[1].shape.rank >= 0) {
        compile->run = run_inference;
    } else {
        compile->identity = true;
    }
    return FOV_OK;
}

struct gradient_work {
    const float   *dy;
    const uint8_t *mask;
    float         *dx, scale;
    size_t         count;
};

static void gradient_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct gradient_work *work = context;
    size_t begin = op_chunk_begin(chunk, OP_CHUNK), end = begin + op_chunk_length(chunk, OP_CHUNK, work->count);
    for (size_t i = begin; i < end; i++) {
        work->dx[i] = work->mask[i] ? work->dy[i] * work->scale : 0;
    }
}

static void run_gradient(const struct op_run *run)
{
    struct gradient_work work = {run->in[0].data, run->in[1].data, run->out[0].data, (float)scale_of(run->options),
                                 op_count(&run->in[0].shape)};
    pool_run(run->pool, gradient_chunk, &work, op_chunks(work.count, OP_CHUNK));
}

static int compile_gradient(struct op_compile *compile)
{
    compile->run = run_gradient;
    compile->identity = !compile->training;
    return FOV_OK;
}

static bool supports(const void *options, const struct op_tensor *in, int in_count)
{
    (void)in_count;
    return op_all_f32(options, in, 1); /* the mask is bool */
}

static const struct op_cpu cpu = {
    .layout = OP_FOLLOWS, .supports = supports, .compile = compile, .in_place = 1u << 0, .may_alias = true};
static const struct op_cpu gradient_cpu = {
    .layout = OP_FOLLOWS, .supports = supports, .compile = compile_gradient, .in_place = 1u << 0,
    .may_alias = true};

/* ---- ONNX: the rate is an attribute before opset 12, then an input --------------------------------------------- */

/* ONNX's Dropout knows elements alone. In inference it is the same, so stochastic depth is written as a Dropout whose
 * doc_string says what it was; when it is read again, training drops whole samples as before. */
static const char per_sample_doc[] = "Stochastic depth: whole samples are dropped, not elements.";

static int import_dropout(struct op_import *node)
{
    struct dropout_options options = {.rate = 0.5, .per_sample = strcmp(node->doc, per_sample_doc) == 0};
    /* Without effect here: the plan decides whether elements are dropped, and the context has the seed. */
    node->has(node->reader, "seed");
    node->has(node->reader, "is_test");
    node->has(node->reader, "consumed_inputs");
    if (node->opset < 12) {
        options.rate = node->number(node->reader, "ratio", 0.5);
    } else if (node->in_count > 1 && node->in[1].id != 0) {
        fov_shape shape;
        const double *rate = node->constant(node->reader, 1, &shape);
        if (rate == NULL || shape_span(&shape, 0, shape.rank) != 1) {
            return node->fail(node->reader, FOV_E_UNSUPPORTED, "Dropout's ratio is not a constant number");
        }
        options.rate = *rate;
    }
    fov_value y = node->emitter->node(node->emitter->graph, "dropout", node->in, 1, &options, node->node_name);
    node->result(node->reader, 0, y);
    if (node->out_count > 1) {
        node->result(node->reader, 1, op_emit_output(node->emitter, y, 1));
    }
    return FOV_OK;
}

static int export_dropout(struct op_export *node)
{
    bool as_input = node->opset >= 12;
    const char *rate = as_input ? node->number(node->writer, (float)rate_of(node->options)) : NULL;
    node->begin(node->writer, "Dropout", NULL);
    if (((const struct dropout_options *)node->options)->per_sample) {
        node->doc(node->writer, per_sample_doc);
    }
    node->input(node->writer, 0);
    if (as_input) {
        node->input_name(node->writer, rate);
    } else {
        node->attribute_number(node->writer, "ratio", rate_of(node->options));
    }
    node->output(node->writer, 0);
    if (node->out_count > 1 && node->out[1].shape.rank >= 0) {
        node->output(node->writer, 1);
    }
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "Dropout", .since = 1, .import = import_dropout, .export = export_dropout};

fov_value fov_dropout_opt(fov_graph *graph, fov_value x, const fov_dropout_options *options)
{
    struct dropout_options dropout = {.rate = options != NULL && options->rate != 0 ? (double)options->rate : 0.5};
    return op_build(graph, "dropout", &x, 1, &dropout, options != NULL ? options->name : NULL);
}

fov_value fov_dropout(fov_graph *graph, fov_value x, float rate)
{
    struct dropout_options dropout = {.rate = (double)rate};
    return op_build(graph, "dropout", &x, 1, &dropout, NULL);
}

fov_value fov_drop_path(fov_graph *graph, fov_value x, float rate)
{
    struct dropout_options dropout = {.rate = (double)rate, .per_sample = true};
    return op_build(graph, "dropout", &x, 1, &dropout, NULL);
}

/* ---- the descriptors ------------------------------------------------------------------------------------------- */

static const struct op_port in[]  = {{.name = "x", .shape = "[...]"}, {0}};
static const struct op_port out[] = {{.name = "y", .shape = "as x"},
                                     {.name = "mask", .shape = "as x: bool, what stayed", .optional = true},
                                     {0}};
static const struct op_port gradient_in[] = {
    {.name = "dy", .shape = "[...]"}, {.name = "mask", .shape = "as dy: bool"}, {0}};
static const struct op_port gradient_out[] = {{.name = "dx", .shape = "as dy"}, {0}};

static const struct dropout_options third = {.rate = 1.0 / 3}, everything = {.rate = 1}, nothing = {.rate = 0},
                                    samples = {.rate = 0.5, .per_sample = true};

static const struct op_case cases[] = {
    {.name = "half", .in = {{2, {3, 37}}}, .in_count = 1, .training = true},
    {.name = "a third of an image", .in = {{4, {3, 5, 3, 7}}}, .in_count = 1, .options = &third, .training = true},
    {.name = "several chunks", .in = {{4, {3, 33, 19, 21}}}, .in_count = 1, .options = &third, .training = true,
     .no_gradient = true},
    {.name = "everything", .in = {{1, {9}}}, .in_count = 1, .options = &everything, .training = true},
    {.name = "nothing", .in = {{1, {9}}}, .in_count = 1, .options = &nothing, .training = true},
    {.name = "inference", .in = {{4, {1, 2, 3, 5}}}, .in_count = 1},
    {.name = "whole samples", .in = {{4, {9, 3, 2, 5}}}, .in_count = 1, .options = &samples, .training = true},
    {.name = "large samples", .in = {{4, {5, 7, 40, 33}}}, .in_count = 1, .options = &samples, .training = true,
     .no_gradient = true},
    {0},
};
static const struct op_case gradient_cases[] = {
    {.name = "half", .in = {{2, {3, 17}}, {2, {3, 17}}}, .in_dtype = {FOV_F32, FOV_BOOL}, .in_count = 2, .integers = 2,
     .training = true},
    {.name = "image", .in = {{4, {2, 3, 2, 3}}, {4, {2, 3, 2, 3}}}, .in_dtype = {FOV_F32, FOV_BOOL}, .in_count = 2,
     .integers = 2, .options = &third, .training = true},
    {0},
};

const struct op op_dropout = {
    .name = "dropout",
    .family = OP_NORMALISATION,
    .summary = "Sets a random share of the elements to zero while training.",
    .formula = "y = x m / (1 - rate), m = 0 with probability rate, else 1; in inference y = x",
    .source = "Srivastava et al., Dropout, JMLR 2014, section 4; per sample: Huang et al., Stochastic depth, ECCV 2016",
    .in = in,
    .out = out,
    .attributes = attributes,
    .options_size = sizeof(struct dropout_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
    .random = true,
};

const struct op op_dropout_gradient = {
    .name = "dropout_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of dropout.",
    .formula = "dx = dy m / (1 - rate); in inference dx = dy",
    .in = gradient_in,
    .out = gradient_out,
    .attributes = attributes,
    .options_size = sizeof(struct dropout_options),
    .infer = infer_gradient,
    .gradient = gradient_gradient,
    .textbook = gradient_textbook,
    .cpu = &gradient_cpu,
    .cases = gradient_cases,
};
