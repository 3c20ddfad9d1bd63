/* SPDX-License-Identifier: MIT */
/* The library's networks, one function for each family: arguments choose the member. fov_model_network (model.h) builds
 * the same networks by name, and fov_network_at lists them. */
#ifndef FOVEA_NETWORKS_H
#define FOVEA_NETWORKS_H

#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* In all of them
 *   how      options of the network, as they follow its name: "attention=cbam:dropout=0.3"; NULL: none
 *   options  input size and number of classes; NULL: the network's own
 *   returns  the model, to be freed with fov_model_free; NULL and a sentence: E_USAGE, no such member (with the nearest
 *            name) or option; E_SHAPE, the input is too small; E_MEMORY */

/* ---- classifiers ------------------------------------------------------------------------------------------------- */

/** "5" (LeCun, Bottou, Bengio, Haffner 1998, modern), "5@1998" (as in the paper), "@1989", "@course". */
FOV_API fov_model *fov_lenet(fov_context *context, const char *member, const char *how,
                             const fov_network_options *options);
/** The networks of the course's MNIST program: "cnn", "cnn-8490". */
FOV_API fov_model *fov_course(fov_context *context, const char *member, const char *how,
                              const fov_network_options *options);
/** Multilayer perceptron: dense layers only. */
FOV_API fov_model *fov_mlp(fov_context *context, const char *how, const fov_network_options *options);
/** torchvision's form or, `paper`, the one that Krizhevsky, Sutskever and Hinton 2012 describe. */
FOV_API fov_model *fov_alexnet(fov_context *context, bool paper, const char *how, const fov_network_options *options);
FOV_API fov_model *fov_zfnet(fov_context *context, const char *how, const fov_network_options *options);
/** Network in network, for ImageNet or for CIFAR. */
FOV_API fov_model *fov_nin(fov_context *context, bool cifar, const char *how, const fov_network_options *options);
/** layers: 11, 13, 16, 19. */
FOV_API fov_model *fov_vgg(fov_context *context, int layers, bool batch_norm, const char *how,
                           const fov_network_options *options);
/** version: 1 (GoogLeNet), 2 (BN-Inception), 3, 4; `residual`: Inception-ResNet of that version (2). */
FOV_API fov_model *fov_inception(fov_context *context, int version, bool residual, const char *how,
                                 const fov_network_options *options);
/** layers: 18, 34, 50, 101, 152 for ImageNet; 20, 32, 44, 56, 110, 1202 for CIFAR; 9, the one of training-speed
 *  contests. */
FOV_API fov_model *fov_resnet(fov_context *context, int layers, const char *how, const fov_network_options *options);
/** Pre-activation. layers: 1001. */
FOV_API fov_model *fov_preresnet(fov_context *context, int layers, const char *how,
                                 const fov_network_options *options);
/** layers, groups and their width: 50, 32, 4; 101, 32, 8. */
FOV_API fov_model *fov_resnext(fov_context *context, int layers, int groups, int width, const char *how,
                               const fov_network_options *options);
/** layers: 50, 101; factor: 2, the width as a multiple of ResNet's. */
FOV_API fov_model *fov_wide_resnet(fov_context *context, int layers, int factor, const char *how,
                                   const fov_network_options *options);
/** version: 0 for SqueezeNet 1.0, 1 for 1.1. */
FOV_API fov_model *fov_squeezenet(fov_context *context, int version, const char *how,
                                  const fov_network_options *options);
/** layers: 121, 161, 169, 201. */
FOV_API fov_model *fov_densenet(fov_context *context, int layers, const char *how,
                                const fov_network_options *options);
/** version: 1, 2, 3; version 3 is the large network or, `small`, the small one. */
FOV_API fov_model *fov_mobilenet(fov_context *context, int version, bool small, const char *how,
                                 const fov_network_options *options);
/** ShuffleNet v2. width: 0.5, 1, 1.5, 2. */
FOV_API fov_model *fov_shufflenet(fov_context *context, double width, const char *how,
                                  const fov_network_options *options);
/** width: 0.5, 0.75, 1, 1.3. */
FOV_API fov_model *fov_mnasnet(fov_context *context, double width, const char *how,
                               const fov_network_options *options);
/** size: 0 to 7, for B0 to B7. */
FOV_API fov_model *fov_efficientnet(fov_context *context, int size, const char *how,
                                    const fov_network_options *options);
/** ConvNeXt-T. */
FOV_API fov_model *fov_convnext(fov_context *context, const char *how, const fov_network_options *options);
/** The networks of the MLPerf Tiny benchmark: "resnet8", "ds_cnn". */
FOV_API fov_model *fov_mlperf_tiny(fov_context *context, const char *member, const char *how,
                                   const fov_network_options *options);
/** Jordan 2024: CIFAR-10 within seconds. */
FOV_API fov_model *fov_airbench(fov_context *context, const char *how, const fov_network_options *options);

/* ---- maps, boxes, pictures --------------------------------------------------------------------------------------- */

/** Padded, with batch norm or, `paper`, with valid convolutions as in Ronneberger, Fischer and Brox 2015. `how`:
 *  "backbone=resnet18" takes that classifier as the encoder. */
FOV_API fov_model *fov_unet(fov_context *context, bool paper, const char *how, const fov_network_options *options);
/** layers of the ResNet below: 50, 101; the same for fov_deeplabv3. */
FOV_API fov_model *fov_fcn(fov_context *context, int layers, const char *how, const fov_network_options *options);
FOV_API fov_model *fov_deeplabv3(fov_context *context, int layers, const char *how,
                                 const fov_network_options *options);
/** "nano", "tiny", "s", "m", "l", "x", "darknet53". */
FOV_API fov_model *fov_yolox(fov_context *context, const char *size, const char *how,
                             const fov_network_options *options);
/** A generator with its discriminator: convolutional (DCGAN) or, `dense`, of dense layers. */
FOV_API fov_model *fov_gan(fov_context *context, bool dense, const char *how, const fov_network_options *options);
/** Fast style transfer (Johnson, Alahi, Fei-Fei 2016). */
FOV_API fov_model *fov_fast_style(fov_context *context, const char *how, const fov_network_options *options);
/** Colours grey pictures: a small network or, `paper`, that of Zhang, Isola and Efros 2016. */
FOV_API fov_model *fov_colouring(fov_context *context, bool paper, const char *how,
                                 const fov_network_options *options);

#ifdef __cplusplus
}
#endif
#endif
