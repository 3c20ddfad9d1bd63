/* SPDX-License-Identifier: MIT */
/* The table's rows, in the order of the help text, and the public access to them. */
#include "train/option_table.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define OPTION(member) .name = #member, .offset = offsetof(fov_train_options, member)

const struct train_option train_option_table[] = {
    {OPTION(task), .kind = FOV_OPTION_TEXT, .argument = "NAME", .otherwise = "it follows from the data",
     .absent = "classify", .decides = true, .doc = "what the model is for, with options: classify, segment:loss=dice"},
    {OPTION(epochs), .kind = FOV_OPTION_INTEGER, .standard = 10, .minimum = 1, .maximum = 1e6, .argument = "N",
     .doc = "times through the data"},
    {OPTION(minutes), .kind = FOV_OPTION_NUMBER, .maximum = 1e6, .argument = "X", .otherwise = "the epochs decide",
     .doc = "end after so much time instead; schedules follow the clock"},
    {OPTION(patience), .kind = FOV_OPTION_INTEGER, .maximum = 1e6, .argument = "N", .otherwise = "all epochs",
     .doc = "end when N epochs were not better than the best"},
    {OPTION(batch), .kind = FOV_OPTION_INTEGER, .standard = 64, .minimum = 1, .maximum = 1e8, .argument = "N|full",
     .word = "full", .decides = true, .doc = "samples per step; 1: stochastic, full: all of them"},
    {OPTION(drop_last), .kind = FOV_OPTION_FLAG, .decides = true,
     .doc = "leave out the last batch of an epoch where it is smaller"},
    {OPTION(optimizer), .kind = FOV_OPTION_TEXT, .argument = "NAME", .otherwise = "sgd", .decides = true,
     .doc = "sgd, adam, adamw, rmsprop:alpha=0.9...; fovea ops lists them"},
    {OPTION(lr), .kind = FOV_OPTION_NUMBER, .minimum = 1e-12, .maximum = 1e6, .argument = "X",
     .otherwise = "the optimiser's own: 0.01 for sgd", .by_name = "lr_by_name", .decides = true,
     .doc = "learning rate; by name: \"0.01, features.*=0.1x\"; in some epochs only: \"stem.*=1x@4-\""},
    {OPTION(lr_by_name), .kind = FOV_OPTION_TEXT, .decides = true},
    {OPTION(momentum), .kind = FOV_OPTION_NUMBER, .maximum = 0.9999999, .argument = "X",
     .otherwise = "the optimiser's own: 0 for sgd", .owner = OF_OPTIMIZER, .doc = "share of the last step kept in the next"},
    {OPTION(nesterov), .kind = FOV_OPTION_FLAG, .owner = OF_OPTIMIZER,
     .doc = "look ahead along the momentum"},
    {OPTION(weight_decay), .kind = FOV_OPTION_NUMBER, .maximum = 1e6, .argument = "X",
     .otherwise = "the optimiser's own: 0.01 for adamw, 0 for most",
     .by_name = "weight_decay_by_name", .owner = OF_OPTIMIZER, .doc = "pull of all weights towards zero; by name too"},
    {OPTION(weight_decay_by_name), .kind = FOV_OPTION_TEXT, .decides = true},
    {OPTION(no_decay), .kind = FOV_OPTION_TEXT, .argument = "PATTERN,...", .otherwise = "all decay", .decides = true,
     .doc = "parameters that do not decay, by name, or norms-and-biases"},
    {OPTION(beta1), .kind = FOV_OPTION_NUMBER, .maximum = 0.9999999, .owner = OF_OPTIMIZER},
    {OPTION(beta2), .kind = FOV_OPTION_NUMBER, .maximum = 0.9999999, .owner = OF_OPTIMIZER},
    {OPTION(epsilon), .kind = FOV_OPTION_NUMBER, .maximum = 1, .owner = OF_OPTIMIZER},
    {OPTION(accumulate), .kind = FOV_OPTION_INTEGER, .standard = 1, .minimum = 1, .maximum = 1e6, .argument = "N",
     .decides = true, .doc = "batches whose gradients make one update"},
    {OPTION(clip_value), .kind = FOV_OPTION_NUMBER, .maximum = 1e9, .argument = "X", .otherwise = "no limit",
     .decides = true, .doc = "largest element of a gradient"},
    {OPTION(clip_norm), .kind = FOV_OPTION_NUMBER, .maximum = 1e9, .argument = "X", .otherwise = "no limit",
     .decides = true, .doc = "largest norm of all gradients together"},
    {OPTION(lookahead), .kind = FOV_OPTION_INTEGER, .maximum = 1e6, .argument = "N", .otherwise = "never",
     .decides = true, .doc = "every N updates weights come back to a slow copy that follows them"},
    {OPTION(lookahead_share), .kind = FOV_OPTION_NUMBER, .standard = 0.5, .maximum = 1, .argument = "X",
     .decides = true, .doc = "how far it follows"},
    {OPTION(lookahead_final), .kind = FOV_OPTION_NUMBER, .maximum = 1, .argument = "X", .otherwise = "it stays",
     .decides = true, .doc = "share to which it falls from 1 over the run, which ends with the slow copy"},
    {OPTION(ema), .kind = FOV_OPTION_NUMBER, .maximum = 0.9999999, .argument = "X", .otherwise = "none is kept",
     .decides = true, .doc = "decay of an average of the weights, which is what is validated and saved: 0.999"},
    {OPTION(schedule), .kind = FOV_OPTION_TEXT, .argument = "NAME",
     .otherwise = "constant", .decides = true,
     .doc = "of the rate: constant, cosine, step, multistep:30,60, one-cycle..."},
    {OPTION(step_epochs), .kind = FOV_OPTION_INTEGER, .standard = 10, .minimum = 1, .maximum = 1e6, .argument = "N",
     .owner = OF_SCHEDULE, .decides = true, .doc = "step: epochs between two drops"},
    {OPTION(gamma), .kind = FOV_OPTION_NUMBER, .standard = (double)0.1f, .minimum = 1e-9, .maximum = 1e3,
     .argument = "X", .owner = OF_SCHEDULE, .decides = true, .doc = "step and its kin: factor at each drop"},
    {OPTION(lr_final), .kind = FOV_OPTION_NUMBER, .maximum = 1e6, .argument = "X", .owner = OF_SCHEDULE,
     .decides = true, .doc = "cosine and its kin: rate at the end"},
    {OPTION(warmup), .kind = FOV_OPTION_INTEGER, .maximum = 1e9, .argument = "N", .decides = true,
     .doc = "steps over which the rate rises"},
    {OPTION(whiten), .kind = FOV_OPTION_TEXT, .argument = "NAME", .otherwise = "none", .decides = true,
     .doc = "weight of the first convolution: filters that whiten the data's patches, and stay so"},
    {OPTION(label_smoothing), .kind = FOV_OPTION_NUMBER, .maximum = 0.999, .argument = "X", .decides = true,
     .doc = "share of the target spread over all classes"},
    {OPTION(train_size), .kind = FOV_OPTION_INTEGER, .maximum = 16384, .argument = "PIXELS",
     .otherwise = "the network's own", .decides = true,
     .doc = "side of the pictures in training alone; with \"cut\" in the list below, pieces of that size"},
    {OPTION(multi_scale), .kind = FOV_OPTION_TEXT, .argument = "SHARE", .otherwise = "one size", .absent = "none",
     .decides = true,
     .doc = "pictures in training up to so much smaller and larger: 0.25, or 0.25:every=10:step=32 batches and pixels"},
    {OPTION(augment), .kind = FOV_OPTION_TEXT, .argument = "LIST", .otherwise = "none", .absent = "none",
     .decides = true,
     .doc = "random changes of the pictures: \"crop:4, flip\", or mnist, cifar, imagenet, segment; see fovea data "
            "transforms"},
    {OPTION(plain_epochs), .kind = FOV_OPTION_INTEGER, .maximum = 1e6, .argument = "N", .decides = true,
     .doc = "last epochs without random changes: the network gets used to pictures as it will meet them"},
    {OPTION(loader_threads), .kind = FOV_OPTION_INTEGER, .maximum = 256, .argument = "N|none", .word = "none",
     .otherwise = "1 where pictures are decoded, none where they lie in memory",
     .doc = "threads that prepare the next batches while a step is computed"},
    {OPTION(cache), .kind = FOV_OPTION_INTEGER, .maximum = 1 << 30, .argument = "MiB",
     .doc = "decoded pictures kept in memory between epochs, at most"},
    {OPTION(stop_on_bad_file), .kind = FOV_OPTION_FLAG,
     .doc = "end where a picture cannot be read; else it is named, and the next takes its place"},
    {OPTION(tensorboard), .kind = FOV_OPTION_FLAG,
     .doc = "also write what TensorBoard reads: scalars and histograms of the weights, an event per epoch"},
    {OPTION(checkpoint_steps), .kind = FOV_OPTION_INTEGER, .maximum = 2e9, .argument = "N",
     .otherwise = "one at each epoch's end", .doc = "also leave a checkpoint each N steps"},
    {OPTION(classes_by_position), .kind = FOV_OPTION_FLAG, .decides = true,
     .doc = "class i of the data is output i of the model file, whatever their names"},
    {.name = NULL},
};

double train_option_number(const struct train_option *option, const fov_train_options *options)
{
    const char *member = (const char *)options + option->offset;
    int whole = 0;
    float number = 0.0f;
    bool flag = false;
    switch (option->kind) {
    case FOV_OPTION_INTEGER:
        memcpy(&whole, member, sizeof whole);
        break;
    case FOV_OPTION_NUMBER:
        memcpy(&number, member, sizeof number);
        break;
    case FOV_OPTION_FLAG:
        memcpy(&flag, member, sizeof flag);
        break;
    case FOV_OPTION_TEXT:
        break;
    }
    return (double)whole + (double)number + (double)flag;
}

const char *train_option_text(const struct train_option *option, const fov_train_options *options)
{
    const char *text = NULL;
    if (option->kind == FOV_OPTION_TEXT) {
        memcpy(&text, (const char *)options + option->offset, sizeof text);
    }
    return text;
}

void train_option_put(const struct train_option *option, fov_train_options *options, double number, const char *text)
{
    char *member = (char *)options + option->offset;
    int whole = number >= INT_MAX ? INT_MAX : number <= INT_MIN ? INT_MIN : (int)number;
    switch (option->kind) {
    case FOV_OPTION_INTEGER:
        memcpy(member, &whole, sizeof whole);
        break;
    case FOV_OPTION_NUMBER:
        memcpy(member, &(float){(float)number}, sizeof(float));
        break;
    case FOV_OPTION_FLAG:
        memcpy(member, &(bool){number != 0.0}, sizeof(bool));
        break;
    case FOV_OPTION_TEXT:
        memcpy(member, &text, sizeof text);
        break;
    }
}

/* ---- public ------------------------------------------------------------------------------------------------------ */

static int find(const char *name)
{
    int index = 0;
    while (train_option_table[index].name != NULL && strcmp(train_option_table[index].name, name) != 0) {
        index++;
    }
    return index;
}

int fov_train_option_count(void)
{
    return find("");
}

fov_train_option_info fov_train_option_at(int index)
{
    fov_train_option_info info = {.name = "", .doc = "", .argument = "", .by_name = -1};
    if (index < 0 || index >= fov_train_option_count()) {
        return info;
    }
    const struct train_option *option = &train_option_table[index];
    info.name = option->name;
    info.kind = option->kind;
    info.standard = option->standard;
    info.minimum = option->minimum;
    info.maximum = option->maximum;
    info.argument = option->argument != NULL ? option->argument : "";
    info.otherwise = option->otherwise;
    info.word = option->word;
    info.doc = option->doc != NULL ? option->doc : "";
    info.by_name = option->by_name != NULL ? find(option->by_name) : -1;
    info.part_of = option->owner == OF_OPTIMIZER  ? "optimizer"
                   : option->owner == OF_SCHEDULE ? "schedule"
                                                  : NULL;
    return info;
}

void fov_train_option_put(fov_train_options *options, int index, double number, const char *text)
{
    if (options != NULL && index >= 0 && index < fov_train_option_count()) {
        train_option_put(&train_option_table[index], options, number, text);
    }
}
