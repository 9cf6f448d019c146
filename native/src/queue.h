/**
 * @file queue.h
 * Requests that wait for a node, because all that may serve them have `maxRequests` open. First come, first served
 * within a lane (endpoints with the same class of nodes), over all workers: each worker keeps its own waiters, and tells
 * the others since when its first one waits. Bounded in length and time; without waiters one atomic is read.
 */
#pragma once

#include "list.h"

struct exchange;
struct outq;
struct queue_lane;
struct worker;

/** A worker's part. */
struct queue {
    struct list waiters;           // of all lanes, oldest first
    uint32_t count;
    bool due;                      // something may have become free: queue_serve has to look
};

/** Workers there may be at most (config). */
#define QUEUE_WORKERS 64u

/** Finds or makes the lane of a class of nodes; gives a reference. */
struct queue_lane *queue_lane_get(uint64_t class);
void queue_lane_unref(struct queue_lane *lane);
/** Whether somebody waits in the lane, in any worker: who comes now has to wait behind. */
bool queue_is_used(const struct queue_lane *lane);
/** Seconds until a request that comes now may expect its turn: Retry-After. */
unsigned queue_retry_after(const struct queue_lane *lane, const struct worker *w);

/** Before the worker's thread starts: makes it known to those that wake it. */
void queue_init(struct queue *q, struct worker *w);
/** @return false: as many wait in the lane as may; `out` is left as it was */
bool queue_put(struct exchange *x, struct outq *out);
/** The exchange ends: it no longer waits. */
void queue_drop(struct exchange *x);
/** A node with a capacity has one exchange less, or nodes have changed. */
void queue_node_freed(struct worker *w);
/** After a reload: waiters choose among the nodes there are now. */
void queue_adopt(struct worker *w);
/** Sends on whose turn it is; once per turn of the loop. */
void queue_serve(struct worker *w);
