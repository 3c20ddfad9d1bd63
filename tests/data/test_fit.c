/* SPDX-License-Identifier: MIT */
/* fit.h: ink is found on any background and fitted to MNIST's size, position and contrast; dirt, and pictures without
 * ink; the largest crop of a given shape; alpha on white. */
#include "data/support.h"
#include "image/fit.h"
#include <math.h>

enum { HEIGHT = 150, WIDTH = 200, SIDE = 28 };

/* An L of level `level` on a background of level `ground`, in a box whose first corner is (top, left). */
static void draw(uint8_t *pixels, int ground, int level, int top, int left, int tall, int wide, int stroke)
{
    memset(pixels, ground, (size_t)HEIGHT * WIDTH);
    for (int y = top; y < top + tall; y++) {
        for (int x = left; x < left + wide; x++) {
            if (x < left + stroke || y >= top + tall - stroke) {
                pixels[y * WIDTH + x] = (uint8_t)level;
            }
        }
    }
}

static void fit(const uint8_t *pixels, fov_invert invert, struct ink *ink, uint8_t *out)
{
    static uint8_t workspace[HEIGHT * WIDTH + SIDE * SIDE];
    struct memory *memory = memory_create(NULL, 0);
    struct resize_scratch scratch = {.memory = memory};
    struct error error = {.status = FOV_OK};
    ink_find(pixels, HEIGHT, WIDTH, invert, ink);
    assert_int_equal(ink_fit(pixels, HEIGHT, WIDTH, ink, workspace, out, SIDE, SIDE, &scratch, &error), FOV_OK);
    resize_free(&scratch);
    memory_destroy(memory);
}

static void places(void **state)
{
    (void)state;
    static uint8_t pixels[HEIGHT * WIDTH];
    static const int grounds[][2] = {{255, 0}, {0, 255}, {180, 60}, {70, 10}, {40, 90}};
    uint8_t first[SIDE * SIDE], out[SIDE * SIDE];
    for (size_t g = 0; g < sizeof grounds / sizeof *grounds; g++) {
        for (int place = 0; place < 3; place++) {
            struct ink ink;
            draw(pixels, grounds[g][0], grounds[g][1], 5 + 20 * place, 9 + 50 * place, 60, 40, 8);
            fit(pixels, FOV_INVERT_AUTO, &ink, out);
            assert_int_equal(ink.is_dark, grounds[g][1] < grounds[g][0]);
            assert_int_equal(ink.ground, grounds[g][0]);
            assert_int_equal(ink.top, 5 + 20 * place);
            assert_int_equal(ink.left, 9 + 50 * place);
            assert_int_equal(ink.height, 60);
            assert_int_equal(ink.width, 40);
            if (g == 0 && place == 0) {
                memcpy(first, out, sizeof out);
            }
            for (size_t i = 0; i < sizeof out; i++) { /* the same picture, except for rounding of few levels */
                assert_true(abs(out[i] - first[i]) <= 3);
            }
        }
    }
    double mass = 0, down = 0, across = 0;
    int most = 0, top = SIDE, bottom = 0;
    for (int i = 0; i < SIDE * SIDE; i++) {
        mass += first[i];
        down += first[i] * (i / SIDE + 0.5);
        across += first[i] * (i % SIDE + 0.5);
        most = first[i] > most ? first[i] : most;
        if (first[i] > 127) {
            top = i / SIDE < top ? i / SIDE : top;
            bottom = i / SIDE;
        }
    }
    assert_int_equal(most, 255);
    assert_int_equal(bottom - top + 1, 20);
    assert_true(fabs(down / mass - 14) <= 1 && fabs(across / mass - 14) <= 0.5);
}

static void forced(void **state)
{
    (void)state;
    static uint8_t pixels[HEIGHT * WIDTH];
    struct ink ink;
    draw(pixels, 255, 0, 30, 30, 60, 40, 8);
    ink_find(pixels, HEIGHT, WIDTH, FOV_INVERT_NO, &ink); /* nothing is lighter than white paper */
    assert_true(ink.deepest < INK_LEAST);
    ink_find(pixels, HEIGHT, WIDTH, FOV_INVERT_YES, &ink);
    assert_int_equal(ink.deepest, 255);
}

static void dirt_and_grain(void **state)
{
    (void)state;
    static uint8_t pixels[HEIGHT * WIDTH];
    struct ink ink;
    draw(pixels, 200, 30, 40, 60, 60, 40, 8);
    for (int i = 0; i < HEIGHT * WIDTH; i++) {
        pixels[i] = (uint8_t)(pixels[i] + i * 7919 % 17 - 8);
    }
    pixels[3 * WIDTH + 190] = 0; /* a fly */
    ink_find(pixels, HEIGHT, WIDTH, FOV_INVERT_AUTO, &ink);
    assert_int_equal(ink.top, 40);
    assert_int_equal(ink.left, 60);
    assert_int_equal(ink.height, 60);
    assert_int_equal(ink.width, 40);
    memset(pixels, 255, sizeof pixels);
    ink_find(pixels, HEIGHT, WIDTH, FOV_INVERT_AUTO, &ink);
    assert_int_equal(ink.deepest, 0);
    uint8_t pixel = 7; /* the smallest picture there is */
    ink_find(&pixel, 1, 1, FOV_INVERT_AUTO, &ink);
    assert_int_equal(ink.height, 1);
}

static void pieces(void **state)
{
    (void)state;
    int piece[4];
    fit_piece(150, 200, 28, 28, piece);
    assert_int_equal(piece[2], 150);
    assert_int_equal(piece[3], 150);
    assert_int_equal(piece[1], 25);
    fit_piece(1, 16384, 28, 28, piece);
    assert_true(piece[2] == 1 && piece[3] == 1);
    static const uint8_t rgba[2][4] = {{0, 0, 0, 255}, {9, 9, 9, 0}};
    uint8_t rgb[2][3];
    fit_flatten(rgba[0], rgb[0], 2);
    assert_true(rgb[0][0] == 0 && rgb[1][0] == 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places),
        cmocka_unit_test(forced),
        cmocka_unit_test(dirt_and_grain),
        cmocka_unit_test(pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
