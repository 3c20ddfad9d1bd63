/* SPDX-License-Identifier: MIT */
/* The loader against a plain computation: normalising, padding, both memory orders, resizing, channels; the same bits
 * for any number of threads; no allocation per batch; of several bad samples the first in the batch is reported. */
#include "data/support.h"
#include "data/loader.h"
#include "data/views.h"
#include "image/resize.h"
#include <math.h>
#include <unistd.h>

enum { COUNT = 37 };

/* The expected values of one sample: converted, resized, padded, and normalised in double precision. */
static void expect_sample(struct memory *memory, const struct picture *picture, const struct prepare_options *o,
                          double *out)
{
    struct resize_scratch scratch = {.memory = memory};
    int pad = o->preprocessing.pad, height = o->size.height - 2 * pad, width = o->size.width - 2 * pad;
    size_t channels = (size_t)o->size.channels, area = (size_t)o->size.height * (size_t)o->size.width;
    uint8_t *fit = malloc((size_t)picture->height * (size_t)picture->width * channels);
    uint8_t *small = malloc((size_t)height * (size_t)width * channels);
    image_convert(picture->pixels, picture->channels, fit, o->size.channels,
                  (size_t)picture->height * (size_t)picture->width);
    assert_int_equal(
        image_resize(fit, picture->height, picture->width, o->size.channels, small, height, width, &scratch, NULL), FOV_OK);
    for (int y = 0; y < o->size.height; y++) {
        for (int x = 0; x < o->size.width; x++) {
            for (size_t c = 0; c < channels; c++) {
                bool inside = y >= pad && y < pad + height && x >= pad && x < pad + width;
                size_t from = ((size_t)(y - pad) * (size_t)width + (size_t)(x - pad)) * channels + c;
                size_t p = (size_t)y * (size_t)o->size.width + (size_t)x;
                double deviation = o->preprocessing.deviation[c] > 0.0F ? (double)o->preprocessing.deviation[c] : 1.0;
                double value = inside ? small[from] / 255.0 : 0.0;
                out[o->plain ? c * area + p : p * channels + c] =
                    (value - (double)o->preprocessing.mean[c]) / deviation;
            }
        }
    }
    resize_free(&scratch);
    free(fit);
    free(small);
}

static const struct prepare_options cases[] = {
    {.size = {1, 28, 28}, .preprocessing = {.mean = {0.1307F}, .deviation = {0.3081F}}},
    {.size = {1, 32, 32}, .preprocessing = {.mean = {0.1307F}, .deviation = {0.3081F}, .pad = 2}},
    {.size = {1, 32, 32}, .plain = true},
    {.size = {3, 20, 31},
     .preprocessing = {.mean = {0.5F, 0.4F, 0.3F}, .deviation = {0.2F, 0.0F, 0.1F}}},
    {.size = {3, 33, 30},
     .preprocessing = {.mean = {0.5F, 0.4F, 0.3F}, .deviation = {0.2F, 0.3F, 0.1F}, .pad = 1},
     .plain = true},
};
enum { CASES = sizeof cases / sizeof *cases };

static int write_label(const void *user, const struct prepared *prepared, size_t place, void *targets,
                       struct error *error)
{
    (void)user;
    (void)error;
    ((int32_t *)targets)[place] = prepared->sample->label;
    return FOV_OK;
}

static void test_against_plain(void **state)
{
    (void)state;
    for (size_t k = 0; k < CASES; k++) {
        const struct prepare_options *o = &cases[k];
        size_t values = (size_t)o->size.channels * (size_t)o->size.height * (size_t)o->size.width;
        float *pixels[2] = {malloc(COUNT * values * sizeof(float)), malloc(COUNT * values * sizeof(float))};
        double *expected = malloc(values * sizeof(double));
        for (int t = 0; t < 2; t++) {
            fov_context *context = make_context(t ? 3 : 1);
            struct error error = {.status = FOV_OK};
            fov_dataset *dataset = fov_dataset_open(context, "digits:100", FOV_TRAIN);
            struct loader *loader = loader_create(context, dataset, &(struct loader_options){.prepare = *o, .write = write_label}, &error);
            assert_string_equal(error.text, "");
            assert_non_null(loader);
            uint32_t indices[COUNT];
            int32_t labels[COUNT];
            for (uint32_t i = 0; i < COUNT; i++) {
                indices[i] = i * 61 % 100;
            }
            uint64_t requests = fov_context_memory(context).requests;
            assert_int_equal(loader_fill(loader, indices, COUNT,
                                         &(struct loader_batch){.pixels = pixels[t], .targets = labels}, &error),
                             FOV_OK);
            assert_int_equal(fov_context_memory(context).requests, requests); // no allocation per batch
            for (size_t i = 0; i < COUNT; i++) {
                struct picture picture = {.memory = context->memory};
                assert_int_equal(labels[i], fov_dataset_label(dataset, indices[i]));
                assert_int_equal(dataset_sample(dataset, indices[i], &picture, &error), FOV_OK);
                expect_sample(context->memory, &picture, o, expected);
                for (size_t v = 0; v < values; v++) {
                    double got = (double)pixels[t][i * values + v];
                    assert_true(fabs(got - expected[v]) <= 1e-6 * fmax(1.0, fabs(expected[v])) * 4.0);
                }

                // a single picture, as prediction prepares it, has the same bits
                fov_image image = {picture.height, picture.width, picture.channels,
                                   (uint8_t *)(uintptr_t)picture.pixels, NULL, NULL};
                float *alone = malloc(values * sizeof(float));
                assert_int_equal(loader_preprocess(context, &image, o, alone, NULL, &error), FOV_OK);
                assert_memory_equal(alone, pixels[t] + i * values, values * sizeof(float));
                free(alone);
            }
            loader_free(loader);
            fov_dataset_free(dataset);
            fov_context_free(context);
        }
        assert_memory_equal(pixels[0], pixels[1], COUNT * values * sizeof(float)); // threads change nothing
        free(pixels[0]);
        free(pixels[1]);
        free(expected);
    }
}

/* Views: mirrored, shifted by a pixel with reflection at the edge, and both; their weights add up to 1. */
static void test_views(void **state)
{
    (void)state;
    static const struct picture_size size = {1, 2, 3};
    static const float picture[6] = {1, 2, 3, 4, 5, 6};
    static const struct {
        struct view view;
        float wanted[6];
    } rows[] = {{{.weight = 1}, {1, 2, 3, 4, 5, 6}},
                {{.mirrored = true}, {3, 2, 1, 6, 5, 4}},
                {{.down = 1, .right = 1}, {5, 4, 5, 2, 1, 2}},
                {{.down = -1, .right = -1}, {5, 6, 5, 2, 3, 2}},
                {{.mirrored = true, .down = 1, .right = 1}, {5, 4, 5, 2, 1, 2}}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        float made[6];
        view_make(&rows[i].view, picture, made, &size);
        assert_memory_equal(made, rows[i].wanted, sizeof made);
    }
    static const char *const names[] = {NULL, "mirror", "shifts"};
    for (int i = 0; i < 3; i++) {
        struct error error = {.status = FOV_OK};
        struct views views;
        float sum = 0;
        assert_int_equal(views_read(names[i], &views, &error), FOV_OK);
        for (int v = 0; v < views.count; v++) {
            sum += views.view[v].weight;
        }
        assert_true(sum == 1.0F);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        struct prepare_options options;
        const char *says;
    } rows[] = {
        {{.size = {2, 8, 8}}, "1 or 3 channels"},
        {{.size = {1, 0, 8}}, "out of range"},
        {{.size = {1, 8, 1 << 20}}, "out of range"},
        {{.size = {1, 8, 8}, .preprocessing = {.pad = 4}}, "no room"},
        {{.size = {1, 8, 8}, .preprocessing = {.pad = -1}}, "no room"},
        {{.size = {1, 8, 8}, .preprocessing = {.pad = 0x7fffffff}}, "no room"},
        {{.size = {1, 8, 8}, .preprocessing = {.deviation = {-1.0F}}}, "make no sense"},
        {{.size = {1, 8, 8}, .preprocessing = {.mean = {NAN}}}, "make no sense"},
    };
    fov_context *context = make_context(1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error error = {.status = FOV_OK};
        assert_null(loader_create(context, NULL, &(struct loader_options){.prepare = rows[i].options}, &error));
        assert_non_null(strstr(error.text, rows[i].says));
    }
    struct error error = {.status = FOV_OK};
    fov_dataset *dataset = fov_dataset_open(context, "digits:10", FOV_TRAIN);
    struct loader *loader = loader_create(context, dataset, &(struct loader_options){.prepare = cases[0]}, &error);
    float *pixels = malloc((size_t)3 * 784 * sizeof(float));
    assert_int_equal(
        loader_fill(loader, (const uint32_t[]){1, 77, 10}, 3, &(struct loader_batch){.pixels = pixels}, &error),
        FOV_E_USAGE);
    assert_non_null(strstr(error.text, "sample 77 is out of range"));
    free(pixels);
    loader_free(loader);
    fov_dataset_free(dataset);
    fov_context_free(context);
}

/* Pictures from files, of different sizes and kinds; the first bad one is named, for any number of threads. */
static void test_files(void **state)
{
#ifdef FOVEA_HAVE_PNG
    fov_context *maker = make_context(1);
    uint8_t noise[40 * 40 * 4];
    for (size_t i = 0; i < sizeof noise; i++) {
        noise[i] = (uint8_t)(i * i >> 3);
    }
    static const int channels[] = {3, 1, 4};
    for (int i = 0; i < 12; i++) {
        char name[60];
        snprintf(name, sizeof name, "train/%s/%02d.png", i % 2 ? "odd" : "even", i);
        assert_int_equal(fov_image_save_png(maker, path_in(state, name), 20 + i, 40 - i, channels[i % 3], noise),
                         FOV_OK);
    }
    fov_context_free(maker);
    float *pixels[2] = {malloc(12 * 3 * 256 * sizeof(float)), malloc(12 * 3 * 256 * sizeof(float))};
    for (int round = 0; round < 2; round++) {
        for (int t = 0; t < 2; t++) {
            fov_context *context = make_context(t ? 3 : 1);
            struct error error = {.status = FOV_OK};
            fov_dataset *dataset = fov_dataset_open(context, *state, FOV_TRAIN);
            struct loader *loader = loader_create(
                context, dataset, &(struct loader_options){.prepare = {.size = {3, 16, 16}}}, &error);
            uint32_t order[12];
            data_order(1, 0, order, 12);
            int status = loader_fill(loader, order, 12, &(struct loader_batch){.pixels = pixels[t]}, &error);
            assert_int_equal(status, round ? FOV_E_INPUT : FOV_OK);
            if (round) {
                // samples 0-5 are even/00 ... even/10: whichever of 1 and 3 comes first in the order
                size_t first = 0;
                while (order[first] != 1 && order[first] != 3) {
                    first++;
                }
                assert_non_null(strstr(error.text, order[first] == 1 ? "even/02.png" : "even/06.png"));
            }
            loader_free(loader);
            fov_dataset_free(dataset);
            fov_context_free(context);
        }
        if (round == 0) {
            assert_memory_equal(pixels[0], pixels[1], 12 * 3 * 256 * sizeof(float));
        }
        put_file(path_in(state, "train/even/02.png"), "bad", 3);
        put_file(path_in(state, "train/even/06.png"), "bad", 3);
    }
    free(pixels[0]);
    free(pixels[1]);
#else
    (void)state;
    skip();
#endif
}

static void test_order(void **state)
{
    (void)state;
    uint32_t a[100], b[100];
    bool seen[100] = {false};
    data_order(7, 3, a, 100);
    data_order(7, 3, b, 100);
    assert_memory_equal(a, b, sizeof a);
    for (int i = 0; i < 100; i++) {
        assert_true(a[i] < 100 && !seen[a[i]]);
        seen[a[i]] = true;
    }
    data_order(7, 4, b, 100);
    assert_memory_not_equal(a, b, sizeof a);
    data_order(8, 3, b, 100);
    assert_memory_not_equal(a, b, sizeof a);
    data_order(7, 3, b, 0); // nothing to do
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_plain),
        cmocka_unit_test(test_views), cmocka_unit_test(test_refused),
        cmocka_unit_test_setup_teardown(test_files, folder_make, folder_remove),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
