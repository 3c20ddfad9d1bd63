/* SPDX-License-Identifier: MIT */
/* Checks of the samples that a calling program supplies (program.c has the datasets made of them). */
#ifndef DATA_PROGRAM_H
#define DATA_PROGRAM_H

#include "data/dataset.h"

/** Sets the error E_INPUT "sample 7 of shapes: ..." and returns it. */
int program_refuse(const struct fov_dataset *dataset, size_t index, struct error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool program_has_channels(int channels); /**< 1, 3 or 4 */
/** E_INPUT unless the picture of sample `index` is valid and has the stated size and channels. */
int program_check_picture(const struct fov_dataset *dataset, const fov_dataset_program *stated, size_t index,
                          const fov_sample *given, struct error *error);
/** E_INPUT unless the sample's target is of the dataset's kind and within its classes; for FOV_TARGET_NONE, unless no
 *  target is given. */
int program_check_target(const struct fov_dataset *dataset, size_t index, const fov_sample *given, struct error *error);

#endif
