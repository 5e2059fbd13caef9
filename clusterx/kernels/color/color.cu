// Colours as Morton codes: counted, looked up, and read back.
//
// CHANNEL: type of a channel. CHANNELS of them make a code, of the STRIDE that a pixel has in
// memory: an alpha that is the same everywhere is left out. CODE: type of a code, unsigned; bit i
// of channel j is its bit i CHANNELS + CHANNELS - 1 - j. COUNT: type of a counter, unsigned.
// LABEL: type of a label. ITEMS: consecutive pixels of a thread.

static __device__ CODE code_of(const CHANNEL *pixel)
{
    CODE code = 0;
#pragma unroll
    for (int j = 0; j < CHANNELS; ++j) {
        CODE x = pixel[j];
#if CHANNELS == 3
        x = (x | x << 16) & (CODE)0x1f0000ff0000ffULL;
        x = (x | x << 8) & (CODE)0x100f00f00f00f00fULL;
        x = (x | x << 4) & (CODE)0x10c30c30c30c30c3ULL;
        x = (x | x << 2) & (CODE)0x1249249249249249ULL;
#elif CHANNELS == 4
        x = (x | x << 24) & (CODE)0x000000ff000000ffULL;
        x = (x | x << 12) & (CODE)0x000f000f000f000fULL;
        x = (x | x << 6) & (CODE)0x0303030303030303ULL;
        x = (x | x << 3) & (CODE)0x1111111111111111ULL;
#endif
        code |= x << (CHANNELS - 1 - j);
    }
    return code;
}

// Adds what a warp's threads have found to the table, in one step where all found one colour.
static __device__ void add_to(COUNT *table, CODE code, unsigned int times)
{
    CODE leader = __shfl_sync(0xffffffffu, code, 0);
    if (__all_sync(0xffffffffu, times > 0 && code == leader)) {
        for (int gap = 16; gap > 0; gap /= 2)
            times += __shfl_xor_sync(0xffffffffu, times, gap);
        if (threadIdx.x % 32 == 0)
            atomicAdd(&table[code], (COUNT)times);
    } else if (times) {
        atomicAdd(&table[code], (COUNT)times);
    }
}

// How often each code occurs. Neighbours are often of one colour: a thread adds up runs of its
// pixels.
extern "C" __global__ void tally(const CHANNEL *pixels, long long n, COUNT *table)
{
    long long first = thread_in_grid() * ITEMS;
    CODE run = 0;
    unsigned int times = 0;
    for (long long i = first; i < n && i < first + ITEMS; ++i) {
        CODE code = code_of(pixels + i * STRIDE);
        if (times && code != run) {
            atomicAdd(&table[run], (COUNT)times);
            times = 0;
        }
        run = code;
        ++times;
    }
    add_to(table, run, times);
}

#if SHARED_COLORS
// The same, if there are so few codes that each block has its own counters.
extern "C" __global__ void tally_in_blocks(const CHANNEL *pixels, long long n, COUNT *table)
{
    __shared__ unsigned int counts[SHARED_COLORS];
    for (int i = threadIdx.x; i < SHARED_COLORS; i += blockDim.x)
        counts[i] = 0;
    __syncthreads();
    for (long long i = thread_in_grid(); i < n; i += threads_in_grid())
        atomicAdd(&counts[code_of(pixels + i * STRIDE)], 1u);
    __syncthreads();
    for (int i = threadIdx.x; i < SHARED_COLORS; i += blockDim.x)
        if (counts[i])
            atomicAdd(&table[i], (COUNT)counts[i]);
}
#endif

extern "C" __global__ void encode(const CHANNEL *pixels, long long n, CODE *codes)
{
    long long i = thread_in_grid();
    if (i < n)
        codes[i] = code_of(pixels + i * STRIDE);
}

// The colours that codes were made of. A channel without a place in the code is `alpha`.
extern "C" __global__ void decode(const CODE *codes, long long n, long long alpha, CHANNEL *colors)
{
    long long i = thread_in_grid();
    if (i >= n)
        return;
    CODE code = codes[i];
    for (int j = 0; j < STRIDE; ++j) {
        CODE value = j < CHANNELS ? 0 : (CODE)alpha;
        if (j < CHANNELS)
            for (int bit = 0; bit < 8 * (int)sizeof(CHANNEL); ++bit)
                value |= (code >> (bit * CHANNELS + CHANNELS - 1 - j) & 1) << bit;
        colors[i * STRIDE + j] = (CHANNEL)value;
    }
}

// Fills the table that maps codes to labels.
extern "C" __global__ void fill(const CHANNEL *colors, const LABEL *labels, long long n,
                                LABEL *table)
{
    long long i = thread_in_grid();
    if (i < n)
        table[code_of(colors + i * STRIDE)] = labels[i];
}

extern "C" __global__ void look_up(const CHANNEL *pixels, long long n, const LABEL *table,
                                   LABEL *found)
{
    long long i = thread_in_grid();
    if (i < n)
        found[i] = table[code_of(pixels + i * STRIDE)];
}

// The labels of pixels whose codes are among `codes`, which ascend.
extern "C" __global__ void search(const CHANNEL *pixels, long long n, const CODE *codes,
                                  const LABEL *labels, long long u, LABEL *found)
{
    long long i = thread_in_grid();
    if (i >= n)
        return;
    CODE code = code_of(pixels + i * STRIDE);
    long long low = 0, high = u - 1;  // the code's place is in low..high
    while (low < high) {
        long long middle = low + (high - low) / 2;
        if (codes[middle] < code)
            low = middle + 1;
        else
            high = middle;
    }
    found[i] = labels[low];
}
