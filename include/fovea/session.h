/* SPDX-License-Identifier: MIT */
/* Inference in many threads. A session is a model ready to answer: it holds what one thread needs beside the weights,
 * which all sessions of a model share.
 *
 * Threads: sessions of one model, or of several models of one context, may be made, used and freed in any threads at
 * once; each session is used by one thread at a time. A call on a session that another thread is using returns
 * FOV_E_USAGE and does nothing. All other calls on the model or its context stay in one thread at a time, and calls
 * that change the model (training, loading weights, another head) are allowed only while no session is answering. The
 * context's log function, if there is one, is called in any of these threads.
 *
 * Errors: a session has its own error sentence, fov_session_error; the context's is left as it was. */
#ifndef FOVEA_SESSION_H
#define FOVEA_SESSION_H

#include <fovea/answer.h>
#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A model ready to answer. It keeps plans for several batch sizes. */
typedef struct fov_session fov_session;

/** `task`: as in fov_train_options; NULL: the one that the model was trained for (fov_model_task), else the one that
 *  follows from the meaning of its output: a map is segmentation, values are a regression. A model that does not read
 *  pictures has a session for fov_session_run alone. NULL and a sentence on the context, of whichever thread failed
 *  last: E_USAGE, E_SHAPE, E_UNSUPPORTED, E_MEMORY. Free the session before the context; a model that is freed first
 *  lives until its last session is freed. Threads that must tell their reasons apart take turns, or a context each. */
FOV_API fov_session *fov_session_create(fov_model *model, const char *task);
FOV_API void         fov_session_free(fov_session *session); /**< accepts NULL */
FOV_API const char  *fov_session_task(const fov_session *session); /**< "" for one without a task */
/** Why the last call on this session has failed; "" where none has failed. Valid until the next call on the session. */
FOV_API const char  *fov_session_error(const fov_session *session);

/** Test-time augmentation from now on: "none" (or NULL), "mirror" or "shifts", as fov_evaluate_options.views; the
 *  weighted scores of all views are added before they become an answer. E_UNSUPPORTED: the task's answers have places
 *  in the picture (maps, boxes). */
FOV_API FOV_MUST_CHECK int fov_session_set_views(fov_session *session, const char *views);
/** Answers for one 8-bit picture of any size, with the model's current weights. The caller frees the answer
 *  (fov_answer_free); after a failure there is nothing to free. E_NUMERIC: a number of the output is not finite; the
 *  sentence says where the first such number was found. E_USAGE: the model's layers, inputs or outputs have changed
 *  since the session was made. */
FOV_API FOV_MUST_CHECK int fov_session_answer(fov_session *session, const fov_image *picture, fov_answer *answer);
/** The same for several pictures, computed in batches of up to 64 as far as memory allows: answers[count], each freed
 *  by the caller; after a failure there is nothing to free. Pictures may differ in size. The answer to a picture
 *  depends, to the last bit, on the picture and on `count` alone; with another count sums may be rounded
 *  differently. */
FOV_API FOV_MUST_CHECK int fov_session_answers(fov_session *session, const fov_image *pictures, int count,
                                               fov_answer *answers);

/** Computes values of the graph from inputs, without a task. Inputs are the model's, by name (NULL: the chosen input),
 *  with all their dimensions; the first input that leaves the number of samples open decides it. Results, 1 to 64, may
 *  be any values of the graph, such as the result of any layer: only the name of each is read (NULL: the chosen
 *  output), the rest is filled in. The data of results belong to the session and are valid until the next call on it;
 *  their names belong to the model.
 *  Each set of results needs a plan of its own; plans are kept. An input that is not given has the data of
 *  fov_model_fill_input. Numbers are returned as they are, finite or not. E_USAGE: no such name, an input is missing or
 *  of another element type; E_SHAPE. */
FOV_API FOV_MUST_CHECK int fov_session_run(fov_session *session, const fov_tensor *inputs, int input_count,
                                           fov_tensor *results, int result_count);
/** Preprocesses a picture for the model's input: writes `count` floats to `to`, [channels, height, width] or, where the
 *  input is channels-last, [height, width, channels]. E_SHAPE: `count` is not the number of the input's floats. */
FOV_API FOV_MUST_CHECK int fov_session_prepare(fov_session *session, const fov_image *picture, float *to,
                                               size_t count);
/** Computes a value of the graph for this picture: preprocessing, then the network up to that value. Only tensor->name
 *  is read; the data belong to the session and are valid until the next call on it. */
FOV_API FOV_MUST_CHECK int fov_session_read(fov_session *session, const fov_image *picture, fov_tensor *tensor);

#ifdef __cplusplus
}
#endif
#endif
