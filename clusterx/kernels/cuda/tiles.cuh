// Distances between rows in tiles that stay on the chip.
//
// REAL: type of the arithmetic. METRIC: 0 Euclidean, 1 Manhattan, 2 Chebyshev, 3 the sum of
// magnitudes to the POWER. DEPTH: columns of the data in shared memory at a time, at most d.
//
// A block of 16 x 16 threads computes a tile of 64 x 64 distances, 4 x 4 per thread. Distances add
// up differences, coordinate by coordinate: equal rows are at distance 0 and nothing cancels. In
// float32 the error of a distance is a few units in the last place, because terms are added up
// DEPTH at a time, and then these sums.

#define SIDE 64
#define EACH 4
#define ACROSS (SIDE / EACH)
#define STRIDE (SIDE + 4)  // a multiple of 4 for vector loads, and rows begin in different banks

#define UNROLLED (sizeof(REAL) == sizeof(float) ? DEPTH : 2)  // more would run out of registers

struct alignas(16) Stage {  // so that four values are loaded at a time
    REAL rows[DEPTH * STRIDE], columns[DEPTH * STRIDE];
    long long row_at[SIDE], column_at[SIDE];  // indices of the tile's rows in the data, or -1
};

#if METRIC == 3
static __device__ __noinline__ double powered(double apart)  // inlining takes all registers
{
    return pow(fabs(apart), POWER);
}
#endif

static __device__ void add_term(REAL &sum, REAL apart)
{
#if METRIC == 0
    sum += apart * apart;
#elif METRIC == 1
    sum += apart < 0 ? -apart : apart;
#elif METRIC == 3
    sum += (REAL)powered((double)apart);
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
template <typename V>
static __device__ void load(const V *X, long long d, long long start, REAL scale,
                            const long long *at, REAL *out)
{
    for (int e = threadIdx.x; e < SIDE * DEPTH; e += ACROSS * ACROSS) {
        int i = e / DEPTH, z = e % DEPTH;
        bool inside = at[i] >= 0 && start + z < d;
        out[z * STRIDE + i] = inside ? (REAL)X[at[i] * d + start + z] * scale : (REAL)0;
    }
}

// The tile's distances, squared if Euclidean. Thread t computes the four rows from 4 (t / 16) on
// and the four columns from 4 (t % 16) on. Begins and ends with a barrier.
template <typename V, typename W>
static __device__ void measure(const V *Q, const W *X, long long d, REAL scale, Stage &stage,
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
#pragma unroll(UNROLLED)
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

// Writes the indices of up to SIDE rows, the first of which is `first` in `order`.
static __device__ void place(long long first, long long n, const long long *order, long long *at)
{
    long long i = first + threadIdx.x;
    if (threadIdx.x < SIDE)
        at[threadIdx.x] = i >= n ? -1 : order ? order[i] : i;
}

// The distance of two rows in float64, squared if Euclidean.
template <typename V, typename W>
static __device__ __noinline__ double exact(const V *x, const W *y, long long d)
{
    double sum = 0.0;
    for (long long c = 0; c < d; ++c) {
        double apart = fabs((double)x[c] - (double)y[c]);
#if METRIC == 0
        sum += apart * apart;
#elif METRIC == 1
        sum += apart;
#elif METRIC == 3
        sum += powered(apart);
#else
        sum = apart > sum ? apart : sum;
#endif
    }
    return sum;
}
