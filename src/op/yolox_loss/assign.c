/* SPDX-License-Identifier: MIT */
/* SimOTA, YOLOX's assignment: each object takes the k rows of lowest cost, where k is the sum of its ten largest
 * overlaps (at least 1); a row that several objects take goes to the object of lowest cost. Rows whose cell lies
 * neither in the box of an object nor near its centre are not candidates. Next: loss.c, run.c. */
#include "op/common.h"
#include "op/yolox_loss/yolox.h"

#include <fovea/operators.h>
#include <math.h>
#include <string.h>

enum { MOST = 10 /* rows that an object takes, at most */ };
static const double reach = 2.5;       /* distance from an object's centre, in strides, that counts as near */
static const double overlap_share = 3; /* weight of the overlap in the cost */
static const double outside = 1e5;     /* extra cost of a row that is not both in the box and near the centre */
static const double lowest = -100;     /* lower limit of the logarithm of a probability */
static const double largest = 20;      /* upper limit of the logarithm of a side in strides, to keep exp finite */

static const struct op_port in[] = {{.name = "rows", .shape = "[N, rows, 5 + classes]", .plain = true},
                                    {.name = "objects", .shape = "[N, 1 + objects, 6]", .plain = true},
                                    {0}};
static const struct op_port out[] = {
    {.name = "object", .shape = "[N, rows]: -1 where there is none", .plain = true, .detached = true},
    {.name = "overlap", .shape = "[N, rows]", .plain = true, .detached = true},
    {0}};

const struct op_attribute yolox_attributes[] = {
    {OP_ATTRIBUTE(struct yolox_options, height), .kind = OP_INTEGER, .standard = 32, .minimum = 32, .maximum = 16384,
     .doc = "of the pictures, pixels: a multiple of 32"},
    {OP_ATTRIBUTE(struct yolox_options, width), .kind = OP_INTEGER, .standard = 32, .minimum = 32, .maximum = 16384,
     .doc = "of the pictures, pixels: a multiple of 32"},
    {0},
};

/* ---- rows and boxes ---------------------------------------------------------------------------------------------- */

size_t yolox_row_count(int64_t height, int64_t width)
{
    size_t count = 0;
    for (int stride = 8; stride <= 32; stride *= 2) {
        count += (size_t)(height / stride) * (size_t)(width / stride);
    }
    return count;
}

struct yolox_place yolox_place_of(const struct yolox_options *options, size_t row)
{
    int stride = 8;
    size_t columns = (size_t)options->width / 8, size = columns * ((size_t)options->height / 8);
    while (row >= size) {
        row -= size;
        stride *= 2;
        columns = (size_t)(options->width / stride);
        size = columns * (size_t)(options->height / stride);
    }
    return (struct yolox_place){(double)(row % columns), (double)(row / columns), stride};
}

struct yolox_box yolox_decode(const struct yolox_options *options, size_t row, const double at[4])
{
    struct yolox_place place = yolox_place_of(options, row);
    return (struct yolox_box){(at[0] + place.x) * place.stride, (at[1] + place.y) * place.stride,
                              exp(fmin(at[2], largest)) * place.stride, exp(fmin(at[3], largest)) * place.stride};
}

/* The cached values of a row; NULL: there is no cache. */
static double *kept_of(const struct yolox_sample *sample, size_t row)
{
    return sample->workspace != NULL ? sample->workspace + row * (YOLOX_CACHED + sample->classes) : NULL;
}

static struct yolox_place place_of(const struct yolox_sample *sample, size_t row)
{
    const double *kept = kept_of(sample, row);
    return kept != NULL ? (struct yolox_place){kept[0], kept[1], kept[2]} : yolox_place_of(sample->options, row);
}

static struct yolox_box box_of(const struct yolox_sample *sample, size_t row)
{
    const double *kept = kept_of(sample, row);
    return kept != NULL ? (struct yolox_box){kept[3], kept[4], kept[5], kept[6]} : yolox_box_of(sample, row);
}

struct yolox_box yolox_box_of(const struct yolox_sample *sample, size_t row)
{
    return yolox_decode(sample->options, row, sample->rows + row * (5 + sample->classes));
}

struct yolox_box yolox_object_box(const struct yolox_sample *sample, size_t object)
{
    const double *at = sample->objects + object * YOLOX_COLUMNS + YOLOX_BOX;
    return (struct yolox_box){(at[0] + at[2]) / 2, (at[1] + at[3]) / 2, at[2] - at[0], at[3] - at[1]};
}

/* Length of the intersection of two intervals, given by centre and length. */
static double common(double a, double a_length, double b, double b_length)
{
    double low = fmax(a - a_length / 2, b - b_length / 2), high = fmin(a + a_length / 2, b + b_length / 2);
    return high > low ? high - low : 0;
}

double yolox_overlap(const struct yolox_box *a, const struct yolox_box *b)
{
    double both = common(a->x, a->width, b->x, b->width) * common(a->y, a->height, b->y, b->height);
    double either = a->width * a->height + b->width * b->height - both;
    return either > 0 ? both / either : 0;
}

/* ---- costs ------------------------------------------------------------------------------------------------------- */

double yolox_sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

static double log_of(double probability)
{
    double logarithm = log(probability);
    return logarithm > lowest ? logarithm : lowest;
}

/* Whether a row's cell lies in an object's box, and whether it lies near the object's centre. */
struct sight {
    bool box, middle;
};

static struct sight sight_of(const struct yolox_sample *sample, size_t row, size_t object)
{
    struct yolox_place place = place_of(sample, row);
    struct yolox_box box = yolox_object_box(sample, object);
    double x = fabs((place.x + 0.5) * place.stride - box.x), y = fabs((place.y + 0.5) * place.stride - box.y);
    return (struct sight){x < box.width / 2 && y < box.height / 2,
                          x < reach * place.stride && y < reach * place.stride};
}

static bool is_learned(const struct yolox_sample *sample, size_t object)
{
    return !((unsigned)sample->objects[object * YOLOX_COLUMNS + YOLOX_MARKS] & YOLOX_CROWD);
}

static bool is_asked(const struct yolox_sample *sample, size_t row)
{
    for (size_t i = 0; i < sample->object_count; i++) {
        struct sight sight = sight_of(sample, row, i);
        if (is_learned(sample, i) && (sight.box || sight.middle)) {
            return true;
        }
    }
    return false;
}

/* The probability that a row gives to a class: the geometric mean of the class's probability and the objectness. */
static double share_of(const struct yolox_sample *sample, size_t row, size_t class)
{
    const double *at = sample->rows + row * (5 + sample->classes);
    return sqrt(yolox_sigmoid(at[5 + class]) * yolox_sigmoid(at[4]));
}

/* The cross-entropy of a row against no class at all: the part of the cost that is the same for all objects. */
static double cost_of_none(const struct yolox_sample *sample, size_t row)
{
    double sum = 0;
    for (size_t c = 0; c < sample->classes; c++) {
        sum -= log_of(1 - share_of(sample, row, c));
    }
    return sum;
}

struct cost {
    double overlap, cost;
};

/* The cross-entropy of a row against one class; of_none: cost_of_none of the row. */
static double cost_of_class(const struct yolox_sample *sample, size_t row, size_t class, double of_none)
{
    double *kept = kept_of(sample, row), share, cost;
    if (kept != NULL && !isnan(kept[YOLOX_CACHED + class])) {
        return kept[YOLOX_CACHED + class];
    }
    share = share_of(sample, row, class);
    cost = of_none + log_of(1 - share) - log_of(share);
    if (kept != NULL) {
        kept[YOLOX_CACHED + class] = cost;
    }
    return cost;
}

static struct cost cost_of(const struct yolox_sample *sample, size_t row, size_t object, double of_none)
{
    struct yolox_box found = box_of(sample, row), wanted = yolox_object_box(sample, object);
    struct sight sight = sight_of(sample, row, object);
    size_t class = (size_t)sample->objects[object * YOLOX_COLUMNS + YOLOX_CLASS];
    double overlap = yolox_overlap(&found, &wanted), of_class = cost_of_class(sample, row, class, of_none);
    return (struct cost){overlap,
                         of_class - overlap_share * log(overlap + 1e-8) + (sight.box && sight.middle ? 0 : outside)};
}

/* ---- the assignment ---------------------------------------------------------------------------------------------- */

/* The ten largest overlaps and the ten cheapest rows of one object so far, best first. */
struct best {
    double overlap[MOST], cost[MOST];
    size_t row[MOST];
    int overlaps, rows;
};

static void remember(struct best *best, struct cost cost, size_t row)
{
    int at = best->overlaps < MOST ? best->overlaps++ : MOST;
    for (; at > 0 && cost.overlap > best->overlap[at - 1]; at--) {
        if (at < MOST) {
            best->overlap[at] = best->overlap[at - 1];
        }
    }
    if (at < MOST) {
        best->overlap[at] = cost.overlap;
    }
    at = best->rows < MOST ? best->rows++ : MOST;
    for (; at > 0 && cost.cost < best->cost[at - 1]; at--) {
        if (at < MOST) {
            best->cost[at] = best->cost[at - 1];
            best->row[at] = best->row[at - 1];
        }
    }
    if (at < MOST) {
        best->cost[at] = cost.cost;
        best->row[at] = row;
    }
}

static int taken_by(const struct best *best)
{
    double sum = 0;
    for (int i = 0; i < best->overlaps; i++) {
        sum += best->overlap[i];
    }
    int count = sum >= 1 ? (int)sum : 1;
    return count < best->rows ? count : best->rows;
}

enum { NOBODY = -1, SEVERAL = -2, NOT_ASKED = -1 };

/* Caches place and box of a row, and marks the costs of its classes as not computed yet (NaN). */
static void keep(const struct yolox_sample *sample, size_t row)
{
    double *kept = kept_of(sample, row);
    struct yolox_place place = yolox_place_of(sample->options, row);
    struct yolox_box box = yolox_box_of(sample, row);
    const double numbers[YOLOX_CACHED] = {place.x, place.y, place.stride, box.x, box.y, box.width, box.height};
    memcpy(kept, numbers, sizeof numbers);
    for (size_t c = 0; c < sample->classes; c++) {
        kept[YOLOX_CACHED + c] = NAN;
    }
}

void yolox_assign(const struct yolox_sample *sample, double *object, double *overlap)
{
    for (size_t row = 0; row < sample->row_count; row++) {
        if (sample->workspace != NULL) {
            keep(sample, row);
        }
        object[row] = NOBODY;
        overlap[row] = is_asked(sample, row) ? cost_of_none(sample, row) : NOT_ASKED; /* stays there until the end */
    }
    for (size_t i = 0; i < sample->object_count; i++) {
        struct best best = {.rows = 0};
        for (size_t row = 0; row < sample->row_count && is_learned(sample, i); row++) {
            if (overlap[row] >= 0) {
                remember(&best, cost_of(sample, row, i, overlap[row]), row);
            }
        }
        for (int k = 0, count = taken_by(&best); k < count; k++) {
            object[best.row[k]] = object[best.row[k]] == NOBODY ? (double)i : SEVERAL;
        }
    }
    for (size_t row = 0; row < sample->row_count; row++) {
        double least = INFINITY, of_none = overlap[row];
        for (size_t i = 0; object[row] == SEVERAL && i < sample->object_count; i++) {
            double cost = is_learned(sample, i) ? cost_of(sample, row, i, of_none).cost : INFINITY;
            least = cost < least ? cost : least;
        }
        for (size_t i = 0; object[row] == SEVERAL && i < sample->object_count; i++) {
            if (is_learned(sample, i) && !(cost_of(sample, row, i, of_none).cost > least)) {
                object[row] = (double)i;
            }
        }
        overlap[row] = object[row] >= 0 ? cost_of(sample, row, (size_t)object[row], of_none).overlap : 0;
    }
}

/* ---- the operator ------------------------------------------------------------------------------------------------ */

struct yolox_sample yolox_sample_of(const void *options, const fov_shape *rows_shape, const fov_shape *objects_shape,
                                    const double *rows, const double *objects)
{
    size_t most = (size_t)objects_shape->dim[1] - 1;
    size_t count = objects[YOLOX_COUNT] > 0 ? (size_t)fmin(objects[YOLOX_COUNT], (double)most) : 0;
    return (struct yolox_sample){.options = options,
                                 .row_count = (size_t)rows_shape->dim[1],
                                 .classes = (size_t)rows_shape->dim[2] - 5,
                                 .object_count = count,
                                 .rows = rows,
                                 .objects = objects + YOLOX_COLUMNS,
                                 .l1 = objects[YOLOX_L1] > 0};
}

struct yolox_sample yolox_sample_at(const struct op_textbook *textbook, size_t n)
{
    const fov_shape *rows = &textbook->in[0].shape, *objects = &textbook->in[1].shape;
    return yolox_sample_of(textbook->options, rows, objects,
                           textbook->in[0].data + n * (size_t)(rows->dim[1] * rows->dim[2]),
                           textbook->in[1].data + n * (size_t)(objects->dim[1] * objects->dim[2]));
}

int yolox_check(const struct op_infer *infer)
{
    const struct yolox_options *options = infer->options;
    const fov_shape *rows = &infer->in[0].shape, *objects = &infer->in[1].shape;
    char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE];
    int status = op_check_float(infer, 0, "rows");
    status = status != FOV_OK ? status : op_check_same_dtype(infer, 1, "objects", 0, "rows");
    if (status != FOV_OK) {
        return status;
    }
    if (rows->rank != 3 || objects->rank != 3 || rows->dim[2] < 6 || objects->dim[1] < 2 ||
        objects->dim[2] != YOLOX_COLUMNS || rows->dim[0] != objects->dim[0] || options->height % 32 != 0 ||
        options->width % 32 != 0 || rows->dim[1] != (int64_t)yolox_row_count(options->height, options->width)) {
        return error_set(infer->error, FOV_E_SHAPE,
                         "rows %s must be [N, %zu, 5 + classes] for pictures of %lld x %lld (multiples of 32), and "
                         "objects %s [N, 1 + objects, %d]",
                         shape_text(rows, a), yolox_row_count(options->height, options->width),
                         (long long)options->height, (long long)options->width, shape_text(objects, b), YOLOX_COLUMNS);
    }
    return FOV_OK;
}

static int infer(const struct op_infer *infer)
{
    int status = yolox_check(infer);
    if (status == FOV_OK) {
        const fov_shape *rows = &infer->in[0].shape;
        infer->out[0].shape = infer->out[1].shape = (fov_shape){2, {rows->dim[0], rows->dim[1]}};
        infer->out[0].dtype = infer->out[1].dtype = infer->in[0].dtype;
    }
    return status;
}

static void textbook(const struct op_textbook *textbook)
{
    size_t rows = (size_t)textbook->in[0].shape.dim[1];
    for (size_t n = 0; n < (size_t)textbook->in[0].shape.dim[0]; n++) {
        struct yolox_sample sample = yolox_sample_at(textbook, n);
        yolox_assign(&sample, textbook->out[0].data + n * rows, textbook->out[1].data + n * rows);
    }
}

/* A few objects of two classes, one of them a crowd, at random places in pictures of 64 x 64. */
static void fill(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        double uniform = random_uniform(key, i);
        size_t line = i / YOLOX_COLUMNS % 5, column = i % YOLOX_COLUMNS;
        double size = 8 + 24 * random_uniform(key, i / YOLOX_COLUMNS * YOLOX_COLUMNS + column % 2 + 1000);
        double corner = 30 * random_uniform(key, i / YOLOX_COLUMNS * YOLOX_COLUMNS + column % 2 + 2000);
        if (index == 0) {
            data[i] = 2 * uniform - 1;
        } else if (line == 0) {
            data[i] = column == YOLOX_COUNT ? 3 : 1;
        } else if (column == YOLOX_CLASS) {
            data[i] = uniform < 0.5;
        } else if (column == YOLOX_MARKS) {
            data[i] = line == 3 ? YOLOX_CROWD : 0;
        } else {
            data[i] = column < 3 ? corner : corner + size;
        }
        data[i] = (double)(float)data[i];
    }
}

static const struct yolox_options square = {64, 64}, oblong = {32, 64};
static const struct op_case cases[] = {
    {.name = "64 x 64",
     .options = &square,
     .in = {FOV_SHAPE(2, 84, 7), FOV_SHAPE(2, 5, 6)},
     .in_count = 2,
     .fill = fill,
     .no_gradient = true},
    {.name = "oblong",
     .options = &oblong,
     .in = {FOV_SHAPE(1, 42, 8), FOV_SHAPE(1, 5, 6)},
     .in_count = 2,
     .fill = fill,
     .no_gradient = true},
    {0},
};

const struct op op_sim_ota = {
    .name = "sim_ota",
    .family = OP_LOSS,
    .summary = "Which rows of a detector are to find which objects.",
    .formula =
        "object i takes its k cheapest rows, k = max(1, sum of its ten largest IoUs); cost = class + 3 box + 1e5 "
        "where a row does not look at it",
    .source = "Ge et al., YOLOX: exceeding YOLO series in 2021, section 2.1",
    .in = in,
    .out = out,
    .attributes = yolox_attributes,
    .options_size = sizeof(struct yolox_options),
    .infer = infer,
    .zero_gradient = true,
    .textbook = textbook,
    .cpu = &yolox_assign_cpu,
    .cases = cases,
};
