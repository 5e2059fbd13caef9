// Distances of rows to centres, all of them.
//
// T: type of the rows. REAL: type of the centres and of the result. DEPTH: as in tiles.cuh. LANES:
// threads of a warp that share a row where centres are few. Distances are sums of squared
// differences: nothing cancels, and a row that equals a centre is at distance 0.

#define METRIC 0
#include "tiles.cuh"

#define CENTERS 8  // centres that a thread measures at a time
#define TINY 0x1p-90f  // above this, terms that underflowed, below 2^-126, do not matter
#define LARGEST 0x1.fffffep127f

static __device__ __forceinline__ REAL result(double square, long long root)
{
    return (REAL)(root ? sqrt(square) : square);
}

// Rows against few centres, in float64; the second index of the grid selects CENTERS of them.
extern "C" __global__ void __launch_bounds__(256, 2)
    to_few(const T *X, long long n, long long d, const REAL *C, long long k, long long root,
           REAL *found)
{
    long long first = blockIdx.y * (long long)CENTERS, i = thread_in_grid() / LANES;
    int count = k - first < CENTERS ? (int)(k - first) : CENTERS, lane = threadIdx.x % LANES;
    double sum[CENTERS] = {};
    if (i < n)
        for (long long c = lane; c < d; c += LANES) {
            double x = (double)X[i * d + c];
#pragma unroll
            for (int t = 0; t < CENTERS; ++t)
                if (t < count) {
                    double apart = x - (double)C[(first + t) * d + c];
                    sum[t] += apart * apart;
                }
        }
#pragma unroll
    for (int t = 0; t < CENTERS; ++t)
        for (int gap = LANES / 2; gap > 0; gap /= 2)
            sum[t] += __shfl_xor_sync(0xffffffffu, sum[t], gap);
#pragma unroll
    for (int t = 0; t < CENTERS; ++t)
        if (i < n && t < count && (LANES == 1 || lane == t))
            found[i * k + first + t] = result(sum[t], root);
}

// Rows against centres in tiles. If REAL is float, squares that overflow or underflow are
// recomputed in float64.
extern "C" __global__ void __launch_bounds__(256, 2)
    to_many(const T *X, long long n, long long d, const REAL *C, long long k, long long root,
            REAL *found)
{
    __shared__ Stage stage;
    long long across = (k + SIDE - 1) / SIDE;
    int row = threadIdx.x / ACROSS * EACH, column = threadIdx.x % ACROSS * EACH;
    place(blockIdx.x / across * SIDE, n, nullptr, stage.row_at);
    place(blockIdx.x % across * SIDE, k, nullptr, stage.column_at);
    REAL squares[EACH][EACH];
    measure(X, C, d, (REAL)1, stage, squares);
#pragma unroll
    for (int i = 0; i < EACH; ++i)
#pragma unroll
        for (int j = 0; j < EACH; ++j) {
            long long a = stage.row_at[row + i], b = stage.column_at[column + j];
            if (a < 0 || b < 0)
                continue;
            REAL square = squares[i][j];
            if (sizeof(REAL) == sizeof(double))
                found[a * k + b] = result(square, root);
            else if (square >= TINY && square <= LARGEST)
                found[a * k + b] = root ? (REAL)sqrtf((float)square) : square;
            else
                found[a * k + b] = result(exact(X + a * d, C + b * d, d), root);
        }
}
