/* SPDX-License-Identifier: MIT */
/* Class names of CIFAR-10 and CIFAR-100, in the order of their labels. */
#ifndef DATA_CIFAR_NAMES_H
#define DATA_CIFAR_NAMES_H

extern const char *const cifar_10_names[10], *const cifar_100_names[100], *const cifar_100_coarse_names[20];

#endif
