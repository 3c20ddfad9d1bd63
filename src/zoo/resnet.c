/* SPDX-License-Identifier: MIT */
/* Residual networks: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016. Two families: for
 * ImageNet (table 1; stride on the 3 x 3 convolution of a bottleneck, as everybody has it since) with torchvision's
 * names, so that its weights load as they are; and for CIFAR-10 (section 4.2): three stages of 16, 32 and 64 channels,
 * 6 n + 2 layers, shortcuts without parameters (option A). */
#include "zoo/zoo.h"
#include <stdio.h>

/* conv without bias, batch norm */
static fov_value conv_norm(fov_graph *g, fov_value x, int filters, int kernel, int stride, const char *conv,
                           const char *norm)
{
    x = zoo_conv2d_for_relu(g, x, .filters = filters, .kernel = kernel, .stride = stride, .pad = kernel / 2,
                            .no_bias = true, .name = conv);
    return fov_batch_norm_opt(g, x, &(fov_batch_norm_options){.name = norm});
}

static int channels_of(fov_graph *g, fov_value x)
{
    return (int)fov_value_shape(g, x).dim[1];
}

/* ---- ImageNet ---------------------------------------------------------------------------------------------------- */

enum { EXPANSION = 4 }; /* a bottleneck's result is so many times as wide as its middle */

/* Equation 1 and figure 5: y = relu(F(x) + x), where x passes a 1 x 1 convolution if shapes differ. */
static fov_value imagenet_block(fov_graph *g, fov_value x, int width, int stride, bool bottleneck)
{
    int filters = bottleneck ? EXPANSION * width : width;
    fov_value shortcut = x, y;

    if (bottleneck) {
        y = fov_relu(g, conv_norm(g, x, width, 1, 1, "conv1", "bn1"));
        y = fov_relu(g, conv_norm(g, y, width, 3, stride, "conv2", "bn2"));
        y = conv_norm(g, y, filters, 1, 1, "conv3", "bn3");
    } else {
        y = fov_relu(g, conv_norm(g, x, width, 3, stride, "conv1", "bn1"));
        y = conv_norm(g, y, filters, 3, 1, "conv2", "bn2");
    }
    if (stride != 1 || channels_of(g, x) != filters) {
        shortcut = conv_norm(g, x, filters, 1, stride, "downsample.0", "downsample.1");
    }
    return fov_relu(g, fov_add(g, y, shortcut));
}

static fov_value imagenet(fov_graph *g, fov_value x, const struct zoo_input *input, const int blocks[4],
                          bool bottleneck)
{
    x = fov_relu(g, conv_norm(g, x, 64, 7, 2, "conv1", "bn1"));
    x = fov_max_pool2d(g, x, .kernel = 3, .stride = 2, .pad = 1, .name = "maxpool");
    for (int stage = 0; stage < 4; stage++) {
        for (int i = 0; i < blocks[stage]; i++) {
            char scope[32];
            snprintf(scope, sizeof scope, "layer%d.%d", stage + 1, i);
            fov_scope_push(g, scope);
            x = imagenet_block(g, x, 64 << stage, i == 0 && stage > 0 ? 2 : 1, bottleneck);
            fov_scope_pop(g);
        }
    }
    x = fov_flatten(g, fov_global_avg_pool(g, x));
    return fov_dense(g, x, .units = input->classes, .name = "fc");
}

static fov_value resnet18_build(fov_graph *g, fov_value x, const struct zoo_input *input)
{
    return imagenet(g, x, input, (const int[]){2, 2, 2, 2}, false);
}

static fov_value resnet34_build(fov_graph *g, fov_value x, const struct zoo_input *input)
{
    return imagenet(g, x, input, (const int[]){3, 4, 6, 3}, false);
}

static fov_value resnet50_build(fov_graph *g, fov_value x, const struct zoo_input *input)
{
    return imagenet(g, x, input, (const int[]){3, 4, 6, 3}, true);
}

static fov_value resnet101_build(fov_graph *g, fov_value x, const struct zoo_input *input)
{
    return imagenet(g, x, input, (const int[]){3, 4, 23, 3}, true);
}

/* ---- CIFAR-10 ---------------------------------------------------------------------------------------------------- */

/* Option A: every other pixel, and zeros for the channels that are new (half of them in front, half behind). */
static fov_value subsampled(fov_graph *g, fov_value x, int filters)
{
    fov_shape shape = fov_value_shape(g, x);
    int64_t more = filters - shape.dim[1];

    x = fov_slice(g, x, 2, 0, (shape.dim[2] + 1) / 2, 2);
    x = fov_slice(g, x, 3, 0, (shape.dim[3] + 1) / 2, 2);
    return fov_pad(g, x, .before = {0, more / 2}, .behind = {0, more - more / 2});
}

static fov_value cifar(fov_graph *g, fov_value x, const struct zoo_input *input, int blocks)
{
    x = fov_relu(g, conv_norm(g, x, 16, 3, 1, "conv1", "bn1"));
    for (int stage = 0; stage < 3; stage++) {
        for (int i = 0; i < blocks; i++) {
            int filters = 16 << stage, stride = i == 0 && stage > 0 ? 2 : 1;
            char scope[32];
            snprintf(scope, sizeof scope, "layer%d.%d", stage + 1, i);
            fov_scope_push(g, scope);
            fov_value y = fov_relu(g, conv_norm(g, x, filters, 3, stride, "conv1", "bn1"));
            y = conv_norm(g, y, filters, 3, 1, "conv2", "bn2");
            x = fov_relu(g, fov_add(g, y, stride == 1 ? x : subsampled(g, x, filters)));
            fov_scope_pop(g);
        }
    }
    x = fov_flatten(g, fov_global_avg_pool(g, x));
    return fov_dense(g, x, .units = input->classes, .name = "linear");
}

static fov_value resnet20_build(fov_graph *g, fov_value x, const struct zoo_input *input)
{
    return cifar(g, x, input, 3);
}

static fov_value resnet32_build(fov_graph *g, fov_value x, const struct zoo_input *input)
{
    return cifar(g, x, input, 5);
}

static fov_value resnet56_build(fov_graph *g, fov_value x, const struct zoo_input *input)
{
    return cifar(g, x, input, 9);
}

static fov_value resnet110_build(fov_graph *g, fov_value x, const struct zoo_input *input)
{
    return cifar(g, x, input, 18);
}

/* ---- by name ----------------------------------------------------------------------------------------------------- */

#define IMAGENET                                                                                      \
    .standard = {.channels = 3, .height = 224, .width = 224, .classes = 1000},                        \
    .mean = {0.485f, 0.456f, 0.406f}, .deviation = {0.229f, 0.224f, 0.225f}
#define CIFAR                                                                                         \
    .standard = {.channels = 3, .height = 32, .width = 32, .classes = 10},                            \
    .mean = {0.4914f, 0.4822f, 0.4465f}, .deviation = {0.2470f, 0.2435f, 0.2616f}

const struct zoo_network zoo_resnet18 = {
    .name = "resnet18",
    .summary = "ResNet-18 (He et al. 2016, table 1): pairs of 3 x 3 with shortcuts, for 224 x 224 pixels",
    .build = resnet18_build,
    IMAGENET,
};
const struct zoo_network zoo_resnet34 = {
    .name = "resnet34", .summary = "ResNet-34", .build = resnet34_build, IMAGENET,
};
const struct zoo_network zoo_resnet50 = {
    .name = "resnet50", .summary = "ResNet-50: bottlenecks of 1 x 1, 3 x 3, 1 x 1", .build = resnet50_build, IMAGENET,
};
const struct zoo_network zoo_resnet101 = {
    .name = "resnet101", .summary = "ResNet-101", .build = resnet101_build, IMAGENET,
};
const struct zoo_network zoo_resnet20 = {
    .name = "resnet20", .summary = "ResNet-20 for CIFAR-10 (He et al. 2016, section 4.2; shortcuts without parameters)",
    .build = resnet20_build, CIFAR,
};
const struct zoo_network zoo_resnet32 = {
    .name = "resnet32", .summary = "ResNet-32 for CIFAR-10", .build = resnet32_build, CIFAR,
};
const struct zoo_network zoo_resnet56 = {
    .name = "resnet56", .summary = "ResNet-56 for CIFAR-10", .build = resnet56_build, CIFAR,
};
const struct zoo_network zoo_resnet110 = {
    .name = "resnet110", .summary = "ResNet-110 for CIFAR-10", .build = resnet110_build, CIFAR,
};
