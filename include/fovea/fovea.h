/* SPDX-License-Identifier: MIT */
/* fovea: convolutional networks in C. This header includes all others; each also compiles alone, as C11 and as C++.
 *
 * Three levels, each built on the one below:
 *   graph.h, operators.h, plan.h   describe a computation, differentiate it, compile it, run it
 *   node.h, loop.h, extend.h       any operator by name; training loops of one's own; operators and tasks of one's own
 *   model.h                        a graph with parameters, preprocessing and class names: load, save, predict, inspect
 *   dataset.h, train.h             pictures in, a trained model out
 *   memory.h                       models, weights and pictures as bytes in memory
 *   session.h, answer.h            what a model says of pictures, whatever it is for, in any number of threads
 *   explain.h                      why a model answers as it does
 * and classes.h (which class of a model is which of the data), metrics.h (what answers are worth), boxes.h (overlap and
 * suppression of boxes), filter.h (picture filters), classic.h (Hopfield, Boltzmann, deep belief networks),
 * conformance.h (whether all of it means what ONNX says), bench.h (how fast this machine does it)
 *
 * Options are structs in which a zero field means the documented default; calls take them as designated initialisers:
 *   fov_conv2d(g, x, .filters = 64, .kernel = 3, .pad = 1)
 * Every handle has its own _free, which accepts NULL; a context is freed last. Failing calls leave one sentence:
 * fov_error(context). The library never prints and never ends the process. */
#ifndef FOVEA_FOVEA_H
#define FOVEA_FOVEA_H

#include <fovea/answer.h>
#include <fovea/array.h>
#include <fovea/bench.h>
#include <fovea/boxes.h>
#include <fovea/classic.h>
#include <fovea/classes.h>
#include <fovea/conformance.h>
#include <fovea/context.h>
#include <fovea/dataset.h>
#include <fovea/explain.h>
#include <fovea/extend.h>
#include <fovea/filter.h>
#include <fovea/generate.h>
#include <fovea/graph.h>
#include <fovea/loop.h>
#include <fovea/memory.h>
#include <fovea/metrics.h>
#include <fovea/model.h>
#include <fovea/networks.h>
#include <fovea/node.h>
#include <fovea/operators.h>
#include <fovea/plan.h>
#include <fovea/report.h>
#include <fovea/session.h>
#include <fovea/status.h>
#include <fovea/train.h>
#include <fovea/style.h>
#include <fovea/types.h>
#include <fovea/version.h>

#endif
