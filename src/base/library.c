/* SPDX-License-Identifier: MIT */
/* Opening libraries at run time. */
#include "base/library.h"
#include <dlfcn.h>
#include <string.h>

int library_open(const char *file, const char *package, const struct library_function *functions, void *table,
                 struct error *error)
{
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (library == NULL) {
        return error_set(error, FOV_E_UNSUPPORTED, "%s cannot be opened: install %s", file, package);
    }
    for (; functions->name != NULL; functions++) {
        void *address = dlsym(library, functions->name);
        if (address == NULL) {
            return error_set(error, FOV_E_UNSUPPORTED, "%s has no %s: install another version of %s", file,
                             functions->name, package);
        }
        memcpy((char *)table + functions->offset, &address, sizeof address);
    }
    return FOV_OK;
}
