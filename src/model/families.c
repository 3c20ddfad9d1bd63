/* SPDX-License-Identifier: MIT */
/* The public functions for families of networks: each turns its arguments into the network's name and builds it by
 * that. Arguments that name no network get the error of an unknown name. Read next: networks.h, zoo/zoo.h. */
#include "base/text.h"
#include "model/model.h"
#include <fovea/networks.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 96, TEXT_SIZE = 512 };

/* Builds the network of a name; `how`: its options, "attention=cbam:dropout=0.3", or NULL. */
static fov_model *build(fov_context *context, const char *name, const char *how, const fov_network_options *options)
{
    char text[TEXT_SIZE];
    bool more = how != NULL && *how != '\0';
    int length = snprintf(text, sizeof text, "%s%s%s", name, more ? ":" : "", more ? how : "");
    if (context != NULL && (length < 0 || length >= TEXT_SIZE)) {
        call_fresh(context);
        error_set(&context->error, FOV_E_USAGE, "%s: options of %zu letters (at most %d)", name, strlen(how),
                  TEXT_SIZE - NAME_SIZE);
        return NULL;
    }
    return fov_model_network(context, text, options);
}

/* Builds the network whose name is a stem, a number and an end: "vgg" 16 "_bn". */
static fov_model *numbered(fov_context *context, const char *stem, int number, const char *end, const char *how,
                           const fov_network_options *options)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%s%d%s", stem, number, end);
    return build(context, name, how, options);
}

/* Builds the network whose name is a stem and the caller's word: "lenet" "5@1998". */
static fov_model *worded(fov_context *context, const char *stem, const char *word, const char *how,
                         const fov_network_options *options)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%s%.40s", stem, word != NULL ? word : "");
    return build(context, name, how, options);
}

/* Builds the network whose name is a stem and a factor with one or two decimals: 0.5 is "0_5". */
static fov_model *scaled(fov_context *context, const char *stem, double factor, const char *how,
                         const fov_network_options *options)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%.2f", factor >= 0.0 && factor < 1e6 ? factor : 0.0);
    size_t length = strlen(digits);
    if (digits[length - 1] == '0') {
        digits[length - 1] = '\0';
    }
    for (char *at = digits; *at != '\0'; at++) {
        *at = (char)(*at == '.' || *at == ',' ? '_' : *at); /* ',' in some locales */
    }
    return worded(context, stem, digits, how, options);
}

/* ---- classifiers ------------------------------------------------------------------------------------------------- */

fov_model *fov_lenet(fov_context *context, const char *member, const char *how, const fov_network_options *options)
{
    return worded(context, "lenet", member, how, options);
}

fov_model *fov_course(fov_context *context, const char *member, const char *how, const fov_network_options *options)
{
    return worded(context, "course-", member, how, options);
}

fov_model *fov_mlp(fov_context *context, const char *how, const fov_network_options *options)
{
    return build(context, "mlp", how, options);
}

fov_model *fov_alexnet(fov_context *context, bool paper, const char *how, const fov_network_options *options)
{
    return build(context, paper ? "alexnet@paper" : "alexnet", how, options);
}

fov_model *fov_zfnet(fov_context *context, const char *how, const fov_network_options *options)
{
    return build(context, "zfnet", how, options);
}

fov_model *fov_nin(fov_context *context, bool cifar, const char *how, const fov_network_options *options)
{
    return build(context, cifar ? "nin_cifar" : "nin", how, options);
}

fov_model *fov_vgg(fov_context *context, int layers, bool batch_norm, const char *how,
                   const fov_network_options *options)
{
    return numbered(context, "vgg", layers, batch_norm ? "_bn" : "", how, options);
}

fov_model *fov_inception(fov_context *context, int version, bool residual, const char *how,
                         const fov_network_options *options)
{
    if (residual) {
        return numbered(context, "inception_resnet_v", version, "", how, options);
    }
    if (version == 1 || version == 2) { /* versions with names of their own */
        return build(context, version == 1 ? "googlenet" : "bn_inception", how, options);
    }
    return numbered(context, "inception_v", version, "", how, options);
}

fov_model *fov_resnet(fov_context *context, int layers, const char *how, const fov_network_options *options)
{
    return numbered(context, "resnet", layers, "", how, options);
}

fov_model *fov_preresnet(fov_context *context, int layers, const char *how, const fov_network_options *options)
{
    return numbered(context, "preresnet", layers, "", how, options);
}

fov_model *fov_resnext(fov_context *context, int layers, int groups, int width, const char *how,
                       const fov_network_options *options)
{
    char end[NAME_SIZE / 2];
    snprintf(end, sizeof end, "_%dx%dd", groups, width);
    return numbered(context, "resnext", layers, end, how, options);
}

fov_model *fov_wide_resnet(fov_context *context, int layers, int factor, const char *how,
                           const fov_network_options *options)
{
    char end[NAME_SIZE / 2];
    snprintf(end, sizeof end, "_%d", factor);
    return numbered(context, "wide_resnet", layers, end, how, options);
}

fov_model *fov_squeezenet(fov_context *context, int version, const char *how, const fov_network_options *options)
{
    return numbered(context, "squeezenet1_", version, "", how, options);
}

fov_model *fov_densenet(fov_context *context, int layers, const char *how, const fov_network_options *options)
{
    return numbered(context, "densenet", layers, "", how, options);
}

fov_model *fov_mobilenet(fov_context *context, int version, bool small, const char *how,
                         const fov_network_options *options)
{
    const char *end = version < 3 ? "" : small ? "_small" : "_large";
    return numbered(context, "mobilenet_v", version, end, how, options);
}

fov_model *fov_shufflenet(fov_context *context, double width, const char *how, const fov_network_options *options)
{
    return scaled(context, "shufflenet_v2_x", width, how, options);
}

fov_model *fov_mnasnet(fov_context *context, double width, const char *how, const fov_network_options *options)
{
    return scaled(context, "mnasnet", width, how, options);
}

fov_model *fov_efficientnet(fov_context *context, int size, const char *how, const fov_network_options *options)
{
    return numbered(context, "efficientnet_b", size, "", how, options);
}

fov_model *fov_convnext(fov_context *context, const char *how, const fov_network_options *options)
{
    return build(context, "convnext_tiny", how, options);
}

fov_model *fov_mlperf_tiny(fov_context *context, const char *member, const char *how,
                           const fov_network_options *options)
{
    for (int i = 0; member != NULL && i < fov_network_count(); i++) {
        fov_network_info info = fov_network_at(i);
        if (strcmp(info.family, "MLPerf Tiny") == 0 && strcmp(info.name, member) == 0) {
            return build(context, member, how, options);
        }
    }
    if (context != NULL) {
        call_fresh(context);
        error_set(&context->error, FOV_E_USAGE, "MLPerf Tiny has no network \"%.40s\": resnet8 and ds_cnn are known",
                  member != NULL ? member : "");
    }
    return NULL;
}

fov_model *fov_airbench(fov_context *context, const char *how, const fov_network_options *options)
{
    return build(context, "airbench94", how, options);
}

/* ---- maps, boxes, pictures --------------------------------------------------------------------------------------- */

fov_model *fov_unet(fov_context *context, bool paper, const char *how, const fov_network_options *options)
{
    return build(context, paper ? "unet@paper" : "unet", how, options);
}

fov_model *fov_fcn(fov_context *context, int layers, const char *how, const fov_network_options *options)
{
    return numbered(context, "fcn_resnet", layers, "", how, options);
}

fov_model *fov_deeplabv3(fov_context *context, int layers, const char *how, const fov_network_options *options)
{
    return numbered(context, "deeplabv3_resnet", layers, "", how, options);
}

fov_model *fov_yolox(fov_context *context, const char *size, const char *how, const fov_network_options *options)
{
    return worded(context, "yolox-", size, how, options);
}

fov_model *fov_gan(fov_context *context, bool dense, const char *how, const fov_network_options *options)
{
    return build(context, dense ? "mlp-gan" : "dcgan", how, options);
}

fov_model *fov_fast_style(fov_context *context, const char *how, const fov_network_options *options)
{
    return build(context, "fast-style", how, options);
}

fov_model *fov_colouring(fov_context *context, bool paper, const char *how, const fov_network_options *options)
{
    return build(context, paper ? "eccv16" : "colour-small", how, options);
}
