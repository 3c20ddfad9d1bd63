/* SPDX-License-Identifier: MIT */
/* Operators against PyTorch: the 62 cases of tests/fixtures/operators.safetensors, built by name, on every ISA level:
 * outputs, the gradient of every input, and batch norm's running statistics. How the file was made, and what it holds:
 * tests/fixtures/make_operators.py. */
#include "graph/graph.h"
#include "io/safetensors.h"
#include "support/levels.h"
#include "support/near.h"
#include "tensor/convert.h"
#include <fovea/fovea.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CASES = 62, MOST_INPUTS = 5, MOST_OPTIONS = 5, MOST_UPSTREAM = 4096, TEXT = 64 };

/** An operator's name in the fixture and here; its inputs' names in the fixture; its options' names, in pairs. */
static const struct translation {
    const char *fixture, *name, *inputs[MOST_INPUTS + 1];
    const char *options[MOST_OPTIONS + 1][2];
} translations[] = {
    {"conv2d", "conv", {"x", "w", "b"},
     {{"kernel", "kernel"}, {"stride", "stride"}, {"pads", "pad"}, {"dilation", "dilation"}, {"groups", "groups"}}},
    {"linear", "dense", {"x", "w", "b"}, {{NULL}}},
    {"max_pool2d", "max_pool", {"x"}, {{"kernel", "kernel"}, {"stride", "stride"}, {"pads", "pad"}}},
    {"avg_pool2d", "avg_pool", {"x"},
     {{"kernel", "kernel"}, {"stride", "stride"}, {"pads", "pad"}, {"count_include_pad", "count_include_pad"}}},
    {"global_avg_pool", "global_avg_pool", {"x"}, {{NULL}}},
    {"batch_norm", "batch_norm", {"x", "w", "b", "mean", "variance"}, {{"eps", "epsilon"}, {"momentum", "momentum"}}},
    {"relu", "relu", {"x"}, {{NULL}}},
    {"leaky_relu", "leaky_relu", {"x"}, {{"slope", "alpha"}}},
    {"sigmoid", "sigmoid", {"x"}, {{NULL}}},
    {"tanh", "tanh", {"x"}, {{NULL}}},
    {"softplus", "softplus", {"x"}, {{NULL}}},
    {"softmax", "softmax", {"x"}, {{"axis", "axis"}}},
    {"cross_entropy", "softmax_cross_entropy", {"x", "target"}, {{"reduction", "reduction"}}},
    {"mse", "mse", {"x", "t"}, {{NULL}}},
};

struct test_case {
    const struct safetensors *file;
    const char *name, *isa;
    const struct translation *by;
    bool trains;
};

/** Reads the value of a key of a flat JSON object as fov_node's options are written: [3, 1] becomes 3,1. False: there
 *  is no such key. */
static bool read_option(const char *object, const char *key, char text[TEXT])
{
    char quoted[TEXT];
    size_t used = 0;
    snprintf(quoted, sizeof quoted, "\"%s\": ", key);
    const char *at = strstr(object, quoted);
    if (at == NULL) {
        return false;
    }
    at += strlen(quoted);
    for (bool in_list = *at == '['; *at != '\0' && *at != '}' && *at != ']' && (in_list || *at != ','); at++) {
        if (strchr("[\" ", *at) == NULL && used + 1 < TEXT) {
            text[used++] = *at;
        }
    }
    text[used] = '\0';
    return true;
}

/** A tensor of the case; NULL: it has none of that name. */
static const struct safetensors_tensor *find(const struct test_case *test, const char *what)
{
    char name[128];
    snprintf(name, sizeof name, "%s/%s", test->name, what);
    return safetensors_find(test->file, name);
}

static double *to_double(const struct safetensors_tensor *tensor, size_t *count)
{
    void *aligned = malloc(tensor->bytes + 1);
    *count = tensor->bytes / fov_dtype_size(tensor->dtype);
    double *values = calloc(*count + 1, sizeof *values);
    memcpy(aligned, tensor->data, tensor->bytes);
    convert_to_double(tensor->dtype, aligned, values, *count);
    free(aligned);
    return values;
}

/** Compares a result of the plan with the tensor of that name. */
static void compare(const struct test_case *test, fov_plan *plan, fov_value value, const char *what)
{
    const struct safetensors_tensor *tensor = find(test, what);
    size_t count;
    if (tensor == NULL) {
        fail_msg("%s has no %s", test->name, what);
        return;
    }
    double *wanted = to_double(tensor, &count), *got = calloc(count + 1, sizeof *got);
    assert_int_equal(fov_plan_bytes(plan, value), count * sizeof(float));
    convert_to_double(FOV_F32, fov_plan_data(plan, value), got, count);
    size_t i = first_not_near(got, wanted, count, (struct near_bound){.relative = 2e-6, .share = 2e-6});
    if (i < count) {
        fail_msg("%s on %s: %s, element %zu of %zu is %.9g, PyTorch has %.9g", test->name, test->isa, what, i, count,
                 got[i], wanted[i]);
    }
    free(wanted);
    free(got);
}

static fov_value add_node(const struct test_case *test, fov_graph *graph, const fov_value *in, int in_count)
{
    const char *words[2 * MOST_OPTIONS + 1] = {NULL}, *object = safetensors_metadata(test->file, test->name);
    char text[MOST_OPTIONS][TEXT];
    for (int i = 0; test->by->options[i][0] != NULL; i++) {
        assert_true(read_option(object, test->by->options[i][0], text[i]));
        words[2 * i] = test->by->options[i][1];
        words[2 * i + 1] = text[i];
    }
    return fov_node_opt(graph, test->by->name, in, in_count, words);
}

static void run_case(const struct test_case *test)
{
    fov_context *context =
        fov_context_create(&(fov_context_options){.threads = 1, .isa = test->isa, .exact_conv = true});
    fov_graph *graph = fov_graph_create(context);
    const char *const *names = test->by->inputs;
    fov_value in[MOST_INPUTS] = {{0}}, results[2 * MOST_INPUTS], targets[MOST_INPUTS];
    const char *target_names[MOST_INPUTS];
    int count = 0, target_count = 0, in_count = 0;
    for (; names[in_count] != NULL; in_count++) {
        const struct safetensors_tensor *tensor = find(test, names[in_count]);
        if (tensor == NULL) {
            continue; /* a bias that the case has not */
        }
        in[in_count] = fov_input(graph, .name = names[in_count], .shape = tensor->shape, .dtype = tensor->dtype);
        if (tensor->dtype == FOV_F32 && in_count < 3) { /* batch norm's statistics have no gradient */
            targets[target_count] = in[in_count];
            target_names[target_count++] = names[in_count];
        }
    }
    fov_value y = add_node(test, graph, in, in_count);
    fov_shape shape = fov_value_shape(graph, y);
    float upstream[MOST_UPSTREAM];
    assert_true(find(test, "dy")->bytes <= sizeof upstream);
    memcpy(upstream, find(test, "dy")->data, find(test, "dy")->bytes); /* in the file it is not aligned */
    fov_value dy = fov_constant(graph, NULL, FOV_F32, shape, upstream);
    fov_value loss = fov_reduce_sum(graph, fov_mul(graph, y, dy), .keep_dims = false);
    results[count++] = y;
    if (fov_error(context)[0] != '\0' ||
        fov_gradient(graph, loss, targets, target_count, results + count) != FOV_OK) {
        fail_msg("%s: %s", test->name, fov_error(context));
    }
    count += target_count;
    if (test->trains) {
        results[count++] = fov_output(graph, y, 1);
        results[count++] = fov_output(graph, y, 2);
    }
    fov_plan *plan = fov_plan_create(graph, results, count, &(fov_plan_options){.training = test->trains});
    if (plan == NULL) {
        fail_msg("%s: %s", test->name, fov_error(context));
    }
    for (int i = 0; i < in_count; i++) {
        void *data = in[i].id != 0 ? fov_plan_data(plan, in[i]) : NULL;
        if (data != NULL) {
            memcpy(data, find(test, names[i])->data, find(test, names[i])->bytes);
        }
    }
    fov_plan_run(plan, 0);
    compare(test, plan, y, "y");
    for (int i = 0; i < target_count; i++) {
        char what[8];
        snprintf(what, sizeof what, "d%s", target_names[i]);
        compare(test, plan, results[1 + i], what);
    }
    if (test->trains) {
        compare(test, plan, results[count - 2], "mean_after");
        compare(test, plan, results[count - 1], "variance_after");
    }
    fov_plan_free(plan);
    fov_graph_free(graph);
    fov_context_free(context);
}

static void operators_are_those_of_pytorch(void **state)
{
    struct memory *memory = memory_create(NULL, 0);
    struct safetensors file = {0};
    struct error error = {0};
    const char *levels[CPU_LEVEL_COUNT];
    int level_count = levels_here(levels), cases = 0;
    (void)state;
    if (safetensors_open(&file, "tests/fixtures/operators.safetensors", memory, &error) != FOV_OK) {
        fail_msg("%s", error.text);
    }
    for (size_t m = 0; m < file.metadata_count; m++) {
        struct test_case test = {.file = &file, .name = file.metadata[m].key};
        char kind[TEXT], trains[TEXT] = "";
        if (!read_option(file.metadata[m].value, "operator", kind)) {
            continue; /* a line about the file */
        }
        for (size_t t = 0; t < sizeof translations / sizeof translations[0]; t++) {
            test.by = strcmp(translations[t].fixture, kind) == 0 ? &translations[t] : test.by;
        }
        assert_non_null(test.by);
        test.trains = read_option(file.metadata[m].value, "training", trains) && strcmp(trains, "true") == 0;
        for (int l = 0; l < level_count; l++) {
            test.isa = levels[l];
            run_case(&test);
        }
        cases++;
    }
    assert_int_equal(cases, CASES);
    safetensors_close(&file);
    memory_destroy(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(operators_are_those_of_pytorch)};
    return cmocka_run_group_tests_name("operators against PyTorch", tests, NULL, NULL);
}
