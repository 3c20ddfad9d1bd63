/* SPDX-License-Identifier: MIT */
/* A model is a graph with its parameters, its preprocessing and its class names: what a file holds. Models are saved as
 * ONNX (opset 17 unless another is needed or asked for), which opens in ONNX Runtime, Netron and PyTorch; weights alone
 * as safetensors. */
#ifndef FOVEA_MODEL_H
#define FOVEA_MODEL_H

#include <fovea/dataset.h>
#include <fovea/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fov_model fov_model;

/** Whole pictures with grey around them. */
typedef enum fov_letterbox_kind {
    FOV_LETTERBOX_NONE,   /**< pictures are squeezed, or cut (.shorter, .crop) */
    FOV_LETTERBOX_CORNER, /**< whole and undistorted in the upper left corner, the rest filled with grey 114 (YOLOX) */
    FOV_LETTERBOX_CENTRED /**< the same in the middle */
} fov_letterbox_kind;

/** What happens to pixels before they are the input: resized (bilinear, antialiased as Pillow does) to the input's
 *  height and width, or by the shorter side with a piece cut out of the middle; multiplied by scale; then
 *  (x - mean) / deviation for each channel in the order in which the network has them. Stored in the file, so that a
 *  prediction anywhere starts from the same pixels. */
typedef struct fov_preprocessing {
    float mean[4];      /**< 0; of pixels times scale, the network's first channel first */
    float deviation[4]; /**< 0 means 1 */
    int   pad;          /**< 0: pixels of zero (before normalising: black) put around the resized picture */
    float scale;        /**< 0 means 1/255: pixels become 0..1; 1 leaves them 0..255 */
    bool  bgr;          /**< false: red first; true: blue first, as OpenCV and Caffe have pixels */
    int   shorter;      /**< 0: the whole picture is squeezed into the input's size; else its shorter side becomes this
                             many pixels, the other keeps its proportion, and the middle is cut out */
    int   crop;         /**< side of the square that is cut out; 0: of the input's size. Without `shorter`, of the
                             picture as it is. What is not of the input's size afterwards is resized to it */
    fov_letterbox_kind letterbox; /**< boxes.h has its arithmetic */
    fov_fit    fit;     /**< FOV_FIT_UNSAID; in place of .shorter, .crop and .letterbox */
    fov_invert invert;  /**< FOV_INVERT_UNSAID */
} fov_preprocessing;

/** Where an input of pictures has its channels. */
typedef enum fov_layout {
    FOV_LAYOUT_NCHW, /**< [N, channels, height, width]: PyTorch */
    FOV_LAYOUT_NHWC  /**< [N, height, width, channels]: Keras, TensorFlow */
} fov_layout;

/** An empty model, to be built with fov_model_graph and operators.h. */
FOV_API fov_model *fov_model_create(fov_context *context);
/** A network by name ("lenet5", "resnet50", ...; fov_network_at lists them) for a given input and number of classes; 0
 *  means the network's own. Options of the network stand behind its name: "resnet50:attention=cbam",
 *  "vgg16_bn:head=linear:dropout=0.3". Parameters are drawn from the context's seed. Auxiliary heads are further
 *  outputs. E_USAGE for an unknown name, with the nearest known one, or an unknown option, with those there are. */
typedef struct fov_network_options {
    int channels, height, width; /**< the network's own, e.g. 1 x 28 x 28 */
    int classes;                 /**< the network's own, e.g. 10 */
} fov_network_options;
FOV_API fov_model *fov_model_network(fov_context *context, const char *name, const fov_network_options *options);
FOV_API int         fov_network_count(void);
FOV_API const char *fov_network_name(int index);
FOV_API const char *fov_network_summary(int index); /**< one line */

/** A network as its descriptor has it. Texts may be NULL. */
typedef struct fov_network_info {
    const char *name, *family, *summary;
    int         year; /**< of its publication; 0: it has none */
    const char *paper;     /**< authors and title */
    const char *accuracy;  /**< as published, with its data */
    const char *reference; /**< whose weights load by name: "torchvision" */
    const char *task;      /**< "classify", "segment" */
    bool        one_task;  /**< it is of use for that task alone: its models are made for it */
    int         channels, height, width, classes; /**< what is built when nothing is asked for */
    int         pad;       /**< pixels that preprocessing puts around the picture */
    bool        backbone;  /**< others can stand on its stages */
    int         option_count;
    struct {
        const char *name, *doc;
        const char *word;        /**< default of a choice or flag, as a word; else NULL */
        const char *const *choices; /**< of a choice, ended by NULL; else NULL */
        double      standard, minimum, maximum;
    } option[8];
} fov_network_info;
FOV_API fov_network_info fov_network_at(int index); /**< in order of name; all NULL beyond the last */
/** Whether some network has an option of that name, '-' and '_' counted as one. */
FOV_API bool fov_network_has_option(const char *option);

FOV_API void       fov_model_free(fov_model *model); /**< accepts NULL; before the context. Sessions go on with it */
FOV_API fov_graph *fov_model_graph(fov_model *model);

/* ---- inputs and outputs -------------------------------------------------------------------------------------------
 * A model has any number of either, each with the name that its value has in the graph (fov_value_name). One of each is
 * chosen: pictures go into the chosen input, and predictions, evaluation and training are about the chosen output. At
 * first these are the first input that reads pictures (else the first of all) and the first output; a file may name
 * another output (metadata "fovea.output"). */

/** What the numbers of an output are: found from the graph's last operators, through casts and reshapes; stated by
 *  files that fovea wrote (metadata "fovea.outputs") and by fov_model_set_meaning. Predictions, evaluation and the loss
 *  of training all follow this one answer. */
typedef enum fov_meaning {
    FOV_MEANING_LOGITS,  /**< [N, classes] before a softmax; [N, 1] before a sigmoid: two classes */
    FOV_MEANING_SOFTMAX, /**< [N, classes], probabilities that sum to 1 */
    FOV_MEANING_SIGMOID, /**< [N, classes], a probability each on its own; [N, 1]: that of the second of two classes */
    FOV_MEANING_VALUES,  /**< numbers that are no scores of classes: a regression, features, a position */
    FOV_MEANING_MAP,     /**< scores per pixel: [N, C, H, W] or [N, H, W] */
    FOV_MEANING_BOXES    /**< a detector's rows, for places of maps of stride 8, 16, 32, [N, rows, 5 + classes] of YOLOX and
                              YOLOv5, [N, 4 + classes, rows] of YOLOv8: middle and size of a box, the probability of an
                              object, of each class (docs/tasks.md, detect) */
} fov_meaning;
FOV_API const char *fov_meaning_name(fov_meaning meaning); /**< "logits", "softmax", "sigmoid", "values", "map" */
FOV_API bool        fov_meaning_find(const char *name, fov_meaning *meaning); /**< false: there is none of that name */

/** States the inputs and outputs, which must be done for models built by hand: values made with fov_input, and results
 *  of operators. What was stated of an output before holds no longer. E_USAGE, and the model as it was, for others. */
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
FOV_API fov_meaning fov_model_meaning(const fov_model *model, fov_value output); /**< values, where it is no output */
/** Says what an output is, whatever the graph looks like. E_SHAPE where its shape cannot be that: a map has two
 *  dimensions or more beside the batch, scores of classes have one. */
FOV_API FOV_MUST_CHECK int fov_model_set_meaning(fov_model *model, fov_value output, fov_meaning meaning);

/** Makes an output an auxiliary head: training of the chosen output adds `share` times the loss of this one, on the same
 *  targets (Szegedy et al. 2015: 0.3). Predictions do not compute it. 0: it is none. Saved with the model. E_USAGE: no
 *  output of the model; a share outside 0 .. 1. */
FOV_API FOV_MUST_CHECK int fov_model_set_auxiliary(fov_model *model, fov_value output, float share);
FOV_API float              fov_model_auxiliary(const fov_model *model, fov_value output); /**< 0 where it is none */

/** The chosen ones. */
FOV_API fov_value fov_model_input(const fov_model *model);
FOV_API fov_value fov_model_output(const fov_model *model);
/** Chooses by name. E_USAGE with all names where there is none of that one. */
FOV_API FOV_MUST_CHECK int fov_model_choose_input(fov_model *model, const char *name);
FOV_API FOV_MUST_CHECK int fov_model_choose_output(fov_model *model, const char *name);

FOV_API const char *fov_model_name(const fov_model *model); /**< "lenet5"; "" when unknown */
FOV_API void        fov_model_set_name(fov_model *model, const char *name);
/** What it was trained for, "segment:loss=dice..." (train.h); "" where that is not known. Saved with the model. */
FOV_API const char *fov_model_task(const fov_model *model);
FOV_API void        fov_model_set_task(fov_model *model, const char *task);
FOV_API fov_preprocessing fov_model_preprocessing(const fov_model *model);
FOV_API void              fov_model_set_preprocessing(fov_model *model, const fov_preprocessing *preprocessing);
/** Sets mean, deviation or both to those of the pictures in `data`, for each channel over all pixels, as the model is
 *  given them (fitted to its input, in its order of channels, scaled): those that it is to learn from, which nothing
 *  else should be measured with. Of pictures that are not in memory 10,000 are read at most, evenly spread. The numbers
 *  are saved with the model. E_SHAPE: it reads no pictures. */
FOV_API FOV_MUST_CHECK int fov_model_measure_pixels(fov_model *model, const fov_dataset *data, bool mean,
                                                    bool deviation);
/** False where a model's file says nothing of preprocessing: then 0..1 is only assumed, which is logged once when
 *  pictures are first prepared for it, and not written when it is saved. Setting it, or training with it, states it. */
FOV_API bool              fov_model_states_preprocessing(const fov_model *model);
/** The layout of an input, or of an output that is a map: what the graph and the shape say (model/layout.c and meaning.c
 *  have the rules), or what was stated of the chosen input; NCHW where it does not have four dimensions. A model is
 *  saved with the input that its file had. */
FOV_API fov_layout fov_model_layout(const fov_model *model, fov_value input);
/** States the chosen input's layout; saved with the model. E_USAGE: there is no such layout; E_SHAPE where it does not
 *  have four dimensions. */
FOV_API FOV_MUST_CHECK int fov_model_set_layout(fov_model *model, fov_layout layout);
/** Channels, height and width of the pictures that the chosen input takes, whatever its layout; false: none. */
FOV_API bool fov_model_picture_size(const fov_model *model, int *channels, int *height, int *width);
/** Classes that the chosen output tells apart: of a map for each pixel; 0 where it holds values. */
FOV_API int               fov_model_classes(const fov_model *model);
FOV_API const char       *fov_model_class(const fov_model *model, int index); /**< "3" when no name is known */
/** A name per class. Two names make the single number of an output a logit. */
FOV_API FOV_MUST_CHECK int fov_model_set_classes(fov_model *model, const char *const *names, int count);
/** The same from a file: a name to a line; a JSON list; an object {"0": "tench", ...} whose values may be lists that
 *  end in the name; or such a dictionary as Python prints it. E_INPUT where they are not one for each class. */
FOV_API FOV_MUST_CHECK int fov_model_read_classes(fov_model *model, const char *path);

/** A network of Darknet's: a .cfg of sections and, NULL: random numbers, its .weights. Sections of the published detectors
 *  (YOLOv3, YOLOv4, their tiny forms) and classifiers; a detector's output is [N, rows, 5 + classes], boxes decoded to
 *  pixels. Preprocessing is Darknet's: 0..1, red first. E_UNSUPPORTED names what is not known, with its line. */
FOV_API fov_model *fov_model_load_darknet(fov_context *context, const char *cfg, const char *weights);
/** Loads ONNX by content. E_INPUT: what is wrong and where; E_UNSUPPORTED: every node that has no operator here, in one
 *  message. Nothing loads by half. A file made for a fixed number of samples is opened for any number where its graph
 *  allows. */
FOV_API fov_model *fov_model_load(fov_context *context, const char *path);
/** The same for a file that leaves its pictures' height and width open: what they shall be. fov_model_load takes 224 x
 *  224, with a warning. A file that states a size keeps it: fov_model_resize changes that. */
FOV_API fov_model *fov_model_load_sized(fov_context *context, const char *path, int height, int width);
/** For another task: the last layer with weights (dense, or convolution as in SqueezeNet or of a map; of a detector in
 *  YOLOX's form the layer of each of its maps) gets `classes` outputs, and its parameters new values drawn from the
 *  context's seed; class names go. A softmax after it stays: fov_task_finish takes it away where the task has no use for
 *  it. The model's graph is a new one after this: values and fov_model_graph taken before are of no use. `weight` (or
 *  NULL): the name of the (first) weight that is new; belongs to the model's graph. E_UNSUPPORTED where no such layer
 *  is found; the model is then as it was. */
FOV_API FOV_MUST_CHECK int fov_model_replace_head(fov_model *model, int classes, const char **weight);
/** For pictures of another size. The model's graph is a new one after this, as with fov_model_replace_head. E_SHAPE,
 *  and the model as it was, where a layer needs the old size. */
FOV_API FOV_MUST_CHECK int fov_model_resize(fov_model *model, int height, int width);
/** Freezes (or, `frozen` false, frees) the parameters whose names match, and answers how many. Patterns are those of
 *  file names: "features.*" is all that begin so; "a*,b?" is either. A batch norm whose weight is frozen keeps its
 *  statistics. */
FOV_API int fov_model_freeze(fov_model *model, const char *pattern, bool frozen);
/** How many normalisations take the statistics of the batch in inference, too, because the model's file has them in
 *  ONNX's training form (more than one output until opset 13, training_mode = 1 since). What they make of a picture then
 *  depends on those beside it. */
FOV_API int fov_model_batch_statistics(const fov_model *model);
/** Takes those out of training form, as PyTorch's model.eval() does: from here on they take the running statistics in
 *  inference, the batch's in training. How many there were. A plan made before stays as it is. */
FOV_API int fov_model_use_running_statistics(fov_model *model);

/** Writes ONNX: the graph from all inputs to all outputs, weights, names, preprocessing, class names, what outputs
 *  mean, and whatever metadata the model's file had. The old file survives any failure. */
FOV_API FOV_MUST_CHECK int fov_model_save(fov_model *model, const char *path);
/** The same in a chosen version of ONNX's operators, 13 to 22; 0 is what fov_model_save takes: 17, or the first above
 *  in which every operator of the model can be written. E_UNSUPPORTED: an operator that this version does not have. */
FOV_API FOV_MUST_CHECK int fov_model_save_opset(fov_model *model, const char *path, int opset);
/** Weights alone, as safetensors; what fov_update keeps beside them is left out (fov_parameters_save has all). The old
 *  file survives any failure. E_INPUT: the model has no parameters; E_IO. */
FOV_API FOV_MUST_CHECK int fov_model_save_weights(fov_model *model, const char *path);
/** Takes every parameter by name and shape, none missing and none too many, from a file that is known by its content:
 *  safetensors; an index of several (NAME.safetensors.index.json, by its name); PyTorch's own files of a state dict
 *  (.pth, .pt), without running the pickle in them; Keras' (.h5, .keras) of VGG, ResNet and DenseNet, whose names are
 *  translated and whose preprocessing the log names. Numbers of 16 and 64 bits become float32. What all names begin with
 *  ("module.") is taken off where more of them fit without it. On failure the model is as it was. E_INPUT, E_SHAPE: all
 *  that is missing, too much or of another shape; what does not fit into the sentence goes to the log. E_UNSUPPORTED:
 *  Keras' files in a build without libhdf5; E_IO. */
FOV_API FOV_MUST_CHECK int fov_model_load_weights(fov_model *model, const char *path);
/** The network by name that a file of weights, of any kind as above, belongs to, with them, for as many classes as its
 *  last layer has. NULL and a sentence, E_INPUT: none has just these parameters; the sentence names the nearest and what
 *  differs. */
FOV_API fov_model *fov_model_from_weights(fov_context *context, const char *path, const fov_network_options *options);
/** Writes the tensors of a file of weights, of any kind as above, as safetensors: names, types and bits as they are. */
FOV_API FOV_MUST_CHECK int fov_weights_convert(fov_context *context, const char *from, const char *to);
/** SHA-256 (64 hexadecimal digits) over names, shapes and bytes of all parameters in order of name. */
FOV_API FOV_MUST_CHECK int fov_model_hash(fov_model *model, char hex[65]);

/** What fov_predict puts into an input beside the chosen one, the same for every picture: one sample, dense and in
 *  plain order, of the input's type and exactly its bytes. The data are copied. E_USAGE: there is no other input of that
 *  name; E_SHAPE: the sizes differ. */
FOV_API FOV_MUST_CHECK int fov_model_fill_input(fov_model *model, const char *name, const void *data, size_t bytes);
/** The same from a NumPy file (.npy), whose numbers are converted where the input holds float32. */
FOV_API FOV_MUST_CHECK int fov_model_fill_input_file(fov_model *model, const char *name, const char *path);
/** How many numbers fov_predict makes of a picture: a probability per class, or the output's values; 0: the output is
 *  a map, or not a row per picture. */
FOV_API int fov_model_scores(const fov_model *model);
/** What the chosen output says of `count` pictures already preprocessed to floats, plain order
 *  [count, channels, height, width]; result [count, scores], where `scores` is fov_model_scores. Of classes these are
 *  probabilities: the softmax of logits, or what a softmax or sigmoid in the network gives; of a single logit or
 *  probability p the two numbers 1 - p and p. Values are given as they are. E_UNSUPPORTED: the output is a map; it
 *  depends on further inputs that nobody filled. E_NUMERIC: a number of the result would be NaN or infinite; the
 *  sentence has the picture and the layer where that was seen first, and nothing is written from that picture's batch
 *  on. */
FOV_API FOV_MUST_CHECK int fov_predict(fov_model *model, const float *images, int count, float *result, int scores);
/** The same from 8-bit pixels [height, width, channels] of any size: the model's preprocessing is applied first. */
FOV_API FOV_MUST_CHECK int fov_predict_image(fov_model *model, const fov_image *image, float *result, int scores);
/** The same of several pictures, of any sizes, in batches of 64 at most. */
FOV_API FOV_MUST_CHECK int fov_predict_images(fov_model *model, const fov_image *images, int count, float *result,
                                              int scores);
/** The same, and in seen[0 .. count - 1] what the network saw of each picture, as fov_model_see gives it, without
 *  preparing it twice. Freed by the caller with fov_image_free, each; on failure none is left. */
FOV_API FOV_MUST_CHECK int fov_predict_images_seen(fov_model *model, const fov_image *images, int count, float *result,
                                                   int scores, fov_image *seen);
/** What the network sees of a picture: [height, width, channels] of its input, red first, after all preprocessing but
 *  scale, mean and deviation. Freed by the caller with fov_image_free. E_SHAPE: the model reads no pictures. */
FOV_API FOV_MUST_CHECK int fov_model_see(fov_model *model, const fov_image *image, fov_image *seen);

/** What there is to say of a picture to whoever reads the model's answer to it: "nothing is drawn on it: no ink was
 *  found", where preprocessing looks for ink (FOV_FIT_INK) and there is none; the model answers all the same. A
 *  constant text; NULL: nothing. Answers of sessions have it (fov_answer.note). */
FOV_API const char *fov_model_note(fov_model *model, const fov_image *image);

/** One line of the table of layers. */
typedef struct fov_layer {
    const char *name, *type;     /**< "c1", "conv" */
    fov_shape   shape;           /**< of the result, one sample (dim 0 is FOV_BATCH) */
    int64_t     parameters;      /**< learned ones, frozen or not; running statistics are buffers */
    int64_t     buffers;         /**< running statistics: renewed in training, learned by nobody */
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
    int64_t     neurons;          /**< results of layers that multiply (conv, dense), for one sample, on the same way */
    size_t      parameter_bytes;  /**< with buffers */
    size_t      activation_bytes; /**< sum over layers, one sample */
    fov_shape   input;
} fov_summary;
/** `input` NULL: the model's own; else the shape to ask about ([C, H, W] or with a batch in front). */
FOV_API FOV_MUST_CHECK int fov_model_summary(fov_model *model, const fov_shape *input, fov_summary *summary);
/** Draws the architecture as one page, into either file or both (NULL: not wanted): layers as boxes, by blocks as their
 *  names say, those that are alike once; of each block shape, parameters and receptive field. `input` as above.
 *  FOV_E_UNSUPPORTED without cairo. */
FOV_API FOV_MUST_CHECK int fov_model_draw(fov_model *model, const fov_shape *input, const char *svg, const char *png);

/** A named input or output of an operator. */
typedef struct fov_port_info {
    const char *name, *shape; /**< "x", "[N, C, H, W]" */
    bool        optional, variadic;
} fov_port_info;

/** One operator as its descriptor has it: `fovea ops` and docs/operators.md are written from these. Texts may be
 *  NULL. */
typedef struct fov_operator_info {
    const char *name, *family, *summary, *formula, *source;
    const char *onnx;     /**< its ONNX name; NULL: none of its own */
    int         since;    /**< first ONNX opset read */
    bool        gradient; /**< can be trained through (piecewise constant operators: with gradient zero) */
    double      rate;     /**< of an optimiser that training can choose: its learning rate where none is given */
    bool        fast;     /**< has a CPU form over the kernels, on every ISA level; else its definition runs */
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
