// Sums in integers, the same in any order.
//
// A term is rounded to two 64-bit integers: the first counts steps of 1 / scale, the second counts
// steps of 1 / (scale low_scale) of the remainder. With n terms whose magnitudes add up to at most
// S, scale is the power of two just below 2^61 / S and low_scale the one just below 2^61 / n. So
// neither sum of terms reaches 2^62. While rows leave a cluster and others join it, its sums stay
// below 2^63. The error of a term is below S n 2^-121.
//
// The sums of k clusters of rows with d columns are a table (2, k, d + 1): the first integers, then
// the second ones; the last column has the sums of the weights. `scales` has d + 2 entries: those
// of the columns, that of the weights, and low_scale.

#define SUM_BITS 61

struct Term {
    long long high, low;
};

static __device__ __forceinline__ Term term_of(double value, double scale, double low_scale)
{
    double scaled = value * scale, whole = rint(scaled);
    Term term;
    term.high = (long long)whole;
    term.low = (long long)rint((scaled - whole) * low_scale);
    return term;
}

static __device__ __forceinline__ Term operator-(Term term)
{
    term.high = -term.high;
    term.low = -term.low;
    return term;
}

static __device__ __forceinline__ void add(word *table, long long cell, long long cells, Term term)
{
    if (term.high)
        atomicAdd(&table[cell], (word)term.high);
    if (term.low)  // rare for float32, whose digits mostly fit in the first integer
        atomicAdd(&table[cells + cell], (word)term.low);
}

// `add` in shared memory, by 32-bit atomics: when the low half overflows, it carries.
static __device__ __forceinline__ void add_to_half(unsigned int *halves, long long value)
{
    unsigned int low = (unsigned int)value, high = (unsigned int)((word)value >> 32);
    if (low && atomicAdd(&halves[0], low) > 0xffffffffu - low)
        ++high;
    if (high)
        atomicAdd(&halves[1], high);
}

static __device__ __forceinline__ void add_shared(unsigned int *table, long long cell,
                                                  long long cells, Term term)
{
    add_to_half(table + 2 * cell, term.high);
    add_to_half(table + 2 * (cells + cell), term.low);
}

// The exponent of the power of two just above x: x < 2^exponent.
static __device__ int exponent_above(double x)
{
    int exponent;
    frexp(x, &exponent);
    return exponent;
}
