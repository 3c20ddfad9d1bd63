/* SPDX-License-Identifier: MIT */
/* LeNet-5 from the first layer to a prediction: build, train, save, load, predict. This is the whole program.
 *
 *    lenet [DATA [EPOCHS]]      DATA: mnist, mnist:DIR, digits, digits:2000, a folder of pictures of one size */
#include <fovea/fovea.h>
#include <stdio.h>
#include <stdlib.h>

static fov_value lenet(fov_graph *g, fov_value x, int classes)                       /* x [N, 1, 28, 28] */
{
    x = fov_relu(g, fov_conv2d(g, x, .filters = 6, .kernel = 5, .pad = 2, .name = "c1"));
    x = fov_max_pool2d(g, x, .kernel = 2);                                           /* [N, 6, 14, 14] */
    x = fov_relu(g, fov_conv2d(g, x, .filters = 16, .kernel = 5, .name = "c3"));
    x = fov_max_pool2d(g, x, .kernel = 2);                                           /* [N, 16, 5, 5] */
    x = fov_relu(g, fov_dense(g, fov_flatten(g, x), .units = 120, .name = "c5"));
    x = fov_relu(g, fov_dense(g, x, .units = 84, .name = "f6"));
    return fov_dense(g, x, .units = classes, .name = "logits");
}

static int show(const fov_progress *p, void *user)                                   /* nonzero stops training */
{
    (void)user;
    printf("epoch %2d  loss %.4f  test accuracy %.2f %%  %.1f s\n", p->epoch, p->loss, 100.0 * p->val_accuracy,
           p->seconds);
    return fflush(stdout);
}

int main(int argc, char **argv)
{
    int          rc = EXIT_FAILURE, epochs = argc > 2 ? atoi(argv[2]) : 3;
    const char  *source = argc > 1 ? argv[1] : "mnist", *file = "lenet.onnx";
    fov_model   *net = NULL, *again = NULL;
    fov_dataset *train = NULL, *test = NULL;
    fov_image    picture = {.height = 28, .width = 28, .channels = 1};
    float       *score = NULL;
    int          best = 0;
    fov_context *ctx = fov_context_create(&(fov_context_options){.seed = 1});

    if (!(train = fov_dataset_open(ctx, source, FOV_TRAIN)) && argc < 2) {           /* no MNIST here: draw digits */
        fprintf(stderr, "%s; training on drawn digits instead\n", fov_error(ctx));
        fov_error_clear(ctx);
        train = fov_dataset_open(ctx, source = "digits", FOV_TRAIN);
    }
    if (!train || !(test = fov_dataset_open(ctx, source, FOV_TEST))) goto done;
    int classes = fov_dataset_describe(train).classes;
    if (!(score = calloc((size_t)classes, sizeof *score))) goto done;

    if (!(net = fov_model_create(ctx))) goto done;
    fov_graph *g = fov_model_graph(net);
    fov_value  x = fov_input(g, .name = "image", .shape = {4, {FOV_BATCH, 1, 28, 28}});
    if (fov_model_set_input_output(net, x, lenet(g, x, classes))) goto done;
    fov_model_set_preprocessing(net, &(fov_preprocessing){.mean = {0.1307f}, .deviation = {0.3081f}});

    if (fov_train(net, train, .epochs = epochs, .optimizer = "adam", .validate = test, .on_epoch = show)) goto done;
    if (fov_model_save(net, file)) goto done;                                        /* opens anywhere ONNX does */
    if (!(again = fov_model_load(ctx, file))) goto done;

    const uint8_t *pixels;
    if (fov_dataset_sample(test, 0, &pixels, &picture.height, &picture.width, &picture.channels)) goto done;
    picture.pixels = (uint8_t *)pixels;
    if (fov_predict_image(again, &picture, score, classes)) goto done;
    for (int i = 1; i < classes; i++) best = score[i] > score[best] ? i : best;
    printf("the first test picture is a %d (%.1f %%), labelled %d\n", best, 100.0 * (double)score[best],
           fov_dataset_label(test, 0));
    rc = EXIT_SUCCESS;
done:
    if (rc) fprintf(stderr, "lenet: %s\n", fov_error(ctx));                          /* ctx may be NULL: says so */
    free(score);
    fov_model_free(again);                                                           /* every _free accepts NULL */
    fov_model_free(net);
    fov_dataset_free(test);
    fov_dataset_free(train);
    fov_context_free(ctx);                                                           /* last: the others came from it */
    return rc;
}
