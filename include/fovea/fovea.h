/* SPDX-License-Identifier: MIT */
/* fovea: convolutional networks in C. This header includes all others; each also compiles alone, as C11 and as C++.
 *
 * Levels, each built on those below:
 *   graph.h, operators.h, plan.h   describe a computation, differentiate it, compile it, run it
 *   node.h, loop.h, extend.h       any operator by name; training loops of one's own; operators and tasks of one's own
 *   model.h                        a graph with parameters, preprocessing and class names: load, save, predict, inspect
 *   dataset.h, train.h             pictures in, a trained model out
 *   memory.h                       models, weights, a loop's state and pictures as bytes in memory
 *   session.h, answer.h            what a model says of pictures, whatever it is for, in any number of threads
 *   explain.h                      why a model answers as it does
 * and classes.h (which class of a model is which of the data), metrics.h (what answers are worth), boxes.h (overlap and
 * suppression of boxes), networks.h (the networks of the field, a function a family), generate.h (pictures out of noise),
 * style.h (a picture in the manner of another), filter.h (picture filters), classic.h (Hopfield, Boltzmann, deep belief
 * networks), report.h (a run as a page), ranks.h (several processes that train together), array.h (files of NumPy),
 * conformance.h (whether all of it means what ONNX says), bench.h (how fast this machine does it), version.h
 *
 * Options are structs in which a zero field means the documented default; calls take them as designated initialisers:
 *   fov_conv2d(g, x, .filters = 64, .kernel = 3, .pad = 1)
 * Every handle has its own _free, which accepts NULL; what was made from something is freed before it, a context last.
 * Failing calls leave one sentence: fov_error(context), of sessions fov_session_error. NULL where something is needed is
 * FOV_E_USAGE. The library never prints and never ends the process. */
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
