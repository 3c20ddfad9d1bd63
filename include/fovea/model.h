/* SPDX-License-Identifier: MIT */
/* A model is a graph with its parameters, its preprocessing and its class names: the content of a model file. Models
 * are saved as ONNX (opset 17 unless another is needed or asked for), which opens in ONNX Runtime, Netron and PyTorch;
 * weights alone as safetensors. */
#ifndef FOVEA_MODEL_H
#define FOVEA_MODEL_H

#include <fovea/dataset.h>
#include <fovea/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fov_model fov_model;

/** Letterboxing: whole pictures with grey borders. */
typedef enum fov_letterbox_kind {
    FOV_LETTERBOX_NONE,   /**< no letterbox: pictures are stretched, or cropped (.shorter, .crop) */
    FOV_LETTERBOX_CORNER, /**< whole and undistorted in the upper left corner, the rest filled with grey 114 (YOLOX) */
    FOV_LETTERBOX_CENTRED /**< the same in the middle */
} fov_letterbox_kind;

/** How pixels become the input: resized (bilinear, antialiased as Pillow does) to the input's height and width, or by
 *  the shorter side with a centre crop; multiplied by scale; then (x - mean) / deviation for each channel in the
 *  network's order of channels. Stored in the model file, so that predictions start from the same pixels everywhere. */
typedef struct fov_preprocessing {
    float mean[4];      /**< 0; of pixels times scale, the network's first channel first */
    float deviation[4]; /**< 0 means 1 */
    int   pad;          /**< 0: pixels of zero (before normalising: black) put around the resized picture */
    float scale;        /**< 0 means 1/255: pixels become 0..1; 1 leaves them 0..255 */
    bool  bgr;          /**< false: red first; true: blue first, as OpenCV and Caffe have pixels */
    int   shorter;      /**< 0: the whole picture is stretched to the input's size; else its shorter side becomes this
                             many pixels, the other side keeps the proportion, and the middle is cut out */
    int   crop;         /**< side of the square that is cut out; 0: the input's size. Without `shorter` it is cut out of
                             the unresized picture. A crop of another size than the input is resized to it */
    fov_letterbox_kind letterbox; /**< FOV_LETTERBOX_NONE; the arithmetic is in boxes.h */
    fov_fit    fit;     /**< FOV_FIT_UNSAID; any other value replaces .shorter, .crop and .letterbox */
    fov_invert invert;  /**< FOV_INVERT_UNSAID */
} fov_preprocessing;

/** The order of dimensions of an input that takes pictures. */
typedef enum fov_layout {
    FOV_LAYOUT_NCHW, /**< [N, channels, height, width]: PyTorch */
    FOV_LAYOUT_NHWC  /**< [N, height, width, channels]: Keras, TensorFlow */
} fov_layout;

/** An empty model, to be built with fov_model_graph and operators.h. */
FOV_API fov_model *fov_model_create(fov_context *context);
/** A network by name ("lenet5", "resnet50", ...; fov_network_at lists them) for a given input and number of classes; 0
 *  means the network's own. Options of the network follow its name: "resnet50:attention=cbam",
 *  "vgg16_bn:head=linear:dropout=0.3". Parameters are drawn from the context's seed. Auxiliary heads are further
 *  outputs. NULL and E_USAGE: an unknown name (the sentence has the nearest one) or option (it lists the known
 *  ones). */
typedef struct fov_network_options {
    int channels, height, width; /**< the network's own, e.g. 1 x 28 x 28 */
    int classes;                 /**< the network's own, e.g. 10 */
} fov_network_options;
FOV_API fov_model *fov_model_network(fov_context *context, const char *name, const fov_network_options *options);
FOV_API int         fov_network_count(void);
FOV_API const char *fov_network_name(int index);
FOV_API const char *fov_network_summary(int index); /**< one line */

/** The description of a network. Texts may be NULL. */
typedef struct fov_network_info {
    const char *name, *family, *summary;
    int         year; /**< of publication; 0: unpublished */
    const char *paper;     /**< authors and title */
    const char *accuracy;  /**< as published, with the dataset */
    const char *reference; /**< the project whose weights load by name: "torchvision" */
    const char *task;      /**< "classify", "segment" */
    bool        one_task;  /**< the network is of use for that task alone, and its models are marked for it */
    int         channels, height, width, classes; /**< the defaults for options that are 0 */
    int         pad;       /**< fov_preprocessing.pad of its models, pixels */
    bool        backbone;  /**< other networks can use its stages as their backbone */
    int         option_count;
    struct {
        const char *name, *doc;
        const char *word;        /**< default of a choice or flag, as a word; else NULL */
        const char *const *choices; /**< of a choice, ended by NULL; else NULL */
        double      standard, minimum, maximum;
    } option[8];
} fov_network_info;
FOV_API fov_network_info fov_network_at(int index); /**< in order of name; all NULL beyond the last */
/** Whether any network has an option of that name, in which '-' and '_' are the same. */
FOV_API bool fov_network_has_option(const char *option);

/** Accepts NULL; call it before freeing the context. Sessions of the model stay usable. */
FOV_API void       fov_model_free(fov_model *model);
FOV_API fov_graph *fov_model_graph(fov_model *model);

/* ---- inputs and outputs -------------------------------------------------------------------------------------------
 * A model has any number of inputs and outputs, each with the name that its value has in the graph (fov_value_name).
 * One of each is chosen: pictures go into the chosen input; prediction, evaluation and training use the chosen output.
 * Initially these are the first input that takes pictures (else the first of all) and the first output; a file may name
 * another output (metadata "fovea.output"). */

/** What the numbers of an output mean. It is inferred from the graph's last operators, looking through casts and
 *  reshapes, unless it is stated: by files that fovea wrote (metadata "fovea.outputs") or by fov_model_set_meaning.
 *  Prediction, evaluation and the training loss all follow it. */
typedef enum fov_meaning {
    FOV_MEANING_LOGITS,  /**< [N, classes] before a softmax; [N, 1] before a sigmoid: two classes */
    FOV_MEANING_SOFTMAX, /**< [N, classes], probabilities that sum to 1 */
    FOV_MEANING_SIGMOID, /**< [N, classes], independent probabilities; [N, 1]: that of the second of two classes */
    FOV_MEANING_VALUES,  /**< numbers that are not class scores: a regression, features, a position */
    FOV_MEANING_MAP,     /**< scores per pixel: [N, C, H, W] or [N, H, W] */
    FOV_MEANING_BOXES    /**< a detector's rows, one per cell of maps of stride 8, 16, 32: [N, rows, 5 + classes] of
                              YOLOX and YOLOv5, [N, 4 + classes, rows] of YOLOv8: centre and size of a box, the
                              probability of an object (not YOLOv8), of each class (docs/tasks.md, detect) */
} fov_meaning;
FOV_API const char *fov_meaning_name(fov_meaning meaning); /**< "logits", ..., "map", "boxes": as the constants */
FOV_API bool        fov_meaning_find(const char *name, fov_meaning *meaning); /**< false: no meaning has that name */

/** Declares the inputs (values made with fov_input) and outputs (results of operators), which models built by hand
 *  need. Earlier statements about outputs (meaning, auxiliary share) are dropped. E_USAGE for other values; the model
 *  is then left as it was. */
FOV_API FOV_MUST_CHECK int fov_model_set_inputs_outputs(fov_model *model, const fov_value *inputs, int input_count,
                                                        const fov_value *outputs, int output_count);
/** The same with one of each. */
FOV_API FOV_MUST_CHECK int fov_model_set_input_output(fov_model *model, fov_value input, fov_value output);

FOV_API int         fov_model_input_count(const fov_model *model);
FOV_API int         fov_model_output_count(const fov_model *model);
FOV_API fov_value   fov_model_input_at(const fov_model *model, int index); /**< in the file's order; 0: none */
FOV_API fov_value   fov_model_output_at(const fov_model *model, int index);
FOV_API fov_value   fov_model_input_named(const fov_model *model, const char *name); /**< 0: none of that name */
FOV_API fov_value   fov_model_output_named(const fov_model *model, const char *name);
FOV_API fov_meaning fov_model_meaning(const fov_model *model, fov_value output); /**< VALUES, where it is no output */
/** States the meaning of an output, in place of the inferred one. E_SHAPE: its shape does not fit: a map has at least
 *  two dimensions other than 1 beside the batch, boxes have a detector's known form. */
FOV_API FOV_MUST_CHECK int fov_model_set_meaning(fov_model *model, fov_value output, fov_meaning meaning);

/** Makes an output an auxiliary head: training of the chosen output adds `share` times the loss of this one, on the
 *  same targets (Szegedy et al. 2015: 0.3). Predictions do not compute it. 0: it is no auxiliary head. Saved with the
 *  model. E_USAGE: `output` is no output of the model, or a share outside 0 .. 1. */
FOV_API FOV_MUST_CHECK int fov_model_set_auxiliary(fov_model *model, fov_value output, float share);
FOV_API float              fov_model_auxiliary(const fov_model *model, fov_value output); /**< 0: no auxiliary head */

/** The chosen input and output. */
FOV_API fov_value fov_model_input(const fov_model *model);
FOV_API fov_value fov_model_output(const fov_model *model);
/** Chooses by name. Data that fov_model_fill_input gave the input are dropped. E_USAGE: no input (output) has that
 *  name; the sentence lists all names. */
FOV_API FOV_MUST_CHECK int fov_model_choose_input(fov_model *model, const char *name);
FOV_API FOV_MUST_CHECK int fov_model_choose_output(fov_model *model, const char *name);

FOV_API const char *fov_model_name(const fov_model *model); /**< "lenet5"; "" when unknown */
FOV_API void        fov_model_set_name(fov_model *model, const char *name);
/** The task it was trained for, "segment:loss=dice" (train.h); 2047 bytes at most, "": unknown. Saved with the model. */
FOV_API const char *fov_model_task(const fov_model *model);
FOV_API void        fov_model_set_task(fov_model *model, const char *task);
FOV_API fov_preprocessing fov_model_preprocessing(const fov_model *model);
FOV_API void              fov_model_set_preprocessing(fov_model *model, const fov_preprocessing *preprocessing);
/** Sets the preprocessing's mean, deviation or both to those of the pictures in `data`, for each channel over all
 *  pixels, as the model is given them (fitted to its input, in its order of channels, scaled). `data` should be the
 *  training data. Of pictures that are not in memory at most 10,000, evenly spread, are read. The numbers are saved
 *  with the model. E_SHAPE: the model reads no pictures. */
FOV_API FOV_MUST_CHECK int fov_model_measure_pixels(fov_model *model, const fov_dataset *data, bool mean,
                                                    bool deviation);
/** False: the model's file does not state its preprocessing. Pixels of 0..1 are then assumed, which is logged once,
 *  when pictures are first prepared for the model, and not written when it is saved. Setting the preprocessing, or
 *  training with it, states it. */
FOV_API bool              fov_model_states_preprocessing(const fov_model *model);
/** The layout of an input, or of an output that is a map: inferred from graph and shape (rules in model/layout.c and
 *  meaning.c), or as stated for the chosen input; NCHW where the value does not have four dimensions. A model is saved
 *  with the layout that its file had. */
FOV_API fov_layout fov_model_layout(const fov_model *model, fov_value input);
/** States the chosen input's layout; saved with the model. E_USAGE: no such layout; E_SHAPE: the input does not have
 *  four dimensions. */
FOV_API FOV_MUST_CHECK int fov_model_set_layout(fov_model *model, fov_layout layout);
/** Channels, height and width of the pictures that the chosen input takes, whatever its layout; false: it takes
 *  none. */
FOV_API bool fov_model_picture_size(const fov_model *model, int *channels, int *height, int *width);
/** Number of classes of the chosen output, of a map per pixel; 0 where the output holds values. */
FOV_API int               fov_model_classes(const fov_model *model);
/** The name of a class, "3" when none is known; of a value where the output holds values, "" when none is known. */
FOV_API const char       *fov_model_class(const fov_model *model, int index);
/** Sets a name per class. With two names, an output of a single number is taken as a logit. */
FOV_API FOV_MUST_CHECK int fov_model_set_classes(fov_model *model, const char *const *names, int count);
/** The same from a file: one name per line; a JSON list; an object {"0": "tench", ...} whose values may be lists that
 *  end in the name; or such a dictionary as Python prints it. E_INPUT: the file does not have one name per class. */
FOV_API FOV_MUST_CHECK int fov_model_read_classes(fov_model *model, const char *path);

/** Loads a Darknet network: a .cfg and its .weights (NULL: random weights). It knows the sections of the published
 *  detectors (YOLOv3, YOLOv4, their tiny forms) and classifiers; a detector's output is [N, rows, 5 + classes], boxes
 *  decoded to pixels. Preprocessing is Darknet's: 0..1, red first. E_UNSUPPORTED names an unknown section or option,
 *  with its line. */
FOV_API fov_model *fov_model_load_darknet(fov_context *context, const char *cfg, const char *weights);
/** Loads ONNX, recognised by content. E_INPUT: what is wrong and where; E_UNSUPPORTED: all nodes whose operators are
 *  not supported, in one sentence. A failing load leaves no partial model. A file made for a fixed number of samples is
 *  opened for any number where its graph allows. */
FOV_API fov_model *fov_model_load(fov_context *context, const char *path);
/** The same, with the height and width for a file that leaves those of its pictures open, for which fov_model_load
 *  takes 224 x 224, with a warning. A file that states a size keeps it: fov_model_resize changes that. */
FOV_API fov_model *fov_model_load_sized(fov_context *context, const char *path, int height, int width);
/** Prepares the model for another task: the last layer with weights (dense, or convolution as in SqueezeNet or of a
 *  map; of a detector in YOLOX's form the layer of each of its maps) gets `classes` outputs and new parameters drawn
 *  from the context's seed; class names are dropped. A softmax after it stays: fov_task_finish removes it where the
 *  task has no use for it. The model gets a new graph: values and graphs obtained from it before are invalid. `weight`
 *  (or NULL) receives the name of the (first) new weight, which belongs to the model's graph. E_UNSUPPORTED: no such
 *  layer is found; the model is then left as it was. */
FOV_API FOV_MUST_CHECK int fov_model_replace_head(fov_model *model, int classes, const char **weight);
/** Rebuilds the model for pictures of another size. It gets a new graph, as with fov_model_replace_head. E_SHAPE, and
 *  the model is left as it was: a layer needs the old size. */
FOV_API FOV_MUST_CHECK int fov_model_resize(fov_model *model, int height, int width);
/** Freezes (or, `frozen` false, unfreezes) the parameters whose names match and returns how many there are. Patterns
 *  are those of file names: "features.*" matches all names that begin so; "a*,b?" matches either. A batch norm whose
 *  weight is frozen keeps its running statistics. */
FOV_API int fov_model_freeze(fov_model *model, const char *pattern, bool frozen);
/** How many normalisations use the batch's statistics in inference, too, because the model's file has them in ONNX's
 *  training form (more than one output until opset 13, training_mode = 1 since). The result for a picture then depends
 *  on the other pictures of its batch. */
FOV_API int fov_model_batch_statistics(const fov_model *model);
/** Takes these normalisations out of training form, as PyTorch's model.eval() does: from now on they use the running
 *  statistics in inference, the batch's in training. Returns how many there were. Plans made before do not change. */
FOV_API int fov_model_use_running_statistics(fov_model *model);

/** Writes ONNX: the graph from all inputs to all outputs, weights, names, preprocessing, class names, the meaning of
 *  outputs, and all metadata of the file that the model came from. On failure an existing file is left as it was. */
FOV_API FOV_MUST_CHECK int fov_model_save(fov_model *model, const char *path);
/** The same in a chosen version of ONNX's operators, 13 to 22; 0 as fov_model_save: 17, or the first later one in which
 *  every operator of the model can be written. E_UNSUPPORTED: an operator that this version does not have. */
FOV_API FOV_MUST_CHECK int fov_model_save_opset(fov_model *model, const char *path, int opset);
/** Saves the weights alone, as safetensors, without the state of fov_update (fov_parameters_save has that, too). On
 *  failure an existing file is left as it was. E_INPUT: the model has no parameters; E_IO. */
FOV_API FOV_MUST_CHECK int fov_model_save_weights(fov_model *model, const char *path);
/** Loads every parameter by name and shape, none missing and none left over, from a file whose kind is recognised by
 *  its content: safetensors; an index of several files (NAME.safetensors.index.json, recognised by its name); PyTorch
 *  state dicts (.pth, .pt), without running the pickle in them; Keras files (.h5, .keras) of VGG, ResNet and DenseNet,
 *  whose names are translated and whose preprocessing the log names. Numbers of 16 and 64 bits become float32. A prefix
 *  that all names share ("module.") is removed where more names fit without it. On failure the model is left as it was.
 *  E_INPUT, E_SHAPE: all that is missing, left over or of another shape; what does not fit into the sentence goes to
 *  the log. E_UNSUPPORTED: Keras files in a build without libhdf5; E_IO. */
FOV_API FOV_MUST_CHECK int fov_model_load_weights(fov_model *model, const char *path);
/** Finds the library's network that a weights file (of any kind above) belongs to and returns it with these weights,
 *  for as many classes as the last layer in the file has. NULL and a sentence, E_INPUT: no network has exactly these
 *  parameters; the sentence names a near one and the differences. Pictures: as the file says, else as published. */
FOV_API fov_model *fov_model_from_weights(fov_context *context, const char *path, const fov_network_options *options);
/** The same for a network that is named, as in fov_model_network. E_USAGE: no network has that name or takes these
 *  options; E_INPUT, E_SHAPE: the weights are not the network's, as in fov_model_load_weights. */
FOV_API fov_model *fov_model_network_weights(fov_context *context, const char *name, const char *path,
                                             const fov_network_options *options);
/** Writes the tensors of a weights file (of any kind above) as safetensors, with unchanged names, types and bits. */
FOV_API FOV_MUST_CHECK int fov_weights_convert(fov_context *context, const char *from, const char *to);
/** SHA-256 (64 hexadecimal digits) over names, shapes and bytes of all parameters in order of name. */
FOV_API FOV_MUST_CHECK int fov_model_hash(fov_model *model, char hex[65]);

/** Sets the data of an input other than the chosen one, the same for every picture: one sample, dense and in plain order,
 *  of the input's type and exactly its bytes. The data are copied. E_USAGE: no other input
 *  has that name; E_SHAPE: the sizes differ. */
FOV_API FOV_MUST_CHECK int fov_model_fill_input(fov_model *model, const char *name, const void *data, size_t bytes);
/** The same from a NumPy file (.npy), whose numbers are converted where the input holds float32. */
FOV_API FOV_MUST_CHECK int fov_model_fill_input_file(fov_model *model, const char *name, const char *path);
/** The same for several inputs: "NAME=FILE.npy" or "NAME=0.5+2" (its numbers, which are whole where the input holds
 *  integers), with commas between them. */
FOV_API FOV_MUST_CHECK int fov_model_fill_inputs(fov_model *model, const char *text);
/** Sets the data of the inputs besides that of the pictures to what a dataset has for its sample `index`
 *  (fov_dataset_set_input, fov_dataset_options.inputs). E_USAGE: there is no such sample. */
FOV_API FOV_MUST_CHECK int fov_model_fill_from(fov_model *model, const fov_dataset *dataset, int64_t index);
/** How many numbers fov_predict writes per picture: a probability per class, or the output's values; 0: the output is a
 *  map, boxes, or not a row per picture. */
FOV_API int fov_model_scores(const fov_model *model);
/** Computes the chosen output for `count` pictures already preprocessed to floats, plain order
 *  [count, channels, height, width]; result [count, scores], where `scores` must be fov_model_scores. For classes these
 *  are probabilities: the softmax of logits, or the results of a softmax or sigmoid in the network; for a single logit
 *  or probability p the two numbers 1 - p and p. Values are returned unchanged. E_UNSUPPORTED: the output is a map or
 *  boxes, or depends on further inputs that are not filled. E_INPUT: an output stated to hold probabilities has a
 *  number outside 0 .. 1. E_NUMERIC: a number of the result would be NaN or infinite; the sentence has the picture and
 *  the first layer with such a number, and nothing is written from that picture's batch on. */
FOV_API FOV_MUST_CHECK int fov_predict(fov_model *model, const float *images, int count, float *result, int scores);
/** The same from 8-bit pixels [height, width, channels] of any size: the model's preprocessing is applied first. */
FOV_API FOV_MUST_CHECK int fov_predict_image(fov_model *model, const fov_image *image, float *result, int scores);
/** The same of several pictures, of any sizes, in batches of 64 at most. */
FOV_API FOV_MUST_CHECK int fov_predict_images(fov_model *model, const fov_image *images, int count, float *result,
                                              int scores);
/** The same, and fills seen[0 .. count - 1] with the preprocessed pictures, as fov_model_see does, without preparing
 *  them twice. The caller frees each with fov_image_free; on failure none is left. */
FOV_API FOV_MUST_CHECK int fov_predict_images_seen(fov_model *model, const fov_image *images, int count, float *result,
                                                   int scores, fov_image *seen);
/** The picture that the network sees: [height, width, channels] of its input, red first, after all preprocessing except
 *  scale, mean and deviation. The caller frees it with fov_image_free. E_SHAPE: the model reads no pictures. */
FOV_API FOV_MUST_CHECK int fov_model_see(fov_model *model, const fov_image *image, fov_image *seen);

/** A note to show beside the model's answer to a picture: "nothing is drawn on it: no ink was found", where
 *  preprocessing looks for ink (FOV_FIT_INK) and finds none; the model answers nevertheless. A constant text; NULL: no
 *  note. Answers of sessions have it, too (fov_answer.note). */
FOV_API const char *fov_model_note(fov_model *model, const fov_image *image);

/** One row of the table of layers. */
typedef struct fov_layer {
    const char *name, *type;     /**< "c1", "conv" */
    fov_shape   shape;           /**< of the result, one sample (dim 0 is FOV_BATCH) */
    int64_t     parameters;      /**< learned ones, frozen or not; running statistics are buffers */
    int64_t     buffers;         /**< running statistics: updated in training, but not by gradients */
    int64_t     multiply_adds;   /**< for one sample */
    size_t      bytes;           /**< of the result, for one sample */
    int64_t     receptive_field[2]; /**< pixels, height and width; 0: the whole image */
} fov_layer;
typedef struct fov_summary {
    int         layer_count;
    const fov_layer *layers; /**< belongs to the model, until the next call */
    int64_t     parameters, trainable; /**< trainable: those that are not frozen */
    int64_t     buffers;               /**< beside the parameters */
    int64_t     multiply_adds;    /**< to the chosen output: what a prediction costs */
    int64_t     neurons;          /**< results of conv and dense layers up to that output, for one sample */
    size_t      parameter_bytes;  /**< of parameters and buffers */
    size_t      activation_bytes; /**< sum over layers, one sample */
    fov_shape   input;
} fov_summary;
/** `input`: the input shape to summarise for ([C, H, W] or with a batch in front); NULL: the model's own. */
FOV_API FOV_MUST_CHECK int fov_model_summary(fov_model *model, const fov_shape *input, fov_summary *summary);
/** Draws the architecture as one page, into either file or both (NULL: not wanted): layers as boxes, grouped into
 *  blocks by their names, repeated blocks drawn once, with shape, parameters and receptive field of each block. `input`
 *  as above. E_UNSUPPORTED in a build without cairo. */
FOV_API FOV_MUST_CHECK int fov_model_draw(fov_model *model, const fov_shape *input, const char *svg, const char *png);

/** A named input or output of an operator. */
typedef struct fov_port_info {
    const char *name, *shape; /**< "x", "[N, C, H, W]" */
    bool        optional, variadic;
} fov_port_info;

/** The description of a built-in operator, from which `fovea ops` and docs/operators.md are made. Texts may be NULL. */
typedef struct fov_operator_info {
    const char *name, *family, *summary, *formula, *source;
    const char *onnx;     /**< its ONNX name; NULL: none of its own */
    int         since;    /**< first ONNX opset read */
    bool        gradient; /**< can be trained through (piecewise constant operators: with gradient zero) */
    double      rate;     /**< default learning rate of an optimiser that training can choose; else 0 */
    bool        fast;     /**< has a fast CPU implementation at every ISA level; false: its reference definition runs */
    int         in_count, out_count, option_count;
    fov_port_info in[12], out[12];
    struct {
        const char *name, *kind, *doc;
        double      standard; /**< default, as a number */
        const char *word;     /**< default of a choice or flag, as a word; else NULL */
    } option[24];
} fov_operator_info;
FOV_API int               fov_operator_count(void);
FOV_API fov_operator_info fov_operator_at(int index);

#ifdef __cplusplus
}
#endif
#endif
