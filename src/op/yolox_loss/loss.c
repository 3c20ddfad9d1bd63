/* SPDX-License-Identifier: MIT */
/* YOLOX's loss over rows whose objects are known (assign.c): 5 (1 - IoU^2) of the boxes; binary cross-entropy of the
 * objectness over all rows, and of the classes over rows with an object, where the target of the object's class is the
 * IoU; absolute differences of the head's box numbers where the sample asks for them. The sum is divided by the number
 * of rows with an object in the batch. */
#include "op/common.h"
#include "op/yolox_loss/yolox.h"

#include <fovea/operators.h>
#include <math.h>
#include <string.h>

static const double box_share = 5, least_area = 1e-16, least_side = 1e-8;

enum { ROWS, OBJECTS, OBJECT, OVERLAP, DLOSS };

/* Binary cross-entropy of a logit, and its derivative. */
static double binary(double x, double target, double *slope)
{
    *slope = yolox_sigmoid(x) - target;
    return fmax(x, 0) - x * target + log1p(exp(-fabs(x)));
}

/* Length of the intersection of two intervals; by_middle, by_length: its derivatives with respect to centre and length
 * of the first. */
static double common(double a, double a_length, double b, double b_length, double *by_middle, double *by_length)
{
    bool left = a - a_length / 2 > b - b_length / 2, right = a + a_length / 2 < b + b_length / 2;
    double low = left ? a - a_length / 2 : b - b_length / 2, high = right ? a + a_length / 2 : b + b_length / 2;
    bool meet = high > low;
    *by_middle = meet ? (double)right - (double)left : 0;
    *by_length = meet ? ((double)right + (double)left) / 2 : 0;
    return meet ? high - low : 0;
}

/* 5 (1 - IoU^2), and its derivatives with respect to the head's four box numbers. */
static double box_loss(const struct yolox_sample *sample, size_t row, size_t object, double slope[4])
{
    struct yolox_box a = yolox_box_of(sample, row), b = yolox_object_box(sample, object);
    double stride = yolox_place_of(sample->options, row).stride, x[2], y[2];
    double width = common(a.x, a.width, b.x, b.width, &x[0], &x[1]);
    double height = common(a.y, a.height, b.y, b.height, &y[0], &y[1]);
    double both = width * height, either = a.width * a.height + b.width * b.height - both + least_area;
    double iou = both / either;
    /* With `own` the area of box a: d IoU = (d both (either + both) - both d own) / either^2 */
    double by_both = (either + both) / (either * either), by_own = -both / (either * either);
    double factor = -2 * box_share * iou;
    slope[0] = factor * by_both * height * x[0] * stride;
    slope[1] = factor * by_both * width * y[0] * stride;
    slope[2] = factor * (by_both * height * x[1] + by_own * a.height) * a.width; /* d width / d log width = width */
    slope[3] = factor * (by_both * width * y[1] + by_own * a.width) * a.height;
    return box_share * (1 - iou * iou);
}

/* Sum of absolute differences between the head's four box numbers and the right ones, and its derivatives. */
static double difference_loss(const struct yolox_sample *sample, size_t row, size_t object, double slope[4])
{
    const double *at = sample->rows + row * (5 + sample->classes);
    struct yolox_place place = yolox_place_of(sample->options, row);
    struct yolox_box b = yolox_object_box(sample, object);
    const double wanted[4] = {b.x / place.stride - place.x, b.y / place.stride - place.y,
                              log(b.width / place.stride + least_side), log(b.height / place.stride + least_side)};
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        double difference = at[i] - wanted[i];
        sum += fabs(difference);
        slope[i] = difference > 0 ? 1 : difference < 0 ? -1 : 0;
    }
    return sum;
}

double yolox_sample_loss(const struct yolox_sample *sample, const double *object, const double *overlap, double *slope)
{
    double sum = 0, unused, of_box[4], of_difference[4] = {0};
    size_t numbers = 5 + sample->classes;
    for (size_t row = 0; row < sample->row_count; row++) {
        const double *at = sample->rows + row * numbers;
        double *to = slope != NULL ? slope + row * numbers : NULL;
        sum += binary(at[4], object[row] >= 0, to != NULL ? &to[4] : &unused);
        if (!(object[row] >= 0)) {
            continue;
        }
        size_t i = (size_t)object[row], class = (size_t)sample->objects[i * YOLOX_COLUMNS + YOLOX_CLASS];
        for (size_t c = 0; c < sample->classes; c++) {
            sum += binary(at[5 + c], c == class ? overlap[row] : 0, to != NULL ? &to[5 + c] : &unused);
        }
        sum += box_loss(sample, row, i, of_box);
        sum += sample->l1 ? difference_loss(sample, row, i, of_difference) : 0;
        for (int k = 0; k < 4 && to != NULL; k++) {
            to[k] = of_box[k] + (sample->l1 ? of_difference[k] : 0);
        }
    }
    return sum;
}

/* ---- the operator ------------------------------------------------------------------------------------------------ */

static const struct op_port in[] = {{.name = "rows", .shape = "[N, rows, 5 + classes]", .plain = true},
                                    {.name = "objects", .shape = "[N, 1 + objects, 6]", .plain = true},
                                    {.name = "object", .shape = "[N, rows]", .plain = true},
                                    {.name = "overlap", .shape = "[N, rows]", .plain = true},
                                    {0}};
static const struct op_port out[] = {{.name = "loss", .shape = "[]", .plain = true}, {0}};

static int check(const struct op_infer *infer)
{
    int status = yolox_check(infer);
    for (int i = OBJECT; i <= OVERLAP && status == FOV_OK; i++) {
        fov_shape wanted = {2, {infer->in[ROWS].shape.dim[0], infer->in[ROWS].shape.dim[1]}};
        char text[SHAPE_TEXT_SIZE];
        if (!shape_equal(&infer->in[i].shape, &wanted)) {
            status = error_set(infer->error, FOV_E_SHAPE, "%s %s must be [N, rows]", i == OBJECT ? "object" : "overlap",
                               shape_text(&infer->in[i].shape, text));
        }
        status = status != FOV_OK ? status : op_check_same_dtype(infer, i, "object", ROWS, "rows");
    }
    return status;
}

static int infer(const struct op_infer *infer)
{
    infer->out[0].shape = (fov_shape){0};
    return check(infer);
}

static void gradient(struct op_gradient *gradient)
{
    const fov_value in_all[] = {gradient->in[ROWS], gradient->in[OBJECTS], gradient->in[OBJECT], gradient->in[OVERLAP],
                                gradient->out_gradient[0]};
    if (gradient->wanted[ROWS]) {
        gradient->in_gradient[ROWS] = op_emit(gradient->emitter, "yolox_loss_gradient", in_all, 5, gradient->options);
    }
}

/* The loss over all samples and, unless `slope` is NULL, its derivatives with respect to all rows. */
static double whole(const struct op_textbook *textbook, double *slope)
{
    size_t rows = (size_t)textbook->in[ROWS].shape.dim[1], numbers = (size_t)textbook->in[ROWS].shape.dim[2];
    double sum = 0, found = 0;
    for (size_t n = 0; n < (size_t)textbook->in[ROWS].shape.dim[0]; n++) {
        const double *object = textbook->in[OBJECT].data + n * rows, *overlap = textbook->in[OVERLAP].data + n * rows;
        struct yolox_sample sample = yolox_sample_at(textbook, n);
        sum += yolox_sample_loss(&sample, object, overlap, slope != NULL ? slope + n * rows * numbers : NULL);
        for (size_t row = 0; row < rows; row++) {
            found += object[row] >= 0;
        }
    }
    found = found > 1 ? found : 1;
    for (size_t i = 0; slope != NULL && i < op_count(&textbook->in[ROWS].shape); i++) {
        slope[i] /= found;
    }
    return sum / found;
}

static void textbook(const struct op_textbook *textbook)
{
    textbook->out[0].data[0] = whole(textbook, NULL);
}

static void textbook_gradient(const struct op_textbook *textbook)
{
    double *slope = textbook->out[0].data, dloss = textbook->in[DLOSS].data[0];
    memset(slope, 0, op_count(&textbook->in[ROWS].shape) * sizeof *slope);
    whole(textbook, slope);
    for (size_t i = 0; i < op_count(&textbook->in[ROWS].shape); i++) {
        slope[i] *= dloss;
    }
}

static int infer_gradient(const struct op_infer *infer)
{
    int status = check(infer);
    char text[SHAPE_TEXT_SIZE];
    infer->out[0].shape = infer->in[ROWS].shape;
    if (status == FOV_OK && infer->in[DLOSS].shape.rank != 0) {
        status = error_set(infer->error, FOV_E_SHAPE, "dloss %s must be a single number",
                           shape_text(&infer->in[DLOSS].shape, text));
    }
    return status;
}

/* Two objects in pictures of 32 x 32; a few rows are assigned to one, with boxes that overlap it but share no side. */
static void fill(int index, double *data, size_t count, struct random_key key)
{
    static const double objects[3][YOLOX_COLUMNS] = {
        {2, 0, 0, 0, 0, 1}, {1, 3.1, 2.3, 22.2, 19.7, 0}, {0, 11.7, 9.2, 29.4, 30.6, 0}};
    static const int assigned[21] = {-1, -1, -1, -1, -1, 0, 0, -1, -1, 1, 1, 1, -1, -1, -1, -1, 0, -1, -1, 1, 0};
    for (size_t i = 0; i < count; i++) {
        double uniform = random_uniform(key, i);
        data[i] = index == ROWS      ? 1.6 * uniform - 0.8
                  : index == OBJECTS ? objects[i / YOLOX_COLUMNS % 3][i % YOLOX_COLUMNS]
                  : index == OBJECT  ? assigned[i % 21]
                                     : uniform;
        data[i] = (double)(float)data[i];
    }
}

static const struct yolox_options square = {32, 32};
static const struct op_case cases[] = {
    {.name = "two objects",
     .options = &square,
     .in = {FOV_SHAPE(2, 21, 8), FOV_SHAPE(2, 3, 6), FOV_SHAPE(2, 21), FOV_SHAPE(2, 21)},
     .in_count = 4,
     .fill = fill},
    {0},
};
static const struct op_case gradient_cases[] = {
    {.name = "two objects",
     .options = &square,
     .in = {FOV_SHAPE(2, 21, 8), FOV_SHAPE(2, 3, 6), FOV_SHAPE(2, 21), FOV_SHAPE(2, 21), {0}},
     .in_count = 5,
     .fill = fill,
     .no_gradient = true},
    {0},
};

const struct op op_yolox_loss = {
    .name = "yolox_loss",
    .family = OP_LOSS,
    .summary = "YOLOX's loss over rows whose objects are known.",
    .formula =
        "loss = (sum over rows with an object of 5 (1 - IoU^2) + BCE(classes, IoU at the object's) + sum over all "
        "rows of BCE(an object)) / rows with an object",
    .source = "Ge et al., YOLOX: exceeding YOLO series in 2021, section 2.1",
    .in = in,
    .out = out,
    .attributes = yolox_attributes,
    .options_size = sizeof(struct yolox_options),
    .infer = infer,
    .gradient = gradient,
    .textbook = textbook,
    .cpu = &yolox_loss_cpu,
    .cases = cases,
};

const struct op op_yolox_loss_gradient = {
    .name = "yolox_loss_gradient",
    .family = OP_GRADIENT,
    .summary = "Gradient of YOLOX's loss by the rows.",
    .formula = "drows = dloss * derivatives of the loss; assignment and overlaps are constants",
    .in = (const struct op_port[]){{.name = "rows", .shape = "[N, rows, 5 + classes]", .plain = true},
                                   {.name = "objects", .shape = "[N, 1 + objects, 6]", .plain = true},
                                   {.name = "object", .shape = "[N, rows]", .plain = true},
                                   {.name = "overlap", .shape = "[N, rows]", .plain = true},
                                   {.name = "dloss", .shape = "[]", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "drows", .shape = "as rows", .plain = true}, {0}},
    .attributes = yolox_attributes,
    .options_size = sizeof(struct yolox_options),
    .infer = infer_gradient,
    .textbook = textbook_gradient,
    .cpu = &yolox_loss_gradient_cpu,
    .cases = gradient_cases,
};
