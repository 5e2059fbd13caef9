// Distances between rows in tiles that stay on the chip: sums by label, and extremes.
//
// T: type of the rows. REAL: of the arithmetic. METRIC: 0 Euclidean, 1 Manhattan, 2 Chebyshev.
// DEPTH: columns of the data that are in shared memory at a time, at most d.
//
// A block of 16 x 16 threads has a tile of 64 x 64 distances, 4 x 4 a thread. They are sums of
// differences, coordinate by coordinate: equal rows are at distance 0 and nothing cancels. In
// float32 a distance is off by few units in the last place: its terms are added up DEPTH at a
// time, and then these sums. The rows are scaled by a power of two that brings the largest
// magnitude near 2^40; so nothing overflows, and what is lost to underflow is below 2^-114 of the
// largest magnitude.

#define SIDE 64
#define EACH 4
#define ACROSS (SIDE / EACH)
#define STRIDE (SIDE + 4)  // a multiple of 4 for vector loads, and rows begin in different banks

struct Stage {
    REAL rows[DEPTH * STRIDE], columns[DEPTH * STRIDE];
    long long row_at[SIDE], column_at[SIDE];  // places of the tile's rows in memory, or -1
};

static __device__ double scale_for(const T *extent)
{
    if (sizeof(REAL) == sizeof(double) || !(*extent > 0))
        return 1.0;
    int power = 40 - ilogb((double)*extent);
    return ldexp(1.0, power < -126 ? -126 : power > 126 ? 126 : power);
}

static __device__ void add_term(REAL &sum, REAL apart)
{
#if METRIC == 0
    sum += apart * apart;
#elif METRIC == 1
    sum += apart < 0 ? -apart : apart;
#else
    apart = apart < 0 ? -apart : apart;
    sum = apart > sum ? apart : sum;
#endif
}

static __device__ void add_part(REAL &sum, REAL part)
{
#if METRIC == 2
    sum = part > sum ? part : sum;
#else
    sum += part;
#endif
}

// Columns start..start+DEPTH of the tile's rows, scaled; zeros where there is none.
static __device__ void load(const T *X, long long d, long long start, REAL scale,
                            const long long *at, REAL *out)
{
    for (int e = threadIdx.x; e < SIDE * DEPTH; e += ACROSS * ACROSS) {
        int i = e / DEPTH, z = e % DEPTH;
        bool inside = at[i] >= 0 && start + z < d;
        out[z * STRIDE + i] = inside ? (REAL)X[at[i] * d + start + z] * scale : (REAL)0;
    }
}

// The tile's distances, squared if Euclidean; a thread has rows 4 (t / 16).. and columns
// 4 (t % 16).. of it. Begins and ends with a barrier.
static __device__ void measure(const T *Q, const T *X, long long d, REAL scale, Stage &stage,
                               REAL (&found)[EACH][EACH])
{
    int row = threadIdx.x / ACROSS * EACH, column = threadIdx.x % ACROSS * EACH;
#pragma unroll
    for (int i = 0; i < EACH; ++i)
#pragma unroll
        for (int j = 0; j < EACH; ++j)
            found[i][j] = 0;
    for (long long start = 0; start < d; start += DEPTH) {
        __syncthreads();
        load(Q, d, start, scale, stage.row_at, stage.rows);
        load(X, d, start, scale, stage.column_at, stage.columns);
        __syncthreads();
        REAL part[EACH][EACH] = {};
        REAL (&sums)[EACH][EACH] = sizeof(REAL) == sizeof(float) ? part : found;
#pragma unroll
        for (int z = 0; z < DEPTH; ++z)
#pragma unroll
            for (int i = 0; i < EACH; ++i)
#pragma unroll
                for (int j = 0; j < EACH; ++j)
                    add_term(sums[i][j], stage.rows[z * STRIDE + row + i] -
                                             stage.columns[z * STRIDE + column + j]);
        if (sizeof(REAL) == sizeof(float))
#pragma unroll
            for (int i = 0; i < EACH; ++i)
#pragma unroll
                for (int j = 0; j < EACH; ++j)
                    add_part(found[i][j], part[i][j]);
    }
    __syncthreads();
}

static __device__ void place(long long first, long long n, const long long *order, long long *at)
{
    long long i = first + threadIdx.x;
    if (threadIdx.x < SIDE)
        at[threadIdx.x] = i >= n ? -1 : order ? order[i] : i;
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

// The distance of two rows in float64, squared if Euclidean.
static __device__ __noinline__ double exact(const T *x, const T *y, long long d)
{
    double sum = 0.0;
    for (long long c = 0; c < d; ++c) {
        double apart = fabs((double)x[c] - (double)y[c]);
#if METRIC == 0
        sum += apart * apart;
#elif METRIC == 1
        sum += apart;
#else
        sum = apart > sum ? apart : sum;
#endif
    }
    return sum;
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
