/* SPDX-License-Identifier: MIT */
/* Does fovea mean what ONNX means? A conformance case is a folder as the ONNX project publishes them: model.onnx beside
 * folders test_data_set_0, test_data_set_1... that hold the tensors input_0.pb, input_1.pb... and the outputs they must
 * give, output_0.pb... A case is read, compiled and run as any model is, and its outputs are compared. */
#ifndef FOVEA_CONFORMANCE_H
#define FOVEA_CONFORMANCE_H

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fov_case_outcome {
    FOV_CASE_PASSED = 0,
    FOV_CASE_FAILED, /**< an output differs, or the model cannot be read or run */
    FOV_CASE_SKIPPED /**< it needs element types that fovea does not compute with, or a particular random generator */
} fov_case_outcome;

/** What became of one case. Texts are valid during the call that hands it over. */
typedef struct fov_case {
    const char      *path;      /**< of the folder; of the model, where there is no folder of its own */
    /** the distinct ONNX operators, sorted: "Add", or "Add+Cast+Div"; Constant counts alone only */
    const char      *operators;
    fov_case_outcome outcome;
    const char      *reason;    /**< why it failed or was skipped, a sentence; "" when it passed */
    int              data_sets; /**< compared */
    int              steps;     /**< of the plan that ran: 0 where everything followed from constants */
    /** inputs that decide shapes (of a Reshape, of a NonZero), so that a plan has them as constants */
    int constant_inputs;
    double seconds;
} fov_case;

/** A zero field means the default named beside it. */
typedef struct fov_conformance_options {
    double absolute; /**< 1e-7. An element y passes where |y - expected| <= absolute + relative |expected|; */
    double relative; /**< 1e-3  infinities and NaN must be the same, integers and booleans equal */
    /** NULL; a path for a file that may be overwritten: each model is then written there as fovea writes ONNX, and
     *  what is run is that file, read back. So writing is held to the same cases */
    const char *rewrite;
    int opset;           /**< of that file: 13 to 22; 0 as fov_model_save chooses */
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
