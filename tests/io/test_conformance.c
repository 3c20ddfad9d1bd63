/* SPDX-License-Identifier: MIT */
/* The ONNX project's own test cases, if they lie beside the checkout: each passes, or is skipped with a reason. And
 * small cases written here, good and bad, that test the runner itself: which outputs count as equal, which inputs
 * become constants, how failures are reported. */
#include "base/file.h"
#include "device/context.h"
#include "io/onnx_file.h"
#include "support/temporary.h"
#include <fovea/fovea.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the published cases ----------------------------------------------------------------------------------------- */

enum { MOST_SKIPS = 40 };

struct seen {
    int unexpected, cases;
};

static void note_case(void *user, const fov_case *result)
{
    struct seen *seen = user;
    seen->cases++;
    assert_true(result->outcome == FOV_CASE_PASSED || result->reason[0] != '\0');
    if (result->outcome == FOV_CASE_FAILED) {
        seen->unexpected++;
        print_error("%s (%s): %s\n", result->path, result->operators, result->reason);
    }
}

static void test_published_cases(void **state)
{
    const char     *shared = getenv("FOVEA_SHARED");
    char            path[4096];
    struct seen     seen = {0};
    fov_conformance total;
    (void)state;
    snprintf(path, sizeof path, "%s/onnx-conformance", shared != NULL ? shared : "../shared");
    if (!file_is_directory(path)) {
        print_message("skipped: %s is not there\n", path);
        skip();
    }
    fov_context *context = fov_context_create(NULL);
    assert_int_equal(
        fov_conformance_run(context, path, &(fov_conformance_options){.seen = note_case, .user = &seen}, &total),
        FOV_OK);
    assert_int_equal(total.passed + total.failed + total.skipped, seen.cases);
    assert_int_equal(seen.unexpected, 0);
    assert_true(total.skipped <= MOST_SKIPS);
    assert_true(total.passed > 0);
    fov_context_free(context);
}

/** The same models, saved by fovea and read back before they run: they must give the same outputs. */
static void test_published_cases_rewritten(void **state)
{
    const char     *shared = getenv("FOVEA_SHARED");
    char            path[4096], file[TEMPORARY_PATH];
    struct seen     seen = {0};
    fov_conformance total;
    (void)state;
    snprintf(path, sizeof path, "%s/onnx-conformance/node", shared != NULL ? shared : "../shared");
    if (!file_is_directory(path)) {
        print_message("skipped: %s is not there\n", path);
        skip();
    }
    temporary_file(file, ".onnx");
    fov_context *context = fov_context_create(NULL);
    int status = fov_conformance_run(
        context, path, &(fov_conformance_options){.rewrite = file, .seen = note_case, .user = &seen}, &total);
    remove(file);
    assert_int_equal(status, FOV_OK);
    assert_int_equal(seen.unexpected, 0);
    assert_true(total.passed > 0);
    fov_context_free(context);
}

/* ---- cases that failed once -------------------------------------------------------------------------------------- */

/** Their right values: docs/numerics.md for sizes and coordinates, the standard's text for the rest. */
static const char *const mended[] = {
    "07-resize-scales-floor",
    "08-resize-align-corners-scales/nearest-7-to-16",
    "30-conformance/01-resize-scale-times-size-in-double",
    "30-conformance/02-resize-align-corners-fractional-size",
    "30-conformance/03-reduce-max-empty-bool",
    "30-conformance/04-batchnorm-opset9-five-outputs",
    "30-conformance/06-cross-entropy-all-ignored",
    "30-conformance/07-layernorm-broadcast-scale",
    "30-conformance/09-dequantize-scale-1-zero-point-scalar",
};

static void keep_reason(void *user, const fov_case *result)
{
    snprintf(user, 1200, "%s", result->reason);
}

/** Each case as it is, and with its model saved by fovea. */
static void test_mended_cases(void **state)
{
    const char     *shared = getenv("FOVEA_SHARED");
    char            path[4096], file[TEMPORARY_PATH], reason[1200];
    fov_conformance total;
    (void)state;
    snprintf(path, sizeof path, "%s/faults", shared != NULL ? shared : "../shared");
    if (!file_is_directory(path)) {
        print_message("skipped: %s is not there\n", path);
        skip();
    }
    temporary_file(file, ".onnx");
    fov_context *context = fov_context_create(NULL);
    for (size_t i = 0; i < 2 * sizeof mended / sizeof *mended; i++) {
        fov_conformance_options options = {.rewrite = i % 2 ? file : NULL, .seen = keep_reason, .user = reason};
        snprintf(path, sizeof path, "%s/faults/%s", shared != NULL ? shared : "../shared", mended[i / 2]);
        assert_int_equal(fov_conformance_run(context, path, &options, &total), FOV_OK);
        if (total.failed + total.skipped > 0 || total.passed == 0) {
            fail_msg("%s%s: %s", mended[i / 2], i % 2 ? ", rewritten" : "", reason);
        }
    }
    /* align_corners with an axis that a scale shrinks: fovea gives ONNX's published value, which differs from the
     * folder's. */
    snprintf(path, sizeof path, "%s/faults/08-resize-align-corners-scales/linear-0.6",
             shared != NULL ? shared : "../shared");
    assert_int_equal(fov_conformance_run(context, path,
                                         &(fov_conformance_options){.seen = keep_reason, .user = reason}, &total),
                     FOV_OK);
    assert_non_null(strstr(reason, "element [0, 0, 0, 1] is 3.1428"));
    assert_non_null(strstr(reason, "(1 of 2 elements differ)"));
    remove(file);
    fov_context_free(context);
}

/* ---- cases of our own -------------------------------------------------------------------------------------------- */

struct fixture {
    fov_context *context;
    char         folder[TEMPORARY_PATH];
    fov_case     last; /* the last result; its texts are copied into the next two members */
    char         reason[1200], operators[200];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->context = fov_context_create(NULL);
    *state = fixture;
    char path[TEMPORARY_PATH + 20];
    temporary_folder(fixture->folder);
    snprintf(path, sizeof path, "%s/test_data_set_0", fixture->folder);
    return mkdir(path, 0777);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    temporary_remove(fixture->folder);
    fov_context_free(fixture->context);
    free(fixture);
    return 0;
}

static void write_file(const struct fixture *fixture, const char *name, struct text *text)
{
    char         path[TEMPORARY_PATH + 256];
    struct error error = {FOV_OK, ""};
    snprintf(path, sizeof path, "%s/%s", fixture->folder, name);
    assert_int_equal(file_write(path, text_string(text), text->length, NULL, &error), FOV_OK);
    text_free(text);
}

/** TensorProto of rank 1: type 1 float, 7 int64, 10 float16... */
static void write_tensor(const struct fixture *fixture, const char *name, int type, const void *data, size_t width,
                         int count)
{
    struct text tensor = {.memory = fixture->context->memory};
    put_number(&tensor, 1, (unsigned long long)count);
    put_number(&tensor, 2, (unsigned long long)type);
    put_bytes(&tensor, 9, data, width * (size_t)count);
    write_file(fixture, name, &tensor);
}

/** ValueInfoProto: an input (field 11) or output (12) of a type, its shape not given. */
static void put_typed(struct text *graph, unsigned field, const char *name, int type)
{
    struct text port = {.memory = graph->memory}, outer = {.memory = graph->memory}, tensor = {.memory = graph->memory};
    put_number(&tensor, 1, (unsigned long long)type);
    put_message(&outer, 1, &tensor);
    put_string(&port, 1, name);
    put_message(&port, 2, &outer);
    put_message(graph, field, &port);
}

static void write_model(const struct fixture *fixture, struct text *graph)
{
    struct text model = {.memory = graph->memory};
    put_model(&model, graph, 8, 17);
    write_file(fixture, "model.onnx", &model);
}

static void keep_case(void *user, const fov_case *result)
{
    struct fixture *fixture = user;
    fixture->last = *result;
    snprintf(fixture->reason, sizeof fixture->reason, "%s", result->reason);
    snprintf(fixture->operators, sizeof fixture->operators, "%s", result->operators);
}

static fov_case_outcome run_case(struct fixture *fixture)
{
    fov_conformance         total;
    fov_conformance_options options = {.seen = keep_case, .user = fixture};
    size_t                  before = fov_context_memory(fixture->context).bytes;
    assert_int_equal(fov_conformance_run(fixture->context, fixture->folder, &options, &total), FOV_OK);
    assert_int_equal(total.passed + total.failed + total.skipped, 1);
    assert_int_equal(fov_context_memory(fixture->context).bytes, before); /* no memory is lost */
    assert_int_equal(fov_error_status(fixture->context), FOV_OK);
    return fixture->last.outcome;
}

static void write_relu(const struct fixture *fixture, const float *x, const float *y, int count)
{
    struct text graph = {.memory = fixture->context->memory};
    put_node(&graph, "Relu", "", "x", "y");
    put_typed(&graph, 11, "x", 1);
    put_typed(&graph, 12, "y", 1);
    write_model(fixture, &graph);
    write_tensor(fixture, "test_data_set_0/input_0.pb", 1, x, sizeof *x, count);
    write_tensor(fixture, "test_data_set_0/output_0.pb", 1, y, sizeof *y, count);
}

static void test_what_is_equal(void **state)
{
    struct fixture *fixture = *state;
    write_relu(fixture, (float[]){-1, 0, 2, INFINITY}, (float[]){0, 0, 2, INFINITY}, 4);
    assert_int_equal(run_case(fixture), FOV_CASE_PASSED);
    assert_string_equal(fixture->operators, "Relu");
    assert_int_equal(fixture->last.constant_inputs, 0);
    assert_true(fixture->last.steps > 0); /* a step ran: the graph was not folded into a constant */
    /* within 1e-3 of the first, 1e-7 of the second */
    write_relu(fixture, (float[]){1, 1e-8f}, (float[]){1.0009f, 0}, 2);
    assert_int_equal(run_case(fixture), FOV_CASE_PASSED);
    write_relu(fixture, (float[]){1, 2, 3}, (float[]){1, 2.01f, 3}, 3);
    assert_int_equal(run_case(fixture), FOV_CASE_FAILED);
    assert_non_null(strstr(fixture->reason, "output 0 \"y\": element [1] is 2, expected 2.00999999 (1 of 3"));
    write_relu(fixture, (float[]){1e-6f}, (float[]){0}, 1);
    assert_int_equal(run_case(fixture), FOV_CASE_FAILED);
    write_relu(fixture, (float[]){INFINITY}, (float[]){3e38f}, 1);
    assert_int_equal(run_case(fixture), FOV_CASE_FAILED);
    write_relu(fixture, (float[]){1}, (float[]){NAN}, 1);
    assert_int_equal(run_case(fixture), FOV_CASE_FAILED);
}

static void test_shape_and_type_count(void **state)
{
    struct fixture *fixture = *state;
    write_relu(fixture, (float[]){1, 2}, (float[]){1, 2}, 2);
    write_tensor(fixture, "test_data_set_0/output_0.pb", 1, (float[]){1}, sizeof(float), 1);
    assert_int_equal(run_case(fixture), FOV_CASE_FAILED);
    assert_non_null(strstr(fixture->reason, "shape [2], expected [1]"));
    write_tensor(fixture, "test_data_set_0/output_0.pb", 11, (double[]){1, 2}, sizeof(double), 2);
    assert_int_equal(run_case(fixture), FOV_CASE_FAILED);
    assert_non_null(strstr(fixture->reason, "is f32, expected f64"));
}

/** A Reshape's shape that is an input of the case becomes a constant; the data input does not. */
static void test_deciding_inputs_are_constants(void **state)
{
    struct fixture *fixture = *state;
    struct text     graph = {.memory = fixture->context->memory};
    put_node(&graph, "Identity", "", "shape", "same");
    put_node(&graph, "Reshape", "", "x,same", "flat");
    put_node(&graph, "Relu", "", "flat", "y");
    put_typed(&graph, 11, "x", 1);
    put_typed(&graph, 11, "shape", 7);
    put_typed(&graph, 12, "y", 1);
    write_model(fixture, &graph);
    write_tensor(fixture, "test_data_set_0/input_0.pb", 1, (float[]){1, -2, 3}, sizeof(float), 3);
    write_tensor(fixture, "test_data_set_0/input_1.pb", 7, (int64_t[]){-1}, sizeof(int64_t), 1);
    write_tensor(fixture, "test_data_set_0/output_0.pb", 1, (float[]){1, 0, 3}, sizeof(float), 3);
    assert_int_equal(run_case(fixture), FOV_CASE_PASSED);
    assert_int_equal(fixture->last.constant_inputs, 1);
    assert_true(fixture->last.steps > 0);
    assert_string_equal(fixture->operators, "Identity+Relu+Reshape");
}

static void test_failures_and_skips(void **state)
{
    struct fixture *fixture = *state;
    struct text     graph = {.memory = fixture->context->memory};
    put_node(&graph, "Frobnicate", "a", "x", "t");
    put_node(&graph, "Wobble", "b", "t", "y");
    put_typed(&graph, 11, "x", 1);
    put_typed(&graph, 12, "y", 1);
    write_model(fixture, &graph);
    write_tensor(fixture, "test_data_set_0/input_0.pb", 1, (float[]){1}, sizeof(float), 1);
    assert_int_equal(run_case(fixture), FOV_CASE_FAILED); /* the expected output is missing */
    assert_non_null(strstr(fixture->reason, "output_0.pb"));
    write_tensor(fixture, "test_data_set_0/output_0.pb", 1, (float[]){1}, sizeof(float), 1);
    assert_int_equal(run_case(fixture), FOV_CASE_FAILED); /* unsupported is no skip; all operators are named */
    assert_non_null(strstr(fixture->reason, "Frobnicate (opset 17) at \"a\""));
    assert_non_null(strstr(fixture->reason, "Wobble (opset 17) at \"b\""));
    put_node(&graph, "Relu", "", "x", "y");
    put_typed(&graph, 11, "x", 16);
    put_typed(&graph, 12, "y", 16);
    write_model(fixture, &graph);
    assert_int_equal(run_case(fixture), FOV_CASE_SKIPPED);
    assert_non_null(strstr(fixture->reason, "BFLOAT16 (input \"x\")"));
    put_node(&graph, "RandomUniformLike", "", "x", "y");
    put_typed(&graph, 11, "x", 1);
    put_typed(&graph, 12, "y", 1);
    write_model(fixture, &graph);
    assert_int_equal(run_case(fixture), FOV_CASE_SKIPPED);
    assert_non_null(strstr(fixture->reason, "random generator (RandomUniformLike)"));
}

static void test_damaged_files(void **state)
{
    struct fixture *fixture = *state;
    struct text     noise = {.memory = fixture->context->memory};
    write_relu(fixture, (float[]){1, 2}, (float[]){1, 2}, 2);
    text_add_bytes(&noise, "\x0a\xff\xff\xff\xff\x0f", 6);
    write_file(fixture, "test_data_set_0/input_0.pb", &noise);
    assert_int_equal(run_case(fixture), FOV_CASE_FAILED);
    text_add_bytes(&noise, "\x0a\xff\xff\xff\xff\x0f", 6);
    write_file(fixture, "model.onnx", &noise);
    assert_int_equal(run_case(fixture), FOV_CASE_FAILED);
    write_relu(fixture, (float[]){1, 2}, (float[]){1, 2}, 2);
    write_tensor(fixture, "test_data_set_0/input_1.pb", 1, (float[]){1}, sizeof(float), 1);
    assert_int_equal(run_case(fixture), FOV_CASE_FAILED); /* an input too many */
    assert_non_null(strstr(fixture->reason, "2 inputs"));
}

static void test_folders(void **state)
{
    struct fixture *fixture = *state;
    fov_conformance total;
    char            path[TEMPORARY_PATH + 20];
    snprintf(path, sizeof path, "%s/nowhere", fixture->folder);
    assert_int_equal(fov_conformance_run(fixture->context, path, NULL, &total), FOV_E_IO);
    fov_error_clear(fixture->context);
    assert_int_equal(fov_conformance_run(fixture->context, fixture->folder, NULL, &total), FOV_E_INPUT); /* empty */
    fov_error_clear(fixture->context);
    write_relu(fixture, (float[]){1, 2}, (float[]){1, 2}, 2);
    snprintf(path, sizeof path, "%s/inner", fixture->folder); /* a case in a subfolder, without test data */
    assert_int_equal(mkdir(path, 0777), 0);
    char command[2 * TEMPORARY_PATH + 40];
    snprintf(command, sizeof command, "cp '%s/model.onnx' '%s/inner/'", fixture->folder, fixture->folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(fov_conformance_run(fixture->context, fixture->folder, NULL, &total), FOV_OK);
    assert_int_equal(total.passed, 1);
    assert_int_equal(total.failed, 1);
}

/** Every allocation fails once: the case then fails, or the run ends with FOV_E_MEMORY; no memory is lost. */
static void test_every_allocation_fails(void **state)
{
    struct fixture *fixture = *state;
    struct memory  *memory = fixture->context->memory;
    int             passed = 0;
    write_relu(fixture, (float[]){1, 2}, (float[]){1, 2}, 2);
    size_t before = fov_context_memory(fixture->context).bytes;
    for (uint64_t n = 1; !passed; n++) {
        fov_conformance total;
        memory_fail_at(memory, n, false);
        int status = fov_conformance_run(fixture->context, fixture->folder,
                                         &(fov_conformance_options){.seen = keep_case, .user = fixture}, &total);
        memory_fail_at(memory, 0, false);
        assert_true(status == FOV_E_MEMORY || (status == FOV_OK && total.passed + total.failed == 1));
        passed = status == FOV_OK && total.passed == 1;
        assert_int_equal(fov_context_memory(fixture->context).bytes, before);
        fov_error_clear(fixture->context);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_cases),
        cmocka_unit_test(test_published_cases_rewritten),
        cmocka_unit_test(test_mended_cases),
        TEST(test_what_is_equal),
        TEST(test_shape_and_type_count),
        TEST(test_deciding_inputs_are_constants),
        TEST(test_failures_and_skips),
        TEST(test_damaged_files),
        TEST(test_folders),
        TEST(test_every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
