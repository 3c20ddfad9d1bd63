/* SPDX-License-Identifier: MIT */
/* Non-maximum suppression: hard, where a box goes that overlaps a better one, and soft, where its score falls (Bodla,
 * Singh, Chellappa & Davis, "Soft-NMS", 2017). Next: overlap.c (the IoU). */
#include "detect/suppress.h"
#include "device/context.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

struct candidate {
    double score;
    int64_t place;
};

/* What is selected from. */
struct crowd {
    const double *boxes;
    const int32_t *classes; /* NULL: all meet */
    fov_suppress_options how;
    struct candidate *left; /* [count] */
    int64_t count;
};

static int by_score(const void *first, const void *second)
{
    const struct candidate *a = first, *b = second;
    if (a->score != b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return a->place < b->place ? -1 : a->place > b->place;
}

static double overlap_of(const struct crowd *crowd, int64_t a, int64_t b)
{
    bool meet = crowd->classes == NULL || crowd->classes[a] == crowd->classes[b];
    return meet ? fov_box_overlap(FOV_OVERLAP_IOU, crowd->boxes + 4 * a, crowd->boxes + 4 * b) : -1.0;
}

static int64_t suppress_hard(struct crowd *crowd, int64_t most, int64_t *kept, double *scores)
{
    int64_t count = 0;
    qsort(crowd->left, (size_t)crowd->count, sizeof *crowd->left, by_score);
    for (int64_t i = 0; i < crowd->count && count < most; i++) {
        int64_t place = crowd->left[i].place;
        bool stays = true;
        for (int64_t k = 0; k < count && stays; k++) {
            double overlap = overlap_of(crowd, place, kept[k]);
            stays = overlap < 0.0 || !(overlap > crowd->how.overlap);
        }
        if (stays) {
            scores[count] = crowd->left[i].score;
            kept[count++] = place;
        }
    }
    return count;
}

static double soften(const fov_suppress_options *how, double score, double overlap)
{
    if (how->kind == FOV_SUPPRESS_LINEAR) {
        return overlap >= how->overlap ? score * (1.0 - overlap) : score;
    }
    return score * exp(-overlap * overlap / how->sigma);
}

static int64_t suppress_soft(struct crowd *crowd, int64_t most, int64_t *kept, double *scores)
{
    int64_t count = 0;
    while (crowd->count > 0 && count < most) {
        int64_t best = 0;
        for (int64_t i = 1; i < crowd->count; i++) {
            best = by_score(&crowd->left[i], &crowd->left[best]) < 0 ? i : best;
        }
        struct candidate taken = crowd->left[best];
        if (taken.score < crowd->how.least) {
            break;
        }
        scores[count] = taken.score;
        kept[count++] = taken.place;
        crowd->left[best] = crowd->left[--crowd->count];
        for (int64_t i = 0; i < crowd->count; i++) {
            struct candidate *other = &crowd->left[i];
            double overlap = overlap_of(crowd, taken.place, other->place);
            other->score = overlap < 0.0 ? other->score : soften(&crowd->how, other->score, overlap);
        }
    }
    return count;
}

static int check_options(const fov_suppress_options *how, struct error *error)
{
    if ((unsigned)how->kind > FOV_SUPPRESS_GAUSSIAN || how->most < 0 || !isfinite(how->overlap) ||
        !isfinite(how->sigma) || !isfinite(how->least)) {
        return error_set(error, FOV_E_USAGE,
                         "suppression: kind %d, overlap %g, sigma %g, least %g, most %" PRId64
                         ": there are three kinds, numbers are finite, most is 0 and more",
                         (int)how->kind, how->overlap, how->sigma, how->least, how->most);
    }
    return FOV_OK;
}

int64_t boxes_suppress(struct memory *memory, int64_t count, const double *boxes, const double *scores,
                       const int32_t *classes, const fov_suppress_options *options, int64_t *kept,
                       double *final_scores, struct error *error)
{
    struct crowd crowd = {.boxes = boxes, .count = count, .how = {.overlap = 0.65}};
    bool are_finite = true;
    if (count < 0 || (count > 0 && (boxes == NULL || scores == NULL || kept == NULL))) {
        error_set(error, FOV_E_USAGE, "boxes to suppress: %" PRId64 ", or no boxes, scores or places", count);
        return -1;
    }
    crowd.how = options != NULL ? *options : crowd.how;
    if (check_options(&crowd.how, error) != FOV_OK) {
        return -1;
    }
    crowd.how.sigma = crowd.how.sigma > 0.0 ? crowd.how.sigma : 0.5;
    crowd.classes = crowd.how.agnostic ? NULL : classes;
    crowd.left = memory_allocate_raw(memory, (size_t)count, sizeof *crowd.left, "boxes", error);
    double *workspace =
        crowd.left ? memory_allocate_raw(memory, (size_t)count, sizeof *workspace, "boxes", error) : NULL;
    int64_t stay = -1;
    for (int64_t i = 0; workspace != NULL && are_finite && i < count; i++) {
        are_finite = isfinite(scores[i]);
        for (int k = 0; k < 4; k++) {
            are_finite = are_finite && isfinite(boxes[4 * i + k]);
        }
        if (!are_finite) {
            error_set(error, FOV_E_USAGE, "boxes to suppress: a number of box %" PRId64 " is not finite", i);
        }
        crowd.left[i] = (struct candidate){scores[i], i};
    }
    if (workspace != NULL && are_finite) {
        int64_t most = crowd.how.most > 0 ? crowd.how.most : count;
        double *out = final_scores != NULL ? final_scores : workspace;
        stay = crowd.how.kind == FOV_SUPPRESS_HARD ? suppress_hard(&crowd, most, kept, out)
                                                   : suppress_soft(&crowd, most, kept, out);
    }
    memory_free(memory, workspace);
    memory_free(memory, crowd.left);
    return stay;
}

int64_t fov_boxes_suppress(fov_context *context, int64_t count, const double *boxes, const double *scores,
                           const int32_t *classes, const fov_suppress_options *options, int64_t *kept,
                           double *final_scores)
{
    if (context == NULL) {
        return -1;
    }
    call_fresh(context);
    if (context->error.status != FOV_OK) {
        return -1;
    }
    return boxes_suppress(context->memory, count, boxes, scores, classes, options, kept, final_scores,
                          &context->error);
}
