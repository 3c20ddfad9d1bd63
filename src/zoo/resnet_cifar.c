/* SPDX-License-Identifier: MIT */
/* Residual networks for CIFAR-10. He et al., "Deep residual learning for image recognition", CVPR 2016, section 4.2:
 * three stages of 16, 32 and 64 channels, 6 n + 2 layers, shortcuts without parameters (option A). And the very deep
 * one of He, Zhang, Ren, Sun, "Identity mappings in deep residual networks", ECCV 2016: 9 n + 2 layers, where norm and
 * ReLU come before each convolution, so that nothing is applied to the sum of branch and shortcut. */
#include "zoo/blocks.h"

struct cifar {
    int blocks; /* of a stage */
};

/* Option A: every other pixel, and zeros for the added channels (half of them in front, half behind). */
static fov_value subsampled(struct zoo_build *b, fov_value x, int filters)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    int64_t more = filters - shape.dim[1];

    x = fov_slice(b->graph, x, 2, 0, -1, 2);
    x = fov_slice(b->graph, x, 3, 0, -1, 2);
    return fov_pad(b->graph, x, .before = {0, more / 2}, .behind = {0, more - more / 2});
}

static fov_value features(struct zoo_build *b, fov_value x)
{
    const struct cifar *plan = b->network->plan;
    x = zoo_conv(b, x, .filters = 16, .kernel = 3, .activation = ZOO_RELU, .name = "conv1", .norm = "bn1");
    for (int stage = 0; stage < 3; stage++) {
        for (int i = 0; i < plan->blocks; i++) {
            int filters = 16 << stage, stride = i == 0 && stage > 0 ? 2 : 1;
            zoo_push(b, "layer%d.%d", stage + 1, i);
            fov_value y = zoo_conv(b, x, .filters = filters, .kernel = 3, .stride = stride, .activation = ZOO_RELU,
                                   .name = "conv1", .norm = "bn1");
            y = zoo_attend(b, zoo_conv(b, y, .filters = filters, .kernel = 3, .name = "conv2", .norm = "bn2"));
            x = fov_relu(b->graph, fov_add(b->graph, y, stride == 1 ? x : subsampled(b, x, filters)));
            zoo_pop(b);
        }
        zoo_stage(b, 1 << stage, x);
    }
    return x;
}

/* Section 4.2 initialises every layer as in He et al. 2015, the last one, too. */
static fov_value head(struct zoo_build *b, fov_value x)
{
    int weight = fov_parameter_count(b->graph);
    x = zoo_pooled_logits(b, x, "linear");
    if (x.id != 0) {
        zoo_start_for_relu(b->graph, weight);
    }
    return x;
}

/* ---- pre-activation ---------------------------------------------------------------------------------------------- */

/* Norm and ReLU, then a convolution: figure 4 (e). */
static fov_value norm_conv(struct zoo_build *b, fov_value x, int filters, int kernel, int stride, const char *number)
{
    zoo_push(b, "%s", number);
    x = fov_relu(b->graph, fov_batch_norm_opt(b->graph, x, &(fov_batch_norm_options){.name = "bn"}));
    x = zoo_conv(b, x, .filters = filters, .kernel = kernel, .stride = stride, .no_norm = true, .name = "conv");
    zoo_pop(b);
    return x;
}

/* A bottleneck of 1 x 1, 3 x 3, 1 x 1. Where shapes differ, the shortcut is a 1 x 1 convolution of x as it is. */
static fov_value preactivated(struct zoo_build *b, fov_value x, int width, int stride)
{
    int filters = 4 * width;
    fov_value shortcut = x;
    fov_value y = norm_conv(b, x, width, 1, 1, "body.conv1");
    y = norm_conv(b, y, width, 3, stride, "body.conv2");
    y = zoo_attend(b, norm_conv(b, y, filters, 1, 1, "body.conv3"));
    if (stride != 1 || zoo_channels(b, x) != filters) {
        shortcut =
            zoo_conv(b, x, .filters = filters, .kernel = 1, .stride = stride, .no_norm = true, .name = "identity_conv");
    }
    return fov_add(b->graph, y, shortcut);
}

static fov_value preactivation_features(struct zoo_build *b, fov_value x)
{
    const struct cifar *plan = b->network->plan;
    x = zoo_conv(b, x, .filters = 16, .kernel = 3, .no_norm = true, .name = "features.init_block");
    for (int stage = 0; stage < 3; stage++) {
        for (int i = 0; i < plan->blocks; i++) {
            zoo_push(b, "features.stage%d.unit%d", stage + 1, i + 1);
            x = preactivated(b, x, 16 << stage, i == 0 && stage > 0 ? 2 : 1);
            zoo_pop(b);
        }
        zoo_stage(b, 1 << stage, x);
    }
    x = fov_batch_norm_opt(b->graph, x, &(fov_batch_norm_options){.name = "features.post_activ.bn"});
    return fov_relu(b->graph, x);
}

static fov_value preactivation_head(struct zoo_build *b, fov_value x)
{
    return zoo_pooled_logits(b, x, "output");
}

/* ---- by name ----------------------------------------------------------------------------------------------------- */

#define RESNET(n)                                                                                                     \
    .plan = &(const struct cifar){.blocks = (n)}, .family = "ResNet", .year = 2016,                                   \
    .paper = "He, Zhang, Ren, Sun: Deep residual learning for image recognition", .features = features, .head = head, \
    ZOO_CIFAR

const struct zoo_network zoo_resnet20 = {
    .name = "resnet20",
    .summary = "ResNet-20 for CIFAR-10 (He et al. 2016, section 4.2; shortcuts without parameters)",
    .accuracy = "CIFAR-10 91.25 %",
    RESNET(3),
};
const struct zoo_network zoo_resnet32 = {
    .name = "resnet32",
    .summary = "ResNet-32 for CIFAR-10",
    .accuracy = "CIFAR-10 92.49 %",
    RESNET(5),
};
const struct zoo_network zoo_resnet44 = {
    .name = "resnet44",
    .summary = "ResNet-44 for CIFAR-10",
    .accuracy = "CIFAR-10 92.83 %",
    RESNET(7),
};
const struct zoo_network zoo_resnet56 = {
    .name = "resnet56",
    .summary = "ResNet-56 for CIFAR-10",
    .accuracy = "CIFAR-10 93.03 %",
    RESNET(9),
};
const struct zoo_network zoo_resnet110 = {
    .name = "resnet110",
    .summary = "ResNet-110 for CIFAR-10",
    .accuracy = "CIFAR-10 93.57 %",
    RESNET(18),
};
const struct zoo_network zoo_resnet1202 = {
    .name = "resnet1202",
    .summary = "ResNet-1202 for CIFAR-10: the deepest of the paper",
    .accuracy = "CIFAR-10 92.07 %",
    RESNET(200),
};
const struct zoo_network zoo_preresnet1001 = {
    .name = "preresnet1001",
    .summary = "ResNet-1001 with pre-activation for CIFAR-10: norm and ReLU before each convolution",
    .family = "ResNet",
    .year = 2016,
    .paper = "He, Zhang, Ren, Sun: Identity mappings in deep residual networks",
    .accuracy = "CIFAR-10 95.08 %",
    .plan = &(const struct cifar){.blocks = 111},
    .features = preactivation_features,
    .head = preactivation_head,
    ZOO_CIFAR,
};
