/* SPDX-License-Identifier: MIT */
/* Training by several processes that mpirun has started. Next: mpi/mpi.c, their communication. */
#ifndef CLI_RANKS_H
#define CLI_RANKS_H

#include "cli.h"
#include <fovea/ranks.h>

struct cli_ranks {
    fov_ranks ranks; /**< .count 1: this process is alone */
    void *module;    /**< the MPI module; NULL: this process is alone */
};

/** Whether the MPI module is there and opens: whether ranks_join would find MPI. */
bool ranks_can_join(void);
/** Joins the other processes. Standard output of ranks other than 0 is discarded; standard error is not. 0 or an exit
 *  code: EXIT_USAGE where this build has no MPI. */
int ranks_join(struct cli *cli, struct cli_ranks *ranks);
/** To be called at the end with the process's exit code. `together`: all ranks get here; else the other ranks are
 *  aborted, since they may be waiting for this one. */
void ranks_leave(struct cli_ranks *ranks, int code, bool together);

#endif
