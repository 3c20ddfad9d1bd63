/* SPDX-License-Identifier: MIT */
/* Names, origins and tokens, compared; query strings, decoded. Nothing here allocates or keeps anything. */
#include "guard.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Whether `host` is "NAME:PORT"; port 80 may be left out. */
static bool is_host(const char *host, const char *name, int port)
{
    size_t length = strlen(name);
    char tail[16];
    snprintf(tail, sizeof tail, ":%d", port);
    return strncasecmp(host, name, length) == 0 &&
           (strcmp(host + length, tail) == 0 || (port == 80 && host[length] == '\0'));
}

static bool is_local(const struct guard *guard)
{
    return strcmp(guard->address, "127.0.0.1") == 0;
}

/* Whether the header Host names this server. A server that listens on any address accepts every name: there the
 * token alone decides. */
static bool knows_host(const struct guard *guard, const char *host)
{
    if (is_local(guard)) {
        return is_host(host, "127.0.0.1", guard->port) || is_host(host, "localhost", guard->port);
    }
    return strcmp(guard->address, "0.0.0.0") == 0 || is_host(host, guard->address, guard->port);
}

/* Always compares all characters, so that the time does not tell how many are right. */
static bool same_token(const char *token, const char *given)
{
    unsigned char differs = strlen(given) != GUARD_TOKEN - 1;
    for (size_t i = 0, length = strlen(given); i < GUARD_TOKEN - 1; i++) {
        differs |= (unsigned char)(token[i] ^ given[i < length ? i : 0]);
    }
    return differs == 0;
}

int guard_check(const struct guard *guard, const struct guard_request *request, const char **why)
{
    if (request->host == NULL || !knows_host(guard, request->host)) {
        *why = "the Host header is not this server's: open the address that fovea printed";
        return 421;
    }
    bool foreign =
        request->site != NULL && strcmp(request->site, "same-origin") != 0 && strcmp(request->site, "none") != 0;
    if (request->origin != NULL) {
        foreign = foreign || strncmp(request->origin, "http://", 7) != 0 ||
                  strcasecmp(request->origin + 7, request->host) != 0;
    }
    bool is_api = strncmp(request->path, "/api/", 5) == 0 || strcmp(request->path, "/metrics") == 0;
    if (foreign && (is_api || request->changes)) {
        *why = "another page may not ask this server: the Origin is not its own";
        return 403;
    }
    bool open = !is_api || strcmp(request->path, "/api/health") == 0;
    if (guard->token[0] != '\0' && !open && (request->token == NULL || !same_token(guard->token, request->token))) {
        *why = "this server asks for its token: open the whole address that fovea printed, or send X-Fovea-Token";
        return 401;
    }
    return 0;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Decodes `from` up to the next '&'. False if an escape is invalid or the result does not fit. */
static bool decode(const char *from, char *out, size_t size)
{
    size_t used = 0;
    for (; *from != '\0' && *from != '&'; from++) {
        char c = *from == '+' ? ' ' : *from;
        if (c == '%') {
            int high = hex_digit(from[1]), low = high >= 0 ? hex_digit(from[2]) : -1;
            if (low < 0 || high * 16 + low == 0) {
                return false;
            }
            c = (char)(high * 16 + low);
            from += 2;
        }
        if (used + 1 >= size) {
            return false;
        }
        out[used++] = c;
    }
    out[used] = '\0';
    return true;
}

bool guard_query(const char *query, const char *key, char *out, size_t size)
{
    size_t length = strlen(key);
    while (query != NULL && *query != '\0') {
        if (strncmp(query, key, length) == 0 && query[length] == '=') {
            return decode(query + length + 1, out, size);
        }
        query = strchr(query, '&');
        query = query != NULL ? query + 1 : NULL;
    }
    return false;
}

bool guard_is_name(const char *name)
{
    if (*name == '\0' || *name == '.' || strlen(name) > 255) {
        return false;
    }
    for (; *name != '\0'; name++) {
        if (*name == '/' || (unsigned char)*name < ' ' || *name == 127) {
            return false;
        }
    }
    return true;
}
