// Mixtures of Gaussians: the kernels before and after the matrix products of a block of rows.
//
// T: type of the rows. LANES: threads of a warp that share a row of log-densities.

// Products u[first] u[second] of the entries of u = [1, z], z = (x - center) / scale: (n, q). Rows
// of weight zero are treated as if they were at the centre, whatever their values.
extern "C" __global__ void expand(const T *X, long long n, long long d, const double *w,
                                  const double *center, const double *scale,
                                  const long long *first, const long long *second, long long q,
                                  double *found)
{
    for (long long cell = thread_in_grid(); cell < n * q; cell += threads_in_grid()) {
        long long row = cell / q, a = first[cell % q], b = second[cell % q];
        bool counts = !w || w[row] > 0;
        auto entry = [&](long long c) {
            if (c == 0)
                return 1.0;
            return counts ? ((double)X[row * d + c - 1] - center[c - 1]) / scale[c - 1] : 0.0;
        };
        found[cell] = entry(a) * entry(b);
    }
}

// Turns weighted log-densities (n, k) into responsibilities times the weights of the rows, and
// writes each row's weighted log-likelihood and sum of r log(r). A row that no component reaches
// belongs to all of them equally.
extern "C" __global__ void soften(double *logs, long long n, long long k, const double *w,
                                  double *likelihood, double *entropy)
{
    long long row = thread_in_grid() / LANES;
    int lane = threadIdx.x % LANES;
    double *own = logs + row * k, top = -INFINITE, sum = 0.0, mixed = 0.0;
    bool inside = row < n;
    for (long long j = lane; inside && j < k; j += LANES)
        top = max(top, own[j]);
    for (int gap = LANES / 2; gap > 0; gap /= 2)
        top = max(top, __shfl_xor_sync(0xffffffffu, top, gap));
    bool reached = top > -INFINITE;
    for (long long j = lane; inside && j < k; j += LANES)
        sum += reached ? exp(own[j] - top) : 1.0;
    for (int gap = LANES / 2; gap > 0; gap /= 2)
        sum += __shfl_xor_sync(0xffffffffu, sum, gap);
    double weight = inside && w ? w[row] : 1.0;
    for (long long j = lane; inside && j < k; j += LANES) {
        double r = (reached ? exp(own[j] - top) : 1.0) / sum;
        mixed += r > 0 ? r * log(r) : 0.0;
        own[j] = r * weight;
    }
    for (int gap = LANES / 2; gap > 0; gap /= 2)
        mixed += __shfl_xor_sync(0xffffffffu, mixed, gap);
    if (inside && lane == 0) {
        double value = reached ? top + log(sum) : -INFINITE;
        likelihood[row] = weight > 0 ? weight * value : 0.0;
        entropy[row] = weight * mixed;
    }
}
