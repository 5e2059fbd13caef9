// The nearest centre of rows of many columns: matrix products rule out all but a few centres, and
// the distances to those are computed exactly. So rounding in the products changes no label.
//
// T: type of rows, centres and products. TF32: whether the products truncate their factors to 10
// bits after the point, so that more centres have to be measured. With x and c relative to a point
// between the centres, |x - c|^2 is |x|^2 plus v = c.c - 2 x.c. Centres are in units of a power of
// two, in which no square overflows. Each warp works on one row or one centre.

#define WARP 32
#define ALL_LANES 0xffffffffu
#define WIDE (sizeof(T) == 8)
#define EPSILON (WIDE ? (T)0x1p-52 : (T)0x1p-23)
#define CUT (TF32 ? (T)0x1.01p-8 : (T)0)
#define ADDED (TF32 ? 4 : 1)  // tensor cores truncate sums too, every few terms
#define LEAST_NORMAL (WIDE ? (T)0x1p-1022 : (T)0x1p-126)

static __device__ __forceinline__ double sum_of_lanes(double value)
{
    for (int gap = WARP / 2; gap > 0; gap /= 2)
        value += __shfl_xor_sync(ALL_LANES, value, gap);
    return value;
}

// Centres less `shift`, in units of a power of two near `largest`; their products with the centres
// less `shift`; and their lengths.
extern "C" __global__ void prepare_centers(const T *C, long long k, long long d, const T *shift,
                                           const T *largest, T *scaled, T *own, T *length)
{
    long long j = thread_in_grid() / WARP;
    if (j >= k)
        return;
    int exponent = 0;
    if (largest[0] > 0)
        frexp((double)largest[0], &exponent);
    double product = 0.0, square = 0.0;
    for (long long c = threadIdx.x % WARP; c < d; c += WARP) {
        double about = (double)C[j * d + c] - (double)shift[c];  // in float32 it may count as zero
        T unit = (T)ldexp(about, -exponent);
        scaled[j * d + c] = unit;
        product += about * (double)unit;
        square += (double)unit * (double)unit;
    }
    product = sum_of_lanes(product);
    square = sum_of_lanes(square);
    if (threadIdx.x % WARP == 0) {
        own[j] = (T)product;
        length[j] = (T)sqrt(square);
    }
}

// `count` rows from `begin`, less `shift`, and their lengths.
extern "C" __global__ void prepare_rows(const T *X, long long begin, long long count, long long d,
                                        const T *shift, T *about, T *length)
{
    long long i = thread_in_grid() / WARP;
    if (i >= count)
        return;
    double square = 0.0;
    for (long long c = threadIdx.x % WARP; c < d; c += WARP) {
        T apart = X[(begin + i) * d + c] - shift[c];
        about[i * d + c] = apart;
        square += (double)apart * (double)apart;
    }
    square = sum_of_lanes(square);
    if (threadIdx.x % WARP == 0)
        length[i] = (T)sqrt(square);
}

// v of a row and a centre, and a bound on its error: from rounding the terms, from d products and
// their additions, and from underflow.
struct Measured {
    T value, error;
};

static __device__ __forceinline__ Measured measured(T product, T own, T row_length, T length,
                                                    long long d)
{
    Measured found;
    found.value = own - 2 * product;
    T size = row_length * length;
    found.error = EPSILON * ((T)(ADDED * d + 8) * size + 4 * own) + CUT * size +
                  (T)(2 * d + 8) * LEAST_NORMAL;
    return found;
}

static __device__ double distance(const T *x, const T *c, long long d)
{
    double sum = 0.0;
    for (long long i = threadIdx.x % WARP; i < d; i += WARP) {
        double apart = (double)x[i] - (double)c[i];
        sum += apart * apart;
    }
    return sum_of_lanes(sum);
}

// Labels of `count` rows from `begin`, given the table of their products with the centres.
extern "C" __global__ void choose(const T *X, long long begin, long long count, long long d,
                                  const T *C, long long k, const T *products, const T *own,
                                  const T *length, const T *row_length, int *labels)
{
    long long i = thread_in_grid() / WARP;
    if (i >= count)
        return;
    int lane = threadIdx.x % WARP;
    const T *row = products + i * k, *x = X + (begin + i) * d;
    T bound = (T)INFINITE;
    for (long long j = lane; j < k; j += WARP) {
        Measured m = measured(row[j], own[j], row_length[i], length[j], d);
        if (m.value + m.error < bound)
            bound = m.value + m.error;
    }
    for (int gap = WARP / 2; gap > 0; gap /= 2) {
        T other = __shfl_xor_sync(ALL_LANES, bound, gap);
        bound = other < bound ? other : bound;
    }
    long long label = -1;
    double least = -1.0;  // not measured
    for (long long first = 0; first < k; first += WARP) {
        bool near = false;
        if (first + lane < k) {
            long long j = first + lane;
            Measured m = measured(row[j], own[j], row_length[i], length[j], d);
            near = !(m.value - m.error > bound);  // true for NaN, too
        }
        unsigned int candidates = __ballot_sync(ALL_LANES, near);
        for (; candidates; candidates &= candidates - 1) {
            long long j = first + __ffs((int)candidates) - 1;
            if (label < 0) {
                label = j;
                continue;
            }
            if (least < 0.0)
                least = distance(x, C + label * d, d);
            double found = distance(x, C + j * d, d);
            if (found < least) {  // the lowest of equal ones stays
                least = found;
                label = j;
            }
        }
    }
    if (lane == 0)
        labels[begin + i] = (int)label;
}
