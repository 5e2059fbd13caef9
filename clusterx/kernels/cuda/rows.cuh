// The nearest centre of rows of few columns: rows in registers, centres in shared memory.
//
// T: type of rows and centres. D: columns. ROWS: rows of a thread. TILE: centres in shared memory
// at a time. Squares of differences, which cancel nothing; what overflows or vanishes in them is
// scaled and looked at again.

#define WIDE (sizeof(T) == 8)
// A least square below TINY may be wrong for terms of it that vanished. Differences that make such
// squares are far from overflow when multiplied by UP, and those whose squares overflow far from
// vanishing when multiplied by DOWN.
#define TINY (WIDE ? (T)0x1p-900 : (T)0x1p-90)
#define UP (WIDE ? (T)0x1p800 : (T)0x1p100)
#define DOWN (WIDE ? (T)0x1p-520 : (T)0x1p-66)
#define LARGEST (WIDE ? (T)0x1.fffffffffffffp1023 : (T)0x1.fffffep127)

// In float64: float32 differences may be of numbers so near that they would count as zero.
static __device__ __noinline__ int scan_scaled(const T *x, const T *C, long long k, double before,
                                               double after)
{
    double least = INFINITE;
    int label = 0;
    for (long long j = 0; j < k; ++j) {
        double sum = 0;
        for (int c = 0; c < D; ++c) {
            double apart = ((double)x[c] * before - (double)C[j * D + c] * before) * after;
            sum += apart * apart;
        }
        if (sum < least) {
            least = sum;
            label = (int)j;
        }
    }
    return label;
}

// Labels of the ROWS rows that start with `first` and follow `gap` after each other. All threads
// of a block take part, whether or not they have rows.
static __device__ __forceinline__ void find_labels(const T *X, long long n, long long first,
                                                   long long gap, const T *C, long long k,
                                                   T x[ROWS][D], int label[ROWS])
{
    __shared__ T centers[TILE * D];
    T least[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; ++r) {
        long long row = first + r * gap;
        least[r] = (T)INFINITE;
        label[r] = 0;
#pragma unroll
        for (int c = 0; c < D; ++c)
            x[r][c] = row < n ? X[row * D + c] : (T)0;
    }
    for (long long begin = 0; begin < k; begin += TILE) {
        int count = k - begin < TILE ? (int)(k - begin) : TILE;
        __syncthreads();  // before the last tile is overwritten
        for (int i = threadIdx.x; i < count * D; i += blockDim.x)
            centers[i] = C[begin * D + i];
        __syncthreads();
        for (int j = 0; j < count; ++j) {
#pragma unroll
            for (int r = 0; r < ROWS; ++r) {
                T sum = 0;
#pragma unroll
                for (int c = 0; c < D; ++c) {
                    T apart = x[r][c] - centers[j * D + c];
                    sum += apart * apart;
                }
                if (sum < least[r]) {  // the lowest of equal ones stays
                    least[r] = sum;
                    label[r] = (int)begin + j;
                }
            }
        }
    }
#pragma unroll
    for (int r = 0; r < ROWS; ++r) {
        long long row = first + r * gap;
        if (row >= n)
            continue;
        if (!(least[r] <= LARGEST))
            label[r] = scan_scaled(X + row * D, C, k, DOWN, 1.0);
        else if (least[r] < TINY)
            label[r] = scan_scaled(X + row * D, C, k, 1.0, UP);
    }
}
