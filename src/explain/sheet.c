/* SPDX-License-Identifier: MIT */
/* Sheets of small pictures, enlarged by whole factors so that a number stays a square, or, where they are large, reduced
 * by whole factors, so that a pixel is the mean of a square of numbers. */
#include "explain/sheet.h"
#include "image/draw.h"
#include "task/detect.h"
#include <limits.h>
#include <math.h>
#include <string.h>

enum { MOST_CELLS = 48, SHEET_WIDTH = 960, MOST_SIDE = 320, GAP = 2, FILTER_SIDE = 40, PAPER = 128 };

struct grid {
    int cells, across, down, zoom, height, width; /* of a cell's own pixels */
    int block; /* side of the square of numbers that is a pixel */
};

/* `most`: pixels of a cell's longer side. */
static struct grid arrange(int cells, int height, int width, int wanted, int most)
{
    int longer = height > width ? height : width, block = longer > most ? (longer - 1) / most + 1 : 1;
    struct grid g = {.cells = cells < MOST_CELLS ? cells : MOST_CELLS, .block = block};
    g.height = (height + block - 1) / block;
    g.width = (width + block - 1) / block;
    g.zoom = wanted / longer > 1 ? wanted / longer : 1;
    g.across = SHEET_WIDTH / (width * g.zoom + GAP);
    g.across = g.across < 1 ? 1 : g.across < g.cells ? g.across : g.cells;
    g.down = (g.cells + g.across - 1) / g.across;
    return g;
}

static int make_sheet(const fov_explainer *e, const struct grid *g, int channels, fov_image *sheet)
{
    struct memory *memory = e->model->context->memory;
    int height = g->down * (g->height * g->zoom + GAP) - GAP, width = g->across * (g->width * g->zoom + GAP) - GAP;
    size_t bytes = (size_t)height * (size_t)width * (size_t)channels;
    uint8_t *pixels = memory_allocate(memory, bytes, 1, "a sheet", &e->model->context->error);
    if (pixels == NULL) {
        return FOV_E_MEMORY;
    }
    memset(pixels, PAPER, bytes);
    *sheet = (fov_image){height, width, channels, pixels, memory, NULL};
    return FOV_OK;
}

static void put(const fov_image *sheet, const struct grid *g, int cell, int y, int x, const uint8_t *value)
{
    size_t top = (size_t)(cell / g->across * (g->height * g->zoom + GAP) + y * g->zoom);
    size_t left = (size_t)(cell % g->across * (g->width * g->zoom + GAP) + x * g->zoom);
    size_t channels = (size_t)sheet->channels;
    for (size_t down = 0; down < (size_t)g->zoom; down++) {
        for (size_t across = 0; across < (size_t)g->zoom; across++) {
            memcpy(sheet->pixels + ((top + down) * (size_t)sheet->width + left + across) * channels, value, channels);
        }
    }
}

/* The mean of the block of a map [height, width] that pixel (y, x) of a cell shows. */
static float mean_of(const struct grid *g, const float *map, int height, int width, int y, int x)
{
    int bottom = (y + 1) * g->block < height ? (y + 1) * g->block : height;
    int right = (x + 1) * g->block < width ? (x + 1) * g->block : width;
    double sum = 0.0;
    for (int row = y * g->block; row < bottom; row++) {
        for (int column = x * g->block; column < right; column++) {
            sum += (double)map[(size_t)row * (size_t)width + (size_t)column];
        }
    }
    return (float)(sum / ((double)(bottom - y * g->block) * (right - x * g->block)));
}

int sheet_of_maps(const fov_explainer *e, const fov_activation *maps, fov_image *sheet)
{
    struct grid g = arrange(maps->channels, maps->height, maps->width, 76, MOST_SIDE);
    int status = make_sheet(e, &g, 1, sheet);
    for (int cell = 0; cell < g.cells && status == FOV_OK; cell++) {
        const float *map = maps->values + (size_t)cell * (size_t)maps->height * (size_t)maps->width;
        float least = map[0], most = map[0];
        for (int i = 0; i < maps->height * maps->width; i++) {
            least = fminf(least, map[i]);
            most = fmaxf(most, map[i]);
        }
        float range = most > least ? most - least : 1.0F;
        for (int i = 0; i < g.height * g.width; i++) {
            float value = mean_of(&g, map, maps->height, maps->width, i / g.width, i % g.width);
            uint8_t grey = (uint8_t)lrintf((value - least) / range * 255.0F);
            put(sheet, &g, cell, i / g.width, i % g.width, &grey);
        }
    }
    return status;
}

int sheet_of_filters(const fov_explainer *e, const fov_filters *filters, fov_image *sheet)
{
    int channels = filters->channels == 3 ? 3 : 1, area = filters->height * filters->width;
    struct grid g = arrange(filters->filters, filters->height, filters->width, FILTER_SIDE, MOST_SIDE);
    float most = 0.0F;
    for (int i = 0; i < filters->filters * filters->channels * area; i++) {
        most = fmaxf(most, fabsf(filters->values[i]));
    }
    int status = make_sheet(e, &g, channels, sheet);
    for (int cell = 0; cell < g.cells && status == FOV_OK; cell++) {
        const float *filter = filters->values + (size_t)cell * (size_t)filters->channels * (size_t)area;
        for (int i = 0; i < g.height * g.width; i++) {
            uint8_t value[3] = {0};
            for (int c = 0; c < channels; c++) {
                float mean = mean_of(&g, filter + c * area, filters->height, filters->width, i / g.width, i % g.width);
                float share = most > 0.0F ? mean / most : 0.0F;
                value[c] = (uint8_t)lrintf(127.5F + 127.5F * share);
            }
            put(sheet, &g, cell, i / g.width, i % g.width, value);
        }
    }
    return status;
}

/* Is this pixel on the frame around the field? The frame lies outside, so that a field of few pixels stays visible. */
static bool is_frame(const int field[4], int y, int x, int thick)
{
    int below = y - (field[0] + field[2] - 1), above = field[0] - y;
    int right = x - (field[1] + field[3] - 1), left = field[1] - x;
    int out_y = above > below ? above : below, out_x = left > right ? left : right;
    int out = out_y > out_x ? out_y : out_x; /* pixels outside of the field; at most 0 inside */
    return out > 0 && out <= thick;
}

int sheet_of_field(const fov_explainer *e, const int field[4], fov_image *sheet)
{
    struct grid g = arrange(1, e->picture.height, e->picture.width, 224, INT_MAX);
    static const uint8_t frame[3] = {230, 159, 0};
    int longer = e->picture.height > e->picture.width ? e->picture.height : e->picture.width;
    int thick = longer / 56 > 1 ? longer / 56 : 1, inner[4];
    for (int axis = 0; axis < 2; axis++) { /* a large field that touches the edge has its frame inside */
        int size = axis == 0 ? e->picture.height : e->picture.width;
        bool begins = field[axis] == 0 && field[2 + axis] > size / 2, ends = field[axis] + field[2 + axis] == size;
        ends = ends && field[2 + axis] > size / 2;
        inner[axis] = field[axis] + (begins ? thick : 0);
        inner[2 + axis] = field[2 + axis] - (begins ? thick : 0) - (ends ? thick : 0);
    }
    int status = make_sheet(e, &g, 3, sheet);
    for (int y = 0; y < e->picture.height && status == FOV_OK; y++) {
        for (int x = 0; x < e->picture.width; x++) {
            const uint8_t *from =
                e->seen.pixels + ((size_t)y * (size_t)e->picture.width + (size_t)x) * (size_t)e->seen.channels;
            uint8_t value[3] = {from[0], from[e->seen.channels == 3 ? 1 : 0], from[e->seen.channels == 3 ? 2 : 0]};
            put(sheet, &g, 0, y, x, is_frame(inner, y, x, thick) ? frame : value);
        }
    }
    return status;
}

/* ---- what is explained ------------------------------------------------------------------------------------------- */

static int line_width(const fov_explainer *e)
{
    int longer = e->picture.height > e->picture.width ? e->picture.height : e->picture.width;
    return longer / 200 > 1 ? longer / 200 : 1;
}

static void frame_box(const fov_explainer *e, const fov_image *picture, int box, int line, const uint8_t rgb[3])
{
    const struct canvas_rgb canvas = {picture->pixels, picture->height, picture->width};
    const double *at = e->found[box].box;
    const double limit[4] = {0, 0, picture->width, picture->height};
    int corner[4];
    for (int i = 0; i < 4; i++) {
        corner[i] = (int)lround(fmin(fmax(at[i], limit[0]), limit[2 + i % 2]));
    }
    draw_frame(&canvas, corner[0], corner[1], corner[2], corner[3], line, rgb);
}

/* Is this pixel inside the region, and at most `line` pixels from its edge? */
static bool is_edge(const fov_explainer *e, int y, int x, int line)
{
    for (int k = 1; k <= line && explain_region_has(e, y, x); k++) {
        if (!explain_region_has(e, y - k, x) || !explain_region_has(e, y + k, x) || !explain_region_has(e, y, x - k) ||
            !explain_region_has(e, y, x + k)) {
            return true;
        }
    }
    return false;
}

void sheet_outline(const fov_explainer *e, const fov_image *picture)
{
    static const uint8_t white[3] = {255, 255, 255};
    int line = line_width(e);
    if (e->rows.id != 0) {
        frame_box(e, picture, e->box, line, white);
    }
    for (int y = 0; y < picture->height && e->region_width > 0; y++) {
        for (int x = 0; x < picture->width; x++) {
            if (is_edge(e, y, x, line)) {
                memcpy(picture->pixels + 3 * ((size_t)y * (size_t)picture->width + (size_t)x), white, 3);
            }
        }
    }
}

static void tint_region(const fov_explainer *e, const fov_image *sheet)
{
    uint8_t rgb[3];
    fov_class_colour(e->answer, rgb);
    for (int y = 0; y < sheet->height; y++) {
        for (int x = 0; x < sheet->width; x++) {
            uint8_t *at = sheet->pixels + 3 * ((size_t)y * (size_t)sheet->width + (size_t)x);
            for (int c = 0; explain_region_has(e, y, x) && c < 3; c++) {
                at[c] = (uint8_t)((at[c] + rgb[c]) / 2);
            }
        }
    }
}

int sheet_of_answer(const fov_explainer *e, fov_image *sheet)
{
    struct memory *memory = e->model->context->memory;
    size_t area = (size_t)e->seen.height * (size_t)e->seen.width, channels = (size_t)e->seen.channels;
    uint8_t *pixels = memory_allocate_raw(memory, area, 3, "a sheet", &e->model->context->error);
    if (pixels == NULL) {
        return FOV_E_MEMORY;
    }
    for (size_t i = 0; i < area * 3; i++) {
        pixels[i] = e->seen.pixels[channels == 3 ? i : i / 3];
    }
    *sheet = (fov_image){e->seen.height, e->seen.width, 3, pixels, memory, NULL};
    for (int box = e->rows.id != 0 ? e->box_count - 1 : -1; box >= 0; box--) {
        uint8_t rgb[3];
        fov_class_colour(e->found[box].label + 1, rgb); /* the palette's first is a background's */
        frame_box(e, sheet, box, box == e->box ? 3 * line_width(e) : line_width(e), rgb);
    }
    if (e->region_width > 0) {
        tint_region(e, sheet);
        sheet_outline(e, sheet);
    }
    return FOV_OK;
}
