/* SPDX-License-Identifier: MIT */
/* Several processes that train together, where mpirun has started them. Next: mpi/mpi.c, how they speak. */
#ifndef CLI_RANKS_H
#define CLI_RANKS_H

#include "cli.h"
#include <fovea/ranks.h>

struct cli_ranks {
    fov_ranks ranks; /**< .count 1: this process is alone */
    void *module;    /**< NULL: it never was one of several */
};

/** Joins the others. What ranks behind the first one print goes nowhere; their failures do not. EXIT_USAGE where this
 *  build has no MPI. */
int ranks_join(struct cli *cli, struct cli_ranks *ranks);
/** At the end, with the code that the process ends with. `together`: all ranks come here; else the others are ended, too,
 *  since they may wait for this one. */
void ranks_leave(struct cli_ranks *ranks, int code, bool together);

#endif
