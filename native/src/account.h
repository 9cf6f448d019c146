/**
 * @file account.h
 * What is known about nodes and endpoints, and the wait account. These objects outlive config snapshots: a node that
 * stays (same name, address and port) keeps its account, averages and pools across every reload.
 *
 * The account of a node is the sum of the charges of its open exchanges. A charge is fixed when an exchange begins and
 * the same number is taken off when it ends, so the sum is zero whenever nothing is open, whatever happened between.
 */
#pragma once

#include "cidr.h"
#include "list.h"
#include "outlier.h"

/** Shared by all workers. Lookups, references: under the registry's lock. Numbers: relaxed atomics. */
struct account_node {
    struct list link;
    unsigned refs;
    char *name, *address;
    uint16_t port;
    struct sockaddr_storage sockaddr;
    socklen_t sockaddr_length;
    char host[80];                       // address:port
    _Atomic uint64_t generation;         // of the newest snapshot that has this node
    _Atomic uint32_t capacity;           // there: exchanges it may have open; 0: any number
    unsigned index;                      // there; the control thread's own
    _Atomic bool active;                 // there: it gets requests
    _Atomic uint64_t identity;           // there: how it is verified by TLS, 0 not at all (see tls_context.h)

    _Alignas(64) _Atomic int64_t wait;   // ns, sum of charges
    _Atomic int64_t open;                // exchanges charged
    _Atomic uint64_t started;            // sum of their start times, modulo 2^64
    _Atomic uint64_t debt_until;         // failures keep the node busy on paper until this time, see account_fail

    // Passive outlier detection (outlier.h). Two workers may lose a count: it is a tally of late.
    _Alignas(64) _Atomic uint64_t successes;
    _Atomic uint64_t failures;
    _Atomic uint64_t tallied;            // when they were last halved, ns
    _Atomic uint64_t ejected_until;      // gets nothing before this time
    _Atomic uint32_t ejections;          // in a row
    _Atomic uint64_t serving_since;      // slow start counts from here, ns; 0: long ago

    // Active health checks (health.h).
    _Atomic bool unhealthy;
    bool probing;                        // the first worker's own, as is:
    uint32_t probe_failures;             // in a row

    _Alignas(64) struct list idle[];     // per worker: its pool of idle upstream connections
};

struct account_endpoint {
    struct list link;
    unsigned refs;
    char *name;
    _Atomic uint64_t average;            // ns over all nodes; 0: no success yet
    _Atomic uint32_t samples;
    _Atomic uint64_t bucket_full_at;     // see limit.h
};

/** One endpoint on one node. */
struct account_pair {
    struct list link;
    unsigned refs;
    struct account_endpoint *endpoint;
    struct account_node *node;
    _Atomic uint64_t average;            // ns; 0: cold
    _Atomic uint64_t sampled;            // time of the last success, ns
    _Atomic uint32_t samples;
    struct meter *meters[];              // per worker, see telemetry.h
};

/** Once, before anything else. */
void account_setup(unsigned workers);
unsigned account_workers(void);

/** Finds or makes; gives a reference. */
struct account_node *account_node_get(const char *name, const char *address, uint16_t port);
struct account_endpoint *account_endpoint_get(const char *name);
struct account_pair *account_pair_get(struct account_endpoint *e, struct account_node *n);
struct account_pair *account_pair_ref(struct account_pair *p);
struct account_node *account_node_ref(struct account_node *n);
void account_node_unref(struct account_node *n);
void account_endpoint_unref(struct account_endpoint *e);
void account_pair_unref(struct account_pair *p);

/**
 * Expected duration of the endpoint on the node, ns, > 0: the pair's own average, moved towards the endpoint's as it
 * grows stale; the endpoint's while the pair is cold; a stand-in while everything is.
 */
uint64_t account_expect(const struct account_endpoint *e, const struct account_pair *p, uint64_t now);
/** Charges a node without a capacity; the result goes to account_end, once. */
int64_t account_begin(struct account_pair *p, uint64_t now);
/** Charges the node unless it has all it may have: a worker's look at `open` may be outdated by the time it chooses. */
bool account_try_begin(struct account_pair *p, uint64_t now, int64_t *charge);
/** Whether the node may get one more. */
static inline bool account_has_room(const struct account_node *n) {
    uint32_t capacity = atomic_load_explicit(&n->capacity, memory_order_relaxed);
    return LIKELY(!capacity) || atomic_load(&n->open) < capacity;
}
void account_end(struct account_pair *p, int64_t charge, uint64_t started);
/** A success of this duration: the only thing averages learn from. */
void account_learn(struct account_pair *p, uint64_t duration, uint64_t now);
/**
 * A failure: on paper the node stays busy for as long as a success would have taken, so that failing fast earns it
 * nothing. Not part of the wait account.
 */
void account_fail(struct account_pair *p, int64_t charge, uint64_t duration, uint64_t now);
/** A failure that counts against the node (successes are counted where they are learnt from). */
void account_count_failure(struct account_node *n);
/** How the node's exchanges ended of late: halved every ten seconds. */
struct outlier_tally account_tally(struct account_node *n, uint64_t now);
/** Leaves the node out for a while, longer each time in a row; what it did before is forgotten when it returns. */
void account_eject(struct account_node *n, uint64_t now);
static inline bool account_is_ejected(const struct account_node *n, uint64_t now) {
    return UNLIKELY(atomic_load_explicit(&n->ejected_until, memory_order_relaxed) > now);
}
/**
 * What a new request on the node would wait, ns: the charges, or the age of what is in flight where that is more (a hung
 * node), and the debt of failures.
 */
uint64_t account_wait(const struct account_node *n, uint64_t now);
/** Sum of all nodes' wait accounts, those on their way out included. */
int64_t account_wait_sum(void);
