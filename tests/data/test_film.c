/* SPDX-License-Identifier: MIT */
/* Animated GIFs: the first frame is read back, grey levels and few colours exactly, many colours nearly; all frames are
 * written; wrong arguments are refused; every allocation may fail. */
#include "base/memory.h"
#include "device/context.h"
#include "support/temporary.h"
#include <fovea/fovea.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { HEIGHT = 9, WIDTH = 14, AREA = HEIGHT * WIDTH, FRAMES = 5 };

struct bed {
    fov_context *context;
    char path[TEMPORARY_PATH];
    uint8_t pixels[FRAMES][3 * AREA];
    fov_image frames[FRAMES];
};

static void open_bed(struct bed *bed, int channels)
{
    *bed = (struct bed){.context = fov_context_create(NULL), .path = ""};
    temporary_file(bed->path, ".gif");
    for (int f = 0; f < FRAMES; f++) {
        bed->frames[f] = (fov_image){HEIGHT, WIDTH, channels, bed->pixels[f], NULL, NULL};
        for (int i = 0; i < channels * AREA; i++) {
            bed->pixels[f][i] = (uint8_t)(i * 7 + f * 31);
        }
    }
}

static void close_bed(struct bed *bed)
{
    unlink(bed->path);
    fov_context_free(bed->context);
}

/* The largest difference between the first frame, enlarged by `zoom`, and the file as it is read back. */
static int worst(const struct bed *bed, int zoom)
{
    fov_image image;
    const fov_image *first = &bed->frames[0];
    int most = 0;
    if (fov_image_load(bed->context, bed->path, first->channels, &image) != FOV_OK) {
        fail_msg("%s", fov_error(bed->context));
    }
    assert_true(image.height == HEIGHT * zoom && image.width == WIDTH * zoom);
    for (int y = 0; y < image.height; y++) {
        for (int x = 0; x < image.width; x++) {
            for (int c = 0; c < first->channels; c++) {
                int is = image.pixels[(y * image.width + x) * image.channels + c];
                int was = first->pixels[(y / zoom * WIDTH + x / zoom) * first->channels + c];
                most = abs(is - was) > most ? abs(is - was) : most;
            }
        }
    }
    fov_image_free(&image);
    return most;
}

/* Counts a file's frames by the control block in front of each; asserts that the file has one loop block. */
static int count_frames(const struct bed *bed, int hundredths)
{
    uint8_t bytes[65536];
    const uint8_t control[] = {0x21, 0xf9, 4, 1 << 2, (uint8_t)hundredths, 0};
    FILE *file = fopen(bed->path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    int count = 0, loops = 0;
    fclose(file);
    for (size_t i = 0; i + 11 <= size; i++) {
        count += memcmp(bytes + i, control, sizeof control) == 0;
        loops += memcmp(bytes + i, "NETSCAPE2.0", 11) == 0;
    }
    assert_int_equal(loops, 1);
    return count;
}

static void test_grey(void **state)
{
    (void)state;
    struct bed bed;
    open_bed(&bed, 1);
    assert_int_equal(fov_pictures_save_gif(bed.context, bed.frames, FRAMES, 70, 3, bed.path), FOV_OK);
    assert_int_equal(worst(&bed, 3), 0);
    assert_int_equal(count_frames(&bed, 7), FRAMES);
    close_bed(&bed);
}

static void test_colours(void **state)
{
    (void)state;
    struct bed bed;
    open_bed(&bed, 3);
    assert_int_equal(fov_pictures_save_gif(bed.context, bed.frames, FRAMES, 0, 0, bed.path), FOV_OK);
    assert_in_range(worst(&bed, 1), 1, 32); /* the frames have 630 colours, the palette 256 */
    assert_int_equal(count_frames(&bed, 10), FRAMES);
    for (int f = 0; f < FRAMES; f++) {
        for (int i = 0; i < 3 * AREA; i++) { /* 125 colours, further apart than the cells of the palette */
            bed.pixels[f][i] = (uint8_t)(51 * (i * i % 5) + 13);
        }
    }
    assert_int_equal(fov_pictures_save_gif(bed.context, bed.frames, FRAMES, 0, 0, bed.path), FOV_OK);
    assert_int_equal(worst(&bed, 1), 0);
    memset(bed.pixels, 200, sizeof bed.pixels); /* a single colour */
    assert_int_equal(fov_pictures_save_gif(bed.context, bed.frames, 1, 0, 0, bed.path), FOV_OK);
    assert_int_equal(worst(&bed, 1), 0);
    close_bed(&bed);
}

static void refuse(struct bed *bed, int count, int milliseconds, int zoom, const char *path, int status)
{
    assert_int_equal(fov_pictures_save_gif(bed->context, bed->frames, count, milliseconds, zoom, path), status);
    fov_error_clear(bed->context);
}

static void test_refused(void **state)
{
    (void)state;
    struct bed bed;
    open_bed(&bed, 3);
    refuse(&bed, 0, 0, 0, bed.path, FOV_E_USAGE);
    refuse(&bed, 1, -1, 0, bed.path, FOV_E_USAGE);
    refuse(&bed, 1, 0, 65, bed.path, FOV_E_USAGE);
    refuse(&bed, 1, 0, 0, "/nowhere/film.gif", FOV_E_IO);
    bed.frames[1].width--;
    refuse(&bed, 2, 0, 0, bed.path, FOV_E_USAGE);
    for (int size = -1; size < 1; size++) {
        fov_image none = bed.frames[0], line = bed.frames[0];
        none.height = line.width = size;
        assert_int_equal(fov_pictures_save_gif(bed.context, &none, 1, 0, 0, bed.path), FOV_E_USAGE);
        assert_int_equal(fov_pictures_save_gif(bed.context, &line, 1, 0, 0, bed.path), FOV_E_USAGE);
    }
    fov_error_clear(bed.context);
    refuse(&bed, 1, 0, 0, bed.path, FOV_OK);
    close_bed(&bed);
}

static void test_memory(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct bed bed;
        open_bed(&bed, 3);
        uint64_t requests = memory_requests(bed.context->memory);
        memory_fail_at(bed.context->memory, n, false);
        int status = fov_pictures_save_gif(bed.context, bed.frames, FRAMES, 0, 0, bed.path);
        requests = memory_requests(bed.context->memory) - requests;
        memory_fail_at(bed.context->memory, 0, false);
        assert_true(status == FOV_E_MEMORY || (status == FOV_OK && n > requests));
        close_bed(&bed);
        if (n > requests) {
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grey),
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("film", tests, NULL, NULL);
}
