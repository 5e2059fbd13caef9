// Sums of distances by label, and extremes of distances, in tiles that stay on the chip.
//
// T: type of the rows; REAL, METRIC and DEPTH as tiles.cuh has them. The rows are scaled by a power
// of two that brings the largest magnitude near 2^40; so nothing overflows in float32, and what is
// lost to underflow is below 2^-114 of the largest magnitude.

#include "tiles.cuh"

static __device__ double scale_for(const T *extent)
{
    if (sizeof(REAL) == sizeof(double) || !(*extent > 0))
        return 1.0;
    int power = 40 - ilogb((double)*extent);
    return ldexp(1.0, power < -126 ? -126 : power > 126 ? 126 : power);
}

static __device__ double distance_of(REAL found)
{
#if METRIC == 0
    return sizeof(REAL) == sizeof(float) ? (double)sqrtf((float)found) : sqrt((double)found);
#else
    return (double)found;
#endif
}

// Adds up a row's sums over the 16 threads that share it, and writes that of one label.
static __device__ void flush(double sum[EACH], double unit, long long first, long long q,
                             long long k, long long label, double *sums)
{
#pragma unroll
    for (int i = 0; i < EACH; ++i) {
        double total = sum[i];
        for (int gap = ACROSS / 2; gap > 0; gap /= 2)
            total += __shfl_xor_sync(0xffffffffu, total, gap);
        long long row = first + threadIdx.x / ACROSS * EACH + i;
        if (threadIdx.x % ACROSS == 0 && row < q)
            sums[row * k + label] = total * unit;
        sum[i] = 0.0;
    }
}

// Sums of the distances of the rows Q to the rows X of each label. Rows X come in the order of
// their `labels`, so a label's sum is complete, and written once, when the next label begins. The
// columns are split over `splits` blocks, which have a table (q, k) of zeros each.
extern "C" __global__ void __launch_bounds__(256, 2)
    cluster_sums(const T *Q, long long q, const T *X, long long n, long long d,
                 const long long *order, const int *labels, const T *extent, long long k,
                 long long splits, double *sums)
{
    __shared__ Stage stage;
    __shared__ int tags[SIDE];
    double scale = scale_for(extent);
    long long row_tiles = (q + SIDE - 1) / SIDE, column_tiles = (n + SIDE - 1) / SIDE;
    long long first = blockIdx.x % row_tiles * SIDE, split = blockIdx.x / row_tiles;
    long long last_tile = column_tiles * (split + 1) / splits;
    double *table = sums + split * q * k;
    double sum[EACH] = {};
    int label = -1, column = threadIdx.x % ACROSS * EACH;
    place(first, q, nullptr, stage.row_at);
    for (long long tile = column_tiles * split / splits; tile < last_tile; ++tile) {
        long long left = tile * SIDE;
        int width = n - left < SIDE ? (int)(n - left) : SIDE;
        place(left, n, order, stage.column_at);
        if (threadIdx.x < width)
            tags[threadIdx.x] = labels[left + threadIdx.x];
        REAL found[EACH][EACH];
        measure(Q, X, d, (REAL)scale, stage, found);
        for (int begin = 0, end; begin < width; begin = end) {  // each label of the tile
            end = begin + 1;
            if (tags[begin] == tags[width - 1])
                end = width;
            while (end < width && tags[end] == tags[begin])
                ++end;
            if (tags[begin] != label) {
                if (label >= 0)
                    flush(sum, 1.0 / scale, first, q, k, label, table);
                label = tags[begin];
            }
#pragma unroll
            for (int i = 0; i < EACH; ++i)
#pragma unroll
                for (int j = 0; j < EACH; ++j)
                    if (column + j >= begin && column + j < end)
                        sum[i] += distance_of(found[i][j]);
        }
        __syncthreads();  // before the next tile's places and tags
    }
    if (label >= 0)
        flush(sum, 1.0 / scale, first, q, k, label, table);
}

// The extremes that a thread has found, and the measured values beyond which a pair is looked at
// in float64: all that rounding may have kept from being one.
struct Extremes {
    double least, most;
    REAL below, above;
};

static __device__ void update(Extremes &best, const T *x, const T *y, long long d, REAL measured,
                              bool same, double scale, REAL slack)
{
    if (same ? !(measured > best.above) : !(measured < best.below))
        return;
    double value = sizeof(REAL) == sizeof(double) ? (double)measured : exact(x, y, d);
    double scaled = METRIC == 0 ? value * scale * scale : value * scale;
    if (same && value > best.most) {
        best.most = value;
        best.above = (REAL)scaled * (1 - slack);
    }
    if (!same && value < best.least) {
        best.least = value;
        best.below = (REAL)scaled * (1 + slack);
    }
}

static __device__ double root(double value)
{
    return METRIC == 0 ? sqrt(value) : value;
}

// Over all pairs of rows: the least distance of two labels' and the largest of one label's, of
// each block. A block takes every gridDim-th tile on or above the diagonal.
extern "C" __global__ void __launch_bounds__(256, 2)
    extremes(const T *X, long long n, long long d, const int *labels, const T *extent,
             double *least, double *most)
{
    __shared__ Stage stage;
    __shared__ int row_tags[SIDE], column_tags[SIDE];
    __shared__ double low[ACROSS * ACROSS], high[ACROSS * ACROSS];
    double scale = scale_for(extent);
    // twice what the additions, the differences and the bounds' own rounding come to
    REAL slack = 0;
    if (sizeof(REAL) == sizeof(float))
        slack = (REAL)(2 * (DEPTH + d / DEPTH + 16) * 5.9604644775390625e-8);
    Extremes best = {INFINITE, 0.0, (REAL)INFINITE, (REAL)0};
    int row = threadIdx.x / ACROSS * EACH, column = threadIdx.x % ACROSS * EACH;
    long long tiles = (n + SIDE - 1) / SIDE;
    for (long long t = blockIdx.x; t < tiles * tiles; t += gridDim.x) {
        long long top = t / tiles * SIDE, left = t % tiles * SIDE;
        if (left < top)
            continue;
        place(top, n, nullptr, stage.row_at);
        place(left, n, nullptr, stage.column_at);
        if (threadIdx.x < SIDE) {
            row_tags[threadIdx.x] = top + threadIdx.x < n ? labels[top + threadIdx.x] : -1;
            column_tags[threadIdx.x] = left + threadIdx.x < n ? labels[left + threadIdx.x] : -1;
        }
        REAL found[EACH][EACH];
        measure(X, X, d, (REAL)scale, stage, found);
#pragma unroll
        for (int i = 0; i < EACH; ++i)
#pragma unroll
            for (int j = 0; j < EACH; ++j) {
                long long a = stage.row_at[row + i], b = stage.column_at[column + j];
                if (a >= 0 && b >= 0)
                    update(best, X + a * d, X + b * d, d, found[i][j],
                           row_tags[row + i] == column_tags[column + j], scale, slack);
            }
        __syncthreads();  // before the next tile's places and tags
    }
    low[threadIdx.x] = best.least;
    high[threadIdx.x] = best.most;
    __syncthreads();
    for (int half = ACROSS * ACROSS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) {
            low[threadIdx.x] = fmin(low[threadIdx.x], low[threadIdx.x + half]);
            high[threadIdx.x] = fmax(high[threadIdx.x], high[threadIdx.x + half]);
        }
        __syncthreads();
    }
    if (threadIdx.x == 0) {
        least[blockIdx.x] = root(low[0]);
        most[blockIdx.x] = root(high[0]);
    }
}
