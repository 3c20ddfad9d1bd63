/* SPDX-License-Identifier: MIT */
/* Depth to space: channels become pixels, a block of b x b from b * b channels (sub-pixel convolution); and space to
 * depth, its inverse and gradient. Deep channels are counted in one of two orders: DCR, place in the block first, CRD,
 * channel first. */
#include "op/index.h"

#include <fovea/operators.h>

enum { DCR, CRD };
static const char *const modes[] = {"DCR", "CRD", NULL};

struct block_options {
    int64_t block;
    int     mode;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct block_options, block), .onnx = "blocksize", .kind = OP_INTEGER, .standard = 1, .minimum = 1,
     .maximum = 1 << 15, .doc = "side of the square of pixels that a group of channels becomes"},
    {OP_ATTRIBUTE(struct block_options, mode), .onnx = "mode", .kind = OP_CHOICE, .choices = modes,
     .doc = "order of the deep channels: DCR: place in the block, then channel; CRD: channel, then place"},
    {0},
};
static const struct op_attribute inverse_attributes[] = {
    {OP_ATTRIBUTE(struct block_options, block), .onnx = "blocksize", .kind = OP_INTEGER, .standard = 1, .minimum = 1,
     .maximum = 1 << 15, .doc = "side of the square of pixels that becomes a group of channels"},
    {OP_ATTRIBUTE(struct block_options, mode), .kind = OP_CHOICE, .choices = modes,
     .doc = "order of the deep channels: DCR: place in the block, then channel (ONNX's); CRD: channel, then place"},
    {0},
};

static int check_image(const struct op_infer *infer, bool deep)
{
    const fov_shape *x = &infer->in[0].shape;
    int64_t block = ((const struct block_options *)infer->options)->block;
    char text[SHAPE_TEXT_SIZE];
    if (x->rank != 4) {
        return error_set(infer->error, FOV_E_SHAPE, "input %s must be [N, C, H, W]", shape_text(x, text));
    }
    if (deep ? x->dim[1] % (block * block) != 0 : x->dim[2] % block != 0 || x->dim[3] % block != 0) {
        return error_set(infer->error, FOV_E_SHAPE, "block %lld%s does not divide %s of %s", (long long)block,
                         deep ? " squared" : "", deep ? "the channels" : "height and width", shape_text(x, text));
    }
    return FOV_OK;
}

static int infer_to_space(const struct op_infer *infer)
{
    const fov_shape *x = &infer->in[0].shape;
    int64_t block = ((const struct block_options *)infer->options)->block;
    int status = check_image(infer, true);
    if (status == FOV_OK && (x->dim[2] > INT32_MAX || x->dim[3] > INT32_MAX)) {
        return error_set(infer->error, FOV_E_SHAPE, "the image is too large");
    }
    if (status == FOV_OK) {
        infer->out[0].shape =
            (fov_shape){4, {x->dim[0], x->dim[1] / (block * block), x->dim[2] * block, x->dim[3] * block}};
    }
    return status;
}

static int infer_to_depth(const struct op_infer *infer)
{
    const fov_shape *x = &infer->in[0].shape;
    int64_t block = ((const struct block_options *)infer->options)->block;
    int status = check_image(infer, false);
    if (status == FOV_OK && x->dim[1] > INT32_MAX) {
        return error_set(infer->error, FOV_E_SHAPE, "there are too many channels");
    }
    if (status == FOV_OK) {
        infer->out[0].shape =
            (fov_shape){4, {x->dim[0], x->dim[1] * block * block, x->dim[2] / block, x->dim[3] / block}};
    }
    return status;
}

static void to_space_gradient(struct op_gradient *gradient)
{
    gradient->in_gradient[0] =
        op_emit1(gradient->emitter, "space_to_depth", gradient->out_gradient[0], gradient->options);
}

static void to_depth_gradient(struct op_gradient *gradient)
{
    gradient->in_gradient[0] =
        op_emit1(gradient->emitter, "depth_to_space", gradient->out_gradient[0], gradient->options);
}

/* Where element i of the wide tensor [N, C, H b, W b] lies in the deep one [N, C b b, H, W]. */
static size_t in_deep(const struct block_options *options, const fov_shape *wide, size_t i, const fov_shape *deep)
{
    int64_t at[FOV_MAX_RANK], b = options->block;
    index_coordinates(wide, i, at);
    int64_t place = at[2] % b * b + at[3] % b; /* in the block */
    int64_t channel = options->mode == DCR ? place * wide->dim[1] + at[1] : at[1] * b * b + place;
    return index_of(deep, (int64_t[FOV_MAX_RANK]){at[0], channel, at[2] / b, at[3] / b});
}

static void to_space_textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *x = &textbook->in[0], *y = &textbook->out[0];
    size_t count = op_count(&y->shape);
    for (size_t i = 0; i < count; i++) {
        y->data[i] = x->data[in_deep(textbook->options, &y->shape, i, &x->shape)];
    }
}

static void to_depth_textbook(const struct op_textbook *textbook)
{
    const struct op_textbook_tensor *x = &textbook->in[0], *y = &textbook->out[0];
    size_t count = op_count(&x->shape);
    for (size_t i = 0; i < count; i++) {
        y->data[in_deep(textbook->options, &x->shape, i, &y->shape)] = x->data[i];
    }
}

/* Six loops: sample, channel, row, row in the block, column, column in the block. */
static void start(const struct op_run *run, bool to_space)
{
    const struct block_options *options = run->options;
    const struct op_tensor *wide = to_space ? &run->out[0] : &run->in[0], *deep = to_space ? &run->in[0] : &run->out[0];
    ptrdiff_t w[FOV_MAX_RANK], d[FOV_MAX_RANK], b = (ptrdiff_t)options->block, c = (ptrdiff_t)wide->shape.dim[1];
    ptrdiff_t own = options->mode == DCR ? 1 : b * b, place = options->mode == DCR ? c : 1; /* in deep channels */
    struct move move = {.element = fov_dtype_size(wide->dtype)};
    move_strides(wide, w);
    move_strides(deep, d);
    const size_t size[6] = {(size_t)deep->shape.dim[0], (size_t)c, (size_t)deep->shape.dim[2], (size_t)b,
                            (size_t)deep->shape.dim[3], (size_t)b};
    const ptrdiff_t in_wide[6] = {w[0], w[1], w[2] * b, w[2], w[3] * b, w[3]};
    const ptrdiff_t in_deep_steps[6] = {d[0], d[1] * own, d[2], d[1] * place * b, d[3], d[1] * place};
    for (int i = 0; i < 6; i++) {
        move_loop(&move, size[i], to_space ? in_deep_steps[i] : in_wide[i], to_space ? in_wide[i] : in_deep_steps[i]);
    }
    move_run(run, &move, run->in[0].data, run->out[0].data);
}

static void run_to_space(const struct op_run *run)
{
    start(run, true);
}

static void run_to_depth(const struct op_run *run)
{
    start(run, false);
}

static int compile_to_space(struct op_compile *compile)
{
    compile->run = run_to_space;
    return FOV_OK;
}

static int compile_to_depth(struct op_compile *compile)
{
    compile->run = run_to_depth;
    return FOV_OK;
}

static const struct op_cpu to_space_cpu = {.layout = OP_FOLLOWS, .supports = op_any_dtype, .compile = compile_to_space};
static const struct op_cpu to_depth_cpu = {.layout = OP_FOLLOWS, .supports = op_any_dtype, .compile = compile_to_depth};

/* ONNX's SpaceToDepth knows DCR only: the other order is a reshape, a transposition and a reshape. */
static int export_to_depth(struct op_export *node)
{
    const struct block_options *options = node->options;
    const fov_shape *x = &node->in[0].shape;
    int64_t b = options->block;
    if (options->mode == DCR) {
        node->begin(node->writer, "SpaceToDepth", NULL);
        node->input(node->writer, 0);
        node->attribute_integer(node->writer, "blocksize", b);
        node->output(node->writer, 0);
        return FOV_OK;
    }
    const int64_t cut[] = {0, x->dim[1], x->dim[2] / b, b, x->dim[3] / b, b};
    const int64_t perm[] = {0, 1, 3, 5, 2, 4}, joined[] = {0, x->dim[1] * b * b, x->dim[2] / b, x->dim[3] / b};
    index_export_turned(node, cut, perm, 6, joined, 4);
    return FOV_OK;
}

static int import_to_depth(struct op_import *node)
{
    struct block_options options = {node->integer(node->reader, "blocksize", 0), DCR};
    return index_import_node(node, "space_to_depth", node->in, node->in_count, &options);
}

static const struct op_onnx to_space_onnx = {.type = "DepthToSpace", .since = 1};
static const struct op_onnx to_depth_onnx = {
    .type = "SpaceToDepth", .since = 1, .import = import_to_depth, .export = export_to_depth};

fov_value fov_depth_to_space(fov_graph *graph, fov_value x, int block)
{
    return op_build(graph, "depth_to_space", &x, 1, &(struct block_options){block, DCR}, NULL);
}

fov_value fov_space_to_depth(fov_graph *graph, fov_value x, int block)
{
    return op_build(graph, "space_to_depth", &x, 1, &(struct block_options){block, DCR}, NULL);
}

static const struct block_options two = {2, DCR}, two_crd = {2, CRD}, three = {3, DCR}, one = {1, DCR};
static const struct op_case to_space_cases[] = {
    {.name = "block 2", .in = {{4, {3, 8, 2, 3}}}, .in_count = 1, .options = &two},
    {.name = "block 2, CRD", .in = {{4, {1, 12, 3, 2}}}, .in_count = 1, .options = &two_crd},
    {.name = "block 3", .in = {{4, {1, 9, 2, 2}}}, .in_count = 1, .options = &three},
    {.name = "block 1", .in = {{4, {2, 2, 2, 2}}}, .in_count = 1, .options = &one},
    {.name = "large", .in = {{4, {2, 64, 33, 21}}}, .in_count = 1, .options = &two, .no_gradient = true},
    {0},
};
static const struct op_case to_depth_cases[] = {
    {.name = "block 2", .in = {{4, {3, 2, 4, 6}}}, .in_count = 1, .options = &two},
    {.name = "block 2, CRD", .in = {{4, {1, 3, 6, 4}}}, .in_count = 1, .options = &two_crd},
    {.name = "block 3", .in = {{4, {1, 1, 6, 6}}}, .in_count = 1, .options = &three},
    {0},
};

static const struct op_port wide[] = {{.name = "y", .shape = "[N, C, H b, W b]"}, {0}};
static const struct op_port deep[] = {{.name = "x", .shape = "[N, C b b, H, W]"}, {0}};
static const struct op_port wide_in[] = {{.name = "x", .shape = "[N, C, H b, W b]"}, {0}};
static const struct op_port deep_out[] = {{.name = "y", .shape = "[N, C b b, H, W]"}, {0}};

const struct op op_depth_to_space = {
    .name = "depth_to_space",
    .family = OP_SHAPE,
    .exact = true,
    .summary = "Groups of channels become squares of pixels.",
    .formula = "y[n, c, h b + i, w b + j] = x[n, (i b + j) C + c, h, w]; CRD: x[n, c b b + i b + j, h, w]",
    .source = "Shi et al., Real-time single image and video super-resolution using an efficient sub-pixel CNN, "
              "CVPR (2016)",
    .in = deep,
    .out = wide,
    .attributes = attributes,
    .options_size = sizeof(struct block_options),
    .infer = infer_to_space,
    .gradient = to_space_gradient,
    .textbook = to_space_textbook,
    .cpu = &to_space_cpu,
    .onnx = &to_space_onnx,
    .cases = to_space_cases,
};

const struct op op_space_to_depth = {
    .name = "space_to_depth",
    .family = OP_SHAPE,
    .exact = true,
    .summary = "Squares of pixels become groups of channels.",
    .formula = "y[n, (i b + j) C + c, h, w] = x[n, c, h b + i, w b + j]",
    .in = wide_in,
    .out = deep_out,
    .attributes = inverse_attributes,
    .options_size = sizeof(struct block_options),
    .infer = infer_to_depth,
    .gradient = to_depth_gradient,
    .textbook = to_depth_textbook,
    .cpu = &to_depth_cpu,
    .onnx = &to_depth_onnx,
    .cases = to_depth_cases,
};
