// Nearest entries of a palette, and error diffusion by diagonals of pixels.
//
// Macros: CHANNEL and LABEL (types of the pixels and of the entries found), ROWS (of a band, one for
// each thread), PART (steps of a launch), ALPHA (whether there is alpha).

// The palette among the colours of 8 bits a channel; see the contract of `dither`.
struct Lattice {
    const int *axis;
    const int *entries;
    const int *offsets;
    long long k;
};

static __device__ long long squared(const Lattice &lattice, long long entry, int r, int g, int b)
{
    long long at_r = lattice.axis[r] - lattice.entries[3 * entry];
    long long at_g = lattice.axis[g] - lattice.entries[3 * entry + 1];
    long long at_b = lattice.axis[b] - lattice.entries[3 * entry + 2];
    return at_r * at_r + at_g * at_g + at_b * at_b;
}

// For each cell of 16 x 16 x 16 colours, the entries that can be nearest to one of them: those that,
// in the corner where they gain most, are no farther than the entry nearest to the middle is.
extern "C" __global__ void list_candidates(const int *axis, const int *entries, const int *offsets,
                                           long long k, unsigned short *lists, int *lengths)
{
    long long cell = thread_in_grid();
    if (cell >= 4096)
        return;
    Lattice lattice = {axis, entries, offsets, k};
    int low[3] = {(int)(cell >> 8) * 16, (int)(cell >> 4 & 15) * 16, (int)(cell & 15) * 16};
    long long best = 0, least = -1;
    for (long long i = 0; i < k; ++i) {
        long long away = offsets[i] + squared(lattice, i, low[0] + 8, low[1] + 8, low[2] + 8);
        if (least < 0 || away < least) {
            least = away;
            best = i;
        }
    }
    int length = 0;
    for (long long i = 0; i < k; ++i) {
        long long more = (long long)offsets[i] - offsets[best];
        for (int c = 0; c < 3; ++c) {
            long long mine = entries[3 * i + c], other = entries[3 * best + c];
            long long corner = axis[mine > other ? low[c] + 15 : low[c]];
            more += (other - mine) * (2 * corner - mine - other);
        }
        if (more <= 0)
            lists[cell * k + length++] = (unsigned short)i;
    }
    lengths[cell] = length;
}

static __device__ long long nearest_entry(const Lattice &lattice, const unsigned short *lists,
                                          const int *lengths, int r, int g, int b)
{
    long long cell = (r >> 4) << 8 | (g >> 4) << 4 | b >> 4;
    const unsigned short *list = lists + cell * lattice.k;
    long long best = 0, least = -1;
    for (int i = 0; i < lengths[cell]; ++i) {
        long long entry = list[i];
        long long away = lattice.offsets[entry] + squared(lattice, entry, r, g, b);
        if (least < 0 || away < least) {
            least = away;
            best = entry;
        }
    }
    return best;
}

extern "C" __global__ void nearest(const unsigned char *colors, long long n, const int *axis,
                                   const int *entries, const int *offsets, long long k,
                                   const unsigned short *lists, const int *lengths, LABEL *found)
{
    Lattice lattice = {axis, entries, offsets, k};
    for (long long i = thread_in_grid(); i < n; i += threads_in_grid()) {
        const unsigned char *color = colors + 3 * i;
        found[i] = (LABEL)nearest_entry(lattice, lists, lengths, color[0], color[1], color[2]);
    }
}

#if ALPHA
// The entry nearest to a colour of some alpha.
static __device__ long long nearest_with_alpha(const Lattice &lattice, const int *alphas, int own,
                                               int r, int g, int b)
{
    long long best = 0, least = -1;
    for (long long i = 0; i < lattice.k; ++i) {
        long long apart = own - alphas[i];
        long long away = apart * apart + squared(lattice, i, r, g, b);
        if (least < 0 || away < least) {
            least = away;
            best = i;
        }
    }
    return best;
}
#endif

// Gives entries to parts of bands of rows: block i to part `launch - lag * band` of the band
// `first + i`, behind the band above it. At step s a thread is at column s - 2 row of its row, so
// that the pixels from which it gets error were done in the four steps before.
//
// state: (bands, 4, ROWS, 3), errors of the last steps of a part, for the next
// edges: (bands, 2, width, 3), errors of the last two rows of each band, for the next
extern "C" __global__ void diffuse_parts(
    const CHANNEL *pixels, long long height, long long width, const short *levels,
    const short *bounds, const unsigned char *encoding, long long top, const int *outputs,
    long long strength, long long atkinson, const int *axis, const int *entries,
    const int *offsets, long long k, const unsigned short *lists, const int *lengths,
    const unsigned char *alpha_values, const int *alpha_axis, const int *alpha_entries,
    long long hidden, short *state, short *edges, long long launch, long long lag, long long first,
    LABEL *found)
{
    // two rows above the band, of which the last four steps count as well
    __shared__ short errors[8][ROWS + 2][3];
    long long band = first + blockIdx.x, part = launch - lag * band;
    int row = threadIdx.x;
    long long y = band * ROWS + row;
    Lattice lattice = {axis, entries, offsets, k};
    const short *above = band ? edges + (band - 1) * 2 * width * 3 : edges;
    for (int back = 0; back < 4; ++back)
        for (int c = 0; c < 3; ++c)
            errors[(8 - 4 + back) & 7][row + 2][c] =
                part ? state[((band * 4 + back) * ROWS + row) * 3 + c] : (short)0;
    for (int step = 0; step < PART; ++step) {
        long long s = part * PART + step, x = s - 2 * row;
        // the two rows above go on like rows of this band: two and four columns ahead
        if (row < 2)
            for (int back = step ? 1 : 4; back > 0; --back) {
                long long column = s - back + 4 - 2 * row;
                bool inside = band && column >= 0 && column < width;
                for (int c = 0; c < 3; ++c)
                    errors[(step - back) & 7][row][c] =
                        inside ? above[(row * width + column) * 3 + c] : (short)0;
            }
        __syncthreads();
        int error[3] = {0, 0, 0};
        if (y < height && x >= 0 && x < width) {
            const CHANNEL *color = pixels + (y * width + x) * 3;
            int sums[3], near[3];
            for (int c = 0; c < 3; ++c) {
                int own1 = errors[(step - 1) & 7][row + 2][c];
                int ahead = errors[(step - 1) & 7][row + 1][c];
                int over = errors[(step - 2) & 7][row + 1][c];
                int behind = errors[(step - 3) & 7][row + 1][c];
                int got;
                if (atkinson) {
                    int own2 = errors[(step - 2) & 7][row + 2][c];
                    int higher = errors[(step - 4) & 7][row][c];
                    got = (own1 + own2 + ahead + over + behind + higher + 4) >> 3;
                } else {
                    got = (7 * own1 + 3 * ahead + 5 * over + behind + 8) >> 4;
                }
                long long value = 3 * (long long)color[c] + c;
                sums[c] = min(max(levels[value] + got, (int)bounds[2 * value]),
                              (int)bounds[2 * value + 1]);
                near[c] = encoding[min(max(sums[c], 0), (int)top)];
            }
            long long entry;
#if ALPHA
            int alpha = alpha_values[y * width + x];
            if (alpha == 0)
                entry = hidden;
            else if (alpha < 255)
                entry = nearest_with_alpha(lattice, alpha_entries, alpha_axis[alpha], near[0],
                                           near[1], near[2]);
            else
#endif
                entry = nearest_entry(lattice, lists, lengths, near[0], near[1], near[2]);
            found[y * width + x] = (LABEL)entry;
#if ALPHA
            if (alpha)
#endif
                for (int c = 0; c < 3; ++c)
                    error[c] = (sums[c] - outputs[3 * entry + c]) * (int)strength >> 8;
        }
        for (int c = 0; c < 3; ++c) {
            errors[step & 7][row + 2][c] = (short)error[c];
            if (row >= ROWS - 2 && x >= 0 && x < width)
                edges[((band * 2 + row - (ROWS - 2)) * width + x) * 3 + c] = (short)error[c];
        }
    }
    for (int back = 0; back < 4; ++back)
        for (int c = 0; c < 3; ++c)
            state[((band * 4 + back) * ROWS + row) * 3 + c] =
                errors[(PART - 4 + back) & 7][row + 2][c];
}
