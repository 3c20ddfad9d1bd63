/* SPDX-License-Identifier: MIT */
/* Names, origins and tokens, compared; query strings, decoded. Nothing here allocates or keeps anything. */
#include "guard.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Whether `host` is "NAME:PORT". The port may be left out for the port 80 and, with `bare`, for any. */
static bool is_host(const char *host, const char *name, int port, bool bare)
{
    size_t length = strlen(name);
    char tail[16];
    snprintf(tail, sizeof tail, ":%d", port);
    return strncasecmp(host, name, length) == 0 &&
           (strcmp(host + length, tail) == 0 || ((port == 80 || bare) && host[length] == '\0'));
}

bool guard_is_local(const struct guard *guard)
{
    return strcmp(guard->address, "127.0.0.1") == 0 || strcmp(guard->address, "::1") == 0;
}

bool guard_set_address(struct guard *guard, const char *address)
{
    struct in6_addr six;
    struct in_addr four;
    char bare[GUARD_ADDRESS];
    size_t length = strlen(address);
    bool brackets = length > 2 && address[0] == '[' && address[length - 1] == ']';
    if (length >= sizeof bare) {
        return false;
    }
    snprintf(bare, sizeof bare, "%.*s", (int)(brackets ? length - 2 : length), address + (brackets ? 1 : 0));
    if (inet_pton(AF_INET6, bare, &six) == 1) {
        return inet_ntop(AF_INET6, &six, guard->address, sizeof guard->address) != NULL;
    }
    snprintf(guard->address, sizeof guard->address, "%s", strcmp(bare, "localhost") == 0 ? "127.0.0.1" : bare);
    return !brackets && inet_pton(AF_INET, guard->address, &four) == 1;
}

bool guard_set_public(struct guard *guard, const char *url)
{
    size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;
    size_t host = strcspn(url + scheme, "/"), length = strlen(url);
    if (scheme == 0 || host == 0 || length >= GUARD_URL || strstr(url + scheme, "//") != NULL ||
        strcspn(url, "?#@ \"\\<>%") != length) {
        return false;
    }
    for (const char *c = url; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 127) {
            return false;
        }
    }
    const char *standard = scheme == 8 ? ":443" : ":80"; /* which browsers leave out */
    size_t tail = strlen(standard);
    bool is_standard = host > tail && strncmp(url + scheme + host - tail, standard, tail) == 0;
    size_t named = host - (is_standard ? tail : 0);
    snprintf(guard->public_origin, sizeof guard->public_origin, "%.*s", (int)(scheme + named), url);
    snprintf(guard->public_host, sizeof guard->public_host, "%.*s", (int)named, url + scheme);
    snprintf(guard->public_prefix, sizeof guard->public_prefix, "%s", url + scheme + host);
    char *end = guard->public_prefix + strlen(guard->public_prefix);
    while (end > guard->public_prefix && end[-1] == '/') {
        *--end = '\0';
    }
    const char *prefix = guard->public_prefix;
    bool is_api = strcmp(prefix, "/api") == 0 || strncmp(prefix, "/api/", 5) == 0;
    return !is_api && strcmp(prefix, "/metrics") != 0; /* a path of the server's own */
}

const char *guard_path(const struct guard *guard, const char *path)
{
    size_t length = strlen(guard->public_prefix);
    return length > 0 && strncmp(path, guard->public_prefix, length) == 0 && path[length] == '/' ? path + length : path;
}

bool guard_is_token(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
    size_t length = strlen(text);
    return length >= GUARD_TOKEN_LEAST && length < GUARD_TOKEN && strspn(text, letters) == length;
}

/* Whether the header Host is the public name, with its port or, as some proxies pass it on, without. */
static bool is_public_host(const struct guard *guard, const char *host)
{
    const char *name = guard->public_host, *port = strrchr(name, ':');
    size_t length = strlen(name), bare = port != NULL && strchr(port, ']') == NULL ? (size_t)(port - name) : length;
    const char *standard = strncmp(guard->public_origin, "https:", 6) == 0 ? ":443" : ":80";
    if (length == 0 || strncasecmp(host, name, bare) != 0) {
        return false;
    }
    const char *tail = host + bare;
    return *tail == '\0' || strcmp(tail, bare < length ? name + bare : standard) == 0;
}

/* Whether the header Host names this server. A server that listens on any address accepts every name: there the
 * token alone decides. */
static bool knows_host(const struct guard *guard, const char *host)
{
    char brackets[GUARD_ADDRESS + 2];
    const char *address = guard->address;
    if (is_public_host(guard, host)) {
        return true;
    }
    if (strchr(address, ':') != NULL) {
        snprintf(brackets, sizeof brackets, "[%s]", address);
        address = brackets;
    }
    if (guard_is_local(guard)) {
        return is_host(host, address, guard->port, true) || is_host(host, "localhost", guard->port, true);
    }
    return strcmp(address, "0.0.0.0") == 0 || strcmp(address, "[::]") == 0 ||
           is_host(host, address, guard->port, false);
}

/* Whether the header Origin is that of a page of this server: under the name by which this request asks, or under the
 * public one. */
static bool knows_origin(const struct guard *guard, const struct guard_request *request)
{
    if (guard->public_origin[0] != '\0' && strcasecmp(request->origin, guard->public_origin) == 0) {
        return true;
    }
    return strncmp(request->origin, "http://", 7) == 0 && strcasecmp(request->origin + 7, request->host) == 0;
}

/* Always compares all characters, so that the time does not tell how many are right. */
static bool same_token(const char *token, const char *given)
{
    size_t length = strlen(token), there = given != NULL ? strlen(given) : 0;
    unsigned char differs = there != length;
    for (size_t i = 0; given != NULL && i < length; i++) {
        differs |= (unsigned char)(token[i] ^ given[i < there ? i : 0]);
    }
    return given != NULL && differs == 0;
}

/* Whether the request sends the token in one of the three places. */
static bool has_token(const char *token, const struct guard_request *request)
{
    static const char scheme[] = "Bearer ";
    char typed[GUARD_TOKEN];
    const char *bearer = request->authorization;
    bearer = bearer != NULL && strncasecmp(bearer, scheme, sizeof scheme - 1) == 0 ? bearer + sizeof scheme - 1 : NULL;
    bool in_query = guard_query(request->query, "token", typed, sizeof typed);
    return same_token(token, request->token) || same_token(token, bearer) ||
           same_token(token, in_query ? typed : NULL);
}

/* The paths by which a balancer or a supervisor asks for the server's state: no token is needed. */
static bool is_probe(const char *path)
{
    return strcmp(path, "/api/health") == 0 || strcmp(path, "/api/ready") == 0;
}

int guard_check(const struct guard *guard, const struct guard_request *request, const char **why)
{
    bool nameless = request->host == NULL && request->old && is_probe(request->path); /* no browser asks so */
    if (!nameless && (request->host == NULL || !knows_host(guard, request->host))) {
        *why = "the Host header is not this server's: open the address that fovea printed (behind a proxy: --public-url)";
        return 421;
    }
    bool foreign =
        request->site != NULL && strcmp(request->site, "same-origin") != 0 && strcmp(request->site, "none") != 0;
    if (request->origin != NULL) {
        foreign = foreign || nameless || !knows_origin(guard, request);
    }
    bool is_api = strncmp(request->path, "/api/", 5) == 0 || strcmp(request->path, "/metrics") == 0;
    if (foreign && (is_api || request->changes)) {
        *why = "another page may not ask this server: the Origin is not its own";
        return 403;
    }
    bool open = !is_api || is_probe(request->path);
    if (guard->token[0] != '\0' && !open && !has_token(guard->token, request)) {
        *why = "this server asks for its token: open the whole address that fovea printed, or send "
               "\"Authorization: Bearer TOKEN\"";
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
