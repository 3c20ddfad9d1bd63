/* SPDX-License-Identifier: MIT */
/* A model from inside. */
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
    bool        is_stated; /**< by its file or the caller; else found from the graph */
    float       auxiliary; /**< share of its loss that is added in training of the chosen output; 0: none */
};

enum {
    CLASS_NUMBER_SIZE = 12, /* a decimal int and its end */
    MODEL_TASK_SIZE = 256   /* a task with all its options */
};

struct fov_model {
    fov_context         *context;
    fov_graph           *graph;
    fov_value            input, output; /**< the chosen ones */
    fov_value           *inputs;        /**< all of them, in the file's order */
    struct model_output *outputs;
    void               **fills; /**< per input: what goes into it for each sample; NULL: nothing */
    int                  input_count, output_count;
    char              name[64];
    char              task[MODEL_TASK_SIZE]; /**< what it was trained for; "": not known */
    fov_preprocessing preprocessing;
    bool              preprocessing_assumed; /**< its file says nothing of it */
    bool              assumption_told;       /**< and that was logged; over it: .lock */
    bool              layout_stated;
    fov_layout        layout; /**< of the chosen input, where it is stated */
    int               boxes_form; /**< of the chosen output, as it was said: 1 + its place in boxes_forms; 0: by shape */
    char            **class_names; /**< one block of memory; NULL: numbers */
    int               class_count;
    char             *graph_name, *doc; /**< what its file says of it; NULL: it has none */
    struct onnx_text *notes; /**< metadata of its file that is not fovea's, to be saved again; one block of memory */
    int               note_count;
    pthread_mutex_t   lock;        /**< over what sessions in several threads ask for: .share, .users */
    int               users;       /**< sessions and explainers: it lives until the last of them is freed */
    struct shared_graph *share;    /**< what predictions and sessions compute with (share.c); NULL: not made yet */
    fov_value         prediction;  /**< in .share: what fov_predict reads, [N, ...]; 0: it would not know what */
    unsigned          changes;     /**< of graph, inputs, outputs and what they mean: sessions of before do not hold */
    struct batch_plans *predicting; /**< plans that fov_predict keeps */
    fov_layer        *layers; /**< of the last fov_model_summary */
    int               layer_capacity;
    char             *class_numbers; /**< "0", "1", ... in steps of 12 bytes, for classes without names */
    int               number_count;
};

/* ---- model.c ----------------------------------------------------------------------------------------------------- */

/** One user more, who ends with fov_model_free: whoever is freed last frees the model. From any thread. */
void model_keep(fov_model *model);

/* ---- inputs_outputs.c -------------------------------------------------------------------------------------------- */

/** Finds the meaning of every output of which none is stated, and what follows from those of the chosen one. To be
 *  called when the graph, the outputs or the class names have changed. */
int model_find_meanings(fov_model *model);
/** What was compiled or derived for other inputs, outputs, meanings or options does not hold any more. */
void model_forget_plan(fov_model *model);
/** `end`, which depends on the chosen output, takes its place: what it means is found anew. */
int model_replace_output(fov_model *model, fov_value end);
/** All inputs and outputs, by copy[id]: those of a graph that takes the place of the model's. */
int model_map_inputs_outputs(fov_model *model, const int *copy);
/** E_UNSUPPORTED where `value` depends on another input than the chosen one, which is not filled either (or, `fills`
 *  false, is). The sentence names it and what is asked for: "prediction". */
int model_check_single_input(const fov_model *model, fov_value value, bool fills, const char *what);

/* ---- share.c ----------------------------------------------------------------------------------------------------- */

struct shared_graph;
/** What to make plans of, with the weights as they are now; one owner more. From any thread, while nobody changes the
 *  model. NULL and an error. */
struct shared_graph *model_share(fov_model *model, struct error *error);

/* ---- copy.c ------------------------------------------------------------------------------------------------------ */

/** A model with a graph and weights of its own, parameters in the same order. NULL and an error on the context. */
fov_model *model_copy(fov_model *model);
/** The same with the weights of `model`, where they lie: it must live longer, and as it is. */
fov_model *model_borrow(fov_model *model);

/* ---- fill.c ------------------------------------------------------------------------------------------------------ */

/** Puts into the other inputs of a plan of the shared graph what they are filled with. */
void model_fill_others(const fov_model *model, const struct shared_graph *share, fov_plan *plan);
/** The same for a plan of the model's own graph. */
void model_fill_own(const fov_model *model, fov_plan *plan);
void model_forget_fills(fov_model *model);

/* ---- statistics.c ------------------------------------------------------------------------------------------------ */

/** A normalisation takes the running statistics where its weight is frozen, and is asked for those that are `frozen` or
 *  are not. Other nodes, and what a file wants to be of the batch always, stay as they are. */
void model_set_statistics(const fov_graph *graph, struct node *node, bool frozen);
bool model_is_parameter(const fov_graph *graph, int id);

/* ---- layout.c ---------------------------------------------------------------------------------------------------- */

/** The pictures that the chosen input takes. False: it takes none, [N, C, H, W] or [N, H, W, C] with C up to 4. */
struct model_picture {
    int  channels, height, width;
    bool channels_last; /**< of the input as it stands, in plain order */
};
bool model_picture(const fov_model *model, struct model_picture *picture);
/** By graph and shape alone. *is_guess: neither decides. */
fov_layout model_find_layout(const fov_model *model, fov_value input, bool *is_guess);

/* ---- see.c ------------------------------------------------------------------------------------------------------- */

struct prepare_options;
/** Logs, once, what is assumed of preprocessing where the model states none: when pictures are first prepared for it.
 *  From any thread. */
void model_tell_assumed(fov_model *model);
/** How a picture becomes the chosen input (data/prepare.h). E_SHAPE: it takes none. */
int model_prepare_options(const fov_model *model, struct prepare_options *options, struct error *error);
/** An input that was prepared that way, `in`, as a picture for people. */
int model_show_input(const fov_model *model, const struct prepare_options *options, const float *in, fov_image *seen);

/* ---- meaning.c --------------------------------------------------------------------------------------------------- */

/** How an output scores classes: what predictions, losses and metrics go by. */
struct model_scores {
    fov_meaning meaning;
    fov_value   logits;      /**< where losses start: what lies before the final softmax or sigmoid; else the output */
    bool        is_probable; /**< no logits were found: `logits` holds the probabilities themselves */
    bool        independent; /**< a sigmoid for each score; false: a softmax over all */
    int         count;       /**< scores of a sample, or of a pixel */
    int         classes;     /**< as many, or 2 for a single score; 0: values */
};
struct model_scores model_scores(const fov_model *model, fov_value output);
/** The node that makes a value; NULL: an input, a parameter or a constant. */
const struct node *model_producer(const fov_graph *graph, int id);
/** What an output means by the look of the graph. `class_names`: how many the model has. */
fov_meaning model_find_meaning(const fov_model *model, fov_value output, int class_names);
/** Numbers of an output for each sample; 0: it is not a row (or map) per sample. */
int model_count_values(const fov_model *model, fov_value output);
/** Whether a map is [N, H, W, C], by the size of the model's pictures and their layout. */
bool model_map_is_channels_last(const fov_model *model, fov_value output);
/** Whether a shape can have that meaning; E_SHAPE. */
int model_check_meaning(const fov_model *model, fov_value output, fov_meaning meaning);

/** Makes the chosen output what the last layer with weights says, of any sign and size: a final softmax or sigmoid goes,
 *  and activations between that layer and the output (SqueezeNet has one) let their numbers pass. In head.c. */
int model_end_plainly(fov_model *model);

/** Warns of weights that are NaN or infinite, and of tensors with many denormal ones, naming them; with the context's
 *  `strict` that is an error. A batch norm's variance below zero always is one. */
int model_check_finite(fov_model *model, const char *path);

/** A rebuilt graph (graph/copy.h) takes the place of the model's, and takes over the data that did not change. */
struct graph_change;
int model_take_graph(fov_model *model, fov_graph *rebuilt, const int *copy, const struct graph_change *changes,
                     int count);

/** Model-level metadata in ONNX metadata_props, and what a checkpoint's header repeats. Writers and readers are in
 *  model/metadata.c; keys: "fovea.version", "fovea.network", "fovea.preprocessing" (JSON), "fovea.output" (the chosen
 *  one), "fovea.outputs" (JSON: what each means), "names" (JSON list). Those of other programs stay as they came. */

#endif
