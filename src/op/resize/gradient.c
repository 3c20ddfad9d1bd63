/* SPDX-License-Identifier: MIT */
/* The gradient of resizing: every input gathers from the outputs that it contributed to, in their order. This is
 * linear, so its own gradient is resizing again, with an extrapolation value of 0. */
#include "op/resize/resize.h"

enum { DY, X, ROI };

static int infer(const struct op_infer *infer)
{
    struct resize_geometry geometry;
    struct resize_request request;
    const fov_shape *dy = &infer->in[DY].shape;
    int status = resize_request(&request, infer->in, infer->in_constant, infer->in_count, ROI, infer->error);
    status = status != 0 ? status
                         : resize_resolve(&geometry, infer->options, &infer->in[X].shape, &request, infer->error);
    if (status != 0) {
        return status;
    }
    fov_shape expected = {.rank = geometry.rank};
    for (int i = 0; i < geometry.rank; i++) {
        expected.dim[i] = geometry.axis[i].out;
    }
    if (!shape_fits(&expected, dy)) {
        char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "dy %s does not fit the resized shape %s", shape_text(dy, text),
                         shape_text(&expected, other));
    }
    infer->out[0].shape = infer->in[X].shape;
    return 0;
}

static void gradient(struct op_gradient *gradient)
{
    struct resize_options options = *(const struct resize_options *)gradient->options;
    fov_value in[4] = {gradient->out_gradient[0]};
    options.extrapolation_value = 0;
    for (int i = ROI; i < gradient->in_count; i++) {
        in[i - 1] = gradient->in[i];
    }
    if (gradient->wanted[DY]) {
        gradient->in_gradient[DY] = op_emit(gradient->emitter, "resize", in, gradient->in_count - 1, &options);
    }
}

struct spread {
    const struct resize_options  *options;
    const struct resize_geometry *geometry;
    double                       *dx;
    struct resize_point           point[FOV_MAX_RANK];
};

/** Adds share * weight to the neighbours along `axis` and all later ones. */
static void spread_from(const struct spread *spread, int axis, size_t index, double share)
{
    if (axis == spread->geometry->rank) {
        spread->dx[index] += share;
        return;
    }
    for (int64_t k = 0; k < spread->point[axis].width; k++) {
        size_t at;
        double weight = resize_weight(spread->options, &spread->geometry->axis[axis], &spread->point[axis], k, &at);
        if (weight != 0) {
            spread_from(spread, axis + 1, index * (size_t)spread->geometry->axis[axis].in + at, share * weight);
        }
    }
}

static void textbook(const struct op_textbook *textbook)
{
    const struct resize_options *options = textbook->options;
    struct resize_request request = resize_textbook_request(textbook, ROI);
    struct resize_geometry geometry;
    struct spread spread = {.options = options, .geometry = &geometry, .dx = textbook->out[0].data};
    if (resize_resolve(&geometry, options, &textbook->in[X].shape, &request, NULL) != 0) {
        return;
    }
    size_t count = op_count(&textbook->in[DY].shape);
    for (size_t i = 0; i < count; i++) {
        size_t rest = i;
        bool outside = false;
        for (int axis = geometry.rank - 1; axis >= 0; axis--) {
            size_t size = (size_t)geometry.axis[axis].out;
            spread.point[axis] = resize_point(options, &geometry.axis[axis], (int64_t)(rest % size));
            outside = outside || spread.point[axis].outside;
            rest /= size;
        }
        if (!outside) {
            spread_from(&spread, 0, 0, textbook->in[DY].data[i]);
        }
    }
}

static int compile(struct op_compile *compile)
{
    return resize_compile(compile, true);
}

static bool supports(const void *options, const struct op_tensor *in, int in_count)
{
    (void)options;
    (void)in_count;
    return in[DY].dtype == FOV_F32;
}

static const struct op_cpu cpu = {.layout = OP_FOLLOWS, .supports = supports, .compile = compile};

#define LIST(...)                                                                                                      \
    {                                                                                                                  \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), { __VA_ARGS__ }                                     \
    }
static const struct resize_options bilinear = {.axes = LIST(2, 3), .scale = 2, .mode = RESIZE_LINEAR},
                                   nearest = {.axes = LIST(2, 3), .size = LIST(7, 3)},
                                   bicubic = {.axes = LIST(2, 3), .size = LIST(3, 6), .mode = RESIZE_CUBIC,
                                              .cubic_coeff_a = -0.75, .antialias = true},
                                   volume = {.axes = LIST(2, 3, 4), .scale = 2, .mode = RESIZE_LINEAR,
                                             .coordinate = RESIZE_ALIGN_CORNERS};
static const struct op_case cases[] = {
    {.name = "bilinear", .options = &bilinear, .in = {FOV_SHAPE(2, 5, 8, 6), FOV_SHAPE(2, 5, 4, 3)}, .in_count = 2},
    {.name = "nearest", .options = &nearest, .in = {FOV_SHAPE(2, 5, 7, 3), FOV_SHAPE(2, 5, 4, 7)}, .in_count = 2},
    {.name = "bicubic, antialias",
     .options = &bicubic,
     .in = {FOV_SHAPE(1, 3, 3, 6), FOV_SHAPE(1, 3, 7, 4)},
     .in_count = 2},
    {.name = "3-D", .options = &volume, .in = {FOV_SHAPE(1, 3, 4, 6, 4), FOV_SHAPE(1, 3, 2, 3, 2)}, .in_count = 2},
    {0},
};

const struct op op_resize_gradient = {
    .name = "resize_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of resizing: each input gathers from the outputs it went into.",
    .formula = "dx[i] = sum over o of dy[o] * product over axes of w(i - place of o)",
    .in =
        (const struct op_port[]){{.name = "dy", .shape = "[sizes]"},
                                 {.name = "x", .shape = "[...]", .shape_only = true},
                                 {.name = "roi", .shape = "[2 axes]", .optional = true, .plain = true, .values = true},
                                 {.name = "scales", .shape = "[axes]", .optional = true, .plain = true, .values = true},
                                 {.name = "sizes", .shape = "[axes]", .optional = true, .plain = true, .values = true},
                                 {0}},
    .out = (const struct op_port[]){{.name = "dx", .shape = "as x"}, {0}},
    .attributes = resize_attributes,
    .options_size = sizeof(struct resize_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &cpu,
    .cases = cases,
};
