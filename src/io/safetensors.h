/* SPDX-License-Identifier: MIT */
/* safetensors: named tensors in one file, no code in it. 8 bytes header length (little-endian), a JSON header, then the
 * tensors' bytes. Reading is strict and copies no tensor; writing goes through base/file.h, so that the old file
 * survives any failure. Weights (model/save.c) and training checkpoints (train/checkpoint.c) are written with it. */
#ifndef IO_SAFETENSORS_H
#define IO_SAFETENSORS_H

#include "base/file.h"
#include "tensor/shape.h"

enum {
    SAFETENSORS_MAX_HEADER = 100000000, /**< bytes, the reference implementation's limit */
    SAFETENSORS_MAX_TENSORS = 100000,
    SAFETENSORS_MAX_DEPTH = 32,
    SAFETENSORS_ALIGNMENT = 64 /**< files that fovea writes start their data at a multiple of this */
};

struct safetensors_tensor {
    const char    *name;
    const char    *type;  /**< the format's name: "F32", "BF16" */
    fov_dtype      dtype; /**< FOV_DTYPE_COUNT: the type has no counterpart in fovea */
    fov_shape      shape;
    const uint8_t *data; /**< dense, plain order, not aligned: read it with memcpy */
    size_t         bytes;
    size_t         offset; /**< of `data` in the file, for messages */
};

struct safetensors_text {
    const char *key, *value;
};

struct safetensors {
    const char                *file;    /**< name for messages */
    struct safetensors_tensor *tensors; /**< in order of their data in the file */
    size_t                     count;
    struct safetensors_text   *metadata; /**< __metadata__, sorted by key */
    size_t                     metadata_count;
    /* internal */
    struct memory                    *memory;
    const struct safetensors_tensor **by_name;
    char                             *names;
    struct file_map                   map;
    bool                              mapped;
    struct safetensors               *shards; /**< opened from an index: the files it names; else NULL */
    size_t                            shard_count;
    char                             *name;  /**< opened from an index: the allocated string behind `file`, to free */
    uint8_t                          *block; /**< owned memory with the tensors' data; NULL: they lie in the file */
};

/** Opens a file and maps it; everything in `file` is valid until safetensors_close. */
int safetensors_open(struct safetensors *file, const char *path, struct memory *memory, struct error *error);
/** Opens "NAME.safetensors.index.json" and the files that it names, in the same folder, as if all tensors were in one
 *  file. E_INPUT where index and files do not agree in full. The result has no metadata; files with a seal are
 *  verified. */
int safetensors_open_index(struct safetensors *file, const char *path, struct memory *memory, struct error *error);
bool safetensors_is_index(const char *path); /**< by its suffix */
/** Like safetensors_open, for bytes in memory, which must outlive `file`; `name` is for messages. */
int safetensors_parse(struct safetensors *file, const char *name, const uint8_t *bytes, size_t size,
                      struct memory *memory, struct error *error);
/** Presents tensors that were read from a file of another kind as an open file: copies names and metadata, sorts the
 *  tensors, and refuses names that occur twice. `block`: memory that the tensors' data lie in; the file owns it from
 *  here on, after failures too. `block` NULL: the data must outlive the file. */
int safetensors_gather(struct safetensors *file, const char *name, const struct safetensors_tensor *tensors,
                       size_t count, const struct safetensors_text *metadata, size_t metadata_count, uint8_t *block,
                       struct memory *memory, struct error *error);
void safetensors_close(struct safetensors *file); /**< accepts a zeroed one */

const struct safetensors_tensor *safetensors_find(const struct safetensors *file, const char *name); /**< or NULL */
const char *safetensors_metadata(const struct safetensors *file, const char *key);                   /**< or NULL */

/** Copies out a tensor that must exist with this type and shape; E_INPUT names what differs. */
int safetensors_copy(const struct safetensors *file, const char *name, fov_dtype dtype, const fov_shape *shape,
                     void *data, struct error *error);
/** Converts F32, F16, BF16 or F64 elements to float: weights come in all of these. E_UNSUPPORTED for other types. */
int safetensors_to_float(const struct safetensors *file, const struct safetensors_tensor *tensor, float *data,
                         struct error *error);

/** A tensor to write; `data` is dense and in plain order and is only read while writing. */
struct safetensors_source {
    const char *name;
    fov_dtype   dtype;
    fov_shape   shape; /**< every dimension known */
    const void *data;
};

/** Writes the metadata, then the tensors in the order given. `sealed`: adds the metadata key "fovea.sha256", a SHA-256
 *  over all names, types, shapes, bytes and other metadata, which safetensors_verify compares. `system` NULL: the real
 *  file system. */
int safetensors_write(const char *path, const struct safetensors_source *tensors, size_t count,
                      const struct safetensors_text *metadata, size_t metadata_count, bool sealed,
                      const struct file_system *system, struct memory *memory, struct error *error);
/** E_INPUT when the seal is missing or does not match: a flipped bit anywhere in the content is found. */
int safetensors_verify(const struct safetensors *file, struct error *error);

#endif
