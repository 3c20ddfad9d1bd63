/* SPDX-License-Identifier: MIT */
/* Inputs of a network besides that of the pictures: a dataset may have, for each sample, a row of numbers for such an
 * input, or one row for all samples. Rows come from columns of a table, an array in a file, numbers in an option's text,
 * or a program's memory. Next: inputs.c; task/inputs.c matches them with a model. */
#ifndef DATA_INPUTS_H
#define DATA_INPUTS_H

#include "base/error.h"
#include "base/memory.h"
#include <fovea/dataset.h>

enum { INPUTS_MOST = 16, INPUT_TEXT = 4096 };

/** What a dataset has for one input. */
struct dataset_input {
    char *name; /**< of the network's input */
    fov_dtype dtype;
    size_t count;     /**< numbers in a row */
    bool is_constant; /**< there is one row, for all samples */
    uint8_t *rows;    /**< [samples][count], in the dataset's order */
};

/** An entry of a text "NAME=FILE.npy,NAME=NUMBER+NUMBER,NAME=COLUMN+COLUMN". */
struct input_entry {
    char name[256];
    char from[INPUT_TEXT]; /**< what stands behind the "=" */
    enum input_kind { INPUT_FILE, INPUT_NUMBERS, INPUT_COLUMNS } kind;
};
/** Reads the entry that *text points to, and moves *text to the next one, or to NULL. E_USAGE: it is no entry. */
int input_entry_read(const char **text, struct input_entry *entry, struct error *error);
/** Cuts the first of several words with "+" between them off *from, in place; NULL: there are no more. */
char *input_entry_word(char **from);

/** Adds a row per sample (is_constant: one row) of `count` numbers; takes over `rows`, also on failure. */
int dataset_add_input(struct fov_dataset *dataset, const char *name, fov_dtype dtype, size_t count, bool is_constant,
                      uint8_t *rows, struct error *error);
/** Adds the inputs of a text that are the same for all samples: its files and numbers. */
int dataset_add_constants(struct fov_dataset *dataset, const char *text, struct error *error);
/** E_USAGE if the text names columns: for sources that are no tables. */
int dataset_refuse_columns(const struct fov_dataset *dataset, const char *text, struct error *error);
/** Adds the inputs' rows to the hash of a dataset's content. */
uint64_t dataset_hash_inputs(const struct fov_dataset *dataset, uint64_t hash);
void dataset_free_inputs(struct fov_dataset *dataset);

/** The numbers of an entry as doubles in a new array, freed with memory_free. */
int input_numbers(struct memory *memory, struct input_entry *entry, double **numbers, size_t *count,
                  struct error *error);
/** Whether a number can stand in an input of that type: a whole number within its range for integers. E_INPUT. */
int input_number_fits(double number, fov_dtype dtype, const char *input, struct error *error);
/** The elements of a .npy file, in a new array, freed with memory_free. */
int input_array(struct memory *memory, const char *path, fov_dtype *dtype, uint8_t **elements, size_t *count,
                struct error *error);

#endif
