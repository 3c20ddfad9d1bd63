/* SPDX-License-Identifier: MIT */
/* Reading limits of control groups. Version 2 has one tree (cpu.max, memory.max), version 1 one tree per controller
 * (cpu.cfs_quota_us, memory.limit_in_bytes). A limit may be set on any group above ours, so the walk goes to the top.
 * In a container our own path often does not exist below the mount, whose top is the container's group: missing files
 * are skipped. */
#include "base/cgroup.h"
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CGROUP_PATH_SIZE = 4096 };

/* The first bytes of a small file as a string; false where it cannot be read. */
static bool cgroup_read(const char *path, char *out, size_t size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    size_t length = 0;
    for (;;) {
        ssize_t count = read(file, out + length, size - 1 - length);
        if (count <= 0) {
            break;
        }
        length += (size_t)count;
    }
    close(file);
    out[length] = '\0';
    return length > 0;
}

/* Finds our group's path in "0::/path" (version 2, controller "") or "4:cpu,cpuacct:/path" (version 1). */
static bool cgroup_path(const char *lines, const char *controller, char *out, size_t size)
{
    size_t wanted = strlen(controller);
    for (const char *line = lines; *line != '\0';) {
        const char *end = line + strcspn(line, "\n");
        const char *list = memchr(line, ':', (size_t)(end - line));
        const char *path = list != NULL ? memchr(list + 1, ':', (size_t)(end - list - 1)) : NULL;
        if (path != NULL) {
            bool        found = wanted == 0 && path == list + 1;
            const char *name = list + 1;
            while (!found && wanted > 0 && name < path) {
                size_t length = strcspn(name, ",:");
                found = length == wanted && memcmp(name, controller, length) == 0;
                name += length + 1;
            }
            size_t length = (size_t)(end - path - 1);
            if (found && length < size) {
                memcpy(out, path + 1, length);
                out[length] = '\0';
                return true;
            }
        }
        line = *end != '\0' ? end + 1 : end;
    }
    return false;
}

/* A positive whole number, or 0 for "max", -1 and anything else that means no limit. */
static double cgroup_number(const char *text)
{
    char  *end;
    double number = (double)strtoll(text, &end, 10);
    return end == text || number < 0 ? 0 : number;
}

/* "quota period" in microseconds (version 2) as processors. */
static double cgroup_quota(const char *folder)
{
    char path[CGROUP_PATH_SIZE + 64], text[128];
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (cgroup_read(path, text, sizeof text)) {
        char  *space = strchr(text, ' ');
        double period = space != NULL ? cgroup_number(space + 1) : 100000;
        return period > 0 ? cgroup_number(text) / period : 0;
    }
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (!cgroup_read(path, text, sizeof text)) {
        return 0;
    }
    double quota = cgroup_number(text);
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    double period = cgroup_read(path, text, sizeof text) ? cgroup_number(text) : 0;
    return period > 0 ? quota / period : 0;
}

static double cgroup_bytes(const char *folder)
{
    char path[CGROUP_PATH_SIZE + 64], text[128];
    snprintf(path, sizeof path, "%s/memory.max", folder);
    if (!cgroup_read(path, text, sizeof text)) {
        snprintf(path, sizeof path, "%s/memory.limit_in_bytes", folder);
        if (!cgroup_read(path, text, sizeof text)) {
            return 0;
        }
    }
    return cgroup_number(text);
}

/* The least limit of mount/path and every folder above it, up to mount; 0 where there is none. */
static double cgroup_least(const char *mount, const char *path, double (*limit)(const char *folder))
{
    char folder[CGROUP_PATH_SIZE];
    int  length = snprintf(folder, sizeof folder, "%s%s", mount, path);
    if (length < 0 || (size_t)length >= sizeof folder) {
        return 0;
    }
    double least = 0;
    size_t top = strlen(mount);
    for (;;) {
        double value = limit(folder);
        if (value > 0 && (least == 0 || value < least)) {
            least = value;
        }
        char *slash = strrchr(folder, '/');
        if (slash == NULL || (size_t)(slash - folder) < top || strlen(folder) <= top) {
            return least;
        }
        *slash = '\0';
    }
}

/* The least limit of both versions, which may be mounted at once ("hybrid"). */
static double cgroup_limit(const char *self, const char *mount, const char *controller,
                           double (*limit)(const char *folder))
{
    char   lines[CGROUP_PATH_SIZE], path[CGROUP_PATH_SIZE], tree[CGROUP_PATH_SIZE];
    double least = 0;
    if (!cgroup_read(self, lines, sizeof lines)) {
        return 0;
    }
    for (int version = 1; version <= 2; version++) {
        if (!cgroup_path(lines, version == 2 ? "" : controller, path, sizeof path)) {
            continue;
        }
        int length =
            snprintf(tree, sizeof tree, "%s%s%s", mount, version == 2 ? "" : "/", version == 2 ? "" : controller);
        if (length < 0 || (size_t)length >= sizeof tree) {
            continue;
        }
        double value = cgroup_least(tree, path, limit);
        if (value > 0 && (least == 0 || value < least)) {
            least = value;
        }
    }
    return least;
}

double cgroup_processors(const char *self, const char *mount)
{
    return cgroup_limit(self, mount, "cpu", cgroup_quota);
}

size_t cgroup_memory(const char *self, const char *mount)
{
    double bytes = cgroup_limit(self, mount, "memory", cgroup_bytes);
    /* Version 1 says "none" with a number near 2^63. */
    return bytes >= 0x1p62 || bytes >= (double)(SIZE_MAX / 2) ? 0 : (size_t)bytes;
}
