/* SPDX-License-Identifier: MIT */
/* Muon's direction as nodes: the momentum, and an (approximately) orthogonal matrix near it. */
#ifndef TRAIN_ORTHOGONAL_H
#define TRAIN_ORTHOGONAL_H

#include "train/optimizer.h"

/** Adds the momentum ("optimizer.PARAMETER.momentum", initially zeros) and the nodes that compute the direction from
 *  it; returns the direction, of the parameter's shape. For parameters with fewer than two axes the direction is the
 *  momentum times the option `companion`. */
fov_value orthogonal_add(const struct optimizer *optimizer, const struct optimizer_update *update);

#endif
