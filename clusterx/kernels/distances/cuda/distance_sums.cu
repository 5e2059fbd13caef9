// Sums of distances by label, and extreme distances, by tiles in shared memory.
//
// T: type of the rows; REAL, METRIC and DEPTH as in tiles.cuh. WALK: consecutive tiles that a block
// computes when it goes through all pairs. The rows are scaled by a power of two that brings the
// largest magnitude near 2^40; so nothing overflows in float32, and losses to underflow are below
// 2^-103 of the largest magnitude.

#include "exact.cuh"
#include "tiles.cuh"

static __device__ double scale_for(const T *extent)
{
    if (sizeof(REAL) == sizeof(double) || !(*extent > 0))
        return 1.0;
    int power = 40 - ilogb((double)*extent);
    return ldexp(1.0, power < -126 ? -126 : power > 126 ? 126 : power);
}

// Replaces squares by distances, if METRIC measures squares.
static __device__ void take_roots(REAL (&found)[EACH][EACH])
{
#if METRIC == 0
#pragma unroll
    for (int i = 0; i < EACH; ++i)
#pragma unroll
        for (int j = 0; j < EACH; ++j)
            found[i][j] = sizeof(REAL) == sizeof(float) ? (REAL)sqrtf((float)found[i][j])
                                                        : (REAL)sqrt((double)found[i][j]);
#endif
}

// The end of the run of equal tags that begins at `begin`.
static __device__ int run_end(const int *tags, int begin, int count)
{
    if (tags[begin] == tags[count - 1])
        return count;
    int end = begin + 1;
    while (tags[end] == tags[begin])
        ++end;
    return end;
}

// Adds the distances of the thread's rows to columns begin..end of the tile.
static __device__ void add_columns(const REAL (&apart)[EACH][EACH], int begin, int end,
                                   double (&sum)[EACH])
{
    int column = threadIdx.x % ACROSS * EACH;
#pragma unroll
    for (int i = 0; i < EACH; ++i)
#pragma unroll
        for (int j = 0; j < EACH; ++j)
            if (column + j >= begin && column + j < end)
                sum[i] += (double)apart[i][j];
}

// Adds up each row's sums over the 16 threads that share it, passes them to `give`, resets them.
template <typename Give>
static __device__ void flush(double (&sum)[EACH], Give give)
{
#pragma unroll
    for (int i = 0; i < EACH; ++i) {
        double total = sum[i];
        for (int gap = ACROSS / 2; gap > 0; gap /= 2)
            total += __shfl_xor_sync(0xffffffffu, total, gap);
        if (threadIdx.x % ACROSS == 0)
            give((int)threadIdx.x / ACROSS * EACH + i, total);
        sum[i] = 0.0;
    }
}

// Sums of the distances of the rows Q to the rows X of each label. Rows X are sorted by their
// `labels`, so a label's sum is complete when the next label begins, and is written once. The rows
// X are split over `splits` blocks; each has its own table (q, k), which starts as zeros.
extern "C" __global__ void __launch_bounds__(256, 2)
    cluster_sums(const T *Q, long long q, const T *X, long long n, long long d,
                 const long long *order, const int *labels, const T *extent, long long k,
                 long long splits, double *sums)
{
    __shared__ Stage stage;
    __shared__ int tags[SIDE];
    double scale = scale_for(extent), unit = 1.0 / scale;
    long long row_tiles = (q + SIDE - 1) / SIDE, column_tiles = (n + SIDE - 1) / SIDE;
    long long first = blockIdx.x % row_tiles * SIDE, split = blockIdx.x / row_tiles;
    long long last_tile = column_tiles * (split + 1) / splits;
    double *table = sums + split * q * k;
    double sum[EACH] = {};
    int label = -1;
    auto write = [&](int i, double total) {
        if (first + i < q)
            table[(first + i) * k + label] = total * unit;
    };
    place(first, q, nullptr, stage.row_at);
    for (long long tile = column_tiles * split / splits; tile < last_tile; ++tile) {
        long long left = tile * SIDE;
        int width = n - left < SIDE ? (int)(n - left) : SIDE;
        place(left, n, order, stage.column_at);
        if (threadIdx.x < width)
            tags[threadIdx.x] = labels[left + threadIdx.x];
        REAL apart[EACH][EACH];
        measure(Q, X, d, (REAL)scale, stage, apart);
        take_roots(apart);
        for (int begin = 0, end; begin < width; begin = end) {  // each label of the tile
            end = run_end(tags, begin, width);
            if (tags[begin] != label) {
                if (label >= 0)
                    flush(sum, write);
                label = tags[begin];
            }
            add_columns(apart, begin, end, sum);
        }
        __syncthreads();  // before the next tile's indices and tags
    }
    if (label >= 0)
        flush(sum, write);
}

// Scales for sums of n distances, none of which exceeds twice the sum of d extents; see exact.cuh.
struct Scales {
    double high, low;
};

static __device__ Scales scales_for(const T *extent, long long n, long long d)
{
    int terms = exponent_above((double)n), power = SUM_BITS - 2 - terms;
    power -= exponent_above((double)*extent) + exponent_above((double)d);
    return {*extent > 0 ? ldexp(1.0, power < 1023 ? power : 1023) : 1.0,
            ldexp(1.0, SUM_BITS - terms)};
}

// Up to WALK tiles on or above the diagonal that a block computes one after the other: columns
// begin..end of a row of tiles. In the grid, ABREAST neighbouring walks follow each other along a
// row, so concurrent tiles are close in both directions and their rows stay in the cache.
struct Walk {
    int row, begin, end;  // of tiles of 64 rows: 32 bits hold them
};

#define ABREAST 8

static __device__ Walk walk_of(long long walk, long long tiles)
{
    long long row = walk / ABREAST % tiles;
    long long first = (walk / (ABREAST * tiles) * ABREAST + walk % ABREAST) * WALK;
    return {(int)row, (int)(row > first ? row : first),
            (int)(tiles < first + WALK ? tiles : first + WALK)};
}

// Sums of the distances between the rows X; each pair is measured once. Rows are numbered in the
// order of their labels. A block adds the distances of its tiles' rows by the labels of the
// columns, and those of the columns by the labels of the rows. A block adds in a fixed order; the
// sums of blocks are added in integers: table (2, n, k), which starts as zeros.
extern "C" __global__ void __launch_bounds__(256, 2)
    pair_sums(const T *X, long long n, long long d, const long long *order, const int *labels,
              const T *extent, long long k, word *table)
{
    __shared__ Stage stage;
    __shared__ int row_tags[SIDE], tags[SIDE];
    __shared__ double by_column[ACROSS / 2][SIDE];  // sums of each warp
    __shared__ Scales scales;
    Walk walk = walk_of(blockIdx.x, (n + SIDE - 1) / SIDE);
    if (walk.begin >= walk.end)
        return;
    REAL scale = (REAL)scale_for(extent);
    if (threadIdx.x == 0) {
        Scales own = scales_for(extent, n, d);
        scales.high = own.high / (double)scale;  // because measured distances are scaled
        scales.low = own.low;
    }
    long long first = walk.row * (long long)SIDE;
    int height = n - first < SIDE ? (int)(n - first) : SIDE, label = -1;
    place(first, n, order, stage.row_at);
    if (threadIdx.x < height)
        row_tags[threadIdx.x] = labels[first + threadIdx.x];
    double sum[EACH] = {};
    auto give = [&](long long row, int to, double value) {
        add(table, row * k + to, n * k, term_of(value, scales.high, scales.low));
    };
    auto give_row = [&](int i, double value) {
        if (i < height)
            give(first + i, label, value);
    };
    for (int c = walk.begin; c < walk.end; ++c) {
        long long left = c * (long long)SIDE;
        int width = n - left < SIDE ? (int)(n - left) : SIDE;
        place(left, n, order, stage.column_at);
        if (threadIdx.x < width)
            tags[threadIdx.x] = labels[left + threadIdx.x];
        REAL apart[EACH][EACH];
        measure(X, X, d, scale, stage, apart);
        take_roots(apart);
        for (int begin = 0, end; begin < width; begin = end) {  // each label of the columns
            end = run_end(tags, begin, width);
            if (tags[begin] != label) {
                if (label >= 0)
                    flush(sum, give_row);
                label = tags[begin];
            }
            add_columns(apart, begin, end, sum);
        }
        for (int begin = 0, end; c > walk.row && begin < height; begin = end) {  // and of the rows
            end = run_end(row_tags, begin, height);
            int row = threadIdx.x / ACROSS * EACH;
#pragma unroll
            for (int j = 0; j < EACH; ++j) {
                double mine = 0.0;
#pragma unroll
                for (int i = 0; i < EACH; ++i)
                    if (row + i >= begin && row + i < end)
                        mine += (double)apart[i][j];
                mine += __shfl_xor_sync(0xffffffffu, mine, ACROSS);
                if (threadIdx.x % 32 < ACROSS)
                    by_column[threadIdx.x / 32][threadIdx.x % 32 * EACH + j] = mine;
            }
            __syncthreads();
            if (threadIdx.x < width) {
                double value = 0.0;
                for (int w = 0; w < ACROSS / 2; ++w)
                    value += by_column[w][threadIdx.x];
                give(left + threadIdx.x, row_tags[begin], value);
            }
            __syncthreads();  // before the next label's sums
        }
        __syncthreads();  // before the next tile's indices and tags
    }
    if (label >= 0)
        flush(sum, give_row);
}

// Sums (n, k) from the table, in the original order of the rows.
extern "C" __global__ void read_pair_sums(const word *table, long long n, long long d,
                                          const long long *order, const T *extent, long long k,
                                          double *sums)
{
    long long cell = thread_in_grid();
    if (cell >= n * k)
        return;
    Scales scales = scales_for(extent, n, d);
    double high = (double)(long long)table[cell], low = (double)(long long)table[n * k + cell];
    sums[order[cell / k] * k + cell % k] = (high + low / scales.low) / scales.high;
}

// The extremes that a thread has found, and the measured values beyond which a pair is recomputed
// in float64, because within the rounding error it may be an extreme.
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

// For each block, the least distance between rows of two labels and the largest within one label.
// A block takes every gridDim-th walk over all pairs of rows.
extern "C" __global__ void __launch_bounds__(256, 2)
    extremes(const T *X, long long n, long long d, const int *labels, const T *extent,
             long long walks, double *least, double *most)
{
    __shared__ Stage stage;
    __shared__ int row_tags[SIDE], column_tags[SIDE];
    __shared__ double low[ACROSS * ACROSS], high[ACROSS * ACROSS];
    double scale = scale_for(extent);
    // twice the rounding errors of the additions, the differences and the bounds together
    REAL slack = 0;
    if (sizeof(REAL) == sizeof(float))
        slack = (REAL)(2 * (DEPTH + d / DEPTH + 16) * 5.9604644775390625e-8);
    Extremes best = {INFINITE, 0.0, (REAL)INFINITE, (REAL)0};
    int row = threadIdx.x / ACROSS * EACH, column = threadIdx.x % ACROSS * EACH;
    long long tiles = (n + SIDE - 1) / SIDE;
    for (long long w = blockIdx.x; w < walks; w += gridDim.x) {
        Walk walk = walk_of(w, tiles);
        if (walk.begin >= walk.end)
            continue;
        long long top = walk.row * (long long)SIDE;
        place(top, n, nullptr, stage.row_at);
        if (threadIdx.x < SIDE)
            row_tags[threadIdx.x] = top + threadIdx.x < n ? labels[top + threadIdx.x] : -1;
        for (int c = walk.begin; c < walk.end; ++c) {
            long long left = c * (long long)SIDE;
            place(left, n, nullptr, stage.column_at);
            if (threadIdx.x < SIDE)
                column_tags[threadIdx.x] = left + threadIdx.x < n ? labels[left + threadIdx.x] : -1;
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
            __syncthreads();  // before the next tile's indices and tags
        }
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
