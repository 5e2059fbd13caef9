// Shared by all kernels: the loader puts this in front of each `.cu` file, after the macros.
//
// Kernels are extern "C", take only pointers, long long and double, and use blocks of one
// dimension. Sizes and indices have 64 bits, because an array may have more than 2^31 elements.
// CuPy compiles with -ftz=true: float32 numbers below 2^-126, read or computed, count as zero.

#define INFINITE (__longlong_as_double(0x7ff0000000000000LL))

typedef unsigned long long word;

// Declares `type *name`, the shared memory that a launch adds to what kernels declare.
#ifdef CUDA_ON_CPU
#define DYNAMIC_SHARED(type, name) type *name = (type *)cuda_on_cpu::dynamic_shared()
#else
#define DYNAMIC_SHARED(type, name)                                                                 \
    extern __shared__ __align__(16) unsigned char dynamic_shared[];                                \
    type *name = (type *)dynamic_shared
#endif

static __device__ __forceinline__ long long thread_in_grid()
{
    return blockIdx.x * (long long)blockDim.x + threadIdx.x;
}

static __device__ __forceinline__ long long threads_in_grid()
{
    return gridDim.x * (long long)blockDim.x;
}

// The index of the first of the sorted `values` that is above x; n if none is.
template <typename V>
static __device__ long long upper_bound(const V *values, long long n, V x)
{
    long long low = 0, high = n;
    while (low < high) {
        long long middle = low + (high - low) / 2;
        if (values[middle] > x)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
