/* SPDX-License-Identifier: MIT */
/* Datasets: pictures, each with a target, from files in common formats. A source is opened by one string:
 *
 *    "mnist"                   $FOVEA_DATA, else the XDG data directory (~/.local/share/fovea), else data or
 *                              ../shared/data here
 *    "mnist:DIR"               the four IDX files in DIR, plain or .gz, in any of their usual spellings (DIR,
 *                              DIR/mnist, DIR/MNIST/raw are tried); with :COUNT the first COUNT training samples
 *    "cifar10[:DIR][:COUNT]"   the binary archive's files
 *    "cifar100[:DIR][:COUNT]"  the same, by its 100 fine labels; "cifar100-coarse" by the 20 coarse ones
 *    "digits[:COUNT[:SEED]]"   drawn by fovea itself: digit strokes under random affine and elastic warps; 60,000 +
 *                              10,000, or COUNT and a sixth of it. Its seed (0) is not the context's: every run is
 *                              tested on the same pictures
 *    DIR                       a folder per class with pictures, in a folder per split: DIR/train/CLASS/...,
 *                              DIR/val/CLASS/..., DIR/test/CLASS/... Split folders are recognised in any case and by
 *                              their usual names (training, valid, validation, dev, testing, eval, training_set,
 *                              test2017 ...). Where there is only DIR/CLASS/..., or the pictures of val and test are
 *                              not in class folders, a tenth of each class, always the same, is held back for testing
 *
 *    DIR                       pictures with masks (images, masks), with boxes (YOLO, COCO, Pascal VOC), or with other
 *                              pictures (input, target): docs/files.md says how they may lie. "masks:DIR", "yolo:DIR",
 *                              "coco:DIR", "voc:DIR", "pairs:DIR" and "folder:DIR" say which it is
 *    FILE.csv                  a table of paths and classes, several classes or values
 *    FILE.json, data.yaml      COCO's boxes, YOLO's
 *    FILE.zip, FILE.tar ...    any of these in an archive, of which nothing is unpacked to disk; NAME-test.zip beside
 *                              NAME-train.zip is its test split. "shard-{000..099}.tar": several, WebDataset's
 *
 * A directory that holds IDX or CIFAR files is recognised as such. Labels are checked against the classes when opened.
 * Other files in a folder are skipped; fov_dataset_check lists them. */
#ifndef FOVEA_DATASET_H
#define FOVEA_DATASET_H

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fov_dataset fov_dataset;

/** Where a dataset has both val and test, FOV_VALIDATION is val and FOV_TEST is test; where it has only one of them,
 *  both constants mean that one. Training validates with FOV_VALIDATION, a later evaluation uses FOV_TEST. */
typedef enum fov_split { FOV_TRAIN = 0, FOV_TEST, FOV_VALIDATION } fov_split;

/** The kind of a sample's target: what a network should predict. A dataset has one kind. */
typedef enum fov_target {
    FOV_TARGET_NONE,    /**< nothing: pictures alone */
    FOV_TARGET_CLASS,   /**< one class of several */
    FOV_TARGET_CLASSES, /**< any number of classes at once */
    FOV_TARGET_VALUES,  /**< numbers */
    FOV_TARGET_MASK,    /**< a class for each pixel; 255: the pixel is ignored */
    FOV_TARGET_BOXES,   /**< objects, each a class and a box */
    FOV_TARGET_PICTURE  /**< another picture */
} fov_target;

/** An object in a picture: x1, y1 is its upper left corner, x2, y2 its lower right one, in pixels from the picture's
 *  upper left corner; x2 and y2 are the first coordinates outside. */
typedef struct fov_box {
    int   label; /**< its class */
    float x1, y1, x2, y2;
    bool  difficult; /**< Pascal VOC: ignored in evaluation, whether it is found or not */
    bool  crowd;     /**< COCO: several objects in one box */
} fov_box;

/** How a picture of another size or aspect ratio is fitted to a network's input. */
typedef enum fov_fit {
    FOV_FIT_UNSAID = 0, /**< not stated: as FOV_FIT_STRETCH; training replaces it by the dataset's fit */
    FOV_FIT_STRETCH, /**< the whole picture, stretched to the input's size */
    FOV_FIT_CROP,    /**< centre crop with the input's aspect ratio */
    FOV_FIT_PAD,     /**< the whole picture in its own aspect ratio, between black bars */
    FOV_FIT_INK      /**< the drawing on the picture: scaled to 20 of 28 pixels, its centre of mass in the middle, light
                          on black, as MNIST's digits are. A picture of the input's size that is light on dark is left
                          as it is, being in that form already */
} fov_fit;
/** Whether a picture is turned into its negative first. */
typedef enum fov_invert {
    FOV_INVERT_UNSAID = 0, /**< not stated: as FOV_INVERT_NO; training replaces it by the dataset's */
    FOV_INVERT_NO,
    FOV_INVERT_YES,
    FOV_INVERT_AUTO /**< where the picture's content is darker than its edges */
} fov_invert;

/** Everything about a dataset but its pixels. */
typedef struct fov_dataset_info {
    const char *name;    /**< "mnist" */
    const char *source;  /**< where it was found: a directory, or "drawn by fovea" */
    int64_t     count;   /**< samples */
    fov_target  target;
    int         classes; /**< 0 where the kind of target has no classes */
    int         values;  /**< FOV_TARGET_VALUES: how many numbers a sample has */
    /** Folders: 3 channels where any picture of any split is in colour, else 1; the median height and width of all. */
    int         channels, height, width;
    bool        same_size; /**< every sample has that size (folders: by the pictures' headers) */
    int         least[2], most[2]; /**< smallest and largest height and width, pixels */
    int64_t     unreadable; /**< samples whose file is known to be no picture: training on them will fail */
    /** The form of all its pictures, to which models trained on it bring other pictures: digits and MNIST FOV_FIT_INK
     *  and FOV_INVERT_AUTO; other data FOV_FIT_UNSAID and FOV_INVERT_UNSAID. */
    fov_fit     fit;
    fov_invert  invert;
    /** Which samples of the source these are: "train", "val", "test" (those of a split that the data states), "held
     *  back" or "left" (of samples to train with, those held back and the others), "all" (the data states no splits). */
    const char *part;
} fov_dataset_info;

/** NULL and a sentence on the context: not found (says where it looked and how to get it), damaged (file, offset, what
 *  is wrong), a label beyond the classes, different counts of pictures and labels. Free before the context. */
FOV_API fov_dataset     *fov_dataset_open(fov_context *context, const char *source, fov_split split);

/** Which training samples are held back for validation; set at most one member. FOV_VALIDATION opens the samples held
 *  back, FOV_TRAIN the rest, always the same for the same files; FOV_TEST the data's own test split or, without one,
 *  the samples held back. Neither part is ever empty: E_INPUT where it would be (.val_last: E_USAGE). E_USAGE where the
 *  data has a validation split of its own. */
typedef struct fov_dataset_options {
    double      val_split; /**< a fraction, of each class where there are classes; 0: 0.1 of data without any split */
    int64_t     val_last;  /**< a number of samples, the last in order of name, digits in names compared as numbers */
    const char *val_list;  /**< a file with a name per line: paths, or ends of paths, with or without suffix */
    /** Data that states no splits is not divided: every split is all of its samples. Other data is split as it states.
     *  E_USAGE beside one of the members above. */
    bool        whole;
    /** What goes into inputs of a network besides that of the pictures, several separated by commas: "NAME=FILE.npy" or
     *  "NAME=0.5+2", one row of numbers for all samples; "NAME=COLUMN+COLUMN", columns of a table of samples (CSV),
     *  which hold a number in each row and are then no targets. E_INPUT: a cell of these columns holds no number. NULL:
     *  nothing. */
    const char *inputs;
} fov_dataset_options;
/** fov_dataset_open with options; NULL: all defaults. */
FOV_API fov_dataset *fov_dataset_open_opt(fov_context *context, const char *source, fov_split split,
                                          const fov_dataset_options *options);
FOV_API void             fov_dataset_free(fov_dataset *dataset); /**< accepts NULL */
/** Sets what goes into the input rows->name of a network besides that of the pictures: rows->shape is [samples, ...], a
 *  row for each sample in the dataset's order, or [1, ...], one row for all samples. The data are copied. Training and
 *  evaluation match a row with the network's input by its number of elements; elements of another type than the input's
 *  are converted, to integers where they are whole. E_SHAPE: another number of samples; E_USAGE: the input is set
 *  already. */
FOV_API FOV_MUST_CHECK int fov_dataset_set_input(fov_dataset *dataset, const fov_tensor *rows);
/** For how many inputs of a network it has rows. */
FOV_API int fov_dataset_inputs(const fov_dataset *dataset);
FOV_API fov_dataset_info fov_dataset_describe(const fov_dataset *dataset);
FOV_API const char      *fov_dataset_class(const fov_dataset *dataset, int index); /**< its name; "": no such class */
/** FOV_TARGET_CLASS: the class of a sample; -1 for other targets, and where there is no such sample. */
FOV_API int              fov_dataset_label(const fov_dataset *dataset, int64_t index);
/** FOV_TARGET_VALUES: the name of a value; "": it has none. */
FOV_API const char      *fov_dataset_value_name(const fov_dataset *dataset, int index);

/** One sample's unchanged picture: 8-bit pixels [height, width, channels]. *pixels is valid until the next call on this
 *  dataset. E_USAGE: no sample of that number; E_INPUT, E_IO: it cannot be read, the sentence names it. */
FOV_API FOV_MUST_CHECK int fov_dataset_sample(fov_dataset *dataset, int64_t index, const uint8_t **pixels, int *height,
                                              int *width, int *channels);

/** A sample with its target; members for other kinds of target than the dataset's are 0 or NULL. */
typedef struct fov_sample {
    int            height, width, channels;
    const uint8_t *pixels; /**< [height, width, channels] */
    int            label;
    const float   *numbers; /**< [classes] of 0 and 1, or [values] */
    const uint8_t *mask;    /**< [height, width] */
    const fov_box *boxes;
    int64_t        box_count;
    int            other_height, other_width, other_channels;
    const uint8_t *other; /**< [other_height, other_width, other_channels]: what the picture should become */
} fov_sample;
/** Reads one sample. Its pointers are valid until the next call on this dataset. Failures as for fov_dataset_sample. */
FOV_API FOV_MUST_CHECK int fov_dataset_read(fov_dataset *dataset, int64_t index, fov_sample *sample);

/** A dataset from a program's own function, or from its arrays. Zero fields are the defaults. Samples are checked
 *  against what is stated here. */
typedef struct fov_dataset_program {
    const char        *name;  /**< "program" */
    int64_t            count; /**< samples, at least 1 */
    fov_target         target; /**< for arrays, 0: the given array's kind (.labels: FOV_TARGET_CLASS, ...) */
    int                classes; /**< number of classes, for targets with classes; 1 to 255 for masks */
    const char *const *class_names; /**< [classes]; NULL: "0", "1" ... */
    int                values;
    const char *const *value_names; /**< [values]; NULL: "0", "1" ... */
    /** Size of all samples: a sample of another size is refused. For a function, each may be 0: the first sample's is
     *  reported, and others may differ. channels: 1, 3 or 4. */
    int                height, width, channels;

    /** Fills in a zeroed sample: pixels, and the members of the target. Called on any thread, on several at once, and
     *  as often as the sample is needed; the same index must give the same sample. FOV_OK, or a status that is passed
     *  on and ends training. */
    int (*read)(void *user, int64_t index, fov_sample *sample);
    /** Called after each read that returned FOV_OK, on the same thread, once the sample's data have been copied, to
     *  free them. NULL: nothing to free. */
    void (*done)(void *user, fov_sample *sample);
    /** Called when the dataset is freed. NULL: nothing to do. */
    void (*release)(void *user);
    void *user;

    /** In place of a function: all pixels [count, height, width, channels]; with one of the arrays below, or without
     *  targets. All arrays except .labels are not copied: they must stay valid as long as the dataset. */
    const uint8_t *pixels;
    /** FOV_TARGET_CLASS: [count] in 0 .. classes - 1, copied. Also allowed with a function, which then need not fill in
     *  .label; a function without .labels is called once for every sample in fov_dataset_create. */
    const int32_t *labels;
    const float   *numbers; /**< FOV_TARGET_CLASSES: [count, classes] of 0 and 1; FOV_TARGET_VALUES: [count, values] */
    const uint8_t *masks;   /**< FOV_TARGET_MASK: [count, height, width] */
    const fov_box *boxes;   /**< FOV_TARGET_BOXES: those of the first sample, then those of the next ... */
    const int32_t *box_counts; /**< [count]: how many of the boxes belong to each sample */
    const uint8_t *others;  /**< FOV_TARGET_PICTURE: [count, other_height, other_width, other_channels] */
    int            other_height, other_width, other_channels; /**< 0: height, width, channels */
} fov_dataset_program;
/** Makes a dataset of a program's samples, usable like one from files: for training, evaluation, sheets. Samples of a
 *  function are checked at each read, the targets of arrays in this call. E_INPUT with the sample's number: a picture
 *  is not as stated, a class is out of range, a number is not finite, a mask or a box is invalid, or a target is given
 *  and .target is FOV_TARGET_NONE. NULL and a sentence on the context, E_USAGE: the description makes no sense, or has
 *  an array that .target does not use; `release` is not called then. See examples/own_dataset.c. */
FOV_API fov_dataset *fov_dataset_create(fov_context *context, const fov_dataset_program *program);

typedef struct fov_sheet_options {
    int64_t     first, count; /**< first sample and number of samples; count 0: 12; 400 at most */
    bool        spread;       /**< false: consecutive samples; true: evenly spread over all samples from `first` on */
    const char *augment;      /**< as in fov_train_options: each sample beside four variants; NULL: no variants */
} fov_sheet_options;
/** Draws a contact sheet as PNG: samples with their classes, masks as a tint and boxes with a legend, target pictures
 *  beside the samples. E_UNSUPPORTED in builds without cairo. `options` may be NULL. */
FOV_API FOV_MUST_CHECK int fov_dataset_sheet(fov_dataset *dataset, const fov_sheet_options *options, const char *path);

/* Checking a dataset's files */

typedef enum fov_severity {
    FOV_FINDING_NOTE = 0, /**< harmless: a hidden file that is skipped */
    FOV_FINDING_WARNING,  /**< probably not intended: a picture that is in two splits */
    FOV_FINDING_ERROR     /**< the dataset cannot be used, or training will stop there: a damaged picture */
} fov_severity;

typedef struct fov_finding {
    fov_severity severity;
    const char  *kind; /**< "damaged picture", "hidden file" ...: one of a few dozen kinds */
    const char  *file; /**< path of the file or folder */
    const char  *what; /**< a description of the problem */
    const char  *fate; /**< how the file is treated: "skipped", "used, transparency dropped", "error" */
} fov_finding;

typedef struct fov_check {
    int64_t            count;
    const fov_finding *findings;
    int64_t            errors, warnings, notes;
    int64_t            samples; /**< number of samples decoded */
    void              *owner;   /**< internal */
} fov_check;

typedef struct fov_check_options {
    /** false: decode every sample; true: names and headers only */
    bool  quick;
    int (*progress)(void *user, int64_t done, int64_t total); /**< nonzero stops: E_INTERRUPTED */
    void *user;
} fov_check_options;

/** Checks a dataset in all its splits and lists every finding; that a dataset cannot be opened is a finding, too. Fails
 *  only for an unknown source, without memory, or when stopped. `options` may be NULL. */
FOV_API FOV_MUST_CHECK int fov_dataset_check(fov_context *context, const char *source, const fov_check_options *options,
                                             fov_check *check);
FOV_API void               fov_check_free(fov_check *check); /**< accepts a zeroed one */

/** Downloads a known dataset ("mnist") from public mirrors, tried in turn ($FOVEA_MIRROR, a URL, first), and verifies
 *  each file's SHA-256. directory NULL: the data directory. progress may be NULL; returning nonzero from it stops.
 *  Existing files with the right SHA-256 are kept. */
FOV_API FOV_MUST_CHECK int fov_dataset_get(fov_context *context, const char *name, const char *directory,
                                           int (*progress)(void *user, const char *file, uint64_t done, uint64_t total),
                                           void *user);

/* Pictures */

/** An 8-bit picture [height, width, channels], channels 1, 3 or 4. */
typedef struct fov_image {
    int      height, width, channels;
    uint8_t *pixels;
    void    *owner; /**< internal */
    /** [channels, height, width] for the input of a network, which takes them without any preprocessing; .pixels is then
     *  only a picture of them. Their size must be the input's. NULL: .pixels are preprocessed for the input. */
    float   *values;
} fov_image;
/** Decodes PNG, JPEG, WebP, GIF (the first frame) or BMP, recognised by content, not by name, and turns the picture
 *  upright by its EXIF orientation. `channels` 0: as in the file; 1: grey, 3: RGB. Also reads a NumPy array (.npy) of
 *  uint8, [H, W], [H, W, C] or [C, H, W] with 1, 3 or 4 channels. E_INPUT: no image, damaged, or beyond the limits
 *  (16,384 pixels a side, 64 million in all). E_UNSUPPORTED: this build lacks the format. */
FOV_API FOV_MUST_CHECK int fov_image_load(fov_context *context, const char *path, int channels, fov_image *image);
/** The same, channels as in the file, for a network's input: arrays of float16, float32 and float64 are read too, and
 *  become .values. Of an array [N, C, H, W] or [N, H, W, C] `index` says which picture, from 0; else it is 0. E_USAGE: no
 *  such picture. */
FOV_API FOV_MUST_CHECK int fov_image_load_input(fov_context *context, const char *path, int64_t index,
                                                fov_image *image);
/** How many pictures a file holds for fov_image_load_input: N of such an array, else 1, also for files that cannot be
 *  read. 0 and a sentence: a damaged array. Not for pipes, which can be read once. */
FOV_API int64_t fov_image_count(fov_context *context, const char *path);
/** Writes pixels [height, width, channels], channels 1, 3 or 4, as PNG. E_USAGE: other channels, no pixels, a size
 *  beyond the limits above; E_IO. */
FOV_API FOV_MUST_CHECK int fov_image_save_png(fov_context *context, const char *path, int height, int width,
                                              int channels, const uint8_t *pixels);
FOV_API void fov_image_free(fov_image *image); /**< accepts a zeroed one */

#ifdef __cplusplus
}
#endif
#endif
