/* SPDX-License-Identifier: MIT */
/* Who may ask: whether a request was meant for this server by the person in front of it, and not sent by another page
 * in the same browser (cross-site posts) or through a foreign name that was made to point here (DNS rebinding). Pure
 * functions over texts; sockets are in server.c. */
#ifndef CLI_SERVE_GUARD_H
#define CLI_SERVE_GUARD_H

#include <stdbool.h>
#include <stddef.h>

enum { GUARD_TOKEN = 257, GUARD_TOKEN_LEAST = 16 /* characters of a token of one's own */, GUARD_ADDRESS = 80,
       GUARD_URL = 256 };

struct guard {
    char address[GUARD_ADDRESS]; /**< the server listens on it: "127.0.0.1", "::1" */
    int port;
    char token[GUARD_TOKEN]; /**< that every call of the API must send; "": no token needed */
    /** Of --public-url, all "" without it: "https://example.com", "example.com", "/vision" (no slash at its end). */
    char public_origin[GUARD_URL], public_host[GUARD_URL], public_prefix[GUARD_URL];
};

/** A request's path, query string and headers; NULL: the request has no such header. */
struct guard_request {
    const char *path, *query, *host, *origin, *site; /**< headers Host, Origin and Sec-Fetch-Site */
    const char *token, *authorization;               /**< headers X-Fovea-Token and Authorization */
    bool changes;                                    /**< a POST */
    bool old;                                        /**< HTTP/1.0, which knows no Host */
};

/** Takes --public-url apart. False: it is not an http or https URL of a host, a port and a path at most. */
bool guard_set_public(struct guard *guard, const char *url);
/** Sets the address to listen on: IPv4, IPv6 with or without brackets, or "localhost". False: it is none. */
bool guard_set_address(struct guard *guard, const char *address);
/** Whether the server listens on this machine alone. */
bool guard_is_local(const struct guard *guard);
/** Whether a text can be a token: GUARD_TOKEN_LEAST to GUARD_TOKEN - 1 of the characters that RFC 6750 allows in one
 *  (letters, digits and -._~+/=). */
bool guard_is_token(const char *text);
/** The path without the prefix of --public-url, for proxies that leave it in place. */
const char *guard_path(const struct guard *guard, const char *path);

/** Returns 0 if the request is allowed, else an HTTP status and one sentence in *why. */
int guard_check(const struct guard *guard, const struct guard_request *request, const char **why);

/** Decodes a key's value in a query string ("a=1&b=two%20words"). False if it is missing or does not fit. */
bool guard_query(const char *query, const char *key, char *out, size_t size);
/** Whether a name from outside is safe as a file name inside one folder: no '/' or control character, no leading
 *  '.'. */
bool guard_is_name(const char *name);

#endif
