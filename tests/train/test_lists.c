/* SPDX-License-Identifier: MIT */
/* The lists that programs offer to their users, and what they do with them: recipes whose settings are options that exist,
 * options set by their number, transforms and presets that training accepts, what a network must be for a task and its
 * data, and the drawing of a search for a rate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/temporary.h"
#include <fovea/fovea.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int option_named(const char *name, size_t length)
{
    for (int i = 0; i < fov_train_option_count(); i++) {
        const char *own = fov_train_option_at(i).name;
        if (strlen(own) == length && strncmp(own, name, length) == 0) {
            return i;
        }
    }
    return -1;
}

/* Each line of a recipe is "option = value" of an option, or of the model, or of the data. */
static void recipes(void **state)
{
    (void)state;
    bool is_found = false;
    assert_true(fov_recipe_count() >= 5);
    for (int i = 0; i < fov_recipe_count(); i++) {
        fov_recipe recipe = fov_recipe_at(i);
        assert_true(*recipe.name != '\0' && *recipe.summary != '\0');
        is_found |= strcmp(recipe.name, "mnist-fast") == 0;
        int lines = 0;
        for (const char *line = recipe.settings; *line != '\0'; lines++) {
            size_t length = strcspn(line, " =\n");
            const char *sign = line + length + strspn(line + length, " ");
            if (*sign != '=' || (option_named(line, length) < 0 && strncmp(line, "model", length) != 0 &&
                                 strncmp(line, "data", length) != 0)) {
                fail_msg("%s: \"%.40s\"", recipe.name, line);
            }
            line += strcspn(line, "\n");
            line += *line == '\n';
        }
        assert_true(lines >= 2);
        bool has_larger = recipe.larger == NULL;
        for (int k = 0; k < fov_recipe_count() && !has_larger; k++) {
            has_larger = strcmp(fov_recipe_at(k).name, recipe.larger) == 0;
        }
        assert_true(has_larger);
    }
    assert_true(is_found);
}

static void options_by_number(void **state)
{
    (void)state;
    fov_train_options options = {.epochs = 1};
    fov_train_option_put(&options, option_named("epochs", 6), 7, NULL);
    fov_train_option_put(&options, option_named("lr", 2), 0.25, NULL);
    fov_train_option_put(&options, option_named("drop_last", 9), 1, NULL);
    fov_train_option_put(&options, option_named("optimizer", 9), 0, "adam");
    fov_train_option_put(&options, -1, 3, "nothing");
    fov_train_option_put(&options, fov_train_option_count(), 3, "nothing");
    assert_int_equal(options.epochs, 7);
    assert_true((double)options.lr == 0.25 && options.drop_last);
    assert_string_equal(options.optimizer, "adam");
    assert_int_equal(options.batch, 0); /* as it was */
}

/* Every transform is one that training takes by its name, and so is every preset's list. */
static void transforms(void **state)
{
    (void)state;
    const char *name;
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_dataset *data = fov_dataset_open(context, "digits:12", FOV_TRAIN);
    fov_model *model = fov_model_network(context, "mlp", NULL);
    assert_true(data != NULL && model != NULL && fov_transform_count() >= 20);
    for (int i = 0; i < fov_transform_count(); i++) {
        fov_transform_info info = fov_transform_at(i);
        assert_true(*info.summary != '\0' && info.torchvision != NULL);
        assert_true(i == 0 || strcmp(fov_transform_at(i - 1).name, info.name) < 0);
        for (int k = 0; k < info.option_count; k++) {
            assert_true(*info.option[k].name != '\0');
        }
    }
    int presets = 0;
    for (const char *list; (list = fov_transform_preset(presets, &name)) != NULL; presets++) {
        assert_true(*name != '\0');
        bool is_known = *list == '\0'; /* "none"; else its first word is a transform's name */
        for (int i = 0; i < fov_transform_count(); i++) {
            size_t length = strlen(fov_transform_at(i).name);
            is_known |= strncmp(list, fov_transform_at(i).name, length) == 0 && strchr(":, ", list[length]) != NULL;
        }
        assert_true(is_known);
    }
    assert_true(presets >= 1);
    const fov_train_options augmented = {.epochs = 1, .augment = "rotate:10, crop:4:border=reflect"};
    assert_int_equal(fov_train_opt(model, data, &augmented), FOV_OK);
    const fov_train_options unknown = {.epochs = 1, .augment = "rotat"};
    assert_int_equal(fov_train_opt(model, data, &unknown), FOV_E_USAGE);
    fov_model_free(model);
    fov_dataset_free(data);
    fov_context_free(context);
}

static void networks_for_a_task(void **state)
{
    (void)state;
    enum { COUNT = 4, H = 16, W = 24 };
    static uint8_t pixels[COUNT * H * W * 3], masks[COUNT * H * W];
    static float numbers[COUNT * 2];
    static int32_t labels[COUNT] = {0, 1, 2, 4};
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    const fov_dataset_program programs[] = {
        {.count = COUNT, .height = H, .width = W, .channels = 3, .pixels = pixels, .labels = labels, .classes = 5},
        {.count = COUNT, .height = H, .width = W, .channels = 3, .pixels = pixels, .numbers = numbers,
         .target = FOV_TARGET_VALUES, .values = 2},
        {.count = COUNT, .height = H, .width = W, .channels = 3, .pixels = pixels, .masks = masks, .classes = 3}};
    static const char *const tasks[] = {NULL, "regress", "segment"};
    static const int outputs[] = {5, 2, 3};
    for (int i = 0; i < 3; i++) {
        fov_dataset *data = fov_dataset_create(context, &programs[i]);
        fov_network_options wanted = {.classes = 0}, given = {.classes = 77, .channels = 1};
        if (data == NULL || fov_task_network(data, tasks[i], &wanted) != FOV_OK) {
            fail_msg("%s", fov_error(context));
        }
        assert_int_equal(wanted.classes, outputs[i]);
        assert_int_equal(wanted.channels, 3);
        assert_true(i != 2 || (wanted.height == H && wanted.width == W)); /* the answer is a map */
        assert_int_equal(fov_task_network(data, tasks[i], &given), FOV_OK);
        assert_true(given.classes == 77 && given.channels == 1); /* what is given stays */
        fov_dataset_free(data);
    }
    fov_dataset *data = fov_dataset_create(context, &programs[0]);
    fov_network_options wanted = {.classes = 0};
    assert_int_equal(fov_task_network(data, "segmentt", &wanted), FOV_E_USAGE);
    fov_dataset_free(data);
    fov_context_free(context);
}

static void rates_are_drawn(void **state)
{
    (void)state;
    char svg[TEMPORARY_PATH], png[TEMPORARY_PATH], head[6] = "";
    double rate[20], loss[20], smooth[20];
    for (int i = 0; i < 20; i++) {
        rate[i] = 1e-5 * (1 << i);
        loss[i] = smooth[i] = 2 - 0.05 * i + (i > 16 ? 3 * (i - 16) : 0);
    }
    const fov_rate_curve curve = {.count = 20,
                                  .rate = rate,
                                  .loss = loss,
                                  .smooth = smooth,
                                  .lowest = 16,
                                  .steepest = 12,
                                  .suggestion = rate[12]};
    fov_context *context = fov_context_create(NULL);
    int status = fov_draw_rates(context, &curve, temporary_file(svg, ".svg"), temporary_file(png, ".png"));
    if (status != FOV_E_UNSUPPORTED) { /* built without cairo */
        fov_image image;
        assert_int_equal(status, FOV_OK);
        assert_int_equal(fov_image_load(context, png, 0, &image), FOV_OK);
        assert_true(image.width > 100 && image.height > 100);
        fov_image_free(&image);
        FILE *file = fopen(svg, "rb");
        assert_true(file != NULL && fread(head, 1, 5, file) == 5 && strcmp(head, "<?xml") == 0);
        fclose(file);
        remove(svg);
        assert_int_equal(fov_draw_rates(context, &curve, NULL, png), FOV_OK);
        assert_null(fopen(svg, "rb")); /* it was not wanted */
    }
    remove(svg);
    remove(png);
    fov_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recipes),
        cmocka_unit_test(options_by_number),
        cmocka_unit_test(transforms),
        cmocka_unit_test(networks_for_a_task),
        cmocka_unit_test(rates_are_drawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
