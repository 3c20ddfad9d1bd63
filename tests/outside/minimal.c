/* SPDX-License-Identifier: MIT */
/* What the library can do without jansson, cairo and libcurl (./dev minimal): LeNet-5 is created, saved as ONNX and
 * loaded again with its class names and preprocessing, and both models give the same scores for a picture. Saving
 * safetensors, which needs jansson, is refused with a sentence. */
#include <fovea/fovea.h>
#include <stdio.h>
#include <string.h>

enum { SIDE = 28, CLASSES = 10 };

static int fail(const char *what, fov_context *context)
{
    fprintf(stderr, "%s: %s\n", what, fov_error(context));
    return 1;
}

static fov_model *lenet(fov_context *context)
{
    static const char *const names[CLASSES] = {"zero", "\"one\"", "tw\303\266", "three", "four",
                                               "five", "six\\",   "seven",      "eight", "nine\n"};
    fov_model *model = fov_model_network(context, "lenet5", NULL);
    if (model == NULL || fov_model_set_classes(model, names, CLASSES) != FOV_OK) {
        return NULL;
    }
    fov_preprocessing p = fov_model_preprocessing(model);
    p.mean[0] = 0.1307F;
    p.deviation[0] = 0.3081F;
    p.fit = FOV_FIT_INK;
    p.invert = FOV_INVERT_AUTO;
    fov_model_set_preprocessing(model, &p);
    return model;
}

int main(void)
{
    uint8_t pixels[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++) {
        pixels[i] = (uint8_t)(i * 7 % 256);
    }
    fov_image image = {.height = SIDE, .width = SIDE, .channels = 1, .pixels = pixels};
    float before[CLASSES], after[CLASSES];
    fov_context *context = fov_context_create(NULL);
    fov_model *model = context != NULL ? lenet(context) : NULL;
    fov_buffer onnx = {0}, weights = {0};
    if (model == NULL || fov_predict_image(model, &image, before, CLASSES) != FOV_OK ||
        fov_model_save_memory(model, 0, &onnx) != FOV_OK) {
        return fail("lenet5", context);
    }
    fov_model *loaded = fov_model_load_memory(context, onnx.bytes, onnx.size);
    if (loaded == NULL || fov_predict_image(loaded, &image, after, CLASSES) != FOV_OK) {
        return fail("loading it again", context);
    }
    fov_preprocessing kept = fov_model_preprocessing(loaded), given = fov_model_preprocessing(model);
    if (memcmp(before, after, sizeof before) != 0 || !fov_model_states_preprocessing(loaded) ||
        memcmp(kept.mean, given.mean, sizeof kept.mean) != 0 || kept.fit != given.fit || kept.invert != given.invert) {
        fprintf(stderr, "the model that was loaded is not the one that was saved\n");
        return 1;
    }
    int best = 0;
    for (int i = 0; i < CLASSES; i++) {
        if (strcmp(fov_model_class(model, i), fov_model_class(loaded, i)) != 0) {
            fprintf(stderr, "class %d is called \"%s\"\n", i, fov_model_class(loaded, i));
            return 1;
        }
        best = after[i] > after[best] ? i : best;
    }
    if (fov_model_save_weights_memory(model, &weights) != FOV_E_UNSUPPORTED) {
        return fail("safetensors are to be refused", context);
    }
    printf("lenet5: class %d, %.4f; and: %s\n", best, (double)after[best], fov_error(context));
    fov_buffer_free(&onnx);
    fov_model_free(loaded);
    fov_model_free(model);
    fov_context_free(context);
    return 0;
}
