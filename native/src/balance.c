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

/** What a pick is about. */
struct choice {
    struct snapshot *s;
    const struct balance_request *r;
    const struct snapshot_endpoint *endpoint;
    snapshot_pairs *row;
    uint64_t class;  // 0: any
    bool idle_only;
    bool desperate;  // ejected nodes too
    bool ejected;    // some node was left out only because it is ejected
    bool full;       // some node was left out only because it has as many requests as it may have
    uint64_t now;
};

/** Ejected for its failures, or not well by its health checks. */
static bool is_left_out(const struct choice *c, const struct account_node *n) {
    return account_is_ejected(n, c->now) || (UNLIKELY(atomic_load_explicit(&n->unhealthy, memory_order_relaxed)) && c->s->config->health_path);
}

static bool eligible(struct choice *c, unsigned node) {
    const struct snapshot_node *n = &c->s->nodes[node];
    if (!n->active || (c->class && n->class != c->class) || (UNLIKELY(c->r->tried_count) && was_tried(c->r, node))) return false;
    if (UNLIKELY(is_left_out(c, n->account)) && !c->desperate) {
        c->ejected = true;
        return false;
    }
    if (UNLIKELY(c->idle_only)) return !atomic_load_explicit(&n->account->open, memory_order_relaxed);
    if (account_has_room(n->account)) return true;
    c->full = true;
    return false;
}

/** Weighted rendezvous hashing: when a node comes or goes only its own clients move. */
static int pick_by_hash(struct choice *c) {
    int best = BALANCE_NONE;
    double best_score = 0;
    for (unsigned i = 0; i < c->s->node_count; i++) {
        if (!eligible(c, i)) continue;
        uint64_t h = span_hash(span_of(c->s->nodes[i].account->name), c->r->sticky_key * 0x9e3779b97f4a7c15u);
        h = (h ^ (h >> 31)) * 0xbf58476d1ce4e5b9u;
        double unit = ((double)(h >> 11) + 1) / 9007199254740994.0;  // (0, 1)
        double score = -log(unit) * c->s->nodes[i].share;
        if (best >= 0 && score >= best_score) continue;
        best = (int)i;
        best_score = score;
    }
    return best;
}

/** The node whose key the client's cookie names, if it may have the request. */
static int pick_by_cookie(struct choice *c) {
    for (unsigned i = 0; c->r->sticky_key && i < c->s->node_count; i++)
        if (c->s->nodes[i].key == c->r->sticky_key && eligible(c, i)) return (int)i;
    return BALANCE_NONE;
}

/** A node that is new, or back, counts for less until its slow start is over: linearly, as Envoy's and HAProxy's do. */
static double slowness(const struct choice *c, const struct account_node *n) {
    uint64_t window = c->s->config->slow_start, since = atomic_load_explicit(&n->serving_since, memory_order_relaxed);
    if (LIKELY(!window || !since || c->now - since >= window)) return 1;
    // At least a tenth, or it would never be measured.
    return fmin(10, (double)window / (double)(c->now - since + 1));
}

/** The best node, or the first near-tie of it, among `seen` nodes from `start` on. */
static int pick_in_window(struct choice *c, unsigned start, unsigned seen) {
    double scores[WINDOW], best = INFINITY;
    unsigned n = c->s->node_count;
    for (unsigned i = 0; i < seen; i++) {
        unsigned node = (start + i) % n;
        scores[i] = INFINITY;
        if (!eligible(c, node)) continue;
        const struct snapshot_node *s = &c->s->nodes[node];
        uint64_t wait = account_wait(s->account, c->now) + account_expect(c->endpoint->account, atomic_load_explicit(&c->row[node], memory_order_acquire), c->now);
        scores[i] = (double)wait * s->share * slowness(c, s->account);
        if (scores[i] < best) best = scores[i];
    }
    for (unsigned i = 0; i < seen; i++)
        if (scores[i] != INFINITY && scores[i] <= best * (1 + TIE_FRACTION)) return (int)((start + i) % n);
    return BALANCE_NONE;
}

static int pick_least_wait(struct choice *c, unsigned *cursor) {
    unsigned n = c->s->node_count;
    if (n == 1) return eligible(c, 0) ? 0 : BALANCE_NONE;
    // Above WINDOW nodes one window of them, which the cursor moves on, is looked at: nearly as good, and bounded.
    int found = BALANCE_NONE;
    for (unsigned looked = 0; looked < n && found < 0; looked += WINDOW) {
        unsigned start = *cursor % n;
        found = pick_in_window(c, start, n < WINDOW ? n : WINDOW);
        *cursor = found >= 0 ? (unsigned)found + 1 : start + WINDOW;
    }
    return found;
}

static int pick_in_class(struct choice *c, unsigned *cursor) {
    if (UNLIKELY(c->r->sticky != STICKY_NONE)) {
        int found = c->r->sticky == STICKY_IP ? pick_by_hash(c) : pick_by_cookie(c);
        if (found >= 0) return found;
    }
    return pick_least_wait(c, cursor);
}

static bool has_idle(const struct choice *c, unsigned node) { return !atomic_load_explicit(&c->s->nodes[node].account->open, memory_order_relaxed); }

/**
 * The endpoint's own class, unless all of its nodes are busy and another one's is idle: short requests steal the idle
 * time of the nodes that are kept for long ones, and long ones never stand in a short one's way (Harchol-Balter and
 * others, "Task assignment with cycle stealing under central queue", ICDCS 2003).
 */
static int pick_by_class(struct choice *c, unsigned *cursor) {
    c->class = c->endpoint->classes[0];
    int own = pick_in_class(c, cursor);
    if (own >= 0 && has_idle(c, (unsigned)own)) return own;
    c->idle_only = true;
    for (unsigned i = 1; i < c->endpoint->class_count; i++) {
        c->class = c->endpoint->classes[i];
        int other = pick_in_class(c, cursor);
        if (other >= 0) return other;
    }
    return own;
}

int balance_pick(struct snapshot *s, const struct balance_request *r, unsigned *cursor, uint64_t now) {
    if (!s->node_count) return BALANCE_NONE;
    struct choice c = {.s = s, .r = r, .endpoint = &s->endpoints[r->endpoint], .row = snapshot_row(s, r->endpoint), .now = now};
    for (;;) {
        c.idle_only = c.full = false;
        int found = LIKELY(!c.endpoint->class_count) ? pick_in_class(&c, cursor) : pick_by_class(&c, cursor);
        if (found >= 0) return found;
        if (c.full) return BALANCE_FULL;
        // An ejected node is better than none.
        if (!c.ejected || c.desperate) return BALANCE_NONE;
        c.desperate = true;
    }
}

bool balance_eject(struct snapshot *s, unsigned node, uint64_t now) {
    struct outlier_tally own = account_tally(s->nodes[node].account, now), peers = {0};
    unsigned nodes = 1, ejected = 0;
    for (unsigned i = 0; i < s->node_count; i++) {
        struct account_node *n = s->nodes[i].account;
        if (i == node || !s->nodes[i].active || s->nodes[i].class != s->nodes[node].class) continue;
        nodes++;
        ejected += account_is_ejected(n, now);
        struct outlier_tally one = account_tally(n, now);
        peers.successes += one.successes;
        peers.failures += one.failures;
    }
    if (account_is_ejected(s->nodes[node].account, now) || ejected >= outlier_most(nodes) || !outlier_is_one(own, peers)) return false;
    account_eject(s->nodes[node].account, now);
    return true;
}
