/* SPDX-License-Identifier: MIT */
/* fovea train --serve: the page's Runs tab beside a training, on a thread of its own, from the first step to the end.
 * It reads what the training says and the run's folder, changes neither, and takes no part in the computation. */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "cli.h"

struct watch;

/** Listens on 127.0.0.1 at --port and says where: an exit code. `directory`: the run's folder. *watch stays NULL where
 *  --serve was not asked for. */
int watch_begin(struct cli *cli, const char *directory, struct watch **watch);
void watch_step(struct watch *watch, const fov_progress *at); /**< NULL: nothing */
/** Sends what is left and stops. NULL: nothing. */
void watch_end(struct watch *watch);

#endif
