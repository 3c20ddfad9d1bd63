/* SPDX-License-Identifier: MIT */
/* Makers of one or few operators without windows: normalisations, activations, operators that join values or change
 * shapes, reductions, heads. */
#include "random.h"

#include "tensor/shape.h"

static const fov_value nothing = {0};

static int64_t elements_of(const fov_shape *shape) /* per sample */
{
    int64_t elements = 1;
    for (int i = 1; i < shape->rank; i++) {
        elements *= shape->dim[i];
    }
    return elements;
}

static bool is_batch(const struct random_builder *b, fov_value x, int least_rank)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    return shape.rank >= least_rank && shape.dim[0] == FOV_BATCH && fov_value_dtype(b->graph, x) == FOV_F32;
}

/* ---- normalisations ----------------------------------------------------------------------------------------------- */

static bool has_variance(const struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    return elements_of(&shape) / shape.dim[1] * b->batch > 1;
}

fov_value random_batch_norm(struct random_builder *b, fov_value x)
{
    return has_variance(b, x) ? fov_batch_norm(b->graph, x) : x;
}

/** Batch norm; in 15 of 100 cases always with the batch's statistics, or always with the running ones. */
static fov_value batch_norm(struct random_builder *b, fov_value x)
{
    int64_t channels = fov_value_shape(b->graph, x).dim[1];
    fov_shape vector = {1, {channels}};
    if (!random_is_image(b, x, 0) || !has_variance(b, x)) {
        return nothing;
    }
    if (random_chance(b, 85)) {
        return fov_batch_norm(b->graph, x);
    }
    fov_value in[] = {x, random_parameter(b, "scale", vector), random_parameter(b, "bias", vector),
                      random_parameter(b, "running_mean", vector), random_parameter(b, "running_var", vector)};
    const struct random_setting settings[] = {{.name = "statistics", .number = random_between(b, 1, 2)},
                                              {.name = "population_variance", .number = random_chance(b, 50)}};
    fov_parameter_freeze(b->graph, in[3], true);
    fov_parameter_freeze(b->graph, in[4], true);
    return random_node(b, "batch_norm", in, 5, settings, 2);
}

static fov_value layer_norm(struct random_builder *b, fov_value x)
{
    int rank = fov_value_shape(b->graph, x).rank;
    return is_batch(b, x, 2) ? fov_layer_norm(b->graph, x, .dimensions = random_between(b, 1, rank - 1)) : nothing;
}

static fov_value group_norm(struct random_builder *b, fov_value x)
{
    static const int groups[] = {1, 2, 3, 4, 8};
    int64_t channels = fov_value_shape(b->graph, x).dim[1];
    int wanted = groups[random_draw(b, 5)];
    return random_is_image(b, x, 0) ? fov_group_norm(b->graph, x, .groups = channels % wanted == 0 ? wanted : 1)
                                    : nothing;
}

static fov_value instance_norm(struct random_builder *b, fov_value x)
{
    return random_is_image(b, x, 0) ? fov_instance_norm_opt(b->graph, x, NULL) : nothing;
}

static fov_value rms_norm(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    if (!is_batch(b, x, 2)) {
        return nothing;
    }
    fov_value in[] = {x, random_parameter(b, "scale", (fov_shape){1, {shape.dim[shape.rank - 1]}})};
    return random_node(b, "rms_norm", in, random_chance(b, 70) ? 2 : 1, NULL, 0);
}

static fov_value lrn(struct random_builder *b, fov_value x)
{
    return random_is_image(b, x, 4) ? fov_lrn(b->graph, x, .size = 3 + 2 * random_draw(b, 2), .alpha = 0.1F) : nothing;
}

fov_value random_norm(struct random_builder *b, fov_value x)
{
    static random_maker *const norms[] = {layer_norm, group_norm, instance_norm, rms_norm, lrn};
    return random_chance(b, 75) ? batch_norm(b, x) : norms[random_draw(b, 5)](b, x);
}

/* ---- activations and functions ------------------------------------------------------------------------------------ */

static fov_value unusual_activation(struct random_builder *b, fov_value x)
{
    static const char *const ops[] = {"softplus", "softsign",        "elu", "selu", "celu", "gelu", "mish",
                                      "shrink",   "thresholded_relu"};
    fov_graph *g = b->graph;
    switch (random_draw(b, 6)) {
    case 0:
        return fov_hard_sigmoid(g, x, 1.0F / 6, 0.5F);
    case 1:
        return fov_hard_swish(g, x);
    case 2:
        return fov_elu(g, x, random_number(b, 0.2F, 1.5F));
    case 3:
        return random_is_image(b, x, 0) ? fov_prelu(g, x, .per_channel = random_chance(b, 70))
                                        : fov_prelu_opt(g, x, NULL);
    default:
        return random_node1(b, ops[random_draw(b, 9)], x);
    }
}

fov_value random_activation(struct random_builder *b, fov_value x)
{
    fov_graph *g = b->graph;
    switch (random_draw(b, 12)) {
    case 0:
    case 1:
    case 2:
    case 3:
        return fov_relu(g, x);
    case 4:
    case 5:
        return fov_clip(g, x, 0, 6);
    case 6:
        return fov_leaky_relu(g, x, random_number(b, 0.05F, 0.4F));
    case 7:
        return fov_sigmoid(g, x);
    case 8:
        return fov_tanh(g, x);
    case 9:
        return random_chance(b, 50) ? fov_swish(g, x) : fov_mul(g, x, fov_sigmoid(g, x)); /* or spelled out */
    default:
        return unusual_activation(b, x);
    }
}

static fov_value function(struct random_builder *b, fov_value x)
{
    fov_graph *g = b->graph;
    float half = 0.5F;
    fov_value number = fov_constant(g, NULL, FOV_F32, (fov_shape){0}, &half);
    switch (random_draw(b, 9)) {
    case 0:
        return fov_abs(g, x);
    case 1:
        return fov_neg(g, x);
    case 2:
        return fov_sqrt(g, fov_add(g, fov_abs(g, x), number));
    case 3:
        return fov_log(g, fov_add(g, fov_mul(g, x, x), number));
    case 4:
        return fov_exp(g, fov_clip(g, x, -3, 2));
    case 5:
        return random_node1(b, "square", x);
    case 6:
        return random_node1(b, "sin", x);
    case 7:
        return fov_div(g, x, fov_add(g, fov_abs(g, x), number));
    default:
        return random_node1(b, "identity", x);
    }
}

/** Does nothing in inference; in training its random numbers are keyed by the step. */
static fov_value dropout(struct random_builder *b, fov_value x)
{
    return is_batch(b, x, 2)
               ? random_chance(b, 70) ? fov_dropout(b->graph, x, 0.25F) : fov_drop_path(b->graph, x, 0.25F)
               : nothing;
}

static fov_value softmax(struct random_builder *b, fov_value x)
{
    int rank = fov_value_shape(b->graph, x).rank, axis = rank > 1 ? random_between(b, 1, rank - 1) : 1;
    if (!is_batch(b, x, 2)) {
        return nothing;
    }
    return random_chance(b, 70) ? fov_softmax_opt(b->graph, x, &(fov_softmax_options){.axis = axis})
                                : fov_log_softmax_opt(b->graph, x, &(fov_softmax_options){.axis = axis});
}

/* ---- joining values ----------------------------------------------------------------------------------------------- */

static fov_value combine(struct random_builder *b, fov_value x, fov_value y)
{
    fov_graph *g = b->graph;
    switch (random_draw(b, 12)) {
    case 0:
        return fov_mul(g, x, y);
    case 1:
        return fov_sub(g, x, y);
    case 2:
        return fov_max(g, x, y);
    case 3:
        return fov_min(g, y, x);
    case 4:
        return fov_mul(g, x, fov_sigmoid(g, y));
    case 5:
        return fov_where(g, fov_cast(g, fov_relu(g, x), FOV_BOOL), x, y);
    default:
        return random_chance(b, 50) ? fov_add(g, x, y) : fov_add(g, y, x);
    }
}

/** With an earlier value of the same shape, or with itself. */
static fov_value merge(struct random_builder *b, fov_value x)
{
    fov_value y = random_companion(b, x);
    return y.id != 0 ? combine(b, x, y) : random_chance(b, 20) ? combine(b, x, x) : nothing;
}

fov_value random_residual(struct random_builder *b, fov_value y, fov_value x)
{
    fov_shape one = fov_value_shape(b->graph, y), other = fov_value_shape(b->graph, x);
    if (y.id == 0 || !shape_equal(&one, &other)) {
        return y;
    }
    return random_chance(b, 50) ? fov_add(b->graph, y, x) : fov_add(b->graph, x, y);
}

/** With a learned tensor that is broadcast: a number, one per channel, one per pixel, or all but the batch. */
static fov_value broadcast(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    int kind = random_draw(b, 4), first = shape.rank - 1;
    if (!is_batch(b, x, 2)) {
        return nothing;
    }
    fov_shape small = {kind == 0 ? 0 : first, {0}};
    for (int i = 0; i < small.rank; i++) {
        bool whole = kind == 3 || (kind == 1 && i == 0) || (kind == 2 && i > 0);
        small.dim[i] = whole ? shape.dim[i + 1] : 1;
    }
    fov_value factor = random_parameter(b, random_chance(b, 70) ? "scale" : "bias", small);
    return random_chance(b, 60) ? fov_mul(b->graph, x, factor) : fov_add(b->graph, factor, x);
}

static bool joins_along(const struct random_builder *b, fov_value x, fov_value y, int axis)
{
    fov_shape one = fov_value_shape(b->graph, x), other = fov_value_shape(b->graph, y);
    bool same = one.rank == other.rank && fov_value_dtype(b->graph, y) == FOV_F32;
    for (int i = 0; same && i < one.rank; i++) {
        same = i == axis || one.dim[i] == other.dim[i];
    }
    return same && other.dim[0] == FOV_BATCH;
}

/** Concatenates two to four values, perhaps one of them twice; mostly along channels. */
static fov_value concat(struct random_builder *b, fov_value x)
{
    int rank = fov_value_shape(b->graph, x).rank;
    if (!is_batch(b, x, 2)) {
        return nothing;
    }
    int axis = random_chance(b, 85) ? 1 : random_between(b, 1, rank - 1), count = 1, wanted = random_between(b, 2, 4);
    fov_value parts[4] = {x};
    fov_shape shape = fov_value_shape(b->graph, x);
    int64_t elements = elements_of(&shape);
    for (int tries = 0; tries < 12 && count < wanted; tries++) {
        fov_value other = b->values[random_draw(b, b->count)];
        fov_shape more = fov_value_shape(b->graph, other);
        if (joins_along(b, x, other, axis)) {
            parts[count++] = other;
            elements += elements_of(&more);
        }
    }
    if (count < 2 && random_chance(b, 50)) {
        parts[count++] = x;
        elements *= 2;
    }
    if (count < 2 || !random_affords(b, elements, 0)) {
        return nothing;
    }
    if (random_chance(b, 50)) {
        parts[0] = parts[count - 1];
        parts[count - 1] = x;
    }
    return fov_concat(b->graph, parts, count, axis);
}

/* ---- shapes ------------------------------------------------------------------------------------------------------- */

static fov_value slice(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    if (!is_batch(b, x, 2)) {
        return nothing;
    }
    int axis = random_chance(b, 70) ? 1 : random_between(b, 1, shape.rank - 1), size = (int)shape.dim[axis];
    int begin = random_draw(b, size), step = random_chance(b, 85) ? 1 : 2;
    return fov_slice(b->graph, x, axis, begin, random_between(b, 1, (size - begin + step - 1) / step), step);
}

/** Splits the channels into two parts, changes each in its own way, and concatenates or adds them. */
static fov_value split(struct random_builder *b, fov_value x)
{
    int64_t channels = fov_value_shape(b->graph, x).dim[1], sizes[2];
    fov_value parts[2], mixed[2];
    if (!random_is_image(b, x, 0) || channels < 2) {
        return nothing;
    }
    sizes[0] = random_chance(b, 60) ? channels / 2 : random_between(b, 1, (int)channels - 1);
    sizes[1] = channels - sizes[0];
    if (fov_split_into(b->graph, x, 1, sizes, 2, parts) != FOV_OK) {
        return nothing;
    }
    for (int i = 0; i < 2; i++) {
        int kind = random_draw(b, 5);
        fov_value y = kind == 0   ? random_activation(b, parts[i])
                      : kind == 1 ? random_depthwise(b, parts[i])
                      : kind == 2 ? random_conv_with(b, parts[i], (int)sizes[i], 1, 1, 1, true)
                      : kind == 3 ? random_norm(b, parts[i])
                                  : nothing;
        mixed[i] = y.id != 0 ? y : parts[i];
        random_keep(b, random_chance(b, 25) ? parts[i] : nothing);
    }
    if (!joins_along(b, mixed[0], mixed[1], 1)) {
        return mixed[1];
    }
    if (sizes[0] == sizes[1] && random_chance(b, 25)) {
        return random_residual(b, mixed[0], mixed[1]);
    }
    return fov_concat(b->graph, random_chance(b, 50) ? mixed : (fov_value[]){mixed[1], mixed[0]}, 2, 1);
}

static fov_value shuffle(struct random_builder *b, fov_value x)
{
    static const int groups[] = {2, 3, 4};
    int64_t channels = fov_value_shape(b->graph, x).dim[1];
    int wanted = groups[random_draw(b, 3)];
    return random_is_image(b, x, 4) && channels % wanted == 0 ? fov_channel_shuffle(b->graph, x, wanted) : nothing;
}

static fov_value pad(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    fov_pad_options options = {.mode = random_chance(b, 60) ? FOV_PAD_CONSTANT : (fov_pad_mode)random_draw(b, 4)};
    int64_t elements = shape.dim[1];
    if (!random_is_image(b, x, 0)) {
        return nothing;
    }
    for (int i = 2; i < shape.rank; i++) {
        int most = shape.dim[i] > 2 ? 2 : (int)shape.dim[i] - 1;
        options.before[i] = random_between(b, random_chance(b, 10) && most > 0 ? -1 : 0, most);
        options.behind[i] = random_between(b, 0, most);
        elements *= shape.dim[i] + options.before[i] + options.behind[i];
    }
    return random_affords(b, elements, 0) ? fov_pad_opt(b->graph, x, &options) : nothing;
}

static fov_value transpose(struct random_builder *b, fov_value x)
{
    static const int swapped[] = {0, 1, 3, 2}, channels_last[] = {0, 2, 3, 1}, channels_first[] = {0, 3, 1, 2};
    static const int *const orders[] = {swapped, channels_last, channels_first};
    return random_is_image(b, x, 4) ? fov_transpose(b->graph, x, orders[random_draw(b, 3)], 4) : nothing;
}

/** Another shape of the same elements: pixels in one row, sides swapped, fewer channels, or a dimension added and
 *  removed. Views where the layout allows. */
static fov_value reshape(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    if (!random_is_image(b, x, 4)) {
        return nothing;
    }
    switch (random_draw(b, 4)) {
    case 0:
        return fov_reshape(b->graph, x, (fov_shape){3, {-1, shape.dim[1], shape.dim[2] * shape.dim[3]}});
    case 1:
        return fov_reshape(b->graph, x, (fov_shape){4, {-1, shape.dim[1], shape.dim[3], shape.dim[2]}});
    case 2:
        return shape.dim[1] % 2 == 0
                   ? fov_reshape(b->graph, x, (fov_shape){4, {-1, shape.dim[1] / 2, shape.dim[2], 2 * shape.dim[3]}})
                   : nothing;
    default:
        return fov_squeeze(b->graph, fov_unsqueeze(b->graph, x, (int[]){2}, 1), (int[]){2}, 1);
    }
}

static fov_value resize(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    if (!random_is_image(b, x, 4)) {
        return nothing;
    }
    bool twice = random_chance(b, 60);
    int height = twice ? 2 * (int)shape.dim[2] : random_between(b, 1, 2 * (int)shape.dim[2]);
    int width = twice ? 2 * (int)shape.dim[3] : random_between(b, 1, 2 * (int)shape.dim[3]);
    if (!random_affords(b, shape.dim[1] * height * width, 0)) {
        return nothing;
    }
    return fov_resize2d(b->graph, x, .height = height, .width = width, .mode = (fov_resize_mode)random_draw(b, 3),
                        .align_corners = random_chance(b, 20));
}

static fov_value blocks_of_pixels(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    if (!random_is_image(b, x, 4)) {
        return nothing;
    }
    if (shape.dim[1] % 4 == 0) {
        return fov_depth_to_space(b->graph, x, 2);
    }
    return shape.dim[2] % 2 == 0 && shape.dim[3] % 2 == 0 ? fov_space_to_depth(b->graph, x, 2) : nothing;
}

static fov_value tile(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    int64_t repeats[] = {1, 2, 1, 1};
    return random_is_image(b, x, 4) && random_affords(b, 2 * elements_of(&shape), 0) ? fov_tile(b->graph, x, repeats, 4)
                                                                                     : nothing;
}

/* ---- reductions and heads ----------------------------------------------------------------------------------------- */

static fov_value reduce(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    fov_reduce_options options = {.keep_dims = random_chance(b, 70)};
    if (!is_batch(b, x, 3)) {
        return nothing;
    }
    if (random_chance(b, 50)) { /* all pixels */
        for (int i = 2; i < shape.rank; i++) {
            options.axes[options.axis_count++] = i;
        }
    } else {
        options.axes[options.axis_count++] = random_between(b, 1, shape.rank - 1);
    }
    switch (random_draw(b, 5)) {
    case 0:
        return fov_reduce_sum_opt(b->graph, x, &options);
    case 1:
        return fov_reduce_max_opt(b->graph, x, &options);
    default:
        return fov_reduce_mean_opt(b->graph, x, &options);
    }
}

static fov_value dense_head(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    int units = random_between(b, 1, 40);
    fov_value y = x;
    if (!is_batch(b, x, 2)) {
        return nothing;
    }
    if (shape.rank > 2 && (elements_of(&shape) > 2000 || random_chance(b, 50))) {
        y = fov_global_avg_pool(b->graph, y);
    }
    y = shape.rank > 2 ? fov_flatten(b->graph, y) : y;
    if (!random_affords(b, units, units * elements_of(&shape))) {
        return nothing;
    }
    y = fov_dense(b->graph, y, .units = units, .no_bias = random_chance(b, 20));
    return random_chance(b, 40) ? random_activation(b, y) : y;
}

/** The product of each row of pixels with a learned matrix. */
static fov_value matmul(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    if (!random_is_image(b, x, 4)) {
        return nothing;
    }
    int64_t width = shape.dim[3], columns = random_between(b, 1, 12);
    if (!random_affords(b, shape.dim[1] * shape.dim[2] * columns, elements_of(&shape) * columns)) {
        return nothing;
    }
    return fov_matmul(b->graph, x, random_parameter(b, "weight", (fov_shape){2, {width, columns}}));
}

const struct random_made random_layers[] = {
    {"norm", 20, random_norm},
    {"activation", 24, random_activation},
    {"function", 4, function},
    {"dropout", 3, dropout},
    {"softmax", 2, softmax},
    {"merge", 14, merge},
    {"broadcast", 5, broadcast},
    {"concat", 8, concat},
    {"slice", 4, slice},
    {"split", 5, split},
    {"shuffle", 3, shuffle},
    {"pad", 3, pad},
    {"transpose", 2, transpose},
    {"reshape", 3, reshape},
    {"resize", 4, resize},
    {"blocks of pixels", 2, blocks_of_pixels},
    {"tile", 1, tile},
    {"reduce", 2, reduce},
    {"dense", 5, dense_head},
    {"matmul", 2, matmul},
    {NULL, 0, NULL},
};
