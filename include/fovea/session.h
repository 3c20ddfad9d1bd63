/* SPDX-License-Identifier: MIT */
/* Answering in many threads. A session is a model ready to answer: what one thread needs beside the weights, which the
 * model has once, however many sessions there are.
 *
 * Threads: sessions of one model, or of several on one context, may be made, used and freed in any threads at once; a
 * session itself is used by one thread at a time. A call on a session that another thread is using answers FOV_E_USAGE
 * and does nothing. Whatever else is done with the model or its context goes on in one thread at a time, and what
 * changes the model (training, loading weights, another head) only while no session is answering. The context's log
 * function, if there is one, is called in any of these threads.
 *
 * Errors: a session has its own sentence, fov_session_error; the context's stays as it is. */
#ifndef FOVEA_SESSION_H
#define FOVEA_SESSION_H

#include <fovea/answer.h>
#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A model ready to answer. It keeps plans for several numbers of pictures. */
typedef struct fov_session fov_session;

/** `task`: as in fov_train_options; NULL: the one that the model was trained for (fov_model_task), else the one that
 *  its output is by its looks: a map is of classes, values are values. A model that does not read pictures has a
 *  session for fov_session_run alone. NULL and a sentence on the context: E_USAGE, E_SHAPE, E_MEMORY. Free it before
 *  the context; a model that is freed first lives until its last session is. */
FOV_API fov_session *fov_session_create(fov_model *model, const char *task);
FOV_API void         fov_session_free(fov_session *session); /**< accepts NULL */
FOV_API const char  *fov_session_task(const fov_session *session); /**< "" for one without a task */
/** Why the last call on this session that failed did; "" where none has. Valid until the next call on it. */
FOV_API const char  *fov_session_error(const fov_session *session);

/** How each picture is looked at from now on: "none" (or NULL), "mirror" or "shifts", as fov_evaluate_options.views;
 *  the scores of all views are added up, weighted, before they become an answer. E_UNSUPPORTED: answers of this task
 *  move with the picture. */
FOV_API FOV_MUST_CHECK int fov_session_set_views(fov_session *session, const char *views);
/** A picture of any size, 8 bits. E_NUMERIC: a number of the output is not finite; the sentence says where the first
 *  one stood. E_USAGE: the model has other layers, inputs or outputs than when the session was made. Weights are those
 *  that the model has now. The answer is freed by the caller; after a failure there is nothing to free. */
FOV_API FOV_MUST_CHECK int fov_session_answer(fov_session *session, const fov_image *picture, fov_answer *answer);
/** The same for several, which are computed together, up to 64 at a time and as far as memory goes: answers[count],
 *  each freed by the caller; after a failure there is nothing to free. Pictures may differ in size. What a picture is
 *  answered follows from it and from `count`, to the last bit; with another count sums may be rounded in another
 *  way. */
FOV_API FOV_MUST_CHECK int fov_session_answers(fov_session *session, const fov_image *pictures, int count,
                                               fov_answer *answers);

/** Numbers with a name. */
typedef struct fov_tensor {
    /** of a value of the model's graph, as fov_value_name has it; of a result also its layer's (fov_model_summary) */
    const char *name;
    fov_dtype   dtype;
    fov_shape   shape;
    const void *data; /**< in plain order, the last dimension contiguous */
} fov_tensor;
/** Computes values from inputs, without a task: inputs of the model by name, with all their dimensions (an open number
 *  of samples is that of the first one), and any values of its graph, results of any layer among them: of each result
 *  only the name is read (NULL: the chosen output), the rest is filled in. Data of results belong to the session, until
 *  the next call on it. What is no output of the model is computed as it reads, so that it costs a plan of its own;
 *  plans are kept. An input that is not given has what fov_model_fill_input put there. E_USAGE: no such name, with the
 *  nearest, or an input is missing; E_SHAPE; numbers are handed out as they are, finite or not. */
FOV_API FOV_MUST_CHECK int fov_session_run(fov_session *session, const fov_tensor *inputs, int input_count,
                                           fov_tensor *results, int result_count);
/** A picture as the model's input has it: [channels, height, width] floats (or [height, width, channels]) written to
 *  `to`, which has room for `count` of them. E_SHAPE: not as many. */
FOV_API FOV_MUST_CHECK int fov_session_prepare(fov_session *session, const fov_image *picture, float *to,
                                               size_t count);
/** What a value of the graph is for this picture: its preprocessing, then the network up to there. Only tensor->name is
 *  read; the data belong to the session, until the next call on it. */
FOV_API FOV_MUST_CHECK int fov_session_read(fov_session *session, const fov_image *picture, fov_tensor *tensor);

#ifdef __cplusplus
}
#endif
#endif
