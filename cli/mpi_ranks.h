/* SPDX-License-Identifier: MIT */
/* The functions of the MPI module. They are looked up by name, so their types are declared here for both sides. */
#ifndef CLI_MPI_RANKS_H
#define CLI_MPI_RANKS_H

#include <fovea/ranks.h>

typedef int  mpi_join(fov_ranks *ranks);
typedef void mpi_leave(int code);

__attribute__((visibility("default"))) mpi_join  mpi_ranks_join;  /**< nonzero: failure */
__attribute__((visibility("default"))) mpi_leave mpi_ranks_leave; /**< `code`: exit code; nonzero aborts all ranks */

#endif
