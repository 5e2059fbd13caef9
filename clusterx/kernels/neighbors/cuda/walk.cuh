// The walk of a block of queries over the tiles of rows that are near enough.

#define THREADS (ACROSS * ACROSS)
#define ALL 0xffffffffu
#if METRIC == 3
#define RESIDENT 1  // blocks per multiprocessor: powers take many registers
#else
#define RESIDENT 2
#endif

struct Pairs {
    const T *Q;
    long long m;
    const T *X;
    long long n, d;
    const double *around, *boxes;  // of the tiles of queries and of rows
};

// The state of a block on its walk over tiles.
struct Walk {
    Stage stage;
    double bounds[THREADS];  // lower bounds of the sums of a batch's tiles
    double worst[SIDE];      // per query: sums above it are ignored
    double reach;            // the largest of them
};

static __device__ double restored(double sum, double factor)
{
#if ROOT == 0
    return sum * factor;
#elif ROOT == 1
    return sqrt(sum);
#else
    return pow(sum, 1.0 / POWER);
#endif
}

// A lower bound of the sums between rows in two boxes. Rounded terms never fall as gaps grow, except
// powers; the factor exceeds the error of those.
static __device__ double between(const double *a, const double *b, long long d)
{
    double sum = 0.0;
    for (long long c = 0; c < d; ++c) {
        double gap = max(b[c] - a[d + c], a[c] - b[d + c]);
        add_term(sum, gap > 0 ? gap : 0.0);
    }
    return sum * (1 - 0x1p-40);
}

static __device__ double box_bound(const Pairs &pairs, long long tile)
{
    return between(pairs.around + blockIdx.x * 2 * pairs.d, pairs.boxes + tile * 2 * pairs.d,
                   pairs.d);
}

// The number of the query in the block's tile that the thread's i-th row of sums belongs to.
static __device__ __forceinline__ int query(int i)
{
    return threadIdx.x / ACROSS * EACH + i;
}

// Sets the reach to the largest of `worst`. Begins with a barrier.
static __device__ void settle(Walk &walk)
{
    __syncthreads();
    if (threadIdx.x < 32) {
        double most = max(walk.worst[threadIdx.x], walk.worst[threadIdx.x + 32]);
        for (int gap = 16; gap > 0; gap /= 2)
            most = max(most, __shfl_xor_sync(ALL, most, gap));
        if (threadIdx.x == 0)
            walk.reach = most;
    }
}

// Visits the tiles that are not beyond reach: that of `home` first, then batches before and after
// it in turn. `bound` returns a tile's bound; `visit` gets the sums of the block's queries and the
// tile's rows, and may lower the reach.
template <typename Bound, typename Visit>
static __device__ void visit_tiles(const Pairs &pairs, long long home, Walk &walk, Bound bound,
                                   Visit visit)
{
    long long tiles = (pairs.n + SIDE - 1) / SIDE, batches = (tiles + THREADS - 1) / THREADS;
    long long middle = home / THREADS;
    place(blockIdx.x * (long long)SIDE, pairs.m, nullptr, walk.stage.row_at);
    for (long long step = 0; step < 2 * batches; ++step) {
        long long batch = middle + (step % 2 ? (step + 1) / 2 : -(step / 2));
        if (batch < 0 || batch >= batches)
            continue;
        long long tile = batch * THREADS + threadIdx.x;
        __syncthreads();  // before the next batch's bounds
        walk.bounds[threadIdx.x] = tile < tiles ? bound(tile) : INFINITE;
        __syncthreads();
        for (int i = 0; i < THREADS; ++i) {
            int at = step ? i : (int)((i + home) % THREADS);
            if (batch * THREADS + at >= tiles || !(walk.bounds[at] <= walk.reach))
                continue;
            place((batch * THREADS + at) * SIDE, pairs.n, nullptr, walk.stage.column_at);
            double sums[EACH][EACH];
            measure(pairs.Q, pairs.X, pairs.d, 1.0, walk.stage, sums);
            visit(sums);
            __syncthreads();  // before the next tile's indices
        }
    }
}

// Calls use(i, at, sum) for the thread's pairs: query i of the tile and the row at place `at`.
template <typename Use>
static __device__ void each_pair(const Walk &walk, const double (&sums)[EACH][EACH], Use use)
{
    int column = threadIdx.x % ACROSS * EACH;
#pragma unroll
    for (int i = 0; i < EACH; ++i)
#pragma unroll
        for (int j = 0; j < EACH; ++j)
            if (walk.stage.row_at[query(i)] >= 0 && walk.stage.column_at[column + j] >= 0)
                use(i, walk.stage.column_at[column + j], sums[i][j]);
}

// Combines the values of all threads of a query, in a fixed order.
template <typename V, typename Add>
static __device__ V gathered(V value, Add add)
{
    for (int gap = ACROSS / 2; gap > 0; gap /= 2)
        value = add(value, __shfl_xor_sync(ALL, value, gap));
    return value;
}

static __device__ void begin(Walk &walk, double reach)
{
    if (threadIdx.x == 0)
        walk.reach = reach;
    __syncthreads();
}
