/* SPDX-License-Identifier: MIT */
/* Every operator's descriptor is complete and well formed, as docs, files, ONNX and generated tests require. Also the
 * functions of op.c that read descriptors: lookup, ports, defaults, checks. test_operators.c tests whether operators
 * compute what they say. */
#include "harness.h"

#include "op/op.h"

#include "op/onnx.h"
#include "tensor/shape.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define EXPECT(op, condition, ...)                                                                                     \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            print_error("%s: ", (op)->name);                                                                           \
            print_error(__VA_ARGS__);                                                                                  \
            fail();                                                                                                    \
        }                                                                                                              \
    } while (0)

static bool is_word(const char *text)
{
    if (text == NULL || !(text[0] >= 'a' && text[0] <= 'z')) {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (!((*text >= 'a' && *text <= 'z') || (*text >= '0' && *text <= '9') || *text == '_')) {
            return false;
        }
    }
    return true;
}

static void names_are_unique_and_sorted(void **state)
{
    (void)state;
    assert_true(op_table_count >= 25);
    for (size_t i = 0; i < op_table_count; i++) {
        EXPECT(op_table[i], is_word(op_table[i]->name), "a name is lower case letters, digits and underscores\n");
        if (i > 0) {
            EXPECT(op_table[i], strcmp(op_table[i - 1]->name, op_table[i]->name) < 0, "not after %s\n",
                   op_table[i - 1]->name);
        }
    }
}

static void find_knows_every_name_and_no_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < op_table_count; i++) {
        char longer[80];
        assert_ptr_equal(op_find(op_table[i]->name), op_table[i]);
        snprintf(longer, sizeof longer, "%sx", op_table[i]->name);
        assert_null(op_find(longer));
    }
    assert_null(op_find(""));
    assert_null(op_find("zzz"));
    assert_null(op_find(NULL));
}

static void words_are_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < op_table_count; i++) {
        const struct op *op = op_table[i];
        EXPECT(op, op->summary != NULL && strlen(op->summary) > 8, "no summary\n");
        EXPECT(op, op->summary[strlen(op->summary) - 1] == '.', "the summary is one sentence, ended by a stop\n");
        EXPECT(op, op->formula != NULL && strlen(op->formula) >= 5, "no formula\n");
        EXPECT(op, op->source == NULL || strlen(op->source) > 8, "a source names a paper\n");
        EXPECT(op, op->family >= OP_CONVOLUTION && op->family <= OP_GRADIENT, "no family\n");
    }
}

static void functions_are_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < op_table_count; i++) {
        const struct op *op = op_table[i];
        EXPECT(op, op->infer != NULL, "no shape rule\n");
        EXPECT(op, op->textbook != NULL, "no definition\n");
        EXPECT(op, op->gradient == NULL || !op->zero_gradient, "has a gradient and says that it is zero\n");
        /* Optimisers and operators of gradients need no gradient; all others have one, or say that it is zero. */
        if (op->family != OP_OPTIMISER && op->family != OP_GRADIENT) {
            EXPECT(op, op->gradient != NULL || op->zero_gradient, "no gradient\n");
        }
        if (op->cpu != NULL) {
            EXPECT(op, op->cpu->compile != NULL, "a CPU implementation without compile\n");
        }
        EXPECT(op, !op->view || (op->cpu != NULL && op->cpu->layout == OP_WANTS_PLAIN), "a view is plain\n");
        if (op->as_activation != NULL && op->options_size == 0) {
            float alpha = 1, beta = 1;
            enum unary function = op->as_activation(NULL, &alpha, &beta);
            EXPECT(op, (int)function >= 0 && function < UNARY_COUNT, "an activation without a kernel\n");
        }
    }
}

static void ports_are_well_formed(void **state)
{
    (void)state;
    for (size_t i = 0; i < op_table_count; i++) {
        const struct op *op = op_table[i];
        const struct op_port *const sides[] = {op->in, op->out};
        for (int side = 0; side < 2; side++) {
            const struct op_port *ports = sides[side];
            int count = op_port_count(ports);
            EXPECT(op, ports != NULL && count >= 1 && count <= OP_MAX_PORTS, "%d ports\n", count);
            for (int p = 0; p < count; p++) {
                EXPECT(op, is_word(ports[p].name), "port %d has no name\n", p);
                EXPECT(op, ports[p].shape != NULL && strlen(ports[p].shape) > 1, "port %s has no shape\n",
                       ports[p].name);
                EXPECT(op, !ports[p].variadic || (p == count - 1 && (side == 0 || op->out_count != NULL)),
                       "%s is variadic, not last\n",
                       ports[p].name);
                EXPECT(op, ports[p].updates >= 0 && ports[p].updates <= (side == 1 ? op_port_count(op->in) : 0),
                       "%s renews no input\n", ports[p].name);
                for (int q = 0; q < p; q++) {
                    EXPECT(op, strcmp(ports[p].name, ports[q].name) != 0, "two ports are named %s\n", ports[p].name);
                }
                assert_ptr_equal(op_port_at(ports, p), &ports[p]);
            }
            assert_null(op_port_at(ports, -1));
            assert_ptr_equal(op_port_at(ports, count), ports[count - 1].variadic ? &ports[count - 1] : NULL);
        }
        EXPECT(op, !op->in[0].optional && !op->out[0].optional, "the first port is optional\n");
    }
}

static size_t member_size(enum op_attribute_kind kind)
{
    switch (kind) {
    case OP_INTEGER:
        return sizeof(int64_t);
    case OP_NUMBER:
        return sizeof(double);
    case OP_FLAG:
        return sizeof(bool);
    case OP_LIST:
        return sizeof(struct op_list);
    case OP_CHOICE:
        return sizeof(int);
    }
    return SIZE_MAX / 2;
}

static void attributes_lie_inside_the_options(void **state)
{
    (void)state;
    for (size_t i = 0; i < op_table_count; i++) {
        const struct op *op = op_table[i];
        EXPECT(op, op->options_size <= OP_MAX_OPTIONS, "options of %zu bytes\n", op->options_size);
        EXPECT(op, (op->attributes != NULL) == (op->options_size > 0), "options and attributes go together\n");
        for (const struct op_attribute *a = op->attributes; a != NULL && a->name != NULL; a++) {
            EXPECT(op, is_word(a->name), "attribute \"%s\"\n", a->name);
            EXPECT(op, a->doc != NULL && strlen(a->doc) > 3, "%s has no doc\n", a->name);
            EXPECT(op, a->minimum <= a->maximum, "limits of %s\n", a->name);
            EXPECT(op, a->offset + member_size(a->kind) <= op->options_size, "%s lies outside the options\n", a->name);
            EXPECT(op, (a->kind == OP_CHOICE) == (a->choices != NULL), "choices of %s\n", a->name);
            for (const struct op_attribute *b = op->attributes; b != a; b++) {
                EXPECT(op, strcmp(a->name, b->name) != 0, "two attributes are named %s\n", a->name);
                EXPECT(op,
                       a->offset + member_size(a->kind) <= b->offset || b->offset + member_size(b->kind) <= a->offset,
                       "%s and %s overlap\n", a->name, b->name);
            }
        }
    }
}

static void defaults_pass_their_own_checks(void **state)
{
    (void)state;
    for (size_t i = 0; i < op_table_count; i++) {
        const struct op *op = op_table[i];
        _Alignas(16) unsigned char options[OP_MAX_OPTIONS];
        struct error error = {FOV_OK, ""};
        memset(options, 0xAA, sizeof options);
        op_options_default(op, options);
        EXPECT(op, op_options_check(op, options, &error) == FOV_OK, "its defaults fail: %s\n", error.text);
        for (size_t b = op->options_size; b < sizeof options; b++) {
            EXPECT(op, options[b] == 0xAA, "defaults were written past the options\n");
        }
    }
}

/* One step beyond each limit is refused with the option's name. */
static void options_beyond_their_limits_are_refused(void **state)
{
    (void)state;
    int tried = 0;
    for (size_t i = 0; i < op_table_count; i++) {
        const struct op *op = op_table[i];
        for (const struct op_attribute *a = op->attributes; a != NULL && a->name != NULL; a++) {
            _Alignas(16) unsigned char options[OP_MAX_OPTIONS];
            bool limited = a->minimum < a->maximum;
            for (int side = 0; side < 2; side++) {
                struct error error = {FOV_OK, ""};
                double outside = side == 0 ? a->minimum - fmax(1, fabs(a->minimum) * 1e-6)
                                           : a->maximum + fmax(1, a->maximum * 1e-6);
                op_options_default(op, options);
                if (a->kind == OP_INTEGER && limited && fabs(outside) < 1e15) {
                    int64_t value = (int64_t)outside;
                    memcpy(options + a->offset, &value, sizeof value);
                } else if (a->kind == OP_NUMBER) {
                    double value = limited ? outside : (double)NAN;
                    memcpy(options + a->offset, &value, sizeof value);
                } else if (a->kind == OP_LIST) {
                    struct op_list list = {.count = side == 0 ? -1 : 17};
                    if (limited && fabs(outside) < 1e15) {
                        list = (struct op_list){.count = 1, .at = {(int64_t)outside}};
                    }
                    memcpy(options + a->offset, &list, sizeof list);
                } else if (a->kind == OP_CHOICE) {
                    int value = side == 0 ? -1 : 1000000;
                    memcpy(options + a->offset, &value, sizeof value);
                } else {
                    continue;
                }
                EXPECT(op, op_options_check(op, options, &error) == FOV_E_USAGE, "%s is not checked\n", a->name);
                EXPECT(op, strstr(error.text, a->name) != NULL, "%s is not named: %s\n", a->name, error.text);
                tried++;
            }
        }
    }
    assert_true(tried > 20);
}

/* Gives values to the inputs whose values decide shapes: those that the case fills in, else zeros. */
static void know_values(const struct op *op, const struct op_case *test, const double *constants[10])
{
    static double values[10][1024];
    for (int p = 0; p < test->in_count; p++) {
        size_t count = 0;
        fov_shape shape = case_shape(test, p);
        constants[p] = NULL;
        if (shape.rank < 0 || !op_port_at(op->in, p)->values || !shape_count(&shape, &count)) {
            continue;
        }
        EXPECT(op, count <= 1024, "%s: input %d is too large to be known\n", test->name, p);
        memset(values[p], 0, sizeof values[p]);
        if (test->fill != NULL) {
            test->fill(p, values[p], count, (struct random_key){7, RANDOM_TEST, (uint64_t)p});
        }
        constants[p] = values[p];
    }
}

static bool case_names_differ(const struct op_case *cases)
{
    for (const struct op_case *a = cases; a->name != NULL; a++) {
        for (const struct op_case *b = cases; b != a; b++) {
            if (strcmp(a->name, b->name) == 0) {
                return false;
            }
        }
    }
    return true;
}

/* Each case's inputs are complete, and the shape rule gives results of known shape and valid type. */
static void cases_are_well_formed(void **state)
{
    (void)state;
    for (size_t i = 0; i < op_table_count; i++) {
        const struct op *op = op_table[i];
        EXPECT(op, op->cases != NULL && op->cases[0].name != NULL, "no cases\n");
        EXPECT(op, case_names_differ(op->cases), "two cases have one name\n");
        bool checks_gradient = false;
        for (const struct op_case *test = op->cases; test->name != NULL; test++) {
            struct op_tensor in[10], out[OP_MAX_PORTS];
            const double *constants[10] = {NULL};
            _Alignas(16) unsigned char options[OP_MAX_OPTIONS];
            struct error error = {FOV_OK, ""};
            int out_count = op_out_count(op, test->options, test->in_count), in_ports = op_port_count(op->in);
            EXPECT(op, test->in_count >= 1 && test->in_count <= 10, "%s: %d inputs\n", test->name, test->in_count);
            EXPECT(op, test->in_count <= in_ports || op->in[in_ports - 1].variadic, "%s: too many inputs\n",
                   test->name);
            for (int p = test->in_count; p < in_ports; p++) {
                EXPECT(op, op->in[p].optional, "%s: %s is missing\n", test->name, op->in[p].name);
            }
            for (int p = 0; p < test->in_count; p++) {
                size_t count;
                in[p] = (struct op_tensor){.dtype = case_dtype(test, p), .shape = case_shape(test, p)};
                if (in[p].shape.rank >= 0) {
                    EXPECT(op, shape_count(&in[p].shape, &count), "%s: input %d is not known\n", test->name, p);
                } else {
                    EXPECT(op, op_port_at(op->in, p)->optional, "%s: input %d is not optional\n", test->name, p);
                }
            }
            for (int p = 0; p < out_count; p++) {
                out[p] = in[0];
            }
            know_values(op, test, constants);
            op_options_default(op, options);
            if (test->options != NULL) {
                memcpy(options, test->options, op->options_size);
            }
            EXPECT(op, op_options_check(op, options, &error) == FOV_OK, "%s: %s\n", test->name, error.text);
            struct op_infer infer = {.op = op, .options = options, .in = in, .in_count = test->in_count,
                                     .in_constant = constants,
                                     .out = out, .out_count = out_count, .error = &error};
            EXPECT(op, op->infer(&infer) == FOV_OK, "%s: %s\n", test->name, error.text);
            for (int p = 0; p < out_count; p++) {
                size_t count;
                if (out[p].shape.rank < 0 && op_port_at(op->out, p)->optional) {
                    continue; /* this case has no such output */
                }
                EXPECT(op, shape_count(&out[p].shape, &count), "%s: output %d is not known\n", test->name, p);
                EXPECT(op, (int)out[p].dtype >= 0 && out[p].dtype < FOV_DTYPE_COUNT, "%s: output %d\n", test->name, p);
            }
            checks_gradient = checks_gradient || !test->no_gradient;
        }
        EXPECT(op, op->gradient == NULL || checks_gradient, "no case checks its gradient\n");
    }
}

/* A graph may leave the batch open. If the first dimension of all inputs of rank 2 and more is open, the shape rule
 * must answer or refuse with a sentence; it must not crash, nor give a negative size other than the open one. */
static void shape_rules_answer_for_an_open_batch(void **state)
{
    (void)state;
    int answered = 0;
    for (size_t i = 0; i < op_table_count; i++) {
        const struct op *op = op_table[i];
        for (const struct op_case *test = op->cases; test->name != NULL; test++) {
            struct op_tensor in[10], out[OP_MAX_PORTS];
            const double *constants[10] = {NULL};
            _Alignas(16) unsigned char options[OP_MAX_OPTIONS];
            struct error error = {FOV_OK, ""};
            int out_count = op_out_count(op, test->options, test->in_count);
            for (int p = 0; p < test->in_count; p++) {
                in[p] = (struct op_tensor){.dtype = case_dtype(test, p), .shape = case_shape(test, p)};
                if (in[p].shape.rank >= 2) {
                    in[p].shape.dim[0] = FOV_BATCH;
                }
            }
            for (int p = 0; p < out_count; p++) {
                out[p] = in[0];
            }
            know_values(op, test, constants);
            op_options_default(op, options);
            if (test->options != NULL) {
                memcpy(options, test->options, op->options_size);
            }
            struct op_infer infer = {.op = op, .options = options, .in = in, .in_count = test->in_count,
                                     .in_constant = constants,
                                     .out = out, .out_count = out_count, .error = &error};
            int status = op->infer(&infer);
            EXPECT(op, status == (int)error.status, "%s: answers %d, says %d\n", test->name, status, (int)error.status);
            if (status != FOV_OK) {
                EXPECT(op, strlen(error.text) > 10, "%s: no sentence\n", test->name);
                continue;
            }
            answered++;
            for (int p = 0; p < out_count; p++) {
                for (int d = 0; d < out[p].shape.rank; d++) {
                    EXPECT(op, out[p].shape.dim[d] >= FOV_BATCH, "%s: a dimension of %lld\n", test->name,
                           (long long)out[p].shape.dim[d]);
                }
            }
        }
    }
    assert_true(answered > 50);
}

static void onnx_types_are_read_by_one_operator(void **state)
{
    (void)state;
    for (size_t i = 0; i < op_table_count; i++) {
        const struct op *op = op_table[i];
        if (op->onnx == NULL) {
            continue;
        }
        EXPECT(op, op->onnx->type != NULL && op->onnx->type[0] >= 'A' && op->onnx->type[0] <= 'Z', "no ONNX name\n");
        EXPECT(op, op->onnx->since >= 1 && op->onnx->since < 100, "since opset %d\n", op->onnx->since);
        for (size_t j = 0; j < i; j++) {
            /* Two operators may share an ONNX type (a product and its gradients) if one function reads it. */
            const struct op_onnx *other = op_table[j]->onnx;
            EXPECT(op, other == NULL || strcmp(other->type, op->onnx->type) != 0 ||
                       (other->import != NULL && other->import == op->onnx->import),
                   "%s is spelled the same\n", op_table[j]->name);
        }
    }
}

static void lists_give_what_they_hold_and_fall_back(void **state)
{
    (void)state;
    struct op_list list = {.count = 2, .at = {5, -7}};
    assert_int_equal(op_list_get(&list, 0, 9), 5);
    assert_int_equal(op_list_get(&list, 1, 9), -7);
    assert_int_equal(op_list_get(&list, 2, 9), 9);
    assert_int_equal(op_list_get(&list, -1, 9), 9);
    assert_int_equal(op_list_get(NULL, 0, 9), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique_and_sorted),
        cmocka_unit_test(find_knows_every_name_and_no_other),
        cmocka_unit_test(words_are_there),
        cmocka_unit_test(functions_are_there),
        cmocka_unit_test(ports_are_well_formed),
        cmocka_unit_test(attributes_lie_inside_the_options),
        cmocka_unit_test(defaults_pass_their_own_checks),
        cmocka_unit_test(options_beyond_their_limits_are_refused),
        cmocka_unit_test(cases_are_well_formed),
        cmocka_unit_test(shape_rules_answer_for_an_open_batch),
        cmocka_unit_test(onnx_types_are_read_by_one_operator),
        cmocka_unit_test(lists_give_what_they_hold_and_fall_back),
    };
    return cmocka_run_group_tests_name("descriptors", tests, NULL, NULL);
}
