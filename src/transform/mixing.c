/* SPDX-License-Identifier: MIT */
/* Makes one sample from several. A picture of level 0 is a sample taken through the list up to its first mixing
 * transform; a picture of level n is the n-th mixing transform's result from pictures of level n - 1, taken through the
 * list up to the next mixing transform. */
#include "transform/mixing.h"
#include <math.h>
#include <string.h>

enum { MOST_LEVELS = 4 /* 2^MOST_LEVELS = MIXING_MOST_PARTS */, GROWTH = 2 /* a mix at most doubles a side */ };

/* The buffers of a finished picture, its mask and its second picture. */
struct target {
    uint8_t *pixels, *mask, *other;
    int      height, width, other_height, other_width;
};

struct mixer {
    const struct pipeline        *pipeline;
    const struct pipeline_key    *key;
    const struct pipeline_job    *job; /* of the sample itself, not of its partners */
    const struct mixing_partners *partners;
    struct pipeline_workspace    *workspace;
    struct mixed                 *mixed;
    struct error                 *error;
    int place[MOST_LEVELS + 1]; /* index in the list of each level's mixing transform; then the list's end */
    int levels;
};

/* ---- lists ------------------------------------------------------------------------------------------------------- */

bool pipeline_mixes(const struct pipeline *pipeline)
{
    for (int i = 0; i < pipeline_count(pipeline); i++) {
        if (pipeline_use(pipeline, i)->transform->kind == TRANSFORM_MIX) {
            return true;
        }
    }
    return false;
}

const char *pipeline_blends(const struct pipeline *pipeline)
{
    for (int i = 0; i < pipeline_count(pipeline); i++) {
        if (pipeline_use(pipeline, i)->transform->blends) {
            return pipeline_use(pipeline, i)->transform->name;
        }
    }
    return NULL;
}

int mixing_check(const struct pipeline *pipeline, struct error *error)
{
    int parts = 1;
    for (int i = 0; i < pipeline_count(pipeline); i++) {
        const struct transform *transform = pipeline_use(pipeline, i)->transform;
        parts *= transform->kind == TRANSFORM_MIX ? 1 + transform->partners : 1;
        if (parts > MIXING_MOST_PARTS) {
            return error_set(error, FOV_E_USAGE, "augmentation: up to %s a sample would be made of %d; at most %d",
                             transform->name, parts, MIXING_MOST_PARTS);
        }
    }
    return FOV_OK;
}

/* ---- workspace --------------------------------------------------------------------------------------------------- */

/* The pictures of all levels lie in one block: for each level those that it mixes, then the mix before the rest of the
 * list is applied. */
static size_t target_bytes(const struct pipeline_job *job)
{
    size_t area = (size_t)job->out_height * (size_t)job->out_width;
    size_t other = (size_t)job->other.out_height * (size_t)job->other.out_width * (size_t)job->other.channels;
    return area * (size_t)job->channels + (job->mask != NULL ? area : 0) + (job->other.pixels != NULL ? other : 0);
}

enum { CANVAS = GROWTH * GROWTH, LEVEL_TARGETS = TRANSFORM_MOST_PIECES + CANVAS };

static int reserve_targets(const struct mixer *mixer)
{
    struct pipeline_workspace *workspace = mixer->workspace;
    size_t need;
    if (!size_multiply(target_bytes(mixer->job), (size_t)mixer->levels * LEVEL_TARGETS, &need)) {
        return error_set(mixer->error, FOV_E_MEMORY, "pictures of several samples do not fit memory");
    }
    if (need > workspace->mixing_capacity) {
        uint8_t *larger = memory_allocate_raw(workspace->memory, need, 1, "augmentation", mixer->error);
        if (larger == NULL) {
            return FOV_E_MEMORY;
        }
        memory_free(workspace->memory, workspace->mixing);
        workspace->mixing = larger;
        workspace->mixing_capacity = need;
    }
    return FOV_OK;
}

/* Buffer `number` of a level; the last one, TRANSFORM_MOST_PIECES, is the larger one for the mix. */
static struct target target_at(const struct mixer *mixer, int level, int number, int height, int width)
{
    const struct pipeline_job *job = mixer->job;
    size_t first = (size_t)(level * LEVEL_TARGETS + number) * target_bytes(job);
    size_t area = (size_t)height * (size_t)width, pixels = area * (size_t)job->channels;
    struct target target = {.pixels = mixer->workspace->mixing + first, .height = height, .width = width};
    target.mask = job->mask != NULL ? target.pixels + pixels : NULL;
    if (job->other.pixels != NULL) {
        target.other = target.pixels + pixels + (job->mask != NULL ? area : 0);
        target.other_height = (int)((int64_t)job->other.out_height * height / job->out_height);
        target.other_width = (int)((int64_t)job->other.out_width * width / job->out_width);
    }
    return target;
}

/* workspace->boxes is a stack: each level works on the boxes that the levels below it have pushed. */
static int push_boxes(struct mixer *mixer, const struct pipeline_box *boxes, int count)
{
    struct pipeline_workspace *workspace = mixer->workspace;
    struct mixed *mixed = mixer->mixed;
    size_t need = (size_t)mixed->box_count + (size_t)count;
    if (need > workspace->box_capacity) {
        struct pipeline_box *larger =
            memory_allocate(workspace->memory, 2 * need, sizeof *larger, "boxes", mixer->error);
        if (larger == NULL) {
            return FOV_E_MEMORY;
        }
        if (mixed->box_count > 0) {
            memcpy(larger, workspace->boxes, (size_t)mixed->box_count * sizeof *larger);
        }
        memory_free(workspace->memory, workspace->boxes);
        workspace->boxes = larger;
        workspace->box_capacity = 2 * need;
    }
    for (int i = 0; i < count; i++) {
        if (!boxes[i].gone) {
            workspace->boxes[mixed->box_count++] = boxes[i];
        }
    }
    return FOV_OK;
}

/* Removes the boxes that are gone from the stack, from index `first` on. */
static void drop_gone(struct mixer *mixer, int first)
{
    struct pipeline_box *boxes = mixer->workspace->boxes;
    int kept = first;
    for (int i = first; i < mixer->mixed->box_count; i++) {
        if (!boxes[i].gone) {
            boxes[kept++] = boxes[i];
        }
    }
    mixer->mixed->box_count = kept;
}

/* ---- laying ------------------------------------------------------------------------------------------------------ */

static int scaled(int at, int from, int to)
{
    return (int)floor((double)at * to / from + 0.5);
}

static int held(int at, int count)
{
    return at < 0 ? 0 : at >= count ? count - 1 : at;
}

static void lay_row(uint8_t *to, const uint8_t *from, size_t values, uint32_t weight)
{
    if (weight == MIX_WHOLE) {
        memcpy(to, from, values);
        return;
    }
    for (size_t i = 0; i < values; i++) {
        to[i] = (uint8_t)((from[i] * weight + to[i] * (MIX_WHOLE - weight) + MIX_WHOLE / 2) / MIX_WHOLE);
    }
}

/* Copies one piece from a picture [rows, columns] into the result [to_rows, to_columns]. Both may be scaled versions of
 * the size that pieces refer to, as second pictures are. */
struct lay {
    const uint8_t *from;
    uint8_t       *to;
    int rows, columns, to_rows, to_columns, channels;
};

static void lay_piece(const struct lay *lay, const struct mix_piece *piece, int height, int width)
{
    int x = scaled(piece->x, width, lay->columns), left = scaled(piece->left, width, lay->columns);
    int y = scaled(piece->y, height, lay->rows), right = scaled(piece->right, width, lay->columns);
    int top = scaled(piece->top, height, lay->rows), bottom = scaled(piece->bottom, height, lay->rows);
    size_t channels = (size_t)lay->channels;
    int first = held(left - x, lay->columns), count = right - left;
    count = count < lay->columns - first ? count : lay->columns - first;
    count = count < lay->to_columns - left ? count : lay->to_columns - left;
    for (int row = top; row < bottom && row < lay->to_rows && count > 0; row++) {
        const uint8_t *from =
            lay->from + ((size_t)held(row - y, lay->rows) * (size_t)lay->columns + (size_t)first) * channels;
        uint8_t *to = lay->to + ((size_t)row * (size_t)lay->to_columns + (size_t)left) * channels;
        lay_row(to, from, (size_t)count * channels, (uint32_t)piece->weight);
    }
}

static void lay_pictures(const struct mixer *mixer, const struct mix *mix, const struct target *pictures, int count,
                         const struct target *result)
{
    const struct pipeline_job *job = mixer->job;
    size_t area = (size_t)result->height * (size_t)result->width;
    size_t other_area = (size_t)result->other_height * (size_t)result->other_width;
    memset(result->pixels, mix->fill, area * (size_t)job->channels);
    if (result->mask != NULL) {
        memset(result->mask, 255, area);
    }
    if (result->other != NULL) {
        memset(result->other, mix->fill, other_area * (size_t)job->other.channels);
    }
    for (int i = 0; i < count; i++) {
        const struct target *from = &pictures[i];
        struct lay lay = {from->pixels, result->pixels, from->height, from->width, result->height, result->width,
                          job->channels};
        lay_piece(&lay, &mix->piece[i], from->height, from->width);
        if (result->mask != NULL) {
            lay.from = from->mask;
            lay.to = result->mask;
            lay.channels = 1;
            lay_piece(&lay, &mix->piece[i], from->height, from->width);
        }
        if (result->other != NULL) {
            lay = (struct lay){from->other,           result->other,       from->other_height,  from->other_width,
                               result->other_height, result->other_width, job->other.channels};
            lay_piece(&lay, &mix->piece[i], from->height, from->width);
        }
    }
}

/* ---- boxes and shares -------------------------------------------------------------------------------------------- */

/* Shrinks a box to its part that a rectangle does not hide: the smallest box around the rest. */
static void hide(struct pipeline_box *box, const struct mix_piece *piece)
{
    float *at = box->at;
    const float left = (float)piece->left, top = (float)piece->top, right = (float)piece->right,
                bottom = (float)piece->bottom;
    bool across = left <= at[0] && right >= at[2], down = top <= at[1] && bottom >= at[3];
    if (across && bottom > at[1] && top < at[3]) {
        at[1] = top <= at[1] ? bottom : at[1];
        at[3] = bottom >= at[3] ? top : at[3];
    } else if (down && right > at[0] && left < at[2]) {
        at[0] = left <= at[0] ? right : at[0];
        at[2] = right >= at[2] ? left : at[2];
    }
    box->gone = box->gone || at[0] >= at[2] || at[1] >= at[3];
}

/* Moves the boxes first .. end - 1, which are those of piece `number`, with their piece and clips them to its visible
 * part. */
static void move_boxes(struct mixer *mixer, const struct mix *mix, int number, int count, int first, int end)
{
    const struct mix_piece *piece = &mix->piece[number];
    for (int i = first; i < end; i++) {
        struct pipeline_box *box = &mixer->workspace->boxes[i];
        box->at[0] = fmaxf(box->at[0] + (float)piece->x, (float)piece->left);
        box->at[1] = fmaxf(box->at[1] + (float)piece->y, (float)piece->top);
        box->at[2] = fminf(box->at[2] + (float)piece->x, (float)piece->right);
        box->at[3] = fminf(box->at[3] + (float)piece->y, (float)piece->bottom);
        box->gone = box->at[0] >= box->at[2] || box->at[1] >= box->at[3];
        for (int k = number + 1; k < count; k++) {
            if (mix->piece[k].weight == MIX_WHOLE && !box->gone) {
                hide(box, &mix->piece[k]);
            }
        }
    }
}

static double overlap(const struct mix_piece *a, const struct mix_piece *b)
{
    int width = (a->right < b->right ? a->right : b->right) - (a->left > b->left ? a->left : b->left);
    int height = (a->bottom < b->bottom ? a->bottom : b->bottom) - (a->top > b->top ? a->top : b->top);
    return width > 0 && height > 0 ? (double)width * height : 0;
}

/* The visible area of each piece as a share of the visible area of all. */
static void find_shares(const struct mix *mix, int count, double share[TRANSFORM_MOST_PIECES])
{
    double all = 0;
    for (int i = 0; i < count; i++) {
        const struct mix_piece *piece = &mix->piece[i];
        double weight = (double)piece->weight / MIX_WHOLE, seen = weight * overlap(piece, piece);
        for (int k = i + 1; k < count; k++) {
            seen -= weight * overlap(piece, &mix->piece[k]) * mix->piece[k].weight / MIX_WHOLE;
        }
        share[i] = seen > 0 ? seen : 0;
        all += share[i];
    }
    for (int i = 0; i < count; i++) {
        share[i] = all > 0 ? share[i] / all : 1.0 / count;
    }
}

/* ---- levels ------------------------------------------------------------------------------------------------------ */

/* Takes a job through places first .. end - 1 of the list, into `target`. */
static int finish(struct mixer *mixer, int first, int end, uint64_t sample, struct pipeline_job *job,
                  const struct target *target)
{
    const struct pipeline_key key = {mixer->key->seed, mixer->key->epoch, sample};
    job->out = target->pixels;
    job->out_height = target->height;
    job->out_width = target->width;
    job->out_mask = target->mask;
    job->other.out = target->other;
    job->other.out_height = target->other_height;
    job->other.out_width = target->other_width;
    return pipeline_apply_part(mixer->pipeline, first, end, &key, job, mixer->workspace, mixer->error);
}

static int make_single(struct mixer *mixer, uint64_t sample, const struct target *target)
{
    struct mixed *mixed = mixer->mixed;
    struct pipeline_job job = *mixer->job;
    int part = mixed->part_count++, status = FOV_OK;
    mixed->share[part] = 1;
    if (part > 0) {
        status = mixer->partners->read(mixer->partners->user, sample, part, &job, mixer->error);
    }
    status = status == FOV_OK ? finish(mixer, 0, mixer->place[0], sample, &job, target) : status;
    return status == FOV_OK ? push_boxes(mixer, job.boxes, job.box_count) : status;
}

/* Takes a level's mix through the list to the next mixing transform, or to the end. */
static int continue_list(struct mixer *mixer, int level, uint64_t sample, const struct target *from, int first_box,
                         const struct target *target)
{
    struct pipeline_job job = *mixer->job;
    job.pixels = from->pixels;
    job.mask = from->mask;
    job.height = from->height;
    job.width = from->width;
    job.other.pixels = from->other;
    job.other.height = from->other_height;
    job.other.width = from->other_width;
    job.boxes = mixer->workspace->boxes != NULL ? mixer->workspace->boxes + first_box : NULL;
    job.box_count = mixer->mixed->box_count - first_box;
    int status = finish(mixer, mixer->place[level - 1] + 1, mixer->place[level], sample, &job, target);
    drop_gone(mixer, first_box);
    return status;
}

static int make(struct mixer *mixer, int level, uint64_t sample, const struct target *target);

/* Makes the pictures that a level mixes, the sample's own and its partners', and scales the shares of their parts. */
static int make_pieces(struct mixer *mixer, int level, const uint64_t *samples, const struct mix *mix,
                       const struct target *pictures, int count)
{
    double share[TRANSFORM_MOST_PIECES];
    int status = FOV_OK;
    find_shares(mix, count, share);
    for (int i = 0; status == FOV_OK && i < count; i++) {
        int first_box = mixer->mixed->box_count, first_part = mixer->mixed->part_count;
        status = make(mixer, level - 1, samples[i], &pictures[i]);
        for (int part = first_part; part < mixer->mixed->part_count; part++) {
            mixer->mixed->share[part] *= share[i];
        }
        if (status == FOV_OK) {
            move_boxes(mixer, mix, i, count, first_box, mixer->mixed->box_count);
        }
    }
    return status;
}

static int make(struct mixer *mixer, int level, uint64_t sample, const struct target *target)
{
    if (level == 0) {
        return make_single(mixer, sample, target);
    }
    const struct transform_use *use = pipeline_use(mixer->pipeline, mixer->place[level - 1]);
    const struct pipeline_key key = {mixer->key->seed, mixer->key->epoch, sample};
    struct transform_draw draw = pipeline_draw(&key, mixer->place[level - 1]);
    int height = target->height, width = target->width, count = 1 + use->transform->partners;
    struct mix mix = {.height = height, .width = width};
    for (int i = 0; i < count; i++) {
        mix.piece[i] = (struct mix_piece){.right = width, .bottom = height, .weight = MIX_WHOLE};
    }
    if (!use->transform->mix(use->options, &draw, &mix)) {
        mix = (struct mix){.height = height, .width = width};
        mix.piece[0] = (struct mix_piece){.right = width, .bottom = height, .weight = MIX_WHOLE};
        count = 1;
    }
    uint64_t samples[TRANSFORM_MOST_PIECES] = {sample};
    struct target pictures[TRANSFORM_MOST_PIECES];
    for (int i = 0; i < count; i++) {
        samples[i] = i > 0 ? (uint64_t)draw_below(&draw, (int64_t)mixer->partners->count) : sample;
        pictures[i] = target_at(mixer, level - 1, i, height, width);
    }
    const struct target canvas = target_at(mixer, level - 1, TRANSFORM_MOST_PIECES, mix.height, mix.width);
    bool goes_on = mixer->place[level] > mixer->place[level - 1] + 1 || mix.height != height || mix.width != width;
    const struct target *result = goes_on ? &canvas : target;
    int first_box = mixer->mixed->box_count;
    int status = make_pieces(mixer, level, samples, &mix, pictures, count);
    if (status == FOV_OK) {
        drop_gone(mixer, first_box);
        lay_pictures(mixer, &mix, pictures, count, result);
    }
    return status == FOV_OK && goes_on ? continue_list(mixer, level, sample, &canvas, first_box, target) : status;
}

int pipeline_mix(const struct pipeline *pipeline, const struct pipeline_key *key, const struct pipeline_job *job,
                 const struct mixing_partners *partners, struct pipeline_workspace *workspace, struct mixed *mixed,
                 struct error *error)
{
    struct mixer mixer = {.pipeline = pipeline, .key = key, .job = job, .partners = partners, .workspace = workspace,
                          .mixed = mixed, .error = error};
    *mixed = (struct mixed){.part_count = 0};
    for (int i = 0; i < pipeline_count(pipeline); i++) {
        if (pipeline_use(pipeline, i)->transform->kind == TRANSFORM_MIX) {
            mixer.place[mixer.levels++] = i;
        }
    }
    mixer.place[mixer.levels] = pipeline_count(pipeline);
    int status = reserve_targets(&mixer);
    if (status == FOV_OK) {
        const struct target target = {.pixels = job->out, .mask = job->mask != NULL ? job->out_mask : NULL,
                                      .other = job->other.out, .height = job->out_height, .width = job->out_width,
                                      .other_height = job->other.out_height, .other_width = job->other.out_width};
        status = make(&mixer, mixer.levels, key->sample, &target);
    }
    mixed->boxes = workspace->boxes;
    return status;
}
