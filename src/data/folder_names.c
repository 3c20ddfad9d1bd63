/* SPDX-License-Identifier: MIT */
/* What the name of a file or folder tells, in any case: which split it is, and whether an operating system left it.
 * Read next: folder_scan.c. */
#include "data/folder_scan.h"
#include <string.h>

enum { ROLE_SIZE = 32 /* a longer name is no split's */ };

static char lower(char letter)
{
    return (char)(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter); // ASCII, whatever the locale says
}

int folder_compare_names(const char *a, const char *b)
{
    for (; *a && lower(*a) == lower(*b); a++, b++) {
    }
    return (unsigned char)lower(*a) - (unsigned char)lower(*b);
}

enum folder_role folder_role(const char *name)
{
    static const struct {
        const char *name;
        enum folder_role role;
    } known[] = {{"train", FOLDER_TRAIN},
                 {"training", FOLDER_TRAIN},
                 {"val", FOLDER_VALIDATION},
                 {"valid", FOLDER_VALIDATION},
                 {"dev", FOLDER_VALIDATION},
                 {"validation", FOLDER_VALIDATION},
                 {"development", FOLDER_VALIDATION},
                 {"test", FOLDER_TEST},
                 {"testing", FOLDER_TEST},
                 {"eval", FOLDER_TEST},
                 {"evaluation", FOLDER_TEST}};
    static const char *const endings[] = {"set", "data", "images", ""};
    char word[ROLE_SIZE];
    size_t length = 0;
    for (; *name; name++) { // "Training_Set", "test 2"
        if (strchr("_-. ", *name) == NULL) {
            if (length + 1 >= sizeof word) {
                return FOLDER_ROLES;
            }
            word[length++] = lower(*name);
        }
    }
    while (length > 0 && word[length - 1] >= '0' && word[length - 1] <= '9') {
        length--;
    }
    word[length] = '\0';
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t stem = strlen(known[i].name);
        for (size_t k = 0; strncmp(word, known[i].name, stem) == 0 && k < sizeof endings / sizeof *endings; k++) {
            if (strcmp(word + stem, endings[k]) == 0) {
                return known[i].role;
            }
        }
    }
    return FOLDER_ROLES;
}

bool folder_is_system(const char *name)
{
    static const char *const known[] = {"__MACOSX",     "Thumbs.db", "ehthumbs.db",
                                        "desktop.ini",  "@eaDir",    "System Volume Information",
                                        "$RECYCLE.BIN", "lost+found"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (folder_compare_names(name, known[i]) == 0) {
            return true;
        }
    }
    return *name == '.';
}
