/* SPDX-License-Identifier: MIT */
/* Networks that make pictures out of noise, each with the critic that it learns from: one graph with two inputs (a
 * picture, a row of noise) and two outputs (the critic's score of the picture, and the picture made of the noise).
 * DCGAN: Radford, Metz, Chintala, "Unsupervised representation learning with deep convolutional generative adversarial
 * networks", ICLR 2016; sizes and names as in PyTorch's example. The first such network was made of dense layers:
 * Goodfellow et al., "Generative adversarial nets", NIPS 2014. How both learn is in task/generate.c. */
#include "graph/graph.h"
#include "zoo/blocks.h"
#include <stdio.h>

enum { NORM_BATCH, NORM_NONE };
static const char *const norms[] = {"batch", "none", NULL};

struct gan_options {
    int64_t noise, width;
    int     critic_norm;
};
#define NOISE                                                                                                    \
    {ATTRIBUTE(struct gan_options, noise), .kind = ATTRIBUTE_INTEGER, .standard = 100, .minimum = 1, .maximum = 4096, \
     .doc = "random numbers that a picture is made of"}
static const struct attribute dcgan_attributes[] = {
    NOISE,
    {ATTRIBUTE(struct gan_options, width), .kind = ATTRIBUTE_INTEGER, .standard = 64, .minimum = 1, .maximum = 1024,
     .doc = "channels of the largest maps"},
    {ATTRIBUTE(struct gan_options, critic_norm), .kind = ATTRIBUTE_CHOICE, .choices = norms,
     .doc = "in the critic: none for a gradient penalty"},
    {.name = NULL},
};
static const struct attribute mlp_attributes[] = {NOISE, {.name = NULL}};

static const float slope = 0.2F; /* of the critics' leaky ReLUs */

/* The noise as a second input of the network. */
static fov_value add_noise(struct zoo_build *b)
{
    const struct gan_options *o = zoo_options(b);
    b->noise = fov_input(b->graph, .name = "noise", .shape = {2, {FOV_BATCH, o->noise}});
    return b->noise;
}

static const char *numbered(char out[16], int number)
{
    snprintf(out, 16, "%d", number);
    return out;
}

/* Gives an output the name that programs and files use. */
static fov_value named(struct zoo_build *b, fov_value value, const char *name)
{
    if (value.id != 0 && graph_rename(b->graph, value.id, name) != FOV_OK) {
        return (fov_value){0};
    }
    return value;
}

/* ---- DCGAN ------------------------------------------------------------------------------------------------------- */

/* Weights of the layer that begins with parameter `first` are drawn from N(0, 0.02) (section 4 of the paper). */
static void draw_weight(const struct zoo_build *b, int first)
{
    if (!b->graph->failed) {
        struct value *value = graph_value(b->graph, fov_parameter_at(b->graph, first).id);
        value->initial = FOV_INITIAL_NORMAL;
        value->scale = 0.02F;
    }
}

/* How often the picture's sides are halved on the way to the smallest maps: while both are even and at least 8
 * pixels. */
static int count_halvings(const struct zoo_build *b)
{
    int count = 0;
    for (int height = b->input.height, width = b->input.width;
         height % 2 == 0 && width % 2 == 0 && height >= 8 && width >= 8; height /= 2, width /= 2) {
        count++;
    }
    return count;
}

/* `window`: height and width of the kernel; stride 1 makes the smallest maps of a single pixel, stride 2 doubles
 * maps. */
static fov_value enlarge(struct zoo_build *b, fov_value x, int *layer, int filters, const int window[2], int stride)
{
    char name[16];
    int first = fov_parameter_count(b->graph);
    x = fov_conv_transpose2d(b->graph, x, .filters = filters, .kernel_size = {window[0], window[1]}, .stride = stride,
                             .pad = stride == 2 ? 1 : 0, .no_bias = true, .name = numbered(name, (*layer)++));
    draw_weight(b, first);
    return x;
}

static fov_value generate(struct zoo_build *b, int halvings)
{
    const struct gan_options *o = zoo_options(b);
    static const int window[2] = {4, 4};
    const int smallest[2] = {b->input.height >> halvings, b->input.width >> halvings};
    char name[16];
    int layer = 0;
    fov_value x = fov_reshape(b->graph, add_noise(b), (fov_shape){4, {FOV_BATCH, o->noise, 1, 1}});
    zoo_push(b, "generator");
    zoo_push(b, "main");
    for (int i = halvings; i > 0; i--) {
        bool is_first = i == halvings;
        x = enlarge(b, x, &layer, (int)o->width << (i - 1), is_first ? smallest : window, is_first ? 1 : 2);
        x = fov_batch_norm_opt(b->graph, x, &(fov_batch_norm_options){.name = numbered(name, layer++)});
        x = fov_relu(b->graph, x);
        layer++;
    }
    x = fov_tanh(b->graph, enlarge(b, x, &layer, b->input.channels, window, 2));
    zoo_pop(b);
    zoo_pop(b);
    return x;
}

static fov_value shrink(struct zoo_build *b, fov_value x, int *layer, int filters, const int window[2], int stride)
{
    char name[16];
    int first = fov_parameter_count(b->graph);
    x = fov_conv2d(b->graph, x, .filters = filters, .kernel_size = {window[0], window[1]}, .stride = stride,
                   .pad = stride == 2 ? 1 : 0, .no_bias = true, .name = numbered(name, (*layer)++));
    draw_weight(b, first);
    return x;
}

static fov_value judge(struct zoo_build *b, fov_value x, int halvings)
{
    const struct gan_options *o = zoo_options(b);
    static const int window[2] = {4, 4};
    const int smallest[2] = {b->input.height >> halvings, b->input.width >> halvings};
    char name[16];
    int layer = 0;
    zoo_push(b, "discriminator");
    zoo_push(b, "main");
    for (int i = 0; i < halvings; i++) {
        x = shrink(b, x, &layer, (int)o->width << i, window, 2);
        if (i > 0 && o->critic_norm == NORM_BATCH) {
            x = fov_batch_norm_opt(b->graph, x, &(fov_batch_norm_options){.name = numbered(name, layer)});
        }
        layer += i > 0; /* layers are numbered as if the norm were there */
        x = fov_leaky_relu_opt(b->graph, x, &(fov_leaky_relu_options){.alpha = slope});
        layer++;
    }
    x = shrink(b, x, &layer, 1, smallest, 1);
    zoo_pop(b);
    zoo_pop(b);
    return fov_flatten(b->graph, x);
}

static fov_value dcgan_build(struct zoo_build *b, fov_value picture)
{
    int halvings = count_halvings(b);
    int height = b->input.height >> halvings, width = b->input.width >> halvings;
    if (halvings < 1 || halvings > 8 || height > 16 || width > 16) {
        return fov_graph_fail(b->graph, NULL, FOV_E_SHAPE,
                              "pictures of %d x %d pixels cannot be doubled from 4 to 16 pixels a side; 28, 32, 64, 96 "
                              "and 128 can",
                              b->input.height, b->input.width);
    }
    b->picture = named(b, generate(b, halvings), "picture");
    return named(b, judge(b, picture, halvings), "score");
}

/* ---- of dense layers --------------------------------------------------------------------------------------------- */

static fov_value dense_layers(struct zoo_build *b, fov_value x, const char *scope, const int *units, int count)
{
    char name[16];
    zoo_push(b, "%s", scope);
    for (int i = 0; i < count; i++) {
        x = fov_dense(b->graph, x, .units = units[i], .name = numbered(name, 2 * i));
        x = i + 1 < count ? fov_leaky_relu_opt(b->graph, x, &(fov_leaky_relu_options){.alpha = slope}) : x;
    }
    zoo_pop(b);
    return x;
}

static fov_value mlp_build(struct zoo_build *b, fov_value picture)
{
    const struct zoo_input *in = &b->input;
    const int made[] = {256, 512, 1024, in->channels * in->height * in->width}, judged[] = {512, 256, 1};
    fov_value x = fov_tanh(b->graph, dense_layers(b, add_noise(b), "generator", made, 4));
    x = fov_reshape(b->graph, x, (fov_shape){4, {FOV_BATCH, in->channels, in->height, in->width}});
    b->picture = named(b, x, "picture");
    return named(b, dense_layers(b, fov_flatten(b->graph, picture), "discriminator", judged, 3), "score");
}

/* ---- by name ----------------------------------------------------------------------------------------------------- */

/* Pixels are normalised to -1 .. 1, the range of the generator's tanh. */
#define GAN .family = "GAN", .task = "generate", .one_task = true, .mean = {0.5F, 0.5F, 0.5F}, .deviation = {0.5F, 0.5F, 0.5F}

const struct zoo_network zoo_dcgan = {
    .name = "dcgan",
    .summary = "DCGAN: pictures out of noise, by transposed convolutions, and the critic that they learn from",
    .year = 2016,
    .paper = "Radford, Metz, Chintala: Unsupervised representation learning with deep convolutional GANs",
    .accuracy = "CIFAR-10 classified by its critic's features: 82.8 %",
    .reference = "PyTorch's example",
    GAN,
    .standard = {.channels = 3, .height = 64, .width = 64, .classes = 1},
    .attributes = dcgan_attributes,
    .options_size = sizeof(struct gan_options),
    .head = dcgan_build,
};
const struct zoo_network zoo_mlp_gan = {
    .name = "mlp-gan",
    .summary = "A generative adversarial network of dense layers: noise, 256, 512, 1024, the picture",
    .year = 2014,
    .paper = "Goodfellow et al.: Generative adversarial nets",
    GAN,
    .standard = {.channels = 1, .height = 28, .width = 28, .classes = 1},
    .attributes = mlp_attributes,
    .options_size = sizeof(struct gan_options),
    .head = mlp_build,
};
