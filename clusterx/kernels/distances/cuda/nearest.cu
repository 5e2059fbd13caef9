// The nearest centres of rows of few columns, and the distances to them.

#include "rows.cuh"

extern "C" __global__ void nearest(const T *X, long long n, const T *C, long long k, int *labels,
                                   double *squares)
{
    T x[ROWS][D];
    int label[ROWS];
    long long first = blockIdx.x * (long long)blockDim.x * ROWS + threadIdx.x;
    find_labels(X, n, first, blockDim.x, C, k, x, label);
#pragma unroll
    for (int r = 0; r < ROWS; ++r) {
        long long row = first + r * (long long)blockDim.x;
        if (row >= n)
            continue;
        double sum = 0.0;
#pragma unroll
        for (int c = 0; c < D; ++c) {
            double apart = (double)x[r][c] - (double)C[(long long)label[r] * D + c];
            sum += apart * apart;
        }
        labels[row] = label[r];
        squares[row] = sum;
    }
}
