/* SPDX-License-Identifier: MIT */
/* Communication between ranks by MPI (Message Passing Interface 3.1), as a loadable module: the command loads it only
 * when mpirun has started it, and does not depend on MPI otherwise. Next: cli/ranks.c, which loads it. */
#include "mpi_ranks.h"

#include <limits.h>
#include <mpi.h>
#include <sched.h>
#include <time.h>

enum { TAG = 1, MOST = 1 << 28 /* bytes of a message: counts are ints */, YIELDS = 300 };

/* Waits for a message. MPI's own waits keep a processor busy, which computes gradients meanwhile: here a wait yields the
 * processor, for some hundred microseconds, and then sleeps between looks. */
static int finish(MPI_Request *request)
{
    const struct timespec pause = {0, 100000};
    for (int looks = 0;; looks++) {
        int done = 0, status = MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (status != MPI_SUCCESS || done) {
            return status;
        }
        if (looks < YIELDS) {
            sched_yield();
        } else {
            nanosleep(&pause, NULL);
        }
    }
}

static int send_bytes(void *user, int to, const void *data, size_t bytes)
{
    const char *at = data;
    int status = MPI_SUCCESS;
    (void)user;
    for (size_t sent = 0; status == MPI_SUCCESS && sent < bytes; sent += MOST) {
        int part = bytes - sent < MOST ? (int)(bytes - sent) : MOST;
        MPI_Request request;
        status = MPI_Isend(at + sent, part, MPI_BYTE, to, TAG, MPI_COMM_WORLD, &request);
        status = status == MPI_SUCCESS ? finish(&request) : status;
    }
    return status;
}

static int receive_bytes(void *user, int from, void *data, size_t bytes)
{
    char *at = data;
    int status = MPI_SUCCESS;
    (void)user;
    for (size_t got = 0; status == MPI_SUCCESS && got < bytes; got += MOST) {
        int part = bytes - got < MOST ? (int)(bytes - got) : MOST;
        MPI_Request request;
        status = MPI_Irecv(at + got, part, MPI_BYTE, from, TAG, MPI_COMM_WORLD, &request);
        status = status == MPI_SUCCESS ? finish(&request) : status;
    }
    return status;
}

int mpi_ranks_join(fov_ranks *ranks)
{
    int threads = MPI_THREAD_SINGLE;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &threads) != MPI_SUCCESS) {
        return 1;
    }
    *ranks = (fov_ranks){
        .send = send_bytes, .receive = receive_bytes, .one_thread = threads < MPI_THREAD_SERIALIZED};
    /* With this handler a lost rank is reported as an error, where MPI keeps the other ranks alive. */
    return MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN) != MPI_SUCCESS ||
           MPI_Comm_rank(MPI_COMM_WORLD, &ranks->rank) != MPI_SUCCESS ||
           MPI_Comm_size(MPI_COMM_WORLD, &ranks->count) != MPI_SUCCESS;
}

void mpi_ranks_leave(int code)
{
    if (code == 0) {
        MPI_Finalize();
    } else {
        MPI_Abort(MPI_COMM_WORLD, code); /* others may wait for this rank, or it for one that is lost */
    }
}
