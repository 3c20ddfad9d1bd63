/* SPDX-License-Identifier: MIT */
/* The last stage of a detector: its best boxes after suppression, as a fixed number of rows, so that a plan knows its
 * memory. In ONNX this is NonMaxSuppression, whose selection is scattered back into the scores, and a TopK of these. */
#include "op/common.h"
#include "op/onnx.h"
#include "op/suppressed_boxes/suppressed_boxes.h"

#include <math.h>

enum { BOXES, SCORES, ROW = 6 /* x1, y1, x2, y2, score, class */ };

static const struct op_attribute attributes[] = {
    {OP_ATTRIBUTE(struct suppressed_options, overlap), .kind = OP_NUMBER, .standard = 0.65, .maximum = 1,
     .doc = "IoU beyond which the better of two boxes of a class suppresses the other"},
    {OP_ATTRIBUTE(struct suppressed_options, least), .kind = OP_NUMBER, .standard = 0.25, .maximum = 1,
     .doc = "score that a box must exceed"},
    {OP_ATTRIBUTE(struct suppressed_options, most), .kind = OP_INTEGER, .standard = 300, .minimum = 1,
     .maximum = 100000, .doc = "rows of a picture"},
    {0},
};

static int infer(const struct op_infer *infer)
{
    const struct suppressed_options *options = infer->options;
    const fov_shape *boxes = &infer->in[BOXES].shape, *scores = &infer->in[SCORES].shape;
    char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE];
    int status = op_check_float(infer, BOXES, "boxes");
    status = status != FOV_OK ? status : op_check_same_dtype(infer, SCORES, "scores", BOXES, "boxes");
    if (status != FOV_OK) {
        return status;
    }
    if (boxes->rank != 3 || scores->rank != 3 || boxes->dim[2] != 4 || boxes->dim[0] != scores->dim[0] ||
        boxes->dim[1] != scores->dim[2] || scores->dim[1] < 1 || scores->dim[2] < 1) {
        return error_set(infer->error, FOV_E_SHAPE, "boxes %s must be [N, boxes, 4] and scores %s [N, classes, boxes]",
                         shape_text(boxes, a), shape_text(scores, b));
    }
    int64_t all = scores->dim[1] * scores->dim[2];
    infer->out[0].shape = (fov_shape){3, {boxes->dim[0], options->most < all ? options->most : all, ROW}};
    return FOV_OK;
}

/* ---- the definition ---------------------------------------------------------------------------------------------- */

static double overlap(const double *a, const double *b)
{
    double width = fmin(fmax(a[0], a[2]), fmax(b[0], b[2])) - fmax(fmin(a[0], a[2]), fmin(b[0], b[2]));
    double height = fmin(fmax(a[1], a[3]), fmax(b[1], b[3])) - fmax(fmin(a[1], a[3]), fmin(b[1], b[3]));
    double both = width > 0 && height > 0 ? width * height : 0;
    double either = fabs((a[2] - a[0]) * (a[3] - a[1])) + fabs((b[2] - b[0]) * (b[3] - b[1])) - both;
    return either > 0 ? both / either : 0;
}

/* The index of the next best score after index `last` (-1: the best of all); equal scores are ordered by index. -1: no
 * further score is above `least`. */
static int64_t next_best(const double *scores, int64_t count, double least, int64_t last)
{
    int64_t best = -1;
    for (int64_t i = 0; i < count; i++) {
        bool later = last < 0 || scores[i] < scores[last] || (scores[i] == scores[last] && i > last);
        if (later && scores[i] > least && (best < 0 || scores[i] > scores[best])) {
            best = i;
        }
    }
    return best;
}

/* A box stays if no row so far of its class overlaps it too far: these rows are the better boxes that stayed. */
static void select_rows(const struct suppressed_options *options, const double *boxes, const double *scores,
                        int64_t count, int64_t classes, int64_t most, double *rows)
{
    int64_t filled = 0;
    for (int64_t at = next_best(scores, classes * count, options->least, -1); at >= 0 && filled < most;
         at = next_best(scores, classes * count, options->least, at)) {
        const double *box = boxes + 4 * (at % count), class = (double)(at / count);
        bool stays = true;
        for (int64_t k = 0; k < filled && stays; k++) {
            stays = rows[ROW * k + 5] != class || !(overlap(rows + ROW * k, box) > options->overlap);
        }
        if (stays) {
            const double row[ROW] = {box[0], box[1], box[2], box[3], scores[at], class};
            for (int k = 0; k < ROW; k++) {
                rows[ROW * filled + k] = row[k];
            }
            filled++;
        }
    }
}

static void textbook(const struct op_textbook *textbook)
{
    const fov_shape *scores = &textbook->in[SCORES].shape, *out = &textbook->out[0].shape;
    int64_t classes = scores->dim[1], count = scores->dim[2];
    for (int64_t n = 0; n < scores->dim[0]; n++) {
        select_rows(textbook->options, textbook->in[BOXES].data + 4 * n * count,
                    textbook->in[SCORES].data + n * classes * count, count, classes, out->dim[1],
                    textbook->out[0].data + n * out->dim[1] * ROW);
    }
}

/* ---- in ONNX ----------------------------------------------------------------------------------------------------- */

/* Begins an ONNX node with these inputs; returns the generated name of its output. Attributes may follow. */
static const char *step(struct op_export *node, const char *type, const char *const *in, int count)
{
    node->begin(node->writer, type, NULL);
    for (int i = 0; i < count; i++) {
        node->input_name(node->writer, in[i]);
    }
    const char *made = node->temporary(node->writer);
    node->output_name(node->writer, made);
    return made;
}

static const char *as_column(struct op_export *node, const char *x)
{
    static const int64_t last = -1;
    return op_export_step(node, "Unsqueeze", x, node->integers(node->writer, &last, 1, false), OP_EXPORT_FRESH);
}

static const char *as_float(struct op_export *node, const char *x)
{
    const char *made = op_export_step(node, "Cast", x, NULL, OP_EXPORT_FRESH);
    node->attribute_integer(node->writer, "to", op_onnx_type(FOV_F32));
    return made;
}

/* Writes nodes that compute [N, classes x boxes]: the scores of the boxes that stay, 0 for all others. */
static const char *kept_scores(struct op_export *node, const char *boxes, const char *scores, const char *most)
{
    static const int64_t row_of_all[] = {0, -1};
    const struct suppressed_options *options = node->options;
    const char *const in[] = {boxes, scores, most, node->number(node->writer, (float)options->overlap),
                              node->number(node->writer, (float)options->least)};
    const char *selected = step(node, "NonMaxSuppression", in, 5);
    const char *picked = step(node, "GatherND", (const char *const[]){scores, selected}, 2);
    const char *nothing = op_export_step(node, "Mul", scores, op_export_number(node, FOV_F32, 0), OP_EXPORT_FRESH);
    const char *kept = step(node, "ScatterND", (const char *const[]){nothing, selected, picked}, 3);
    return op_export_reshape(node, kept, row_of_all, 2, OP_EXPORT_FRESH);
}

static int export_boxes(struct op_export *node)
{
    const char *boxes = node->in_name(node->writer, BOXES), *scores = node->in_name(node->writer, SCORES);
    int64_t rows = node->out[0].shape.dim[1], count = node->in[SCORES].shape.dim[2];
    const char *most = node->integers(node->writer, &rows, 1, false);
    const char *places = node->integers(node->writer, &count, 1, true);
    const char *kept = kept_scores(node, boxes, scores, most);
    const char *best = step(node, "TopK", (const char *const[]){kept, most}, 2);
    const char *place = node->temporary(node->writer);
    node->output_name(node->writer, place);
    const char *class = as_float(node, as_column(node, op_export_step(node, "Div", place, places, OP_EXPORT_FRESH)));
    const char *box = as_column(node, op_export_step(node, "Mod", place, places, OP_EXPORT_FRESH));
    box = step(node, "GatherND", (const char *const[]){boxes, box}, 2);
    node->attribute_integer(node->writer, "batch_dims", 1);
    best = as_column(node, best);
    const char *zero = op_export_number(node, FOV_F32, 0);
    const char *is_row = as_float(node, op_export_step(node, "Greater", best, zero, OP_EXPORT_FRESH));
    const char *all = step(node, "Concat", (const char *const[]){box, best, class}, 3);
    node->attribute_integer(node->writer, "axis", 2);
    op_export_step(node, "Mul", all, is_row, 0); /* rows without a box are all 0 */
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "NonMaxSuppression (with TopK)", .since = 13, .export = export_boxes};

/* Boxes of side 1 that step by 0.3, so that neighbours overlap by a half. */
static void fill(int index, double *data, size_t count, struct random_key key)
{
    for (size_t i = 0; i < count; i++) {
        double low = 0.3 * (double)(i / 4);
        data[i] = (double)(float)(index == SCORES ? random_uniform(key, i) : i % 4 < 2 ? low : low + 1);
    }
}

static const struct suppressed_options few = {0.4, 0.1, 7};
static const struct op_case cases[] = {
    {.name = "few rows", .options = &few, .in = {{3, {2, 9, 4}}, {3, {2, 3, 9}}}, .in_count = 2, .fill = fill},
    {.name = "all boxes", .in = {{3, {1, 5, 4}}, {3, {1, 1, 5}}}, .in_count = 2, .fill = fill},
    {0},
};

const struct op op_suppressed_boxes = {
    .name = "suppressed_boxes",
    .family = OP_SHAPE,
    .summary = "A detector's best boxes after suppression, as a fixed number of rows.",
    .formula = "in order of score, boxes whose intersection over union with all kept before of their class is at most "
               "the limit: x1, y1, x2, y2, score, class; then rows of 0",
    .in = (const struct op_port[]){{.name = "boxes", .shape = "[N, boxes, 4]: x1, y1, x2, y2", .plain = true},
                                   {.name = "scores", .shape = "[N, classes, boxes]", .plain = true},
                                   {0}},
    .out = (const struct op_port[]){{.name = "rows", .shape = "[N, most, 6]", .plain = true}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct suppressed_options),
    .infer = infer,
    .zero_gradient = true,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
