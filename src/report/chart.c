/* SPDX-License-Identifier: MIT */
/* Charts: limits, marks, lines. */
#include "report/chart.h"
#include "report/page.h"
#include "report/plot.h"
#include <math.h>
#include <stdio.h>

/* In units of the SVG, which equal CSS pixels on a narrow phone. */
enum { WIDTH = 360, HEIGHT = 220, LEFT = 60, RIGHT = 10, TOP = 8, BOTTOM = 36, COLOURS = 6 };

static void keep_digits(char *text)
{
    for (; *text != '\0'; text++) {
        bool kept = (*text >= '0' && *text <= '9') || *text == '-' || *text == '+' || *text == 'e';
        *text = kept ? *text : '.';
    }
}

/* The label of a mark: the value in six digits, with a decimal point in any locale. */
static const char *label(char out[32], double value)
{
    snprintf(out, 32, "%.6g", value);
    keep_digits(out);
    return out;
}

/* Formats a coordinate with at most three decimals, in a form that is valid SVG whatever the program's locale is. */
static const char *plain(char out[32], double value)
{
    return label(out, round(value * 1000.0) / 1000.0);
}

struct limits {
    double low_x, high_x, low_y, high_y;
};

static struct limits find_limits(const struct chart *chart)
{
    struct limits l = {INFINITY, -INFINITY, INFINITY, -INFINITY};
    for (int i = 0; i < chart->line_count; i++) {
        const struct chart_line *line = &chart->lines[i];
        for (int k = 0; k < line->count; k++) {
            double y = line->y[k];
            if (isfinite(y)) {
                l.low_x = fmin(l.low_x, line->x[k]);
                l.high_x = fmax(l.high_x, line->x[k]);
                l.low_y = fmin(l.low_y, y);
                l.high_y = fmax(l.high_y, y);
            }
        }
    }
    if (chart->unit || !(l.low_x <= l.high_x)) {
        return (struct limits){0, 1, 0, 1};
    }
    double room = l.high_y > l.low_y ? 0.06 * (l.high_y - l.low_y) : 0.05 * (fabs(l.high_y) + 0.01);
    l.low_y = l.low_y >= 0.0 && l.low_y - room < 0.0 ? 0.0 : l.low_y - room;
    l.high_y = chart->percent && l.high_y <= 1.0 && l.high_y + room > 1.0 ? 1.0 : l.high_y + room;
    if (l.high_x <= l.low_x) { /* a single point is drawn in the middle */
        l.low_x -= 1.0;
        l.high_x += 1.0;
    }
    return l;
}

static double place_x(const struct limits *l, double x)
{
    return LEFT + (x - l->low_x) / (l->high_x - l->low_x) * (WIDTH - LEFT - RIGHT);
}

static double place_y(const struct limits *l, double y)
{
    return TOP + (l->high_y - y) / (l->high_y - l->low_y) * (HEIGHT - TOP - BOTTOM);
}

static void add_marks(struct text *html, const struct chart *chart, const struct limits *l)
{
    double step = plot_tick(l->low_y, l->high_y, 5);
    for (double v = ceil(l->low_y / step - 1e-9) * step; v <= l->high_y + step * 1e-9; v += step) {
        double shown = fabs(v) < step * 1e-9 ? 0.0 : v;
        double y = place_y(l, v);
        char number[3][32];
        text_add(html,
                 "<path class=\"grid\" d=\"M%d %sH%d\"/><text x=\"%d\" y=\"%s\" text-anchor=\"end\">%s%s</text>", LEFT,
                 plain(number[0], y), WIDTH - RIGHT, LEFT - 6, plain(number[1], y + 4),
                 label(number[2], chart->percent ? 100.0 * shown : shown), chart->percent ? " %" : "");
    }
    step = plot_tick(l->low_x, l->high_x, 6);
    step = chart->whole_x && step < 1.0 ? 1.0 : step;
    for (double v = ceil(l->low_x / step - 1e-9) * step; v <= l->high_x + step * 1e-9; v += step) {
        double x = place_x(l, v);
        char number[2][32];
        text_add(html,
                 "<path class=\"axis\" d=\"M%s %dv4\"/><text x=\"%s\" y=\"%d\" text-anchor=\"middle\">%s</text>",
                 plain(number[0], x), HEIGHT - BOTTOM, number[0], HEIGHT - BOTTOM + 16,
                 label(number[1], fabs(v) < step * 1e-9 ? 0.0 : v));
    }
    text_add(html, "<path class=\"axis\" d=\"M%d %dH%d\"/><text x=\"%d\" y=\"%d\" text-anchor=\"middle\">", LEFT,
             HEIGHT - BOTTOM, WIDTH - RIGHT, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4);
    page_text(html, chart->x_name);
    text_add(html, "</text>");
}

static void add_line(struct text *html, const struct chart *chart, const struct limits *l, int index)
{
    const struct chart_line *line = &chart->lines[index];
    bool open = false, dots = line->count <= 30;
    text_add(html, "<path class=\"curve k%d\"%s d=\"", index % COLOURS, line->dashed ? " stroke-dasharray=\"5 4\"" : "");
    for (int k = 0; k < line->count; k++) {
        double y = line->y[k];
        if (isfinite(y)) {
            char number[2][32];
            text_add(html, "%s%s %s", open ? "L" : "M", plain(number[0], place_x(l, line->x[k])),
                     plain(number[1], place_y(l, y)));
        }
        open = isfinite(y);
    }
    text_add(html, "\"/>");
    for (int k = 0; dots && k < line->count; k++) {
        double y = line->y[k];
        if (isfinite(y)) {
            char number[2][32];
            text_add(html, "<circle class=\"f%d\" cx=\"%s\" cy=\"%s\" r=\"2.5\"/>", index % COLOURS,
                     plain(number[0], place_x(l, line->x[k])), plain(number[1], place_y(l, y)));
        }
    }
}

static void add_legend(struct text *html, const struct chart *chart)
{
    text_add(html, "<div class=\"legend\">");
    for (int i = 0; i < chart->line_count; i++) {
        const struct chart_line *line = &chart->lines[i];
        text_add(html, "<span><svg viewBox=\"0 0 24 10\" aria-hidden=\"true\"><path class=\"curve k%d\"%s d=\"M0 5H24\"/></svg>",
                 i % COLOURS, line->dashed ? " stroke-dasharray=\"5 4\"" : "");
        page_text(html, line->name);
        text_add(html, "</span>");
    }
    text_add(html, "</div>");
}

void chart_add(struct text *html, const struct chart *chart)
{
    struct limits l = find_limits(chart);
    text_add(html, "<figure><h3>");
    page_text(html, chart->title);
    text_add(html, "</h3>");
    if (chart->line_count > 1) {
        add_legend(html, chart);
    }
    text_add(html, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, HEIGHT);
    page_text(html, chart->title);
    text_add(html, " by ");
    page_text(html, chart->x_name);
    text_add(html, "\">");
    add_marks(html, chart, &l);
    if (chart->diagonal) {
        char number[4][32];
        text_add(html, "<path class=\"axis\" stroke-dasharray=\"2 3\" d=\"M%s %sL%s %s\"/>",
                 plain(number[0], place_x(&l, l.low_x)), plain(number[1], place_y(&l, l.low_x)),
                 plain(number[2], place_x(&l, l.high_x)), plain(number[3], place_y(&l, l.high_x)));
    }
    for (int i = 0; i < chart->line_count; i++) {
        add_line(html, chart, &l, i);
    }
    text_add(html, "</svg></figure>");
}
