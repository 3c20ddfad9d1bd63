/* SPDX-License-Identifier: MIT */
/* Multiplies the geometry of a list of transforms into one map and resamples the picture through it. A map that only
 * crops whole pixels and resizes uses the resizing of predictions (image/resize.h), so that a random resized crop gives
 * the same pixels as Pillow; any other uses image_warp. */
#include "transform/pipeline.h"
#include "base/text.h"
#include "transform/mixing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    MOST_USES = 32,
    WORD_SIZE = 512,                        /* bytes of one transform with its options, as text */
    TEXT_SIZE = MOST_USES * (WORD_SIZE + 2) /* bytes of the list: ", " stands between two transforms */,
    MOST_REACH = 96
};

struct pipeline {
    struct memory *memory;
    struct transform_use uses[MOST_USES];
    int count;
    char text[TEXT_SIZE];
};

static const struct {
    const char *name, *text;
} presets[] = {
    {"mnist", "rotate:10, shear:5, scale:0.1, translate:0.08"},
    {"cifar", "crop:4:border=reflect, flip"},
    {"imagenet", "random-resized-crop, flip"},
    {"segment", "flip, vertical-flip, rotate:180, scale:0.1, elastic:60:sigma=10"},
    {"none", ""},
};

const char *pipeline_preset(size_t index, const char **name)
{
    if (index >= sizeof presets / sizeof *presets) {
        return NULL;
    }
    *name = presets[index].name;
    return presets[index].text;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static const char *name_at(const void *list, size_t index)
{
    (void)list;
    return transform_table[index]->name;
}

/* One transform, "NAME:VALUE:OPTION=VALUE". */
static int read_use(struct transform_use *use, char *word, struct error *error)
{
    char *colon = strchr(word, ':');

    if (colon != NULL) {
        *colon = '\0';
    }
    *use = (struct transform_use){.transform = transform_find(word)};
    if (use->transform == NULL) {
        const char *near = text_nearest(word, NULL, transform_table_count, name_at);

        return error_set(error, FOV_E_USAGE, "there is no transform \"%s\"%s%s%s", word,
                         near != NULL ? ": did you mean " : "", near != NULL ? near : "", near != NULL ? "?" : "");
    }
    attribute_defaults(use->transform->attributes, use->options, use->transform->options_size);
    return colon == NULL ? FOV_OK
                         : attribute_read(use->transform->attributes, use->options, use->transform->name, colon + 1,
                                          error);
}

static int read_list(struct pipeline *pipeline, const char *text, struct error *error)
{
    while (*text != '\0') {
        size_t length = strcspn(text, ",");
        const char *begin = text, *end = text + length;
        char word[WORD_SIZE];

        text = *end == ',' ? end + 1 : end;
        while (begin < end && *begin == ' ') {
            begin++;
        }
        while (end > begin && end[-1] == ' ') {
            end--;
        }
        if (begin == end) {
            continue; /* a comma at the end */
        }
        if ((size_t)(end - begin) >= sizeof word || pipeline->count == MOST_USES) {
            return error_set(error, FOV_E_USAGE, "augmentation: at most %d transforms of %d letters each", MOST_USES,
                             WORD_SIZE - 1);
        }
        memcpy(word, begin, (size_t)(end - begin));
        word[end - begin] = '\0';
        if (read_use(&pipeline->uses[pipeline->count], word, error) != FOV_OK) {
            return (int)error->status;
        }
        pipeline->count++;
    }
    return FOV_OK;
}

/* Writes the list with every option, so that a later version with other defaults reads the same list. Refuses a
 * transform whose text read_list would refuse. */
static int write_text(struct pipeline *pipeline, struct error *error)
{
    size_t length = 0;

    for (int i = 0; i < pipeline->count; i++) {
        const struct transform_use *use = &pipeline->uses[i];
        char word[WORD_SIZE];
        size_t used = text_append(word, sizeof word, 0, "%s", use->transform->name);

        used = attribute_write(use->transform->attributes, use->options, word, sizeof word, used);
        if (used + 1 == sizeof word) {
            return error_set(error, FOV_E_USAGE, "augmentation: %s with all its options has more than %d letters",
                             use->transform->name, WORD_SIZE - 2);
        }
        length = text_append(pipeline->text, TEXT_SIZE, length, "%s%s", i > 0 ? ", " : "", word);
    }
    return FOV_OK;
}

struct pipeline *pipeline_create(struct memory *memory, const char *text, struct error *error)
{
    struct pipeline *pipeline = memory_allocate(memory, 1, sizeof *pipeline, "augmentation", error);

    if (pipeline == NULL) {
        return NULL;
    }
    pipeline->memory = memory;
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        text = strcmp(text, presets[i].name) == 0 ? presets[i].text : text;
    }
    if (read_list(pipeline, text, error) != FOV_OK || mixing_check(pipeline, error) != FOV_OK ||
        write_text(pipeline, error) != FOV_OK) {
        pipeline_free(pipeline);
        return NULL;
    }
    return pipeline;
}

void pipeline_free(struct pipeline *pipeline)
{
    if (pipeline != NULL) {
        memory_free(pipeline->memory, pipeline);
    }
}

const char *pipeline_text(const struct pipeline *pipeline)
{
    return pipeline->text;
}

int pipeline_count(const struct pipeline *pipeline)
{
    return pipeline->count;
}

const struct transform_use *pipeline_use(const struct pipeline *pipeline, int place)
{
    return &pipeline->uses[place];
}

/* ---- workspace --------------------------------------------------------------------------------------------------- */

void pipeline_workspace_free(struct pipeline_workspace *workspace)
{
    resize_free(&workspace->resize);
    if (workspace->memory != NULL) {
        memory_free(workspace->memory, workspace->bytes);
        memory_free(workspace->memory, workspace->mixing);
        memory_free(workspace->memory, workspace->field);
        memory_free(workspace->memory, workspace->boxes);
    }
    *workspace = (struct pipeline_workspace){.memory = workspace->memory};
}

static int reserve(struct memory *memory, void **block, size_t *capacity, size_t count, size_t size,
                   struct error *error)
{
    void *larger;

    if (count <= *capacity) {
        return FOV_OK;
    }
    larger = memory_allocate_raw(memory, count, size, "augmentation", error);
    if (larger == NULL) {
        return FOV_E_MEMORY;
    }
    memory_free(memory, *block);
    *block = larger;
    *capacity = count;
    return FOV_OK;
}

static int reserve_bytes(struct pipeline_workspace *workspace, size_t count, struct error *error)
{
    void *block = workspace->bytes;
    int status = reserve(workspace->memory, &block, &workspace->byte_capacity, count, 1, error);

    workspace->bytes = block;
    return status;
}

static int reserve_field(struct pipeline_workspace *workspace, size_t count, struct error *error)
{
    void *block = workspace->field;
    int status = reserve(workspace->memory, &block, &workspace->field_capacity, count, sizeof(float), error);

    workspace->field = block;
    return status;
}

/* ---- elastic fields ---------------------------------------------------------------------------------------------- */

/* to[i] = sum of weights[t] * from[i + t * step], in order of t; LANES sums side by side. */
static void weigh(const float *from, int64_t step, const float *weights, int count, float *to, int64_t width)
{
    enum { LANES = 8 };
    int64_t i = 0;

    for (; i + LANES <= width; i += LANES) {
        float sum[LANES] = {0};

        for (int t = 0; t < count; t++) {
            for (int k = 0; k < LANES; k++) {
                sum[k] += weights[t] * from[i + t * step + k];
            }
        }
        memcpy(to + i, sum, sizeof sum);
    }
    for (; i < width; i++) {
        float sum = 0;

        for (int t = 0; t < count; t++) {
            sum += weights[t] * from[i + t * step];
        }
        to[i] = sum;
    }
}

/* Smooths one row of the field horizontally, with zeros beyond its ends. `padded`: workspace for the row and `reach`
 * points on either side. */
static void smooth_row(float *row, int64_t columns, const float *weights, int reach, float *padded, float *to)
{
    size_t beyond = (size_t)reach * 2 * sizeof *padded;

    memset(padded, 0, beyond);
    memcpy(padded + 2 * reach, row, (size_t)columns * 2 * sizeof *row);
    memset(padded + 2 * (reach + columns), 0, beyond);
    weigh(padded, 2, weights, 2 * reach + 1, to, columns * 2);
}

/* Smooths the field vertically, with zeros beyond the first and the last row. */
static void smooth_columns(const float *from, int64_t rows, int64_t width, const float *weights, int reach, float *to)
{
    for (int64_t r = 0; r < rows; r++) {
        int64_t first = r < reach ? -r : -reach, last = rows - 1 - r < reach ? rows - 1 - r : reach;

        weigh(from + (r + first) * width, width, weights + reach + first, (int)(last - first) + 1, to + r * width,
              width);
    }
}

static size_t field_floats(int64_t rows, int64_t columns)
{
    return (size_t)(rows * columns + columns + 2 * MOST_REACH) * 2;
}

/* Makes the elastic field [rows][columns][2]: noise in [-1, 1), smoothed by a Gaussian, times the strength. `work`:
 * workspace of field_floats() floats. */
static void make_field(const struct geometry *geometry, int64_t rows, int64_t columns, float *field, float *work)
{
    int reach = (int)fmin(ceil(3 * geometry->elastic_reach), MOST_REACH);
    double weights[2 * MOST_REACH + 1], sum = 0;
    float row_weights[2 * MOST_REACH + 1], column_weights[2 * MOST_REACH + 1];

    for (int t = -reach; t <= reach; t++) {
        sum += weights[t + reach] = exp(-t * t / (2 * geometry->elastic_reach * geometry->elastic_reach));
    }
    for (int t = 0; t <= 2 * reach; t++) {
        row_weights[t] = (float)(weights[t] / sum);
        column_weights[t] = (float)(weights[t] / sum * geometry->elastic_strength);
    }
    for (int64_t i = 0; i < 2 * rows * columns; i += 4) {
        uint32_t drawn[4];

        random_block(geometry->elastic_draw.key, geometry->elastic_draw.next + (uint64_t)i / 4, drawn);
        for (int64_t k = 0; k < 4 && i + k < 2 * rows * columns; k++) {
            field[i + k] = (float)drawn[k] * 0x1p-31F - 1;
        }
    }
    for (int64_t r = 0; r < rows; r++) {
        float *row = field + r * columns * 2;

        smooth_row(row, columns, row_weights, reach, work + rows * columns * 2, work + r * columns * 2);
    }
    smooth_columns(work, rows, columns * 2, column_weights, reach, field);
}

/* ---- a sample ---------------------------------------------------------------------------------------------------- */

/* The transforms of one sample: the list, with each policy replaced by its choices. */
struct chosen {
    struct transform_use uses[MOST_USES * TRANSFORM_MOST_CHOICES];
    struct transform_draw draws[MOST_USES * TRANSFORM_MOST_CHOICES];
    int count;
};

struct transform_draw pipeline_draw(const struct pipeline_key *key, int place)
{
    return (struct transform_draw){{key->seed, RANDOM_AUGMENT + ((uint32_t)place << 8), key->epoch}, key->sample << 24};
}

static void choose(const struct pipeline *pipeline, int begin, int end, const struct pipeline_key *key,
                   struct chosen *chosen)
{
    chosen->count = 0;
    for (int i = begin; i < end; i++) {
        const struct transform_use *use = &pipeline->uses[i];
        struct transform_draw draw = pipeline_draw(key, i);
        int first = chosen->count;

        if (use->transform->kind == TRANSFORM_POLICY) {
            chosen->count += use->transform->choose(use->options, &draw, &chosen->uses[first]);
        } else {
            chosen->uses[chosen->count++] = *use;
        }
        for (int k = first; k < chosen->count; k++) {
            chosen->draws[k] = draw;
            chosen->draws[k].next += (uint64_t)(k - first) << 20;
        }
    }
}

/* Whether the map only crops a box of whole pixels and resizes it, perhaps mirrored; box: top, left, height, width. */
static bool is_cut(const struct image_warp *warp, int box[4])
{
    const double *m = warp->map.at;
    double width = fabs(m[0]) * warp->out_width, height = m[4] * warp->out_height;
    double left = m[0] < 0 ? m[2] - width : m[2], top = m[5];
    const double numbers[4] = {top, left, height, width};

    if (warp->displacement != NULL || m[1] != 0 || m[3] != 0 || m[6] != 0 || m[7] != 0 || m[8] != 1 || m[4] <= 0) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        double whole = floor(numbers[i] + 0.5);

        if (fabs(numbers[i] - whole) > 1e-6 || whole < (i < 2 ? 0 : 1) || whole > 1 << 20) {
            return false;
        }
        box[i] = (int)whole;
    }
    return box[0] + box[2] <= warp->height && box[1] + box[3] <= warp->width;
}

static void mirror(uint8_t *pixels, int rows, int columns, int channels)
{
    for (int r = 0; r < rows; r++, pixels += (size_t)columns * (size_t)channels) {
        for (int left = 0, right = columns - 1; left < right; left++, right--) {
            for (int c = 0; c < channels; c++) {
                uint8_t *a = pixels + left * channels + c, *b = pixels + right * channels + c, kept = *a;

                *a = *b;
                *b = kept;
            }
        }
    }
}

static int resample(const struct image_warp *warp, uint8_t *out, struct pipeline_workspace *workspace,
                    struct error *error)
{
    size_t channels = (size_t)warp->channels, row;
    int box[4], status;

    if (!is_cut(warp, box) || (box[2] == warp->out_height && box[3] == warp->out_width)) {
        image_warp(warp, out);
        return FOV_OK;
    }
    row = (size_t)box[3] * channels;
    status = reserve_bytes(workspace, (size_t)box[2] * row, error);
    for (int r = 0; r < box[2] && status == FOV_OK; r++) {
        size_t from = ((size_t)(box[0] + r) * (size_t)warp->width + (size_t)box[1]) * channels;

        memcpy(workspace->bytes + (size_t)r * row, warp->in + from, row);
    }
    if (status == FOV_OK) {
        status = image_resize(workspace->bytes, box[2], box[3], warp->channels, out, warp->out_height, warp->out_width,
                              &workspace->resize, error);
    }
    if (status == FOV_OK && warp->map.at[0] < 0) {
        mirror(out, warp->out_height, warp->out_width, warp->channels);
    }
    return status;
}

/* Multiplies all geometry transforms, then the final resize to the job's output size. */
static void multiply(struct chosen *chosen, const struct pipeline_job *job, struct geometry *geometry)
{
    struct image_map last = image_map_identity;

    *geometry = (struct geometry){.map = image_map_identity, .height = job->height, .width = job->width,
                                   .wanted_height = job->out_height, .wanted_width = job->out_width};
    for (int i = 0; i < chosen->count; i++) {
        if (chosen->uses[i].transform->kind == TRANSFORM_GEOMETRY) {
            chosen->uses[i].transform->geometry(chosen->uses[i].options, &chosen->draws[i], geometry);
        }
    }
    last.at[0] = geometry->width / job->out_width;
    last.at[4] = geometry->height / job->out_height;
    geometry_then(geometry, &last);
}

static void move_boxes(const struct image_warp *warp, const struct pipeline_job *job)
{
    struct image_map inverse;
    bool found = image_map_invert(&warp->map, &inverse);

    for (int i = 0; i < job->box_count; i++) {
        float moved[4];

        job->boxes[i].gone = !found || !image_warp_box(warp, &inverse, job->boxes[i].at, moved);
        if (!job->boxes[i].gone) {
            memcpy(job->boxes[i].at, moved, sizeof moved);
        }
    }
}

/* Moves the second picture through the same map: its coordinates are the first one's, scaled, before and after the
 * map. */
static int move_other(const struct image_warp *warp, const struct pipeline_job *job,
                      struct pipeline_workspace *workspace, struct error *error)
{
    const struct pipeline_other *other = &job->other;
    struct image_map before = image_map_identity, after = image_map_identity;
    struct image_warp moved = *warp;

    if (warp->displacement != NULL && (other->out_height != job->out_height || other->out_width != job->out_width)) {
        return error_set(error, FOV_E_UNSUPPORTED, "elastic: a target of another size than the picture's");
    }
    before.at[0] = (double)job->out_width / other->out_width;
    before.at[4] = (double)job->out_height / other->out_height;
    after.at[0] = (double)other->width / job->width;
    after.at[4] = (double)other->height / job->height;
    moved.map = image_map_multiply(&warp->map, &before);
    moved.map = image_map_multiply(&after, &moved.map);
    moved.in = other->pixels;
    moved.height = other->height;
    moved.width = other->width;
    moved.channels = other->channels;
    moved.out_height = other->out_height;
    moved.out_width = other->out_width;
    return resample(&moved, other->out, workspace, error);
}

static int apply_colours(struct chosen *chosen, const struct pipeline_job *job, struct pipeline_workspace *workspace,
                         struct error *error)
{
    struct colours colours = {job->out, job->out_height, job->out_width, job->channels, NULL};
    int status =
        reserve_bytes(workspace, (size_t)job->out_height * (size_t)job->out_width * (size_t)job->channels, error);

    colours.workspace = workspace->bytes;
    for (int i = 0; i < chosen->count && status == FOV_OK; i++) {
        if (chosen->uses[i].transform->kind == TRANSFORM_COLOUR) {
            chosen->uses[i].transform->colour(chosen->uses[i].options, &chosen->draws[i], &colours);
        }
    }
    return status;
}

int pipeline_apply_part(const struct pipeline *pipeline, int first, int end, const struct pipeline_key *key,
                        const struct pipeline_job *job, struct pipeline_workspace *workspace, struct error *error)
{
    size_t points = (size_t)job->out_height * (size_t)job->out_width * 2;
    struct geometry geometry;
    struct chosen chosen;
    struct image_warp warp = {.in = job->pixels,
                              .height = job->height,
                              .width = job->width,
                              .channels = job->channels,
                              .out_height = job->out_height,
                              .out_width = job->out_width};
    int status = FOV_OK;

    workspace->resize.memory = workspace->memory;
    choose(pipeline, first, end, key, &chosen);
    multiply(&chosen, job, &geometry);
    warp.map = geometry.map;
    warp.border = geometry.border;
    if (geometry.elastic_strength > 0) {
        status = reserve_field(workspace, points + field_floats(job->out_height, job->out_width), error);
        if (status == FOV_OK) {
            make_field(&geometry, job->out_height, job->out_width, workspace->field, workspace->field + points);
            warp.displacement = workspace->field;
        }
    }
    status = status == FOV_OK ? resample(&warp, job->out, workspace, error) : status;
    if (status == FOV_OK && job->mask != NULL) {
        struct image_warp mask = warp;

        mask.in = job->mask;
        mask.channels = 1;
        mask.nearest = true;
        mask.outside = 255;
        image_warp(&mask, job->out_mask);
    }
    if (status == FOV_OK && job->other.pixels != NULL) {
        status = move_other(&warp, job, workspace, error);
    }
    move_boxes(&warp, job);
    return status == FOV_OK ? apply_colours(&chosen, job, workspace, error) : status;
}

int pipeline_apply(const struct pipeline *pipeline, const struct pipeline_key *key, const struct pipeline_job *job,
                   struct pipeline_workspace *workspace, struct error *error)
{
    if (pipeline_mixes(pipeline)) {
        return error_set(error, FOV_E_UNSUPPORTED, "\"%s\" makes one sample of several: there is only one here",
                         pipeline->text);
    }
    return pipeline_apply_part(pipeline, 0, pipeline->count, key, job, workspace, error);
}
