/* SPDX-License-Identifier: MIT */
/* A contact sheet of samples: pictures with their targets, masks as a tint, boxes with the names of their classes, a
 * second picture next to the first; and next to each sample its augmented versions. Everything is drawn from the output
 * of a pipeline of transforms, so that the sheet shows what training sees. Read next: plot.h, transform/pipeline.h. */
#include "base/arithmetic.h"
#include "base/text.h"
#include "base/utf8.h"
#include "data/dataset.h"
#include "report/plot.h"
#include "transform/mixing.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    SIDE = 180,
    GAP = 10,
    CAPTION = 18,
    LETTERS = 12,
    VARIANTS = 4,
    ACROSS = 6,
    MOST = 400,
    LEGEND = 24,
    TEXT = 120
};

/* One picture on the sheet. */
struct cell {
    uint8_t *pixels; /* RGB [height, width, 3], then [other_height, other_width, 3] of a second picture */
    int height, width, other_height, other_width;
    struct pipeline_box *boxes; /* in pixels of the cell */
    size_t box_count;
    char caption[TEXT];
};

struct sheet {
    const struct fov_dataset *dataset;
    struct memory *memory;
    struct cell *cells;
    size_t count;
    int across;                     /* cells in a row */
    double cell_width, cell_height; /* points */
    bool has_class[256];            /* classes that occur in the masks */
};

/* ---- colours ----------------------------------------------------------------------------------------------------- */

/* Hues of successive classes are a golden angle apart, so that neighbouring indices have very different colours. */
static struct plot_color class_color(int label)
{
    double hue = fmod(0.58 + 0.61803398875 * label, 1.0) * 6, part[3];
    for (int c = 0; c < 3; c++) {
        double at = fmod(hue + 2.0 * (3 - c) + 0.0, 6.0);
        part[c] = fmin(fmax(fabs(at - 3) - 1, 0), 1);
    }
    return (struct plot_color){0.1 + 0.8 * part[0], 0.1 + 0.8 * part[1], 0.1 + 0.8 * part[2]};
}

/* Tints a picture with the colours of its mask's classes; ignored pixels (255) become grey. */
static void tint(struct sheet *sheet, uint8_t *rgb, const uint8_t *mask, size_t area)
{
    for (size_t i = 0; i < area; i++) {
        struct plot_color color = mask[i] == 255 ? (struct plot_color){0.5, 0.5, 0.5} : class_color(mask[i]);
        const double part[3] = {color.red, color.green, color.blue};
        sheet->has_class[mask[i]] = true;
        for (size_t c = 0; c < 3; c++) {
            rgb[3 * i + c] = (uint8_t)(0.55 * rgb[3 * i + c] + 0.45 * 255 * part[c]);
        }
    }
}

/* ---- cells ------------------------------------------------------------------------------------------------------- */

/* The buffers for reading a sample and making its cells. */
struct renderer {
    struct sheet *sheet;
    struct sample sample, partner;
    struct pipeline_workspace workspace;
    struct shown {
        uint8_t *rgb, *other; /* first and second picture as RGB */
        size_t rgb_capacity, other_capacity;
        struct pipeline_box *boxes; /* the sample's boxes, input of the pipeline */
        size_t box_capacity;
    } own, mixed; /* the sample itself, and a sample that is mixed with it */
    uint8_t *mask; /* output of the pipeline */
    size_t mask_capacity;
};

static int reserve(struct memory *memory, uint8_t **bytes, size_t *capacity, size_t need, struct error *error)
{
    if (need > *capacity) {
        uint8_t *larger = memory_allocate_raw(memory, need, 1, "a sheet", error);
        if (larger == NULL) {
            return FOV_E_MEMORY;
        }
        memory_free(memory, *bytes);
        *bytes = larger;
        *capacity = need;
    }
    return FOV_OK;
}

static int in_colours(struct renderer *renderer, const struct picture *picture, uint8_t **rgb, size_t *capacity,
                      struct error *error)
{
    size_t area = (size_t)picture->height * (size_t)picture->width;
    int status = reserve(renderer->sheet->memory, rgb, capacity, 3 * area, error);
    if (status == FOV_OK) {
        image_convert(picture->pixels, picture->channels, *rgb, 3, area);
    }
    return status;
}

/* The size of a picture in a cell: reduced to at most two pixels per point, never enlarged. */
static void fit(int height, int width, int *fitted_height, int *fitted_width)
{
    int larger = height > width ? height : width;
    double factor = larger > 2 * SIDE ? 2.0 * SIDE / larger : 1;
    *fitted_height = (int)fmax(1, floor(height * factor + 0.5));
    *fitted_width = (int)fmax(1, floor(width * factor + 0.5));
}

/* Fills a job of the pipeline with a sample, converted to RGB. */
static int give(struct renderer *renderer, const struct sample *sample, struct shown *shown, struct pipeline_job *job,
                struct error *error)
{
    fov_target target = renderer->sheet->dataset->target;
    struct memory *memory = renderer->sheet->memory;
    int status = in_colours(renderer, &sample->picture, &shown->rgb, &shown->rgb_capacity, error);
    job->pixels = shown->rgb;
    job->height = sample->picture.height;
    job->width = sample->picture.width;
    job->channels = 3;
    job->mask = target == FOV_TARGET_MASK ? sample->mask.pixels : NULL;
    if (status == FOV_OK && target == FOV_TARGET_PICTURE) {
        status = in_colours(renderer, &sample->other, &shown->other, &shown->other_capacity, error);
        job->other.pixels = shown->other;
        job->other.height = sample->other.height;
        job->other.width = sample->other.width;
        job->other.channels = 3;
    }
    size_t boxes = status == FOV_OK && target == FOV_TARGET_BOXES ? sample->box_count : 0;
    if (boxes > shown->box_capacity) {
        memory_free(memory, shown->boxes);
        shown->box_capacity = 0;
        shown->boxes = memory_allocate(memory, boxes, sizeof *shown->boxes, "a sheet", error);
        if (shown->boxes == NULL) {
            return FOV_E_MEMORY;
        }
        shown->box_capacity = boxes;
    }
    for (size_t i = 0; i < boxes; i++) {
        const fov_box *box = &sample->boxes[i];
        shown->boxes[i] = (struct pipeline_box){.at = {box->x1, box->y1, box->x2, box->y2}, .label = box->label};
    }
    job->boxes = shown->boxes;
    job->box_count = (int)boxes;
    return status;
}

static int give_partner(void *user, uint64_t index, int part, struct pipeline_job *job, struct error *error)
{
    struct renderer *renderer = user;
    (void)part;
    int status = dataset_read(renderer->sheet->dataset, (size_t)index, &renderer->partner, error);
    return status ? status : give(renderer, &renderer->partner, &renderer->mixed, job, error);
}

/* Runs the pipeline and copies the boxes that it returns to the cell. */
static int apply(struct renderer *renderer, const struct pipeline *pipeline, const struct pipeline_key *key,
                 const struct pipeline_job *job, struct cell *cell, struct error *error)
{
    const struct mixing_partners partners = {renderer->sheet->dataset->count, give_partner, renderer};
    struct mixed mixed = {.boxes = job->boxes, .box_count = job->box_count};
    int status = pipeline_mixes(pipeline)
                     ? pipeline_mix(pipeline, key, job, &partners, &renderer->workspace, &mixed, error)
                     : pipeline_apply(pipeline, key, job, &renderer->workspace, error);
    if (status == FOV_OK && mixed.box_count > 0) {
        size_t count = (size_t)mixed.box_count;
        cell->boxes = memory_allocate(renderer->sheet->memory, count, sizeof *cell->boxes, "a sheet", error);
        status = cell->boxes != NULL ? FOV_OK : FOV_E_MEMORY;
        if (status == FOV_OK) {
            memcpy(cell->boxes, mixed.boxes, count * sizeof *cell->boxes);
            cell->box_count = count;
        }
    }
    return status;
}

/* Adds a cell with the pipeline's output for the sample; a second picture is drawn to the right of the first. */
static int make_cell(struct renderer *renderer, const struct pipeline *pipeline, const struct pipeline_key *key,
                     struct error *error)
{
    struct sheet *sheet = renderer->sheet;
    struct memory *memory = sheet->memory;
    const struct sample *sample = &renderer->sample;
    struct cell *cell = &sheet->cells[sheet->count++];
    fov_target target = sheet->dataset->target;
    struct pipeline_job job = {.pixels = NULL};
    fit(sample->picture.height, sample->picture.width, &cell->height, &cell->width);
    if (target == FOV_TARGET_PICTURE) {
        fit(sample->other.height, sample->other.width, &cell->other_height, &cell->other_width);
    }
    size_t other = (size_t)cell->other_height * (size_t)cell->other_width;
    size_t area = (size_t)cell->height * (size_t)cell->width;
    int status = give(renderer, sample, &renderer->own, &job, error);
    cell->pixels = memory_allocate_raw(memory, area + other, 3, "a sheet", error);
    status = status == FOV_OK && cell->pixels == NULL ? FOV_E_MEMORY : status;
    if (status == FOV_OK && target == FOV_TARGET_MASK) {
        status = reserve(memory, &renderer->mask, &renderer->mask_capacity, area, error);
    }
    if (status != FOV_OK) {
        return status;
    }
    job.out_height = cell->height;
    job.out_width = cell->width;
    job.out = cell->pixels;
    job.out_mask = renderer->mask;
    job.other.out_height = cell->other_height;
    job.other.out_width = cell->other_width;
    job.other.out = cell->pixels + 3 * area;
    status = apply(renderer, pipeline, key, &job, cell, error);
    if (status == FOV_OK && target == FOV_TARGET_MASK) {
        tint(sheet, cell->pixels, renderer->mask, area);
    }
    return status;
}

/* Writes the caption above a sample: its index and its target. */
static void caption(const struct sheet *sheet, const struct sample *sample, size_t index, char out[TEXT])
{
    const struct fov_dataset *data = sheet->dataset;
    char name[61];
    size_t used = text_append(out, TEXT, 0, "#%zu", index);
    switch (data->target) {
    case FOV_TARGET_CLASS:
        text_append(out, TEXT, used, "  %s", utf8_cut(name, sizeof name, data->class_names[sample->label]));
        break;
    case FOV_TARGET_CLASSES:
        for (int i = 0; i < data->classes; i++) {
            if (sample->numbers[i] > 0) {
                used = text_append(out, TEXT, used, "  %s", utf8_cut(name, 41, data->class_names[i]));
            }
        }
        break;
    case FOV_TARGET_VALUES:
        for (int i = 0; i < data->values && i < 4; i++) {
            used = text_append(out, TEXT, used, "  %s %.4g", utf8_cut(name, 21, data->value_names[i]),
                               (double)sample->numbers[i]);
        }
        break;
    case FOV_TARGET_BOXES:
        text_append(out, TEXT, used, "  %zu box%s", sample->box_count, sample->box_count == 1 ? "" : "es");
        break;
    default:
        break;
    }
}

/* Adds the cells of one sample: the unchanged sample, then its augmented versions. */
static int add_sample(struct renderer *renderer, const struct pipeline *still, const struct pipeline *augment,
                      size_t index, struct error *error)
{
    struct sheet *sheet = renderer->sheet;
    struct sample *sample = &renderer->sample;
    struct pipeline_key key = {sheet->dataset->context->seed, 0, index};
    struct cell *first = &sheet->cells[sheet->count];
    int status = dataset_read(sheet->dataset, index, sample, error);
    status = status ? status : make_cell(renderer, still, &key, error);
    if (status == FOV_OK) {
        caption(sheet, sample, index, first->caption);
    }
    for (int i = 0; i < VARIANTS && augment != NULL && status == FOV_OK; i++) {
        key.epoch = (uint64_t)i;
        status = make_cell(renderer, augment, &key, error);
        if (status == FOV_OK) {
            snprintf(sheet->cells[sheet->count - 1].caption, TEXT, "epoch %d", i + 1);
        }
    }
    return status;
}

/* ---- drawing ----------------------------------------------------------------------------------------------------- */

/* Draws the boxes of a picture, each with the name of its class where there is room. */
static void draw_boxes(struct plot *plot, const struct sheet *sheet, const struct cell *cell, double x, double y,
                       double scale)
{
    for (size_t i = 0; i < cell->box_count; i++) {
        const struct pipeline_box *box = &cell->boxes[i];
        if (box->gone) {
            continue;
        }
        struct plot_color color = class_color(box->label);
        double left = x + scale * (double)box->at[0], top = y + scale * (double)box->at[1];
        double right = x + scale * (double)box->at[2], bottom = y + scale * (double)box->at[3];
        plot_line(plot, left, top, right, top, color, 1.5);
        plot_line(plot, right, top, right, bottom, color, 1.5);
        plot_line(plot, right, bottom, left, bottom, color, 1.5);
        plot_line(plot, left, bottom, left, top, color, 1.5);
        char name[41];
        utf8_cut(name, sizeof name, sheet->dataset->class_names[box->label]);
        double width = plot_text_width(plot, LETTERS - 3, false, name) + 4, line = LETTERS;
        if (width <= right - left + 24) { // smaller boxes are identified by colour only
            plot_box(plot, left, top, width, line, color);
            bool is_light = 0.3 * color.red + 0.6 * color.green + 0.1 * color.blue > 0.55;
            plot_text(plot, left + 2, top + line / 2, -1, LETTERS - 3, is_light ? PLOT_INK : PLOT_PAPER, false, false,
                      name);
        }
    }
}

static void draw_legend(struct plot *plot, const struct sheet *sheet, double y)
{
    double x = GAP;
    for (int i = 0, shown = 0; i < sheet->dataset->classes && i < 255 && shown < LEGEND; i++) {
        if (sheet->has_class[i] || sheet->dataset->target == FOV_TARGET_BOXES) {
            const char *name = sheet->dataset->class_names[i];
            plot_box(plot, x, y, LETTERS, LETTERS, class_color(i));
            plot_text(plot, x + LETTERS + 4, y + LETTERS / 2.0, -1, LETTERS, PLOT_INK, false, false, name);
            x += LETTERS + 20 + plot_text_width(plot, LETTERS, false, name);
            shown++;
        }
    }
}

static void draw(struct plot *plot, const void *what)
{
    const struct sheet *sheet = what;
    bool paired = sheet->dataset->target == FOV_TARGET_PICTURE;
    double rows = ceil((double)sheet->count / sheet->across);
    for (size_t i = 0; i < sheet->count; i++) {
        const struct cell *cell = &sheet->cells[i];
        double x = GAP + (double)(i % (size_t)sheet->across) * (sheet->cell_width + GAP);
        double y = GAP + (double)(i / (size_t)sheet->across) * (sheet->cell_height + CAPTION + GAP);
        double larger = cell->height > cell->width ? cell->height : cell->width, scale = SIDE / larger;
        plot_text(plot, x, y + CAPTION / 2.0, -1, LETTERS, PLOT_INK, false, false, cell->caption);
        plot_picture(plot, x, y + CAPTION, scale * cell->width, cell->pixels, cell->height, cell->width);
        if (paired) {
            plot_picture(plot, x + scale * cell->width + 2, y + CAPTION, scale * cell->width,
                         cell->pixels + 3 * (size_t)cell->height * (size_t)cell->width, cell->other_height,
                         cell->other_width);
        }
        draw_boxes(plot, sheet, cell, x, y + CAPTION, scale);
    }
    if (sheet->dataset->target == FOV_TARGET_MASK || sheet->dataset->target == FOV_TARGET_BOXES) {
        draw_legend(plot, sheet, GAP + rows * (sheet->cell_height + CAPTION + GAP));
    }
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static void measure(struct sheet *sheet)
{
    double width = 0, height = 0;
    for (size_t i = 0; i < sheet->count; i++) {
        const struct cell *cell = &sheet->cells[i];
        double larger = cell->height > cell->width ? cell->height : cell->width;
        width = fmax(width, SIDE * cell->width / larger);
        height = fmax(height, SIDE * cell->height / larger);
    }
    sheet->cell_width = sheet->dataset->target == FOV_TARGET_PICTURE ? 2 * width + 2 : width;
    sheet->cell_height = height;
}

static void shown_free(struct shown *shown, struct memory *memory)
{
    memory_free(memory, shown->rgb);
    memory_free(memory, shown->other);
    memory_free(memory, shown->boxes);
}

static int make_sheet(struct sheet *sheet, const fov_sheet_options *options, const char *path, struct error *error)
{
    struct memory *memory = sheet->memory;
    const struct fov_dataset *data = sheet->dataset;
    size_t there = (size_t)options->first < data->count ? data->count - (size_t)options->first : 0;
    size_t wanted = options->count > 0 ? (size_t)options->count : 12, count = wanted < there ? wanted : there;
    struct renderer renderer = {.sheet = sheet, .workspace = {.memory = memory}};
    struct pipeline *still = pipeline_create(memory, "none", error);
    struct pipeline *augment = options->augment && still ? pipeline_create(memory, options->augment, error) : NULL;
    int status = still && (augment || !options->augment) ? FOV_OK : (int)error->status;
    sample_begin(&renderer.sample, memory);
    sample_begin(&renderer.partner, memory);
    sheet->across = augment ? 1 + VARIANTS : count < ACROSS ? (int)count : ACROSS;
    if (status == FOV_OK && augment != NULL && data->target == FOV_TARGET_MASK && pipeline_blends(augment) != NULL) {
        status = error_set(error, FOV_E_UNSUPPORTED, "%s: a pixel of a mask is of one class; cutmix and mosaic can be had",
                           pipeline_blends(augment));
    }
    if (status == FOV_OK && (count == 0 || count > MOST)) {
        status = error_set(error, FOV_E_USAGE, "a sheet is of 1 to %d samples, not %zu", MOST, count);
    }
    if (status == FOV_OK) {
        sheet->cells =
            memory_allocate(memory, count * (augment ? 1 + VARIANTS : 1), sizeof *sheet->cells, "a sheet", error);
        status = sheet->cells ? FOV_OK : FOV_E_MEMORY;
    }
    for (size_t i = 0; i < count && status == FOV_OK; i++) {
        size_t place = options->spread ? i * (there / count) : i;
        status = add_sample(&renderer, still, augment, (size_t)options->first + place, error);
    }
    if (status == FOV_OK) {
        measure(sheet);
        double rows = ceil((double)sheet->count / sheet->across);
        double width = GAP + sheet->across * (sheet->cell_width + GAP);
        bool legend = data->target == FOV_TARGET_MASK || data->target == FOV_TARGET_BOXES;
        double height = GAP + rows * (sheet->cell_height + CAPTION + GAP) + (legend ? LETTERS + GAP : 0);
        status = plot_files(fmax(width, 320), height, draw, sheet, NULL, path, error);
    }
    pipeline_free(still);
    pipeline_free(augment);
    pipeline_workspace_free(&renderer.workspace);
    sample_free(&renderer.sample);
    sample_free(&renderer.partner);
    shown_free(&renderer.own, memory);
    shown_free(&renderer.mixed, memory);
    memory_free(memory, renderer.mask);
    return status;
}

int fov_dataset_sheet(fov_dataset *dataset, const fov_sheet_options *options, const char *path)
{
    const fov_sheet_options standard = {.count = 0};
    if (dataset == NULL) {
        return FOV_E_USAGE;
    }
    options = options ? options : &standard;
    struct error error = {.status = FOV_OK};
    struct sheet sheet = {.dataset = dataset, .memory = dataset->context->memory};
    if (path == NULL || options->first < 0 || options->count < 0) {
        error_set(&error, FOV_E_USAGE, "fov_dataset_sheet: %s", path ? "a negative place or number" : "no path given");
    } else {
        struct call call = call_begin(dataset->context);
        (void)make_sheet(&sheet, options, path, &error);
        call_end(&call);
    }
    for (size_t i = 0; i < sheet.count; i++) {
        memory_free(sheet.memory, sheet.cells[i].pixels);
        memory_free(sheet.memory, sheet.cells[i].boxes);
    }
    memory_free(sheet.memory, sheet.cells);
    return error.status ? (int)error_set(&dataset->context->error, error.status, "%s", error.text) : FOV_OK;
}
