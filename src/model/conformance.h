/* SPDX-License-Identifier: MIT */
/* Internals of the conformance runner: conformance.c finds cases, conformance_case.c runs one, conformance_facts.c
 * lists a model's operators and decides whether a case is skipped, conformance_tensor.c reads and compares tensors. */
#ifndef MODEL_CONFORMANCE_H
#define MODEL_CONFORMANCE_H

#include "base/text.h"
#include "io/onnx/message.h"
#include <fovea/conformance.h>

enum { CASE_PATH = 4096, CASE_TENSORS = 64 };

/** A tensor of a data set. */
struct case_tensor {
    fov_dtype dtype;
    fov_shape shape;
    size_t    count;
    void     *data; /**< dense, plain order; in the case's arena */
    double    rounding; /**< relative rounding error of elements stored as 16-bit floats; 0: stored exactly */
};

struct case_run {
    fov_context                   *context;
    const fov_conformance_options *options;
    const char                    *model_path;
    struct arena                   arena;
    struct onnx_model             *model;
    struct case_tensor             in[CASE_TENSORS], out[CASE_TENSORS];
    int                            in_count, out_count;
    struct text                    operators, reason;
    fov_case                       result;
};

/* conformance_case.c */
/** Runs one case and fills run->result, whose texts live until case_end. `directory` holds the data sets; NULL: the
 *  case is NAME.onnx beside NAME_output_0.pb, without input files. */
void case_run(struct case_run *run, fov_context *context, const fov_conformance_options *options,
              const char *model_path, const char *directory);
void case_end(struct case_run *run);

/* conformance_facts.c */
/** Writes the sorted names of the model's operators to run->operators. */
void case_list_operators(struct case_run *run);
/** True, with the reason in run->reason, when the model needs an element type that fovea does not compute with. */
bool case_skips_types(struct case_run *run);
/** True, with the reason, when the expected results depend on another library's random generator. Call it after the
 *  first data set has been read. */
bool case_skips_random(struct case_run *run);
/** Some published cases have wrong expected results: what is wrong with the case in this folder (by the folder's name),
 *  or NULL. Call it only after a case has failed, so that a corrected case still counts as passed. */
const char *case_fault(const char *directory);

/* conformance_tensor.c */
/** Reads one TensorProto file. 0, or the error on the context. */
int case_read_tensor(struct case_run *run, const char *path, struct case_tensor *tensor);
/** The first element as a number; false: the tensor is empty. */
bool case_element(const struct case_tensor *tensor, double *number);
/** The same for a tensor inside the model file. */
bool case_first_element(struct case_run *run, const struct onnx_tensor *tensor, double *number);
/** Whether output `index` equals the expected tensor within the tolerances; if not, run->reason says why. */
bool case_compare(struct case_run *run, int index, const char *name, const struct case_tensor *expected,
                  fov_dtype dtype, const fov_shape *shape, const void *data);

#endif
