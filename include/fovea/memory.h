/* SPDX-License-Identifier: MIT */
/* Files that are no files: models, weights, pictures and archives as bytes in a program's memory, from a network, a
 * database or a resource linked into the program. What is in them is what the files would hold, and is checked as they
 * are. Pictures as pixels need nothing from here (fov_image), nor do datasets of arrays or functions
 * (fov_dataset_create). */
#ifndef FOVEA_MEMORY_H
#define FOVEA_MEMORY_H

#include <fovea/dataset.h>
#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes that a call has made. */
typedef struct fov_buffer {
    void  *bytes;
    size_t size;
    void  *owner; /**< internal */
} fov_buffer;
FOV_API void fov_buffer_free(fov_buffer *buffer); /**< accepts a zeroed one; before the context */

/** fov_model_load of `size` bytes, which are copied as far as they are needed: free them when you like. A model whose
 *  weights lie in other files is refused (E_INPUT). */
FOV_API fov_model *fov_model_load_memory(fov_context *context, const void *bytes, size_t size);
/** fov_model_save_opset into a buffer; `opset` 0: as fov_model_save. The buffer is freed by the caller, and empty after a
 *  failure. */
FOV_API FOV_MUST_CHECK int fov_model_save_memory(fov_model *model, int opset, fov_buffer *buffer);
/** fov_model_load_weights and fov_model_save_weights, the same way. */
FOV_API FOV_MUST_CHECK int fov_model_load_weights_memory(fov_model *model, const void *bytes, size_t size);
FOV_API FOV_MUST_CHECK int fov_model_save_weights_memory(fov_model *model, fov_buffer *buffer);
/** fov_parameters_load and fov_parameters_save (loop.h), the same way: a loop with its optimiser. */
FOV_API FOV_MUST_CHECK int fov_parameters_load_memory(fov_graph *graph, const void *bytes, size_t size);
FOV_API FOV_MUST_CHECK int fov_parameters_save_memory(fov_graph *graph, fov_buffer *buffer);

/** fov_model_draw as the text of an SVG. */
FOV_API FOV_MUST_CHECK int fov_model_draw_memory(fov_model *model, const fov_shape *input, fov_buffer *svg);

/** fov_image_load of a picture's bytes: PNG, JPEG, WebP, GIF, BMP. */
FOV_API FOV_MUST_CHECK int fov_image_decode(fov_context *context, const void *bytes, size_t size, int channels,
                                            fov_image *image);

/** A file of an archive; what it points to lives as long as the call that shows it. */
typedef struct fov_archived {
    const char *name; /**< "photos/cat.jpg" */
    const void *bytes; /**< NULL: it cannot be read */
    size_t      size;
    const char *problem; /**< why not; NULL: it can */
} fov_archived;
/** Whether bytes begin as a .zip or a .tar does. */
FOV_API bool fov_archive_is(const void *bytes, size_t size);
/** Calls `take` for each file of a .zip or a plain .tar, in the archive's order; of folders, links and names that lead
 *  out of the archive nothing is said. A file of more than `most` bytes cannot be read. Ends early, with FOV_OK, where
 *  `take` answers something else than 0. E_INPUT: it is no archive, or damaged; E_UNSUPPORTED: a .tar, in a build
 *  without libarchive. */
FOV_API FOV_MUST_CHECK int fov_archive_each(fov_context *context, const void *bytes, size_t size, size_t most,
                                            int (*take)(void *user, const fov_archived *file), void *user);

#ifdef __cplusplus
}
#endif
#endif
