/* SPDX-License-Identifier: MIT */
/* Who may ask: whether a request was meant for this server by the person in front of it, and not sent by another page
 * in the same browser (cross-site posts) or through a foreign name that was made to point here (DNS rebinding). Pure
 * functions over texts; sockets are in server.c. */
#ifndef CLI_SERVE_GUARD_H
#define CLI_SERVE_GUARD_H

#include <stdbool.h>
#include <stddef.h>

enum { GUARD_TOKEN = 33, GUARD_ADDRESS = 80 };

struct guard {
    char address[GUARD_ADDRESS]; /**< the server listens on it: "127.0.0.1" */
    int port;
    char token[GUARD_TOKEN]; /**< 32 hexadecimal digits that every call of the API must send; "": no token needed */
};

/** A request's path and headers; NULL: the request has no such header. */
struct guard_request {
    const char *path, *host, *origin, *site; /**< headers Host, Origin and Sec-Fetch-Site */
    const char *token;                       /**< header X-Fovea-Token */
    bool changes;                            /**< a POST */
};

/** Returns 0 if the request is allowed, else an HTTP status and one sentence in *why. */
int guard_check(const struct guard *guard, const struct guard_request *request, const char **why);

/** Decodes a key's value in a query string ("a=1&b=two%20words"). False if it is missing or does not fit. */
bool guard_query(const char *query, const char *key, char *out, size_t size);
/** Whether a name from outside is safe as a file name inside one folder: no '/' or control character, no leading
 *  '.'. */
bool guard_is_name(const char *name);

#endif
