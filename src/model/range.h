/* SPDX-License-Identifier: MIT */
/* Bounds on a value's numbers that hold for any input of the network: a sigmoid lies in 0 .. 1, and so does the mean of
 * two sigmoids. Bounds may be wider than necessary, never narrower. */
#ifndef MODEL_RANGE_H
#define MODEL_RANGE_H

#include "model/model.h"

struct range {
    double low, high; /**< -range_infinite, range_infinite: no bound is known */
};
extern const double range_infinite;

struct range range_of(const fov_graph *graph, int id);

#endif
