/* SPDX-License-Identifier: MIT */
/* What the plan's passes promise, each on a small network of its own: exactly the expected steps remain; the numbers
 * are those of the plan without fusion and of the definitions; the same bits for any number of threads; and values that
 * a pass computed from parameters follow their changes. On every instruction set that this machine has. */
#include "graph/plan.h"
#include "op/common.h"
#include <fovea/operators.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef fov_value network(fov_graph *g, fov_value x);

struct expected {
    const char *name;
    fov_shape   x;
    network    *build;
    const char *steps; /**< operations of the steps that run, in order, separated by '|' */
    bool        training;
};

static fov_value number(fov_graph *g, float value)
{
    return fov_constant(g, NULL, FOV_F32, (fov_shape){0}, &value);
}

/* ---- networks ---------------------------------------------------------------------------------------------------- */

static fov_value conv_norm_relu(fov_graph *g, fov_value x)
{
    return fov_relu(g, fov_batch_norm(g, fov_conv2d(g, x, .filters = 37, .kernel = 3, .pad = 1)));
}

static fov_value grouped_norm(fov_graph *g, fov_value x)
{
    return fov_batch_norm(g, fov_conv2d(g, x, .filters = 38, .kernel = 1, .groups = 2, .no_bias = true));
}

static fov_value depthwise_norm_clip(fov_graph *g, fov_value x)
{
    x = fov_conv2d(g, x, .filters = 6, .kernel = 3, .pad = 1, .stride = 2, .groups = 6);
    return fov_clip(g, fov_batch_norm(g, x), 0, 6);
}

static fov_value dense_norm_tanh(fov_graph *g, fov_value x)
{
    return fov_tanh(g, fov_batch_norm(g, fov_dense(g, fov_flatten(g, x), .units = 21)));
}

static fov_value transposed_norm(fov_graph *g, fov_value x)
{
    x = fov_conv_transpose2d(g, x, .filters = 19, .kernel = 4, .stride = 2, .pad = 1);
    return fov_leaky_relu(g, fov_batch_norm(g, x), 0.2F);
}

static fov_value transposed_depthwise_norm(fov_graph *g, fov_value x)
{
    x = fov_conv_transpose2d(g, x, .filters = 6, .kernel = 3, .stride = 2, .groups = 6);
    return fov_relu(g, fov_batch_norm(g, x));
}

static fov_value residual_block(fov_graph *g, fov_value x)
{
    fov_value y =
        fov_relu(g, fov_batch_norm(g, fov_conv2d(g, x, .filters = 18, .kernel = 3, .pad = 1, .no_bias = true)));
    fov_value z = fov_batch_norm(g, fov_conv2d(g, y, .filters = 18, .kernel = 3, .pad = 1, .no_bias = true));

    return fov_relu(g, fov_add(g, z, fov_batch_norm(g, fov_conv2d(g, x, .filters = 18, .kernel = 1, .no_bias = true))));
}

/* The sum is the last reader of the residual: its result may overwrite the residual. */
static fov_value residual_in_place(fov_graph *g, fov_value x)
{
    fov_value y = fov_relu(g, fov_conv2d(g, x, .filters = 33, .kernel = 1));
    fov_value z =
        fov_conv2d(g, fov_sigmoid(g, fov_avg_pool2d(g, y, .kernel = 1)), .filters = 33, .kernel = 3, .pad = 1);

    return fov_max_pool2d(g, fov_hard_swish(g, fov_add(g, y, z)), .kernel = 2);
}

static fov_value depthwise_residual(fov_graph *g, fov_value x)
{
    fov_value y = fov_conv2d(g, x, .filters = 6, .kernel = 3, .pad = 1, .groups = 6);

    return fov_elu(g, fov_add(g, x, y), 1);
}

static fov_value dense_residual(fov_graph *g, fov_value x)
{
    fov_value y = fov_tanh(g, fov_dense(g, fov_flatten(g, x), .units = 40));

    return fov_relu(g, fov_add(g, fov_dense(g, y, .units = 40), y));
}

/* The convolution's and the norm's results are read elsewhere, too: neither may be fused away. */
static fov_value read_twice(fov_graph *g, fov_value x)
{
    fov_value y = fov_conv2d(g, x, .filters = 6, .kernel = 1), n = fov_batch_norm(g, y), s = fov_add(g, n, x);

    y = fov_mul(g, y, n);
    return fov_add(g, y, fov_mul(g, s, fov_relu(g, s)));
}

static fov_value by_parts_swish(fov_graph *g, fov_value x)
{
    fov_value y = fov_conv2d(g, x, .filters = 20, .kernel = 3);

    return fov_mul(g, y, fov_sigmoid(g, y));
}

static fov_value by_parts_mish(fov_graph *g, fov_value x)
{
    return fov_mul(g, fov_tanh(g, fov_softplus(g, x)), x);
}

static fov_value by_parts_hard_swish(fov_graph *g, fov_value x)
{
    fov_value y = fov_conv2d(g, x, .filters = 20, .kernel = 1), gate;

    gate = fov_div(g, fov_clip(g, fov_add(g, y, number(g, 3)), 0, 6), number(g, 6));
    y    = fov_mul(g, y, gate);
    y    = fov_conv2d(g, y, .filters = 5, .kernel = 1);
    y    = fov_div(g, fov_mul(g, fov_clip(g, fov_add(g, number(g, 3), y), 0, 6), y), number(g, 6));
    return fov_mul(g, y, fov_hard_sigmoid(g, y, 1.0F / 6, 0.5F));
}

static fov_value by_parts_gelu(fov_graph *g, fov_value x)
{
    fov_value y = fov_dense(g, fov_flatten(g, x), .units = 13), share;

    share = fov_add(g, op_emit1(fov_graph_emitter(g), "erf", fov_div(g, y, number(g, 1.4142135F)), NULL), number(g, 1));
    y     = fov_mul(g, fov_mul(g, y, share), number(g, 0.5F));
    y     = fov_dense(g, y, .units = 9);
    share = fov_add(g, y, fov_mul(g, fov_pow(g, y, number(g, 3)), number(g, 0.044715F)));
    share = fov_add(g, number(g, 1), fov_tanh(g, fov_mul(g, number(g, 0.7978846F), share)));
    return fov_mul(g, fov_mul(g, number(g, 0.5F), y), share);
}

/* Almost the pattern of swish or hard_swish, but not quite: other numbers, another x, a part that is read elsewhere. */
static fov_value not_quite(fov_graph *g, fov_value x)
{
    fov_value gate = fov_sigmoid(g, x), y = fov_mul(g, fov_mul(g, x, gate), gate);

    y = fov_add(g, y, fov_mul(g, x, fov_hard_sigmoid(g, x, 0.2F, 0.5F)));
    return fov_add(g, y, fov_mul(g, y, fov_sigmoid(g, x)));
}

/* The constant makes the result wider than x. */
static fov_value wider_than_x(fov_graph *g, fov_value x)
{
    float     six[3] = {6, 6, 6};
    fov_value wide   = fov_constant(g, NULL, FOV_F32, (fov_shape)FOV_SHAPE(3, 1, 1, 1, 1), six);

    return fov_div(g, fov_clip(g, fov_add(g, x, number(g, 3)), 0, 6), wide);
}

static fov_value channel_constant(fov_graph *g, int64_t channels, float first, float step)
{
    float *data = calloc((size_t)channels, sizeof *data);
    fov_value value;

    for (int64_t c = 0; c < channels; c++)
        data[c] = first + step * (float)c;
    value = fov_constant(g, NULL, FOV_F32, (fov_shape)FOV_SHAPE(1, channels, 1, 1), data);
    free(data);
    return value;
}

/* A normalisation and a bias as single operators, as some exporters write them. */
static fov_value by_parts_norm(fov_graph *g, fov_value x)
{
    fov_value y = fov_conv2d(g, x, .filters = 18, .kernel = 3);

    y = fov_sub(g, y, channel_constant(g, 18, 0.5F, 0.1F));
    y = fov_div(g, y, channel_constant(g, 18, 1.5F, 0.05F));
    y = fov_mul(g, y, channel_constant(g, 18, -0.7F, 0.2F));
    return fov_relu(g, fov_add(g, y, channel_constant(g, 18, 1, -0.15F)));
}

/* Not per channel: a factor along another axis, and one that is no constant. */
static fov_value not_per_channel(fov_graph *g, fov_value x)
{
    fov_value y = fov_conv2d(g, x, .filters = 5, .kernel = 1), row;
    float     data[5] = {1, 2, 3, 4, 5};

    row = fov_constant(g, NULL, FOV_F32, (fov_shape)FOV_SHAPE(1, 1, 1, 5), data);
    y   = fov_mul(g, y, row);
    y   = fov_conv2d(g, y, .filters = 5, .kernel = 1);
    return fov_mul(g, y, fov_global_avg_pool(g, y));
}

/* Weights computed from parameters: computed once, when the plan is made. */
static fov_value computed_weights(fov_graph *g, fov_value x)
{
    fov_value w =
        fov_parameter(g, .name = "w", .shape = FOV_SHAPE(7, 5, 3, 3), .initial = FOV_INITIAL_UNIFORM, .scale = 1);
    fov_value s = fov_parameter(g, .name = "s", .shape = FOV_SHAPE(7, 1, 1, 1), .initial = FOV_INITIAL_ONES);

    w = fov_tanh(g, fov_mul(g, w, fov_add(g, s, s)));
    return fov_relu(g, op_emit2(fov_graph_emitter(g), "conv", x, w, NULL));
}

/* A pad with zeros is merged into the window behind it, other pads are not; a pad of width 0 is dropped. */
static fov_value framed(fov_graph *g, fov_value x)
{
    const struct op_emitter *e = fov_graph_emitter(g);
    struct {
        struct op_list pads;
        int            mode;
        double         value;
    } zeros = {{8, {0, 0, 1, 2, 0, 0, 0, 1}}, 0, 0}, ones = {{8, {0, 0, 1, 0, 0, 0, 0, 1}}, 0, 1},
      mirror = {{8, {0, 0, 1, 1, 0, 0, 1, 1}}, 1, 0}, deep = {{8, {0, 1, 1, 1, 0, 0, 1, 1}}, 0, 0},
      none = {{8, {0}}, 0, 0};

    x = fov_conv2d(g, op_emit1(e, "pad", x, &zeros), .filters = 6, .kernel = 3, .pad = 1);
    x = fov_avg_pool2d(g, op_emit1(e, "pad", x, &zeros), .kernel = 3, .stride = 2);
    x = fov_avg_pool2d(g, op_emit1(e, "pad", x, &none), .kernel = 2, .stride = 1);
    x = fov_conv2d(g, op_emit1(e, "pad", x, &ones), .filters = 5, .kernel = 2);
    x = fov_conv2d(g, op_emit1(e, "pad", x, &mirror), .filters = 4, .kernel = 2);
    return fov_conv2d(g, op_emit1(e, "pad", x, &deep), .filters = 3, .kernel = 1);
}

/* ---- channels side by side --------------------------------------------------------------------------------------- */

/* Every producer, each of another form, writes straight into its part of the concatenation. */
static fov_value branches(fov_graph *g, fov_value x)
{
    fov_value a = fov_relu(g, fov_conv2d(g, x, .filters = 7, .kernel = 1));
    fov_value b = fov_max_pool2d(g, x, .kernel = 3, .stride = 1, .pad = 1);
    fov_value c = fov_avg_pool2d(g, x, .kernel = 3, .stride = 1, .pad = 1);
    fov_value d = fov_conv2d(g, x, .filters = 6, .kernel = 3, .pad = 1, .groups = 6);
    fov_value e = fov_swish(g, fov_batch_norm(g, fov_conv2d(g, x, .filters = 17, .kernel = 3, .pad = 1, .groups = 1)));

    return fov_conv2d(g, fov_concat(g, (fov_value[]){a, b, c, d, e}, 5, 1), .filters = 9, .kernel = 3);
}

/* Each concatenation begins with the whole of the one before. */
static fov_value dense_block(fov_graph *g, fov_value x)
{
    fov_value f[4] = {fov_conv2d(g, x, .filters = 5, .kernel = 3, .pad = 1)};

    for (int i = 1; i < 4; i++) {
        fov_value all = i == 1 ? f[0] : fov_concat(g, f, i, 1);

        f[i] = fov_conv2d(g, fov_relu(g, fov_batch_norm(g, all)), .filters = 3, .kernel = 3, .pad = 1, .no_bias = true);
    }
    return fov_relu(g, fov_batch_norm(g, fov_concat(g, f, 4, 1)));
}

static fov_value concat_of_concats(fov_graph *g, fov_value x)
{
    fov_value a = fov_conv2d(g, x, .filters = 3, .kernel = 1), b = fov_conv2d(g, x, .filters = 4, .kernel = 1);
    fov_value c = fov_conv2d(g, x, .filters = 5, .kernel = 1), d = fov_conv2d(g, x, .filters = 2, .kernel = 1);

    a = fov_concat(g, (fov_value[]){a, b}, 2, 1);
    c = fov_concat(g, (fov_value[]){d, c}, 2, 1);
    return fov_sigmoid(g, fov_concat(g, (fov_value[]){a, c}, 2, 1));
}

/* One value twice, and one that is read elsewhere, too: copies remain. */
static fov_value concat_with_copies(fov_graph *g, fov_value x)
{
    fov_value a = fov_conv2d(g, x, .filters = 3, .kernel = 1), b = fov_conv2d(g, x, .filters = 4, .kernel = 1);
    fov_value c = fov_sigmoid(g, b);

    return fov_conv2d(g, fov_concat(g, (fov_value[]){a, b, a, c}, 4, 1), .filters = 5, .kernel = 1);
}

/* Only along channels do the parts of a concatenation lie side by side in each pixel. */
static fov_value concat_of_rows(fov_graph *g, fov_value x)
{
    fov_value a = fov_conv2d(g, x, .filters = 3, .kernel = 1), b = fov_conv2d(g, x, .filters = 3, .kernel = 1);

    a = fov_concat(g, (fov_value[]){a, b}, 2, 2);
    return fov_concat(g, (fov_value[]){a, a}, 2, 0);
}

/* Parts of channels that are read in place: by a product, a padded convolution, a depthwise one, a pooling; and one
 * whose reader needs a copy. */
static fov_value parts_in_place(fov_graph *g, fov_value x)
{
    int64_t   sizes[] = {9, 2, 6, 3, 5, 4};
    fov_value y = fov_conv2d(g, x, .filters = 29, .kernel = 1), part[6], out[6];

    assert_int_equal(fov_split_into(g, y, 1, sizes, 6, part), FOV_OK);
    out[0] = fov_conv2d(g, part[0], .filters = 4, .kernel = 1);
    out[1] = fov_conv2d(g, part[1], .filters = 5, .kernel = 3, .pad = 1);
    out[2] = fov_conv2d(g, part[2], .filters = 6, .kernel = 3, .pad = 1, .groups = 6);
    out[3] = fov_max_pool2d(g, part[3], .kernel = 3, .stride = 1, .pad = 1);
    out[4] = fov_batch_norm(g, part[4]);
    out[5] = fov_tanh(g, part[5]);
    y      = fov_concat(g, out, 6, 1);
    return fov_mul(g, y, fov_global_avg_pool(g, y));
}

/* A part of a part, one part twice, and a part as the result. */
static fov_value parts_of_parts(fov_graph *g, fov_value x)
{
    fov_value y = fov_conv2d(g, x, .filters = 21, .kernel = 3, .pad = 1);
    fov_value a = fov_slice(g, y, 1, 4, 15, 1), b = fov_slice(g, a, 1, 3, 8, 1);

    b = fov_concat(g, (fov_value[]){b, a, b}, 3, 1);
    return fov_slice(g, fov_conv2d(g, b, .filters = 9, .kernel = 1), 1, 2, 5, 1);
}

/* Slices with a step or along another axis are no parts that can be read in place. */
static fov_value other_slices(fov_graph *g, fov_value x)
{
    fov_value y = fov_conv2d(g, x, .filters = 8, .kernel = 1);

    y = fov_slice(g, fov_slice(g, y, 1, 1, 3, 2), 2, 1, 3, 1);
    return fov_conv2d(g, y, .filters = 3, .kernel = 1);
}

static fov_value by_parts_shuffle(fov_graph *g, fov_value x, int64_t channels, int64_t groups, const int *perm)
{
    fov_shape shape = fov_value_shape(g, x);

    x = fov_reshape(g, x, (fov_shape)FOV_SHAPE(shape.dim[0], groups, channels / groups, shape.dim[2], shape.dim[3]));
    return fov_reshape(g, fov_transpose(g, x, perm, 5), shape);
}

/* A unit of ShuffleNet: half of the channels passes, half is convolved, then all are shuffled. */
static fov_value shuffle_unit(fov_graph *g, fov_value x)
{
    x = fov_relu(g, fov_conv2d(g, x, .filters = 36, .kernel = 1));
    for (int i = 0; i < 2; i++) {
        fov_value half[2];

        assert_int_equal(fov_split_into(g, x, 1, (int64_t[]){18, 18}, 2, half), FOV_OK);
        half[1] = fov_conv2d(g, half[1], .filters = 18, .kernel = 3, .pad = 1, .groups = 18);
        half[1] = fov_relu(g, fov_conv2d(g, half[1], .filters = 18, .kernel = 1));
        x = by_parts_shuffle(g, fov_concat(g, half, 2, 1), 36, i == 0 ? 2 : 3, (int[]){0, 2, 1, 3, 4});
    }
    return x;
}

/* The same shapes, another permutation. */
static fov_value not_a_shuffle(fov_graph *g, fov_value x)
{
    x = fov_conv2d(g, x, .filters = 4, .kernel = 1);
    return by_parts_shuffle(g, x, 4, 2, (int[]){0, 1, 2, 4, 3});
}

static const struct expected networks[] = {
    {"norm by its parts", FOV_SHAPE(2, 5, 6, 7), by_parts_norm, "conv + sub + div + mul + add + relu", false},
    {"not per channel", FOV_SHAPE(2, 5, 6, 5), not_per_channel, "conv|mul|conv|global_avg_pool|mul", false},
    {"computed weights", FOV_SHAPE(2, 5, 6, 7), computed_weights, "conv + relu", false},
    {"framed", FOV_SHAPE(2, 5, 9, 11), framed, "conv|avg_pool|avg_pool|pad|conv|pad|conv|pad|conv", false},
    {"branches", FOV_SHAPE(2, 6, 9, 8), branches, "conv + relu|max_pool|avg_pool|conv|conv + batch_norm + swish|conv",
     false},
    {"branches of one pixel", FOV_SHAPE(1, 6, 3, 3), branches,
     "conv + relu|max_pool|avg_pool|conv|conv + batch_norm + swish|conv", false},
    {"dense block", FOV_SHAPE(2, 4, 7, 6), dense_block,
     "conv|batch_norm + relu|conv|batch_norm + relu|conv|batch_norm + relu|conv|batch_norm + relu", false},
    {"dense block, training", FOV_SHAPE(2, 4, 7, 6), dense_block,
     "conv|batch_norm + relu|conv|batch_norm + relu|conv|batch_norm + relu|conv|batch_norm + relu", true},
    {"concat of concats", FOV_SHAPE(2, 5, 4, 3), concat_of_concats, "conv|conv|conv|conv|sigmoid", false},
    {"concat with copies", FOV_SHAPE(2, 5, 4, 3), concat_with_copies, "conv|conv|sigmoid|concat|conv", false},
    {"concat of rows", FOV_SHAPE(2, 5, 4, 3), concat_of_rows, "conv|conv|concat|concat", false},
    {"parts in place", FOV_SHAPE(2, 5, 8, 9), parts_in_place,
     "conv|conv|conv|conv|max_pool|batch_norm|copy|tanh|concat|global_avg_pool|mul", false},
    {"parts of parts", FOV_SHAPE(2, 5, 8, 9), parts_of_parts, "conv|concat|conv", false},
    {"parts of parts of one pixel", FOV_SHAPE(1, 5, 1, 1), parts_of_parts, "conv|concat|conv", false},
    {"other slices", FOV_SHAPE(2, 5, 5, 4), other_slices, "conv|slice|slice|conv", false},
    {"shuffle unit", FOV_SHAPE(2, 5, 7, 6), shuffle_unit,
     "conv + relu|conv|conv + relu|concat|channel_shuffle|conv|conv + relu|concat|channel_shuffle", false},
    {"not a shuffle", FOV_SHAPE(2, 5, 4, 4), not_a_shuffle, "conv|transpose", false},
    {"conv, norm, relu", FOV_SHAPE(2, 5, 9, 7), conv_norm_relu, "conv + batch_norm + relu", false},
    {"few channels", FOV_SHAPE(2, 3, 9, 7), conv_norm_relu, "conv + batch_norm + relu", false},
    {"grouped conv, norm", FOV_SHAPE(2, 6, 5, 7), grouped_norm, "conv + batch_norm", false},
    {"depthwise, norm, clip", FOV_SHAPE(3, 6, 9, 8), depthwise_norm_clip, "conv + batch_norm + clip", false},
    {"dense, norm, tanh", FOV_SHAPE(3, 2, 4, 5), dense_norm_tanh, "dense + batch_norm + tanh", false},
    {"transposed, norm", FOV_SHAPE(2, 7, 4, 5), transposed_norm, "conv_transpose + batch_norm + leaky_relu", false},
    {"transposed depthwise, norm", FOV_SHAPE(2, 6, 4, 5), transposed_depthwise_norm,
     "conv_transpose + batch_norm + relu", false},
    {"residual block", FOV_SHAPE(2, 18, 6, 7), residual_block,
     "conv + batch_norm + relu|conv + batch_norm|conv + batch_norm + add + relu", false},
    {"residual block, training", FOV_SHAPE(2, 18, 6, 7), residual_block,
     "conv|batch_norm + relu|conv|batch_norm|conv|batch_norm + add + relu", true},
    {"residual in place", FOV_SHAPE(1, 18, 6, 7), residual_in_place,
     "conv + relu|avg_pool|sigmoid|conv + add + hard_swish|max_pool", false},
    {"depthwise residual", FOV_SHAPE(2, 6, 9, 5), depthwise_residual, "conv + add + elu", false},
    {"dense residual", FOV_SHAPE(7, 3, 4, 5), dense_residual, "dense + tanh|dense + add + relu", false},
    {"read twice", FOV_SHAPE(2, 6, 4, 5), read_twice, "conv|batch_norm|add|mul|relu|mul|add", false},
    {"swish by its parts", FOV_SHAPE(2, 5, 6, 7), by_parts_swish, "conv + swish", false},
    {"mish by its parts", FOV_SHAPE(2, 5, 6, 7), by_parts_mish, "mish", false},
    {"hard_swish by its parts", FOV_SHAPE(2, 5, 6, 7), by_parts_hard_swish,
     "conv + hard_swish|conv + hard_swish|hard_swish", false},
    {"gelu by its parts", FOV_SHAPE(3, 5, 2, 2), by_parts_gelu, "dense + gelu|dense + gelu", false},
    {"not quite a spelling", FOV_SHAPE(2, 3, 4, 5), not_quite, "sigmoid|mul|mul|hard_sigmoid|mul|add|sigmoid|mul|add",
     false},
    {"wider than x", FOV_SHAPE(2, 3, 4, 5), wider_than_x, "add|clip|div", false},
};

/* ---- running them ------------------------------------------------------------------------------------------------ */

struct opened {
    fov_context *context;
    fov_graph   *graph;
    fov_value    x, y;
};

/* Random parameters: the scales, shifts and statistics of a trained network are not ones and zeros. */
static void draw_parameters(fov_graph *g, uint64_t seed)
{
    for (int i = 0; i < fov_parameter_count(g); i++) {
        fov_value parameter = fov_parameter_at(g, i);
        fov_shape shape     = fov_value_shape(g, parameter);
        size_t    count     = shape_span(&shape, 0, shape.rank);
        float    *data      = calloc(count, sizeof *data);
        bool      vector    = shape.rank == 1;

        for (size_t k = 0; k < count; k++) {
            struct random_key key = {seed, RANDOM_TEST, (uint64_t)i};

            data[k] = (float)(vector ? 0.5 + random_uniform(key, k) : 0.3 * random_normal(key, k));
        }
        assert_int_equal(fov_parameter_set(g, parameter, data, count * sizeof *data), FOV_OK);
        free(data);
    }
}

static struct opened open_network(const struct expected *test, const char *isa, int threads)
{
    struct opened n = {.context = fov_context_create(&(fov_context_options){.isa = isa, .threads = threads})};

    n.graph = fov_graph_create(n.context);
    n.x     = fov_input(n.graph, .name = "x", .shape = test->x);
    n.y     = test->build(n.graph, n.x);
    draw_parameters(n.graph, 11);
    assert_string_equal(fov_error(n.context), "");
    return n;
}

static void close_network(struct opened *n)
{
    fov_graph_free(n->graph);
    fov_context_free(n->context);
}

/* Every tensor, also a part of wider pixels, ends inside its storage, and storages that live at the same time do not
 * overlap. */
static void check_places(const fov_plan *plan)
{
    for (size_t t = 0; t < plan->tensor_count; t++) {
        const struct plan_tensor *tensor = &plan->tensors[t];
        size_t                    pixels = tensor->shape.rank < 3 ? 0
                                                                  : (size_t)tensor->shape.dim[0] *
                                                     shape_span(&tensor->shape, 2, tensor->shape.rank);
        size_t apart = pixels > 0 && tensor->pixel_stride ? tensor->pixel_stride - (size_t)tensor->shape.dim[1] : 0;

        assert_true(tensor->begin + tensor->bytes + (pixels ? pixels - 1 : 0) * apart * sizeof(float) <=
                    plan->storages[tensor->storage].bytes);
    }
    for (size_t i = 0; i < plan->storage_count; i++)
        for (size_t j = 0; j < i; j++) {
            const struct plan_storage *a = &plan->storages[i], *b = &plan->storages[j];

            if (!a->fixed && !b->fixed && a->first >= 0 && b->first >= 0 && a->first <= b->last && b->first <= a->last)
                assert_true(a->offset + a->bytes <= b->offset || b->offset + b->bytes <= a->offset);
        }
}

/* Runs the network once; the caller frees the result. steps: receives the operations of the steps that run; or NULL. */
static float *run_once(struct opened *n, const fov_plan_options *options, size_t *count, char *steps, size_t room)
{
    fov_plan *plan = fov_plan_create(n->graph, &n->y, 1, options);
    float    *x, *y;

    assert_string_equal(fov_error(n->context), "");
    check_places(plan);
    x = fov_plan_data(plan, n->x);
    for (size_t i = 0; i < fov_plan_bytes(plan, n->x) / sizeof *x; i++)
        x[i] = (float)random_normal((struct random_key){5, RANDOM_TEST, 0}, i);
    for (int i = 0; steps && i < fov_plan_step_count(plan); i++)
        if (!plan->steps[i].skip && !plan->steps[i].once && plan->steps[i].op != &plan_convert)
            snprintf(steps + strlen(steps), room - strlen(steps), "%s%s", *steps ? "|" : "",
                     fov_plan_step_at(plan, i).operation);
    fov_plan_run(plan, 0);
    *count = fov_plan_bytes(plan, n->y) / sizeof *y;
    y      = malloc(*count * sizeof *y);
    memcpy(y, fov_plan_data(plan, n->y), *count * sizeof *y);
    fov_plan_free(plan);
    return y;
}

static double *define(struct opened *n, bool training, size_t count)
{
    const double    **given = calloc(n->graph->value_count, sizeof *given);
    fov_shape         shape = fov_value_shape(n->graph, n->x);
    size_t            pixels = shape_span(&shape, 0, shape.rank);
    double           *x = calloc(pixels, sizeof *x), *y = calloc(count, sizeof *y);
    struct evaluation expected;

    for (size_t i = 0; i < pixels; i++)
        x[i] = (double)(float)random_normal((struct random_key){5, RANDOM_TEST, 0}, i);
    given[n->x.id] = x;
    assert_int_equal(graph_evaluate(n->graph, &n->y.id, 1, 1, training, 0, given, &expected), FOV_OK);
    memcpy(y, expected.data[n->y.id], count * sizeof *y);
    graph_evaluate_free(n->graph, &expected);
    free(given);
    free(x);
    return y;
}

static void check(const struct expected *test, const char *isa)
{
    fov_plan_options options = {.batch = 1, .training = test->training};
    char             steps[1024] = "";
    size_t           count, bits;
    struct opened    n = open_network(test, isa, 1);
    float           *fused = run_once(&n, &options, &count, steps, sizeof steps), *plain;
    double          *defined = define(&n, test->training, count);

    if (strcmp(steps, test->steps) != 0)
        fail_msg("%s: the steps are %s, expected %s", test->name, steps, test->steps);
    options.no_fusion = true;
    plain             = run_once(&n, &options, &bits, NULL, 0);
    options.no_fusion = false;
    close_network(&n);
    for (size_t i = 0; i < count; i++) {
        double bound = 3e-5 * fmax(1, fabs(defined[i]));

        if (!(fabs((double)fused[i] - defined[i]) <= bound) || !(fabs((double)plain[i] - defined[i]) <= bound))
            fail_msg("%s on %s, element %zu: fused %g, plain %g, defined %g", test->name, isa, i, (double)fused[i],
                     (double)plain[i], defined[i]);
    }
    for (int threads = 2; threads <= 4; threads++) {
        float *again;

        n     = open_network(test, isa, threads);
        again = run_once(&n, &options, &bits, NULL, 0);
        assert_memory_equal(again, fused, count * sizeof *fused);
        free(again);
        close_network(&n);
    }
    free(fused);
    free(plain);
    free(defined);
}

static void passes_change_steps_and_not_numbers(void **state)
{
    (void)state;
    for (int level = CPU_REFERENCE; level < CPU_LEVEL_COUNT; level++)
        for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
            if (kernel_table_for((enum cpu_level)level) && cpu_has((enum cpu_level)level))
                check(&networks[i], cpu_level_name((enum cpu_level)level));
}

/* Packed weights with a folded normalisation and results of run-once steps are recomputed when a parameter changes. */
static void check_followed(network *build)
{
    struct expected test = {"", FOV_SHAPE(2, 5, 9, 7), build, "", false};
    struct opened n = open_network(&test, NULL, 1);
    fov_plan     *plan = fov_plan_create(n.graph, &n.y, 1, NULL);
    double       *defined;
    float        *x = fov_plan_data(plan, n.x), *y = fov_plan_data(plan, n.y);
    size_t        count = fov_plan_bytes(plan, n.y) / sizeof *y;

    for (uint64_t seed = 20; seed < 23; seed++) {
        uint64_t requests;

        draw_parameters(n.graph, seed);
        for (size_t i = 0; i < fov_plan_bytes(plan, n.x) / sizeof *x; i++)
            x[i] = (float)random_normal((struct random_key){5, RANDOM_TEST, 0}, i);
        requests = fov_context_memory(n.context).requests;
        fov_plan_run(plan, 0);
        assert_int_equal(fov_context_memory(n.context).requests, requests);
        defined = define(&n, false, count);
        for (size_t i = 0; i < count; i++)
            assert_true(fabs((double)y[i] - defined[i]) <= 3e-5 * fmax(1, fabs(defined[i])));
        free(defined);
    }
    fov_plan_free(plan);
    close_network(&n);
}

static void changed_parameters_are_followed(void **state)
{
    (void)state;
    check_followed(conv_norm_relu);
    check_followed(computed_weights);
    check_followed(dense_norm_tanh);
    check_followed(dense_block);
}

/* Folding changes the plan's copy only: the graph keeps its parameters, for saving and further training. */
static void folding_leaves_the_graph_alone(void **state)
{
    struct expected test = {"", FOV_SHAPE(2, 5, 9, 7), conv_norm_relu, "", false};
    struct opened n = open_network(&test, NULL, 1);
    fov_value     weight = fov_parameter_at(n.graph, 0);
    fov_shape     shape  = fov_value_shape(n.graph, weight);
    size_t        bytes  = shape_span(&shape, 0, shape.rank) * sizeof(float);
    float        *before = malloc(bytes), *after = malloc(bytes);
    fov_plan     *plan;

    (void)state;
    assert_int_equal(fov_parameter_get(n.graph, weight, before, bytes), FOV_OK);
    plan = fov_plan_create(n.graph, &n.y, 1, NULL);
    fov_plan_run(plan, 0);
    assert_int_equal(fov_parameter_get(n.graph, weight, after, bytes), FOV_OK);
    assert_memory_equal(before, after, bytes);
    fov_plan_free(plan);
    free(before);
    free(after);
    close_network(&n);
}

static void the_residual_is_written_over(void **state)
{
    struct opened n;
    fov_plan     *plan;
    bool          in_place = false;

    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        if (networks[i].build != residual_in_place)
            continue;
        n    = open_network(&networks[i], NULL, 1);
        plan = fov_plan_create(n.graph, &n.y, 1, NULL);
        for (int s = 0; s < fov_plan_step_count(plan); s++)
            in_place = in_place ||
                       (strstr(fov_plan_step_at(plan, s).operation, "+ add") && fov_plan_step_at(plan, s).in_place);
        fov_plan_free(plan);
        close_network(&n);
    }
    assert_true(in_place);
}

/* The gradients of sum y^2 by all parameters that are not frozen, one after the other; the caller frees them. */
static float *gradients_of(network *build, bool fused, int threads, size_t *total)
{
    struct expected test = {"", FOV_SHAPE(3, 18, 6, 7), build, "", true};
    struct opened   n = open_network(&test, NULL, threads);
    fov_value       zero = number(n.graph, 0), loss, gradients[64], targets[64];
    int             wanted = 0;
    float          *all, *x;
    fov_plan       *plan;

    loss = op_emit2(fov_graph_emitter(n.graph), "sum_to", fov_mul(n.graph, n.y, n.y), zero, NULL);
    for (int i = 0; i < fov_parameter_count(n.graph); i++)
        if (!fov_parameter_frozen(n.graph, fov_parameter_at(n.graph, i)))
            targets[wanted++] = fov_parameter_at(n.graph, i);
    assert_int_equal(fov_gradient(n.graph, loss, targets, wanted, gradients), FOV_OK);
    plan = fov_plan_create(n.graph, gradients, wanted, &(fov_plan_options){.training = true, .no_fusion = !fused});
    assert_string_equal(fov_error(n.context), "");
    check_places(plan);
    x = fov_plan_data(plan, n.x);
    for (size_t i = 0; i < fov_plan_bytes(plan, n.x) / sizeof *x; i++)
        x[i] = (float)random_normal((struct random_key){5, RANDOM_TEST, 0}, i);
    fov_plan_run(plan, 0);
    *total = 0;
    for (int i = 0; i < wanted; i++)
        *total += fov_plan_bytes(plan, gradients[i]);
    all    = malloc(*total);
    *total = 0;
    for (int i = 0; i < wanted; i++) {
        memcpy((char *)all + *total, fov_plan_data(plan, gradients[i]), fov_plan_bytes(plan, gradients[i]));
        *total += fov_plan_bytes(plan, gradients[i]);
    }
    *total /= sizeof *all;
    fov_plan_free(plan);
    close_network(&n);
    return all;
}

/* In training, too: the same gradients as without fusion, and the same bits for any number of threads. */
static void gradients_stay(void **state)
{
    network *const builders[] = {residual_block,     dense_block,    concat_of_concats,
                                 concat_with_copies, parts_of_parts, shuffle_unit};

    (void)state;
    for (size_t b = 0; b < sizeof builders / sizeof *builders; b++) {
        size_t total, same;
        float *plain = gradients_of(builders[b], false, 1, &total), *fused = gradients_of(builders[b], true, 1, &same);
        double largest = 0;

        assert_int_equal(total, same);
        for (size_t i = 0; i < total; i++)
            largest = fmax(largest, fabs((double)plain[i]));
        for (size_t i = 0; i < total; i++)
            if (!(fabs((double)fused[i] - (double)plain[i]) <= 2e-5 * largest))
                fail_msg("network %zu: gradient %zu of %zu is %g, without passes %g", b, i, total, (double)fused[i],
                         (double)plain[i]);
        for (int threads = 2; threads <= 4; threads++) {
            float *again = gradients_of(builders[b], true, threads, &same);

            assert_memory_equal(again, fused, total * sizeof *fused);
            free(again);
        }
        free(plain);
        free(fused);
    }
}

/* Whichever allocation fails while such a plan is made, the error says so and no memory is left behind. */
static void every_failed_allocation_is_survived(void **state)
{
    network *const builders[] = {residual_block, shuffle_unit, by_parts_hard_swish, parts_in_place};

    (void)state;
    for (size_t b = 0; b < sizeof builders / sizeof *builders; b++)
        for (uint64_t fail_at = 1, done = 0; !done; fail_at++) {
            struct expected test = {"", FOV_SHAPE(1, 18, 6, 7), builders[b], "", false};
            struct opened   n = open_network(&test, NULL, 1);
            size_t          before = fov_context_memory(n.context).bytes;
            fov_plan       *plan;

            memory_fail_at(n.context->memory, fail_at, false);
            plan = fov_plan_create(n.graph, &n.y, 1, NULL);
            memory_fail_at(n.context->memory, 0, false);
            done = plan != NULL;
            if (!plan)
                assert_int_equal(fov_error_status(n.context), FOV_E_MEMORY);
            fov_plan_free(plan);
            assert_int_equal(fov_context_memory(n.context).bytes, before);
            close_network(&n);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_change_steps_and_not_numbers), cmocka_unit_test(changed_parameters_are_followed),
        cmocka_unit_test(folding_leaves_the_graph_alone),      cmocka_unit_test(the_residual_is_written_over),
        cmocka_unit_test(gradients_stay),                      cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
