/* SPDX-License-Identifier: MIT */
/* A file of weights that no network by name fits, as a list of its tensors. */
#ifndef CLI_INSPECT_WEIGHTS_H
#define CLI_INSPECT_WEIGHTS_H

#include "cli.h"

/** Prints the tensors and the metadata of the file, or one JSON object of them; `why`: the sentence that says why it is
 *  no model. 0, or an exit code after a sentence. */
int inspect_weights(struct cli *cli, const char *path, const char *why);

#endif
