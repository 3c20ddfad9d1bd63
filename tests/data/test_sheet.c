/* SPDX-License-Identifier: MIT */
/* Contact sheets of a dataset: as many samples as are asked for, with their variants, of every kind of target; what cannot
 * be drawn is refused. */
#include "support.h"

enum { COUNT = 6, H = 20, W = 30 };

/* Height and width of a sheet; *height 0: this build draws none. */
static void size_of_sheet(void **state, fov_context *context, fov_dataset *data, const fov_sheet_options *options,
                          int *height, int *width)
{
    const char *path = path_in(state, "sheet.png");
    int status = fov_dataset_sheet(data, options, path);
    fov_image image = {.height = 0};
    if (status == FOV_E_UNSUPPORTED) {
        fov_error_clear(context);
    } else if (status != FOV_OK || fov_image_load(context, path, 3, &image) != FOV_OK) {
        fail_msg("%s", fov_error(context));
    }
    *height = image.height;
    *width = image.width;
    fov_image_free(&image);
}

static void test_sheets(void **state)
{
    static uint8_t pixels[COUNT * H * W * 3], masks[COUNT * H * W];
    static const fov_box boxes[COUNT] = {{.x1 = 2, .y1 = 3, .x2 = 9, .y2 = 12}};
    static const int32_t labels[COUNT] = {0, 1, 0, 1, 0, 1}, box_counts[COUNT] = {1};
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * 3);
    }
    const fov_dataset_program all = {.count = COUNT, .height = H, .width = W, .channels = 3, .pixels = pixels};
    fov_dataset_program programs[5] = {all, all, all, all, all};
    programs[1].labels = labels;
    programs[2].masks = masks;
    programs[3].boxes = boxes;
    programs[3].box_counts = box_counts;
    programs[4].others = pixels;
    programs[1].classes = programs[2].classes = programs[3].classes = 2;
    fov_context *context = make_context(1);
    for (int i = 0; i < 5; i++) {
        fov_dataset *data = fov_dataset_create(context, &programs[i]);
        if (data == NULL) {
            fail_msg("%s", fov_error(context));
        }
        int one[2], four[2], variants[2];
        size_of_sheet(state, context, data, &(fov_sheet_options){.count = 1}, &one[0], &one[1]);
        if (one[0] > 0) { /* built with cairo */
            size_of_sheet(state, context, data, &(fov_sheet_options){.count = 4, .spread = true}, &four[0], &four[1]);
            assert_true(four[0] * four[1] > one[0] * one[1]);
            size_of_sheet(state, context, data, &(fov_sheet_options){.count = 1, .augment = "flip"}, &variants[0],
                          &variants[1]);
            assert_true(variants[1] > one[1]); /* four beside it */
            static const fov_sheet_options wrong[] = {
                {.first = COUNT}, {.first = -1}, {.count = -1}, {.augment = "flop"}};
            for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
                assert_int_equal(fov_dataset_sheet(data, &wrong[k], path_in(state, "x.png")), FOV_E_USAGE);
                fov_error_clear(context);
            }
            assert_null(get_file(path_in(state, "x.png"), &(size_t){0}));
        }
        fov_dataset_free(data);
    }
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_sheets, folder_make, folder_remove)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
