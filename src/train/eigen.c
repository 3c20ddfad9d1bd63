/* SPDX-License-Identifier: MIT */
/* Cyclic Jacobi rotations (Jacobi 1846; Golub & Van Loan, "Matrix computations", section 8.5.3): each rotation makes
 * one off-diagonal element zero, and the off-diagonal elements together converge to zero quadratically. */
#include "train/eigen.h"
#include <float.h>
#include <math.h>

enum { MOST_SWEEPS = 60 };

/* Rotates rows and columns p and q so that a[p][q] becomes 0. */
static void rotate(double *a, double *vectors, int n, int p, int q)
{
    double slope = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
    double t = (slope >= 0 ? 1 : -1) / (fabs(slope) + sqrt(slope * slope + 1)), c = 1 / sqrt(t * t + 1), s = t * c;
    for (int k = 0; k < n; k++) {
        double kp = a[k * n + p], kq = a[k * n + q];
        a[k * n + p] = c * kp - s * kq;
        a[k * n + q] = s * kp + c * kq;
    }
    for (int k = 0; k < n; k++) {
        double pk = a[p * n + k], qk = a[q * n + k], vp = vectors[p * n + k], vq = vectors[q * n + k];
        a[p * n + k] = c * pk - s * qk;
        a[q * n + k] = s * pk + c * qk;
        vectors[p * n + k] = c * vp - s * vq;
        vectors[q * n + k] = s * vp + c * vq;
    }
}

static void exchange(double *a, double *b)
{
    double kept = *a;
    *a = *b;
    *b = kept;
}

/* Sorts by falling eigenvalue, and chooses each vector's sign so that its largest element is positive. */
static void put_in_order(double *matrix, int n, double *vectors)
{
    for (int i = 0; i < n; i++) {
        int most = i;
        for (int k = i + 1; k < n; k++) {
            most = matrix[k * n + k] > matrix[most * n + most] ? k : most;
        }
        exchange(&matrix[i * n + i], &matrix[most * n + most]);
        int largest = 0;
        for (int k = 0; k < n; k++) {
            exchange(&vectors[i * n + k], &vectors[most * n + k]);
            largest = fabs(vectors[i * n + k]) > fabs(vectors[i * n + largest]) ? k : largest;
        }
        for (int k = 0; vectors[i * n + largest] < 0 && k < n; k++) {
            vectors[i * n + k] = k == largest ? vectors[i * n + k] : -vectors[i * n + k];
        }
        vectors[i * n + largest] = fabs(vectors[i * n + largest]);
    }
}

void eigen_symmetric(double *matrix, int n, double *vectors)
{
    double all = 0;
    for (int i = 0; i < n * n; i++) {
        vectors[i] = i % (n + 1) == 0 ? 1 : 0;
        all += matrix[i] * matrix[i];
    }
    for (int sweep = 0; sweep < MOST_SWEEPS; sweep++) {
        double beside = 0;
        for (int p = 0; p < n; p++) {
            for (int q = p + 1; q < n; q++) {
                beside += matrix[p * n + q] * matrix[p * n + q];
            }
        }
        if (!(beside > DBL_EPSILON * DBL_EPSILON * all)) {
            break;
        }
        for (int p = 0; p < n; p++) {
            for (int q = p + 1; q < n; q++) {
                if (matrix[p * n + q] != 0) {
                    rotate(matrix, vectors, n, p, q);
                }
            }
        }
    }
    put_in_order(matrix, n, vectors);
}
