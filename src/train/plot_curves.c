/* SPDX-License-Identifier: MIT */
/* Draws curves.svg and .png: loss and the first figure over epochs, in training and validation, from history.csv. */
#include "base/arithmetic.h"
#include "base/file.h"
#include "device/context.h"
#include "train/history.h"
#include "report/plot.h"
#include <fovea/train.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LARGEST_HISTORY = 64 << 20 }; /* bytes */

static const double WIDTH = 860, HEIGHT = 360;

struct curves {
    const struct history *history;
    double *x, *y; /* [rows] points of the curve being drawn */
};

/* One of the two diagrams. */
struct panel {
    const char *title;
    double left, top, width, height;
    double low, high;   /* of the values */
    double first, last; /* epochs */
    bool percent;
    int train, validation; /* columns; -1: none */
};

static double epoch_of(const struct history *history, size_t row)
{
    return history_at(history, row, history_find(history, "epoch"));
}

static double place_x(const struct panel *p, double epoch)
{
    return p->left + (epoch - p->first) / (p->last - p->first) * p->width;
}

static double place_y(const struct panel *p, double value)
{
    return p->top + (p->high - value) / (p->high - p->low) * p->height;
}

/* Limits a little wider than the values, but not below 0, and for percentages not above 1. */
static void find_limits(struct panel *p, const struct history *history)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t r = 0; r < history->count; r++) {
        const double values[] = {history_at(history, r, p->train), history_at(history, r, p->validation)};
        for (int i = 0; i < 2; i++) {
            low = values[i] < low ? values[i] : low;
            high = values[i] > high ? values[i] : high;
        }
    }
    if (!(low <= high)) {
        low = 0.0, high = 1.0;
    }
    double room = high > low ? 0.07 * (high - low) : 0.05 * (fabs(high) + 0.01);
    p->low = low - room > 0.0 ? low - room : 0.0;
    p->high = p->percent && high + room > 1.0 ? 1.0 : high + room;
    p->first = history->count > 0 ? epoch_of(history, 0) : 1;
    p->last = history->count > 0 ? epoch_of(history, history->count - 1) : 2;
    if (p->last <= p->first) { /* a single epoch: its dot is in the middle */
        p->first -= 1;
        p->last = p->first + 2;
    }
}

static void draw_axes(struct plot *plot, const struct panel *p)
{
    char text[64], number[NUMBER_TEXT_SIZE];
    double bottom = p->top + p->height, right = p->left + p->width;
    plot_text(plot, p->left, p->top - 20, -1, 14, PLOT_INK, true, false, p->title);
    double step = plot_tick(p->low, p->high, 6);
    for (double v = ceil(p->low / step - 1e-9) * step; v <= p->high + step * 1e-9; v += step) {
        double shown = fabs(v) < step * 1e-9 ? 0.0 : v; /* not -0 or 1e-17 */
        snprintf(number, sizeof number, "%.6g", p->percent ? 100.0 * shown : shown);
        snprintf(text, sizeof text, "%s%s", number, p->percent ? " %" : "");
        plot_line(plot, p->left, place_y(p, v), right, place_y(p, v), PLOT_GRID, 1);
        plot_text(plot, p->left - 8, place_y(p, v), 1, 11, PLOT_FAINT, false, false, text);
    }
    step = plot_tick(p->first, p->last, 8);
    step = step < 1.0 ? 1.0 : step;
    for (double e = ceil(p->first / step) * step; e <= p->last; e += step) {
        if (e >= 1.0) {
            snprintf(text, sizeof text, "%.0f", e);
            plot_line(plot, place_x(p, e), bottom, place_x(p, e), bottom + 4, PLOT_FAINT, 1);
            plot_text(plot, place_x(p, e), bottom + 15, 0, 11, PLOT_FAINT, false, false, text);
        }
    }
    plot_line(plot, p->left, bottom, right, bottom, PLOT_FAINT, 1);
    plot_text(plot, (p->left + right) / 2, bottom + 36, 0, 12, PLOT_FAINT, false, false, "epoch");
}

static void draw_series(struct plot *plot, const struct panel *p, const struct curves *c, int column,
                        struct plot_color color, bool dashed)
{
    int count = (int)c->history->count;
    for (int i = 0; i < count; i++) {
        c->x[i] = place_x(p, epoch_of(c->history, (size_t)i));
        c->y[i] = place_y(p, history_at(c->history, (size_t)i, column));
    }
    plot_curve(plot, c->x, c->y, count, color, 2.0, dashed, count <= 40);
}

static bool has_values(const struct history *history, int column)
{
    for (size_t r = 0; r < history->count; r++) {
        if (isfinite(history_at(history, r, column))) {
            return true;
        }
    }
    return false;
}

/* The legend is above the diagram at the right, so that it never covers a curve. */
static void draw_legend(struct plot *plot, const struct panel *p, bool validation)
{
    double at = p->left + p->width, y = p->top - 20;
    const struct {
        const char *name;
        struct plot_color color;
        bool dashed, shown;
    } lines[] = {{"validation", PLOT_ORANGE, false, validation}, {"training", PLOT_BLUE, true, true}};
    for (int i = 0; i < 2; i++) {
        if (!lines[i].shown) {
            continue;
        }
        plot_text(plot, at, y, 1, 12, PLOT_INK, false, false, lines[i].name);
        at -= plot_text_width(plot, 12, false, lines[i].name) + 8;
        const double x[] = {at - 24, at}, ys[] = {y, y};
        plot_curve(plot, x, ys, 2, lines[i].color, 2.0, lines[i].dashed, false);
        at -= 24 + 18;
    }
}

/* Finds the columns of the second diagram: the task's first figure on validation samples, and the same in training. */
static void find_figure(struct panel *p, const struct history *history)
{
    static const char metrics[] = "metrics/", train[] = "train/";
    p->train = p->validation = -1;
    for (int c = 0; c < history->columns; c++) {
        const char *name = history->names[c];
        if (p->validation < 0 && strncmp(name, metrics, sizeof metrics - 1) == 0) {
            p->validation = c;
            p->title = name + sizeof metrics - 1;
        }
        bool is_same = p->validation >= 0 && (strcmp(name + sizeof train - 1, p->title) == 0 ||
                                              (strcmp(name, "train/accuracy") == 0 &&
                                               strcmp(p->title, "accuracy_top1") == 0));
        if (p->train < 0 && strncmp(name, train, sizeof train - 1) == 0 && is_same) {
            p->train = c;
        }
    }
    if (p->validation >= 0 && strcmp(history->names[p->validation], "metrics/accuracy_top1") == 0) {
        p->title = "Accuracy";
        p->percent = true;
    }
}

static void draw_curves(struct plot *plot, const void *what)
{
    const struct curves *c = what;
    struct panel panels[] = {
        {.title = "Loss",
         .left = 64,
         .train = history_find(c->history, "train/loss"),
         .validation = history_find(c->history, "val/loss")},
        {.left = 504},
    };
    find_figure(&panels[1], c->history);
    for (int i = 0; i < 2 && panels[i].title != NULL; i++) {
        struct panel *p = &panels[i];
        p->top = 52;
        p->width = 332;
        p->height = 244;
        find_limits(p, c->history);
        draw_axes(plot, p);
        draw_series(plot, p, c, p->train, PLOT_BLUE, true);
        draw_series(plot, p, c, p->validation, PLOT_ORANGE, false);
        draw_legend(plot, p, has_values(c->history, p->validation));
    }
}

static int draw_history(fov_context *context, const char *history_csv, const char *svg, const char *png)
{
    struct error *error = &context->error;
    struct memory *memory = context->memory;
    struct history history = {.memory = memory};
    uint8_t *csv = NULL;
    size_t size;
    if (error->status != FOV_OK) {
        return (int)error->status;
    }
    int status = file_read(history_csv, LARGEST_HISTORY, memory, &csv, &size, error);
    if (status == FOV_OK) {
        status = history_read(&history, (const char *)csv, history_csv, error);
    }
    if (status == FOV_OK && history.count == 0) {
        status = error_set(error, FOV_E_INPUT, "%s: no epoch has ended yet: nothing to draw", history_csv);
    }
    if (status == FOV_OK) {
        struct curves curves = {.history = &history};
        curves.x = memory_allocate(memory, history.count, 2 * sizeof(double), "a curve", error);
        curves.y = curves.x != NULL ? curves.x + history.count : NULL;
        status = curves.x != NULL ? plot_files(WIDTH, HEIGHT, draw_curves, &curves, svg, png, error) : FOV_E_MEMORY;
        memory_free(memory, curves.x);
    }
    history_free(&history);
    memory_free(memory, csv);
    return status;
}

int fov_draw_curves(fov_context *context, const char *history_csv, const char *svg, const char *png)
{
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    if (history_csv == NULL) {
        return call_refuse(context, "fov_draw_curves: history_csv is NULL");
    }
    struct call call = call_begin(context);
    int status = draw_history(context, history_csv, svg, png);
    call_end(&call);
    return status;
}
