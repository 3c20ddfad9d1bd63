/* SPDX-License-Identifier: MIT */
/* In which range a value's numbers must lie, whatever comes in: a sigmoid's within 0 .. 1, and the mean of two sigmoids
 * as well. An answer that is too wide is never wrong. */
#ifndef MODEL_RANGE_H
#define MODEL_RANGE_H

#include "model/model.h"

struct range {
    double low, high; /**< -range_infinite, range_infinite: no limit is known */
};
extern const double range_infinite;

struct range range_of(const fov_graph *graph, int id);

#endif
