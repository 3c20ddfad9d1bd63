/* SPDX-License-Identifier: MIT */
/* Where a plan uses the pooled convolution and its gradients: in place of a 2 x 2 max pooling of a convolution, with or
 * without a relu between them (the maximum of rectified values is the rectified maximum), and in place of the
 * convolution's gradients where dy comes from such a pooling. The image between convolution and pooling is then never
 * written. pooled.c and pooled_gradient.c define the operators. */
#include "op/conv/pooled.h"

#include <string.h>

#include "op/common.h"

static bool all_are(const struct op_producer *pool, const char *name, int64_t value, int64_t fallback)
{
    const struct op_list *list = op_option(pool->op, pool->options, name);
    for (int i = 0; i < (list->count != 0 ? list->count : 1); i++) {
        if (op_list_get(list, i, fallback) != value) {
            return false;
        }
    }
    return true;
}

/** Whether `pool` has windows of 2 x 2 that neither overlap nor extend over the edge. large: the image, small: the
 *  pooled image. */
static bool pools_blocks(const struct op_producer *pool, const fov_shape *large, const fov_shape *small)
{
    return large->rank == 4 && all_are(pool, "kernel", 2, 1) && all_are(pool, "stride", 2, 1) &&
           all_are(pool, "pad", 0, 0) && all_are(pool, "dilation", 1, 1) &&
           *(const int *)op_option(pool->op, pool->options, "auto_pad") == 0 &&
           *(const int *)op_option(pool->op, pool->options, "indices") == 0 && small->dim[2] == large->dim[2] / 2 &&
           small->dim[3] == large->dim[3] / 2;
}

static bool is_named(const struct op *op, const char *name)
{
    return strcmp(op->name, name) == 0;
}

static void set_options(struct pooled_options *options, const void *conv, bool rectify)
{
    struct conv_options of_conv = *(const struct conv_options *)conv; /* a copy: conv may point at options */
    *options = (struct pooled_options){.conv = of_conv, .rectify = rectify};
}

bool pooled_substitute(struct op_substitution *node)
{
    struct op_producer pool = {.op = node->op, .options = node->options}, conv;
    if (!is_named(node->op, "max_pool") || !op_producer_for(node, node->in[0], &conv)) {
        return false;
    }
    bool rectify = is_named(conv.op, "relu");
    if ((rectify && !op_producer_for(node, conv.in[0], &conv)) || !is_named(conv.op, "conv")) {
        return false;
    }
    struct op_tensor large = node->tensor(node->plan, node->in[0]), small = node->tensor(node->plan, node->out[0]),
                     in[3];
    struct pooled_geometry geometry;
    struct pooled_options options;
    set_options(&options, conv.options, rectify);
    for (int i = 0; i < conv.in_count; i++) {
        in[i] = node->tensor(node->plan, conv.in[i]);
    }
    if (!pools_blocks(&pool, &large.shape, &small.shape) || !op_all_f32(&options, in, conv.in_count) ||
        pooled_geometry(&geometry, &options, &in[0].shape, &in[1].shape, NULL) != 0 ||
        !images_pay(node->kernel, &geometry)) {
        return false;
    }
    *(struct pooled_options *)node->options = options;
    memcpy(node->in, conv.in, (size_t)conv.in_count * sizeof *node->in);
    node->in_count = conv.in_count;
    node->name = conv.name;
    return true;
}

/** Whether `value` is made by the gradient of such a pooling, which *pool then describes, with dtypes that the pooled
 *  operators take. */
static bool flows_through_blocks(const struct op_substitution *node, int value, struct op_producer *pool)
{
    if (!node->producer(node->plan, value, pool) || !is_named(pool->op, "max_pool_gradient")) {
        return false;
    }
    struct op_tensor large = node->tensor(node->plan, value), small = node->tensor(node->plan, pool->in[0]);
    return pools_blocks(pool, &large.shape, &small.shape) && large.dtype == FOV_F32 &&
           node->tensor(node->plan, pool->in[1]).dtype == FOV_U8;
}

/** Whether all readers of `value`, the gradient of the image between convolution and pooling, can be replaced: either
 *  both gradients of a convolution are replaced or neither, for if that image is made at all, both may as well read
 *  it. */
static bool both_may(const struct op_substitution *node, int value, const struct pooled_geometry *geometry)
{
    int readers = node->readers(node->plan, value);
    return images_pay(node->kernel, geometry) &&
           (readers == 1 || (readers == 2 && images_can_flow_back(geometry)));
}

bool pooled_weight_substitute(struct op_substitution *node)
{
    struct op_producer pool;
    struct pooled_geometry geometry;
    struct pooled_options options;
    fov_shape weight;
    if (!is_named(node->op, "conv_weight_gradient") || node->in[0] == node->in[1] ||
        !flows_through_blocks(node, node->in[1], &pool)) {
        return false;
    }
    struct op_tensor x = node->tensor(node->plan, node->in[0]), dy = node->tensor(node->plan, pool.in[0]);
    set_options(&options, node->options, false);
    if (pooled_weight_geometry(&geometry, &options, &x.shape, &dy.shape, &weight, NULL) != 0 ||
        !both_may(node, node->in[1], &geometry)) {
        return false;
    }
    *(struct pooled_options *)node->options = options;
    node->in[1] = pool.in[0];
    node->in[2] = pool.in[1];
    node->in_count = 3;
    return true;
}

bool pooled_input_substitute(struct op_substitution *node)
{
    struct op_producer pool;
    struct pooled_geometry geometry;
    struct pooled_options options;
    fov_shape x;
    if (!is_named(node->op, "conv_input_gradient") || node->in[0] == node->in[1] ||
        !flows_through_blocks(node, node->in[0], &pool)) {
        return false;
    }
    struct op_tensor dy = node->tensor(node->plan, pool.in[0]), weight = node->tensor(node->plan, node->in[1]);
    set_options(&options, node->options, false);
    if (pooled_input_geometry(&geometry, &options, &dy.shape, &weight.shape, &x, NULL) != 0 ||
        !images_can_flow_back(&geometry) || !both_may(node, node->in[0], &geometry)) {
        return false;
    }
    *(struct pooled_options *)node->options = options;
    node->in[2] = node->in[1];
    node->in[0] = pool.in[0];
    node->in[1] = pool.in[1];
    node->in_count = 3;
    return true;
}
