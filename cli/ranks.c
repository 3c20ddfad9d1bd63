/* SPDX-License-Identifier: MIT */
/* Finds out whether mpirun has started this process with others, and loads the MPI module, which is beside the command
 * or, installed, in lib/fovea. */
#include "ranks.h"
#include "mpi_ranks.h"
#include "output.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef FOVEA_MODULES /* where they are installed, seen from the command's folder */
#define FOVEA_MODULES "../lib/fovea"
#endif

enum { PATH_SIZE = 4096 };

/* The number of processes by the environment of the launcher: Open MPI, MPICH and its derivatives, Slurm. */
static int launched(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS"};
    int most = 1;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *text = getenv(names[i]);
        long count = text != NULL ? strtol(text, NULL, 10) : 1;
        most = count > most && count < 1 << 20 ? (int)count : most;
    }
    return most;
}

static void *open_module(void)
{
    static const char *const folders[] = {".", FOVEA_MODULES};
    char own[PATH_SIZE], path[PATH_SIZE + 64];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    void *module = NULL;
    own[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(own, '/');
    for (size_t i = 0; slash != NULL && module == NULL && i < sizeof folders / sizeof folders[0]; i++) {
        *slash = '\0';
        snprintf(path, sizeof path, "%s/%s/fovea_mpi.so", own, folders[i]);
        module = dlopen(path, RTLD_NOW | RTLD_GLOBAL); /* MPI libraries open modules of their own that need its names */
    }
    return module;
}

bool ranks_can_join(void)
{
    void *module = open_module();
    bool opens = module != NULL;
    if (opens) {
        dlclose(module);
    }
    return opens;
}

int ranks_join(struct cli *cli, struct cli_ranks *ranks)
{
    *ranks = (struct cli_ranks){.ranks = {.count = 1}};
    int count = launched();
    if (count <= 1) {
        return EXIT_OK;
    }
    ranks->module = open_module();
    union { /* ISO C has no cast from an object pointer to a function pointer; POSIX allows it */
        void *address;
        mpi_join *join;
    } found = {.address = ranks->module != NULL ? dlsym(ranks->module, "mpi_ranks_join") : NULL};
    if (found.address == NULL) {
        const char *why = dlerror();
        ranks->module = NULL;
        return fail(cli, EXIT_USAGE,
                    "mpirun has started %d processes, and this build has no MPI (%s): install libmpich-dev or "
                    "libopenmpi-dev and build again",
                    count, why != NULL ? why : "no module fovea_mpi.so");
    }
    if (found.join(&ranks->ranks) != 0) {
        return fail(cli, EXIT_IO, "MPI does not start");
    }
    if (ranks->ranks.rank > 0 && freopen("/dev/null", "w", stdout) == NULL) {
        return fail(cli, EXIT_IO, "/dev/null cannot be written");
    }
    return EXIT_OK;
}

void ranks_leave(struct cli_ranks *ranks, int code, bool together)
{
    union {
        void *address;
        mpi_leave *leave;
    } found = {.address = ranks->module != NULL ? dlsym(ranks->module, "mpi_ranks_leave") : NULL};
    if (found.address != NULL) {
        found.leave(together ? EXIT_OK : code);
    }
}
