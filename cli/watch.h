/* SPDX-License-Identifier: MIT */
/* fovea train --serve: serves the page's Runs tab during a training, in a thread of its own, from the first step to the
 * end. It only reads the training's progress and the run's folder, and does not affect the computation. */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "cli.h"

struct watch;

/** Starts listening on 127.0.0.1 at --port and prints the URL. `directory`: the run's folder. *watch stays NULL without
 *  --serve. 0 or an exit code. */
int watch_begin(struct cli *cli, const char *directory, struct watch **watch);
void watch_step(struct watch *watch, const fov_progress *at); /**< NULL: nothing */
/** Sends pending data and stops the server. NULL: nothing. */
void watch_end(struct watch *watch);

#endif
