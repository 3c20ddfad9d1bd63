/* SPDX-License-Identifier: MIT */
/* The course's MNIST program: with PyTorch's initial weights and order of samples, the loss of each of the first 290
 * steps is PyTorch's within 1e-4 relative with direct convolution, which is PyTorch's too. Winograd's algorithm rounds
 * differently and meets a near-tie of a pooling sooner (with AVX-512 before step 94): 60 steps of it are compared. The
 * fixtures, how they were made and what a near-tie is: tests/fixtures/README.md. */
#include "io/safetensors.h"
#include "train/helpers.h"
#include "base/memory.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 300, DIRECT_STEPS = 290, WINOGRAD_STEPS = 60, BATCH = 64 };

struct replay {
    uint16_t order[STEPS * BATCH];
    float expected[STEPS];
    double worst;
    int64_t worst_step;
    int steps; /* number of steps to compare */
};

static void replay_order(void *user, int epoch, uint32_t *order, int64_t count)
{
    const struct replay *replay = user;
    (void)epoch;
    for (int64_t i = 0; i < count; i++) {
        order[i] = i < STEPS * BATCH ? replay->order[i] : 0; /* never reached */
    }
}

static int compare_loss(const fov_progress *p, void *user)
{
    struct replay *replay = user;
    double expected = (double)replay->expected[p->total_step - 1], difference = fabs(p->loss - expected) / expected;
    if (!(difference <= replay->worst)) {
        replay->worst = difference;
        replay->worst_step = p->total_step;
    }
    return p->total_step == replay->steps;
}

static void set_weights(fov_context *context, fov_graph *graph, const struct safetensors *fixture)
{
    int set = 0;
    for (size_t t = 0; t < fixture->count; t++) {
        const struct safetensors_tensor *tensor = &fixture->tensors[t];
        if (strncmp(tensor->name, "init.", 5) == 0) {
            fov_value parameter = fov_find(graph, tensor->name + 5);
            if (parameter.id == 0) {
                fail_msg("the network has no parameter \"%s\"", tensor->name + 5);
            }
            assert_fine(context, fov_parameter_set(graph, parameter, tensor->data, tensor->bytes) == FOV_OK);
            set++;
        }
    }
    assert_int_equal(set, fov_parameter_count(graph));
}

static void replay_fixture(const char *network, const char *file, bool exact)
{
    static struct replay replay;
    char mnist[512], source[600];
    struct safetensors fixture = {0};
    struct error error = {0};
    if (test_shared(mnist, "data/mnist") == NULL) {
        print_message("%s: skipped, MNIST is not at %s\n", network, mnist);
        skip();
    }
    snprintf(source, sizeof source, "mnist:%s", mnist);
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 2, .seed = 1, .exact_conv = exact});
    fov_dataset *train = fov_dataset_open(context, source, FOV_TRAIN);
    fov_model *model = fov_model_network(context, network, NULL);
    assert_fine(context, train != NULL && model != NULL);
    struct memory *memory = memory_create(NULL, 0);
    if (safetensors_open(&fixture, file, memory, &error) != FOV_OK) {
        fail_msg("%s", error.text);
    }
    replay = (struct replay){.steps = exact ? DIRECT_STEPS : WINOGRAD_STEPS};
    fov_shape order = {1, {STEPS * BATCH}}, losses = {1, {STEPS}};
    assert_int_equal(safetensors_copy(&fixture, "order", FOV_U16, &order, replay.order, &error), FOV_OK);
    assert_int_equal(safetensors_copy(&fixture, "loss", FOV_F32, &losses, replay.expected, &error), FOV_OK);
    set_weights(context, fov_model_graph(model), &fixture);
    int status = fov_train(model, train, .epochs = 1, .batch = BATCH, .lr = 0.01f, .momentum = 0.5f,
                           .order = replay_order, .on_step = compare_loss, .user = &replay);
    if (status != FOV_E_INTERRUPTED) {
        fail_msg("%s", fov_error(context));
    }
    print_message("%s, %s sums: loss differs from PyTorch's by at most %.2e, at step %d\n", network,
                  exact ? "direct" : "Winograd's", replay.worst, (int)replay.worst_step);
    assert_true(replay.worst <= 1e-4);
    safetensors_close(&fixture);
    memory_destroy(memory);
    fov_model_free(model);
    fov_dataset_free(train);
    fov_context_free(context);
}

static void course_cnn(void **state)
{
    (void)state;
    replay_fixture("course-cnn", "tests/fixtures/course_cnn_21840_first_300.safetensors", true);
    replay_fixture("course-cnn", "tests/fixtures/course_cnn_21840_first_300.safetensors", false);
}

static void course_cnn_8490(void **state)
{
    (void)state;
    replay_fixture("course-cnn-8490", "tests/fixtures/course_cnn_first_300.safetensors", true);
    replay_fixture("course-cnn-8490", "tests/fixtures/course_cnn_first_300.safetensors", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(course_cnn), cmocka_unit_test(course_cnn_8490)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
