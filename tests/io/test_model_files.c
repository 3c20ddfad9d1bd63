/* SPDX-License-Identifier: MIT */
/* Models through files: a model saved as ONNX and loaded has the same weights to the bit, the same graph and, saved
 * again, the same file; weights alone through safetensors; class names and preprocessing in the metadata; and failing
 * disks. */
#include "base/text.h"
#include "io/onnx/onnx.h"
#include "io/safetensors.h"
#include "model/metadata.h"
#include "model/model.h"
#include "support/temporary.h"
#include <fovea/fovea.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
    fov_context *context;
    size_t       held; /**< bytes of memory that the context itself holds */
    char         folder[TEMPORARY_PATH]; /**< holds the files below */
    char         onnx[TEMPORARY_PATH + 32], again[TEMPORARY_PATH + 32], weights[TEMPORARY_PATH + 32];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->context = fov_context_create(&(fov_context_options){.threads = 1, .seed = 7});
    temporary_folder(fixture->folder);
    snprintf(fixture->onnx, sizeof fixture->onnx, "%s/first.onnx", fixture->folder);
    snprintf(fixture->again, sizeof fixture->again, "%s/again.onnx", fixture->folder);
    snprintf(fixture->weights, sizeof fixture->weights, "%s/weights.safetensors", fixture->folder);
    *state = fixture;
    if (fixture->context == NULL) {
        return 1;
    }
    fixture->held = fov_context_memory(fixture->context).bytes;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    size_t          leaked = fov_context_memory(fixture->context).bytes - fixture->held;
    fov_context_free(fixture->context);
    temporary_remove(fixture->folder);
    free(fixture);
    return leaked == 0 ? 0 : -1;
}

#define CHECK(fixture, call)                                                                                           \
    do {                                                                                                               \
        if ((call) != 0) {                                                                                             \
            fail_msg("%s: %s", #call, fov_error((fixture)->context));                                                  \
        }                                                                                                              \
    } while (0)

/** One of each operator that a file can hold, in one small network. */
static fov_model *make_model(struct fixture *fixture)
{
    fov_model *model = fov_model_create(fixture->context);
    fov_graph *g = fov_model_graph(model);
    fov_value  x = fov_input(g, .name = "input", .shape = FOV_SHAPE(FOV_BATCH, 3, 12, 12));
    fov_value  a = fov_conv2d(g, x, .filters = 8, .kernel = 3, .pad = 1, .name = "c1");
    a = fov_batch_norm(g, a);
    a = fov_relu(g, a);
    fov_value b =
        fov_conv2d(g, a, .filters = 8, .kernel = 3, .pads = {1, 0, 1, 2}, .groups = 2, .no_bias = true, .name = "c2");
    b = fov_leaky_relu(g, b, 0.2f);
    a = fov_add(g, a, b);
    a = fov_max_pool2d(g, a, .kernel = 3, .stride = 2);
    fov_value pair[2] = {fov_sigmoid(g, a), fov_tanh(g, a)};
    a = fov_concat(g, pair, 2, 1);
    a = fov_avg_pool2d(g, a, .kernel = 2, .pad = 1, .count_include_pad = true);
    a = fov_softplus(g, a);
    a = fov_mul(g, a, fov_step(g, a));
    a = fov_dropout(g, a, 0.3f);
    a = fov_flatten(g, a);
    a = fov_dense(g, a, .units = 5, .name = "classifier");
    CHECK(fixture, fov_model_set_input_output(model, x, a));
    fov_model_set_name(model, "one-of-each");
    const char *names[5] = {"a \"quoted\" name", "<img onerror>", "line\nbreak", "\xc3\xa9t\xc3\xa9", "plain"};
    CHECK(fixture, fov_model_set_classes(model, names, 5));
    fov_preprocessing preprocessing = {.mean = {0.1307f, 0.2f, 1e-7f}, .deviation = {0.3081f, 1.0f / 3, 2}, .pad = 2};
    fov_model_set_preprocessing(model, &preprocessing);
    return model;
}

static uint8_t *slurp(struct fixture *fixture, const char *path, size_t *size)
{
    uint8_t *bytes;
    CHECK(fixture, file_read(path, 1 << 26, fixture->context->memory, &bytes, size, &fixture->context->error));
    return bytes;
}

static void expect_same_file(struct fixture *fixture, const char *a, const char *b)
{
    size_t   a_size, b_size;
    uint8_t *a_bytes = slurp(fixture, a, &a_size), *b_bytes = slurp(fixture, b, &b_size);
    assert_int_equal(a_size, b_size);
    assert_memory_equal(a_bytes, b_bytes, a_size);
    memory_free(fixture->context->memory, a_bytes);
    memory_free(fixture->context->memory, b_bytes);
}

/** Logits of a model for fixed inputs. */
static void run(struct fixture *fixture, fov_model *model, float *out, size_t count)
{
    fov_value output = fov_model_output(model);
    fov_plan *plan = fov_plan_create(fov_model_graph(model), &output, 1, &(fov_plan_options){.batch = 2});
    if (plan == NULL) {
        fail_msg("%s", fov_error(fixture->context));
    }
    float *input = fov_plan_data(plan, fov_model_input(model));
    for (size_t i = 0; i < fov_plan_bytes(plan, fov_model_input(model)) / sizeof *input; i++) {
        input[i] = (float)(i * 37 % 101) / 50.0f - 1.0f;
    }
    fov_plan_run(plan, 0);
    assert_int_equal(fov_plan_bytes(plan, output), count * sizeof *out);
    memcpy(out, fov_plan_data(plan, output), count * sizeof *out);
    fov_plan_free(plan);
}

static void test_round_trip(void **state)
{
    struct fixture *fixture = *state;
    char            before[65], after[65];
    float           expected[10], got[10];
    fov_model      *model = make_model(fixture);
    CHECK(fixture, fov_model_hash(model, before));
    CHECK(fixture, fov_model_save(model, fixture->onnx));
    fov_model *loaded = fov_model_load(fixture->context, fixture->onnx);
    if (loaded == NULL) {
        fail_msg("%s", fov_error(fixture->context));
    }
    CHECK(fixture, fov_model_hash(loaded, after));
    assert_string_equal(before, after);
    assert_int_equal(strlen(before), 64);
    run(fixture, model, expected, 10);
    run(fixture, loaded, got, 10);
    assert_memory_equal(expected, got, sizeof expected);
    assert_true(isfinite(expected[0]) && expected[0] != expected[5]);

    assert_string_equal(fov_model_name(loaded), "one-of-each");
    assert_int_equal(fov_model_classes(loaded), 5);
    for (int i = 0; i < 5; i++) {
        assert_string_equal(fov_model_class(loaded, i), fov_model_class(model, i));
    }
    fov_preprocessing a = fov_model_preprocessing(model), b = fov_model_preprocessing(loaded);
    assert_memory_equal(&a, &b, sizeof a);
    /* A loaded model knows which parameters are frozen. */
    assert_int_equal(fov_parameter_count(fov_model_graph(model)), fov_parameter_count(fov_model_graph(loaded)));
    for (int i = 0; i < fov_parameter_count(fov_model_graph(model)); i++) {
        fov_value   here = fov_parameter_at(fov_model_graph(model), i);
        const char *name = fov_value_name(fov_model_graph(model), here);
        fov_value   there = fov_find(fov_model_graph(loaded), name);
        assert_int_equal(fov_parameter_frozen(fov_model_graph(model), here),
                         fov_parameter_frozen(fov_model_graph(loaded), there));
    }
    CHECK(fixture, fov_model_save(loaded, fixture->again));
    fov_model *third = fov_model_load(fixture->context, fixture->again);
    assert_non_null(third);
    CHECK(fixture, fov_model_hash(third, after));
    assert_string_equal(before, after);
    CHECK(fixture, fov_model_save(third, fixture->onnx));
    expect_same_file(fixture, fixture->onnx, fixture->again);
    fov_model_free(model);
    fov_model_free(loaded);
    fov_model_free(third);
}

static void test_networks_round_trip(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < fov_network_count(); i++) {
        char       before[65], after[65];
        fov_model *model = fov_model_network(fixture->context, fov_network_name(i), NULL);
        assert_non_null(model);
        fov_summary summary;
        CHECK(fixture, fov_model_summary(model, NULL, &summary));
        if (summary.parameter_bytes > 16 << 20) { /* a family's small networks test as much, and write less */
            fov_model_free(model);
            continue;
        }
        CHECK(fixture, fov_model_hash(model, before));
        CHECK(fixture, fov_model_save(model, fixture->onnx));
        CHECK(fixture, fov_model_save(model, fixture->again));
        expect_same_file(fixture, fixture->onnx, fixture->again);
        fov_model *loaded = fov_model_load(fixture->context, fixture->onnx);
        if (loaded == NULL) {
            fail_msg("%s: %s", fov_network_name(i), fov_error(fixture->context));
        }
        CHECK(fixture, fov_model_hash(loaded, after));
        assert_string_equal(before, after);
        assert_string_equal(fov_model_name(loaded), fov_network_name(i));
        fov_model_free(model);
        fov_model_free(loaded);
    }
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

static void test_weights(void **state)
{
    struct fixture *fixture = *state;
    char            before[65], after[65];
    fov_model      *model = make_model(fixture);
    CHECK(fixture, fov_model_hash(model, before));
    CHECK(fixture, fov_model_save_weights(model, fixture->weights));
    fov_model *other = make_model(fixture);
    float      bias[8];
    memset(bias, 0x3f, sizeof bias);
    fov_value c1 = fov_find(fov_model_graph(other), "c1.bias");
    CHECK(fixture, fov_parameter_set(fov_model_graph(other), c1, bias, sizeof bias));
    CHECK(fixture, fov_model_hash(other, after));
    assert_string_not_equal(before, after);
    CHECK(fixture, fov_model_load_weights(other, fixture->weights));
    CHECK(fixture, fov_model_hash(other, after));
    assert_string_equal(before, after);
    fov_model_free(model);
    fov_model_free(other);
}

/** A bad file of weights leaves the model unchanged. */
static void test_weights_refused(void **state)
{
    struct fixture *fixture = *state;
    char            before[65], after[65];
    float           data[64] = {0};
    fov_model      *model = fov_model_create(fixture->context);
    fov_graph      *g = fov_model_graph(model);
    fov_value       x = fov_input(g, .shape = FOV_SHAPE(FOV_BATCH, 4));
    CHECK(fixture, fov_model_set_input_output(model, x, fov_dense(g, x, .units = 3, .name = "d")));
    CHECK(fixture, fov_model_hash(model, before));
    const struct {
        struct safetensors_source tensors[3];
        size_t                    count;
        const char               *expected; /**< NULL: loads */
    } rows[] = {
        {{{"d.weight", FOV_F32, {2, {3, 4}}, data}}, 1, "1 parameter of the model is missing: \"d.bias\""},
        {{{"d.weight", FOV_F32, {2, {4, 3}}, data}, {"d.bias", FOV_F32, {1, {3}}, data}},
         2,
         "\"d.weight\": shape does not fit (file [4, 3], model [3, 4])"},
        {{{"d.weight", FOV_F32, {2, {3, 4}}, data},
          {"d.bias", FOV_F32, {1, {3}}, data},
          {"x", FOV_F32, {1, {3}}, data}},
         3,
         "1 tensor is not in the model: \"x\""},
        {{{"d.weight", FOV_I32, {2, {3, 4}}, data}, {"d.bias", FOV_F32, {1, {3}}, data}},
         2,
         "I32 elements cannot be weights"},
        {{{"d.weight", FOV_F64, {2, {3, 4}}, data},
          {"d.bias", FOV_F32, {1, {3}}, data},
          {"bn.num_batches_tracked", FOV_I64, {0, {0}}, data}},
         3,
         NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK(fixture, safetensors_write(fixture->weights, rows[i].tensors, rows[i].count, NULL, 0, false, NULL,
                                         fixture->context->memory, &fixture->context->error));
        int status = fov_model_load_weights(model, fixture->weights);
        if (rows[i].expected == NULL) {
            CHECK(fixture, status);
            break;
        }
        if (status == 0 || strstr(fov_error(fixture->context), rows[i].expected) == NULL) {
            fail_msg("expected \"%s\", got \"%s\"", rows[i].expected, fov_error(fixture->context));
        }
        fov_error_clear(fixture->context);
        CHECK(fixture, fov_model_hash(model, after));
        assert_string_equal(before, after);
    }
    fov_model_free(model);
}

/** A parameter with a long name is found in the file, not reported as missing. */
static void test_long_names(void **state)
{
    struct fixture *fixture = *state;
    static const char *const ends[] = {"there", "elsewhere"};
    char name[301] = "";
    memset(name, 'n', sizeof name - 1);
    for (int i = 0; i < 2; i++) {
        fov_model *model = fov_model_create(fixture->context);
        fov_graph *g = fov_model_graph(model);
        fov_value x = fov_input(g, .shape = FOV_SHAPE(FOV_BATCH, 4));
        fov_value y = fov_dense(g, x, .units = 3, .name = name);
        y = fov_dense(g, y, .units = 2, .no_bias = true, .name = ends[i]);
        CHECK(fixture, fov_model_set_input_output(model, x, y));
        if (i == 0) {
            CHECK(fixture, fov_model_save_weights(model, fixture->weights));
        } else {
            assert_int_equal(fov_model_load_weights(model, fixture->weights), FOV_E_INPUT);
            const char *said = fov_error(fixture->context);
            if (strstr(said, "1 parameter of the model is missing: \"elsewhere.weight\"") == NULL) {
                fail_msg("%s", said);
            }
            fov_error_clear(fixture->context);
        }
        fov_model_free(model);
    }
}

/* ---- metadata ---------------------------------------------------------------------------------------------------- */

static void test_class_names(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        const char *text, *second; /**< name of class 1; second NULL: the names are invalid */
    } rows[] = {{"[\"a\", \"b\", \"c\"]", "b"},
                {"{\"0\": \"a\", \"2\": \"c\", \"1\": \"b\"}", "b"},
                {"{0: 'a', 1: \"o'b\", 2: 'c'}", "o'b"},
                {"{0: 'a', 1: 'it\\'s', 2: 'c',}", "it's"},
                {"{0: 'a', 2: 'c'}", NULL},
                {"{0: 'a', 0: 'b', 1: 'c'}", NULL},
                {"[\"a\", \"b\"]", NULL},
                {"[1, 2, 3]", NULL},
                {"{0: 'a', 1: 'b', 2: 'c", NULL},
                {"{-1: 'a'}", NULL},
                {"{99999999999: 'a'}", NULL},
                {"", NULL},
                {"{", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fov_model *model = fov_model_create(fixture->context);
        fov_graph *g = fov_model_graph(model);
        fov_value  x = fov_input(g, .shape = FOV_SHAPE(FOV_BATCH, 4));
        CHECK(fixture, fov_model_set_input_output(model, x, fov_dense(g, x, .units = 3)));
        struct onnx_text foreign[] = {{"names", rows[i].text}},
                         ours[] = {{"fovea.version", "0"}, {"names", rows[i].text}};
        CHECK(fixture, metadata_take(model, "m.onnx", foreign, 1));
        assert_string_equal(fov_model_class(model, 1), rows[i].second != NULL ? rows[i].second : "1");
        assert_int_equal(metadata_take(model, "m.onnx", ours, 2), rows[i].second != NULL ? 0 : FOV_E_INPUT);
        fov_error_clear(fixture->context);
        fov_model_free(model);
    }
}

static void test_bad_preprocessing(void **state)
{
    struct fixture   *fixture = *state;
    const char *const rows[] = {"", "1", "{}", "{\"mean\":[0],\"deviation\":\"x\"}", "{\"mean\":[],\"deviation\":[1]}",
                                "{\"mean\":[1e99],\"deviation\":[1]}", "{\"mean\":[0],\"deviation\":[1],\"pad\":-1}",
                                "{\"mean\":[0,0,0,0,0],\"deviation\":[1]}"};
    fov_model        *model = fov_model_create(fixture->context);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct onnx_text entry = {"fovea.preprocessing", rows[i]};
        assert_int_equal(metadata_take(model, "m.onnx", &entry, 1), FOV_E_INPUT);
        assert_non_null(strstr(fov_error(fixture->context), "fovea.preprocessing"));
        fov_error_clear(fixture->context);
    }
    fov_model_free(model);
}

/* ---- refusals and failures --------------------------------------------------------------------------------------- */

static void test_load_refusals(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        const char *content, *expected;
        size_t      size;
    } rows[] = {{"\x1f\x8b\x08\x00", "looks like gzip: decompress it first", 4},
                {"PK\x03\x04", "zip archive", 4},
                {"PK\x03\x04______________________\x0d\0\0\0metadata.json{}", "a .keras file of Keras 3", 45},
                {"PK\x03\x04______________________\x0d\0\0\0metadata.jso", "zip archive", 42},
                {"\x89HDF\r\n\x1a\n", "looks like HDF5, as Keras saves .h5", 8},
                {"\x80\x04", "Python pickle", 2},
                {"\x08\x00\x00\x00\x00\x00\x00\x00{}      ", "weights without a graph", 16},
                {"", "empty", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK(fixture, file_write(fixture->onnx, rows[i].content, rows[i].size, NULL, &fixture->context->error));
        assert_null(fov_model_load(fixture->context, fixture->onnx));
        if (strstr(fov_error(fixture->context), rows[i].expected) == NULL ||
            strstr(fov_error(fixture->context), fixture->onnx) == NULL) {
            fail_msg("expected \"%s\", got \"%s\"", rows[i].expected, fov_error(fixture->context));
        }
        fov_error_clear(fixture->context);
    }
    assert_null(fov_model_load(fixture->context, "/nonexistent/m.onnx"));
    assert_int_equal(fov_error_status(fixture->context), FOV_E_IO);
    fov_error_clear(fixture->context);
    fov_model *model = fov_model_create(fixture->context);
    assert_int_equal(fov_model_save(model, fixture->onnx), FOV_E_USAGE); /* input and output are not set yet */
    fov_model_free(model);
}

/** Every allocation of save and load fails once: an error, no leak, no damaged file. */
static void test_every_allocation_fails(void **state)
{
    struct fixture *fixture = *state;
    fov_model      *model = make_model(fixture);
    char            hex[65], loaded_hex[65];
    CHECK(fixture, fov_model_hash(model, hex));
    CHECK(fixture, fov_model_save(model, fixture->onnx));
    size_t before = fov_context_memory(fixture->context).bytes;
    for (uint64_t n = 1;; n++) {
        memory_fail_at(fixture->context->memory, n, false);
        int        status = fov_model_save(model, fixture->onnx);
        fov_model *loaded = status == 0 ? fov_model_load(fixture->context, fixture->onnx) : NULL;
        memory_fail_at(fixture->context->memory, 0, false);
        if (loaded != NULL) {
            CHECK(fixture, fov_model_hash(loaded, loaded_hex));
            assert_string_equal(hex, loaded_hex);
            fov_model_free(loaded);
            assert_true(n > 100);
            break;
        }
        assert_int_equal(fov_error_status(fixture->context), FOV_E_MEMORY);
        assert_int_equal(fov_context_memory(fixture->context).bytes, before);
        fov_error_clear(fixture->context);
    }
    fov_model_free(model);
}

struct failing {
    int calls, fail_at;
};

static ssize_t failing_write(void *user, int file, const void *bytes, size_t count)
{
    struct failing           *failing = user;
    const struct file_system *real = file_system_default();
    if (++failing->calls == failing->fail_at) {
        errno = ENOSPC;
        return -1;
    }
    return real->write(real->user, file, bytes, count > 900 ? 900 : count);
}

static void test_full_disk(void **state)
{
    struct fixture    *fixture = *state;
    fov_model         *model = make_model(fixture);
    fov_value          input = fov_model_input(model), output = fov_model_output(model);
    struct failing     failing = {0};
    struct file_system system = *file_system_default();
    system.write = failing_write;
    system.user = &failing;
    const struct onnx_exported exported = {
        .inputs = &input, .outputs = &output, .input_count = 1, .output_count = 1, .name = "m"};
    CHECK(fixture, fov_model_save(model, fixture->onnx));
    CHECK(fixture, fov_model_save(model, fixture->again));
    for (int n = 1;; n++) {
        failing = (struct failing){0, n};
        if (onnx_export(fov_model_graph(model), &exported, fixture->onnx, &system) == 0) {
            assert_true(n > 5);
            break;
        }
        assert_int_equal(fov_error_status(fixture->context), FOV_E_IO);
        fov_error_clear(fixture->context);
        expect_same_file(fixture, fixture->onnx, fixture->again);
    }
    fov_model_free(model);
}

/* ---- files of other programs ------------------------------------------------------------------------------------- */

static void test_squeezenet(void **state)
{
    struct fixture *fixture = *state;
    const char     *shared = getenv("FOVEA_SHARED");
    char            path[512], before[65], after[65];
    snprintf(path, sizeof path, "%s/models/squeezenet1_1-imagenet.onnx", shared != NULL ? shared : "../shared");
    if (!file_exists(path)) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    fov_model *model = fov_model_load(fixture->context, path);
    if (model == NULL) {
        fail_msg("%s", fov_error(fixture->context));
    }
    assert_int_equal(fov_model_classes(model), 1000);
    assert_string_equal(fov_model_class(model, 1), "goldfish");
    fov_shape shape = fov_value_shape(fov_model_graph(model), fov_model_input(model));
    assert_int_equal(shape.dim[0], FOV_BATCH);
    assert_int_equal(shape.dim[3], 227);
    CHECK(fixture, fov_model_hash(model, before));
    CHECK(fixture, fov_model_save(model, fixture->onnx));
    fov_model *again = fov_model_load(fixture->context, fixture->onnx);
    assert_non_null(again);
    CHECK(fixture, fov_model_hash(again, after));
    assert_string_equal(before, after);
    fov_model_free(model);
    fov_model_free(again);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),    TEST(test_networks_round_trip),
        TEST(test_weights),       TEST(test_weights_refused), TEST(test_long_names),
        TEST(test_class_names),   TEST(test_bad_preprocessing),
        TEST(test_load_refusals), TEST(test_every_allocation_fails),
        TEST(test_full_disk),     TEST(test_squeezenet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
