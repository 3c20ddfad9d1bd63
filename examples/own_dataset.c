/* SPDX-License-Identifier: MIT */
/* A dataset of one's own: a function draws squares and discs, fovea trains on them. There are no files: each sample is
 * made on demand, on several threads at once, from its number alone. */
#include <fovea/fovea.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIDE = 16 };

/* A pseudo-random number from 0 to `most`, a function of `sample` and `which`. */
static int random_number(int64_t sample, int which, int most)
{
    uint64_t mixed = ((uint64_t)sample * 8 + (uint64_t)which + 1) * 0x9e3779b97f4a7c15U;
    mixed = (mixed ^ mixed >> 31) * 0xd6e8feb86659fd93U;
    return (int)((mixed ^ mixed >> 32) % (uint64_t)(most + 1));
}

/* Fills in sample `index`: a white square (class 0) or disc (class 1) somewhere on noise. */
static int draw(void *user, int64_t index, fov_sample *sample)
{
    int64_t  first = *(const int64_t *)user, number = first + index;
    uint8_t *pixels = malloc((size_t)SIDE * SIDE);
    if (!pixels) return FOV_E_MEMORY;
    int radius = 3 + random_number(number, 0, 2), label = (int)(number % 2);
    int x0 = radius + random_number(number, 1, SIDE - 2 * radius - 1);
    int y0 = radius + random_number(number, 2, SIDE - 2 * radius - 1);
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            int dx = abs(x - x0), dy = abs(y - y0);
            int inside = label ? dx * dx + dy * dy <= radius * radius : dx <= radius - 1 && dy <= radius - 1;
            pixels[y * SIDE + x] = (uint8_t)(inside ? 255 : random_number(number * SIDE * SIDE + y * SIDE + x, 3, 90));
        }
    }
    *sample = (fov_sample){.height = SIDE, .width = SIDE, .channels = 1, .pixels = pixels, .label = label};
    return FOV_OK;
}

/* Frees a sample's pixels, of which fovea has made a copy. */
static void drop(void *user, fov_sample *sample)
{
    (void)user;
    free((void *)(uintptr_t)sample->pixels);
}

static fov_dataset *make(fov_context *ctx, int64_t count, int64_t *first)
{
    static const char *const names[] = {"square", "disc"};
    return fov_dataset_create(ctx, &(fov_dataset_program){.name = "shapes",
                                                          .count = count,
                                                          .target = FOV_TARGET_CLASS,
                                                          .classes = 2,
                                                          .class_names = names,
                                                          .height = SIDE,
                                                          .width = SIDE,
                                                          .channels = 1,
                                                          .read = draw,
                                                          .done = drop,
                                                          .user = first});
}

int main(void)
{
    static int64_t for_training = 0, for_testing = 1000000; /* first numbers of the two sets */
    fov_context   *ctx = fov_context_create(NULL);
    fov_dataset   *train = make(ctx, 2000, &for_training), *test = make(ctx, 500, &for_testing);
    fov_model     *model = fov_model_network(ctx, "lenet5", &(fov_network_options){.classes = 2, .height = SIDE,
                                                                                     .width = SIDE, .channels = 1});
    fov_report     report = {0};
    int            status = FOV_E_INTERNAL;
    if (train && test && model) {
        status = fov_train(model, train, .validate = test, .epochs = 3, .optimizer = "adam");
        status = status ? status : fov_evaluate(model, test, 100, &report);
    }
    if (status) {
        fprintf(stderr, "own_dataset: %s\n", fov_error(ctx));
    } else {
        printf("%.1f %% of %d shapes are recognised\n", 100 * report.accuracy, 500);
    }
    fov_report_free(&report);
    fov_model_free(model);
    fov_dataset_free(test);
    fov_dataset_free(train);
    fov_context_free(ctx);
    return status;
}
