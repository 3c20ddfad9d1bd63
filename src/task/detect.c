/* SPDX-License-Identifier: MIT */
/* Detection: boxes around objects. The model's output has a row for each anchor point, [N, rows, 5 + classes], as in
 * YOLOX (see zoo/yolox.c): centre and size of a box, the probability of an object, and the probability of each class.
 * At each step an operator (op/yolox_loss/assign.c), which is part of the plan, assigns rows to objects. Read next:
 * detect_find.c, detect_tally.c. */
#include "task/detect.h"
#include "data/dataset.h"
#include "op/yolox_loss/yolox.h"
#include <fovea/operators.h>
#include <string.h>

static const char *const suppressions[] = {"hard", "linear", "gaussian", NULL}; /* by fov_suppression */

static const struct attribute attributes[] = {
    {ATTRIBUTE(struct detect_options, least), .kind = ATTRIBUTE_NUMBER, .standard = 0.25, .maximum = 1,
     .doc = "score from which a box is answered (measured are all from 0.001 on)"},
    {ATTRIBUTE(struct detect_options, overlap), .kind = ATTRIBUTE_NUMBER, .standard = 0.65, .maximum = 1,
     .doc = "IoU beyond which the better of two boxes suppresses the other"},
    {ATTRIBUTE(struct detect_options, suppress), .kind = ATTRIBUTE_CHOICE, .choices = suppressions,
     .doc = "the other box goes (hard), or its score falls"},
    {ATTRIBUTE(struct detect_options, agnostic), .kind = ATTRIBUTE_FLAG,
     .doc = "boxes of different classes suppress each other, too"},
    {ATTRIBUTE(struct detect_options, detector), .kind = ATTRIBUTE_CHOICE, .choices = boxes_form_names,
     .doc = "whose rows they are; auto: by their shape"},
    {ATTRIBUTE(struct detect_options, objects), .kind = ATTRIBUTE_INTEGER, .standard = 120, .minimum = 1,
     .maximum = 10000, .doc = "of a picture, at most; further ones are not looked at"},
    {.name = NULL},
};

const struct detect_options *detect_options_of(const struct task_use *use)
{
    return (const struct detect_options *)(const void *)use->options;
}

static fov_shape targets_shape(const struct task_use *use)
{
    return (fov_shape){3, {FOV_BATCH, 1 + detect_options_of(use)->objects, YOLOX_COLUMNS}};
}

bool detect_is_learned(const struct detect_state *state)
{
    return state->form == &boxes_forms[0];
}

static int fit(struct task_use *use, struct error *error)
{
    const struct boxes_form *form = NULL;
    struct boxes_rows rows = {.rows = 0};
    int status = fit_pictures(use, error), which = detect_options_of(use)->detector;
    if (status == FOV_OK) {
        form = boxes_form_of(use->model, use->model->output, which, &rows);
    }
    if (status == FOV_OK && form == NULL) {
        char text[SHAPE_TEXT_SIZE];
        fov_shape out = fov_value_shape(use->model->graph, use->model->output);
        status =
            error_set(error, FOV_E_SHAPE,
                      "output \"%s\" %s is not a detector's%s%s: [N, rows, 5 + classes], a row for each place of maps "
                      "of stride 8, 16 and 32 of pictures of %d x %d (docs/tasks.md has other forms)",
                      fov_value_name(use->model->graph, use->model->output), shape_text(&out, text),
                      which > 0 ? " in the form " : "", which > 0 ? boxes_form_names[which] : "",
                      use->prepare.size.height, use->prepare.size.width);
    }
    if (status == FOV_OK) {
        use->scores.classes = rows.classes;
        use->scores.is_probable = use->scores.meaning != FOV_MEANING_BOXES || use->scores.is_probable;
        status = fit_classes(use, rows.classes, error);
    }
    if (status == FOV_OK) {
        use->state = detect_state_create(use, form, &rows, error);
        status = use->state != NULL ? FOV_OK : FOV_E_MEMORY;
    }
    use->prepare.target = use->data != NULL ? PREPARE_BOXES : PREPARE_PICTURE;
    use->dtype = FOV_F32;
    use->target = targets_shape(use);
    return status;
}

static int learn(struct task_use *use, struct error *error)
{
    const struct detect_state *state = use->state;
    return detect_is_learned(state)
               ? FOV_OK
               : error_set(error, FOV_E_UNSUPPORTED,
                           "rows of the form %s are measured and answered; only YOLOX's are trained",
                           state->form->name);
}

static void close_use(struct task_use *use)
{
    detect_state_free(use->state);
    use->state = NULL;
}

/* Rounds the sides up to multiples of 32, the largest stride. */
static void network(const struct task_use *use, fov_network_options *wanted)
{
    (void)use;
    wanted->height = (wanted->height + 31) / 32 * 32;
    wanted->width = (wanted->width + 31) / 32 * 32;
}

/* ---- training ---------------------------------------------------------------------------------------------------- */

/* The logits log(p / (1 - p)) of the scores p, for a model whose output holds probabilities that come from no known
 * sigmoid. */
static fov_value invert(fov_graph *graph, fov_value rows, int classes)
{
    static const float one = 1;
    fov_value number = fov_constant(graph, NULL, FOV_F32, (fov_shape){0}, &one);
    fov_value share = fov_clip(graph, fov_slice(graph, rows, 2, 4, 1 + classes, 1), 1e-6F, 1 - 1e-6F);
    fov_value part[2] = {fov_slice(graph, rows, 2, 0, 4, 1),
                         fov_sub(graph, fov_log(graph, share), fov_log(graph, fov_sub(graph, number, share)))};
    return fov_concat(graph, part, 2, 2);
}

static void add_loss(const struct task_use *use, fov_graph *graph, struct task_ends *ends)
{
    const struct op_emitter *emitter = fov_graph_emitter(graph);
    struct model_picture picture = {.height = 32, .width = 32};
    (void)model_picture(use->model, &picture);
    const struct yolox_options options = {picture.height, picture.width};
    ends->targets = fov_input(graph, .name = "optimizer.labels", .shape = targets_shape(use));
    fov_value rows =
        ends->scores.is_probable ? invert(graph, ends->scores.logits, ends->scores.classes) : ends->scores.logits;
    fov_value object = op_emit2(emitter, "sim_ota", rows, ends->targets, &options);
    const fov_value in[] = {rows, ends->targets, object, op_emit_output(emitter, object, 1)};
    ends->loss = emitter->node(emitter->graph, "yolox_loss", in, 4, &options, "optimizer.loss");
}

static int write_boxes(const struct task_use *use, const struct prepared *prepared, size_t place, void *targets,
                       struct error *error)
{
    size_t lines = (size_t)use->target.dim[1], count = 0;
    float *line = (float *)targets + place * lines * YOLOX_COLUMNS;
    const struct picture *picture = &prepared->sample->picture;
    struct detect_frame frame = detect_frame_of(use, picture->height, picture->width);
    (void)error;
    memset(line, 0, lines * YOLOX_COLUMNS * sizeof *line);
    for (size_t i = 0; i < prepared->box_count && count + 1 < lines; i++) {
        const fov_box *box = &prepared->boxes[i];
        int label = box->label < use->match.data_classes ? use->match.model_class[box->label] : -1;
        if (label >= 0 && box->x2 > box->x1 && box->y2 > box->y1) {
            float *to = line + ++count * YOLOX_COLUMNS;
            to[YOLOX_CLASS] = (float)label;
            memcpy(to + YOLOX_BOX, (const float[]){box->x1, box->y1, box->x2, box->y2}, 4 * sizeof *to);
            to[YOLOX_MARKS] = (float)((box->difficult ? YOLOX_DIFFICULT : 0) + (box->crowd ? YOLOX_CROWD : 0));
        }
    }
    line[YOLOX_COUNT] = (float)count;
    line[YOLOX_L1] = prepared->part_count > 1 ? 0 : 1; /* boxes of mixed pictures are clipped, hence less exact */
    for (int axis = 0; axis < 2; axis++) {
        line[DETECT_SCALE + axis] = (float)frame.scale[axis];
        line[DETECT_CORNER + axis] = (float)frame.corner[axis];
    }
    return FOV_OK;
}

static void sum(const struct task_use *use, const struct model_scores *scores, const float *outputs,
                const void *targets, size_t count, double *sums)
{
    (void)use, (void)scores, (void)outputs, (void)targets, (void)count, (void)sums; /* no figure while training */
}

/* ---- an answer --------------------------------------------------------------------------------------------------- */

static int answer(const struct task_use *use, const struct task_output *output, fov_answer *answer, struct error *error)
{
    struct detect_state *state = use->state;
    struct memory *memory = use->model->context->memory;
    struct detect_frame frame = detect_frame_of(use, output->height, output->width);
    int status = answer_reserve(answer, use->model, state->of.classes, error);
    struct detect_found *found = memory_allocate(memory, DETECT_MOST_FOUND, sizeof *found, "boxes", error);
    answer->boxes = memory_allocate(memory, DETECT_MOST_FOUND, sizeof *answer->boxes, "boxes", error);
    if (status != FOV_OK || found == NULL || answer->boxes == NULL) {
        memory_free(memory, found);
        return FOV_E_MEMORY;
    }
    answer->measure = "boxes";
    int64_t count = detect_find(use, state, output->numbers, false, detect_options_of(use)->least, found, error);
    for (int64_t i = 0; i < count; i++) {
        double at[4];
        if (detect_unmap_inside(&frame, found[i].box, output->height, output->width, at)) {
            struct fov_answer_item *item = &answer->items[found[i].label];
            answer->boxes[answer->box_count++] =
                (fov_answer_box){item->index, item->name, found[i].score, at[0], at[1], at[2], at[3]};
            item->value += 1.0;
        }
    }
    memory_free(memory, found);
    return count < 0 ? (int)error->status : FOV_OK;
}

static const struct task_figure figures[] = {
    {.name = "map",
     .column = "map",
     .is_share = true,
     .heading = "mAP",
     .doc = "mean average precision as COCO has it, over IoU 0.5 to 0.95"},
    {.name = "map50", .column = "map50", .is_share = true, .heading = "mAP50", .doc = "the same at IoU 0.5 alone"},
    {.name = "map75", .column = "map75", .is_share = true, .doc = "the same at IoU 0.75 alone"},
    {.name = NULL},
};

const struct task task_detect = {
    .name = "detect",
    .summary = "boxes around objects, each with its class",
    .target = FOV_TARGET_BOXES,
    .targets = 1U << FOV_TARGET_BOXES,
    .augment = "flip",
    .attributes = attributes,
    .options_size = sizeof(struct detect_options),
    .figures = figures,
    .per_pixel = true,
    .fit = fit,
    .learn = learn,
    .network = network,
    .close = close_use,
    .add_loss = add_loss,
    .write = write_boxes,
    .sum = sum,
    .tally_open = detect_tally_open,
    .tally_close = detect_tally_close,
    .tally_reset = detect_tally_reset,
    .tally_add = detect_tally_add,
    .tally_figures = detect_tally_figures,
    .tally_report = detect_tally_report,
    .answer = answer,
};

struct detect_state *detect_open(struct task_use *use, const fov_model *model, struct error *error)
{
    *use = (struct task_use){.model = model};
    int status = task_choose(use, NULL, FOV_TARGET_BOXES, error);
    if (status == FOV_OK && use->task != &task_detect) { /* a program's own task, whose options have another type */
        status = task_choose(use, task_detect.name, FOV_TARGET_BOXES, error);
    }
    status = status == FOV_OK ? task_fit(use, error) : status;
    return status == FOV_OK ? use->state : NULL;
}
