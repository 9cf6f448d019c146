/**
 * @file upstream.h
 * Connections to nodes and their pools: last in, first out, so that few connections stay warm and the rest go idle.
 */
#pragma once

#include "conn.h"
#include "account.h"

struct exchange;
struct snapshot;

/** Invariant: in node->idle[worker] exactly while x == NULL and the connection is open. */
struct upstream {
    struct conn conn;
    struct account_node *node;  // one reference
    struct exchange *x;
    struct list idle;
    struct list link;           // worker->upstreams
    uint64_t identity;          // as it was verified by TLS; 0: plain
    bool reused;                // has served before
    bool got_bytes;             // of the answer to the present request
    uint32_t parsed;            // bytes of an incomplete head seen so far
};

/**
 * A pooled connection to the index-th node, or a new one that is still connecting.
 * @param fresh do not take a pooled one
 * @return NULL: none could be opened, errno says why
 */
struct upstream *upstream_take(struct worker *w, const struct snapshot *s, unsigned index, bool fresh);
/** Back to the pool, or closed when the node is no longer in force or the worker drains. */
void upstream_give(struct upstream *u);
void upstream_close(struct upstream *u);
/** Closes the pooled connections of nodes that are not in the worker's snapshot, or are verified otherwise now. */
void upstream_close_removed(struct worker *w);
