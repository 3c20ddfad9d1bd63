/* SPDX-License-Identifier: MIT */
/* Decoding: pixels equal Pillow's (pictures.inc, made by make_pictures.py); every prefix of every file is refused,
 * random damage does no harm; sizes that only decompression bombs have are refused before anything is allocated. */
#include "data/support.h"
#include "base/hash.h"
#include "base/random.h"
#include "data/loader.h"
#include "device/context.h"
#include "image/image.h"
#include "image/resize.h"
#include <math.h>
#include <zlib.h>

#ifdef FOVEA_HAVE_JPEG
#include <jpeglib.h> /* to make the one JPEG that other programs refuse to write */
#endif

#include "pictures.inc"

enum { PICTURES = sizeof picture_cases / sizeof *picture_cases, RESIZES = sizeof resize_cases / sizeof *resize_cases };

/* Whether this build can read the format of a case. */
static bool is_built(const char *name)
{
    const char *suffix = strrchr(name, '.');
#ifndef FOVEA_HAVE_WEBP
    if (strcmp(suffix, ".webp") == 0) {
        return false;
    }
#endif
#ifndef FOVEA_HAVE_GIF
    if (strcmp(suffix, ".gif") == 0) {
        return false;
    }
#endif
    return suffix != NULL;
}

static uint8_t *load(const char *name, size_t *size)
{
    char path[600];
    snprintf(path, sizeof path, "%s/tests/data/pictures/%s", FOVEA_SOURCE_DIR, name);
    uint8_t *bytes = get_file(path, size);
    assert_non_null(bytes);
    return bytes;
}

static void test_pixels(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 0);
    for (size_t i = 0; i < PICTURES; i++) {
        const struct picture_case *expected = &picture_cases[i];
        if (!is_built(expected->name)) {
            continue;
        }
        struct picture picture = {.memory = memory};
        struct error error = {.status = FOV_OK};
        size_t size;
        uint8_t *bytes = load(expected->name, &size);
        char hex[HASH_HEX_SIZE];
        assert_int_equal(image_decode(&picture, bytes, size, IMAGE_AS_STORED, &error), FOV_OK);
        assert_int_equal(picture.height, expected->height);
        assert_int_equal(picture.width, expected->width);
        assert_int_equal(picture.channels, expected->channels);
        hash_bytes(picture.pixels, (size_t)picture.height * (size_t)picture.width * (size_t)picture.channels, hex);
        if (strcmp(hex, expected->sha256) != 0) {
            print_message("%s: other pixels than expected\n", expected->name);
        }
        assert_string_equal(hex, expected->sha256);

        // converting while decoding is decoding, then converting
        static const enum image_channels wanted[] = {IMAGE_GREY, IMAGE_RGB, IMAGE_OPAQUE};
        for (int w = 0; w < 3; w++) {
            struct picture other = {.memory = memory};
            assert_int_equal(image_decode(&other, bytes, size, wanted[w], &error), FOV_OK);
            int channels = wanted[w] == IMAGE_OPAQUE ? (picture.channels == 1 ? 1 : 3) : (int)wanted[w];
            assert_int_equal(other.channels, channels);
            size_t area = (size_t)picture.height * (size_t)picture.width;
            uint8_t *converted = malloc(area * 4);
            image_convert(picture.pixels, picture.channels, converted, channels, area);
            assert_memory_equal(other.pixels, converted, area * (size_t)channels);
            free(converted);
            picture_free(&other);
        }
        picture_free(&picture);
        free(bytes);
    }
    assert_int_equal(memory_in_use(memory), 0);
    memory_destroy(memory);
}

/* Decodes from a heap block of exactly the file's size; whatever the result, nothing may leak or be read out of
 * bounds. */
static int survive(struct memory *memory, const uint8_t *bytes, size_t size, struct error *error)
{
    struct picture picture = {.memory = memory};
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    error->status = FOV_OK;
    error->text[0] = 0;
    int status = image_decode(&picture, copy, size, IMAGE_RGB, error);
    assert_true(status == FOV_OK || error->text[0] != 0);
    picture_free(&picture);
    free(copy);
    assert_int_equal(memory_in_use(memory), 0);
    return status;
}

static void test_prefixes(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 0);
    for (size_t i = 0; i < PICTURES; i++) {
        if (!is_built(picture_cases[i].name)) {
            continue;
        }
        size_t size;
        uint8_t *bytes = load(picture_cases[i].name, &size);
        struct error error;
        for (size_t cut = 0; cut < size; cut++) {
            int status = survive(memory, bytes, cut, &error);
            if (status != FOV_E_INPUT) {
                print_message("%s cut to %zu of %zu bytes: status %d\n", picture_cases[i].name, cut, size, status);
            }
            assert_int_equal(status, FOV_E_INPUT);
        }
        assert_int_equal(survive(memory, bytes, size, &error), FOV_OK);
        free(bytes);
    }
    memory_destroy(memory);
}

static void test_random_damage(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 0);
    struct random_key key = {.seed = 1, .use = RANDOM_TEST};
    uint64_t draw = 0;
    int refused = 0;
    for (size_t i = 0; i < PICTURES; i++) {
        if (!is_built(picture_cases[i].name)) {
            continue;
        }
        size_t size;
        uint8_t *bytes = load(picture_cases[i].name, &size);
        struct error error;
        for (int round = 0; round < 300; round++) {
            uint8_t *copy = malloc(size);
            memcpy(copy, bytes, size);
            for (int flips = 1 + round % 4; flips > 0; flips--) {
                size_t at = (size_t)random_below(key, draw++, size);
                copy[at] ^= (uint8_t)(1U << random_below(key, draw++, 8));
            }
            refused += survive(memory, copy, size, &error) != FOV_OK;
            free(copy);
        }
        free(bytes);
    }
    assert_true(refused > 1000); // most damage is noticed
    memory_destroy(memory);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *says;
    } rows[] = {
        {"", 0, "empty"},
        {"II*\0....", 8, "not a PNG, JPEG, WebP, GIF or BMP (starts with 49 49 2a 00, looks like TIFF)"},
        {"GIF89a..", 8, "GIF"},
        {"RIFF\0\0\0\0WEBPVP8 ", 16, "WebP"},
        {"BM", 2, "truncated BMP"},
        {"hello, world", 12, "not a PNG, JPEG, WebP, GIF or BMP (starts with 68 65 6c 6c)"},
        {"\xff\xd8", 2, "JPEG"},
        {"\x89PNG\r\n\x1a\n", 8, "truncated PNG"},
    };
    struct memory *memory = memory_create(NULL, 0);
    struct error error;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int status = survive(memory, (const uint8_t *)rows[i].bytes, rows[i].size, &error);
        assert_true(status == FOV_E_INPUT || status == FOV_E_UNSUPPORTED);
        if (!strstr(error.text, rows[i].says)) {
            print_message("\"%s\" lacks \"%s\"\n", error.text, rows[i].says);
        }
        assert_non_null(strstr(error.text, rows[i].says));
    }
    memory_destroy(memory);
}

/* Files whose headers state too many pixels are refused by the header alone. */
static void test_bombs(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 1 << 20); // allocating first would end in FOV_E_MEMORY
    struct error error;
    size_t size;
    uint8_t *jpeg = load("rgb.jpg", &size);
    for (size_t i = 0; i + 9 < size; i++) {
        if (jpeg[i] == 0xff && jpeg[i + 1] == 0xc0) { // SOF0: length, precision, height, width
            memcpy(jpeg + i + 5, "\xff\xdc\xff\xdc", 4);
        }
    }
    assert_int_equal(survive(memory, jpeg, size, &error), FOV_E_INPUT);
    assert_non_null(strstr(error.text, "beyond the limits"));
    free(jpeg);

    static const uint32_t sides[][2] = {{65500, 65500}, {16384, 16384},  {16385, 1},
                                        {1, 16385},     {0x7fffffff, 1}, {8001, 8000}};
    uint8_t *png = load("grey1.png", &size);
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        for (int b = 0; b < 4; b++) {
            png[16 + b] = (uint8_t)(sides[i][0] >> (24 - 8 * b));
            png[20 + b] = (uint8_t)(sides[i][1] >> (24 - 8 * b));
        }
        uint32_t crc = (uint32_t)crc32(0, png + 12, 17);
        for (int b = 0; b < 4; b++) {
            png[29 + b] = (uint8_t)(crc >> (24 - 8 * b));
        }
        assert_int_equal(survive(memory, png, size, &error), FOV_E_INPUT);
        assert_non_null(strstr(error.text, "limits"));
    }
    free(png);

    static const struct {
        const char *name;
        size_t at; /* of the width, then the height */
        const char *sides;
        size_t length;
    } rows[] = {{"rgb.gif", 6, "\xff\xff\xff\xff", 4},
                {"animated.webp", 24, "\xff\xff\x3f\xff\xff\x3f", 6},
                {"rgb.bmp", 18, "\x41\x1f\0\0\x40\x1f\0\0", 8}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (is_built(rows[i].name)) {
            uint8_t *bytes = load(rows[i].name, &size);
            memcpy(bytes + rows[i].at, rows[i].sides, rows[i].length);
            assert_int_equal(survive(memory, bytes, size, &error), FOV_E_INPUT);
            if (i != 1) { // libwebp itself refuses such a canvas, with another sentence
                assert_non_null(strstr(error.text, "beyond the limits"));
            }
            free(bytes);
        }
    }
    memory_destroy(memory);
}

#ifdef FOVEA_HAVE_JPEG
/* A progressive JPEG with one scan per coefficient: 1 + 3 x `last` scans. */
static unsigned char *make_scans(int last, unsigned long *size)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    static jpeg_scan_info scans[1 + 3 * 63];
    unsigned char *bytes = NULL, line[16 * 3];
    int count = 0;
    scans[count++] = (jpeg_scan_info){.comps_in_scan = 3, .component_index = {0, 1, 2}};
    for (int c = 0; c < 3; c++) {
        for (int k = 1; k <= last; k++) {
            scans[count++] = (jpeg_scan_info){.comps_in_scan = 1, .component_index = {c}, .Ss = k, .Se = k};
        }
    }
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, size);
    jpeg.image_width = jpeg.image_height = 16;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg.scan_info = scans;
    jpeg.num_scans = count;
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < 16; y++) {
        JSAMPROW row = line;
        for (int i = 0; i < 16 * 3; i++) {
            line[i] = (unsigned char)(i * y * 5);
        }
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return bytes;
}

static void test_scans(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 0);
    struct error error;
    unsigned long size = 0;
    unsigned char *bytes = make_scans(33, &size); // 100 scans: the limit
    assert_int_equal(survive(memory, bytes, size, &error), FOV_OK);
    free(bytes);
    size = 0;
    bytes = make_scans(34, &size);
    assert_int_equal(survive(memory, bytes, size, &error), FOV_E_INPUT);
    assert_non_null(strstr(error.text, "more than 100 scans"));
    free(bytes);
    memory_destroy(memory);
}
#endif

/* The memory limit counts what decoding libraries allocate: with one byte less than its peak a decoder fails with
 * FOV_E_MEMORY and a sentence with numbers, and frees everything. */
static void test_memory_is_counted(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t own; /* least bytes that decoding takes at its peak */
    } rows[] = {{"rgb.png", 40000},
                {"rgb.gif", 40000},
                {"lossless.webp", 21 * 14 * 4},
                {"progressive.jpg", 21 * 14 * 6}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!is_built(rows[i].name)) {
            continue;
        }
        struct memory *memory = memory_create(NULL, 0);
        struct error error;
        size_t size;
        uint8_t *bytes = load(rows[i].name, &size);
        assert_int_equal(survive(memory, bytes, size, &error), FOV_OK);
        size_t peak = memory_peak(memory);
        assert_true(peak >= rows[i].own);
        memory_set_limit(memory, peak);
        assert_int_equal(survive(memory, bytes, size, &error), FOV_OK);
        memory_set_limit(memory, peak - 1);
        assert_int_equal(survive(memory, bytes, size, &error), FOV_E_MEMORY);
        assert_non_null(strstr(error.text, "of the limit of"));
        free(bytes);
        memory_destroy(memory);
    }
}

#ifdef FOVEA_HAVE_JPEG
/* Decoding a progressive JPEG holds every coefficient, of two bytes each, before the first pixel is ready. */
static void test_coefficients_are_counted(void **state)
{
    (void)state;
    enum { SIDE = 1024 };
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL, *line = calloc(SIDE, 4);
    unsigned long size = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &size);
    jpeg.image_width = jpeg.image_height = SIDE;
    jpeg.input_components = 4;
    jpeg.in_color_space = JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < SIDE; y++) {
        JSAMPROW row = line;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    const size_t coefficients = (size_t)SIDE * SIDE * 4 * 2, pixels = (size_t)SIDE * SIDE * 4;
    struct memory *memory = memory_create(NULL, coefficients);
    struct error error;
    assert_int_equal(survive(memory, bytes, size, &error), FOV_E_MEMORY);
    assert_non_null(strstr(error.text, "decoding a JPEG needs"));
    memory_set_limit(memory, (coefficients + pixels) * 11 / 10);
    assert_int_equal(survive(memory, bytes, size, &error), FOV_OK);
    assert_true(memory_peak(memory) >= coefficients + pixels);
    free(bytes);
    free(line);
    memory_destroy(memory);
}
#endif

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < PICTURES; i++) {
        if (!is_built(picture_cases[i].name)) {
            continue;
        }
        size_t size;
        uint8_t *bytes = load(picture_cases[i].name, &size);
        bool done = false;
        for (uint64_t n = 1; !done; n++) {
            struct memory *memory = memory_create(NULL, 0);
            struct picture picture = {.memory = memory};
            struct error error = {.status = FOV_OK};
            memory_fail_at(memory, n, false);
            int status = image_decode(&picture, bytes, size, IMAGE_GREY, &error);
            done = status == FOV_OK;
            assert_true(done || status == FOV_E_MEMORY);
            picture_free(&picture);
            assert_int_equal(memory_in_use(memory), 0);
            memory_destroy(memory);
            assert_true(n < 200);
        }
        free(bytes);
    }
}

/* The test pattern, by the formula of make_pictures.py. */
static void draw_pattern(uint8_t *out, int height, int width, int channels)
{
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            for (int c = 0; c < channels; c++) {
                *out++ = (uint8_t)(x * x * 7 + y * 13 + x * y * (3 + c) + 91 * c + (x >> 2) * 64);
            }
        }
    }
}

static void test_resize(void **state)
{
    (void)state;
    struct memory *memory = memory_create(NULL, 0);
    struct resize_scratch scratch = {.memory = memory};
    for (size_t i = 0; i < RESIZES; i++) {
        const struct resize_case *c = &resize_cases[i];
        size_t in_size = (size_t)c->height * (size_t)c->width * (size_t)c->channels;
        size_t out_size = (size_t)c->out_height * (size_t)c->out_width * (size_t)c->channels;
        uint8_t *in = malloc(in_size), *out = malloc(out_size);
        char hex[HASH_HEX_SIZE];
        struct error error = {.status = FOV_OK};
        draw_pattern(in, c->height, c->width, c->channels);
        assert_int_equal(
            image_resize(in, c->height, c->width, c->channels, out, c->out_height, c->out_width, &scratch, &error),
            FOV_OK);
        hash_bytes(out, out_size, hex);
        if (strcmp(hex, c->sha256) != 0) {
            print_message("%d x %d to %d x %d differs from Pillow\n", c->height, c->width, c->out_height, c->out_width);
        }
        assert_string_equal(hex, c->sha256);
        free(in);
        free(out);
    }
    resize_free(&scratch);
    assert_int_equal(memory_in_use(memory), 0);
    memory_destroy(memory);
}

#ifdef FOVEA_HAVE_JPEG
/* Decoding, orientation, resizing, cropping and normalising together: within one grey level of Pillow's result. */
static void test_prepared(void **state)
{
    (void)state;
    fov_context *context = make_context(1);
    const struct prepare_options options = {
        .size = {3, PREPARED, PREPARED},
        .preprocessing = {.mean = {0.485F, 0.456F, 0.406F}, .deviation = {0.229F, 0.224F, 0.225F}, .shorter = 24}};
    struct picture picture = {.memory = context->memory};
    struct error error = {.status = FOV_OK};
    float made[PREPARED * PREPARED * 3];
    size_t size;
    uint8_t *bytes = load("phone.jpg", &size);
    assert_int_equal(image_decode(&picture, bytes, size, IMAGE_AS_STORED, &error), FOV_OK);
    const fov_image image = {picture.height, picture.width, picture.channels, (uint8_t *)(uintptr_t)picture.pixels,
                             NULL, NULL};
    assert_int_equal(loader_preprocess(context, &image, &options, made, NULL, &error), FOV_OK);
    for (int i = 0; i < PREPARED * PREPARED * 3; i++) {
        double mean = (double)options.preprocessing.mean[i % 3],
               deviation = (double)options.preprocessing.deviation[i % 3];
        double level = ((double)made[i] * deviation + mean) * 255;
        if (!(fabs(level - prepared_pixels[i]) <= 1.0)) {
            fail_msg("number %d is grey level %.3f, Pillow's %d", i, level, prepared_pixels[i]);
        }
    }
    picture_free(&picture);
    free(bytes);
    fov_context_free(context);
}
#endif

static void test_luma(void **state)
{
    (void)state;
    uint8_t *pixels = malloc((size_t)256 * 256 * 3);
    char hex[HASH_HEX_SIZE];
    draw_pattern(pixels, 256, 256, 3);
    image_convert(pixels, 3, pixels, 1, (size_t)256 * 256);
    hash_bytes(pixels, (size_t)256 * 256, hex);
    assert_string_equal(hex, luma_sha256);
    free(pixels);
}

/* PNGs written by the public function are read back by the other one. */
static void test_save(void **state)
{
    fov_context *context = make_context(1);
    uint8_t pixels[11 * 7 * 4];
    draw_pattern(pixels, 11, 7, 4);
    static const int channels[] = {1, 3, 4};
    for (int i = 0; i < 3; i++) {
        fov_image image;
        const char *path = path_in(state, "out.png");
        assert_int_equal(fov_image_save_png(context, path, 11, 7, channels[i], pixels), FOV_OK);
        assert_int_equal(fov_image_load(context, path, 0, &image), FOV_OK);
        assert_true(image.height == 11 && image.width == 7 && image.channels == channels[i]);
        assert_memory_equal(image.pixels, pixels, (size_t)(11 * 7 * channels[i]));
        fov_image_free(&image);
        fov_image_free(&image);
    }
    fov_image image;
    assert_int_equal(fov_image_save_png(context, path_in(state, "out.png"), 11, 7, 2, pixels), FOV_E_USAGE);
    fov_error_clear(context);
    assert_int_equal(fov_image_load(context, path_in(state, "missing.png"), 0, &image), FOV_E_IO);
    assert_non_null(strstr(fov_error(context), "missing.png"));
    fov_error_clear(context);
    put_file(path_in(state, "text.png"), "not a picture", 13);
    assert_int_equal(fov_image_load(context, path_in(state, "text.png"), 0, &image), FOV_E_INPUT);
    assert_non_null(strstr(fov_error(context), "text.png: not a PNG, JPEG, WebP, GIF or BMP"));
    fov_context_free(context);
}

static void test_exif(void **state)
{
    (void)state;
    uint8_t exif[] = "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
    size_t size = sizeof exif - 1;
    assert_int_equal(exif_orientation(exif, size), 6);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1);
        memcpy(copy, exif, cut);
        int orientation = exif_orientation(copy, cut);
        assert_true(orientation == 1 || (cut >= size - 2 && orientation == 6));
        free(copy);
    }
    exif[18] = 4; // a LONG
    assert_int_equal(exif_orientation(exif, size), 6);
    assert_int_equal(exif_orientation(exif + 6, size - 6), 6); // without the prefix, as in PNG
    exif[26] = 1; // 65542
    assert_int_equal(exif_orientation(exif, size), 1);
    exif[26] = 0;
    exif[18] = 5; // a fraction
    assert_int_equal(exif_orientation(exif, size), 1);
    exif[18] = 3;
    exif[24] = 9; // no such orientation
    assert_int_equal(exif_orientation(exif, size), 1);
    exif[10] = 0xff; // a directory far away
    exif[13] = 0xff;
    assert_int_equal(exif_orientation(exif, size), 1);
}

/* Files from cameras and editors: 56 x 40 pixels, with an orientation that swaps the sides. */
static void test_orientation_of_others(void **state)
{
    (void)state;
    static const char *const names[] = {"faults/15-orientation/62_png_exif6.png",
                                        "faults/15-orientation/89_exif_long.jpg"};
    struct memory *memory = memory_create(NULL, 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct picture picture = {.memory = memory};
        struct error error = {.status = FOV_OK};
        assert_int_equal(image_read(&picture, shared_path(names[i]), IMAGE_AS_STORED, &error), FOV_OK);
        assert_int_equal(picture.width, 40);
        assert_int_equal(picture.height, 56);
        picture_free(&picture);
    }
    memory_destroy(memory);
}

int main(void)
{
#if !defined(FOVEA_HAVE_JPEG) || !defined(FOVEA_HAVE_PNG)
    printf("SKIPPED: built without JPEG or PNG\n");
    return 77;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pixels),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_random_damage),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bombs),
#ifdef FOVEA_HAVE_JPEG
        cmocka_unit_test(test_scans),
#endif
        cmocka_unit_test(test_memory_is_counted),
#ifdef FOVEA_HAVE_JPEG
        cmocka_unit_test(test_coefficients_are_counted),
#endif
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_resize),
#ifdef FOVEA_HAVE_JPEG
        cmocka_unit_test(test_prepared),
#endif
        cmocka_unit_test(test_luma),
        cmocka_unit_test_setup_teardown(test_save, folder_make, folder_remove),
        cmocka_unit_test(test_exif),
        cmocka_unit_test(test_orientation_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
