/* SPDX-License-Identifier: MIT */
/* The gradients of conv_max_pool: those of a convolution whose dy is zero except for one pixel of each 2 x 2 block,
 * which index names. The bias gradient is the sum of dy, as for any convolution. Fast forms: images_gradient.c. */
#include "op/common.h"
#include "op/conv/pooled.h"

static int check_dy(const struct pooled_geometry *geometry, const fov_shape *dy, struct error *error)
{
    char text[SHAPE_TEXT_SIZE], expected_text[SHAPE_TEXT_SIZE];
    fov_shape expected = pooled_shape(geometry);
    if (!shape_fits(&expected, dy)) {
        return error_set(error, FOV_E_SHAPE, "dy is %s where the pooled convolution makes %s", shape_text(dy, text),
                         shape_text(&expected, expected_text));
    }
    return 0;
}

int pooled_weight_geometry(struct pooled_geometry *geometry, const struct pooled_options *options, const fov_shape *x,
                           const fov_shape *dy, fov_shape *weight, struct error *error)
{
    int status = conv_weight_shape(&options->conv, x, dy, weight, error);
    if (status == 0) {
        status = pooled_geometry(geometry, options, x, weight, error);
    }
    return status == 0 ? check_dy(geometry, dy, error) : status;
}

int pooled_input_geometry(struct pooled_geometry *geometry, const struct pooled_options *options, const fov_shape *dy,
                          const fov_shape *weight, fov_shape *x, struct error *error)
{
    int status = conv_x_shape(&options->conv, dy, weight, x, error);
    if (status == 0) {
        status = pooled_geometry(geometry, options, x, weight, error);
    }
    return status == 0 ? check_dy(geometry, dy, error) : status;
}

/* ---- the products ------------------------------------------------------------------------------------------------ */

/** Calls `meet` with indices into plain x, weight and dy for each product whose output pixel won its block of 2 x 2. An
 *  index that is no pixel of the block has no winner. */
static void each_winning_pair(const struct pooled_geometry *geometry, const double *index, conv_meet *meet,
                              void *context)
{
    const struct conv_geometry *conv = &geometry->conv;
    const struct window *window = &conv->window;
    int64_t pixels = geometry->height * geometry->width, count = conv->batch * conv->filters * pixels;
    for (int64_t i = 0; i < count; i++) {
        if (!(index[i] >= 0 && index[i] < 4)) {
            continue;
        }
        int64_t n = i / pixels / conv->filters, filter = i / pixels % conv->filters, tap = (int64_t)index[i];
        int64_t y = 2 * (i % pixels / geometry->width) + tap / 2, x = 2 * (i % geometry->width) + tap % 2;
        for (int64_t c = 0; c < conv->channels; c++) {
            for (int64_t t = 0; t < conv->taps; t++) {
                int64_t pixel = window_pixel(window->in, 0, window_meets(window, 1, y, t / window->kernel[2]),
                                             window_meets(window, 2, x, t % window->kernel[2]));
                if (pixel >= 0) {
                    meet(context, (size_t)((n * conv->channels + c) * conv->in_pixels + pixel),
                         (size_t)((filter * conv->channels + c) * conv->taps + t), (size_t)i);
                }
            }
        }
    }
}

struct sums {
    const double *x, *weight, *dy;
    double       *dx, *dweight;
};

static void add_to_weight(void *context, size_t x, size_t weight, size_t y)
{
    struct sums *sums = context;
    sums->dweight[weight] += sums->x[x] * sums->dy[y];
}

static void add_to_x(void *context, size_t x, size_t weight, size_t y)
{
    struct sums *sums = context;
    sums->dx[x] += sums->weight[weight] * sums->dy[y];
}

static bool supports_dtypes(const struct op_tensor *in, int dy, int other, int index)
{
    return in[dy].dtype == FOV_F32 && in[other].dtype == FOV_F32 && in[index].dtype == FOV_U8;
}

/* ---- with respect to the weight: x, dy, index -------------------------------------------------------------------- */

static int weight_geometry(struct pooled_geometry *geometry, const void *options, const struct op_tensor *in,
                           fov_shape *weight, struct error *error)
{
    return pooled_weight_geometry(geometry, options, &in[0].shape, &in[1].shape, weight, error);
}

static int infer_weight(const struct op_infer *infer)
{
    struct pooled_geometry geometry;
    fov_shape weight;
    int status = weight_geometry(&geometry, infer->options, infer->in, &weight, infer->error);
    if (status == 0) {
        status = op_check_same_shape(infer, 2, "index", 1, "dy");
    }
    infer->out[0].shape = weight;
    return status;
}

static void cost_weight(struct op_cost *cost)
{
    struct pooled_geometry geometry;
    fov_shape weight;
    if (weight_geometry(&geometry, cost->options, cost->in, &weight, NULL) == 0) {
        cost->multiply_adds = conv_multiply_adds(&geometry.conv);
    }
}

static void textbook_weight(const struct op_textbook *textbook)
{
    struct pooled_geometry geometry;
    fov_shape weight;
    struct sums sums = {.x = textbook->in[0].data, .dy = textbook->in[1].data, .dweight = textbook->out[0].data};
    if (pooled_weight_geometry(&geometry, textbook->options, &textbook->in[0].shape, &textbook->in[1].shape, &weight,
                               NULL) == 0) {
        each_winning_pair(&geometry, textbook->in[2].data, add_to_weight, &sums);
    }
}

static bool supports_weight(const void *options, const struct op_tensor *in, int in_count)
{
    struct pooled_geometry geometry;
    fov_shape weight;
    return in_count == 3 && supports_dtypes(in, 1, 0, 2) &&
           weight_geometry(&geometry, options, in, &weight, NULL) == 0 && images_can(&geometry);
}

static int compile_weight(struct op_compile *compile)
{
    struct pooled_geometry geometry;
    fov_shape weight;
    int status = weight_geometry(&geometry, compile->options, compile->in, &weight, compile->error);
    return status != 0 ? status : images_weight_compile(compile, &geometry);
}

/* ---- with respect to the input: dy, index, weight ---------------------------------------------------------------- */

static int input_geometry(struct pooled_geometry *geometry, const void *options, const struct op_tensor *in,
                          fov_shape *x, struct error *error)
{
    return pooled_input_geometry(geometry, options, &in[0].shape, &in[2].shape, x, error);
}

static int infer_input(const struct op_infer *infer)
{
    struct pooled_geometry geometry;
    fov_shape x;
    int status = input_geometry(&geometry, infer->options, infer->in, &x, infer->error);
    if (status == 0) {
        status = op_check_same_shape(infer, 1, "index", 0, "dy");
    }
    infer->out[0].shape = x;
    return status;
}

static void cost_input(struct op_cost *cost)
{
    struct pooled_geometry geometry;
    fov_shape x;
    if (input_geometry(&geometry, cost->options, cost->in, &x, NULL) == 0) {
        cost->multiply_adds = conv_multiply_adds(&geometry.conv);
    }
}

static void textbook_input(const struct op_textbook *textbook)
{
    struct pooled_geometry geometry;
    fov_shape x;
    struct sums sums = {.dy = textbook->in[0].data, .weight = textbook->in[2].data, .dx = textbook->out[0].data};
    if (pooled_input_geometry(&geometry, textbook->options, &textbook->in[0].shape, &textbook->in[2].shape, &x, NULL) ==
        0) {
        each_winning_pair(&geometry, textbook->in[1].data, add_to_x, &sums);
    }
}

static bool supports_input(const void *options, const struct op_tensor *in, int in_count)
{
    struct pooled_geometry geometry;
    fov_shape x;
    return in_count == 3 && supports_dtypes(in, 0, 2, 1) && input_geometry(&geometry, options, in, &x, NULL) == 0 &&
           images_can_flow_back(&geometry);
}

static int compile_input(struct op_compile *compile)
{
    struct pooled_geometry geometry;
    fov_shape x;
    int status = input_geometry(&geometry, compile->options, compile->in, &x, compile->error);
    return status != 0 ? status : images_input_compile(compile, &geometry);
}

/* ---- descriptors ------------------------------------------------------------------------------------------------- */

static const struct op_cpu cpu_weight = {.layout = OP_WANTS_BATCH_INNERMOST, .supports = supports_weight,
                                         .compile = compile_weight},
                           cpu_input = {.layout = OP_WANTS_BATCH_INNERMOST, .supports = supports_input,
                                        .compile = compile_input};

#define LIST(...)                                                                                                      \
    {                                                                                                                  \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ }                                     \
    }
static const struct pooled_options
    digits = {.conv = {.kernel = LIST(5, 5), .size = LIST(12, 12), .groups = 1}},
    few = {.conv = {.kernel = LIST(5, 5), .size = LIST(8, 9), .groups = 1}},
    same = {.conv = {.kernel = LIST(3, 3), .pad = LIST(1, 1, 1, 1), .size = LIST(7, 6), .groups = 1}},
    wide = {.conv = {.kernel = LIST(5, 5), .pad = LIST(1, 2, 1, 1), .size = LIST(12, 11), .groups = 1}},
    uneven = {.conv = {.kernel = LIST(2, 7), .pad = LIST(1, 3, 0, 2), .size = LIST(5, 8), .groups = 1}},
    strided = {.conv = {.kernel = LIST(3, 4), .stride = LIST(2, 3), .pad = LIST(2, 1, 0, 3), .size = LIST(11, 17),
                        .groups = 1}};

/* name, options, x, weight, dy */
#define EACH_CASE(CASE)                                                                                                \
    CASE("digits", digits, FOV_SHAPE(18, 1, 12, 12), FOV_SHAPE(10, 1, 5, 5), FOV_SHAPE(18, 10, 4, 4))                  \
    CASE("few images", few, FOV_SHAPE(3, 4, 8, 9), FOV_SHAPE(7, 4, 5, 5), FOV_SHAPE(3, 7, 2, 2))                       \
    CASE("padded", same, FOV_SHAPE(17, 3, 7, 6), FOV_SHAPE(20, 3, 3, 3), FOV_SHAPE(17, 20, 3, 3))                      \
    CASE("uneven", uneven, FOV_SHAPE(2, 11, 5, 8), FOV_SHAPE(3, 11, 2, 7), FOV_SHAPE(2, 3, 2, 3))                      \
    CASE("strided", strided, FOV_SHAPE(16, 2, 11, 17), FOV_SHAPE(5, 2, 3, 4), FOV_SHAPE(16, 5, 3, 3))                  \
    CASE("whole groups", few, FOV_SHAPE(16, 4, 8, 9), FOV_SHAPE(7, 4, 5, 5), FOV_SHAPE(16, 7, 2, 2))                   \
    CASE("whole groups, padded", same, FOV_SHAPE(32, 3, 7, 6), FOV_SHAPE(5, 3, 3, 3), FOV_SHAPE(32, 5, 3, 3))          \
    CASE("whole groups, Winograd", digits, FOV_SHAPE(32, 6, 12, 12), FOV_SHAPE(16, 6, 5, 5), FOV_SHAPE(32, 16, 4, 4))  \
    CASE("whole groups, Winograd, padded", wide, FOV_SHAPE(16, 7, 12, 11), FOV_SHAPE(11, 7, 5, 5),                     \
         FOV_SHAPE(16, 11, 5, 5))                                                                                      \
    CASE("Winograd, 5 x 5", digits, FOV_SHAPE(18, 6, 12, 12), FOV_SHAPE(16, 6, 5, 5), FOV_SHAPE(18, 16, 4, 4))         \
    CASE("Winograd, 3 x 3", same, FOV_SHAPE(5, 13, 7, 6), FOV_SHAPE(23, 13, 3, 3), FOV_SHAPE(5, 23, 3, 3))
#define WEIGHT(label, with, x, weight, dy)                                                                             \
    {.name = label, .options = &with, .in = {x, dy, dy}, .in_dtype = {FOV_F32, FOV_F32, FOV_U8}, .in_count = 3,        \
     .integers = 4},
#define INPUT(label, with, x, weight, dy)                                                                              \
    {.name = label, .options = &with, .in = {dy, dy, weight}, .in_dtype = {FOV_F32, FOV_U8, FOV_F32}, .in_count = 3,   \
     .integers = 4},
static const struct op_case cases_weight[] = {EACH_CASE(WEIGHT){0}}, cases_input[] = {EACH_CASE(INPUT){0}};

const struct op op_conv_max_pool_weight_gradient = {
    .name = "conv_max_pool_weight_gradient",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Gradient of conv_max_pool with respect to its weight.",
    .formula = "dweight = conv_weight_gradient(x, dy put back to the pixels that index names)",
    .in = (const struct op_port[]){{.name = "x", .shape = "[N, C, H, W]"},
                                   {.name = "dy", .shape = "[N, filters, H' / 2, W' / 2]"},
                                   {.name = "index", .shape = "as dy"},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dweight", .shape = "[filters, C, kernel...]", .plain = true}, {0}},
    .attributes = pooled_attributes,
    .options_size = sizeof(struct pooled_options),
    .infer = infer_weight,
    .cost = cost_weight,
    .textbook = textbook_weight,
    .cpu = &cpu_weight,
    .substitute = pooled_weight_substitute,
    .cases = cases_weight,
};

const struct op op_conv_max_pool_input_gradient = {
    .name = "conv_max_pool_input_gradient",
    .family = OP_GRADIENT,
    .exact = true,
    .summary = "Gradient of conv_max_pool with respect to its input.",
    .formula = "dx = conv_input_gradient(dy put back to the pixels that index names, weight)",
    .in = (const struct op_port[]){{.name = "dy", .shape = "[N, filters, H' / 2, W' / 2]"},
                                   {.name = "index", .shape = "as dy"},
                                   {.name = "weight", .shape = "[filters, C, kernel...]", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "[N, C, H, W]"}, {0}},
    .attributes = pooled_attributes,
    .options_size = sizeof(struct pooled_options),
    .infer = infer_input,
    .cost = cost_input,
    .textbook = textbook_input,
    .cpu = &cpu_input,
    .substitute = pooled_input_substitute,
    .cases = cases_input,
};
