/* SPDX-License-Identifier: MIT */
/* A deep belief network (Hinton, Osindero, Teh 2006): three restricted Boltzmann machines learn pixels without labels, one
 * on another; then they become the layers of a classifier, which is trained as usual.
 *
 *     dbn [DATA [PRETRAINING-EPOCHS [EPOCHS]]]      dbn mnist 20 30: 784-500-500-2000-10, as in the paper */
#include <fovea/fovea.h>
#include <stdio.h>
#include <stdlib.h>

enum { LAYERS = 3, PIXELS = 28 * 28 };

/* All pictures as rows of 0..1; NULL: they are not 28 x 28 grey, or memory is short. */
static float *read_pixels(fov_dataset *data)
{
    int64_t count = fov_dataset_describe(data).count;
    float *rows = malloc((size_t)count * PIXELS * sizeof *rows);
    for (int64_t i = 0; i < count && rows != NULL; i++) {
        const uint8_t *pixels;
        int height, width, channels;
        if (fov_dataset_sample(data, i, &pixels, &height, &width, &channels) || height * width * channels != PIXELS) {
            free(rows);
            return NULL;
        }
        for (int p = 0; p < PIXELS; p++) rows[i * PIXELS + p] = (float)pixels[p] / 255;
    }
    return rows;
}

static int show_pretraining(void *user, int epoch, double error)
{
    (void)user;
    printf("  epoch %2d  reconstruction error %.5f\n", epoch, error);
    return fflush(stdout);
}

static int show_training(const fov_progress *progress, void *user)
{
    (void)user;
    printf("  epoch %2d  loss %.4f  test error %.2f %%\n", progress->epoch, progress->loss, 100 * (1 - progress->val_accuracy));
    return fflush(stdout);
}

int main(int count, char **words)
{
    const char *source = count > 1 ? words[1] : "digits:2000";
    int pretraining = count > 2 ? atoi(words[2]) : 3, epochs = count > 3 ? atoi(words[3]) : 5;
    int small = count < 2, sizes[] = {PIXELS, small ? 200 : 500, small ? 200 : 500, small ? 400 : 2000};
    fov_context *ctx = fov_context_create(NULL);
    fov_dataset *data = fov_dataset_open(ctx, source, FOV_TRAIN), *test = fov_dataset_open(ctx, source, FOV_TEST);
    float *rows = data && test ? read_pixels(data) : NULL;
    fov_rbm *rbms[LAYERS] = {NULL};
    fov_model *net = NULL;
    int failed = rows == NULL;
    for (int i = 0; i < LAYERS && !failed; i++) failed = !(rbms[i] = fov_rbm_create(ctx, sizes[i], sizes[i + 1], (uint64_t)i));
    if (!failed && pretraining > 0) {
        fov_rbm_options options = {.epochs = pretraining, .on_epoch = show_pretraining};
        puts("pixels without labels, layer by layer:");
        failed = fov_dbn_pretrain(rbms, LAYERS, rows, fov_dataset_describe(data).count, &options) != FOV_OK;
    }
    if (!failed) {
        puts("with labels:");
        failed = !(net = fov_dbn_model(ctx, rbms, LAYERS, 1, 28, 28, fov_dataset_describe(data).classes)) ||
                 fov_train(net, data, .epochs = epochs, .batch = 100, .lr = 0.1f, .momentum = 0.9f, .schedule = "cosine",
                           .validate = test, .on_epoch = show_training);
    }
    if (failed) fprintf(stderr, "dbn: %s\n", *fov_error(ctx) ? fov_error(ctx) : "the pictures are not 28 x 28 in grey");
    fov_model_free(net);
    for (int i = 0; i < LAYERS; i++) fov_rbm_free(rbms[i]);
    free(rows);
    fov_dataset_free(data);
    fov_dataset_free(test);
    fov_context_free(ctx);
    return failed;
}
