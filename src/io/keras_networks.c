/* SPDX-License-Identifier: MIT */
/* Networks of Keras' applications (github.com/keras-team/keras, keras/src/applications) that fovea has too: VGG,
 * ResNet as first printed, DenseNet. The layers' names identify the network; each tensor gets fovea's name and order of
 * dimensions. Keras' other known networks compute something else than fovea's networks of that name, and are refused
 * with the reason. ("Ours" in this file: fovea's.) */
#include "base/text.h"
#include "io/hdf5.h"
#include "io/keras_file.h"
#include "io/sniff.h"
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 128 };

/* The conversion of a Keras file's tensors to those of a fovea network. */
struct renaming {
    const struct safetensors *file;
    struct safetensors_tensor *tensors; /* ours; names are allocated */
    float *numbers;                     /* the elements of all of `tensors` */
    struct error *error;
};

/* ---- names ----------------------------------------------------------------------------------------------------- */

static bool has_layer(const struct safetensors *file, const char *layer)
{
    char name[NAME_SIZE];
    text_append(name, sizeof name, 0, "%s/kernel", layer);
    return safetensors_find(file, name) != NULL;
}

/* The largest i for which the layers FRONT 1 END to FRONT i END all exist; 0: not even the first does. */
static int last_layer(const struct safetensors *file, const char *front, const char *end)
{
    char layer[NAME_SIZE];
    int i = 0;
    do {
        snprintf(layer, sizeof layer, "%s%d%s", front, ++i, end);
    } while (has_layer(file, layer));
    return i - 1;
}

/* Splits "conv4_block6_2_conv" into stage, block and number within the block; `kind` is 'c' for a convolution, 'b' for
 * a batch norm. */
static bool split_block(const char *layer, int *stage, int *block, int *number, char *kind)
{
    int end = 0;
    return (sscanf(layer, "conv%1d_block%2d_%1d_%n", stage, block, number, &end) == 3 && end > 0 &&
            (strcmp(layer + end, "conv") == 0 || strcmp(layer + end, "bn") == 0) && (*kind = layer[end], true));
}

/* The same for ResNet of Keras before 2.2.5: "res4b_branch2a" and "bn4b_branch2a"; branch1 is the shortcut. */
static bool split_letters(const char *layer, int *stage, int *block, int *number, char *kind)
{
    char letter = 0, branch[3] = "";
    int end = 0;
    bool is_conv = strncmp(layer, "res", 3) == 0, is_norm = strncmp(layer, "bn", 2) == 0;
    if ((!is_conv && !is_norm) ||
        sscanf(layer + (is_conv ? 3 : 2), "%1d%c_branch%2[12abc]%n", stage, &letter, branch, &end) != 3 ||
        layer[(is_conv ? 3 : 2) + end] != '\0' || letter < 'a' || letter > 'z') {
        return false;
    }
    *block = letter - 'a' + 1;
    *number = branch[0] == '1' ? 0 : branch[1] - 'a' + 1;
    *kind = is_conv ? 'c' : 'b';
    return strcmp(branch, "1") == 0 || (branch[0] == '2' && branch[1] != '\0');
}

static bool is_any(const char *layer, const char *a, const char *b, const char *c)
{
    return strcmp(layer, a) == 0 || strcmp(layer, b) == 0 || strcmp(layer, c) == 0;
}

static bool resnet_name(const struct safetensors *file, const char *layer, char out[NAME_SIZE])
{
    int stage, block, number;
    char kind;
    (void)file;
    if (is_any(layer, "conv1_conv", "conv1", "conv1")) {
        return snprintf(out, NAME_SIZE, "conv1") > 0;
    }
    if (is_any(layer, "conv1_bn", "bn_conv1", "bn_conv1")) {
        return snprintf(out, NAME_SIZE, "bn1") > 0;
    }
    if (is_any(layer, "predictions", "probs", "fc1000")) {
        return snprintf(out, NAME_SIZE, "fc") > 0;
    }
    if (!split_block(layer, &stage, &block, &number, &kind) && !split_letters(layer, &stage, &block, &number, &kind)) {
        return false;
    }
    if (number == 0) {
        return snprintf(out, NAME_SIZE, "layer%d.%d.downsample.%d", stage - 1, block - 1, kind == 'b') > 0;
    }
    return snprintf(out, NAME_SIZE, "layer%d.%d.%s%d", stage - 1, block - 1, kind == 'c' ? "conv" : "bn", number) > 0;
}

static bool densenet_name(const struct safetensors *file, const char *layer, char out[NAME_SIZE])
{
    int stage, block, number, end = 0;
    char kind;
    (void)file;
    if (is_any(layer, "conv1/conv", "conv1_conv", "conv1_conv")) {
        return snprintf(out, NAME_SIZE, "features.conv0") > 0;
    }
    if (is_any(layer, "conv1/bn", "conv1_bn", "conv1_bn")) {
        return snprintf(out, NAME_SIZE, "features.norm0") > 0;
    }
    if (strcmp(layer, "bn") == 0) {
        return snprintf(out, NAME_SIZE, "features.norm5") > 0;
    }
    if (is_any(layer, "predictions", "fc1000", "fc1000")) {
        return snprintf(out, NAME_SIZE, "classifier") > 0;
    }
    if (sscanf(layer, "pool%1d_%n", &stage, &end) == 1 && end > 0 && is_any(layer + end, "conv", "bn", "bn")) {
        return snprintf(out, NAME_SIZE, "features.transition%d.%s", stage - 1, layer[end] == 'c' ? "conv" : "norm") > 0;
    }
    /* A dense layer is called norm 0, convolution 1, norm 1, convolution 2 by Keras. */
    return split_block(layer, &stage, &block, &number, &kind) &&
           snprintf(out, NAME_SIZE, "features.denseblock%d.denselayer%d.%s%d", stage - 1, block,
                    kind == 'c' ? "conv" : "norm", kind == 'c' ? number : number + 1) > 0;
}

static bool vgg_name(const struct safetensors *file, const char *layer, char out[NAME_SIZE])
{
    static const char *const dense[] = {"fc1", "fc2", "predictions"};
    int block, conv, end = 0, place = 0;
    for (int i = 0; i < 3; i++) {
        if (strcmp(layer, dense[i]) == 0) {
            return snprintf(out, NAME_SIZE, "classifier.%d", 3 * i) > 0;
        }
    }
    if (sscanf(layer, "block%1d_conv%1d%n", &block, &conv, &end) != 2 || layer[end] != '\0') {
        return false;
    }
    for (int i = 1; i < block; i++) { /* places: two for each convolution and its ReLU, one for the block's pooling */
        char front[NAME_SIZE];
        snprintf(front, sizeof front, "block%d_conv", i);
        place += 2 * last_layer(file, front, "") + 1;
    }
    return snprintf(out, NAME_SIZE, "features.%d", place + 2 * (conv - 1)) > 0;
}

/* ---- applications ---------------------------------------------------------------------------------------------- */

static void resnet_network(const struct safetensors *file, char out[NAME_SIZE])
{
    int blocks = last_layer(file, "conv4_block", "_1_conv");
    if (blocks == 0) {
        blocks = 6; /* when blocks had letters, Keras had ResNet50 only */
    }
    snprintf(out, NAME_SIZE, "resnet%d@v1", blocks == 6 ? 50 : blocks == 23 ? 101 : 152);
}

static void densenet_network(const struct safetensors *file, char out[NAME_SIZE])
{
    int blocks = last_layer(file, "conv4_block", "_1_conv");
    snprintf(out, NAME_SIZE, "densenet%d", blocks == 24 ? 121 : blocks == 32 ? 169 : 201);
}

static void vgg_network(const struct safetensors *file, char out[NAME_SIZE])
{
    snprintf(out, NAME_SIZE, "vgg%d", has_layer(file, "block3_conv4") ? 19 : 16);
}

/* A network of Keras' applications, recognised by two of its layers; the first entry whose layers exist is taken. */
static const struct application {
    const char *name, *layer, *other;
    const char *unlike; /* how it differs from fovea's network; NULL: not at all, and the members below are set */
    bool (*rename)(const struct safetensors *file, const char *layer, char out[NAME_SIZE]);
    void (*network)(const struct safetensors *file, char out[NAME_SIZE]);
    const char *preset;
    double epsilon_more; /* the epsilon of Keras' norms minus that of ours */
} applications[] = {
    {.name = "ResNet V2",
     .layer = "conv2_block1_0_conv",
     .other = "conv2_block1_preact_bn",
     .unlike = "its blocks begin with a norm, and no network here is built so for ImageNet"},
    {.name = "ResNet",
     .layer = "conv2_block1_0_conv",
     .other = "conv2_block1_3_conv",
     .rename = resnet_name,
     .network = resnet_network,
     .preset = "caffe",
     .epsilon_more = 1.001e-5 - 1e-5},
    {.name = "ResNet",
     .layer = "res2a_branch1",
     .other = "res5c_branch2c",
     .rename = resnet_name,
     .network = resnet_network,
     .preset = "caffe",
     .epsilon_more = 1e-3 - 1e-5},
    {.name = "DenseNet",
     .layer = "conv2_block1_1_conv",
     .other = "pool4_conv",
     .rename = densenet_name,
     .network = densenet_network,
     .preset = "imagenet",
     .epsilon_more = 1.001e-5 - 1e-5},
    {.name = "Xception",
     .layer = "block1_conv1",
     .other = "block2_sepconv1",
     .unlike = "it is none of the networks here"},
    {.name = "VGG",
     .layer = "block1_conv1",
     .other = "block5_conv3",
     .rename = vgg_name,
     .network = vgg_network,
     .preset = "caffe"},
    {.name = "MobileNetV3",
     .layer = "expanded_conv_project",
     .other = "expanded_conv_1_expand",
     .unlike = "where it strides it pads behind only, ours on both sides"},
    {.name = "MobileNetV2",
     .layer = "Conv1",
     .other = "block_1_expand",
     .unlike = "where it strides it pads behind only, ours on both sides"},
    {.name = "MobileNet",
     .layer = "conv1",
     .other = "conv_dw_1",
     .unlike = "where it strides it pads behind only, ours on both sides"},
    {.name = "EfficientNet",
     .layer = "stem_conv",
     .other = "block1a_project_conv",
     .unlike = "where it strides it pads behind only, ours on both sides"},
    {.name = "InceptionResNetV2",
     .layer = "conv_7b",
     .other = "block8_10_conv",
     .unlike = "its average pooling leaves the padding out, ours counts it"},
    {.name = "InceptionV3",
     .layer = "conv2d_93",
     .other = "predictions",
     .unlike = "its average pooling leaves the padding out, ours counts it"},
};

static bool has_any(const struct safetensors *file, const char *layer)
{
    static const char *const variables[] = {"kernel", "depthwise_kernel", "gamma", "beta"};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        char name[NAME_SIZE];
        text_append(name, sizeof name, 0, "%s/%s", layer, variables[i]);
        if (safetensors_find(file, name) != NULL) {
            return true;
        }
    }
    return false;
}

static const struct application *find_application(const struct safetensors *file)
{
    for (size_t i = 0; i < sizeof applications / sizeof applications[0]; i++) {
        if (has_any(file, applications[i].layer) && has_any(file, applications[i].other)) {
            return &applications[i];
        }
    }
    return NULL;
}

/* ---- tensors --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *keras, *ours;
} variables[] = {
    {"kernel", "weight"},
    {"bias", "bias"},
    {"gamma", "weight"},
    {"beta", "bias"},
    {"moving_mean", "running_mean"},
    {"moving_variance", "running_var"},
};

/* Our name for a tensor such as "conv1_conv/kernel"; false where the tensor does not belong to the network. */
static bool rename_tensor(const struct application *known, const struct safetensors *file, const char *name,
                          char out[NAME_SIZE])
{
    char layer[NAME_SIZE], ours[NAME_SIZE];
    const char *slash = strrchr(name, '/');
    size_t length = slash != NULL ? (size_t)(slash - name) : 0;
    if (length == 0 || length >= sizeof layer) {
        return false;
    }
    memcpy(layer, name, length);
    layer[length] = '\0';
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        if (strcmp(variables[i].keras, slash + 1) == 0 && known->rename(file, layer, ours)) {
            return text_append(out, NAME_SIZE, 0, "%s.%s", ours, variables[i].ours) < NAME_SIZE;
        }
    }
    return false;
}

/* Transposes [pixels, in, out] to [out, in, pixels]: the weights of a filter, or of a dense layer after a flattened map
 * (Keras flattens maps channels-last). Works on 16 outputs at a time, so that whole cache lines are read. */
static void transpose(const float *from, int64_t pixels, int64_t in, int64_t out, float *to)
{
    enum { LINE = 16 };
    for (int64_t first = 0; first < out; first += LINE) {
        int64_t end = first + LINE < out ? first + LINE : out;
        for (int64_t row = 0; row < in * pixels; row++) {
            for (int64_t o = first; o < end; o++) {
                to[o * in * pixels + row % in * pixels + row / in] = from[row * out + o];
            }
        }
    }
}

/* Converts one tensor to floats in our order of dimensions. `workspace`: as many elements. */
static int convert_tensor(const struct renaming *r, const struct safetensors_tensor *from, float *workspace,
                          struct safetensors_tensor *to, float *numbers)
{
    enum { VGG_CHANNELS = 512 };
    bool is_kernel = strcmp(strrchr(from->name, '/') + 1, "kernel") == 0;
    int rank = from->shape.rank;
    if (!is_kernel || (rank != 4 && rank != 2)) {
        return safetensors_to_float(r->file, from, numbers, r->error);
    }
    int status = safetensors_to_float(r->file, from, workspace, r->error);
    if (status != FOV_OK) {
        return status;
    }
    const int64_t *dim = from->shape.dim;
    if (rank == 4) {
        transpose(workspace, dim[0] * dim[1], dim[2], dim[3], numbers);
        to->shape = (fov_shape){4, {dim[3], dim[2], dim[0], dim[1]}};
    } else {
        bool is_map = strcmp(to->name, "classifier.0.weight") == 0 && dim[0] % VGG_CHANNELS == 0;
        transpose(workspace, is_map ? dim[0] / VGG_CHANNELS : 1, is_map ? VGG_CHANNELS : dim[0], dim[1], numbers);
        to->shape = (fov_shape){2, {dim[1], dim[0]}};
    }
    return FOV_OK;
}

static const struct safetensors_tensor *find_ours(const struct renaming *r, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(r->tensors[i].name, name) == 0) {
            return &r->tensors[i];
        }
    }
    return NULL;
}

/* Subtracts `what`, element by element, from a tensor; `what` NULL: adds `more` to each element. Sums are in double. */
static void add_to(const struct safetensors_tensor *tensor, const float *what, double more)
{
    float *numbers = (float *)(uintptr_t)tensor->data;
    for (size_t i = 0; i < tensor->bytes / sizeof *numbers; i++) {
        numbers[i] = (float)(numbers[i] + (what != NULL ? -(double)what[i] : more));
    }
}

/* For the bias of a convolution ("layer1.0.conv2.bias", "layer1.0.downsample.0.bias"): the name of the running mean of
 * the norm that follows. False: the tensor is no such bias. */
static bool norm_behind(const char *name, char out[NAME_SIZE])
{
    const char *end = strrchr(name, '.'), *conv = strstr(name, "conv"), *down = strstr(name, "downsample.0.");
    if (end == NULL || strcmp(end, ".bias") != 0 || (conv == NULL && down == NULL)) {
        return false;
    }
    if (down != NULL) {
        snprintf(out, NAME_SIZE, "%.*sdownsample.1.running_mean", (int)(down - name), name);
    } else {
        snprintf(out, NAME_SIZE, "%.*sbn%.*s.running_mean", (int)(conv - name), name, (int)(end - (conv + 4)),
                 conv + 4);
    }
    return true;
}

/* Keras' ResNet convolutions have a bias, and the norm that follows subtracts its mean: gamma (x + b - m) / s + beta.
 * Subtracts each bias from that mean and removes the bias from the list of tensors. */
static int fold_biases(struct renaming *r, size_t *count)
{
    size_t kept = 0;
    char name[NAME_SIZE];
    for (size_t i = 0; i < *count; i++) {
        const struct safetensors_tensor *bias = &r->tensors[i];
        if (!norm_behind(bias->name, name)) {
            continue;
        }
        const struct safetensors_tensor *mean = find_ours(r, *count, name);
        if (mean == NULL || mean->bytes != bias->bytes) {
            return error_set(r->error, FOV_E_INPUT,
                             "%s: the bias of a convolution has no norm's mean \"%s\" to go into", r->file->file, name);
        }
        add_to(mean, (const float *)(const void *)bias->data, 0);
    }
    for (size_t i = 0; i < *count; i++) {
        if (norm_behind(r->tensors[i].name, name)) {
            memory_free(r->file->memory, (void *)(uintptr_t)r->tensors[i].name);
        } else {
            r->tensors[kept++] = r->tensors[i];
        }
    }
    *count = kept;
    return FOV_OK;
}

/* Whether a tensor holds floats: the others, such as the count of a Normalization, are none of a network's weights. */
static bool is_float(const struct safetensors_tensor *tensor)
{
    return tensor->dtype == FOV_F32 || tensor->dtype == FOV_F16 || tensor->dtype == FOV_F64 ||
           strcmp(tensor->type, "BF16") == 0;
}

/* The floats that a tensor takes among r->numbers. */
static bool count_floats(const struct safetensors_tensor *tensor, size_t *floats)
{
    if (!is_float(tensor)) {
        *floats = tensor->bytes / sizeof(float) + (tensor->bytes % sizeof(float) != 0);
        return true;
    }
    return shape_count(&tensor->shape, floats);
}

static int rename_all(struct renaming *r, const struct application *known, float *workspace, size_t *count)
{
    size_t used = 0;
    for (size_t i = 0; i < r->file->count; i++) {
        const struct safetensors_tensor *from = &r->file->tensors[i];
        struct safetensors_tensor *to = &r->tensors[*count];
        char name[NAME_SIZE];
        bool is_ours = rename_tensor(known, r->file, from->name, name);
        *to = (struct safetensors_tensor){.name =
                                              memory_copy_text(r->file->memory, is_ours ? name : from->name, r->error),
                                          .type = "F32",
                                          .dtype = FOV_F32};
        if (to->name == NULL) {
            return FOV_E_MEMORY;
        }
        ++*count;
        size_t floats;
        count_floats(from, &floats); /* cannot fail: count_all has checked it */
        to->data = (const uint8_t *)(r->numbers + used);
        to->bytes = floats * sizeof *r->numbers;
        to->shape = from->shape;
        if (!is_ours && !is_float(from)) {
            to->type = from->type;
            to->dtype = from->dtype;
            to->bytes = from->bytes;
            memcpy(r->numbers + used, from->data, from->bytes);
            used += floats;
            continue;
        }
        int status = is_ours ? convert_tensor(r, from, workspace, to, r->numbers + used)
                             : safetensors_to_float(r->file, from, r->numbers + used, r->error);
        if (status != FOV_OK) {
            return status;
        }
        used += floats;
        if (known->epsilon_more != 0 && strstr(to->name, ".running_var") != NULL) {
            add_to(to, NULL, known->epsilon_more);
        }
    }
    return known->rename == resnet_name ? fold_biases(r, count) : FOV_OK;
}

/* Counts the floats that all tensors take together, and the largest one. */
static int count_all(const struct renaming *r, size_t *all, size_t *most)
{
    *all = *most = 0;
    for (size_t i = 0; i < r->file->count; i++) {
        size_t floats;
        if (!count_floats(&r->file->tensors[i], &floats) || !size_add(*all, floats, all)) {
            return error_set(r->error, FOV_E_INPUT, "%s: more numbers than can be counted", r->file->file);
        }
        *most = floats > *most ? floats : *most;
    }
    return FOV_OK;
}

static int rename_as(struct safetensors *file, const struct application *known, struct error *error)
{
    struct memory *memory = file->memory;
    struct renaming r = {.file = file, .error = error};
    struct safetensors made = {0};
    float *workspace = NULL;
    char network[NAME_SIZE];
    size_t all, most, count = 0;
    int status = count_all(&r, &all, &most);
    if (status == FOV_OK) {
        r.tensors = memory_allocate(memory, file->count, sizeof *r.tensors, "tensors", error);
        r.numbers = memory_allocate_raw(memory, all, sizeof *r.numbers, "Keras' weights in another order", error);
        workspace = memory_allocate_raw(memory, most, sizeof *workspace, "Keras' weights in another order", error);
        status = r.tensors == NULL || r.numbers == NULL || workspace == NULL ? FOV_E_MEMORY : FOV_OK;
    }
    status = status == FOV_OK ? rename_all(&r, known, workspace, &count) : status;
    if (status == FOV_OK) {
        known->network(file, network);
        const struct safetensors_text metadata[] = {{KERAS_NETWORK, network}, {KERAS_PRESET, known->preset}};
        status =
            safetensors_gather(&made, file->file, r.tensors, count, metadata, 2, (uint8_t *)r.numbers, memory, error);
        r.numbers = NULL;
    }
    for (size_t i = 0; i < count; i++) {
        memory_free(memory, (void *)(uintptr_t)r.tensors[i].name);
    }
    memory_free(memory, r.tensors);
    memory_free(memory, r.numbers);
    memory_free(memory, workspace);
    if (status == FOV_OK) {
        made.map = file->map; /* the mapping also owns the file's name, which `made` uses */
        made.mapped = file->mapped;
        file->mapped = false;
        safetensors_close(file);
        *file = made;
    }
    return status;
}

bool keras_begins(const uint8_t *bytes, size_t size)
{
    return hdf5_begins(bytes, size) || sniff_content(bytes, size) == SNIFF_KERAS;
}

int keras_rename(struct safetensors *file, struct error *error)
{
    const struct application *known = find_application(file);
    if (safetensors_metadata(file, KERAS_NUMBERED) != NULL) {
        return error_set(
            error, FOV_E_UNSUPPORTED,
            "%s: its layers have numbers instead of names, as Keras 3 wrote weights alone at first: save the "
            "whole model (model.save(\"model.keras\")), whose weights are read",
            file->file);
    }
    if (known == NULL) {
        return FOV_OK;
    }
    if (known->unlike != NULL) {
        return error_set(error, FOV_E_UNSUPPORTED,
                         "%s: these are weights of Keras' %s: %s. Export the whole model to ONNX "
                         "(model.export(\"model.onnx\", format=\"onnx\"), or tf2onnx)",
                         file->file, known->name, known->unlike);
    }
    return rename_as(file, known, error);
}
