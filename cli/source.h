/* SPDX-License-Identifier: MIT */
/* Models and data by the words people type: a network's name or a file, a dataset's name or a folder. On failure NULL,
 * and the sentence waits on the context (fail_library). */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include "cli.h"

/** Does the word mean a file (it has a folder or a known suffix, or such a file is there) or a network's name? */
bool source_is_file(const char *word);
bool source_is_weights(const char *word); /**< by its suffix: .safetensors, .pth, .pt */
bool source_has_suffix(const char *path, const char *suffix); /**< ".onnx", in any case */

/** Of a run's folder its best.onnx (last.onnx, where there is no best yet), written to `path`; else the word. */
const char *source_run_model(const char *word, char *path, size_t size);

/** Opens "lenet5" (made for `options`), "x.onnx", a run's folder, or "x.safetensors" (weights of one of the networks by name: the
 *  first that they fit, or `network`, a name or an ONNX file, where it is not NULL). */
fov_model *source_model(struct cli *cli, const char *word, const fov_network_options *options, const char *network);

/** The row of --model for verbs that open a model: what it says is `network` above. */
#define SOURCE_MODEL_OPTION                                                                  \
    {.name = "model", .kind = OPTION_TEXT, .argument = "NAME", .otherwise = "the one they fit", \
     .doc = "for .safetensors and .pth weights: the network they belong to"}

/** *name: a network's name with the options of networks that were typed behind it, which belongs to cli; or the word as
 *  it is. 0, or an exit code after the sentence: a file takes none. */
int source_network(struct cli *cli, const char *word, const char **name);

/** Boxes from another tool's detector, whose outputs are what --detector says or their shapes tell: says what was taken
 *  for what. A model with a task of its own, or a chosen output, is left as it is unless --detector is given. 0, or an
 *  exit code, after the sentence. */
int source_detector(struct cli *cli, fov_model *model);

/** --output and --scores, NULL where not given: chooses one of several outputs, states what it holds. Says which is
 *  taken where there are several and none was named. 0, or an exit code, after the sentence. */
int source_choose(struct cli *cli, fov_model *model, const char *output, const char *scores);
extern const char *const source_views[];  /**< the choices of --tta */
extern const char *const source_scores[]; /**< the choices of --scores */

/** The split that --split names. */
fov_split source_split(const struct cli *cli);
/** The choices of --split, ended by NULL. */
extern const char *const source_splits[];

/** What --val-split, --val-last and --val-list say (data_options); the list's name belongs to the command line. */
fov_dataset_options source_held_back(const struct cli *cli);
/** Like fov_dataset_open_opt, in cli's context, with what these options say. */
fov_dataset *source_data(struct cli *cli, const char *source, fov_split split);

/** Are two datasets of one source the same samples of it? Data with one held-out split has it for both purposes. */
bool source_is_same_split(const fov_dataset *a, const fov_dataset *b);

/** Is a task, with or without options, about one class of each picture? */
bool source_is_one_class(const char *task);
/** Which class of the model is which of the data's (as --classes-by-position says), in a remark where there is
 *  something to say. A refusal says how to get on. 0 or an exit code; free the match either way. */
int source_match_classes(struct cli *cli, fov_model *model, const fov_dataset *data, bool by_position,
                         fov_class_match *match);

/** Gives the model the class names of the data when it has as many classes, or more and `spare`: those are numbered.
 *  0 or a status. */
int source_name_classes(fov_model *model, const fov_dataset *data, bool spare);

/** "240x320" to height and width, "224" to 224 x 224. False: it is none. */
bool source_size(const char *text, int64_t size[2]);
/** "3x32x32" to channels, height, width; "32x32" and "32": channels 0, those of the network. False: it is none. */
bool source_input(const char *text, int size[3]);

#endif
