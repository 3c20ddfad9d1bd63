/* SPDX-License-Identifier: MIT */
/* Texts in drawings: Chinese names are drawn with a font that has their characters, if the system has one; invalid
 * UTF-8 does no harm; and the distance of an axis' marks. */
#include "base/error.h"
#include "report/plot.h"
#include "support/temporary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fovea/status.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void draw_text(struct plot *plot, const void *what)
{
    plot_text(plot, 5, 20, -1, 16, PLOT_INK, false, false, what);
}

/* Draws a text as PNG and returns its number of bytes; skips the test in a build that cannot draw. */
static size_t draw(const char *text, unsigned char *png, size_t size)
{
    char path[TEMPORARY_PATH];
    struct error error = {0};
    temporary_file(path, ".png");
    int status = plot_files(120, 40, draw_text, text, NULL, path, &error);
    FILE *in = fopen(path, "rb");
    size_t got = in != NULL ? fread(png, 1, size, in) : 0;
    if (in != NULL) {
        fclose(in);
    }
    unlink(path);
    if (status == FOV_E_UNSUPPORTED) {
        skip();
    }
    assert_int_equal(status, FOV_OK);
    assert_true(got > 0 && got < size);
    return got;
}

static bool differ(const char *a, const char *b)
{
    static unsigned char drawn[2][1 << 16];
    size_t size = draw(a, drawn[0], sizeof drawn[0]);
    return draw(b, drawn[1], sizeof drawn[1]) != size || memcmp(drawn[0], drawn[1], size) != 0;
}

static bool system_has_chinese(void)
{
    char line[256];
    FILE *fonts = popen("fc-list :lang=zh-cn family 2>/dev/null | grep -E 'Noto Sans CJK|WenQuanYi|Source Han'", "r");
    bool some = fonts != NULL && fgets(line, sizeof line, fonts) != NULL;
    if (fonts != NULL) {
        pclose(fonts);
    }
    return some;
}

static void test_names_in_chinese(void **state)
{
    (void)state;
    assert_true(differ("dog", "cat"));
    if (!system_has_chinese()) {
        skip();
    }
    assert_true(differ("零", "壹")); /* a font without them would draw the same box for both */
    assert_true(differ("狗 dog", "猫 dog"));
    assert_false(differ("猫", "猫"));
}

/* A name with invalid UTF-8 is drawn; a last character that is cut is left out. */
static void test_names_with_bad_bytes(void **state)
{
    (void)state;
    assert_true(differ("a\xff", "b\xff"));
    assert_false(differ("caf\xc3", "caf"));
    assert_false(differ("\xe7\x8b", ""));
}

/* plot_tick() gives a positive step with few marks from the lowest to the highest number, however near these are. */
static void test_marks_end(void **state)
{
    (void)state;
    static const double ranges[][2] = {
        {0.3, 0.30000000000000004}, {1e20, 1e20 + 16384}, {-1e-300, -1e-300 * (1 - 2.3e-16)}, {0, 1},
        {-5, 7e3}, {2, 2}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        double low = ranges[i][0], high = ranges[i][1], step = plot_tick(low, high, 6);
        int marks = 0;
        for (double v = ceil(low / step - 1e-9) * step; v <= high + step * 1e-9 && marks < 100; v += step) {
            marks++;
        }
        assert_true(step > 0 && marks < 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names_in_chinese),
                                       cmocka_unit_test(test_names_with_bad_bytes),
                                       cmocka_unit_test(test_marks_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
