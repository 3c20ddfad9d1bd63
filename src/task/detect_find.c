/* SPDX-License-Identifier: MIT */
/* From a detector's rows to boxes: takes the best class of each row, drops scores below a threshold, suppresses boxes
 * that overlap a better box of the same class, and converts coordinates to those of the original picture. */
#include "detect/suppress.h"
#include "task/detect.h"
#include <math.h>
#include <stdlib.h>

struct detect_state *detect_state_create(const struct task_use *use, const struct boxes_form *form,
                                         const struct boxes_rows *of, struct error *error)
{
    struct memory *memory = use->model->context->memory;
    struct detect_state *state = memory_allocate(memory, 1, sizeof *state, "a task", error);
    if (state == NULL) {
        return NULL;
    }
    *state = (struct detect_state){.memory = memory, .form = form, .of = *of};
    size_t most = DETECT_MOST_CANDIDATES;
    state->candidates = memory_allocate(memory, of->rows, sizeof *state->candidates, "boxes", error);
    state->boxes = memory_allocate(memory, most, 4 * sizeof *state->boxes, "boxes", error);
    state->scores = memory_allocate(memory, most, sizeof *state->scores, "boxes", error);
    state->kept_scores = memory_allocate(memory, most, sizeof *state->kept_scores, "boxes", error);
    state->labels = memory_allocate(memory, most, sizeof *state->labels, "boxes", error);
    state->kept = memory_allocate(memory, most, sizeof *state->kept, "boxes", error);
    if (error->status != FOV_OK) {
        detect_state_free(state);
        return NULL;
    }
    return state;
}

void detect_state_free(struct detect_state *state)
{
    if (state != NULL) {
        struct memory *memory = state->memory;
        memory_free(memory, state->kept);
        memory_free(memory, state->labels);
        memory_free(memory, state->kept_scores);
        memory_free(memory, state->scores);
        memory_free(memory, state->boxes);
        memory_free(memory, state->candidates);
        memory_free(memory, state);
    }
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static int by_score(const void *first, const void *second)
{
    const struct detect_candidate *a = first, *b = second;
    if (a->score != b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return a->row < b->row ? -1 : a->row > b->row;
}

/* Whether a decoded box is finite: the exponential of a finite number may not be. */
static bool is_finite_box(const double box[4])
{
    return isfinite(box[0]) && isfinite(box[1]) && isfinite(box[2]) && isfinite(box[3]);
}

int64_t detect_find(const struct task_use *use, struct detect_state *state, const float *rows, bool logits,
                    double least, struct detect_found *found, struct error *error)
{
    const struct detect_options *o = detect_options_of(use);
    struct boxes_rows of = state->of;
    size_t count = 0;
    of.logits = logits;
    if (state->form->look != NULL) {
        state->form->look(&of, rows);
    }
    for (size_t row = 0; row < of.rows; row++) {
        struct detect_candidate candidate = {.row = row};
        candidate.score = state->form->score(&of, rows, row, &candidate.label);
        if (isnan(candidate.score) || (isinf(candidate.score) && candidate.score > 0)) {
            error_set(error, FOV_E_NUMERIC, "the score of the box in row %zu is not finite", row);
            return -1;
        }
        if (candidate.score >= least && candidate.label < 0 && candidate.score > 0) {
            size_t class = row * (size_t)of.numbers + (size_t)state->form->first_class + 1; /* behind the score */
            error_set(
                error, FOV_E_INPUT,
                "the box in row %zu has class %g, and there are %d classes: the model needs a name for each class of "
                "the network, or none",
                row, (double)rows[class], of.classes);
            return -1;
        }
        if (candidate.score >= least && candidate.label >= 0) {
            state->candidates[count++] = candidate;
        }
    }
    qsort(state->candidates, count, sizeof *state->candidates, by_score);
    count = count < DETECT_MOST_CANDIDATES ? count : DETECT_MOST_CANDIDATES;
    for (size_t i = 0; i < count; i++) {
        state->form->box(&of, rows, state->candidates[i].row, state->boxes + 4 * i);
        if (!is_finite_box(state->boxes + 4 * i)) {
            error_set(error, FOV_E_NUMERIC, "the box in row %zu, with score %.3g, is not finite",
                      state->candidates[i].row, state->candidates[i].score);
            return -1;
        }
        state->scores[i] = state->candidates[i].score;
        state->labels[i] = state->candidates[i].label;
    }
    const fov_suppress_options how = {.kind = (fov_suppression)o->suppress,
                                      .overlap = state->form->is_kept ? 1 : o->overlap,
                                      .least = least,
                                      .agnostic = o->agnostic,
                                      .most = DETECT_MOST_FOUND};
    int64_t kept = boxes_suppress(state->memory, (int64_t)count, state->boxes, state->scores, state->labels, &how,
                                  state->kept, state->kept_scores, error);
    for (int64_t i = 0; i < kept; i++) {
        const double *box = state->boxes + 4 * state->kept[i];
        found[i] = (struct detect_found){.label = state->labels[state->kept[i]],
                                         .row = state->candidates[state->kept[i]].row,
                                         .score = state->kept_scores[i],
                                         .box = {box[0], box[1], box[2], box[3]}};
    }
    return kept;
}

int detect_scores_of(const struct detect_state *state, size_t row, int label, size_t places[2])
{
    const struct boxes_rows *of = &state->of;
    const int numbers[2] = {state->form->object, state->form->first_class + (state->form->is_kept ? 0 : label)};
    int count = 0;
    for (int i = 0; i < 2; i++) {
        if (numbers[i] >= 0) {
            places[count++] = of->across ? (size_t)numbers[i] * of->rows + row
                                         : row * (size_t)of->numbers + (size_t)numbers[i];
        }
    }
    return count;
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

struct detect_frame detect_frame_of(const struct task_use *use, int height, int width)
{
    const fov_preprocessing *p = &use->model->preprocessing;
    const struct picture_size *size = &use->prepare.size;
    if (p->letterbox != FOV_LETTERBOX_NONE) {
        fov_letterbox box =
            fov_letterbox_of(width, height, size->width, size->height, p->letterbox == FOV_LETTERBOX_CENTRED);
        return (struct detect_frame){{box.scale, box.scale}, {box.left, box.top}};
    }
    return (struct detect_frame){
        {(double)(size->width - 2 * p->pad) / width, (double)(size->height - 2 * p->pad) / height}, {p->pad, p->pad}};
}

void detect_unmap(const struct detect_frame *frame, const double box[4], double picture[4])
{
    for (int i = 0; i < 4; i++) {
        picture[i] = (box[i] - frame->corner[i % 2]) / frame->scale[i % 2];
    }
}

static double within(double at, int size)
{
    return at < 0 ? 0 : at > size ? size : at;
}

bool detect_unmap_inside(const struct detect_frame *frame, const double box[4], int height, int width,
                         double picture[4])
{
    detect_unmap(frame, box, picture);
    for (int i = 0; i < 4; i++) {
        picture[i] = within(picture[i], i % 2 == 0 ? width : height);
    }
    return picture[2] > picture[0] && picture[3] > picture[1];
}
