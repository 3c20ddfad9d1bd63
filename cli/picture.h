/* SPDX-License-Identifier: MIT */
/* Small pictures as characters: each cell shows two pixels, one above the other, as an upper half block in two colours;
 * without colours as one letter of a ramp from dark to light. */
#ifndef CLI_PICTURE_H
#define CLI_PICTURE_H

#include "cli.h"

/** Pixels to be drawn, RGB [height, width, 3]. */
struct canvas {
    int height, width;
    uint8_t *pixels;
};

struct canvas canvas_create(int height, int width, uint8_t grey);
void canvas_free(struct canvas *canvas);
/** Puts 8-bit pixels [height, width, channels] at (top, left), made smaller by whole factors where they are larger than
 *  `side` pixels a side (0: as they are). What falls outside is left out. */
void canvas_place(struct canvas *canvas, int top, int left, int side, const uint8_t *pixels, int height, int width,
                  int channels);
/** The size canvas_place gives such a picture. */
void canvas_fit(int side, int height, int width, int *fitted_height, int *fitted_width);

int canvas_lines(const struct canvas *canvas); /**< lines of text it takes */
/** One line of text, width cells, no newline. */
void canvas_print_line(const struct cli *cli, FILE *out, const struct canvas *canvas, int line);

#endif
