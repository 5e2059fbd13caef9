// The nearest centre of rows of few columns: rows in registers, centres in shared memory.
//
// T: type of rows and centres. D: columns. ROWS: rows per thread. TILE: centres in shared memory
// at a time. Distances are sums of squared differences, so nothing cancels. A row whose squares
// overflow or underflow is scanned again with scaled differences.

#define WIDE (sizeof(T) == 8)
// A least square below TINY may be wrong because terms of it underflowed. Differences that make
// such squares are far from overflow when multiplied by UP; differences whose squares overflow are
// far from underflow when multiplied by DOWN.
#define TINY (WIDE ? (T)0x1p-900 : (T)0x1p-90)
#define UP (WIDE ? (T)0x1p800 : (T)0x1p100)
#define DOWN (WIDE ? (T)0x1p-520 : (T)0x1p-66)
#define LARGEST (WIDE ? (T)0x1.fffffffffffffp1023 : (T)0x1.fffffep127)

// In float64, because float32 differences of close numbers may count as zero.
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

// Labels of the ROWS rows first, first + gap, first + 2 gap, ... All threads of a block take part,
// whether or not they have rows.
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
