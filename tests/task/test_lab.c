/* SPDX-License-Identifier: MIT */
/* Lab colours as scikit-image computes them, and their conversion back to the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "task/lab.h"
#include <cmocka.h>
#include <math.h>

static void known_colours(void **state)
{
    (void)state;
    /* rgb2lab of scikit-image: white, red, green, blue */
    static const struct {
        uint8_t rgb[3];
        double  lab[3];
    } known[] = {
        {{255, 255, 255}, {100.0, -0.00245, 0.00465}},
        {{255, 0, 0}, {53.2406, 80.0923, 67.2032}},
        {{0, 255, 0}, {87.7351, -86.1830, 83.1797}},
        {{0, 0, 255}, {32.2957, 79.1856, -107.8573}},
        {{0, 0, 0}, {0.0, 0.0, 0.0}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        double lab[3];
        lab_from_rgb(known[i].rgb, lab);
        for (int c = 0; c < 3; c++) {
            assert_true(fabs(lab[c] - known[i].lab[c]) < 0.01);
        }
    }
}

static void there_and_back(void **state)
{
    (void)state;
    for (int i = 0; i < 4096; i++) {
        const uint8_t rgb[3] = {(uint8_t)(i % 16 * 17), (uint8_t)(i / 16 % 16 * 17), (uint8_t)(i / 256 * 17)};
        uint8_t again[3];
        double lab[3];
        lab_from_rgb(rgb, lab);
        lab_to_rgb(lab, again);
        assert_memory_equal(rgb, again, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_colours), cmocka_unit_test(there_and_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
