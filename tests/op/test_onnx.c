/* SPDX-License-Identifier: MIT */
/* Every case of every operator that ONNX knows, written as a file, read back, and computed by definition in both
 * graphs: the results agree. An operator that refuses to write a case must say why. Whether files mean here what they
 * mean to others is another question: conformance data answers it. */
#include "harness.h"

#include "io/onnx/onnx.h"
#include "op/onnx.h"
#include "tensor/shape.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SEED = 11 };

struct job {
    const struct op      *op;
    const struct op_case *test;
};

static int written, refused;

static char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size + 1);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

static void compare(const struct job *job, int output, const double *got, const double *expected, size_t count)
{
    double scale = 0;
    for (size_t i = 0; i < count; i++) {
        scale = isfinite(expected[i]) ? fmax(scale, fabs(expected[i])) : scale;
    }
    for (size_t i = 0; i < count; i++) { /* attributes are single precision in ONNX */
        bool both_nan = isnan(got[i]) && isnan(expected[i]);
        if (!both_nan && got[i] != expected[i] && !(fabs(got[i] - expected[i]) <= 1e-6 * (fabs(expected[i]) + scale))) {
            fail_msg("%s/%s, output %d, element %zu of %zu: %.9g, before it was written %.9g", job->op->name,
                     job->test->name, output, i, count, got[i], expected[i]);
        }
    }
}

static void comes_back(void **state)
{
    const struct job *job = *state;
    struct harness h;
    struct evaluation expected, result;
    fov_value inputs[10];
    int inputs_used = 0, given_by[10], ids[8];
    char path[] = "/tmp/fovea-onnx-XXXXXX";
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    close(handle);
    harness_open(&h, job->op, job->test, "reference", HARNESS_REAL, SEED);
    for (int i = 0; i < h.in_count; i++) {
        if (h.in[i].id != 0 && !h.known[i]) {
            given_by[inputs_used] = i;
            inputs[inputs_used++] = h.in[i];
        }
    }
    int outputs = 0;
    for (int i = 0; i < h.out_count; i++) { /* optional outputs are often notes for the gradient, unknown to ONNX */
        if (!op_port_at(h.op->out, h.port[i])->optional) {
            h.out[outputs] = h.out[i];
            ids[outputs++] = h.out[i].id;
        }
    }
    h.out_count = outputs;
    struct onnx_exported what = {
        .inputs = inputs, .outputs = h.out, .input_count = inputs_used, .output_count = h.out_count, .name = "case"};
    if (onnx_export(h.graph, &what, path, NULL) != FOV_OK) {
        if (fov_error_status(h.context) != FOV_E_UNSUPPORTED || strlen(fov_error(h.context)) < 10) {
            fail_msg("%s/%s: %s", job->op->name, job->test->name, fov_error(h.context));
        }
        refused++;
        harness_close(&h);
        unlink(path);
        return;
    }
    const double **given = calloc(h.graph->value_count, sizeof *given);
    harness_given(&h, given);
    assert_int_equal(graph_evaluate(h.graph, ids, h.out_count, 1, false, 0, given, &expected), FOV_OK);
    free(given);

    size_t size;
    char *bytes = read_file(path, &size);
    unlink(path);
    struct onnx_imported imported;
    fov_graph *graph = fov_graph_create(h.context);
    int status = onnx_import(graph, "case.onnx", NULL, (const uint8_t *)bytes, size, &imported);
    if (status != FOV_OK) {
        fail_msg("%s/%s: %s", job->op->name, job->test->name, fov_error(h.context));
    }
    assert_int_equal(imported.input_count, inputs_used);
    assert_int_equal(imported.output_count, h.out_count);
    given = calloc(graph->value_count, sizeof *given);
    for (int i = 0; i < inputs_used; i++) {
        given[imported.inputs[i].id] = h.data[given_by[i]];
    }
    int back[8];
    for (int i = 0; i < h.out_count; i++) {
        back[i] = imported.outputs[i].id;
        assert_int_equal(fov_value_dtype(graph, imported.outputs[i]), fov_value_dtype(h.graph, h.out[i]));
    }
    if (graph_evaluate(graph, back, h.out_count, 1, false, 0, given, &result) != FOV_OK) {
        fail_msg("%s/%s, read back: %s", job->op->name, job->test->name, fov_error(h.context));
    }
    for (int i = 0; i < h.out_count; i++) {
        const fov_shape *shape = &expected.shapes[ids[i]];
        if (!shape_equal(shape, &result.shapes[back[i]])) {
            fail_msg("%s/%s: output %d has another shape", job->op->name, job->test->name, i);
        }
        compare(job, i, result.data[back[i]], expected.data[ids[i]], shape_span(shape, 0, shape->rank));
    }
    written++;
    free(given);
    free(bytes);
    graph_evaluate_free(graph, &result);
    graph_evaluate_free(h.graph, &expected);
    onnx_imported_free(&imported);
    fov_graph_free(graph);
    harness_close(&h);
}

static void most_were_written(void **state)
{
    (void)state;
    if (written < 10 * refused) {
        fail_msg("%d cases came back, %d were refused", written, refused);
    }
}

int main(int argc, char **argv)
{
    enum { MOST = 3000 };
    static struct CMUnitTest tests[MOST];
    static struct job jobs[MOST];
    static char names[MOST][160];
    size_t count = 0;
    for (size_t i = 0; i < op_table_count; i++) {
        const struct op *op = op_table[i];
        for (const struct op_case *test = op->cases; test->name != NULL && count < MOST - 1; test++) {
            if (op->onnx == NULL || (argc > 1 && strcmp(argv[1], op->name) != 0) || test->training) {
                continue;
            }
            jobs[count] = (struct job){op, test};
            snprintf(names[count], sizeof names[count], "%s/%s", op->name, test->name);
            tests[count] =
                (struct CMUnitTest){.name = names[count], .test_func = comes_back, .initial_state = &jobs[count]};
            count++;
        }
    }
    tests[count++] = (struct CMUnitTest){.name = "most were written", .test_func = most_were_written};
    return _cmocka_run_group_tests("operators through ONNX", tests, count, NULL, NULL);
}
