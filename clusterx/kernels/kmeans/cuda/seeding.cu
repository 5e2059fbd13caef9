// Steps of k-means++: draws in proportion to weighted squared distances, and the best of them.
//
// T: type of the rows. LANES: threads of a warp that share a row. The closest distance of each row
// is kept in float64, and all sums are added in an order that depends only on n.

#define BLOCK 256
#define WARP 32
#define ALL_LANES 0xffffffffu
#define CANDIDATES 8  // candidates that one pass over the rows compares
#define CHUNK 4096    // rows of a partial sum; must be a multiple of BLOCK

static __device__ __forceinline__ double sum_of_lanes(double value, int lanes)
{
    for (int gap = lanes / 2; gap > 0; gap /= 2)
        value += __shfl_xor_sync(ALL_LANES, value, gap);
    return value;
}

// The sum over the block's threads, for all of them.
static __device__ double sum_of_block(double value)
{
    __shared__ double warps[BLOCK / WARP];
    value = sum_of_lanes(value, WARP);
    __syncthreads();  // no thread still reads the values of an earlier call
    if (threadIdx.x % WARP == 0)
        warps[threadIdx.x / WARP] = value;
    __syncthreads();
    double sum = 0.0;
    for (int i = 0; i < BLOCK / WARP; ++i)
        sum += warps[i];
    return sum;
}

// Squared distances to row rows[0]; with `keep`, only where they are less than those in `closest`.
extern "C" __global__ void measure(const T *X, long long n, long long d, const long long *rows,
                                   long long keep, double *closest)
{
    long long i = thread_in_grid() / LANES;
    const T *center = X + rows[0] * d;
    double sum = 0.0;
    if (i < n)
        for (long long c = threadIdx.x % LANES; c < d; c += LANES) {
            double apart = (double)X[i * d + c] - (double)center[c];
            sum += apart * apart;
        }
    sum = sum_of_lanes(sum, LANES);
    if (i < n && threadIdx.x % LANES == 0 && (!keep || sum < closest[i]))
        closest[i] = sum;
}

static __device__ __forceinline__ double mass(const double *closest, const double *w, long long i)
{
    return w ? closest[i] * w[i] : closest[i];
}

extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    sum_chunks(const double *closest, const double *w, long long n, double *sums)
{
    long long first = blockIdx.x * (long long)CHUNK + threadIdx.x;
    double sum = 0.0;
    for (int i = 0; i < CHUNK; i += BLOCK)
        if (first + i < n)
            sum += mass(closest, w, first + i);
    sum = sum_of_block(sum);
    if (threadIdx.x == 0)
        sums[blockIdx.x] = sum;
}

// The thread at whose part the running sum first exceeds `target`, and the sum before that part. A
// part of zero is never chosen. If rounding keeps the sum from exceeding the target, the last part
// above zero is chosen; if there is none, the first part.
static __device__ int find_thread(double part, double target, double *before)
{
    __shared__ double parts[BLOCK];
    __shared__ double sum_before;
    __shared__ int place;
    __syncthreads();  // no thread still reads the values of an earlier call
    parts[threadIdx.x] = part;
    __syncthreads();
    if (threadIdx.x == 0) {
        double sum = 0.0;
        place = 0;
        sum_before = 0.0;
        for (int i = 0; i < BLOCK; ++i) {
            if (parts[i] > 0.0) {
                place = i;
                sum_before = sum;
            }
            sum += parts[i];
            if (sum > target)
                break;
        }
    }
    __syncthreads();
    *before = sum_before;
    return place;
}

// Draws one row per block, for a fraction of the sum of all chunks. heaviest: the first row of the
// largest weight, or null for equal weights.
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    draw(const double *closest, const double *w, long long n, const double *sums,
         long long chunks, const double *fractions, const long long *heaviest, long long *rows)
{
    __shared__ long long chunk;
    __shared__ double chunk_before;
    long long each = (chunks + BLOCK - 1) / BLOCK;
    long long first = threadIdx.x * each;
    double part = 0.0, before;
    for (long long i = first; i < chunks && i < first + each; ++i)
        part += sums[i];
    double target = fractions[blockIdx.x] * sum_of_block(part);
    int owner = find_thread(part, target, &before);
    if (threadIdx.x == owner) {
        double sum = before;
        chunk = first;
        chunk_before = sum;
        for (long long i = first; i < chunks && i < first + each; ++i) {
            if (sums[i] > 0.0) {
                chunk = i;
                chunk_before = sum;
            }
            sum += sums[i];
            if (sum > target)
                break;
        }
    }
    __syncthreads();
    // likewise for the rows of the chunk
    first = chunk * CHUNK + threadIdx.x * (CHUNK / BLOCK);
    part = 0.0;
    for (int i = 0; i < CHUNK / BLOCK; ++i)
        if (first + i < n)
            part += mass(closest, w, first + i);
    target -= chunk_before;
    owner = find_thread(part, target, &before);
    if (threadIdx.x == owner) {
        double sum = before;
        long long row = heaviest ? heaviest[0] : 0;  // if nothing is left to draw from
        for (int i = 0; i < CHUNK / BLOCK && first + i < n; ++i) {
            double own = mass(closest, w, first + i);
            if (own > 0.0)
                row = first + i;
            sum += own;
            if (sum > target && own > 0.0)
                break;
        }
        rows[blockIdx.x] = row;
    }
}

// By how much each candidate would reduce the sum, per block: gains (blocks, trials). The second
// index of the grid selects CANDIDATES of them.
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    measure_gains(const T *X, long long n, long long d, const double *w, const double *closest,
                  const long long *rows, long long trials, double *gains)
{
    long long first = blockIdx.y * (long long)CANDIDATES;
    int count = trials - first < CANDIDATES ? (int)(trials - first) : CANDIDATES;
    double gain[CANDIDATES] = {};
    long long groups = threads_in_grid() / LANES;
    for (long long i = thread_in_grid() / LANES;; i += groups) {
        // threads of a warp stay together, because they add up their sums
        if (i - threadIdx.x % WARP / LANES >= n)
            break;
        double sum[CANDIDATES] = {};
        if (i < n)
            for (long long c = threadIdx.x % LANES; c < d; c += LANES) {
                double x = (double)X[i * d + c];
#pragma unroll
                for (int t = 0; t < CANDIDATES; ++t)
                    if (t < count) {
                        double apart = x - (double)X[rows[first + t] * d + c];
                        sum[t] += apart * apart;
                    }
            }
#pragma unroll
        for (int t = 0; t < CANDIDATES; ++t) {
            double squared = sum_of_lanes(sum[t], LANES);
            if (i < n && threadIdx.x % LANES == 0 && squared < closest[i])
                gain[t] += (w ? w[i] : 1.0) * (closest[i] - squared);
        }
    }
#pragma unroll
    for (int t = 0; t < CANDIDATES; ++t) {
        double sum = sum_of_block(gain[t]);
        if (threadIdx.x == 0 && t < count)
            gains[blockIdx.x * trials + first + t] = sum;
    }
}

// The row of the candidate with the largest gain, the first of equal ones. One block.
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    choose(const double *gains, long long blocks, long long trials, const long long *rows,
           long long *best)
{
    double most = -1.0;
    long long row = rows[0];
    for (long long t = 0; t < trials; ++t) {
        double sum = 0.0;
        for (long long b = threadIdx.x; b < blocks; b += BLOCK)
            sum += gains[b * trials + t];
        sum = sum_of_block(sum);
        if (sum > most) {
            most = sum;
            row = rows[t];
        }
    }
    if (threadIdx.x == 0)
        best[0] = row;
}
