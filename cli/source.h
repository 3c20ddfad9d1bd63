/* SPDX-License-Identifier: MIT */
/* Models and datasets by the words that users type: a network's name or a file, a dataset's name or a folder. On
 * failure NULL, with the sentence left for fail_library. */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include "cli.h"

/** Whether the word means a file (it has a '/' or a known suffix, is "-", or such a file exists) rather than a
 *  network. */
bool source_is_file(const char *word);
bool source_is_weights(const char *word); /**< by suffix: .safetensors(.index.json), .pth, .pt, .h5, .hdf5, .keras */
bool source_has_suffix(const char *path, const char *suffix); /**< ".onnx", ignoring case; false for the suffix alone */

/** For a run's folder the path of its best.onnx (last.onnx, where there is no best yet), written to `path`; else
 *  `word`. */
const char *source_run_model(const char *word, char *path, size_t size);

/** Opens "lenet5" (made for `options`), "x.onnx", a run's folder, or "x.safetensors" (weights: for `network`, a name or
 *  an ONNX file, or, where that is NULL, for the network by name that they fit). A network by name as `word` and
 *  weights as `network` are the same the other way round; beside any other word `network` is refused. */
fov_model *source_model(struct cli *cli, const char *word, const fov_network_options *options, const char *network);

/** The option --model of verbs that open a model: its value is `network` of source_model. */
#define SOURCE_MODEL_OPTION                                                                  \
    {.name = "model", .kind = OPTION_TEXT, .argument = "NAME", .otherwise = "the one they fit", \
     .doc = "for .safetensors and .pth weights: the network they belong to"}

/** *name: the network's name with the typed options of networks appended (it belongs to cli); without such options the
 *  word itself. 0, or an exit code after the sentence: a file takes no such options. */
int source_network(struct cli *cli, const char *word, const char **name);

/** Converts the outputs of another tool's detector to boxes (fov_model_read_boxes), by --detector or else by their
 *  shapes; a remark says what was recognised. A model that has a task, or for which --output or --scores is given, is
 *  left as it is unless --detector is given. 0, or an exit code after the sentence. */
int source_detector(struct cli *cli, fov_model *model);

/** Applies --output and --scores (NULL: not given): chooses one of several outputs, and states its meaning. A remark
 *  says which output is used where there are several and none was named. 0, or an exit code after the sentence. */
int source_choose(struct cli *cli, fov_model *model, const char *output, const char *scores);
extern const char *const source_views[];  /**< the choices of --tta */
extern const char *const source_scores[]; /**< the choices of --scores */

/** The split that --split names. */
fov_split source_split(const struct cli *cli);
/** The choices of --split, ended by NULL. */
extern const char *const source_splits[];

/** The values of --val-split, --val-last and --val-list (data_options); .val_list points into the command line. */
fov_dataset_options source_held_back(const struct cli *cli);
/** fov_dataset_open_opt in cli's context, with these options. */
fov_dataset *source_data(struct cli *cli, const char *source, fov_split split);

/** --input of verbs that answer for pictures, and what it means there. */
#define SOURCE_INPUT_OPTION                                                                                             \
    {.name = "input", .kind = OPTION_TEXT, .argument = "NAME=WHAT,...",                                                 \
     .doc = "what goes into inputs beside that of pictures: FILE.npy or numbers (k=0.5+2), the same for every picture, " \
            "or with --data columns of a table (k=age+weight)"}
/** Fills the model's inputs besides that of pictures: with what --input says or, where `data` (NULL: none) has rows for
 *  them, with those of its first sample, so that the model is complete. 0 or an exit code after a sentence. */
int source_fill(struct cli *cli, fov_model *model, const fov_dataset *data);

/** Opens the samples that a verb looks at: those of --split and of the options for holding samples back, where any of
 *  them is typed. Otherwise those of the test split; of data that states no splits all samples, unless `model` (a file
 *  or a folder; NULL: none) lies in the folder of a run that learned from this data: then those that it held back. */
fov_dataset *source_samples(struct cli *cli, const char *source, const char *model, const char *inputs);
/** Which samples a dataset has, to stand behind their number: "of its split \"test\"", "that training holds back". */
const char *source_part(const fov_dataset *data);

/** Whether two splits of one source are the same samples: data with only one held-out split uses it for validation and
 *  test. */
bool source_is_same_split(const fov_dataset *a, const fov_dataset *b);

/** Whether a task, given with or without options, has one class per picture as its target. */
bool source_is_one_class(const char *task);
/** Matches the model's classes to the data's (classes.h), with a remark where there is something to mention. The
 *  sentence of a failure says what to do. 0 or an exit code; free the match in either case. */
int source_match_classes(struct cli *cli, fov_model *model, const fov_dataset *data, bool by_position,
                         fov_class_match *match);

/** Gives the model the data's class names where it has as many classes, or, with `spare`, more: the surplus ones are
 *  called "spare N". 0 or a status. */
int source_name_classes(fov_model *model, const fov_dataset *data, bool spare);

/** Parses "240x320" to height and width, "224" to 224 x 224. False: the text is neither. */
bool source_size(const char *text, int64_t size[2]);
/** Parses "3x32x32" to channels, height, width; "32x32" and "32" give channels 0, the network's own. False: none of
 *  them. */
bool source_input(const char *text, int size[3]);

#endif
