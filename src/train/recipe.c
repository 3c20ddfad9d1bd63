/* SPDX-License-Identifier: MIT */
/* The recipes. docs/training.md has the results measured with them. */
#include <fovea/train.h>
#include <stddef.h>

static const fov_recipe recipes[] = {
    {"mnist-quick", "lenet5 on MNIST in three epochs: 99 % within a few seconds",
     "model = lenet5\n"
     "data = mnist\n"
     "epochs = 3\n"
     "batch = 64\n"
     "optimizer = sgd\n"
     "lr = 0.05\n"
     "momentum = 0.9\n"
     "schedule = one-cycle\n"
     "ema = 0.99\n",
     NULL, 0},
    {"mnist-fast", "lenet5 on MNIST in about a minute of two cores",
     "model = lenet5\n"
     "data = mnist\n"
     "epochs = 18\n"
     "batch = 64\n"
     "optimizer = sgd\n"
     "lr = 0.05\n"
     "momentum = 0.9\n"
     "nesterov = yes\n"
     "weight_decay = 0.0005\n"
     "no_decay = norms-and-biases\n"
     "schedule = one-cycle\n"
     "augment = mnist\n"
     "ema = 0.999\n",
     NULL, 0},
    {"mnist-best", "32-32-64-64 filters with batch norm on MNIST, affine and elastic changes",
     "model = mnist-best\n"
     "data = mnist\n"
     "epochs = 14\n"
     "batch = 100\n"
     "optimizer = sgd\n"
     "lr = 0.1\n"
     "momentum = 0.9\n"
     "nesterov = yes\n"
     "weight_decay = 0.0005\n"
     "no_decay = norms-and-biases\n"
     "schedule = one-cycle:anneal=linear\n"
     "augment = rotate:10, shear:5, scale:0.1, translate:0.08, elastic:20:sigma=4\n"
     "plain_epochs = 2\n"
     "label_smoothing = 0.05\n"
     "ema = 0.998\n",
     NULL, 0},
    {"airbench94", "CIFAR-10 in ten epochs: filters that whiten, identity at first, Lookahead (Jordan 2024)",
     "model = airbench94\n"
     "data = cifar10\n"
     "epochs = 10\n"
     "batch = 1024\n"
     "drop_last = yes\n"
     "optimizer = sgd\n"
     "lr = 1.5, *.norm?.weight=0x, *.norm?.bias=64x, 0.bias=1x@1-3\n"
     "momentum = 0.85\n"
     "nesterov = yes\n"
     "weight_decay = 0.00133, *.norm?.bias=0.015625x\n"
     "schedule = triangle:peak=0.23:from=0.2:to=0.07\n"
     "whiten = 0.weight\n"
     "lookahead = 5\n"
     "lookahead_final = 0.2262\n"
     "label_smoothing = 0.2\n"
     "augment = alternating-flip, crop:2:border=reflect\n",
     NULL, 0},
    {"finetune", "a model file whose head learns at the full rate and whose body at a tenth of it",
     "epochs = 10\n"
     "batch = 32\n"
     "optimizer = adamw:weight_decay=0.01\n"
     "lr = 0.001, *=0.1x, head=1x\n"
     "no_decay = norms-and-biases\n"
     "schedule = cosine\n"
     "warmup = 20\n"
     "clip_norm = 1\n"
     "augment = imagenet\n"
     "label_smoothing = 0.1\n",
     NULL, 0},
    {"segment", "unet on pictures with masks, from pieces of 256 x 256 pixels that are mirrored and bent",
     "model = unet:width=12\n"
     "task = segment:loss=cross-entropy+dice\n"
     "train_size = 256\n"
     "augment = cut:border=reflect, flip, vertical-flip, rotate:15, scale:0.1, elastic:60:sigma=10, brightness:0.2, "
     "contrast:0.2\n"
     "epochs = 60\n"
     "batch = 4\n"
     "optimizer = adamw:weight_decay=0.01\n"
     "lr = 0.001\n"
     "no_decay = norms-and-biases\n"
     "schedule = one-cycle\n"
     "clip_norm = 1\n"
     "ema = 0.99\n",
     NULL, 0},
    {"resnet20-he", "resnet20 on CIFAR-10 as He et al. 2016, section 4.2",
     "model = resnet20\n"
     "data = cifar10\n"
     "epochs = 164\n"
     "batch = 128\n"
     "optimizer = sgd\n"
     "lr = 0.1\n"
     "momentum = 0.9\n"
     "weight_decay = 0.0001\n"
     "schedule = multistep:82,123:gamma=0.1\n"
     "augment = crop:4, flip\n",
     NULL, 0},
    {"detect", "a detector on some hundreds of pictures: weak changes, adamw, an average of the weights",
     "model = yolox-nano\n"
     "task = detect\n"
     "epochs = 150\n"
     "batch = 4\n"
     "optimizer = adamw:weight_decay=0.02\n"
     "lr = 0.002\n"
     "no_decay = norms-and-biases\n"
     "schedule = cosine\n"
     "warmup = 100\n"
     "augment = flip, scale:0.2, translate:0.1, brightness:0.2, contrast:0.2, saturation:0.2, hue:0.02\n"
     "ema = 0.997\n"
     "cache = 1000\n",
     .larger = "detect-large", .from = 5000},
    {"detect-large", "a detector on thousands of pictures, as YOLOX is trained: mosaic and mixup, SGD",
     "model = yolox-s\n"
     "task = detect\n"
     "epochs = 300\n"
     "batch = 16\n"
     "accumulate = 4\n"
     "optimizer = sgd\n"
     "lr = 0.01\n"
     "momentum = 0.9\n"
     "nesterov = yes\n"
     "weight_decay = 0.0005\n"
     "no_decay = norms-and-biases\n"
     "schedule = cosine\n"
     "lr_final = 0.0005\n"
     "warmup = 2000\n"
     "multi_scale = 0.25\n"
     "augment = mosaic:p=0.9, scale:0.5, translate:0.1, mixup:alpha=8:p=0.3, flip, brightness:0.4, saturation:0.7, "
     "hue:0.015\n"
     "ema = 0.9998\n",
     NULL, 0},
};
enum { COUNT = sizeof recipes / sizeof recipes[0] };

int fov_recipe_count(void)
{
    return COUNT;
}

fov_recipe fov_recipe_at(int index)
{
    static const fov_recipe none = {.name = "", .summary = "", .settings = ""};
    return index >= 0 && index < COUNT ? recipes[index] : none;
}
