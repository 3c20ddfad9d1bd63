/* SPDX-License-Identifier: MIT */
/* Lays out and draws the diagram: blocks below each other, in as many columns as give the page a good shape; left of
 * each block its name, shape, parameters and receptive field. */
#include "base/text.h"
#include "base/utf8.h"
#include "model/diagram.h"
#include "report/plot.h"
#include <fovea/memory.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Points. */
enum {
    MARGIN = 26,
    TITLE = 52,
    FACTS = 178,   /* width of a block's facts */
    BOX_WIDTH = 128,
    BOX_HEIGHT = 17,
    ROW = 25,
    COLUMN = 140,
    LANE = 14,     /* right of the boxes, for lines that pass rows */
    PAD = 10,      /* around a block */
    LEAST_BLOCK = 74,
    BLOCK_GAP = 14,
    PAGE_COLUMN_GAP = 30,
    MOST_ROWS = 14, /* of a block; more are left out in the middle */
    LETTERS = 9,
    LEAST_PAGE = 520
};
static const double page_shape = 1.25; /* the page is at most about this many times as high as wide */

struct page {
    const struct diagram *diagram;
    const fov_model *model;
    double width, height; /* of the drawing below the title */
};

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

static int row_count(const struct diagram_block *block)
{
    return block->levels > MOST_ROWS ? MOST_ROWS : block->levels;
}

/* The row in which a level is drawn; -1: the level is left out. */
static int row_of(const struct diagram_block *block, int level)
{
    int from_end = block->levels - 1 - level;
    if (block->levels <= MOST_ROWS) {
        return level;
    }
    return level < MOST_ROWS / 2 ? level : from_end < MOST_ROWS / 2 - 1 ? MOST_ROWS - 1 - from_end : -1;
}

static double block_height(const struct diagram_block *block)
{
    double height = 2 * PAD + ROW * row_count(block);
    return height > LEAST_BLOCK ? height : LEAST_BLOCK;
}

static double block_width(const struct diagram_block *block)
{
    return FACTS + 2 * PAD + COLUMN * block->columns + LANE;
}

/* Distributes the blocks over columns that are at most about `limit` high; sets .page_column, and *highest to the
 * height of the highest column. Returns the number of columns. */
static int fill_columns(struct diagram *d, double limit, double *highest)
{
    int column = 0;
    double y = 0.0;
    *highest = 0.0;
    for (int k = 0; k < d->block_count; k++) {
        double height = block_height(&d->blocks[k]) + BLOCK_GAP;
        if (y > 0.0 && y + height > limit) {
            column++;
            y = 0.0;
        }
        d->blocks[k].page_column = column;
        y += height;
        *highest = y > *highest ? y : *highest;
    }
    return column + 1;
}

/* The width of a column's widest block. */
static double column_width(const struct diagram *d, int column)
{
    double widest = 0.0;
    for (int k = 0; k < d->block_count; k++) {
        double width = block_width(&d->blocks[k]);
        widest = d->blocks[k].page_column == column && width > widest ? width : widest;
    }
    return widest;
}

static void lay_out(struct page *page, struct diagram *d)
{
    double total = 0.0;
    for (int k = 0; k < d->block_count; k++) {
        total += block_height(&d->blocks[k]) + BLOCK_GAP;
    }
    for (int wanted = 1;; wanted++) {
        int columns = fill_columns(d, total / wanted + LEAST_BLOCK + BLOCK_GAP, &page->height);
        page->width = -PAGE_COLUMN_GAP;
        for (int c = 0; c < columns; c++) {
            page->width += column_width(d, c) + PAGE_COLUMN_GAP;
        }
        if (page->height <= page_shape * page->width || columns >= d->block_count) {
            return;
        }
    }
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

/* 25557032: "25,557,032". */
static void write_count(char out[32], int64_t number)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)number), used = 0;
    for (int i = 0; i < length; i++) {
        out[used++] = digits[i];
        if ((length - 1 - i) % 3 == 0 && i + 1 < length) {
            out[used++] = ',';
        }
    }
    out[used] = '\0';
}

/* "64 x 112 x 112" without the batch. */
static void write_shape(char out[64], const fov_shape *shape)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 1; i < shape->rank; i++) {
        used = text_append(out, 64, used, "%s%lld", i > 1 ? " x " : "", (long long)shape->dim[i]);
    }
}

/* Writes text, in smaller letters if it would be wider than `width`. */
static void draw_fitting(struct plot *plot, double x, double y, int align, double letters, double width, bool bold,
                         const char *text)
{
    while (letters > 4.5 && plot_text_width(plot, letters, bold, text) > width) {
        letters -= 0.5;
    }
    plot_text(plot, x, y, align, letters, PLOT_INK, bold, false, text);
}

static void draw_facts(struct plot *plot, const struct diagram_block *block, double x, double y)
{
    char text[2 * DIAGRAM_NAME + 16], first[41], last[41], shape[64], count[32];
    bool is_one = strcmp(block->name, block->last_name) == 0;
    snprintf(text, sizeof text, "%s%s%s", utf8_cut(first, sizeof first, block->name), is_one ? "" : " to ",
             is_one ? "" : utf8_cut(last, sizeof last, block->last_name));
    draw_fitting(plot, x, y, -1, LETTERS + 1, FACTS - 8, true, text);
    y += 14;
    if (block->times > 1) {
        snprintf(text, sizeof text, "%d alike", block->times);
        plot_text(plot, x, y, -1, LETTERS, PLOT_ORANGE, true, false, text);
        y += 13;
    }
    write_shape(shape, &block->shape);
    plot_text(plot, x, y, -1, LETTERS, PLOT_INK, false, false, shape);
    write_count(count, block->parameters);
    if (block->times > 1) {
        snprintf(text, sizeof text, "%d x %s parameters", block->times, count);
    } else {
        snprintf(text, sizeof text, "%s parameters", count);
    }
    plot_text(plot, x, y + 13, -1, LETTERS, PLOT_FAINT, false, false, text);
    if (block->receptive_field[0] > 0) {
        snprintf(text, sizeof text, "sees %lld x %lld pixels", (long long)block->receptive_field[0],
                 (long long)block->receptive_field[1]);
    } else {
        snprintf(text, sizeof text, "sees all of the picture");
    }
    plot_text(plot, x, y + 26, -1, LETTERS, PLOT_FAINT, false, false, text);
}

/* ---- boxes and lines --------------------------------------------------------------------------------------------- */

struct at {
    double x, y; /* top left corner */
};

static struct at box_at(const struct diagram_block *block, const struct diagram_box *box, double x, double y)
{
    return (struct at){x + PAD + COLUMN * box->column, y + PAD + ROW * row_of(block, box->level)};
}

static void line(struct plot *plot, double x0, double y0, double x1, double y1)
{
    plot_line(plot, x0, y0, x1, y1, PLOT_FAINT, 0.8);
}

/* Draws a line from (from_x, from_y), the bottom of the producer, to the top of a box. A line over more than one row
 * goes down the lane at the right and enters the box from the side. */
static void connect(struct plot *plot, double from_x, double from_y, struct at to, int rows, double lane)
{
    double x = to.x + BOX_WIDTH / 2.0, bend = from_y + (ROW - BOX_HEIGHT) / 2.0;
    if (rows <= 1) {
        line(plot, from_x, from_y, from_x, bend);
        line(plot, from_x, bend, x, bend);
        line(plot, x, bend, x, to.y);
        return;
    }
    double side = to.y + BOX_HEIGHT / 2.0;
    line(plot, from_x, from_y, from_x, bend);
    line(plot, from_x, bend, lane, bend);
    line(plot, lane, bend, lane, side);
    line(plot, lane, side, to.x + BOX_WIDTH, side);
}

static void draw_lines(struct plot *plot, const struct diagram *d, const struct diagram_block *block,
                       const struct diagram_box *box, double x, double y)
{
    struct at to = box_at(block, box, x, y);
    double lane = x + PAD + COLUMN * block->columns - (COLUMN - BOX_WIDTH) / 2.0 + 2.0;
    bool from_outside = box->input_count == 0;
    for (int i = 0; i < box->input_count; i++) {
        const struct diagram_box *from = box->inputs[i] >= block->first ? &d->boxes[box->inputs[i]] : NULL;
        from_outside = from_outside || from == NULL;
        if (from != NULL && row_of(block, from->level) >= 0) {
            struct at at = box_at(block, from, x, y);
            connect(plot, at.x + BOX_WIDTH / 2.0, at.y + BOX_HEIGHT, to,
                    row_of(block, box->level) - row_of(block, from->level), lane);
        }
    }
    if (from_outside) {
        double top = y + PAD - (ROW - BOX_HEIGHT), middle = x + PAD + BOX_WIDTH / 2.0;
        connect(plot, middle, top, to, row_of(block, box->level) + 1, lane);
    }
}

static void draw_box(struct plot *plot, const struct diagram_box *box, struct at at)
{
    bool multiplies = box->layer.multiply_adds > 0;
    char text[2 * DIAGRAM_LABEL + 4];
    snprintf(text, sizeof text, "%s%s%s", box->label, box->behind[0] != '\0' ? ", " : "", box->behind);
    struct plot_color colour = multiplies ? plot_mix(PLOT_PAPER, PLOT_BLUE, 0.22) : plot_mix(PLOT_PAPER, PLOT_INK, 0.08);
    plot_box(plot, at.x, at.y, BOX_WIDTH, BOX_HEIGHT, colour);
    draw_fitting(plot, at.x + BOX_WIDTH / 2.0, at.y + BOX_HEIGHT / 2.0, 0, LETTERS - 0.5, BOX_WIDTH - 6, false, text);
}

static void draw_left_out(struct plot *plot, const struct diagram_block *block, double x, double y)
{
    char text[64];
    int shown = MOST_ROWS - 1;
    snprintf(text, sizeof text, "%d more rows", block->levels - shown);
    plot_text(plot, x + PAD + BOX_WIDTH / 2.0, y + PAD + ROW * (MOST_ROWS / 2.0) + BOX_HEIGHT / 2.0, 0, LETTERS,
              PLOT_ORANGE, true, false, text);
}

static void draw_block(struct plot *plot, const struct diagram *d, const struct diagram_block *block, double x,
                       double y)
{
    double width = 2 * PAD + COLUMN * block->columns + LANE - (COLUMN - BOX_WIDTH);
    draw_facts(plot, block, x, y + 12);
    x += FACTS;
    plot_box(plot, x, y, width, block_height(block), plot_mix(PLOT_PAPER, PLOT_INK, 0.03));
    for (int pass = 0; pass < 2; pass++) { /* lines lie under boxes */
        for (int i = block->first; i < block->first + block->count; i++) {
            const struct diagram_box *box = &d->boxes[i];
            if (row_of(block, box->level) < 0) {
                continue;
            }
            if (pass == 0) {
                draw_lines(plot, d, block, box, x, y);
            } else {
                draw_box(plot, box, box_at(block, box, x, y));
            }
        }
    }
    if (block->levels > MOST_ROWS) {
        draw_left_out(plot, block, x, y);
    }
}

static void draw_title(struct plot *plot, const struct page *page)
{
    const fov_summary *s = &page->diagram->summary;
    char text[256], shape[64], count[2][32];
    const char *name = page->model->name[0] != '\0' ? page->model->name : "network";
    plot_text(plot, MARGIN, MARGIN, -1, 16, PLOT_INK, true, false, name);
    write_shape(shape, &s->input);
    write_count(count[0], s->parameters);
    write_count(count[1], s->neurons);
    snprintf(text, sizeof text, "input %s, %s parameters, %.3g GFLOPs (two for a multiply-add), %s neurons", shape,
             count[0], 2e-9 * (double)s->multiply_adds, count[1]);
    plot_text(plot, MARGIN, MARGIN + 19, -1, LETTERS + 1, PLOT_FAINT, false, false, text);
}

static void draw(struct plot *plot, const void *what)
{
    const struct page *page = what;
    const struct diagram *d = page->diagram;
    double x = MARGIN, y = 0.0;
    draw_title(plot, page);
    for (int k = 0; k < d->block_count; k++) {
        double height = block_height(&d->blocks[k]);
        if (k > 0 && d->blocks[k].page_column != d->blocks[k - 1].page_column) {
            x += column_width(d, d->blocks[k - 1].page_column) + PAGE_COLUMN_GAP;
            y = 0.0;
        }
        draw_block(plot, d, &d->blocks[k], x, MARGIN + TITLE + y);
        if (k + 1 < d->block_count) {
            double middle = x + FACTS + PAD + BOX_WIDTH / 2.0, end = MARGIN + TITLE + y + height;
            line(plot, middle, end, middle, end + BLOCK_GAP);
        }
        y += height + BLOCK_GAP;
    }
}

/* Draws into the files that are named or, if `made` is given, as SVG into that. */
static int draw_model(fov_model *model, const fov_shape *input, const char *svg, const char *png, struct text *made)
{
    struct call call = call_begin(model->context);
    struct error *error = &model->context->error;
    struct diagram diagram = {.box_count = 0};
    int status = (int)error->status;
    if (status == FOV_OK && model->output.id == 0) {
        status = error_set(error, FOV_E_USAGE, "the model has no output yet");
    }
    status = status == FOV_OK ? diagram_open(&diagram, model, input, error) : status;
    if (status == FOV_OK) {
        struct page page = {.diagram = &diagram, .model = model};
        lay_out(&page, &diagram);
        double width = 2 * MARGIN + page.width, height = 2 * MARGIN + TITLE + page.height;
        width = width > LEAST_PAGE ? width : LEAST_PAGE;
        status = made != NULL ? plot_memory(width, height, draw, &page, made, error)
                              : plot_files(width, height, draw, &page, svg, png, error);
    }
    diagram_close(&diagram);
    call_end(&call);
    return status;
}

int fov_model_draw(fov_model *model, const fov_shape *input, const char *svg, const char *png)
{
    if (model == NULL || (svg == NULL && png == NULL)) {
        return call_refuse(model != NULL ? model->context : NULL, "fov_model_draw: model, or svg and png, are NULL");
    }
    return draw_model(model, input, svg, png, NULL);
}

int fov_model_draw_memory(fov_model *model, const fov_shape *input, fov_buffer *svg)
{
    if (model == NULL || svg == NULL) {
        return call_refuse(model != NULL ? model->context : NULL, "fov_model_draw_memory: model or svg is NULL");
    }
    struct text made = {.memory = model->context->memory};
    *svg = (fov_buffer){.bytes = NULL};
    int status = draw_model(model, input, NULL, NULL, &made);
    if (status == FOV_OK) {
        *svg = (fov_buffer){.bytes = made.data, .size = made.length, .owner = made.memory};
    } else {
        text_free(&made);
    }
    return status;
}
