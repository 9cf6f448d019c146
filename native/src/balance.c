#include "balance.h"

#include <math.h>

/**
 * Waits within this fraction of the best are a tie: averages are only known to about a quarter of their spread (window of
 * 16), so a finer distinction would chase noise and send bursts to one node.
 */
#define TIE_FRACTION 0.125
/** Nodes compared for one request at most. */
#define WINDOW 64u

static bool was_tried(const struct balance_request *r, unsigned node) {
    for (unsigned i = 0; i < r->tried_count; i++)
        if (r->tried[i] == node) return true;
    return false;
}

static bool eligible(const struct snapshot *s, const struct balance_request *r, unsigned node) {
    return s->nodes[node].active && (LIKELY(!r->tried_count) || !was_tried(r, node));
}

/** Weighted rendezvous hashing: when a node comes or goes only its own clients move. */
static int pick_sticky(const struct snapshot *s, const struct balance_request *r) {
    int best = -1;
    double best_score = 0;
    for (unsigned i = 0; i < s->node_count; i++) {
        if (!eligible(s, r, i)) continue;
        uint64_t h = span_hash(span_of(s->nodes[i].account->name), r->sticky_key * 0x9e3779b97f4a7c15u);
        h = (h ^ (h >> 31)) * 0xbf58476d1ce4e5b9u;
        double unit = ((double)(h >> 11) + 1) / 9007199254740994.0;  // (0, 1)
        double score = -log(unit) * s->nodes[i].share;
        if (best >= 0 && score >= best_score) continue;
        best = (int)i;
        best_score = score;
    }
    return best;
}

/** The best node, or the first near-tie of it, among `seen` nodes from `start` on. */
static int pick_in_window(struct snapshot *s, const struct balance_request *r, unsigned start, unsigned seen, uint64_t now) {
    struct account_pair **row = snapshot_row(s, r->endpoint);
    const struct account_endpoint *endpoint = s->endpoints[r->endpoint].account;
    double scores[WINDOW], best = INFINITY;
    for (unsigned i = 0; i < seen; i++) {
        unsigned node = (start + i) % s->node_count;
        scores[i] = INFINITY;
        if (!eligible(s, r, node)) continue;
        uint64_t wait = account_wait(s->nodes[node].account, now) + account_expect(endpoint, row[node], now);
        scores[i] = (double)wait * s->nodes[node].share;
        if (scores[i] < best) best = scores[i];
    }
    for (unsigned i = 0; i < seen; i++)
        if (scores[i] != INFINITY && scores[i] <= best * (1 + TIE_FRACTION)) return (int)((start + i) % s->node_count);
    return -1;
}

int balance_pick(struct snapshot *s, const struct balance_request *r, unsigned *cursor, uint64_t now) {
    unsigned n = s->node_count;
    if (!n) return -1;
    if (r->sticky == STICKY_IP) return pick_sticky(s, r);
    if (n == 1) return eligible(s, r, 0) ? 0 : -1;
    // Above WINDOW nodes one window of them, which the cursor moves on, is looked at: nearly as good, and bounded.
    int found = -1;
    for (unsigned looked = 0; looked < n && found < 0; looked += WINDOW) {
        unsigned start = *cursor % n;
        found = pick_in_window(s, r, start, n < WINDOW ? n : WINDOW, now);
        *cursor = found >= 0 ? (unsigned)found + 1 : start + WINDOW;
    }
    return found;
}
