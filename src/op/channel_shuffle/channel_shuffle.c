/* SPDX-License-Identifier: MIT */
/* Channel shuffle: the channels as a matrix [groups][channels / groups], transposed, so that the next grouped
 * convolution mixes the groups. */
#include "op/index.h"

#include <fovea/operators.h>
#include <string.h>

struct shuffle_options {
    int64_t groups;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct shuffle_options, groups), .kind = OP_INTEGER, .standard = 1, .minimum = 1, .maximum = 1 << 24,
     .doc = "groups that the channels are dealt over; divides them"},
    {0},
};

static int64_t groups_of(const void *options)
{
    return ((const struct shuffle_options *)options)->groups;
}

static int infer(const struct op_infer *infer)
{
    const fov_shape *x = &infer->in[0].shape;
    if (x->rank < 2 || x->dim[1] % groups_of(infer->options) != 0) {
        char text[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "%lld groups do not divide the channels of %s",
                         (long long)groups_of(infer->options), shape_text(x, text));
    }
    return FOV_OK;
}

/* The transposition back: a shuffle with C / groups groups. */
static void gradient(struct op_gradient *gradient)
{
    int64_t channels = gradient->in_tensor[0].shape.dim[1];
    struct shuffle_options back = {channels > 0 ? channels / groups_of(gradient->options) : 1};
    gradient->in_gradient[0] = op_emit1(gradient->emitter, "channel_shuffle", gradient->out_gradient[0], &back);
}

static void textbook(const struct op_textbook *textbook)
{
    const fov_shape *x = &textbook->in[0].shape;
    int64_t groups = groups_of(textbook->options), each = x->dim[1] / groups;
    size_t count = op_count(x);
    for (size_t i = 0; i < count; i++) {
        int64_t at[FOV_MAX_RANK];
        index_coordinates(x, i, at);
        at[1] = at[1] % groups * each + at[1] / groups;
        textbook->out[0].data[i] = textbook->in[0].data[index_of(x, at)];
    }
}

/* ---- the pattern that frameworks without this operator export ---------------------------------------------------- */

static const struct op_list *permutation(const struct op_matched *transpose)
{
    for (const struct op_attribute *attribute = transpose->op->attributes; attribute->name != NULL; attribute++) {
        if (attribute->kind == OP_LIST && strcmp(attribute->name, "perm") == 0) {
            return (const struct op_list *)(const void *)((const char *)transpose->options + attribute->offset);
        }
    }
    return NULL;
}

/** Whether the nodes reshape [N, C, ...] to [N, groups, C / groups, ...], swap dimensions 1 and 2 and reshape back. */
static bool is_shuffle(const struct op_matched *nodes, int count, void *options)
{
    const fov_shape *x = &nodes[count - 1].in, *cut = &nodes[1].in;
    const struct op_list *perm = permutation(&nodes[1]);
    bool fits = perm != NULL && perm->count == cut->rank && cut->rank == x->rank + 1 && x->rank >= 2 &&
                cut->dim[0] == x->dim[0] && cut->dim[1] * cut->dim[2] == x->dim[1];
    for (int d = 0; fits && d < cut->rank; d++) {
        fits = perm->at[d] == (d == 1 ? 2 : d == 2 ? 1 : d) && (d < 3 || cut->dim[d] == x->dim[d - 1]);
    }
    ((struct shuffle_options *)options)->groups = fits ? cut->dim[1] : 1;
    return fits && cut->dim[1] > 0;
}

static const struct op_pattern patterns[] = {{.text = "reshape(transpose(reshape(x, _)), _)", .fits = is_shuffle}, {0}};

enum { PIXEL_FLOATS = 1 << 14 }; /* floats per chunk */

static size_t pixels_together(const fov_shape *x)
{
    return PIXEL_FLOATS / ((size_t)x->dim[1] + 1) + 1;
}

/** In channels-last order, each pixel is a small matrix [groups][channels / groups], which is transposed. */
static void shuffle_pixels(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct op_run *run = context;
    const fov_shape *x = &run->in[0].shape;
    size_t channels = (size_t)x->dim[1], groups = (size_t)groups_of(run->options), each = channels / groups;
    size_t pixels = (size_t)x->dim[0] * shape_span(x, 2, x->rank), together = pixels_together(x);
    size_t pixel = op_chunk_begin(chunk, together), end = pixel + op_chunk_length(chunk, together, pixels);
    for (; pixel < end; pixel++) {
        run->kernel->transpose(groups, each, (const float *)run->in[0].data + pixel * channels, each,
                               (float *)run->out[0].data + pixel * channels, groups);
    }
}

static void run_pixels(const struct op_run *run)
{
    const fov_shape *x = &run->in[0].shape;
    struct op_run copy = *run; /* the pool's context is not const */
    pool_run(run->pool, shuffle_pixels, &copy,
             op_chunks((size_t)x->dim[0] * shape_span(x, 2, x->rank), pixels_together(x)));
}

static void run(const struct op_run *run)
{
    const fov_shape *x = &run->in[0].shape;
    ptrdiff_t stride[FOV_MAX_RANK], groups = (ptrdiff_t)groups_of(run->options), each = (ptrdiff_t)x->dim[1] / groups;
    struct move move = {.element = fov_dtype_size(run->in[0].dtype)};
    move_strides(&run->in[0], stride);
    for (int d = 0; d < x->rank; d++) {
        if (d == 1) {
            move_loop(&move, (size_t)each, stride[1], stride[1] * groups);
            move_loop(&move, (size_t)groups, stride[1] * each, stride[1]);
        } else {
            move_loop(&move, (size_t)x->dim[d], stride[d], stride[d]);
        }
    }
    move_run(run, &move, run->in[0].data, run->out[0].data);
}

static int compile(struct op_compile *compile)
{
    bool pixels = compile->in[0].layout == OP_CHANNELS_LAST && compile->in[0].dtype == FOV_F32 &&
                  op_count(&compile->in[0].shape) > 0;
    compile->run = pixels ? run_pixels : run;
    return FOV_OK;
}

static const struct op_cpu cpu = {.layout = OP_FOLLOWS, .supports = op_any_dtype, .compile = compile};

/* ---- ONNX: a reshape, a transposition and a reshape; read back as these three ------------------------------------ */

static int import_shuffle(struct op_import *node)
{
    return node->fail(node->reader, FOV_E_UNSUPPORTED, "%s is not an operator of ONNX", node->type);
}

static int export_shuffle(struct op_export *node)
{
    const fov_shape *x = &node->in[0].shape;
    int64_t groups = groups_of(node->options), cut[FOV_MAX_RANK + 1] = {0, groups, x->dim[1] / groups};
    int64_t joined[FOV_MAX_RANK] = {0, x->dim[1]}, perm[FOV_MAX_RANK + 1] = {0, 2, 1};
    if (x->rank + 1 > FOV_MAX_RANK) {
        return node->fail(node->writer, FOV_E_UNSUPPORTED, "a shuffle of rank %d has no ONNX spelling", x->rank);
    }
    for (int d = 2; d < x->rank; d++) {
        cut[d + 1] = joined[d] = x->dim[d];
        perm[d + 1] = d + 1;
    }
    index_export_turned(node, cut, perm, x->rank + 1, joined, x->rank);
    return FOV_OK;
}

static const struct op_onnx onnx = {
    .type = "ChannelShuffle", .domain = "fovea", .since = 1, .import = import_shuffle, .export = export_shuffle};

fov_value fov_channel_shuffle(fov_graph *graph, fov_value x, int groups)
{
    return op_build(graph, "channel_shuffle", &x, 1, &(struct shuffle_options){groups}, NULL);
}

static const struct shuffle_options two = {2}, three = {3}, one = {1};
static const struct op_case cases[] = {
    {.name = "two groups", .in = {{4, {3, 6, 2, 3}}}, .in_count = 1, .options = &two},
    {.name = "three groups, batch 1", .in = {{4, {1, 6, 3, 2}}}, .in_count = 1, .options = &three},
    {.name = "one group", .in = {{4, {2, 3, 2, 2}}}, .in_count = 1, .options = &one},
    {.name = "features", .in = {{2, {3, 12}}}, .in_count = 1, .options = &three},
    {.name = "large", .in = {{4, {2, 58, 28, 28}}}, .in_count = 1, .options = &two, .no_gradient = true},
    {0},
};

const struct op op_channel_shuffle = {
    .name = "channel_shuffle",
    .family = OP_SHAPE,
    .exact = true,
    .summary = "Channels dealt out over the groups.",
    .formula = "y[n, c g + i, ...] = x[n, i C / g + c, ...], i < g groups",
    .source = "Zhang et al., ShuffleNet, CVPR (2018), figure 1",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, ...]"}, {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[N, C, ...]"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct shuffle_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .onnx = &onnx,
    .cases = cases,
    .patterns = patterns,
};
