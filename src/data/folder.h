/* SPDX-License-Identifier: MIT */
/* A folder of pictures from inside: headers of many files at once, and what `fovea data check` says of them before
 * anything is decoded. Next: folder.c, folder_look.c. */
#ifndef DATA_FOLDER_H
#define DATA_FOLDER_H

#include "data/dataset.h"
#include "data/probe.h"

typedef int folder_probed(void *user, size_t index, const struct probe *probe, struct error *error);

/** Reads the headers of paths[count] on the context's pool and hands them over one by one, in order. */
int folder_probe(struct fov_context *context, char *const *paths, size_t count, folder_probed *take, void *user,
                 struct error *error);

/** A data_source's look: everything that names and headers tell. */
int folder_look(struct fov_context *context, const char *directory, bool decoded, struct findings *findings,
                struct error *error);

#endif
