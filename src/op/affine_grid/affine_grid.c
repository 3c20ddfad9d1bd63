/* SPDX-License-Identifier: MIT */
/* The grid of an affine map, for grid_sample: the position in the image of each pixel of the result, -1 .. 1 along each
 * axis (spatial transformers). Two or three axes. Grids are small, so the textbook twin also runs on the CPU. */
#include "op/index.h"

enum { THETA, SIZE, AXES = 3 };

struct affine_options {
    bool align_corners;
};

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct affine_options, align_corners), .onnx = "align_corners", .kind = OP_FLAG,
     .doc = "-1 and 1 are the centres of the corner pixels, not their outer edges"},
    {0},
};

/** Reads the values of input SIZE, [N, C, spatial...]: fills the spatial sizes and their number. `map`: the shape of
 *  input 0, whose dimension 0 must be N. */
static int sizes_of(const struct index_source *source, const fov_shape *map, int64_t size[AXES], int *axes,
                    struct error *error)
{
    struct index_values values;
    char text[SHAPE_TEXT_SIZE];
    int status = index_values(source, SIZE, &values);
    if (status != FOV_OK) {
        return status;
    }
    *axes = values.count - 2;
    if (*axes < 2 || *axes > AXES || map->rank < 2) {
        return error_set(error, FOV_E_SHAPE, "there are %d sizes, they must be [N, C, H, W] or [N, C, D, H, W]",
                         values.count);
    }
    int64_t samples = op_size_value(values.at[0]);
    if (samples != FOV_BATCH && (samples < 0 || (map->dim[0] >= 0 && samples != map->dim[0]))) {
        return error_set(error, FOV_E_SHAPE, "the sizes are of %.0f samples, the tensor %s is not", values.at[0],
                         shape_text(map, text));
    }
    for (int i = 0; i < *axes; i++) {
        size[i] = index_clamp(values.at[2 + i]);
        if (size[i] < 1 || size[i] > (int64_t)1 << 38) {
            return error_set(error, FOV_E_SHAPE, "spatial size %.0f is out of range", values.at[2 + i]);
        }
    }
    return FOV_OK;
}

static int infer_grid(const struct op_infer *infer)
{
    const fov_shape *theta = &infer->in[THETA].shape;
    int64_t size[AXES];
    char text[SHAPE_TEXT_SIZE];
    int axes, status = op_check_float(infer, THETA, "theta");
    status = status != FOV_OK
                 ? status
                 : sizes_of(&(struct index_source){.infer = infer}, theta, size, &axes, infer->error);
    if (status != FOV_OK) {
        return status;
    }
    if (theta->rank != 3 || theta->dim[1] != axes || theta->dim[2] != axes + 1) {
        return error_set(infer->error, FOV_E_SHAPE, "theta %s must be [N, %d, %d]", shape_text(theta, text), axes,
                         axes + 1);
    }
    infer->out[0].shape = (fov_shape){.rank = axes + 2, .dim = {theta->dim[0]}};
    for (int i = 0; i < axes; i++) {
        infer->out[0].shape.dim[1 + i] = size[i];
    }
    infer->out[0].shape.dim[1 + axes] = axes;
    return FOV_OK;
}

static int infer_gradient(const struct op_infer *infer)
{
    const fov_shape *dgrid = &infer->in[THETA].shape;
    int64_t size[AXES];
    int axes, status = sizes_of(&(struct index_source){.infer = infer}, dgrid, size, &axes, infer->error);
    if (status != FOV_OK) {
        return status;
    }
    bool fits = dgrid->rank == axes + 2 && dgrid->dim[axes + 1] == axes;
    for (int i = 0; fits && i < axes; i++) {
        fits = dgrid->dim[1 + i] == size[i];
    }
    if (!fits) {
        char text[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "%s is not a grid of the sizes given", shape_text(dgrid, text));
    }
    infer->out[0].shape = (fov_shape){3, {dgrid->dim[0], axes, axes + 1}};
    return op_check_float(infer, THETA, "dy");
}

static void gradient_grid(struct op_gradient *gradient)
{
    if (gradient->wanted[THETA]) {
        gradient->in_gradient[THETA] = op_emit2(gradient->emitter, "affine_grid_gradient", gradient->out_gradient[0],
                                                gradient->in[SIZE], gradient->options);
    }
}

static void gradient_gradient(struct op_gradient *gradient)
{
    if (gradient->wanted[THETA]) {
        gradient->in_gradient[THETA] = op_emit2(gradient->emitter, "affine_grid", gradient->out_gradient[0],
                                                gradient->in[SIZE], gradient->options);
    }
}

/** Position of pixel i of `size` between -1 and 1. With align_corners, an axis of one pixel has it in the middle. */
static double place(bool align_corners, int64_t i, int64_t size)
{
    if (align_corners) {
        return size > 1 ? 2 * (double)i / (double)(size - 1) - 1 : 0;
    }
    return (2 * (double)i + 1) / (double)size - 1;
}

/** The point [x, y, 1] or [x, y, z, 1] of a pixel, whose index is in plain order; sizes are [..., H, W]. */
static void point_of(bool align_corners, const int64_t *size, int axes, size_t pixel, double point[AXES + 1])
{
    for (int i = 0; i < axes; i++) { /* x is the innermost axis */
        int64_t along = size[axes - 1 - i];
        point[i] = place(align_corners, (int64_t)(pixel % (size_t)along), along);
        pixel /= (size_t)along;
    }
    point[axes] = 1;
}

/* Forward: grid[n, p, i] = sum over k of theta[n, i, k] point[p, k].
 * `back`: dtheta[n, i, k] = sum over p of dgrid[n, p, i] point[p, k]. */
static void textbook(const struct op_textbook *textbook, bool back)
{
    const struct affine_options *options = textbook->options;
    const fov_shape *grid = back ? &textbook->in[THETA].shape : &textbook->out[0].shape;
    int axes = grid->rank - 2;
    size_t pixels = shape_span(grid, 1, axes + 1), width = (size_t)axes;
    for (size_t i = 0; i < (size_t)grid->dim[0] * pixels * width; i++) {
        double point[AXES + 1];
        size_t n = i / (pixels * width), row = (n * width + i % width) * (width + 1);
        point_of(options->align_corners, grid->dim + 1, axes, i / width % pixels, point);
        for (size_t k = 0; k <= width; k++) {
            if (back) {
                textbook->out[0].data[row + k] += textbook->in[THETA].data[i] * point[k];
            } else {
                textbook->out[0].data[i] += textbook->in[THETA].data[row + k] * point[k];
            }
        }
    }
}

static void textbook_grid(const struct op_textbook *of)
{
    textbook(of, false);
}

static void textbook_gradient(const struct op_textbook *of)
{
    textbook(of, true);
}

/* ---- ONNX -------------------------------------------------------------------------------------------------------- */

struct points {
    bool           align_corners;
    const int64_t *size;
    int            axes;
};

static double point_element(const void *context, size_t index)
{
    const struct points *points = context;
    double point[AXES + 1];
    size_t width = (size_t)points->axes + 1;
    point_of(points->align_corners, points->size, points->axes, index / width, point);
    return point[index % width];
}

/* AffineGrid exists since opset 20. Before, the points are a constant in the file, multiplied by theta in a MatMul. */
static int export_grid(struct op_export *node)
{
    const struct affine_options *options = node->options;
    const fov_shape *grid = &node->out[0].shape;
    int axes = grid->rank - 2;
    if (node->opset >= 20) {
        node->begin(node->writer, "AffineGrid", NULL);
        node->input(node->writer, THETA);
        node->input(node->writer, SIZE);
        node->attribute_integer(node->writer, "align_corners", options->align_corners);
        node->output(node->writer, 0);
        return FOV_OK;
    }
    struct points points = {options->align_corners, grid->dim + 1, axes};
    fov_shape table = {2, {(int64_t)shape_span(grid, 1, axes + 1), axes + 1}};
    const int64_t columns[] = {0, 2, 1};
    int64_t sizes[FOV_MAX_RANK] = {0};
    for (int i = 1; i < grid->rank; i++) {
        sizes[i] = grid->dim[i];
    }
    const char *base = node->constant(node->writer, node->in[THETA].dtype, &table, point_element, &points);
    const char *maps = op_export_step(node, "Transpose", node->in_name(node->writer, THETA), NULL, OP_EXPORT_FRESH);
    node->attribute_list(node->writer, "perm", columns, 3);
    op_export_reshape(node, op_export_step(node, "MatMul", base, maps, OP_EXPORT_FRESH), sizes, grid->rank, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "AffineGrid", .since = 20, .export = export_grid};

/* ---- cases ------------------------------------------------------------------------------------------------------- */

static void fill(int index, double *data, size_t count, struct random_key key)
{
    static const double image[] = {2, 3, 4, 5}, volume[] = {2, 1, 3, 2, 4};
    (void)key;
    for (size_t i = 0; index == SIZE && i < count; i++) {
        data[i] = count == 4 ? image[i] : volume[i];
    }
}

static const struct affine_options edges = {false}, corners = {true};
#define TYPES .in_dtype = {FOV_F32, FOV_I64}, .in_count = 2, .fill = fill
static const struct op_case cases[] = {
    {.name = "images", .options = &edges, .in = {{3, {2, 2, 3}}, {1, {4}}}, TYPES},
    {.name = "images, corners", .options = &corners, .in = {{3, {2, 2, 3}}, {1, {4}}}, TYPES},
    {.name = "volumes", .options = &edges, .in = {{3, {2, 3, 4}}, {1, {5}}}, TYPES},
    {.name = "volumes, corners", .options = &corners, .in = {{3, {2, 3, 4}}, {1, {5}}}, TYPES},
    {0},
};
static const struct op_case cases_gradient[] = {
    {.name = "images", .options = &edges, .in = {{4, {2, 4, 5, 2}}, {1, {4}}}, TYPES},
    {.name = "volumes, corners", .options = &corners, .in = {{5, {2, 3, 2, 4, 3}}, {1, {5}}}, TYPES},
    {0},
};

const struct op op_affine_grid = {
    .name = "affine_grid",
    .family = OP_POOLING,
    .summary = "Where each pixel of the result lies in the image, under an affine map.",
    .formula = "grid[n, p, i] = sum over k of theta[n, i, k] * (x, y, z, 1)[k] of pixel p, each axis from -1 to 1",
    .source = "Jaderberg et al., Spatial transformer networks, NIPS 2015, equation 1",
    .in = (const struct op_port[]){{.name = "theta", .shape = "[N, axes, axes + 1]", .plain = true},
                                   {.name = "size", .shape = "[axes + 2]: N, C, spatial", .plain = true,
                                    .values = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "grid", .shape = "[N, spatial..., axes]", .plain = true}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct affine_options),
    .infer = infer_grid,
    .gradient = gradient_grid,
    .textbook = textbook_grid,
    .onnx = &onnx,
    .cases = cases,
};

const struct op op_affine_grid_gradient = {
    .name = "affine_grid_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of the affine grid by its maps.",
    .formula = "dtheta[n, i, k] = sum over pixels p of dgrid[n, p, i] * (x, y, z, 1)[k] of p",
    .in = (const struct op_port[]){{.name = "dgrid", .shape = "[N, spatial..., axes]", .plain = true},
                                   {.name = "size", .shape = "[axes + 2]: N, C, spatial", .plain = true,
                                    .values = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "dtheta", .shape = "[N, axes, axes + 1]", .plain = true}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct affine_options),
    .infer = infer_gradient,
    .gradient = gradient_gradient,
    .textbook = textbook_gradient,
    .cases = cases_gradient,
};
