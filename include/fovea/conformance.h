/* SPDX-License-Identifier: MIT */
/* Conformance to ONNX. A conformance case is a folder as the ONNX project publishes them: model.onnx beside folders
 * test_data_set_0, test_data_set_1... with the tensors input_0.pb, input_1.pb... and the expected outputs
 * output_0.pb... A case is loaded, compiled and run as any model is, and its outputs are compared. */
#ifndef FOVEA_CONFORMANCE_H
#define FOVEA_CONFORMANCE_H

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fov_case_outcome {
    FOV_CASE_PASSED = 0,
    FOV_CASE_FAILED, /**< an output differs, or the model cannot be read or run */
    FOV_CASE_SKIPPED /**< it needs an element type that fovea does not support, or a particular random generator */
} fov_case_outcome;

/** The result of one case. Texts are valid during the call of `seen` that receives it. */
typedef struct fov_case {
    const char      *path;      /**< of the case's folder; of the model file, where the case has no folder of its own */
    /** the distinct ONNX operators, sorted: "Add", or "Add+Cast+Div"; Constant is listed only where it is the only
     *  one */
    const char      *operators;
    fov_case_outcome outcome;
    const char      *reason;    /**< why it failed or was skipped, a sentence; "" when it passed */
    int              data_sets; /**< number of data sets compared */
    int              steps;     /**< of the plan that ran: 0 where all outputs followed from constants */
    /** number of inputs that decide shapes (of a Reshape, of a NonZero), which the plan therefore has as constants */
    int constant_inputs;
    double seconds;
} fov_case;

/** A zero field means the default named beside it. */
typedef struct fov_conformance_options {
    double absolute; /**< 1e-7. An element y passes where |y - expected| <= absolute + relative |expected|; */
    double relative; /**< 1e-3  infinities and NaN must be the same, integers and booleans equal */
    /** NULL; else a path for a file that may be overwritten: each model is saved there by fovea, loaded again and run,
     *  so that saving is tested by the same cases */
    const char *rewrite;
    int opset;           /**< opset of that file: 13 to 22; 0: as fov_model_save chooses */
    void (*seen)(void *user, const fov_case *result); /**< called after each case, in the order of their paths */
    void *user;
} fov_conformance_options;

typedef struct fov_conformance {
    int passed, failed, skipped;
} fov_conformance;

/** Runs every case in and below a folder: each folder that holds model.onnx, and each NAME.onnx that lies beside
 *  NAME_output_0.pb (its inputs are then (0, 1, 2...) / n, as ONNX's own runner makes them for such models).
 *  A failing case is a result, not an error. fails: there is no such folder, no case below it, or no memory. */
FOV_API FOV_MUST_CHECK int fov_conformance_run(fov_context *context, const char *directory,
                                               const fov_conformance_options *options, fov_conformance *total);

#ifdef __cplusplus
}
#endif
#endif
