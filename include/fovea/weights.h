/* SPDX-License-Identifier: MIT */
/* A file of weights as it is: its tensors and what is written beside them, whether or not a network fits. Loading them
 * into a network: model.h. */
#ifndef FOVEA_WEIGHTS_H
#define FOVEA_WEIGHTS_H

#include <fovea/context.h>
#include <fovea/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fov_weights fov_weights;

/** A tensor of the file. The texts are the handle's. */
typedef struct fov_weights_tensor {
    const char *name;
    const char *type;  /**< by safetensors' name: "F32", "BF16" */
    fov_shape   shape; /**< as in the file */
    int64_t     bytes;
} fov_weights_tensor;

/** Opens a file of any kind that fov_model_load_weights reads; a training checkpoint is one, too. NULL and a sentence:
 *  E_INPUT, E_UNSUPPORTED, E_IO. The caller frees it. */
FOV_API fov_weights *fov_weights_open(fov_context *context, const char *path);
FOV_API void fov_weights_free(fov_weights *weights);

FOV_API int64_t fov_weights_count(const fov_weights *weights); /**< tensors; 0 for NULL */
/** Zeros beyond the last. */
FOV_API fov_weights_tensor fov_weights_tensor_at(const fov_weights *weights, int64_t index);

FOV_API int64_t fov_weights_text_count(const fov_weights *weights); /**< entries of metadata; 0 for NULL */
FOV_API const char *fov_weights_text_key(const fov_weights *weights, int64_t index);   /**< NULL beyond the last */
FOV_API const char *fov_weights_text_value(const fov_weights *weights, int64_t index); /**< NULL beyond the last */

#ifdef __cplusplus
}
#endif

#endif
