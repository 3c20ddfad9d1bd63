/* SPDX-License-Identifier: MIT */
/* Prefetched batches equal batches made on demand: for any number of threads, with a cache, from any sample on, and
 * after an epoch was cancelled. Unreadable samples are replaced, named and counted. */
#include "data/support.h"
#include "data/prefetch.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { COUNT = 26, BATCH = 4, SIDE = 12, VALUES = SIDE * SIDE * 3 };

static int write_label(const void *user, const struct prepared *prepared, size_t place, void *targets,
                       struct error *error)
{
    (void)user;
    (void)error;
    ((int32_t *)targets)[place] = prepared->sample->label;
    return FOV_OK;
}

/* The batches of two epochs. */
struct epochs {
    float   pixels[2][COUNT][VALUES];
    int32_t labels[2][COUNT];
};

static void order_of(uint32_t order[COUNT], int epoch)
{
    data_order(7, epoch, order, COUNT);
}

static int run(const char *source, int threads, size_t cache, enum loader_bad bad, size_t first,
               struct epochs *epochs, size_t *bad_files)
{
    fov_context *context = make_context(2);
    struct error error = {.status = FOV_OK};
    fov_dataset *dataset = fov_dataset_open(context, source, FOV_TRAIN);
    assert_non_null(dataset);
    assert_int_equal(dataset->count, COUNT);
    struct pipeline *augment = pipeline_create(context->memory, "flip, crop:2, noise", &error);
    const struct prefetch_options options = {
        .loader = {.threads = threads,
                   .cache_bytes = cache,
                   .on_bad_file = bad,
                   .prepare = {.size = {3, SIDE, SIDE}, .augment = augment},
                   .write = write_label},
        .batch = BATCH,
        .target_bytes = sizeof(int32_t)};
    struct prefetch *prefetch = prefetch_create(context, dataset, &options, &error);
    assert_non_null(prefetch);
    int status = FOV_OK;
    static uint32_t order[2][COUNT];
    for (int epoch = 0; epoch < 2 && status == FOV_OK; epoch++) {
        order_of(order[epoch], epoch);
        struct prefetch_epoch comes = {
            .epoch = epoch, .order = order[epoch], .count = COUNT, .batch = BATCH, .first = 0};
        prefetch_begin(prefetch, &comes); /* cancelled at once, or after one batch */
        if (epoch == 1 && first > 0) {
            status = prefetch_next(prefetch, BATCH,
                                   &(struct loader_batch){.pixels = epochs->pixels[1][0], .targets = epochs->labels[1]},
                                   &error);
        }
        comes.first = first;
        prefetch_begin(prefetch, &comes);
        for (size_t at = first; at < COUNT && status == FOV_OK; at += BATCH) {
            size_t count = COUNT - at < BATCH ? COUNT - at : BATCH;
            status = prefetch_next(
                prefetch, count,
                &(struct loader_batch){.pixels = epochs->pixels[epoch][at], .targets = epochs->labels[epoch] + at},
                &error);
        }
    }
    for (int epoch = 0; epoch < 2 && status == FOV_OK; epoch++) { /* "even", 13 samples, comes before "odd" */
        for (size_t i = first; i < COUNT; i++) {
            assert_int_equal(epochs->labels[epoch][i], order[epoch][i] >= COUNT / 2);
        }
    }
    assert_true(prefetch_waited(prefetch) >= 0.0);
    *bad_files = prefetch_say_bad_files(prefetch);
    prefetch_free(prefetch);
    pipeline_free(augment);
    fov_dataset_free(dataset);
    fov_context_free(context);
    return status;
}

static void make_pictures(void **state)
{
    fov_context *maker = make_context(1);
    uint8_t noise[40 * 40 * 3];
    for (size_t i = 0; i < sizeof noise; i++) {
        noise[i] = (uint8_t)(i * i >> 3);
    }
    for (int i = 0; i < COUNT; i++) {
        char name[60];
        snprintf(name, sizeof name, "train/%s/%02d.png", i % 2 ? "odd" : "even", i);
        assert_int_equal(fov_image_save_png(maker, path_in(state, name), 20 + i % 5, 40 - i, 3, noise + 3 * i), FOV_OK);
    }
    assert_int_equal(fov_image_save_png(maker, path_in(state, "test/odd/0.png"), 20, 20, 3, noise), FOV_OK);
    assert_int_equal(fov_image_save_png(maker, path_in(state, "test/even/0.png"), 20, 20, 3, noise), FOV_OK);
    fov_context_free(maker);
}

static void same_batches(void **state)
{
#ifdef FOVEA_HAVE_PNG
    static struct epochs expected, got;
    size_t bad;
    make_pictures(state);
    assert_int_equal(run(*state, 0, 0, LOADER_STOPS, 0, &expected, &bad), FOV_OK);
    for (int i = 0; i + 1 < COUNT; i++) { /* no two pictures are alike */
        assert_memory_not_equal(expected.pixels[0][i], expected.pixels[0][i + 1], sizeof expected.pixels[0][0]);
    }
    assert_memory_not_equal(expected.pixels[0], expected.pixels[1], sizeof expected.pixels[0]);
    static const struct {
        int threads;
        size_t cache, first;
    } ways[] = {{1, 0, 0}, {4, 0, 0}, {0, 1 << 20, 0}, {3, 1 << 20, 0}, {1, 20000, 0}, {1, 0, 8}, {0, 0, 8}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        size_t first = ways[i].first;
        memset(&got, 0, sizeof got);
        assert_int_equal(run(*state, ways[i].threads, ways[i].cache, LOADER_REPLACES, first, &got, &bad), FOV_OK);
        assert_int_equal(bad, 0);
        for (int epoch = 0; epoch < 2; epoch++) {
            assert_memory_equal(got.pixels[epoch][first], expected.pixels[epoch][first],
                                (COUNT - first) * sizeof got.pixels[0][0]);
            assert_memory_equal(got.labels[epoch] + first, expected.labels[epoch] + first,
                                (COUNT - first) * sizeof(int32_t));
        }
    }
#else
    (void)state;
    skip();
#endif
}

static void bad_files(void **state)
{
#ifdef FOVEA_HAVE_PNG
    static struct epochs whole, expected, got;
    size_t bad = 0;
    make_pictures(state);
    assert_int_equal(run(*state, 0, 0, LOADER_STOPS, 0, &whole, &bad), FOV_OK);
    for (int i = 0; i < 2; i++) { /* samples 1 and 2, of class "even" */
        char name[60];
        snprintf(name, sizeof name, "train/even/%02d.png", 2 + 2 * i);
        assert_int_equal(truncate(path_in(state, name), 60), 0);
    }
    assert_int_equal(run(*state, 0, 0, LOADER_STOPS, 0, &got, &bad), FOV_E_INPUT);
    assert_int_equal(run(*state, 0, 0, LOADER_REPLACES, 0, &expected, &bad), FOV_OK);
    assert_int_equal(bad, 2); /* in two epochs, each counted once */
    assert_int_equal(run(*state, 3, 1 << 20, LOADER_REPLACES, 0, &got, &bad), FOV_OK);
    assert_int_equal(bad, 2);
    assert_memory_equal(&got, &expected, sizeof got);
    /* Sample 3 replaces samples 1 and 2; all others are in their places. */
    uint32_t order[COUNT];
    order_of(order, 0);
    for (int i = 0; i < COUNT; i++) {
        bool replaced = order[i] == 1 || order[i] == 2;
        bool same = memcmp(expected.pixels[0][i], whole.pixels[0][i], sizeof whole.pixels[0][i]) == 0;
        assert_true(same == !replaced);
        for (int k = 0; k < COUNT && replaced; k++) {
            if (order[k] == 3) {
                assert_memory_equal(expected.pixels[0][i], expected.pixels[0][k], sizeof whole.pixels[0][i]);
            }
        }
    }
#else
    (void)state;
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(same_batches, folder_make, folder_remove),
                                       cmocka_unit_test_setup_teardown(bad_files, folder_make, folder_remove)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
