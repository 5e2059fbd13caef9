// Runs the threads of a launch as fibers, in a chosen order, and watches what they do.

#include <algorithm>
#include <cstdarg>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#ifdef __SSE2__
#include <xmmintrin.h>
#endif

#include "cuda_emulation.h"

cuda_index threadIdx, blockIdx, blockDim, gridDim;

// rubbish for shared memory, where the kernels declare any
extern "C" {
extern char __start_cuda_shared[] __attribute__((weak));
extern char __stop_cuda_shared[] __attribute__((weak));
}

// What switches fibers: a few instructions of our own, or ucontext, which any Linux has and tests can
// ask for.
#if defined(__x86_64__) && !defined(UCONTEXT)
#define OWN_SWITCH
extern "C" __attribute__((visibility("default"))) const int cuda_on_cpu_own_switch = 1;
#else
extern "C" __attribute__((visibility("default"))) const int cuda_on_cpu_own_switch = 0;
#endif

#ifdef OWN_SWITCH
// Saves this fiber's registers, and goes on with those of another.
extern "C" void cuda_on_cpu_switch(void **save, void *load);
asm(R"(
    .text
    .type cuda_on_cpu_switch, @function
    .local cuda_on_cpu_switch
cuda_on_cpu_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");
#else
#include <ucontext.h>
#endif

namespace cuda_on_cpu {

constexpr size_t STACK = 1 << 16;
constexpr int WARP = 32;

enum State { READY, AT_BARRIER, AT_MEETING, DONE };

struct Fiber {
    State state;
    int line;
    unsigned mask;
    Meeting meeting;
    uint64_t bits;
    int from;
#ifdef OWN_SWITCH
    void *stack_pointer;
#else
    ucontext_t context;
#endif
};

struct Region {  // memory whose accesses are watched, one shadow a byte
    const char *begin;
    size_t size;
    std::vector<struct Shadow> shadows;
};

struct Access {
    long long block = -1;
    int thread = -1;
    unsigned barriers = 0, meetings = 0;
    bool atomic = false;
};

struct Shadow {
    Access write, read, other_read;  // the last ones, the reads by two threads
    long long first_reader = -1;     // the block that read first
    bool many_readers = false;       // more than one block read
};

static std::vector<Fiber> fibers;
static std::unique_ptr<char[]> stacks;  // not filled, because most of a stack is never touched
static int stack_count;
static std::vector<char> dynamic_memory;
static std::vector<Region> regions;
static std::vector<unsigned> meetings;  // of each warp
static std::string trouble;
static int current;
static unsigned barriers;
static bool watching;
static uint64_t random_state;
static void (*stub)(void **);
static void **arguments;
#ifdef OWN_SWITCH
static void *scheduler;
#else
static ucontext_t scheduler;
#endif

static void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void complain(const char *format, ...)
{
    if (!trouble.empty())
        return;  // what comes later may follow from it
    char text[512];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    trouble = text;
}

static uint64_t random_below(uint64_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % n;
}

static void wait()
{
#ifdef OWN_SWITCH
    cuda_on_cpu_switch(&fibers[current].stack_pointer, scheduler);
#else
    swapcontext(&fibers[current].context, &scheduler);
#endif
}

static void resume(int thread)
{
    current = thread;
    threadIdx = {(unsigned)thread, 0, 0};
#ifdef OWN_SWITCH
    cuda_on_cpu_switch(&scheduler, fibers[thread].stack_pointer);
#else
    swapcontext(&scheduler, &fibers[thread].context);
#endif
}

static void fiber_main()
{
    for (;;) {  // a fiber serves a thread of every block
        stub(arguments);
        fibers[current].state = DONE;
        wait();
    }
}

static void make_fibers(int count)
{
    if (count > stack_count) {
        stacks.reset(new char[count * STACK]);
        stack_count = count;
    }
    fibers.assign(count, Fiber());
    for (int i = 0; i < count; ++i) {
#ifdef OWN_SWITCH
        uintptr_t top = (uintptr_t)(stacks.get() + (i + 1) * STACK) & ~(uintptr_t)15;
        void **frame = (void **)top - 8;  // six registers, the entry, and no way back
        for (int j = 0; j < 8; ++j)
            frame[j] = nullptr;
        frame[6] = (void *)fiber_main;
        fibers[i].stack_pointer = frame;
#else
        getcontext(&fibers[i].context);
        fibers[i].context.uc_stack.ss_sp = stacks.get() + i * STACK;
        fibers[i].context.uc_stack.ss_size = STACK;
        fibers[i].context.uc_link = nullptr;
        makecontext(&fibers[i].context, fiber_main, 0);
#endif
    }
}

void barrier(int line)
{
    fibers[current].state = AT_BARRIER;
    fibers[current].line = line;
    wait();
}

int lane()
{
    return current % WARP;
}

void *dynamic_shared()
{
    return dynamic_memory.data();
}

// Whether all threads of a meeting have come; then each gets what it came for.
static void try_to_meet(int thread)
{
    Fiber &me = fibers[thread];
    int first = thread / WARP * WARP, end = std::min<int>(first + WARP, fibers.size());
    uint64_t present = 0, votes = 0, values[WARP] = {};
    for (int i = first; i < end; ++i) {
        Fiber &other = fibers[i];
        if (!(me.mask >> (i - first) & 1) || other.state == DONE)
            continue;
        if (other.state != AT_MEETING || other.mask != me.mask || other.line != me.line ||
            other.meeting != me.meeting)
            return;
        present |= 1u << (i - first);
        votes |= (uint64_t)(other.bits != 0) << (i - first);
        values[i - first] = other.bits;
    }
    for (int i = first; i < end; ++i) {
        Fiber &other = fibers[i];
        if (!(present >> (i - first) & 1))
            continue;
        if (other.meeting == SHUFFLE) {
            if (!(present >> other.from & 1))
                complain("thread %d reads from lane %d, which takes no part, at line %d", i,
                         other.from, other.line);
            other.bits = values[other.from];
        } else {
            other.bits = votes;
        }
        other.state = READY;
    }
    unsigned whole = end - first == WARP ? 0xffffffffu : (1u << (end - first)) - 1;
    if ((me.mask & whole) == whole)
        ++meetings[first / WARP];
}

uint64_t meet(unsigned mask, Meeting meeting, uint64_t bits, int from, int line)
{
    Fiber &me = fibers[current];
    if (!(mask >> lane() & 1))
        complain("thread %d is not in its own mask %08x at line %d", current, mask, line);
    me.state = AT_MEETING;
    me.mask = mask | 1u << lane();
    me.meeting = meeting;
    me.bits = bits;
    me.from = from;
    me.line = line;
    try_to_meet(current);
    if (me.state != READY)
        wait();
    return me.bits;
}

static void order_threads(std::vector<int> &order, int how)
{
    int n = (int)order.size();
    for (int i = 0; i < n; ++i)
        order[i] = how == 1 ? n - 1 - i : i;
    if (how == 2)
        for (int i = n - 1; i > 0; --i)
            std::swap(order[i], order[random_below(i + 1)]);
}

// Lets all threads go on that wait at the barrier; false if some never will.
static bool open_barrier(bool &done)
{
    int waiting = 0, line = 0;
    done = true;
    for (size_t i = 0; i < fibers.size(); ++i) {
        Fiber &fiber = fibers[i];
        if (fiber.state == DONE)
            continue;
        done = false;
        if (fiber.state == AT_MEETING) {
            try_to_meet((int)i);  // those it waited for may have ended
            if (fiber.state == AT_MEETING) {
                complain("thread %zu waits at line %d for threads of its warp that don't come", i,
                         fiber.line);
                return false;
            }
            return true;
        }
        if (waiting && fiber.line != line) {
            complain("threads of a block wait at different barriers, at lines %d and %d", line,
                     fiber.line);
            return false;
        }
        waiting = 1;
        line = fiber.line;
    }
    for (Fiber &fiber : fibers)
        if (fiber.state == AT_BARRIER)
            fiber.state = READY;
    ++barriers;
    return true;
}

static bool run_block(int how)
{
    std::vector<int> order(fibers.size());
    for (Fiber &fiber : fibers)
        fiber.state = READY;
    barriers = 0;
    meetings.assign((fibers.size() + WARP - 1) / WARP, 0);
    int rubbish = how == 1 ? 0 : 0xcd;  // what looks right with one may not with the other
    if (__start_cuda_shared)
        std::memset(__start_cuda_shared, rubbish, __stop_cuda_shared - __start_cuda_shared);
    std::memset(dynamic_memory.data(), rubbish, dynamic_memory.size());
    for (bool done = false; !done;) {
        order_threads(order, how);
        bool any = false;
        for (int thread : order)
            if (fibers[thread].state == READY) {
                any = true;
                resume(thread);
            }
        if (!any && !open_barrier(done))
            return false;
    }
    return true;
}

// -- races --------------------------------------------------------------------------------------

static bool in_order(const Access &before, long long block, int thread)
{
    if (before.block != block)
        return before.block < 0;
    if (before.thread == thread || before.barriers != barriers)
        return true;
    return before.thread / WARP == thread / WARP && before.meetings != meetings[thread / WARP];
}

static void race(const Region &region, size_t byte, const Access &before, const char *what)
{
    complain("a race: thread %d of block %lld %s byte %zu of %s, and thread %d of block %lld "
             "came there with no barrier between",
             current, (long long)blockIdx.x, what, byte,
             &region == &regions[0]   ? "the shared memory"
             : &region == &regions[1] ? "the dynamic shared memory"
                                      : ("array " + std::to_string(&region - &regions[2])).c_str(),
             before.thread, before.block);
}

static void note(Region &region, size_t byte, bool write, bool atomic, bool shared)
{
    long long block = blockIdx.x + (long long)gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    Shadow &shadow = region.shadows[byte];
    Access now = {block, current, barriers, meetings[current / WARP], atomic};
    if (shared && shadow.write.block != block && shadow.read.block != block)
        shadow = Shadow();
    if (shared && (!write || atomic) && shadow.write.block != block)
        complain("thread %d of block %lld reads shared memory that nothing has written", current,
                 block);
    if (!(atomic && shadow.write.atomic) && !in_order(shadow.write, block, current))
        race(region, byte, shadow.write, write ? "writes" : "reads");
    if (!write) {
        if (shadow.first_reader >= 0 && shadow.first_reader != block)
            shadow.many_readers = true;
        else
            shadow.first_reader = block;
        if (shadow.read.block == block && shadow.read.thread != current)
            shadow.other_read = shadow.read;
        shadow.read = now;
        return;
    }
    if (shadow.first_reader >= 0 && (shadow.many_readers || shadow.first_reader != block))
        race(region, byte, shadow.read, "writes");
    for (const Access *read : {&shadow.read, &shadow.other_read})
        if (!in_order(*read, block, current))
            race(region, byte, *read, "writes");
    shadow.write = now;
}

static void access(const volatile void *address, size_t size, bool write, bool atomic)
{
    if (!watching)
        return;
    const char *begin = (const char *)address;
    for (size_t r = 0; r < regions.size(); ++r) {
        Region &region = regions[r];
        if (begin < region.begin || begin >= region.begin + region.size)
            continue;
        size_t first = begin - region.begin;
        for (size_t byte = first; byte < first + size && byte < region.size; ++byte)
            note(region, byte, write, atomic, r < 2);
        return;
    }
}

void atomic_access(const volatile void *address, size_t size)
{
    access(address, size, true, true);
}

static void watch(const char *begin, size_t size)
{
    regions.push_back({begin, size, std::vector<Shadow>(size)});
}

}  // namespace cuda_on_cpu

using namespace cuda_on_cpu;

// What g++ -fsanitize=thread makes of each access to memory.
#define WATCHED(size)                                                                              \
    extern "C" void __tsan_read##size(void *p) { access(p, size, false, false); }                  \
    extern "C" void __tsan_write##size(void *p) { access(p, size, true, false); }                  \
    extern "C" void __tsan_unaligned_read##size(void *p) { access(p, size, false, false); }        \
    extern "C" void __tsan_unaligned_write##size(void *p) { access(p, size, true, false); }
WATCHED(1)
WATCHED(2)
WATCHED(4)
WATCHED(8)
WATCHED(16)
extern "C" void __tsan_read_range(void *p, size_t size) { access(p, size, false, false); }
extern "C" void __tsan_write_range(void *p, size_t size) { access(p, size, true, false); }
extern "C" void __tsan_init() {}
extern "C" void __tsan_func_entry(void *) {}
extern "C" void __tsan_func_exit() {}

// What g++ -fsanitize=undefined calls where arithmetic is undefined.
struct Place {
    const char *file;
    unsigned line, column;
};
#define UNDEFINED(name, text, ...)                                                                 \
    extern "C" void __ubsan_handle_##name(Place *place, ##__VA_ARGS__)                             \
    {                                                                                              \
        complain("%s at %s:%u", text, place->file, place->line);                                   \
    }
UNDEFINED(out_of_bounds, "an index out of bounds", size_t)
UNDEFINED(add_overflow, "a sum that overflows", size_t, size_t)
UNDEFINED(sub_overflow, "a difference that overflows", size_t, size_t)
UNDEFINED(mul_overflow, "a product that overflows", size_t, size_t)
UNDEFINED(negate_overflow, "a negation that overflows", size_t)
UNDEFINED(divrem_overflow, "a division by zero or overflow", size_t, size_t)
UNDEFINED(shift_out_of_bounds, "a shift out of bounds", size_t, size_t)
UNDEFINED(load_invalid_value, "a load of no valid value", size_t)
UNDEFINED(float_cast_overflow, "a number that does not fit an integer", size_t)

// Numbers below the least normal one count as zero, as in kernels that CuPy compiles (-ftz=true): in
// float32, and here, where the CPU knows no difference, in float64 too.
struct Flushed {
#ifdef __SSE2__
    unsigned before = _mm_getcsr();
    Flushed() { _mm_setcsr(before | 0x8040); }
    ~Flushed() { _mm_setcsr(before); }
#endif
};

// Runs blocks first ... first + count of a grid. Order of threads and of blocks: 0 rising,
// 1 falling, 2 drawn. `watched`: addresses and sizes of arrays, or null. What went wrong, or null.
extern "C" __attribute__((visibility("default"))) const char *
cuda_on_cpu_launch(void (*kernel)(void **), const long long *grid, int block, long long first,
                   long long count, long long shared, void **args, int how, uint64_t seed,
                   const size_t *watched, int arrays)
{
    Flushed flushed;
    trouble.clear();
    stub = kernel;
    arguments = args;
    random_state = seed * 2654435769u + 88172645463325252u;
    if ((int)fibers.size() != block)
        make_fibers(block);
    dynamic_memory.assign(shared, 0);
    gridDim = {(unsigned)grid[0], (unsigned)grid[1], (unsigned)grid[2]};
    blockDim = {(unsigned)block, 1, 1};
    watching = watched != nullptr;
    regions.clear();
    if (watching) {
        watch(__start_cuda_shared, __start_cuda_shared ? __stop_cuda_shared - __start_cuda_shared : 0);
        watch(dynamic_memory.data(), dynamic_memory.size());
        for (int i = 0; i < arrays; ++i)
            watch((const char *)watched[2 * i], watched[2 * i + 1]);
    }
    std::vector<long long> blocks(how == 2 ? count : 0);
    for (long long i = 0; i < (long long)blocks.size(); ++i) {
        blocks[i] = i;
        std::swap(blocks[i], blocks[random_below(i + 1)]);
    }
    for (long long i = 0; i < count; ++i) {
        long long b = first + (how == 2 ? blocks[i] : how == 1 ? count - 1 - i : i);
        blockIdx = {(unsigned)(b % grid[0]), (unsigned)(b / grid[0] % grid[1]),
                    (unsigned)(b / grid[0] / grid[1])};
        if (!run_block(how)) {
            fibers.clear();  // they are stuck in this block
            break;
        }
    }
    watching = false;
    return trouble.empty() ? nullptr : trouble.c_str();
}
