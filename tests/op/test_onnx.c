/* SPDX-License-Identifier: MIT */
/* Every case of every operator is written as an ONNX file and read back; the definition gives the same results in both
 * graphs. Of training cases only those of random operators: other training forms are not what a file says. In the opset
 * that the exporter chooses, only gradients and optimisers may be refused; in opset 13, operators that came later may
 * be, with a sentence. Whether other programs understand these files the same way is another question: conformance data
 * and tests/runtime/judge.py answer it. */
#include "harness.h"
#include "support/near.h"

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
    int                   opset; /**< 0: the exporter's choice */
};

static int written, refused;

/* Operators that some opsets from 13 on cannot express, for all cases or some, and the first opset that can. */
static const struct {
    const char *op;
    int         opset;
} younger[] = {
    {"avg_pool", 19},          /* dilation */
    {"batch_norm", 14},        /* training_mode */
    {"bitwise_and", 18},
    {"bitwise_not", 18},
    {"bitwise_or", 18},
    {"bitwise_xor", 18},
    {"center_crop_pad", 18},
    {"deform_conv", 19},
    {"dequantize_linear", 21}, /* blocks */
    {"grid_sample", 20},       /* inputs other than images */
    {"pad", 19},               /* mode wrap */
    {"quantize_linear", 21},   /* blocks */
    {"resize", 18},            /* antialias, symmetric, aspect ratio */
    {"roi_align", 16},         /* half-pixel coordinates */
    {"scatter_elements", 18},  /* maxima */
    {"scatter_nd", 18},
    {"trilu", 14},
    {NULL, 0},
};

static int first_opset(const char *op)
{
    int opset = 13;
    for (size_t i = 0; younger[i].op != NULL; i++) {
        opset = strcmp(younger[i].op, op) == 0 ? younger[i].opset : opset;
    }
    return opset;
}

/* Makes an empty file below $TMPDIR or /tmp. */
static void make_file(char path[400])
{
    const char *top = getenv("TMPDIR");
    snprintf(path, 400, "%s/fovea-onnx-XXXXXX", top != NULL ? top : "/tmp");
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    close(handle);
}

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

static void compare(const struct job *job, int output, fov_dtype dtype, const double *got, const double *expected,
                    size_t count)
{
    double bound = dtype == FOV_F16 ? 0x1p-11 : 1e-6; /* ONNX stores attributes in single precision */
    size_t i = first_not_near(got, expected, count, (struct near_bound){.relative = bound, .share = bound});
    if (i < count) {
        fail_msg("%s/%s, output %d, element %zu of %zu: %.9g, before it was written %.9g", job->op->name,
                 job->test->name, output, i, count, got[i], expected[i]);
    }
}

static void comes_back(void **state)
{
    const struct job *job = *state;
    struct harness h;
    struct evaluation expected, result;
    fov_value inputs[10];
    int inputs_used = 0, given_by[10], ids[8];
    char path[400];
    make_file(path);
    harness_open(&h, job->op, job->test, "reference", HARNESS_REAL, SEED);
    for (int i = 0; i < h.in_count; i++) {
        if (h.in[i].id != 0 && !h.known[i]) {
            given_by[inputs_used] = i;
            inputs[inputs_used++] = h.in[i];
        }
    }
    int outputs = 0;
    for (int i = 0; i < h.out_count; i++) { /* optional outputs are often saved for the gradient, unknown to ONNX */
        if (!op_port_at(h.op->out, h.port[i])->optional) {
            h.out[outputs] = h.out[i];
            ids[outputs++] = h.out[i].id;
        }
    }
    h.out_count = outputs;
    struct onnx_exported what = {
        .inputs = inputs, .outputs = h.out, .input_count = inputs_used, .output_count = h.out_count, .name = "case",
        .opset = job->opset};
    if (onnx_export(h.graph, &what, path, NULL) != FOV_OK) {
        if (fov_error_status(h.context) != FOV_E_UNSUPPORTED || strlen(fov_error(h.context)) < 10) {
            fail_msg("%s/%s: %s", job->op->name, job->test->name, fov_error(h.context));
        }
        bool may = job->op->family == OP_GRADIENT || job->op->family == OP_OPTIMISER;
        if (!may && (job->opset == 0 || job->opset >= first_opset(job->op->name))) {
            fail_msg("%s/%s, opset %d: %s", job->op->name, job->test->name, job->opset, fov_error(h.context));
        }
        refused++;
        harness_close(&h);
        unlink(path);
        return;
    }
    const double **given = calloc(h.graph->value_count, sizeof *given);
    harness_given(&h, given);
    bool training = job->test->training;
    assert_int_equal(graph_evaluate(h.graph, ids, h.out_count, 1, training, 0, given, &expected), FOV_OK);
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
        fov_dtype dtype = fov_value_dtype(h.graph, h.out[i]);
        /* 16-bit floats are float32 once they are read */
        assert_int_equal(fov_value_dtype(graph, imported.outputs[i]), dtype == FOV_F16 ? FOV_F32 : dtype);
    }
    if (graph_evaluate(graph, back, h.out_count, 1, training, 0, given, &result) != FOV_OK) {
        fail_msg("%s/%s, read back: %s", job->op->name, job->test->name, fov_error(h.context));
    }
    for (int i = 0; i < h.out_count; i++) {
        const fov_shape *shape = &expected.shapes[ids[i]];
        if (!shape_equal(shape, &result.shapes[back[i]])) {
            fail_msg("%s/%s: output %d has another shape", job->op->name, job->test->name, i);
        }
        compare(job, i, fov_value_dtype(h.graph, h.out[i]), result.data[back[i]], expected.data[ids[i]],
                shape_span(shape, 0, shape->rank));
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

/* A model whose batch is open, so that the exported file must not contain its size: a convolution with computed
 * weights, adaptive poolings whose windows differ in size. */
static void open_batches_come_back(void **state)
{
    (void)state;
    enum { SAMPLES = 3, PIXELS = SAMPLES * 4 * 7 * 5 };
    fov_context *context = fov_context_create(NULL);
    fov_graph *graph = fov_graph_create(context), *back = fov_graph_create(context);
    fov_value x = fov_input(graph, .shape = FOV_SHAPE(FOV_BATCH, 4, 7, 5));
    fov_value weight = fov_reshape(graph, x, (fov_shape)FOV_SHAPE(FOV_BATCH, 140));
    weight = fov_reshape(graph, fov_slice(graph, weight, 1, 0, 108, 1), (fov_shape)FOV_SHAPE(FOV_BATCH, 6, 2, 3, 3));
    fov_value outputs[] = {
        fov_dynamic_conv2d(graph, x, weight, .groups = 2, .stride = 2, .pads = {1, 0, 2, 1}),
        fov_adaptive_avg_pool2d(graph, x, 3, 4),
        fov_adaptive_max_pool2d(graph, x, 2, 3),
    };
    enum { OUTPUTS = sizeof outputs / sizeof outputs[0] };
    struct onnx_exported what = {
        .inputs = &x, .outputs = outputs, .input_count = 1, .output_count = OUTPUTS, .name = "open"};
    char path[400];
    make_file(path);
    if (onnx_export(graph, &what, path, NULL) != FOV_OK) {
        fail_msg("%s", fov_error(context));
    }
    size_t size;
    char *bytes = read_file(path, &size);
    unlink(path);
    struct onnx_imported imported;
    if (onnx_import(back, "open.onnx", NULL, (const uint8_t *)bytes, size, &imported) != FOV_OK) {
        fail_msg("%s", fov_error(context));
    }
    double pixels[PIXELS];
    for (size_t i = 0; i < PIXELS; i++) {
        pixels[i] = sin((double)(i * i % 1009)); /* numbers that are all different */
    }
    struct evaluation expected, result;
    const double **given = calloc(graph->value_count, sizeof *given),
                 **other = calloc(back->value_count, sizeof *other);
    int ids[OUTPUTS], others[OUTPUTS];
    for (int i = 0; i < OUTPUTS; i++) {
        ids[i] = outputs[i].id;
        others[i] = imported.outputs[i].id;
    }
    given[x.id] = other[imported.inputs[0].id] = pixels;
    assert_int_equal(graph_evaluate(graph, ids, OUTPUTS, SAMPLES, false, 0, given, &expected), FOV_OK);
    assert_int_equal(graph_evaluate(back, others, OUTPUTS, SAMPLES, false, 0, other, &result), FOV_OK);
    static const struct op_case open = {.name = "open"};
    const struct job job = {op_find("dynamic_conv"), &open, 0};
    for (int i = 0; i < OUTPUTS; i++) {
        const fov_shape *shape = &expected.shapes[ids[i]];
        assert_true(shape_equal(shape, &result.shapes[others[i]]));
        compare(&job, i, FOV_F32, result.data[others[i]], expected.data[ids[i]],
                shape_span(shape, 0, shape->rank));
    }
    free(given);
    free(other);
    free(bytes);
    graph_evaluate_free(back, &result);
    graph_evaluate_free(graph, &expected);
    onnx_imported_free(&imported);
    fov_graph_free(back);
    fov_graph_free(graph);
    fov_context_free(context);
}

/* Every operator that a model may contain can be saved. sim_ota and yolox_loss occur in training only. */
static void every_operator_has_a_spelling(void **state)
{
    (void)state;
    for (size_t i = 0; i < op_table_count; i++) {
        bool may = op_table[i]->family == OP_GRADIENT || op_table[i]->family == OP_OPTIMISER ||
                   op_table[i]->substitute != NULL; /* only plans create these */
        may = may || strcmp(op_table[i]->name, "sim_ota") == 0 || strcmp(op_table[i]->name, "yolox_loss") == 0;
        if (op_table[i]->onnx == NULL && !may) {
            fail_msg("%s cannot be written as ONNX", op_table[i]->name);
        }
    }
}

static void most_were_written(void **state)
{
    (void)state;
    if (written < 40 * refused) {
        fail_msg("%d cases came back, %d were refused", written, refused);
    }
}

int main(int argc, char **argv)
{
    enum { MOST = 6000 };
    static const int opsets[] = {0, 13, 22};
    static struct CMUnitTest tests[MOST];
    static struct job jobs[MOST];
    static char names[MOST][160];
    size_t count = 0;
    for (size_t i = 0; i < op_table_count; i++) {
        const struct op *op = op_table[i];
        for (const struct op_case *test = op->cases; test->name != NULL; test++) {
            /* How many rows NonMaxSuppression returns depends on data: a file cannot be read beyond such a node. */
            bool is_read = strcmp(op->name, "suppressed_boxes") != 0;
            if (op->onnx == NULL || !is_read || (argc > 1 && strcmp(argv[1], op->name) != 0) ||
                (test->training && !op->random)) {
                continue;
            }
            for (size_t k = 0; k < sizeof opsets / sizeof opsets[0]; k++) {
                if (count == MOST - 3) {
                    fprintf(stderr, "more than %d cases: raise MOST\n", MOST - 3);
                    return 1;
                }
                jobs[count] = (struct job){op, test, opsets[k]};
                snprintf(names[count], sizeof names[count], "%s/%s, opset %d", op->name, test->name, opsets[k]);
                tests[count] =
                    (struct CMUnitTest){.name = names[count], .test_func = comes_back, .initial_state = &jobs[count]};
                count++;
            }
        }
    }
    tests[count++] = (struct CMUnitTest){.name = "open batches come back", .test_func = open_batches_come_back};
    tests[count++] =
        (struct CMUnitTest){.name = "every operator has a spelling", .test_func = every_operator_has_a_spelling};
    tests[count++] = (struct CMUnitTest){.name = "most were written", .test_func = most_were_written};
    return _cmocka_run_group_tests("operators through ONNX", tests, count, NULL, NULL);
}
