/* SPDX-License-Identifier: MIT */
/* Two networks of MLPerf Tiny, for microcontrollers: Banbury et al., "MLPerf Tiny benchmark", NeurIPS 2021. ResNet8
 * classifies CIFAR-10; DS-CNN (Zhang, Suda, Lai, Chandra, "Hello edge: keyword spotting on microcontrollers", 2017)
 * classifies spoken words by their spectra, 49 time steps of 10 numbers. As in the reference, written in Keras, every
 * convolution has a bias, and where padding is odd the extra pixel is at the bottom and right. */
#include "zoo/blocks.h"

/* A convolution padded so that stride s divides the size by s, rounding up ("same"). */
static fov_value same_conv(struct zoo_build *b, fov_value x, const struct zoo_conv *conv)
{
    struct zoo_conv padded = *conv;
    fov_shape shape = fov_value_shape(b->graph, x);
    int stride = conv->stride > 0 ? conv->stride : 1;
    padded.valid = padded.bias = true;
    for (int axis = 0; axis < 2; axis++) {
        int kernel = conv->kernel > 0 ? conv->kernel : conv->kernel_size[axis], size = (int)shape.dim[2 + axis];
        int missing = ((size + stride - 1) / stride - 1) * stride + kernel - size;
        missing = missing > 0 ? missing : 0;
        padded.pads[axis] = missing / 2;
        padded.pads[axis + 2] = missing - missing / 2;
    }
    padded.epsilon = 1e-3F;
    padded.momentum = 0.01F;
    return zoo_conv_opt(b, x, &padded);
}
#define SAME_CONV(b, x, ...) same_conv((b), (x), &(struct zoo_conv){__VA_ARGS__})

/* ---- ResNet8 ----------------------------------------------------------------------------------------------------- */

static fov_value resnet8_features(struct zoo_build *b, fov_value x)
{
    x = SAME_CONV(b, x, .filters = 16, .kernel = 3, .activation = ZOO_RELU, .name = "conv1", .norm = "bn1");
    for (int stage = 0; stage < 3; stage++) {
        int filters = 16 << stage, stride = stage > 0 ? 2 : 1;
        fov_value shortcut = x;
        zoo_push(b, "layer%d", stage + 1);
        fov_value y = SAME_CONV(b, x, .filters = filters, .kernel = 3, .stride = stride, .activation = ZOO_RELU,
                                .name = "conv1", .norm = "bn1");
        y = zoo_attend(b, SAME_CONV(b, y, .filters = filters, .kernel = 3, .name = "conv2", .norm = "bn2"));
        if (stage > 0) {
            shortcut =
                SAME_CONV(b, x, .filters = filters, .kernel = 1, .stride = stride, .no_norm = true, .name = "shortcut");
        }
        zoo_pop(b);
        x = fov_relu(b->graph, fov_add(b->graph, y, shortcut));
        zoo_stage(b, 1 << stage, x);
    }
    return x;
}

static fov_value resnet8_head(struct zoo_build *b, fov_value x)
{
    return zoo_pooled_logits(b, x, "fc");
}

/* ---- DS-CNN ------------------------------------------------------------------------------------------------------ */

static fov_value ds_cnn_features(struct zoo_build *b, fov_value x)
{
    enum { FILTERS = 64 };
    x = SAME_CONV(b, x, .filters = FILTERS, .kernel_size = {10, 4}, .stride = 2, .activation = ZOO_RELU,
                  .name = "conv1", .norm = "bn1");
    x = fov_dropout(b->graph, x, 0.2F);
    for (int i = 0; i < 4; i++) {
        zoo_push(b, "block%d", i + 1);
        x = SAME_CONV(b, x, .filters = FILTERS, .kernel = 3, .groups = FILTERS, .activation = ZOO_RELU,
                      .name = "depthwise", .norm = "bn1");
        x = SAME_CONV(b, x, .filters = FILTERS, .kernel = 1, .activation = ZOO_RELU, .name = "pointwise",
                      .norm = "bn2");
        zoo_pop(b);
    }
    return zoo_end_stage(b, 2, x);
}

static fov_value ds_cnn_head(struct zoo_build *b, fov_value x)
{
    return zoo_pooled_logits(b, x, "fc");
}

const struct zoo_network zoo_resnet8 = {
    .name = "resnet8",
    .summary = "ResNet8 of MLPerf Tiny, for CIFAR-10",
    .family = "MLPerf Tiny",
    .year = 2021,
    .paper = "Banbury et al.: MLPerf Tiny benchmark",
    .accuracy = "CIFAR-10 85 % (quality target)",
    .features = resnet8_features,
    .head = resnet8_head,
    ZOO_CIFAR,
};
const struct zoo_network zoo_ds_cnn = {
    .name = "ds_cnn",
    .summary = "DS-CNN of MLPerf Tiny: spoken words by their spectra, 49 x 10",
    .family = "MLPerf Tiny",
    .year = 2017,
    .paper = "Zhang, Suda, Lai, Chandra: Hello edge: keyword spotting on microcontrollers",
    .accuracy = "Speech Commands 90 % (quality target)",
    .standard = {.channels = 1, .height = 49, .width = 10, .classes = 12},
    .common = {.dropout = 0.4},
    .features = ds_cnn_features,
    .head = ds_cnn_head,
};
