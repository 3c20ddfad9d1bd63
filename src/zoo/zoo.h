/* SPDX-License-Identifier: MIT */
/* Networks by name. A line `const struct zoo_network zoo_NAME = {` in a file of zoo/ registers one; one file per
 * family, over the parts of blocks.h. A network is its features, from a picture to its last map, and a head on them; a
 * detector or a U-Net uses the features alone as its backbone. Read next: vgg.c, resnet.c. */
#ifndef ZOO_ZOO_H
#define ZOO_ZOO_H

#include "base/attribute.h"
#include <fovea/graph.h>
#include <fovea/operators.h>

struct zoo_input {
    int channels, height, width, classes;
};

enum { ZOO_STAGES = 5, ZOO_AUXILIARIES = 2, ZOO_OPTIONS_SIZE = 320 };

enum zoo_attention { ZOO_ATTENTION_NONE, ZOO_ATTENTION_SE, ZOO_ATTENTION_CBAM, ZOO_ATTENTION_ECA };
enum zoo_convolution { ZOO_CONVOLUTION_PLAIN, ZOO_CONVOLUTION_SEPARABLE, ZOO_CONVOLUTION_DYNAMIC };

/** The options of every network with features; the last one, of classifiers alone. */
struct zoo_common {
    int attention;   /**< enum zoo_attention: in each residual branch, else after each stage */
    int convolution; /**< enum zoo_convolution: what convolutions wider than a pixel are made of */
    double dropout;  /**< share of the inputs of the head's last layers that training sets to 0 */
};

struct zoo_network;
struct zoo_build;

/** Opens files for zoo_backbone; the caller's struct with its state begins with this one. The zoo itself reads no
 *  files. */
struct zoo_files {
    /** As zoo_backbone: adds the features of the network in the file `path`, up to its last map, with their weights. */
    fov_value (*features)(struct zoo_files *files, struct zoo_build *b, const char *path, fov_value x);
};

/** A network while it is built. */
struct zoo_build {
    fov_graph *graph;
    const struct zoo_network *network;
    struct zoo_input input;
    struct zoo_common common;
    _Alignas(8) unsigned char options[ZOO_OPTIONS_SIZE]; /**< the struct that network->attributes fill */
    bool is_backbone;            /**< another network stands on its features: its auxiliary heads are left out */
    int output_stride;           /**< 0 or 32; 16, 8: later strides become dilations, so that maps stay large */
    fov_value stage[ZOO_STAGES]; /**< the last map of stride 2, 4, 8, 16, 32; 0: there is none */
    fov_value auxiliary[ZOO_AUXILIARIES]; /**< logits of auxiliary heads, further outputs */
    float auxiliary_share; /**< weight of their losses in training; that of the logits is 1 */
    int auxiliary_count;
    const struct zoo_network *standing_on; /**< the network whose features zoo_backbone added; NULL: its own */
    struct zoo_files *files;               /**< NULL: a backbone cannot come from a file */
    fov_value noise, picture; /**< of one that generates pictures: its second input, and the picture made; 0: none */
};

struct zoo_network {
    const char *name;    /**< "lenet5" */
    const char *family;  /**< "LeNet" */
    const char *summary; /**< one line, with its source */
    int year;
    const char *paper;           /**< authors and title */
    const char *accuracy;        /**< as published, with its data; NULL: none */
    const char *reference;       /**< whose layer sizes and tensor names these are: "torchvision"; NULL: the paper's */
    const char *task;            /**< NULL: "classify"; "segment", "detect", "image", "colour", "style", ... */
    bool one_task;               /**< it serves no other task: its models are made for that one */
    const char *input_name, *output_name; /**< as in its authors' files; NULL: "input", the last node's name */
    bool raw_pixels;             /**< it reads pixels as they are, 0 to 255, blue first */
    bool whole_pictures;         /**< pictures keep their proportions, in the upper left corner of its input */
    struct zoo_input standard;   /**< input size and classes where none are asked for */
    float mean[4], deviation[4]; /**< its preprocessing, of 0..1 pixels; deviation 0 = 1 */
    int shorter; /**< of the weights that `reference` publishes: pictures' shorter side before the middle, of the
                  *   standard size, is cut out; 0: none are published, or pictures are squeezed */
    int pad;                     /**< pixels put around the picture (lenet5: 28 -> 32) */
    const void *plan;            /**< sizes that differ within the family, for its common builder */
    const struct attribute *attributes; /**< its own options, beside the common ones; NULL: none */
    size_t options_size;                /**< of the struct that they fill */
    struct zoo_common common;           /**< the defaults of this network */
    /** From a picture [N, channels, height + 2 pad, width + 2 pad] to the last map; marks its stages (zoo_stage).
     *  NULL: it cannot be a backbone, and `head` starts from the picture. */
    fov_value (*features)(struct zoo_build *b, fov_value x);
    /** From the last map to the logits. */
    fov_value (*head)(struct zoo_build *b, fov_value x);
};

extern const struct zoo_network *const zoo_table[]; /* generated, sorted by name */
extern const size_t zoo_table_count;

const struct zoo_network *zoo_find(const char *name);

enum zoo_attribute_list { ZOO_OWN, ZOO_COMMON, ZOO_HEAD, ZOO_ATTRIBUTE_LISTS };
/** The network's own options, the ones of all networks with features, or those of all classifiers among these; NULL: it
 *  has none of them. All but its own fill a struct zoo_common. */
const struct attribute *zoo_attributes(const struct zoo_network *network, enum zoo_attribute_list list);

/** Reads "NAME" or "NAME:option=value:...", as users type it: the network and its options. E_USAGE with the nearest
 *  known name, or with what an option must be. */
int zoo_parse(struct zoo_build *build, const char *text, struct error *error);
/** Builds the network that zoo_parse read on the picture x; returns its logits. */
fov_value zoo_make(struct zoo_build *build, fov_value x);

/** Adds the features of another network, by its name or from a file (NAME.onnx, or with a slash), under the scopes that
 *  are open, and marks its stages as b's. Returns its last map. */
fov_value zoo_backbone(struct zoo_build *b, const char *name, fov_value x);

/** Marks x as the last map so far of a stride: 2, 4, 8, 16 or 32. */
void zoo_stage(struct zoo_build *b, int stride, fov_value x);
/** The same for a stage without residual branches: adds the attention that is asked for behind it. Returns the map. */
fov_value zoo_end_stage(struct zoo_build *b, int stride, fov_value x);

/** Makes `logits` an auxiliary output. `share`: weight of its loss. */
void zoo_add_auxiliary(struct zoo_build *b, fov_value logits, float share);

/** Preprocessing of networks for ImageNet and for CIFAR-10: the mean colours of their training pictures. */
#define ZOO_IMAGENET(side)                                                                                             \
    .standard = {.channels = 3, .height = (side), .width = (side), .classes = 1000}, .mean = {0.485f, 0.456f, 0.406f}, \
    .deviation = {0.229f, 0.224f, 0.225f}
#define ZOO_CIFAR                                                                                               \
    .standard = {.channels = 3, .height = 32, .width = 32, .classes = 10}, .mean = {0.4914f, 0.4822f, 0.4465f}, \
    .deviation = {0.2470f, 0.2435f, 0.2616f}

#endif
