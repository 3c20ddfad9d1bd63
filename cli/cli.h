/* SPDX-License-Identifier: MIT */
/* What a verb of the command is, and what it is handed. A line `const struct verb verb_NAME = {` in a file of cli/
 * registers one: help, option checks and spelling advice follow from its table. Verbs use the public API only.
 * Read next: options.h (how a command line is read), output.h (how a verb speaks), verb_convert.c (a short verb). */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <fovea/fovea.h>
#include <stdio.h>

/** Exit codes of the command. */
enum {
    EXIT_OK = 0,
    EXIT_INTERNAL = 1,
    EXIT_USAGE = 2,
    EXIT_INPUT = 3,
    EXIT_IO = 4,
    EXIT_MEMORY = 5,
    EXIT_NUMERIC = 6,
    EXIT_SLOWER = 7,
    EXIT_INTERRUPTED = 130
};

enum option_kind {
    OPTION_FLAG,    /**< --json, --json=no */
    OPTION_INTEGER, /**< a whole number */
    OPTION_NATURAL, /**< one of 64 bits, from 0 */
    OPTION_NUMBER,  /**< any finite number */
    OPTION_SIZE,    /**< bytes: 800M, 2G, 1.5GiB */
    OPTION_TEXT,
    OPTION_CHOICE, /**< one of `choices` */
    OPTION_BY_NAME /**< a number, numbers by name, or both: "0.01, features.*=0.1x"; text: what stands by name */
};

/** What a verb writes, which is never what it reads (overwrite.h). */
enum option_writes {
    WRITES_NOTHING,
    WRITES_FILE,
    WRITES_FOLDER, /**< a folder of its own: none that is read */
    WRITES_INTO    /**< files of a kind of their own into any folder */
};

/** One option of a verb: drives parsing, limits, help and the advice after a slip. */
struct cli_option {
    const char *name; /**< "epochs", typed --epochs N, --epochs=N or epochs=N */
    enum option_kind kind;
    const char *argument;       /**< what help calls the value: "N" */
    const char *standard;       /**< the value when it is not given, as one would type it; NULL: none */
    const char *otherwise;      /**< what help says of the default when `standard` says it badly; NULL: nothing more */
    double minimum, maximum;    /**< of the value; equal: no limits */
    const char *word;           /**< whole numbers: a word that stands for -1, "full"; NULL: none */
    const char *const *choices; /**< ended by NULL */
    const char *doc;            /**< a few words, with the unit */
    char letter;                /**< 'o' for -o; 0: none */
    enum option_writes writes;  /**< what is made at the place that the value names */
};

/** What an option came to. */
struct cli_value {
    bool given; /**< typed, not the default */
    bool flag;
    int64_t integer; /**< also sizes, bytes */
    uint64_t natural;
    double number;
    const char *text; /**< NULL: neither given nor a default */
};

struct cli;

struct verb {
    const char *name;    /**< "train" */
    const char *summary; /**< one line for `fovea help` */
    int (*run)(struct cli *cli);
    const struct cli_option *options; /**< ended by one without name; the others are added */
    const struct cli_option *(*more)(void); /**< options whose table the library has; NULL: none */
    const struct cli_option *shared;  /**< a table that some verbs have together; NULL: none */
    const char *arguments;            /**< "FILE PICTURE...", for the usage line; "" for none */
    const char *help;                 /**< a few sentences */
    const char *examples;             /**< whole command lines, one to a line */
    int minimum_arguments, maximum_arguments; /**< -1: any number */
    int written_argument;             /**< which of them, from 1, names what is written; 0: none */
    enum option_writes written_kind;  /**< of that one */
    bool reads_data; /**< also takes what says which samples are held back (data_options) */
    bool networks; /**< also takes what networks can be told (fovea zoo NAME): --attention cbam */
};

extern const struct verb *const verb_table[]; /* generated, sorted by name */
extern const size_t verb_table_count;

enum { CLI_MAX_OPTIONS = 96 };

enum color { COLOR_NONE, COLOR_256, COLOR_TRUE };

/** One run of the command. */
struct cli {
    const char *program; /**< as it was called, for "Next:" lines: "fovea", "build/release/fovea" */
    const struct verb *verb;
    struct cli_value value[CLI_MAX_OPTIONS]; /**< the verb's options, then the others */
    const char **arguments;                  /**< what is no option, in order */
    int argument_count;
    char network_options[512];               /**< ":attention=cbam:dropout=0.3", to stand behind a network's name */
    char network[736];                       /**< a name with them (source_network) */
    bool json, quiet, verbose;

    /* What standard output is. */
    bool terminal, unicode;
    enum color color;
    int width;      /**< columns */
    bool has_width; /**< a terminal's, or $COLUMNS: what is printed is to fit into it; a pipe has room for all */

    /** Where verbs print: a buffer that reaches standard output when the verb succeeds or says so (output_commit), so
     *  that a failure leaves nothing behind. */
    FILE *out;
    char *buffer;
    size_t buffered;
    bool broken; /**< nobody reads standard output any more */
    int output_code; /**< EXIT_IO once the system refused what was printed: the command ends with it */

    fov_context *context; /**< made when first asked for: cli_context() */
    int problem_code;     /**< why a context that is well cannot be used, for fail_library; EXIT_OK: it can */
    char problem[1024];
};

/** The library, with the threads, seed and memory that were asked for. NULL: it said why, and fail_library gives the
 *  exit code. */
fov_context *cli_context(struct cli *cli);
/** The same with another seed: that of a run that goes on. */
fov_context *cli_context_seeded(struct cli *cli, uint64_t seed);

#endif
