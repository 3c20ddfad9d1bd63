/* SPDX-License-Identifier: MIT */
/* The operators of a conformance case, and whether the case needs something that fovea leaves out by design and is
 * therefore skipped. Only facts of the file decide: an element type that occurs, an operator that draws random numbers.
 * An operator that is merely missing is a failure, not a skip. */
#include "model/conformance.h"
#include <stdlib.h>
#include <string.h>

/* ---- operators --------------------------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void case_list_operators(struct case_run *run)
{
    const struct onnx_model *model = run->model;
    const char             **names = arena_take(&run->arena, model->graph.node_count + 1, sizeof *names);
    if (names == NULL) {
        return;
    }
    for (size_t i = 0; i < model->graph.node_count; i++) {
        names[i] = model->graph.nodes[i].type;
    }
    qsort(names, model->graph.node_count, sizeof *names, compare_names);
    for (size_t i = 0; i < model->graph.node_count; i++) {
        bool repeats = i > 0 && strcmp(names[i], names[i - 1]) == 0;
        bool aside = strcmp(names[i], "Constant") == 0 && strcmp(names[0], names[model->graph.node_count - 1]) != 0;
        if (!repeats && !aside) {
            text_add(&run->operators, "%s%s", run->operators.length > 0 ? "+" : "", names[i]);
        }
    }
}

/* ---- element types ----------------------------------------------------------------------------------------------- */

/** Element types that fovea does not have. BFLOAT16 counts as one of them: the published cases store its elements as
 *  UINT16, so that the results cannot be compared. */
static bool is_left_out(int64_t type)
{
    return type == ONNX_BFLOAT16 || type < 0 || type > INT32_MAX || onnx_type_dtype((int32_t)type) == FOV_DTYPE_COUNT;
}

static bool skip_type(struct case_run *run, int64_t type, const char *what, const char *name)
{
    char escaped[ONNX_NAME_TEXT];
    if (!is_left_out(type)) {
        return false;
    }
    text_escape(escaped, sizeof escaped, name);
    if (strcmp(onnx_type_name((int32_t)type), onnx_type_name(ONNX_UNDEFINED)) == 0) {
        text_add(&run->reason, "needs elements of a type with number %lld (%s \"%s\")", (long long)type, what, escaped);
    } else {
        text_add(&run->reason, "needs elements of type %s (%s \"%s\")", onnx_type_name((int32_t)type), what, escaped);
    }
    return true;
}

static bool skip_port(struct case_run *run, const struct onnx_port *port, const char *what)
{
    char escaped[ONNX_NAME_TEXT];
    if (port->other != NULL) {
        text_add(&run->reason, "needs %s (%s \"%s\")", port->other, what,
                 text_escape(escaped, sizeof escaped, port->name));
        return true;
    }
    return skip_type(run, port->type, what, port->name);
}

static bool skip_node_types(struct case_run *run, const struct onnx_node *node)
{
    if (strstr(node->type, "Sequence") != NULL && strcmp(node->type, "ReverseSequence") != 0) {
        text_add(&run->reason, "needs a sequence (%s)", node->type);
        return true;
    }
    if (strncmp(node->type, "Optional", strlen("Optional")) == 0) {
        text_add(&run->reason, "needs an optional value (%s)", node->type);
        return true;
    }
    for (size_t i = 0; i < node->attribute_count; i++) {
        const struct onnx_attribute *attribute = &node->attributes[i];
        bool                         names_type = strcmp(attribute->name, "to") == 0 ||
                          strcmp(attribute->name, "dtype") == 0 || strcmp(attribute->name, "output_dtype") == 0;
        /* In opset 1 the type of Cast is a string, which the importer checks. 0: not stated. */
        if (names_type && attribute->has_integer && attribute->integer != 0 &&
            skip_type(run, attribute->integer, "made by", node->type)) {
            return true;
        }
        if (attribute->tensor != NULL && skip_type(run, attribute->tensor->type, "in", node->type)) {
            return true;
        }
    }
    return false;
}

bool case_skips_types(struct case_run *run)
{
    const struct onnx_model *model = run->model;
    for (size_t i = 0; i < model->graph.input_count; i++) {
        if (skip_port(run, &model->graph.inputs[i], "input")) {
            return true;
        }
    }
    for (size_t i = 0; i < model->graph.output_count; i++) {
        if (skip_port(run, &model->graph.outputs[i], "output")) {
            return true;
        }
    }
    for (size_t i = 0; i < model->graph.initializer_count; i++) {
        if (skip_type(run, model->graph.initializers[i].type, "initializer", model->graph.initializers[i].name)) {
            return true;
        }
    }
    for (size_t i = 0; i < model->graph.node_count; i++) {
        if (skip_node_types(run, &model->graph.nodes[i])) {
            return true;
        }
    }
    return false;
}

/* ---- random numbers ---------------------------------------------------------------------------------------------- */

/** The first element of the tensor with this name, from the file or the data set; false: there is none. */
static bool find_number(struct case_run *run, const char *name, double *number)
{
    const struct onnx_model  *model = run->model;
    const struct onnx_tensor *found = NULL;
    int                       place = 0;
    for (size_t i = 0; i < model->graph.initializer_count; i++) {
        found = strcmp(model->graph.initializers[i].name, name) == 0 ? &model->graph.initializers[i] : found;
    }
    for (size_t i = 0; found == NULL && i < model->graph.node_count; i++) {
        const struct onnx_node *node = &model->graph.nodes[i];
        bool makes = strcmp(node->type, "Constant") == 0 && node->out.count == 1 && strcmp(node->out.at[0], name) == 0;
        found = makes && node->attribute_count == 1 ? node->attributes[0].tensor : NULL;
    }
    if (found != NULL) {
        return case_first_element(run, found, number);
    }
    for (size_t i = 0; i < model->graph.input_count && place < run->in_count; i++, place++) {
        if (strcmp(model->graph.inputs[i].name, name) == 0) {
            return case_element(&run->in[place], number);
        }
    }
    return false;
}

static bool drops(struct case_run *run, const struct onnx_node *node)
{
    double training = 0, ratio = 0.5;
    if (strcmp(node->type, "Dropout") != 0) {
        return false;
    }
    for (size_t i = 0; i < node->attribute_count; i++) {
        const struct onnx_attribute *attribute = &node->attributes[i];
        if (strcmp(attribute->name, "is_test") == 0) { /* before opset 7 */
            training = attribute->integer == 0;
        }
        if (strcmp(attribute->name, "ratio") == 0) {
            ratio = (double)attribute->number;
        }
    }
    if (node->in.count > 2) {
        find_number(run, node->in.at[2], &training);
    }
    if (node->in.count > 1) {
        find_number(run, node->in.at[1], &ratio);
    }
    return training != 0 && ratio != 0;
}

bool case_skips_random(struct case_run *run)
{
    static const char *const random[] = {"RandomNormal",      "RandomNormalLike", "RandomUniform",
                                         "RandomUniformLike", "Multinomial",      "Bernoulli"};
    for (size_t i = 0; i < run->model->graph.node_count; i++) {
        const struct onnx_node *node = &run->model->graph.nodes[i];
        bool                    is_random = drops(run, node);
        for (size_t k = 0; k < sizeof random / sizeof random[0]; k++) {
            is_random = is_random || strcmp(node->type, random[k]) == 0;
        }
        if (is_random) {
            text_add(&run->reason, "expects the numbers of another random generator (%s%s)", node->type,
                     strcmp(node->type, "Dropout") == 0 ? " in training" : "");
            return true;
        }
    }
    return false;
}

const char *case_fault(const char *directory)
{
    static const char saturates[] =
        "contradicts the standard: -235.7 is saturated to -128 in i8, the result has it wrapped "
        "around to 20";
    static const struct {
        const char *name, *fault;
    } faults[] = {
        {"test_adam_multiple",
         "contradicts the standard: its results are for epsilon 0.01, its model leaves epsilon at "
         "1e-6 (onnx issue 7749; the corrected case is not skipped)"},
        {"test_qlinearmatmul_2D_int8_float32", saturates},
        {"test_qlinearmatmul_3D_int8_float32", saturates},
        {"test_l2normalization_axis_0",
         "contradicts the standard: a line of zeros is said to stay zero, the result has "
         "NaN for it"},
    };
    const char *last = directory != NULL ? strrchr(directory, '/') : NULL;
    const char *name = last != NULL ? last + 1 : directory;
    for (size_t i = 0; name != NULL && i < sizeof faults / sizeof faults[0]; i++) {
        if (strcmp(name, faults[i].name) == 0) {
            return faults[i].fault;
        }
    }
    return NULL;
}
