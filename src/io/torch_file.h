/* SPDX-License-Identifier: MIT */
/* PyTorch's files of tensors (.pth, .pt): a zip archive of one pickle and one entry per storage. A pickle is a program;
 * it is not run here. A strict reader knows the few instructions and the few names that a state dict needs and refuses
 * everything else, so that a file can do nothing but describe tensors. The tensors are presented as an opened
 * safetensors file; their data stay in the archive and are not copied. Next: torch_zip.c, torch_pickle.c. */
#ifndef IO_TORCH_FILE_H
#define IO_TORCH_FILE_H

#include "io/safetensors.h"

/** Opens a file that torch.save wrote of a state dict, or of a dict that contains one; close it with safetensors_close.
 *  E_INPUT: the file is damaged, with what is wrong and where; E_UNSUPPORTED: the pickle needs more than tensors. */
int torch_open(struct safetensors *file, const char *path, struct memory *memory, struct error *error);
/** The same for bytes in memory, which must outlive `file`; `name` is for messages. */
int torch_parse(struct safetensors *file, const char *name, const uint8_t *bytes, size_t size, struct memory *memory,
                struct error *error);
/** Whether the bytes begin like such a file. */
bool torch_begins(const uint8_t *bytes, size_t size);

/* ---- the archive (torch_zip.c) ----------------------------------------------------------------------------------- */

struct torch_entry {
    const char    *name; /**< not terminated */
    size_t         name_length;
    const uint8_t *data;
    size_t         bytes;
};

struct torch_archive {
    struct torch_entry *entries;
    size_t              count;
};

/** Lists the archive's entries. `name` is for messages. E_UNSUPPORTED: an entry is compressed, which PyTorch never
 *  does. */
int  torch_archive_read(struct torch_archive *archive, const char *name, const uint8_t *bytes, size_t size,
                        struct memory *memory, struct error *error);
void torch_archive_free(struct torch_archive *archive, struct memory *memory);
/** Finds an entry by name; NULL: there is none. */
const struct torch_entry *torch_archive_find(const struct torch_archive *archive, const char *name, size_t length);

/* ---- the pickle (torch_pickle.c) --------------------------------------------------------------------------------- */

/** A tensor as the pickle describes it. */
struct torch_tensor {
    char       *name; /**< its key in the state dict; allocated */
    const char *type; /**< element type by its safetensors name: "F32" */
    const char *key;  /**< of the storage; points into the pickle, not terminated */
    size_t      key_length;
    int64_t     elements; /**< of the storage */
    int64_t     offset;   /**< of the tensor in its storage, in elements */
    int         rank;
    int64_t     size[FOV_MAX_RANK], stride[FOV_MAX_RANK];
};

struct torch_pickle {
    struct torch_tensor *tensors;
    size_t               count, capacity;
};

int  torch_pickle_read(struct torch_pickle *pickle, const char *name, const uint8_t *bytes, size_t size,
                       struct memory *memory, struct error *error);
void torch_pickle_free(struct torch_pickle *pickle, struct memory *memory);

#endif
