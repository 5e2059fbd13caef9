// Which entries of an array are kept, in order: cells of a table that are not zero, or (RUNS)
// entries of a sorted list that differ from the one before.
//
// CELL: type of an entry. BLOCK threads read ITEMS consecutive entries each. `count` writes how
// many entries of each block are kept; `write` takes where those of each block end in the result,
// and writes their indices.

static __device__ bool kept(const CELL *cells, long long i)
{
#if RUNS
    return i == 0 || cells[i] != cells[i - 1];
#else
    return cells[i] != 0;
#endif
}

static __device__ int kept_by_thread(const CELL *cells, long long n, long long first)
{
    int found = 0;
    for (long long i = first; i < n && i < first + ITEMS; ++i)
        found += kept(cells, i);
    return found;
}

// The sum of `value` over this thread and those before it.
static __device__ int block_scan(int value, int *shared)
{
    int me = threadIdx.x;
    shared[me] = value;
    __syncthreads();
    for (int gap = 1; gap < BLOCK; gap *= 2) {
        int before = me >= gap ? shared[me - gap] : 0;
        __syncthreads();
        shared[me] += before;
        __syncthreads();
    }
    return shared[me];
}

extern "C" __global__ void count(const CELL *cells, long long n, long long *counts)
{
    __shared__ int shared[BLOCK];
    long long first = thread_in_grid() * ITEMS;
    int sum = block_scan(kept_by_thread(cells, n, first), shared);
    if (threadIdx.x == BLOCK - 1)
        counts[blockIdx.x] = sum;
}

extern "C" __global__ void write(const CELL *cells, long long n, const long long *ends,
                                 long long *positions)
{
    __shared__ int shared[BLOCK];
    long long first = thread_in_grid() * ITEMS;
    int own = kept_by_thread(cells, n, first);
    long long begin = blockIdx.x ? ends[blockIdx.x - 1] : 0;
    long long *out = positions + begin + block_scan(own, shared) - own;
    for (long long i = first; i < n && i < first + ITEMS; ++i)
        if (kept(cells, i))
            *out++ = i;
}
