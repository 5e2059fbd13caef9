// Mean, variance and largest magnitude of the columns, in one pass over the rows.
//
// T: type of the rows. A block has a slab of consecutive rows, `lanes` of them side by side in
// `width` columns. A thread adds up the differences between its entries and the first of them. Then
// moments are joined in pairs (Chan, Golub and LeVeque, 1979), in an order that depends only on the
// shape. Means are stored less the first row, so rows far from the origin keep their digits.
// Magnitudes are compared as integers: the bits of infinity are above those of all numbers, and
// those of NaN are above those of infinity.

#define BLOCK 256

struct Moments {
    double count, mean;  // mean: less the first row's entry
    double spread;       // squared differences to the mean, summed
    word largest;        // magnitude, the bits of a double
};

static __device__ __forceinline__ unsigned int magnitude(float x)
{
    return __float_as_uint(x) & 0x7fffffffu;
}

static __device__ __forceinline__ word magnitude(double x)
{
    return (word)__double_as_longlong(x) & 0x7fffffffffffffffULL;
}

static __device__ __forceinline__ double value_of(unsigned int bits)
{
    return (double)__uint_as_float(bits);
}

static __device__ __forceinline__ double value_of(word bits)
{
    return __longlong_as_double((long long)bits);
}

static __device__ Moments joined(Moments a, const Moments &b)
{
    if (a.count == 0.0)
        return b;
    double apart = b.mean - a.mean, share = b.count / (a.count + b.count);
    a.mean += apart * share;
    a.spread += b.spread + apart * apart * (a.count * share);
    a.count += b.count;
    if (b.largest > a.largest)
        a.largest = b.largest;
    return a;
}

// The moments of all lanes of a column, for its lane 0. All threads of the block take part.
static __device__ Moments join_lanes(Moments mine, int lane, int lanes, int width)
{
    __shared__ Moments shared[BLOCK];
    int me = threadIdx.x;
    shared[me] = mine;
    __syncthreads();
    for (int left = lanes, half; left > 1; left = half) {
        half = (left + 1) / 2;
        if (lane < left - half)
            shared[me] = joined(shared[me], shared[me + half * width]);
        __syncthreads();
    }
    return shared[me];
}

// parts (3, slabs, d): means, spreads and largest magnitudes of slabs of `rows` rows.
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    slab_moments(const T *X, long long n, long long d, long long rows, long long width,
                 long long lanes, double *parts)
{
    long long tiles = (d + width - 1) / width, slab = blockIdx.x / tiles;
    int lane = threadIdx.x / (int)width;
    long long column = blockIdx.x % tiles * width + threadIdx.x % (int)width;
    long long first = slab * rows + lane, end = slab * rows + rows < n ? slab * rows + rows : n;
    Moments mine = {0.0, 0.0, 0.0, 0};
    if (lane < lanes && column < d && first < end) {
        double shift = (double)X[first * d + column], sum = 0.0, square = 0.0;
        auto largest = magnitude((T)0);
#pragma unroll 4
        for (long long i = first; i < end; i += lanes) {
            T x = X[i * d + column];
            double apart = (double)x - shift;
            sum += apart;
            square += apart * apart;
            largest = magnitude(x) > largest ? magnitude(x) : largest;
        }
        mine.count = (double)((end - first + lanes - 1) / lanes);
        mine.mean = shift - (double)X[column] + sum / mine.count;
        double spread = square - sum * (sum / mine.count);
        mine.spread = spread < 0.0 ? 0.0 : spread;
        mine.largest = magnitude(value_of(largest));
    }
    mine = join_lanes(mine, lane, (int)lanes, (int)width);
    if (lane == 0 && column < d) {
        long long cells = gridDim.x / tiles * d, cell = slab * d + column;
        parts[cell] = mine.mean;
        parts[cells + cell] = mine.spread;
        parts[2 * cells + cell] = value_of(mine.largest);
    }
}

// found (3, d): means, variances and largest magnitudes. A block has `width` columns.
extern "C" __global__ void __launch_bounds__(BLOCK, 1)
    join_slabs(const T *X, const double *parts, long long slabs, long long n, long long d,
               long long rows, long long width, long long lanes, double *found)
{
    int lane = threadIdx.x / (int)width;
    long long column = blockIdx.x * width + threadIdx.x % (int)width, cells = slabs * d;
    Moments mine = {0.0, 0.0, 0.0, 0};
    if (lane < lanes && column < d)
        for (long long slab = lane; slab < slabs; slab += lanes) {
            long long cell = slab * d + column, left = n - slab * rows;
            mine = joined(mine, {(double)(left < rows ? left : rows), parts[cell],
                                 parts[cells + cell], magnitude(parts[2 * cells + cell])});
        }
    mine = join_lanes(mine, lane, (int)lanes, (int)width);
    if (lane == 0 && column < d) {
        found[column] = (double)X[column] + mine.mean;
        found[d + column] = mine.spread / (double)n;
        found[2 * d + column] = value_of(mine.largest);
    }
}
