/* SPDX-License-Identifier: MIT */
/* libFuzzer harness: any bytes as the parts of a request to fovea serve that its guard checks, a line each: path,
 * query, Host, Origin, Sec-Fetch-Site, token. Whatever they are, no request with a foreign Host, from a foreign page,
 * or without a required token is let in, and no accepted name leads out of its folder. */
#include "../../cli/serve/guard.c"
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { LINES = 6 };

static void check(const struct guard *guard, char *const line[LINES])
{
    static const char token[] = "0123456789abcdef0123456789abcdef";
    const char *why = NULL;
    const struct guard_request request = {.path = line[0], .host = line[2], .origin = line[3], .site = line[4],
                                          .token = line[5], .changes = line[0] != NULL && line[0][0] == '/'};
    int code = guard_check(guard, &request, &why);
    if ((code != 0) != (why != NULL) || (code != 0 && (code < 400 || code > 499))) {
        abort();
    }
    bool own = request.host != NULL &&
               (strcasecmp(request.host, "127.0.0.1:8080") == 0 || strcasecmp(request.host, "localhost:8080") == 0);
    bool is_api = strncmp(request.path, "/api/", 5) == 0 && strcmp(request.path, "/api/health") != 0;
    if (code == 0 && guard->token[0] == '\0' && !own) {
        abort();
    }
    if (code == 0 && request.origin != NULL && is_api && strncmp(request.origin, "http://", 7) != 0) {
        abort();
    }
    if (code == 0 && guard->token[0] != '\0' && is_api && (request.token == NULL || strcmp(request.token, token) != 0)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct guard local = {.address = "127.0.0.1", .port = 8080};
    static const struct guard any = {.address = "0.0.0.0", .port = 8080, .token = "0123456789abcdef0123456789abcdef"};
    char *text = malloc(size + 1), *line[LINES] = {NULL}, out[64];
    if (text == NULL) {
        return 0;
    }
    memcpy(text, bytes, size);
    text[size] = '\0';
    char *at = text;
    for (int i = 0; i < LINES && at != NULL; i++) {
        line[i] = at;
        at = strchr(at, '\n');
        if (at != NULL) {
            *at++ = '\0';
        }
    }
    check(&local, line);
    check(&any, line);
    if (guard_query(line[1], "model", out, sizeof out) && strlen(out) >= sizeof out) {
        abort();
    }
    if (guard_is_name(line[0]) && (strchr(line[0], '/') != NULL || strstr(line[0], "..") == line[0])) {
        abort();
    }
    free(text);
    return 0;
}
