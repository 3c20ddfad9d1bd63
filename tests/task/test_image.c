/* SPDX-License-Identifier: MIT */
/* The task "image": degraded pictures get the input's number of channels, also if the output has another one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "task/task.h"
#include <fovea/fovea.h>
#include <math.h>
#include <string.h>

enum { SIDE = 4 };

static void small_pictures_have_the_channels_of_the_input(void **state)
{
    (void)state;
    static const uint8_t red_green_blue[3] = {10, 200, 50};
    static const struct {
        int reads, makes;
        uint8_t right[4];
    } cases[] = {{1, 3, {126}}, {3, 3, {10, 200, 50}}, {4, 3, {10, 200, 50, 255}}, {3, 1, {10, 10, 10}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
        fov_model *model = fov_model_create(context);
        fov_graph *graph = fov_model_graph(model);
        int reads = cases[i].reads, makes = cases[i].makes;
        fov_value x = fov_input(graph, .name = "x", .shape = FOV_SHAPE(FOV_BATCH, reads, SIDE, SIDE));
        fov_value y = fov_conv2d(graph, x, .filters = makes, .kernel = 1);
        assert_int_equal(fov_model_set_input_output(model, x, y), FOV_OK);
        struct error error = {.status = FOV_OK};
        struct task_use use = {.model = model};
        assert_int_equal(task_choose(&use, "image:from=small", FOV_TARGET_NONE, &error), FOV_OK);
        assert_int_equal(task_fit(&use, &error), FOV_OK);
        uint8_t clean[SIDE * SIDE * 3], worse[SIDE * SIDE * 4] = {0};
        for (int p = 0; p < SIDE * SIDE; p++) {
            memcpy(clean + p * makes, red_green_blue, (size_t)makes);
        }
        use.prepare.degrade(use.prepare.user, clean, worse, NULL);
        for (int p = 0; p < SIDE * SIDE; p++) {
            assert_memory_equal(worse + p * reads, cases[i].right, (size_t)reads);
        }
        task_close(&use);
        fov_model_free(model);
        fov_context_free(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(small_pictures_have_the_channels_of_the_input)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
