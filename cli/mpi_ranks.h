/* SPDX-License-Identifier: MIT */
/* What the MPI module exports; looked up by name, so both sides are declared here. */
#ifndef CLI_MPI_RANKS_H
#define CLI_MPI_RANKS_H

#include <fovea/ranks.h>

typedef int  mpi_join(fov_ranks *ranks);
typedef void mpi_leave(int code);

__attribute__((visibility("default"))) mpi_join  mpi_ranks_join;  /**< not 0: it did not work */
__attribute__((visibility("default"))) mpi_leave mpi_ranks_leave; /**< `code`: of the process; 0: all is well */

#endif
