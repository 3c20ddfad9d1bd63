/* SPDX-License-Identifier: MIT */
/* SVG, element by element. */
#include "learn/picture.h"

#include <math.h>

const char PICTURE_BLUE[] = "#0072b2", PICTURE_ORANGE[] = "#d55e00", PICTURE_INK[] = "#222222",
           PICTURE_GREY[] = "#999999";

void picture_size(struct picture *p, double width, double height)
{
    static const char *const languages[] = {"", " xml:lang=\"zh\""};
    static const struct words fonts = {
        "sans-serif", "'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'WenQuanYi Zen Hei', sans-serif"};
    p->width = width;
    p->height = height;
    fprintf(p->out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\"%s width=\"%g\" height=\"%g\" "
            "viewBox=\"0 0 %g %g\" font-family=\"%s\">\n<rect width=\"%g\" height=\"%g\" fill=\"#ffffff\"/>\n",
            languages[p->language], width, height, width, height, words_in(fonts, p->language), width, height);
}

void picture_line(struct picture *p, double x0, double y0, double x1, double y1, const char *color, double width)
{
    fprintf(p->out, "<line x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\" stroke=\"%s\" stroke-width=\"%g\"/>\n", x0,
            y0, x1, y1, color, width);
}

void picture_arrow(struct picture *p, double x0, double y0, double x1, double y1, const char *color)
{
    const double head = 9, half = 0.4; /* points, radians */
    double angle = atan2(y1 - y0, x1 - x0);
    picture_line(p, x0, y0, x1 - head * 0.8 * cos(angle), y1 - head * 0.8 * sin(angle), color, 1.5);
    fprintf(p->out, "<path d=\"M%.2f %.2f L%.2f %.2f L%.2f %.2f Z\" fill=\"%s\"/>\n", x1, y1,
            x1 - head * cos(angle - half), y1 - head * sin(angle - half), x1 - head * cos(angle + half),
            y1 - head * sin(angle + half), color);
}

void picture_circle(struct picture *p, double x, double y, double radius, const char *stroke, const char *fill)
{
    fprintf(p->out, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"%g\" stroke=\"%s\" stroke-width=\"1.5\" fill=\"%s\"/>\n", x, y,
            radius, stroke, fill);
}

void picture_box(struct picture *p, double x, double y, double width, double height, const char *stroke,
                 const char *fill)
{
    fprintf(p->out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" stroke=\"%s\" fill=\"%s\"/>\n", x, y,
            width, height, stroke, fill);
}

void picture_text(struct picture *p, double x, double y, int align, double size, const char *color, const char *text)
{
    static const char *const anchors[] = {"start", "middle", "end"};
    fprintf(p->out, "<text x=\"%.2f\" y=\"%.2f\" font-size=\"%g\" text-anchor=\"%s\" fill=\"%s\">", x, y, size,
            anchors[align + 1], color);
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", p->out);
            break;
        case '>':
            fputs("&gt;", p->out);
            break;
        case '&':
            fputs("&amp;", p->out);
            break;
        default:
            fputc(*text, p->out);
        }
    }
    fputs("</text>\n", p->out);
}

void picture_words(struct picture *p, double x, double y, int align, double size, const char *color, struct words words)
{
    picture_text(p, x, y, align, size, color, words_in(words, p->language));
}

/* ---- numbers in a frame ------------------------------------------------------------------------------------------- */

double picture_x(const struct picture *p, double x)
{
    return p->left + (x - p->x0) / (p->x1 - p->x0) * (p->right - p->left);
}

double picture_y(const struct picture *p, double y)
{
    return p->bottom - (y - p->y0) / (p->y1 - p->y0) * (p->bottom - p->top);
}

void picture_frame(struct picture *p, double left, double top, double right, double bottom, double x0, double x1,
                   double y0, double y1)
{
    char number[32];
    p->left = left, p->top = top, p->right = right, p->bottom = bottom;
    p->x0 = x0, p->x1 = x1, p->y0 = y0, p->y1 = y1;
    picture_box(p, left, top, right - left, bottom - top, "#cccccc", "none");
    if (x0 < 0 && x1 > 0) {
        picture_line(p, picture_x(p, 0), top, picture_x(p, 0), bottom, "#cccccc", 1);
    }
    if (y0 < 0 && y1 > 0) {
        picture_line(p, left, picture_y(p, 0), right, picture_y(p, 0), "#cccccc", 1);
    }
    for (int i = 0; i < 2; i++) {
        snprintf(number, sizeof number, "%g", i == 0 ? x0 : x1);
        picture_text(p, i == 0 ? left : right, bottom + 14, i == 0 ? -1 : 1, 11, PICTURE_GREY, number);
        snprintf(number, sizeof number, "%g", i == 0 ? y0 : y1);
        picture_text(p, left - 4, i == 0 ? bottom : top + 10, 1, 11, PICTURE_GREY, number);
    }
}

void picture_curve(struct picture *p, double (*function)(double x, const void *with), const void *with,
                   const char *color)
{
    enum { STEPS = 240 };
    int drawing = 0;
    fputs("<path d=\"", p->out);
    for (int i = 0; i <= STEPS; i++) {
        double x = p->x0 + (p->x1 - p->x0) * i / STEPS, y = function(x, with);
        int inside = y >= p->y0 && y <= p->y1;
        if (inside) {
            fprintf(p->out, "%s%.2f %.2f ", drawing ? "L" : "M", picture_x(p, x), picture_y(p, y));
        }
        drawing = inside;
    }
    fprintf(p->out, "\" stroke=\"%s\" stroke-width=\"2\" fill=\"none\"/>\n", color);
}

void picture_path(struct picture *p, const double *x, const double *y, int count, const char *color, int dots)
{
    fputs("<path d=\"", p->out);
    for (int i = 0; i < count; i++) {
        fprintf(p->out, "%s%.2f %.2f ", i > 0 ? "L" : "M", picture_x(p, x[i]), picture_y(p, y[i]));
    }
    fprintf(p->out, "\" stroke=\"%s\" stroke-width=\"1.5\" fill=\"none\"/>\n", color);
    for (int i = 0; i < count && dots; i++) {
        picture_circle(p, picture_x(p, x[i]), picture_y(p, y[i]), 2, color, color);
    }
}
