/* SPDX-License-Identifier: MIT */
/* Stands in for the readers that need jansson in a build without it: files that are JSON, or have a JSON header, are
 * refused. JSON in an ONNX file's metadata is read all the same (json_walk.h). */
#include "io/keras_file.h"

static int refuse(const char *path, const char *what, struct error *error)
{
    return error_set(error, FOV_E_UNSUPPORTED, "%s: this fovea was built without jansson and %s (FOVEA_WITH_JANSSON)", path,
                     what);
}

int safetensors_parse(struct safetensors *file, const char *name, const uint8_t *bytes, size_t size,
                      struct memory *memory, struct error *error)
{
    (void)bytes, (void)size, (void)memory;
    *file = (struct safetensors){0};
    return refuse(name, "reads no safetensors", error);
}

int safetensors_open_index(struct safetensors *file, const char *path, struct memory *memory, struct error *error)
{
    (void)memory;
    *file = (struct safetensors){0};
    return refuse(path, "reads no safetensors", error);
}

int safetensors_write(const char *path, const struct safetensors_source *tensors, size_t count,
                      const struct safetensors_text *metadata, size_t metadata_count, bool sealed,
                      const struct file_system *system, struct memory *memory, struct error *error)
{
    (void)tensors, (void)count, (void)metadata, (void)metadata_count, (void)sealed, (void)system, (void)memory;
    return refuse(path, "writes no safetensors", error);
}

int safetensors_verify(const struct safetensors *file, struct error *error)
{
    return refuse(file->file, "reads no safetensors", error);
}

int keras_parse(struct safetensors *file, const char *name, const uint8_t *bytes, size_t size, struct memory *memory,
                struct error *error)
{
    (void)bytes, (void)size, (void)memory;
    *file = (struct safetensors){0};
    return refuse(name, "reads no files of Keras", error);
}
