// Sums over the rows, or the columns, of each label, in float64 and in a fixed order: no atomics.
//
// Rows are sorted by their labels. The rows of a label are cut into pieces; `sum_pieces` adds up
// one piece per block, and `merge_pieces` adds up the pieces of a label. T: type of the rows.
// WIDTH: columns of a block, a power of two; BLOCK / WIDTH rows are added side by side.

#define LANES (BLOCK / WIDTH)

// starts[j]: the index of the first of the sorted labels that is not below j; starts[k] = n.
extern "C" __global__ void label_starts(const int *labels, long long n, long long k,
                                        long long *starts)
{
    long long i = thread_in_grid();
    if (i > n)
        return;
    long long begin = i == 0 ? 0 : labels[i - 1] + 1LL;
    long long end = i == n ? k : labels[i];
    for (long long j = begin; j <= end; ++j)
        starts[j] = i;
}

// The sum over the lanes, for lane 0.
static __device__ double sum_lanes(double value, double *shared)
{
    int me = threadIdx.x;
    shared[me] = value;
    __syncthreads();
    for (int half = LANES / 2; half > 0; half /= 2) {
        if (me < half * WIDTH)
            shared[me] += shared[me + half * WIDTH];
        __syncthreads();
    }
    return shared[me];
}

// first[j]: the number of pieces of the labels before j.
extern "C" __global__ void sum_pieces(const T *X, long long d, const long long *order,
                                      const long long *starts, const long long *first, long long k,
                                      long long piece, double *sums)
{
    __shared__ double shared[BLOCK];
    long long tiles = (d + WIDTH - 1) / WIDTH;
    long long task = blockIdx.x / tiles;
    long long column = blockIdx.x % tiles * WIDTH + threadIdx.x % WIDTH;
    if (task >= first[k])  // the grid is large enough for the most pieces there can be
        return;
    long long j = upper_bound(first, k + 1, task) - 1;
    long long begin = starts[j] + (task - first[j]) * piece;
    long long end = starts[j + 1] < begin + piece ? starts[j + 1] : begin + piece;
    double sum = 0.0;
    if (column < d)
        for (long long i = begin + threadIdx.x / WIDTH; i < end; i += LANES)
            sum += X[order[i] * d + column];
    sum = sum_lanes(sum, shared);
    if (threadIdx.x < WIDTH && column < d)
        sums[task * d + column] = sum;
}

extern "C" __global__ void merge_pieces(const double *sums, long long d, const long long *first,
                                        double *total)
{
    __shared__ double shared[BLOCK];
    long long tiles = (d + WIDTH - 1) / WIDTH;
    long long j = blockIdx.x / tiles;
    long long column = blockIdx.x % tiles * WIDTH + threadIdx.x % WIDTH;
    double sum = 0.0;
    if (column < d)
        for (long long i = first[j] + threadIdx.x / WIDTH; i < first[j + 1]; i += LANES)
            sum += sums[i * d + column];
    sum = sum_lanes(sum, shared);
    if (threadIdx.x < WIDTH && column < d)
        total[j * d + column] = sum;
}

// The sum over WIDTH neighbouring threads of one warp, for all of them.
static __device__ double sum_neighbours(double value)
{
    for (int gap = WIDTH / 2; gap > 0; gap /= 2)
        value += __shfl_xor_sync(0xffffffffu, value, gap);
    return value;
}

// Squared distance of each row to its label's centre; WIDTH threads of a warp share a row.
extern "C" __global__ void assigned_squared_distances(const T *X, const double *C, const int *labels, long long n,
                                       long long d, double *squares)
{
    long long i = blockIdx.x * (long long)LANES + threadIdx.x / WIDTH;
    double sum = 0.0;
    if (i < n) {
        const T *row = X + i * d;
        const double *center = C + labels[i] * d;
        for (long long c = threadIdx.x % WIDTH; c < d; c += WIDTH) {
            double apart = row[c] - center[c];
            sum += apart * apart;
        }
    }
    sum = sum_neighbours(sum);
    if (i < n && threadIdx.x % WIDTH == 0)
        squares[i] = sum;
}

// Sums of each row of D (n, m) over the columns of each label; WIDTH threads of a warp share a sum.
extern "C" __global__ void sum_columns_by_label(const T *D, long long n, long long m, const long long *order,
                                      const long long *starts, long long k, double *sums)
{
    long long at = blockIdx.x * (long long)LANES + threadIdx.x / WIDTH;
    double sum = 0.0;
    if (at < n * k) {
        const T *row = D + at / k * m;
        long long j = at % k;
        for (long long c = starts[j] + threadIdx.x % WIDTH; c < starts[j + 1]; c += WIDTH)
            sum += row[order[c]];
    }
    sum = sum_neighbours(sum);
    if (at < n * k && threadIdx.x % WIDTH == 0)
        sums[at] = sum;
}
