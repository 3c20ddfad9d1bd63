/* SPDX-License-Identifier: MIT */
/* fovea: convolutional networks in C. This header includes all others; each also compiles alone, as C11 and as C++.
 *
 * Levels, each built on those below:
 *   graph.h, operators.h, plan.h   describe a computation, differentiate it, compile it, run it
 *   node.h, loop.h, extend.h       any operator by name; custom training loops; custom operators and tasks
 *   model.h                        a graph with parameters, preprocessing and class names: load, save, predict, inspect
 *   dataset.h, train.h             pictures in, a trained model out
 *   memory.h                       models, weights, a loop's state and pictures as bytes in memory
 *   session.h, answer.h            inference on pictures, for any task, in any number of threads
 *   explain.h                      why a model answers as it does
 * and classes.h (which class of a model is which of the data), metrics.h (how good answers are), boxes.h (overlap and
 * suppression of boxes), networks.h (published networks, one function per family), generate.h (pictures from noise),
 * style.h (style transfer), filter.h (picture filters), classic.h (Hopfield, Boltzmann, deep belief networks), report.h
 * (a training run as an HTML page), ranks.h (training in several processes), array.h (NumPy files), conformance.h
 * (checks against ONNX's own test cases), bench.h (measures this machine and training steps), version.h
 *
 * Options are structs in which a zero field means the documented default; calls take them as designated initialisers:
 *   fov_conv2d(g, x, .filters = 64, .kernel = 3, .pad = 1)
 * Every handle has its own _free function, which accepts NULL. Free an object before the one that it was made from; the
 * context last. A failing call leaves one sentence: fov_error(context), for sessions fov_session_error. NULL for an
 * argument that is required gives FOV_E_USAGE. The library never prints and never ends the process. */
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
#include <fovea/weights.h>

#endif
