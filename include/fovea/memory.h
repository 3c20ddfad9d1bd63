/* SPDX-License-Identifier: MIT */
/* Models, weights, pictures and archives as bytes in memory instead of files: from a network, a database or a resource
 * linked into the program. The bytes have the format of the files and pass the same checks. Decoded pictures do not
 * need this header (fov_image), nor do datasets of arrays or functions (fov_dataset_create). */
#ifndef FOVEA_MEMORY_H
#define FOVEA_MEMORY_H

#include <fovea/dataset.h>
#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes that a call has written; free them with fov_buffer_free. */
typedef struct fov_buffer {
    void  *bytes;
    size_t size;
    void  *owner; /**< internal */
} fov_buffer;
FOV_API void fov_buffer_free(fov_buffer *buffer); /**< accepts a zeroed buffer; call it before freeing the context */

/** fov_model_load from `size` bytes in memory. What is needed of them is copied: the caller may free them after the
 *  call. A model whose weights are in other files is refused (E_INPUT). */
FOV_API fov_model *fov_model_load_memory(fov_context *context, const void *bytes, size_t size);
/** fov_model_save_opset into a buffer; `opset` 0: as fov_model_save. The caller frees the buffer; it is empty after a
 *  failure. */
FOV_API FOV_MUST_CHECK int fov_model_save_memory(fov_model *model, int opset, fov_buffer *buffer);
/** fov_model_load_weights from bytes, and fov_model_save_weights into a buffer. */
FOV_API FOV_MUST_CHECK int fov_model_load_weights_memory(fov_model *model, const void *bytes, size_t size);
FOV_API FOV_MUST_CHECK int fov_model_save_weights_memory(fov_model *model, fov_buffer *buffer);
/** fov_parameters_load and fov_parameters_save (loop.h) from bytes and into a buffer: all parameters of a graph,
 *  optimiser state included. */
FOV_API FOV_MUST_CHECK int fov_parameters_load_memory(fov_graph *graph, const void *bytes, size_t size);
FOV_API FOV_MUST_CHECK int fov_parameters_save_memory(fov_graph *graph, fov_buffer *buffer);

/** fov_model_draw as the text of an SVG. */
FOV_API FOV_MUST_CHECK int fov_model_draw_memory(fov_model *model, const fov_shape *input, fov_buffer *svg);

/** fov_image_load from the bytes of an encoded picture: PNG, JPEG, WebP, GIF, BMP. */
FOV_API FOV_MUST_CHECK int fov_image_decode(fov_context *context, const void *bytes, size_t size, int channels,
                                            fov_image *image);

/** One file of an archive. Its pointers are valid during the call of `take` that receives it. */
typedef struct fov_archived {
    const char *name; /**< "photos/cat.jpg" */
    const void *bytes; /**< NULL: the file cannot be read */
    size_t      size;
    const char *problem; /**< why the file cannot be read; NULL: it was read */
} fov_archived;
/** Whether the bytes begin like a .zip or a .tar file. */
FOV_API bool fov_archive_is(const void *bytes, size_t size);
/** Calls `take` for each file of a .zip or a plain .tar, in the archive's order. Folders, links and names that lead out
 *  of the archive are skipped silently. A file of more than `most` bytes counts as unreadable. Ends early, with FOV_OK,
 *  when `take` returns anything but 0. E_INPUT: the bytes are no archive, or it is damaged; E_UNSUPPORTED: a .tar, in a
 *  build without libarchive. */
FOV_API FOV_MUST_CHECK int fov_archive_each(fov_context *context, const void *bytes, size_t size, size_t most,
                                            int (*take)(void *user, const fov_archived *file), void *user);

#ifdef __cplusplus
}
#endif
#endif
