/* SPDX-License-Identifier: MIT */
/* The verbs of the command (`fovea VERB`) and the state that each gets. A line `const struct verb verb_NAME = {` in a
 * file of cli/ registers a verb: help, option checks and spelling advice follow from its table. Verbs use the public
 * API only. Read next: options.h (how a command line is read), output.h (how a verb prints), verb_convert.c (a short
 * verb). */
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
    EXIT_NOT_YET = 8,
    EXIT_INTERRUPTED = 130
};

enum option_kind {
    OPTION_FLAG,    /**< --json, --json=no */
    OPTION_INTEGER, /**< a whole number */
    OPTION_NATURAL, /**< an unsigned integer of 64 bits */
    OPTION_NUMBER,  /**< any finite number */
    OPTION_SIZE,    /**< bytes: 800M, 2G, 1.5GiB */
    OPTION_TEXT,
    OPTION_CHOICE, /**< one of `choices` */
    OPTION_BY_NAME /**< a number, numbers by parameter name (cli_value.text), or both: "0.01, features.*=0.1x" */
};

/** What a verb writes at a path, which must never be one that it reads (overwrite.h). */
enum option_writes {
    WRITES_NOTHING,
    WRITES_FILE,
    WRITES_FOLDER, /**< a folder of the verb's own, which must not be one that it reads */
    WRITES_INTO    /**< files of a kind of their own into any folder */
};

/** One option of a verb: the table for parsing, limits, help and spelling advice. */
struct cli_option {
    const char *name; /**< "epochs", typed --epochs N, --epochs=N or epochs=N */
    enum option_kind kind;
    const char *argument;       /**< placeholder of the value in help: "N" */
    const char *standard;       /**< the default, as one would type it; NULL: none */
    const char *otherwise;      /**< description of the default for help, in place of `standard`; NULL: `standard` */
    double minimum, maximum;    /**< limits of the value; equal: no limits */
    const char *word;           /**< integers: a word that stands for -1, "full"; NULL: none */
    const char *const *choices; /**< ended by NULL */
    const char *doc;            /**< a few words, with the unit */
    char letter;                /**< 'o' for -o; 0: none */
    enum option_writes writes;  /**< what the verb writes at the path that the value names */
};

/** The value of an option. */
struct cli_value {
    bool given; /**< typed, not the default */
    bool flag;
    int64_t integer; /**< also of OPTION_SIZE, in bytes */
    uint64_t natural;
    double number;
    const char *text; /**< NULL: neither given nor a default */
    bool has_number;  /**< of OPTION_BY_NAME: a number comes first, for all names; `text`: the rest, or NULL */
};

struct cli;

struct verb {
    const char *name;    /**< "train" */
    const char *summary; /**< one line for `fovea help` */
    int (*run)(struct cli *cli);
    const struct cli_option *options; /**< the verb's own, ended by one without name */
    const struct cli_option *(*more)(void); /**< options made from a table of the library; NULL: none */
    const struct cli_option *shared;  /**< a table that several verbs share; NULL: none */
    const char *arguments;            /**< "FILE PICTURE...", for the usage line; "" for none */
    const char *help;                 /**< a few sentences */
    const char *examples;             /**< whole command lines, one per line */
    int minimum_arguments, maximum_arguments; /**< -1: any number */
    int written_argument;             /**< number, from 1, of the argument that names a path to write; 0: none */
    enum option_writes written_kind;  /**< what is written there */
    bool reads_data; /**< also takes data_options: which samples are held back for validation */
    bool networks; /**< also takes the options of networks (fovea zoo NAME): --attention cbam */
};

extern const struct verb *const verb_table[]; /* generated, sorted by name */
extern const size_t verb_table_count;

enum { CLI_MAX_OPTIONS = 96 };

enum color { COLOR_NONE, COLOR_256, COLOR_TRUE };

/** One run of the command. */
struct cli {
    const char *program; /**< as it was called, for "Next:" lines: "fovea", "build/release/fovea" */
    const struct verb *verb;
    struct cli_value value[CLI_MAX_OPTIONS]; /**< in the order of options_at: the verb's own first */
    const char **arguments;                  /**< the words that are no options, in order */
    int argument_count;
    char network_options[512];               /**< ":attention=cbam:dropout=0.3", to append to a network's name */
    char network[736];                       /**< a network's name with these options (source_network) */
    bool json, quiet, verbose;

    /* Properties of standard output. */
    bool terminal, unicode;
    enum color color;
    int width;      /**< columns */
    bool has_width; /**< `width` is a terminal's or $COLUMNS, and lines must fit; false: a pipe, lines may be longer */

    /** Verbs print into this buffer. It goes to standard output when the verb succeeds or calls output_commit, so that
     *  a failure prints nothing. */
    FILE *out;
    char *buffer;
    size_t buffered;
    bool broken; /**< the reader of standard output is gone; nothing more is written */
    int output_code; /**< EXIT_IO after a failed write to standard output: the command ends with it */

    fov_context *context; /**< made by the first call of cli_context() */
    int problem_code;     /**< exit code of a failure that is not the context's, for fail_library; EXIT_OK: none */
    char problem[1024];   /**< the sentence of that failure */
};

/** The context, made with the threads, seed and memory limit of the command line. NULL: fail_library prints why and
 *  gives the exit code. */
fov_context *cli_context(struct cli *cli);
/** The same with another seed: that of a resumed run. */
fov_context *cli_context_seeded(struct cli *cli, uint64_t seed);

#endif
