/* SPDX-License-Identifier: MIT */
/* Internals of a model. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "graph/graph.h"
#include "io/onnx/onnx.h"
#include <fovea/model.h>
#include <fovea/plan.h>
#include <pthread.h>

/** One of a model's outputs. */
struct model_output {
    fov_value   value;
    fov_meaning meaning;
    bool        is_stated; /**< the meaning was stated by the file or the caller; false: derived from the graph */
    float       auxiliary; /**< weight of its loss when the chosen output is trained; 0: no auxiliary head */
    int         boxes_form; /**< stated form of its rows: 1 + index in boxes_forms; 0: found by shape */
};

enum {
    CLASS_NUMBER_SIZE = 12, /* bytes of a decimal int with its terminator */
    MODEL_TASK_SIZE = 2048  /* a task with all its options */
};

struct fov_model {
    fov_context         *context;
    fov_graph           *graph;
    fov_value            input, output; /**< the chosen ones */
    fov_value           *inputs;        /**< all inputs, in the file's order */
    struct model_output *outputs;
    void               **fills; /**< per input: data that every sample of it is filled with; NULL: none given */
    int                  input_count, output_count;
    char              name[64];
    char              task[MODEL_TASK_SIZE]; /**< what it was trained for; "": not known */
    fov_preprocessing preprocessing;
    bool              preprocessing_assumed; /**< its file states no preprocessing */
    bool              preprocessing_by_name; /**< it is the network's own; weights may bring what they were trained with */
    bool              assumption_told;       /**< the warning about that was logged; guarded by .lock */
    bool              layout_stated;
    fov_layout        layout; /**< of the chosen input, if .layout_stated */
    char            **class_names; /**< one block of memory; NULL: classes have numbers only */
    int               class_count;
    char             *graph_name, *doc; /**< the graph's name and description in its file; NULL: it has none */
    struct onnx_text *notes; /**< the file's metadata of other programs, to be saved again; one block of memory */
    int               note_count;
    pthread_mutex_t   lock;        /**< guards .share, .users and .assumption_told, which sessions' threads use */
    int               users;       /**< number of sessions and explainers; the last one to be freed frees the model */
    struct shared_graph *share;    /**< the graph that predictions and sessions run (share.c); NULL: not made yet */
    fov_value         prediction;  /**< value of .share that fov_predict reads, [N, ...]; 0: the output is no row */
    unsigned          changes;     /**< counts changes of graph, inputs, outputs, meanings: older sessions are stale */
    struct batch_plans *predicting; /**< fov_predict's cache of plans */
    fov_layer        *layers; /**< of the last fov_model_summary */
    int               layer_capacity;
    char             *class_numbers; /**< "0", "1", ... in steps of 12 bytes, for classes without names */
    int               number_count;
};

/* ---- model.c ----------------------------------------------------------------------------------------------------- */

/** Takes a reference, which fov_model_free releases; the last release frees the model. Thread-safe. */
void model_keep(fov_model *model);

/** Whether `count` class names fit an output: it has as many classes; or it is a single number, which two names make a
 *  logit; or it is a detector's with suppression in the network, whose rows do not tell how many classes there are. */
bool model_takes_names(const fov_model *model, fov_value output, int count);

/* ---- inputs_outputs.c -------------------------------------------------------------------------------------------- */

/** Derives the meaning of every output whose meaning is not stated, drops cached plans, and numbers the chosen output's
 *  classes. Call it when the graph, the outputs or the class names have changed. */
int model_find_meanings(fov_model *model);
/** Drops cached plans and the shared graph, after a change of inputs, outputs, meanings or options. */
void model_forget_plan(fov_model *model);
/** Makes `end` the chosen output in place of the present one; its meaning is derived anew. `end` id 0: returns the
 *  context's error. */
int model_replace_output(fov_model *model, fov_value end);
/** Replaces the id of every input and output by copy[id], after the model's graph was replaced by a rebuilt one. */
int model_map_inputs_outputs(fov_model *model, const int *copy);
/** Marks in needed[input_count] the inputs besides the chosen one that any of the values depends on. *undeclared: an
 *  input of the graph that is none of the model's, or 0. */
int model_needed_inputs(const fov_model *model, const fov_value *values, int count, bool *needed, int *undeclared,
                        struct error *error);
/** E_UNSUPPORTED: the chosen output depends on this input as well, for which there is nothing. */
int model_refuse_input(const fov_model *model, int id, const char *what, const char *advice, struct error *error);
/** E_UNSUPPORTED where `value` depends on an input besides the chosen one. `fills`: an input that fov_model_fill_input
 *  has filled does not count. `what` names the purpose in the error's sentence: "prediction". */
int model_check_single_input(const fov_model *model, fov_value value, bool fills, const char *what,
                             struct error *error);

/* ---- share.c ----------------------------------------------------------------------------------------------------- */

struct shared_graph;
/** The graph to compile plans from, with the present weights; the caller gets a reference. Thread-safe as long as
 *  nobody changes the model. On failure NULL and an error. */
struct shared_graph *model_share(fov_model *model, struct error *error);

/* ---- copy.c ------------------------------------------------------------------------------------------------------ */

/** An independent copy with its own graph and weights, parameters in the same order. On failure NULL, and the error is
 *  on the context. */
fov_model *model_copy(fov_model *model);
/** The same, but its weights are those of `model` in place: `model` must outlive it and keep its graph. */
fov_model *model_borrow(fov_model *model);

/* ---- fill.c ------------------------------------------------------------------------------------------------------ */

/** Bytes of one sample of an input; 0: its shape is not known. */
size_t model_sample_bytes(const fov_model *model, fov_value input);
/** Copies the data of fov_model_fill_input into the further inputs of a plan of the shared graph, for every sample. */
void model_fill_others(const fov_model *model, const struct shared_graph *share, fov_plan *plan);
/** The same for a plan of the model's own graph. */
void model_fill_own(const fov_model *model, fov_plan *plan);
void model_forget_fills(fov_model *model);
/** Copies the data of fov_model_fill_input from a model with the same inputs to its new copy. */
int model_copy_fills(fov_model *made, const fov_model *model);
/** The same for one input. */
void model_forget_fill(fov_model *model, fov_value input);

/* ---- statistics.c ------------------------------------------------------------------------------------------------ */

/** For a normalisation whose weight's frozen flag equals `frozen`: makes it use the running statistics in training too
 *  (frozen), or those that the plan's kind implies (not frozen). Other nodes, and normalisations that the file fixes to
 *  batch statistics, stay as they are. */
void model_set_statistics(const fov_graph *graph, struct node *node, bool frozen);
bool model_is_parameter(const fov_graph *graph, int id);

/* ---- layout.c ---------------------------------------------------------------------------------------------------- */

/** Size of the pictures that the chosen input takes. False: the input is not [N, C, H, W] or [N, H, W, C] with C up to
 *  4. */
struct model_picture {
    int  channels, height, width;
    bool channels_last; /**< the input is [N, H, W, C] */
};
bool model_picture(const fov_model *model, struct model_picture *picture);
/** The layout that the graph and the shape suggest, without regard to a stated one. *is_guess: neither decides. */
fov_layout model_find_layout(const fov_model *model, fov_value input, bool *is_guess);

/* ---- see.c ------------------------------------------------------------------------------------------------------- */

struct prepare_options;
/** Logs once per model which preprocessing is assumed, if the model states none. Call it when pictures are prepared.
 *  Thread-safe. */
void model_tell_assumed(fov_model *model);
/** Options that turn a picture into the chosen input (data/prepare.h). E_SHAPE: the input takes no pictures. */
int model_prepare_options(const fov_model *model, struct prepare_options *options, struct error *error);
/** Turns one sample `in`, prepared with these options, back into an 8-bit picture for people. */
int model_show_input(const fov_model *model, const struct prepare_options *options, const float *in, fov_image *seen);

/* ---- networks.c -------------------------------------------------------------------------------------------------- */

/** Of a network by name with as many classes as its published weights: states how those were fed, the shorter side to
 *  256 and its middle, in proportion for another input. A preprocessing that the caller has set stays. */
void model_take_published(fov_model *model);

/* ---- meaning.c --------------------------------------------------------------------------------------------------- */

/** How an output scores classes. Predictions, losses and metrics all follow this one description. */
struct model_scores {
    fov_meaning meaning;
    fov_value   logits;      /**< where losses start: the input of the final softmax or sigmoid; else the output */
    bool        is_probable; /**< no logits were found: `logits` holds the probabilities themselves */
    bool        independent; /**< a sigmoid for each score; false: a softmax over all */
    int         count;       /**< scores of a sample, or of a pixel */
    int         classes;     /**< equal to count, or 2 for a single score; 0: the output holds values, not scores */
};
struct model_scores model_scores(const fov_model *model, fov_value output);
/** The node that computes a value; NULL: the value is an input, a parameter or a constant. */
const struct node *model_producer(const fov_graph *graph, int id);
/** The meaning of an output, derived from the graph. `class_names`: number of class names that the model has. */
fov_meaning model_find_meaning(const fov_model *model, fov_value output, int class_names);
/** How many numbers an output has for each sample; 0: it is not one row (or map) per sample. */
int model_count_values(const fov_model *model, fov_value output);
/** Whether a map is [N, H, W, C], by the size of the model's pictures and their layout. */
bool model_map_is_channels_last(const fov_model *model, fov_value output);
/** E_SHAPE: the output's shape cannot have that meaning. */
int model_check_meaning(const fov_model *model, fov_value output, fov_meaning meaning);

/** Makes the chosen output the unbounded numbers of the last layer with weights: removes a final softmax or sigmoid,
 *  and turns activations between that layer and the output (SqueezeNet has one) into the identity. In head.c. */
int model_end_plainly(fov_model *model);

/** Warns of weights that are NaN or infinite, and of tensors with many denormal numbers, and names the tensors; an
 *  error if the context is `strict`. A batch norm's negative variance is always an error. */
int model_check_finite(fov_model *model, const char *path);

/** Replaces the model's graph by a rebuilt one (graph/copy.h), to which the data of unchanged values are moved. */
struct graph_change;
int model_take_graph(fov_model *model, fov_graph *rebuilt, const int *copy, const struct graph_change *changes,
                     int count);

/** Model-level metadata is stored in ONNX metadata_props, and repeated in a checkpoint's header. model/metadata.c reads
 *  and writes it. Keys: "fovea.version", "fovea.network", "fovea.preprocessing" (JSON), "fovea.output" (the chosen
 *  output), "fovea.outputs" (JSON: the meaning of each), "names" (JSON list). Other programs' keys are kept
 *  unchanged. */

#endif
