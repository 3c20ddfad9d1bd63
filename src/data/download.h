/* SPDX-License-Identifier: MIT */
/* Downloads one URL into memory, with limits on size and time. Checking the content is up to the caller. */
#ifndef DATA_DOWNLOAD_H
#define DATA_DOWNLOAD_H

#include "base/error.h"
#include "base/memory.h"
#include <stddef.h>
#include <stdint.h>

enum {
    DOWNLOAD_MAX = 64 << 20, /**< bytes */
    DOWNLOAD_CONNECT = 15,   /**< seconds until connected */
    DOWNLOAD_STALL = 30,     /**< seconds below 1,000 bytes per second before it gives up */
    DOWNLOAD_WHOLE = 900     /**< seconds for the whole transfer */
};

struct download {
    struct memory *memory;
    int (*progress)(void *user, uint64_t done, uint64_t total); /**< nonzero stops; may be NULL */
    void *user;
    uint8_t *bytes; /**< result, memory_free; NULL on failure */
    size_t size, capacity;
    bool stopped; /**< internal: progress said so */
    bool full;    /**< internal: out of memory or above the limit */
};

/** Downloads `url`. E_IO: the server's or network's error, or too large; E_INTERRUPTED: progress stopped it;
 *  E_UNSUPPORTED: no libcurl. */
int download_fetch(struct download *download, const char *url, struct error *error);

#endif
