/* SPDX-License-Identifier: MIT */
/* Eigenvalues and eigenvectors of small symmetric matrices, such as covariances of patches. */
#ifndef TRAIN_EIGEN_H
#define TRAIN_EIGEN_H

/** `matrix` [n][n], symmetric, is overwritten: afterwards its diagonal holds the eigenvalues, the largest first.
 *  vectors[k] [n] receives the k-th eigenvector, of length 1, with its largest element positive. */
void eigen_symmetric(double *matrix, int n, double *vectors);

#endif
