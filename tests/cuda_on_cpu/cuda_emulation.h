// CUDA's language and built-ins for g++: what `.cu` files need to run on the CPU.
//
// A block's threads are fibers of one thread of the CPU. Each runs until it waits, at a barrier or
// for its warp, or ends; emulation.cpp decides who is next, and in which order they go.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

#define CUDA_ON_CPU 1

struct cuda_index {
    unsigned int x, y, z;
};
extern cuda_index threadIdx, blockIdx, blockDim, gridDim;

namespace cuda_on_cpu {

enum Meeting { SYNC, SHUFFLE, BALLOT };

// Waits for all threads of the block, which must all come to the same line.
void barrier(int line);
// Waits for the threads of the warp that `mask` names. Gives the bits that lane `from` brought
// (SHUFFLE), or a bit for each lane that brought some (BALLOT).
uint64_t meet(unsigned mask, Meeting meeting, uint64_t bits, int from, int line);
int lane();
void *dynamic_shared();
void atomic_access(const volatile void *address, size_t size);

template <class V>
V exchanged(unsigned mask, V value, int from, int line)
{
    static_assert(sizeof(V) <= 8, "warps exchange up to 8 bytes");
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(V));
    bits = meet(mask, SHUFFLE, bits, from, line);
    std::memcpy(&value, &bits, sizeof(V));
    return value;
}

inline int lane_for(int other, int width)
{
    return other >= 0 && other / width == lane() / width ? other : lane();
}

// What a kernel's parameters are: checked against the arguments of a launch.
template <class P>
const char *code_of()
{
    static_assert(std::is_same_v<P, long long> || std::is_same_v<P, double> ||
                      std::is_pointer_v<P>,
                  "a kernel takes pointers, long long and double");
    if constexpr (std::is_pointer_v<P>) {
        using V = std::remove_pointer_t<P>;
        using W = std::remove_const_t<V>;
        static_assert(std::is_arithmetic_v<W>, "a kernel takes pointers to numbers");
        static const char text[] = {
            std::is_const_v<V> ? 'r' : 'w',
            std::is_floating_point_v<W> ? 'f' : std::is_signed_v<W> ? 'i' : 'u',
            (char)('0' + sizeof(W)), ' ', 0};
        return text;
    }
    return std::is_same_v<P, double> ? "double " : "long ";
}

template <class... P>
const char *signature_of(void (*)(P...))
{
    static char text[sizeof...(P) * 8 + 1];
    text[0] = 0;
    (std::strcat(text, code_of<P>()), ...);
    return text;
}

template <class... P, size_t... I>
void call(void (*kernel)(P...), void **args, std::index_sequence<I...>)
{
    kernel(*static_cast<P *>(args[I])...);
}

template <class... P>
void call(void (*kernel)(P...), void **args)
{
    call(kernel, args, std::index_sequence_for<P...>());
}


}  // namespace cuda_on_cpu

#define __global__
#define __host__
#define __device__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __restrict__ __restrict
#define __align__(n) __attribute__((aligned(n)))
#define __constant__ static const
// in a section of its own, so that each block finds rubbish there
#define __shared__ static __attribute__((section("cuda_shared")))

#define __syncthreads() cuda_on_cpu::barrier(__LINE__)
#define __syncwarp(...) \
    (void)cuda_on_cpu::meet(cuda_on_cpu::mask_or_all(__VA_ARGS__), cuda_on_cpu::SYNC, 0, 0, __LINE__)
#define __ballot_sync(mask, yes) \
    (unsigned)cuda_on_cpu::meet(mask, cuda_on_cpu::BALLOT, !!(yes), 0, __LINE__)
#define __any_sync(mask, yes) (__ballot_sync(mask, yes) != 0)
#define __all_sync(mask, yes) (__ballot_sync(mask, !(yes)) == 0)
#define __shfl_sync(mask, ...) cuda_on_cpu::shuffle(__LINE__, mask, __VA_ARGS__)
#define __shfl_xor_sync(mask, ...) cuda_on_cpu::shuffle_xor(__LINE__, mask, __VA_ARGS__)
#define __shfl_down_sync(mask, ...) cuda_on_cpu::shuffle_down(__LINE__, mask, __VA_ARGS__)
#define __shfl_up_sync(mask, ...) cuda_on_cpu::shuffle_up(__LINE__, mask, __VA_ARGS__)

namespace cuda_on_cpu {

inline unsigned mask_or_all(unsigned mask = 0xffffffffu)
{
    return mask;
}

template <class V>
V shuffle(int line, unsigned mask, V value, int from, int width = 32)
{
    return exchanged(mask, value, lane() / width * width + from % width, line);
}

template <class V>
V shuffle_xor(int line, unsigned mask, V value, int bits, int width = 32)
{
    return exchanged(mask, value, lane_for(lane() ^ bits, width), line);
}

template <class V>
V shuffle_down(int line, unsigned mask, V value, int gap, int width = 32)
{
    return exchanged(mask, value, lane_for(lane() + gap, width), line);
}

template <class V>
V shuffle_up(int line, unsigned mask, V value, int gap, int width = 32)
{
    return exchanged(mask, value, lane_for(lane() - gap, width), line);
}

}  // namespace cuda_on_cpu

// the hooks see an atomic access as one, not as the plain ones that it is made of here
#define ATOMIC(V, name, expression)                                                                \
    __attribute__((no_sanitize("thread"))) inline V name(V *address, V value)                      \
    {                                                                                              \
        cuda_on_cpu::atomic_access(address, sizeof(V));                                            \
        V old = *address;                                                                          \
        *address = (expression);                                                                   \
        return old;                                                                                \
    }
#define ATOMICS(V)                                                                                 \
    ATOMIC(V, atomicMin, value < old ? value : old)                                                \
    ATOMIC(V, atomicMax, value > old ? value : old)                                                \
    ATOMIC(V, atomicExch, value)
#define BIT_ATOMICS(V)                                                                             \
    ATOMIC(V, atomicAnd, old &value)                                                               \
    ATOMIC(V, atomicOr, old | value)                                                               \
    ATOMIC(V, atomicXor, old ^ value)                                                              \
    __attribute__((no_sanitize("thread"))) inline V atomicCAS(V *address, V expected, V value)     \
    {                                                                                              \
        cuda_on_cpu::atomic_access(address, sizeof(V));                                            \
        V old = *address;                                                                          \
        *address = old == expected ? value : old;                                                  \
        return old;                                                                                \
    }
ATOMIC(int, atomicAdd, (int)((unsigned)old + (unsigned)value))
ATOMIC(unsigned int, atomicAdd, old + value)
ATOMIC(unsigned long long, atomicAdd, old + value)
ATOMIC(float, atomicAdd, old + value)
ATOMIC(double, atomicAdd, old + value)
ATOMIC(int, atomicSub, (int)((unsigned)old - (unsigned)value))
ATOMIC(unsigned int, atomicSub, old - value)
ATOMICS(int)
ATOMICS(unsigned int)
ATOMICS(long long)
ATOMICS(unsigned long long)
BIT_ATOMICS(int)
BIT_ATOMICS(unsigned int)
BIT_ATOMICS(unsigned long long)

#define REINTERPRET(name, To, From)                                                                \
    inline To name(From value)                                                                     \
    {                                                                                              \
        To bits;                                                                                   \
        static_assert(sizeof(To) == sizeof(From));                                                 \
        std::memcpy(&bits, &value, sizeof(To));                                                    \
        return bits;                                                                               \
    }
REINTERPRET(__float_as_int, int, float)
REINTERPRET(__int_as_float, float, int)
REINTERPRET(__float_as_uint, unsigned int, float)
REINTERPRET(__uint_as_float, float, unsigned int)
REINTERPRET(__double_as_longlong, long long, double)
REINTERPRET(__longlong_as_double, double, long long)

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
inline long long __double2ll_rn(double x) { return std::llrint(x); }
template <class V>
V __ldg(const V *address) { return *address; }
inline void __threadfence() {}
template <class V>
V min(V a, V b) { return b < a ? b : a; }
template <class V>
V max(V a, V b) { return a < b ? b : a; }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
