/* SPDX-License-Identifier: MIT */
/* Draws confusion.svg and .png: true classes are rows, predicted classes columns; cells have numbers if there is
 * room. */
#include "base/arithmetic.h"
#include "device/context.h"
#include "model/model.h"
#include "report/plot.h"
#include <fovea/train.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NUMBERED = 32, NAMED = 60, NAME_LENGTH = 14 }; /* most classes with numbers in cells, with names */

struct matrix {
    const fov_report *report;
    const fov_model *model; /* NULL: classes are shown as numbers */
    double cell, left, top, width, height;
};

static void class_label(const struct matrix *m, int index, char out[64])
{
    const char *name = m->model != NULL ? fov_model_class(m->model, index) : "";
    if (name[0] == '\0') {
        snprintf(out, 64, "%d", index);
        return;
    }
    size_t length = strlen(name);
    if (length <= NAME_LENGTH) {
        snprintf(out, 64, "%s", name);
        return;
    }
    size_t keep = NAME_LENGTH - 1;
    while (keep > 0 && ((unsigned char)name[keep] & 0xC0) == 0x80) {
        keep--; /* do not cut a UTF-8 character */
    }
    snprintf(out, 64, "%.*s\xE2\x80\xA6", (int)keep, name);
}

/* Shade of a cell by its share of the true class, on a square-root scale that makes rare errors visible. */
static struct plot_color shade(double share, bool right)
{
    return plot_mix(plot_mix(PLOT_PAPER, PLOT_GRID, 0.35), right ? PLOT_BLUE : PLOT_ORANGE,
                    share > 0.0 ? 0.06 + 0.90 * sqrt(share) : 0.0);
}

static void draw_cells(struct plot *plot, const struct matrix *m)
{
    int classes = m->report->classes;
    double gap = m->cell > 10.0 ? 1.0 : 0.0, size = m->cell * 0.30 < 13.0 ? m->cell * 0.30 : 13.0;
    for (int row = 0; row < classes; row++) {
        double support = m->report->support[row] > 0 ? (double)m->report->support[row] : 1.0;
        for (int column = 0; column < classes; column++) {
            int64_t count = m->report->confusion[(size_t)row * (size_t)classes + (size_t)column];
            double share = (double)count / support, x = m->left + column * m->cell, y = m->top + row * m->cell;
            plot_box(plot, x, y, m->cell - gap, m->cell - gap, shade(share, row == column));
            if (classes <= NUMBERED && count > 0) {
                char text[32];
                snprintf(text, sizeof text, "%lld", (long long)count);
                double room = (m->cell - 4.0) / plot_text_width(plot, size, false, text);
                plot_text(plot, x + (m->cell - gap) / 2, y + (m->cell - gap) / 2, 0, room < 1.0 ? size * room : size,
                          share > 0.25 ? PLOT_PAPER : PLOT_INK, false, false, text);
            }
        }
    }
}

static void draw_names(struct plot *plot, const struct matrix *m)
{
    int classes = m->report->classes;
    double size = m->cell * 0.42 < 12.0 ? m->cell * 0.42 : 12.0, longest = 0.0;
    char text[64];
    for (int i = 0; i < classes; i++) {
        class_label(m, i, text);
        double width = plot_text_width(plot, size, false, text);
        longest = width > longest ? width : longest;
    }
    bool turned = longest > m->cell - 4.0;
    for (int i = 0; i < classes && classes <= NAMED; i++) {
        double middle = (i + 0.5) * m->cell;
        class_label(m, i, text);
        plot_text(plot, m->left - 8, m->top + middle, 1, size, PLOT_INK, false, false, text);
        double below = m->top + classes * m->cell;
        if (turned) {
            plot_text(plot, m->left + middle, below + 8, 1, size, PLOT_INK, false, true, text);
        } else {
            plot_text(plot, m->left + middle, below + 14, 0, size, PLOT_INK, false, false, text);
        }
    }
    double middle = classes * m->cell / 2;
    plot_text(plot, m->left + middle, m->height - 18, 0, 12, PLOT_FAINT, false, false, "predicted");
    plot_text(plot, 20, m->top + middle, 0, 12, PLOT_FAINT, false, true, "true");
}

static void draw_matrix(struct plot *plot, const void *what)
{
    const struct matrix *m = what;
    char title[128];
    snprintf(title, sizeof title, "Confusion: %.2f %% of %lld right", 100.0 * m->report->accuracy,
             (long long)m->report->count);
    plot_text(plot, m->left, 26, -1, 14, PLOT_INK, true, false, title);
    draw_cells(plot, m);
    draw_names(plot, m);
}

/* Estimated width of the names left of and below the matrix: the longest name at 7 points a letter; no font is open
 * yet to measure it. */
static double room_for_names(const struct matrix *m)
{
    size_t longest = 0;
    char text[64];
    for (int i = 0; i < m->report->classes; i++) {
        class_label(m, i, text);
        longest = strlen(text) > longest ? strlen(text) : longest;
    }
    return m->report->classes <= NAMED ? 14.0 + 7.0 * (double)longest : 14.0;
}

static int draw_confusion(fov_context *context, const fov_report *report, const fov_model *model, const char *svg,
                       const char *png)
{
    struct matrix m = {.report = report, .model = model};
    if (report->classes < 1 || report->confusion == NULL) {
        return error_set(&context->error, FOV_E_USAGE, "the report holds no confusion matrix");
    }
    int classes = report->classes;
    m.cell = classes <= 12 ? 44.0 : classes <= NUMBERED ? 34.0 : 900.0 / classes;
    m.cell = m.cell < 1.0 ? 1.0 : m.cell;
    double names = room_for_names(&m), side = m.cell * classes;
    m.left = 36.0 + names;
    m.top = 48.0;
    m.width = ceil(m.left + side + 24.0 > 320.0 ? m.left + side + 24.0 : 320.0);
    m.height = ceil(m.top + side + (names > 28.0 ? names : 28.0) + 36.0);
    if (m.width > 16000.0) {
        return error_set(&context->error, FOV_E_UNSUPPORTED, "a confusion matrix of %d classes is too large to draw",
                         classes);
    }
    return plot_files(m.width, m.height, draw_matrix, &m, svg, png, &context->error);
}

int fov_draw_confusion(fov_context *context, const fov_report *report, const fov_model *model, const char *svg,
                       const char *png)
{
    if (context == NULL) {
        return FOV_E_USAGE;
    }
    if (report == NULL) {
        return call_refuse(context, "fov_draw_confusion: report is NULL");
    }
    struct call call = call_begin(context);
    int status = draw_confusion(context, report, model, svg, png);
    call_end(&call);
    return status;
}
