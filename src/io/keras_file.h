/* SPDX-License-Identifier: MIT */
/* Keras' files of weights: .h5 of Keras 1 and 2, whole models and weights alone; .weights.h5 of Keras 3; .keras, a zip
 * archive with such a file in it. All are presented as an opened safetensors file of tensors "LAYER/VARIABLE", such as
 * "conv1_conv/kernel", in Keras' own order of dimensions. Where the layers are those of a known network,
 * keras_networks.c converts them to fovea's tensors; hdf5.c reads the bytes. */
#ifndef IO_KERAS_FILE_H
#define IO_KERAS_FILE_H

#include "io/safetensors.h"

/** Metadata key of a file whose layers have numbers instead of names. */
#define KERAS_NUMBERED "keras.numbered"
/** Metadata keys that keras_rename sets: the network's name, and the preprocessing preset of Keras' own weights. */
#define KERAS_NETWORK "keras.network"
#define KERAS_PRESET "keras.preset"

bool keras_begins(const uint8_t *bytes, size_t size); /**< whether the bytes begin like one of these files */

/** Reads all weights into memory; `bytes` may be freed afterwards. `name` is for messages and must outlive `file`. */
int keras_parse(struct safetensors *file, const char *name, const uint8_t *bytes, size_t size, struct memory *memory,
                struct error *error);

/** Where the layers are those of a network of Keras' applications that fovea has too, replaces *file by tensors with
 *  fovea's names and order of dimensions, which compute the same: a bias before a norm, and the difference between the
 *  epsilons, are folded into the norm's running statistics. E_UNSUPPORTED where Keras' network of that name computes
 *  something else than fovea's, or the layers have no names. Files of other networks stay as they are. */
int keras_rename(struct safetensors *file, struct error *error);

#endif
