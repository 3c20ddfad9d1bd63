/* SPDX-License-Identifier: MIT */
/* Rectangles and short texts on 8-bit RGB pictures, in whole pixels, for marking a model's answers. Charts are drawn by
 * report/plot.h. */
#ifndef IMAGE_DRAW_H
#define IMAGE_DRAW_H

#include <stdint.h>

/** A picture to draw on: [height, width, 3]. Drawing is clipped to it. */
struct canvas_rgb {
    uint8_t *pixels;
    int height, width;
};

void draw_filled(const struct canvas_rgb *on, int x, int y, int width, int height, const uint8_t rgb[3]);
/** A frame whose outer edge is the rectangle x1, y1 to x2, y2 (the first outside), `line` pixels thick. */
void draw_frame(const struct canvas_rgb *on, int x1, int y1, int x2, int y2, int line, const uint8_t rgb[3]);

enum { DRAW_LETTER_WIDTH = 6, DRAW_LETTER_HEIGHT = 9 /* pixels at scale 1, with spacing */ };
/** Width in pixels that draw_text needs for a text. Letters are 5 x 7 points, each `scale` pixels wide and high;
 *  characters beyond ASCII are shown as "?". */
int draw_text_width(const char *text, int scale);
void draw_text(const struct canvas_rgb *on, int x, int y, const char *text, int scale, const uint8_t rgb[3]);

#endif
