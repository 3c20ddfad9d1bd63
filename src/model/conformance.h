/* SPDX-License-Identifier: MIT */
/* The conformance runner from inside: conformance.c finds cases, conformance_case.c runs one, conformance_facts.c says
 * what a model is made of and whether it can be run at all, conformance_tensor.c reads and compares tensors. */
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
    double    rounding; /**< relative, of elements that the file has with 16 bits; 0: they are as they were */
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
/** Runs one case and fills run->result; its texts live until case_end. `directory` NULL: a model beside its output. */
void case_run(struct case_run *run, fov_context *context, const fov_conformance_options *options,
              const char *model_path, const char *directory);
void case_end(struct case_run *run);

/* conformance_facts.c */
/** The operators' names into run->operators. */
void case_list_operators(struct case_run *run);
/** True, and the reason in run->reason, when the model needs an element type that fovea does not compute with. */
bool case_skips_types(struct case_run *run);
/** The same when it needs the numbers of another random generator; the first data set has been read. */
bool case_skips_random(struct case_run *run);
/** Published cases whose expected results are wrong, by name: the fault of the case in this folder, or NULL. Asked only
 *  after a case has failed, so that a corrected one counts as what it is. */
const char *case_fault(const char *directory);

/* conformance_tensor.c */
/** Reads one TensorProto file. 0, or the error on the context. */
int case_read_tensor(struct case_run *run, const char *path, struct case_tensor *tensor);
/** The first element as a number; false: it has none, or is no number. */
bool case_element(const struct case_tensor *tensor, double *number);
/** of one in the model */
bool case_first_element(struct case_run *run, const struct onnx_tensor *tensor, double *number);
/** Do two tensors agree? If not, why, in run->reason. */
bool case_compare(struct case_run *run, int index, const char *name, const struct case_tensor *expected,
                  fov_dtype dtype, const fov_shape *shape, const void *data);

#endif
