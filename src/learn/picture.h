/* SPDX-License-Identifier: MIT */
/* A pen for a lesson's drawing, which is written as SVG. (The library's own pen, report/plot.h, is not public.) */
#ifndef LEARN_PICTURE_H
#define LEARN_PICTURE_H

#include "learn/words.h"
#include <stdio.h>

/** A drawing of width x height points; y grows downwards. A frame maps coordinates of its own onto a rectangle of
 *  it. */
struct picture {
    FILE *out;
    enum language language;
    double width, height;
    double left, top, right, bottom; /**< the frame, points */
    double x0, x1, y0, y1;           /**< the frame's coordinates at its edges */
};

/** Two hues that people with any colour vision tell apart (Okabe, Ito 2008), black and grey. */
extern const char PICTURE_BLUE[], PICTURE_ORANGE[], PICTURE_INK[], PICTURE_GREY[];

void picture_size(struct picture *picture, double width, double height); /**< call it first */
void picture_line(struct picture *picture, double x0, double y0, double x1, double y1, const char *color, double width);
void picture_arrow(struct picture *picture, double x0, double y0, double x1, double y1, const char *color);
void picture_circle(struct picture *picture, double x, double y, double radius, const char *stroke, const char *fill);
void picture_box(struct picture *picture, double x, double y, double width, double height, const char *stroke,
                 const char *fill);
/** align: -1 starts at x, 0 is centred, 1 ends there; y is the base line. */
void picture_text(struct picture *picture, double x, double y, int align, double size, const char *color,
                  const char *text);
/** The same in the picture's language. */
void picture_words(struct picture *picture, double x, double y, int align, double size, const char *color,
                   struct words words);

/** A frame with axes through it, labelled at its edges. */
void picture_frame(struct picture *picture, double left, double top, double right, double bottom, double x0, double x1,
                   double y0, double y1);
/** A curve of a function over the frame's width; what leaves the frame is cut off. */
void picture_curve(struct picture *picture, double (*function)(double x, const void *with), const void *with,
                   const char *color);
/** A polyline through points in the frame's coordinates; with a dot at each point if `dots`. */
void picture_path(struct picture *picture, const double *x, const double *y, int count, const char *color, int dots);
double picture_x(const struct picture *picture, double x); /**< from the frame's coordinates to points */
double picture_y(const struct picture *picture, double y);

#endif
