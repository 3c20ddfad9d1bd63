/* SPDX-License-Identifier: MIT */
/* Keras' files of weights: .h5 of Keras 1 and 2, whole models and weights alone; .weights.h5 of Keras 3; .keras, a zip
 * archive with such a file in it. All are handed out as an opened safetensors file of tensors "LAYER/VARIABLE", such as
 * "conv1_conv/kernel", in Keras' own order of dimensions. keras_networks.c makes a network's tensors of them, where the
 * layers are those of a network that is known; hdf5.c reads the bytes. */
#ifndef IO_KERAS_FILE_H
#define IO_KERAS_FILE_H

#include "io/safetensors.h"

/** Metadata of a file whose layers have numbers, no names. */
#define KERAS_NUMBERED "keras.numbered"
/** Metadata of what keras_rename has made: the network by name, and the preset of Keras' own weights for it. */
#define KERAS_NETWORK "keras.network"
#define KERAS_PRESET "keras.preset"

bool keras_begins(const uint8_t *bytes, size_t size); /**< whether the bytes begin like one of these files */

/** Reads all weights; nothing of `bytes` is needed afterwards. `name` is for messages and outlives `file`. */
int keras_parse(struct safetensors *file, const char *name, const uint8_t *bytes, size_t size, struct memory *memory,
                struct error *error);

/** Where the layers are those of a network of Keras' applications that is one of ours, too, *file becomes tensors with
 *  our names and order of dimensions, which compute the same: a bias before a norm and the norm's epsilon go into its
 *  running statistics. E_UNSUPPORTED where Keras' network of that name computes something else than ours, or layers
 *  have no names. Others stay as they are. */
int keras_rename(struct safetensors *file, struct error *error);

#endif
