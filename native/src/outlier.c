#include "outlier.h"

#include <math.h>

bool outlier_is_one(struct outlier_tally node, struct outlier_tally peers) {
    double n = (double)(node.successes + node.failures), m = (double)(peers.successes + peers.failures);
    if (n == 0 || m == 0) return false;
    // Laplace's rule: peers that never failed are not thought unable to.
    double p = (double)node.failures / n, q = ((double)peers.failures + 1) / (m + 2);
    if (p <= q) return false;
    double divergence = p * log(p / q) + (p < 1 ? (1 - p) * log((1 - p) / (1 - q)) : 0);
    return n * divergence > -log(OUTLIER_CHANCE);
}

unsigned outlier_most(unsigned nodes) { return nodes / 2; }

uint64_t outlier_duration(unsigned nth) {
    if (nth > 6) return OUTLIER_MOST_NS;
    uint64_t ns = OUTLIER_FIRST_NS << (nth ? nth - 1 : 0);
    return ns < OUTLIER_MOST_NS ? ns : OUTLIER_MOST_NS;
}
