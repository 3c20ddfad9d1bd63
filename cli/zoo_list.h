/* SPDX-License-Identifier: MIT */
/* The list of networks known by name: fovea zoo, and fovea new --list. */
#ifndef CLI_ZOO_LIST_H
#define CLI_ZOO_LIST_H

#include "cli.h"
#include <fovea/model.h>

/** Prints all networks, a row or a JSON object each. Returns 0, or an exit code after a sentence. */
int zoo_list(struct cli *cli);
/** Prints the detectors, with the cost of each on this machine. */
int zoo_detectors(struct cli *cli);
/** GFLOPs per picture as detectors' papers count them (YOLOX): 2 per multiply-add, 4 per number that a normalisation
 *  writes. */
double zoo_detector_gflops(const fov_summary *summary);
/** Prints one network with its options. */
int zoo_describe(struct cli *cli, const char *name);

#endif
