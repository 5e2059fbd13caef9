// The search for neighbours, in tiles of 64 queries by 64 rows in shared memory.
//
// T: type of the rows. METRIC, POWER and DEPTH as in tiles.cuh. ROOT: how a distance follows from a
// sum: 0 by a factor, 1 as the square root, 2 as the root of degree POWER.
//
// Rows and queries are in the order of a space-filling curve, so that 64 consecutive ones are near
// each other. Each tile has a box, (2, d): least and largest coordinates. A tile is skipped if its
// box is farther from the box of the queries than the farthest row they can still accept. Sums are
// in float64, added in the order of the columns; ties go to the lower original index.

#define REAL double
#include "tiles.cuh"
#include "walk.cuh"

// Boxes (tiles, 2, d) of the rows.
extern "C" __global__ void bound_tiles(const T *X, long long n, long long d, double *boxes)
{
    long long first = blockIdx.x * (long long)SIDE, last = first + SIDE < n ? first + SIDE : n;
    for (long long c = threadIdx.x; c < d; c += blockDim.x) {
        double least = INFINITE, most = -INFINITE;
        for (long long i = first; i < last; ++i) {
            least = min(least, (double)X[i * d + c]);
            most = max(most, (double)X[i * d + c]);
        }
        boxes[blockIdx.x * 2 * d + c] = least;
        boxes[(blockIdx.x * 2 + 1) * d + c] = most;
    }
}

static __device__ __forceinline__ bool before(double a, long long i, double b, long long j)
{
    return a < b || (a == b && i < j);
}

// Inserts a row into a query's sorted list, and drops the last one.
static __device__ void insert(double *sums, long long *rows, long long k, double sum, long long row)
{
    long long at = k - 1;
    for (; at > 0 && before(sum, row, sums[at - 1], rows[at - 1]); --at) {
        sums[at] = sums[at - 1];
        rows[at] = rows[at - 1];
    }
    sums[at] = sum;
    rows[at] = row;
}

// The k rows nearest to each query: sums `least` (m, k) and original indices (m, k). `row_of`: the
// original indices of the rows, which are in the order of the curve.
extern "C" __global__ void __launch_bounds__(256, RESIDENT)
    nearest_rows(const T *Q, long long m, const T *X, long long n, long long d,
                 const double *around, const double *boxes, const long long *home,
                 const long long *row_of, long long k, double *least, long long *rows)
{
    __shared__ Walk walk;
    __shared__ long long worst_row[SIDE];
    Pairs pairs = {Q, m, X, n, d, around, boxes};
    long long first = blockIdx.x * (long long)SIDE;
    for (long long e = threadIdx.x; e < SIDE * k && first * k + e < m * k; e += THREADS) {
        least[first * k + e] = INFINITE;
        rows[first * k + e] = n;
    }
    if (threadIdx.x < SIDE) {
        walk.worst[threadIdx.x] = first + threadIdx.x < m ? INFINITE : -1.0;
        worst_row[threadIdx.x] = n;
    }
    begin(walk, INFINITE);
    int lane = threadIdx.x % 32, half = lane / ACROSS * ACROSS;
    auto visit = [&](const double (&sums)[EACH][EACH]) {
        for (int i = 0; i < EACH; ++i)
            for (int j = 0; j < EACH; ++j) {
                int q = query(i);
                long long at = walk.stage.column_at[threadIdx.x % ACROSS * EACH + j];
                long long row = at >= 0 ? row_of[at] : n;
                double sum = sums[i][j];
                bool wins = at >= 0 && before(sum, row, walk.worst[q], worst_row[q]);
                unsigned found = __ballot_sync(ALL, wins);
                unsigned mine = found >> half & 0xffff;  // threads of the same query
                for (; found; mine &= mine - 1) {        // as many turns for the whole warp
                    int from = half + (mine ? __ffs((int)mine) - 1 : 0);
                    double value = __shfl_sync(ALL, sum, from);
                    long long number = __shfl_sync(ALL, row, from);
                    if (mine && lane == half &&
                        before(value, number, walk.worst[q], worst_row[q])) {
                        long long list = (first + q) * k;
                        insert(least + list, rows + list, k, value, number);
                        walk.worst[q] = least[list + k - 1];
                        worst_row[q] = rows[list + k - 1];
                    }
                    found = __ballot_sync(ALL, (mine & (mine - 1)) != 0);
                }
                __syncwarp();
            }
        settle(walk);
    };
    visit_tiles(pairs, home[blockIdx.x], walk,
                [&](long long tile) { return box_bound(pairs, tile); }, visit);
}

// The number of rows within `limit` of each query, or the sum of their weights. A query that has
// found `enough` searches no further.
extern "C" __global__ void __launch_bounds__(256, RESIDENT)
    count_within(const T *Q, long long m, const T *X, long long n, long long d,
                 const double *around, const double *boxes, const long long *home, double limit,
                 const double *weights, double enough, double *counts)
{
    __shared__ Walk walk;
    Pairs pairs = {Q, m, X, n, d, around, boxes};
    long long first = blockIdx.x * (long long)SIDE;
    double count[EACH] = {};
    auto add = [](double a, double b) { return a + b; };
    begin(walk, limit);
    auto visit = [&](const double (&sums)[EACH][EACH]) {
        each_pair(walk, sums, [&](int i, long long at, double sum) {
            if (sum <= limit)
                count[i] += weights ? weights[at] : 1.0;
        });
        if (!(enough < INFINITE))
            return;
        for (int i = 0; i < EACH; ++i) {
            double total = gathered(count[i], add);
            if (threadIdx.x % ACROSS == 0)
                walk.worst[query(i)] = first + query(i) < m && total < enough ? limit : -1.0;
        }
        settle(walk);
    };
    visit_tiles(pairs, home[blockIdx.x], walk,
                [&](long long tile) { return box_bound(pairs, tile); }, visit);
    for (int i = 0; i < EACH; ++i) {
        double total = gathered(count[i], add);
        if (threadIdx.x % ACROSS == 0 && first + query(i) < m)
            counts[first + query(i)] = total;
    }
}

// Writes the rows within `limit` of each query, and their sums, from starts[query] on, in any order.
extern "C" __global__ void __launch_bounds__(256, RESIDENT)
    list_within(const T *Q, long long m, const T *X, long long n, long long d,
                const double *around, const double *boxes, const long long *home, double limit,
                const long long *row_of, const long long *starts, long long *rows, double *found)
{
    __shared__ Walk walk;
    Pairs pairs = {Q, m, X, n, d, around, boxes};
    long long first = blockIdx.x * (long long)SIDE, next[EACH];
    int lane = threadIdx.x % 32, half = lane / ACROSS * ACROSS;
    for (int i = 0; i < EACH; ++i)
        next[i] = first + query(i) < m ? starts[first + query(i)] : 0;
    begin(walk, limit);
    auto visit = [&](const double (&sums)[EACH][EACH]) {
        for (int i = 0; i < EACH; ++i)
            for (int j = 0; j < EACH; ++j) {
                long long at = walk.stage.column_at[threadIdx.x % ACROSS * EACH + j];
                bool near = at >= 0 && first + query(i) < m && sums[i][j] <= limit;
                unsigned all = __ballot_sync(ALL, near) >> half & 0xffff;
                if (near) {
                    long long to = next[i] + __popc(all & ((1u << (lane - half)) - 1));
                    rows[to] = row_of[at];
                    found[to] = sums[i][j];
                }
                next[i] += __popc(all);
            }
    };
    visit_tiles(pairs, home[blockIdx.x], walk,
                [&](long long tile) { return box_bound(pairs, tile); }, visit);
}

static __device__ word root_of(word *parents, word i)
{
    for (word up = atomicOr(parents + i, 0ULL); up != i; up = atomicOr(parents + i, 0ULL))
        i = up;
    return i;
}

// Unites rows within `limit` of each other. parents, by original index: at first each row is its
// own; roots are hooked to lower ones, so in the end a root is the lowest row of its cluster.
extern "C" __global__ void __launch_bounds__(256, RESIDENT)
    unite_within(const T *X, long long n, long long d, const double *boxes, double limit,
                 const long long *row_of, word *parents)
{
    __shared__ Walk walk;
    Pairs pairs = {X, n, X, n, d, boxes, boxes};
    long long first = blockIdx.x * (long long)SIDE;
    begin(walk, limit);
    auto visit = [&](const double (&sums)[EACH][EACH]) {
        each_pair(walk, sums, [&](int i, long long at, double sum) {
            if (!(sum <= limit) || at <= first + query(i))
                return;
            word a = root_of(parents, (word)row_of[first + query(i)]);
            word b = root_of(parents, (word)row_of[at]);
            while (a != b) {
                word high = max(a, b), low = min(a, b);
                if (atomicCAS(parents + high, high, low) == high)
                    break;
                a = root_of(parents, high);
                b = root_of(parents, low);
            }
        });
    };
    // each pair of tiles once
    visit_tiles(pairs, blockIdx.x, walk,
                [&](long long tile) {
                    return tile < blockIdx.x ? INFINITE : box_bound(pairs, tile);
                },
                visit);
}

// The root of each row.
extern "C" __global__ void find_roots(const word *parents, long long n, long long *roots)
{
    long long i = thread_in_grid();
    if (i >= n)
        return;
    word at = (word)i;
    while (parents[at] != at)
        at = parents[at];
    roots[i] = (long long)at;
}

// The lowest label of the rows within `limit` of each query; -1 for none.
extern "C" __global__ void __launch_bounds__(256, RESIDENT)
    lowest_label(const T *Q, long long m, const T *X, long long n, long long d,
                 const double *around, const double *boxes, const long long *home, double limit,
                 const int *labels, int *lowest)
{
    __shared__ Walk walk;
    Pairs pairs = {Q, m, X, n, d, around, boxes};
    long long first = blockIdx.x * (long long)SIDE;
    int least[EACH];
    for (int i = 0; i < EACH; ++i)
        least[i] = 0x7fffffff;
    begin(walk, limit);
    auto visit = [&](const double (&sums)[EACH][EACH]) {
        each_pair(walk, sums, [&](int i, long long at, double sum) {
            if (sum <= limit)
                least[i] = min(least[i], labels[at]);
        });
    };
    visit_tiles(pairs, home[blockIdx.x], walk,
                [&](long long tile) { return box_bound(pairs, tile); }, visit);
    for (int i = 0; i < EACH; ++i) {
        int label = gathered(least[i], [](int a, int b) { return min(a, b); });
        if (threadIdx.x % ACROSS == 0 && first + query(i) < m)
            lowest[first + query(i)] = label == 0x7fffffff ? -1 : label;
    }
}

// The least (weight, number) among the rows of other components than the query's.
//
// component, core: of the rows; query_component, query_core: of the queries. tile_component: the
// component of a tile that has only one, else -1; tile_core: the least core distance of a tile.
// Without core distances their pointers are null. weight: on entry the bound of each query, above
// which weights are ignored.
extern "C" __global__ void __launch_bounds__(256, 1)
    nearest_other(const T *Q, long long m, const T *X, long long n, long long d,
                  const double *around, const double *boxes, const long long *home,
                  const long long *row_of, const long long *component, const double *core,
                  const long long *query_component, const double *query_core,
                  const long long *tile_component, const double *tile_core, double alpha,
                  double factor, double *weight, long long *other)
{
    __shared__ Walk walk;
    Pairs pairs = {Q, m, X, n, d, around, boxes};
    long long first = blockIdx.x * (long long)SIDE, own[EACH], row[EACH];
    double mine[EACH], best[EACH];
    for (int i = 0; i < EACH; ++i) {
        long long at = first + query(i);
        own[i] = at < m ? query_component[at] : -1;
        mine[i] = core && at < m ? query_core[at] : 0.0;
        best[i] = at < m ? weight[at] : -1.0;
        row[i] = n;
        if (threadIdx.x % ACROSS == 0)
            walk.worst[query(i)] = best[i];
    }
    begin(walk, INFINITE);
    settle(walk);
    // the component of all queries, if it is the same
    long long last = first + SIDE < m ? first + SIDE : m, whole = query_component[first];
    __shared__ int mixed;
    if (threadIdx.x == 0)
        mixed = 0;
    __syncthreads();
    if (first + threadIdx.x < last && query_component[first + threadIdx.x] != whole)
        atomicOr(&mixed, 1);
    __syncthreads();
    bool alike = !mixed;
    auto bound = [&](long long tile) {
        if (alike && tile_component[tile] == whole)
            return INFINITE;
        double least = restored(box_bound(pairs, tile), factor) / alpha * (1 - 0x1p-40);
        return core ? max(least, tile_core[tile]) : least;
    };
    auto visit = [&](const double (&sums)[EACH][EACH]) {
        each_pair(walk, sums, [&](int i, long long at, double sum) {
            if (component[at] == own[i])
                return;
            double found = restored(sum, factor) / alpha;
            if (core)
                found = max(found, max(mine[i], core[at]));
            if (found < INFINITE && before(found, row_of[at], best[i], row[i])) {
                best[i] = found;
                row[i] = row_of[at];
            }
        });
        for (int i = 0; i < EACH; ++i) {
            double least = gathered(best[i], [](double a, double b) { return min(a, b); });
            if (threadIdx.x % ACROSS == 0)
                walk.worst[query(i)] = least;
        }
        settle(walk);
    };
    visit_tiles(pairs, home[blockIdx.x], walk, bound, visit);
    for (int i = 0; i < EACH; ++i) {
        for (int gap = ACROSS / 2; gap > 0; gap /= 2) {
            double others_best = __shfl_xor_sync(ALL, best[i], gap);
            long long others_row = __shfl_xor_sync(ALL, row[i], gap);
            if (before(others_best, others_row, best[i], row[i])) {
                best[i] = others_best;
                row[i] = others_row;
            }
        }
        if (threadIdx.x % ACROSS == 0 && first + query(i) < m) {
            weight[first + query(i)] = row[i] < n ? best[i] : INFINITE;
            other[first + query(i)] = row[i] < n ? row[i] : -1;
        }
    }
}
