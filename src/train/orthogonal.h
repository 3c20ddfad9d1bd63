/* SPDX-License-Identifier: MIT */
/* Muon's direction as nodes: momentum, and the matrix that is orthogonal and near to it. */
#ifndef TRAIN_ORTHOGONAL_H
#define TRAIN_ORTHOGONAL_H

#include "train/optimizer.h"

/** Adds the momentum ("optimizer.PARAMETER.momentum", zeros) and all up to the direction, of the parameter's shape. Of
 *  parameters with one axis it is the momentum, times the option `companion`. */
fov_value orthogonal_add(const struct optimizer *optimizer, const struct optimizer_update *update);

#endif
