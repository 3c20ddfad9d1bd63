/* SPDX-License-Identifier: MIT */
/* Pictures of curves and confusion matrices: valid SVG and PNG files, and errors where there is nothing to draw. */
#include "train/helpers.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef FOVEA_HAVE_CAIRO

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Both files are pictures with some ink; the SVG has at least this many lines and areas beside its letters. The callers write them into $FOVEA_KEEP, if set, for a person to look at. */
static void check_pictures(fov_context *context, const char *svg, const char *png, size_t shapes)
{
    size_t size, found = 0;
    char *file = test_read(svg, &size);
    assert_non_null(strstr(file, "<svg"));
    assert_non_null(strstr(file, "</svg>"));
    for (const char *at = strstr(file, "</defs>"); at != NULL; at = strstr(at + 1, "<path ")) {
        found++;
    }
    assert_true(found > shapes); /* the first is </defs> */
    free(file);
    fov_image image = {0};
    assert_fine(context, fov_image_load(context, png, 3, &image) == FOV_OK);
    assert_true(image.width > 400 && image.height > 400);
    size_t inked = 0, pixels = (size_t)image.width * (size_t)image.height;
    for (size_t i = 0; i < pixels; i++) {
        inked += image.pixels[3 * i] < 200 || image.pixels[3 * i + 1] < 200;
    }
    assert_true(inked > pixels / 500 && inked < pixels / 2); /* neither blank nor black */
    fov_image_free(&image);
}

static void curves(void **state)
{
    (void)state;
    char folder[256], csv[512], svg[512], png[512],
        text[4096] = "epoch,time,train/loss,val/loss,metrics/accuracy_top1,train/accuracy\n";
    fov_context *context = test_context(1, 1);
    const char *keep = getenv("FOVEA_KEEP");
    test_folder(folder);
    for (int e = 1; e <= 12; e++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%d,1,%g,%g,%g,%g\n", e, 0.02 + 0.4 / (e * e), 0.035 + 0.2 / (e * e),
                 0.991 - 0.04 / e, 0.998 - 0.1 / e);
    }
    write_text(test_path(csv, folder, "history.csv"), text);
    test_path(svg, keep != NULL ? keep : folder, "curves.svg");
    test_path(png, keep != NULL ? keep : folder, "curves.png");
    assert_fine(context, fov_draw_curves(context, csv, svg, png) == FOV_OK);
    check_pictures(context, svg, png, 4);
    /* One epoch without validation. */
    write_text(csv, "epoch,time,train/loss,val/loss,metrics/accuracy_top1,train/accuracy\n1,1,0.5,,,0.75\n");
    test_path(svg, folder, "curves.svg");
    test_path(png, folder, "curves.png");
    assert_fine(context, fov_draw_curves(context, csv, svg, png) == FOV_OK);
    check_pictures(context, svg, png, 2);
    write_text(csv, "epoch,time,train/loss\n");
    assert_int_equal(fov_draw_curves(context, csv, svg, NULL), FOV_E_INPUT);
    fov_error_clear(context);
    assert_int_equal(fov_draw_curves(context, "/nowhere/history.csv", svg, NULL), FOV_E_IO);
    fov_error_clear(context);
    test_folder_remove(folder);
    fov_context_free(context);
}

static void confusion(void **state)
{
    (void)state;
    char folder[256], svg[512], png[512];
    int64_t cells[100], support[10];
    fov_context *context = test_context(1, 1);
    const char *keep = getenv("FOVEA_KEEP");
    fov_report report = {.count = 10000, .classes = 10, .accuracy = 0.9897, .confusion = cells, .support = support};
    test_folder(folder);
    for (int r = 0; r < 10; r++) {
        support[r] = 1000;
        cells[11 * r] = 1000;
        for (int c = 0; c < 10; c++) {
            if (c != r) {
                cells[10 * r + c] = (r * 7 + c * 3) % 5 == 0 ? r + 1 : 0;
                cells[11 * r] -= cells[10 * r + c];
            }
        }
    }
    test_path(svg, keep != NULL ? keep : folder, "confusion.svg");
    test_path(png, keep != NULL ? keep : folder, "confusion.png");
    assert_fine(context, fov_draw_confusion(context, &report, NULL, svg, png) == FOV_OK);
    check_pictures(context, svg, png, 100);
    report.classes = 0;
    assert_int_equal(fov_draw_confusion(context, &report, NULL, svg, png), FOV_E_USAGE);
    fov_error_clear(context);
    report.classes = 10;
    assert_int_equal(fov_draw_confusion(context, &report, NULL, "/nowhere/c.svg", NULL), FOV_E_IO);
    fov_error_clear(context);
    test_folder_remove(folder);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(curves), cmocka_unit_test(confusion)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void says_so(void **state)
{
    (void)state;
    fov_context *context = test_context(1, 1);
    int64_t cell = 1;
    fov_report report = {.count = 1, .classes = 1, .accuracy = 1, .confusion = &cell, .support = &cell};
    assert_int_equal(fov_draw_confusion(context, &report, NULL, "c.svg", NULL), FOV_E_UNSUPPORTED);
    assert_non_null(strstr(fov_error(context), "without cairo"));
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(says_so)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
