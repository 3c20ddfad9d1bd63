/* SPDX-License-Identifier: MIT */
/* Judging the samples that a program hands over (program.c has the datasets made of them). */
#ifndef DATA_PROGRAM_H
#define DATA_PROGRAM_H

#include "data/dataset.h"

/** E_INPUT: "sample 7 of shapes: ...". */
int program_refuse(const struct fov_dataset *dataset, size_t index, struct error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool program_has_channels(int channels); /**< 1, 3 or 4 */
/** Whether the picture of sample `index` can be one, and has the size that is stated. */
int program_check_picture(const struct fov_dataset *dataset, const fov_dataset_program *stated, size_t index,
                          const fov_sample *given, struct error *error);
/** Whether its target is one of the dataset's kind and within its classes, and, where there is none, that none is
 *  given. */
int program_check_target(const struct fov_dataset *dataset, size_t index, const fov_sample *given, struct error *error);

#endif
