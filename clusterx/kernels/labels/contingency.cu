// Counts of pairs of codes, and codes of labels.
//
// COUNT: type of a global counter, unsigned. LABEL: type of a label. SHARED_CELLS: counters that a
// block keeps in shared memory. Sums of integers are the same in any order.

#define EACH_ROW(i, n)                                                                             \
    for (long long i = thread_in_grid(), step = threads_in_grid(); i < (n); i += step)

// Small tables: each block has `copies` of them, so that warps do not contend for hot cells. A
// block has fewer than 2^32 rows as long as n is below 2^32 times the number of blocks.
extern "C" __global__ void count_in_blocks(const int *a, const int *b, long long n,
                                           long long columns, long long cells, long long copies,
                                           COUNT *table)
{
    __shared__ unsigned int counts[SHARED_CELLS];
    for (int i = threadIdx.x; i < copies * cells; i += blockDim.x)
        counts[i] = 0;
    __syncthreads();
    unsigned int *own = counts + threadIdx.x / 32 % copies * cells;
    EACH_ROW(i, n)
        atomicAdd(&own[a[i] * columns + b[i]], 1u);
    __syncthreads();
    for (int i = threadIdx.x; i < cells; i += blockDim.x) {
        COUNT sum = 0;
        for (int copy = 0; copy < copies; ++copy)
            sum += counts[copy * cells + i];
        if (sum)
            atomicAdd(&table[i], sum);
    }
}

extern "C" __global__ void count_pairs(const int *a, const int *b, long long n, long long columns,
                                       COUNT *table)
{
    EACH_ROW(i, n)
        atomicAdd(&table[a[i] * columns + b[i]], (COUNT)1);
}

// Each row's cell, to be sorted, because a table of all pairs would be too large.
extern "C" __global__ void pair_keys(const int *a, const int *b, long long n, long long columns,
                                     long long *keys)
{
    EACH_ROW(i, n)
        keys[i] = a[i] * columns + b[i];
}

// Marks which of the `cells` integers from `low` on occur. Few cells are first marked in shared
// memory.
extern "C" __global__ void mark(const LABEL *labels, long long n, long long low, long long cells,
                                unsigned int *seen)
{
    __shared__ unsigned int own[SHARED_CELLS];
    bool few = cells <= SHARED_CELLS;
    for (int i = threadIdx.x; few && i < cells; i += blockDim.x)
        own[i] = 0;
    __syncthreads();
    unsigned int *to = few ? own : seen;
    long long last = -1;
    EACH_ROW(i, n)
    {
        long long at = (long long)labels[i] - low;
        if (at != last)
            atomicOr(&to[at], 1u);
        last = at;
    }
    __syncthreads();
    for (int i = threadIdx.x; few && i < cells; i += blockDim.x)
        if (own[i])
            atomicOr(&seen[i], 1u);
}

// The code of each integer that occurs: its index among them.
extern "C" __global__ void number(const long long *positions, long long n, int *to_code)
{
    EACH_ROW(i, n)
        to_code[positions[i]] = (int)i;
}

extern "C" __global__ void recode(const LABEL *labels, long long n, long long low,
                                  const int *to_code, int *codes)
{
    EACH_ROW(i, n)
        codes[i] = to_code[(long long)labels[i] - low];
}

// For each entry of a sorted list, the number of its run; runs begin at `starts`. Results are
// written to the original index of the entry.
extern "C" __global__ void number_runs(const long long *order, long long n,
                                       const long long *starts, long long runs, int *codes)
{
    EACH_ROW(i, n)
        codes[order[i]] = (int)(upper_bound(starts, runs, i) - 1);
}
