/**
 * @file upstream.h
 * Connections to nodes and their pools: last in, first out, so that few connections stay warm and the rest go idle.
 */
#pragma once

#include "conn.h"
#include "account.h"

struct exchange;

/** Invariant: in node->idle[worker] exactly while x == NULL and the connection is open. */
struct upstream {
    struct conn conn;
    struct account_node *node;  // one reference
    struct exchange *x;
    struct list idle;
    struct list link;           // worker->upstreams
    bool reused;                // has served before
    bool got_bytes;             // of the answer to the present request
    uint32_t parsed;            // bytes of an incomplete head seen so far
};

/**
 * A pooled connection, or a new one that is still connecting.
 * @param fresh do not take a pooled one
 * @return NULL: none could be opened, errno says why
 */
struct upstream *upstream_take(struct worker *w, struct account_node *node, bool fresh);
/** Back to the pool, or closed when the node is no longer in force or the worker drains. */
void upstream_give(struct upstream *u);
void upstream_close(struct upstream *u);
/** Closes the pooled connections of nodes that are not in the worker's snapshot. */
void upstream_close_removed(struct worker *w);
