// One iteration of k-means: labels, and the sums of the rows of each label.
//
// T: type of rows and centres. With D and the other macros of rows.cuh, `step` is an iteration over
// rows of few columns in one kernel. `move_rows` updates the sums of rows of any number of columns
// whose labels are known.

#include "exact.cuh"

#define WARP 32
#define BLOCK 256
#define ALL_LANES 0xffffffffu

// Powers of two for the table of sums; largest: magnitudes of the columns. Their product with the
// total is bounded by its exponent, because it may overflow.
extern "C" __global__ void make_scales(const double *largest, long long d, const double *total,
                                       long long n, double *scales)
{
    long long c = thread_in_grid();
    if (c > d + 1)
        return;
    double bound = c < d ? largest[c] : c == d ? 1.0 : (double)n;
    double times = c <= d ? total[0] : 1.0;
    int exponent = exponent_above(bound) + exponent_above(times);
    int power = SUM_BITS - exponent;
    scales[c] = bound > 0.0 && times > 0.0 ? ldexp(1.0, power < 1023 ? power : 1023) : 1.0;
}

// Sums (k, d) and weights (k) from the table.
extern "C" __global__ void read_sums(const word *table, const double *scales, long long k,
                                     long long d, double *sums, double *counts)
{
    long long cell = thread_in_grid(), cells = k * (d + 1);
    if (cell >= cells)
        return;
    long long j = cell / (d + 1), c = cell % (d + 1);
    double high = (double)(long long)table[cell], low = (double)(long long)table[cells + cell];
    double value = (high + low / scales[d + 1]) / scales[c];
    if (c < d)
        sums[j * d + c] = value;
    else
        counts[j] = value;
}

// For thread 0, the sum of `value` and the least `other` over all threads of the block.
static __device__ void join_threads(double &value, double &other)
{
    __shared__ double sums[BLOCK], least[BLOCK];
    int me = threadIdx.x;
    sums[me] = value;
    least[me] = other;
    __syncthreads();
    for (int half = BLOCK / 2; half > 0; half /= 2) {
        if (me < half) {
            sums[me] += sums[me + half];
            least[me] = fmin(least[me], least[me + half]);
        }
        __syncthreads();
    }
    value = sums[me];
    other = least[me];
}

// One block per cluster: its mean, or the old centre if it has no weight, and the squared distance
// between old and new.
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    move_centers(const double *sums, const double *counts, const T *C, long long d, T *moved,
                 double *shifts)
{
    long long j = blockIdx.x;
    double count = counts[j], shift = 0.0;
    for (long long c = j * d + threadIdx.x; c < (j + 1) * d; c += BLOCK) {
        T old = C[c], mean = count > 0.0 ? (T)(sums[c] / count) : old;
        double apart = (double)mean - (double)old;
        shift += apart * apart;
        moved[c] = mean;
    }
    join_threads(shift, count);
    if (threadIdx.x == 0)
        shifts[j] = shift;
}

// found: the sum of the shifts of all clusters, and the least count. One block.
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    join_clusters(const double *shifts, const double *counts, long long k, double *found)
{
    double shift = 0.0, least = INFINITE;
    for (long long j = threadIdx.x; j < k; j += BLOCK) {
        shift += shifts[j];
        least = fmin(least, counts[j]);
    }
    join_threads(shift, least);
    if (threadIdx.x == 0) {
        found[0] = shift;
        found[1] = least;
    }
}

static __device__ void add_moved(long long *moved, unsigned int mine)
{
    for (int gap = WARP / 2; gap > 0; gap /= 2)
        mine += __shfl_xor_sync(ALL_LANES, mine, gap);
    if (threadIdx.x % WARP == 0 && mine)
        atomicAdd((word *)moved, (word)mine);
}

#ifdef D
#include "rows.cuh"

// Moves a row from the sums of its previous label, if any, to those of the new one.
static __device__ __forceinline__ void move_row(const T x[D], double v, int label, int previous,
                                                const double *scales, long long cells,
                                                unsigned int *own, word *table)
{
#pragma unroll
    for (int c = 0; c <= D; ++c) {
        Term term = term_of(c < D ? v * (double)x[c < D ? c : 0] : v, scales[c], scales[D + 1]);
        long long to = label * (D + 1LL) + c, from = previous * (D + 1LL) + c;
        if (own) {
            add_shared(own, to, cells, term);
            if (previous >= 0)
                add_shared(own, from, cells, -term);
        } else {
            add(table, to, cells, term);
            if (previous >= 0)
                add(table, from, cells, -term);
        }
    }
}

// Replaces the previous labels (-1: none) by the new ones, and the sums of the previous labels in
// `table` by those of the new ones; null if no sums are needed. `shared`: whether each block has a
// table of its own in dynamic shared memory.
extern "C" __global__ void __launch_bounds__(256, 1)
    step(const T *X, long long n, const double *w, const T *C, long long k, const double *scales,
         long long shared, int *labels, word *table, long long *moved)
{
    DYNAMIC_SHARED(unsigned int, halves);
    long long cells = k * (D + 1);
    unsigned int *own = shared ? halves : nullptr;
    unsigned int mine = 0;
    if (own)
        for (int i = threadIdx.x; i < 4 * cells; i += blockDim.x)
            own[i] = 0;
    // the first barrier of find_labels comes before anything is added
    for (long long begin = blockIdx.x * (long long)blockDim.x * ROWS; begin < n;
         begin += threads_in_grid() * ROWS) {
        T x[ROWS][D];
        int label[ROWS];
        long long first = begin + threadIdx.x;
        find_labels(X, n, first, blockDim.x, C, k, x, label);
#pragma unroll
        for (int r = 0; r < ROWS; ++r) {
            long long row = first + r * (long long)blockDim.x;
            int previous = row < n ? labels[row] : label[r];
            if (previous == label[r])
                continue;
            labels[row] = label[r];
            ++mine;
            if (table)
                move_row(x[r], w ? w[row] : 1.0, label[r], previous, scales, cells, own, table);
        }
    }
    if (own) {
        __syncthreads();
        for (int i = threadIdx.x; i < 2 * cells; i += blockDim.x) {
            word sum = (word)own[2 * i + 1] << 32 | own[2 * i];
            if (sum)
                atomicAdd(&table[i], sum);
        }
    }
    if (moved)
        add_moved(moved, mine);
}
#else

// One warp per row: a row whose label changed joins its sums and leaves those of the previous one.
extern "C" __global__ void move_rows(const T *X, long long n, long long d, const double *w,
                                     const double *scales, long long k, const int *labels,
                                     const int *previous, word *table, long long *moved)
{
    long long cells = k * (d + 1), warps = threads_in_grid() / WARP;
    unsigned int mine = 0;
    for (long long row = thread_in_grid() / WARP; row < n; row += warps) {
        int label = labels[row], before = previous[row];
        if (label == before)
            continue;
        mine += threadIdx.x % WARP == 0;
        double v = w ? w[row] : 1.0;
        for (long long c = threadIdx.x % WARP; c <= d; c += WARP) {
            double value = c < d ? v * (double)X[row * d + c] : v;
            Term term = term_of(value, scales[c], scales[d + 1]);
            add(table, label * (d + 1) + c, cells, term);
            if (before >= 0)
                add(table, before * (d + 1) + c, cells, -term);
        }
    }
    add_moved(moved, mine);
}
#endif
