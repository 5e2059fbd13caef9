// Centres after a batch: the means of all rows that each has seen.

extern "C" __global__ void move_centers(const double *C, const double *counts, const double *sums,
                                        const double *gained, long long k, long long d,
                                        double *moved, double *seen)
{
    long long i = thread_in_grid();
    if (i >= k * d)
        return;
    long long j = i / d;
    double total = counts[j] + gained[j];
    moved[i] = gained[j] > 0.0 ? (C[i] * counts[j] + sums[i]) / total : C[i];
    if (i % d == 0)
        seen[j] = total;
}
