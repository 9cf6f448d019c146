/** @file dispatch.h Where a request goes: to a node, into the queue for one, or back with why there is none. */
#pragma once

#include "exchange.h"

struct queue_lane;

/**
 * Finds a node and a connection for what stands in `out`, waits for one, or answers that none can be had.
 * @param in_turn whoever waits in front of it has been looked at
 */
void dispatch(struct exchange *x, struct outq *out, bool in_turn);
/** A try on the node it was sent to failed: another one follows. */
void dispatch_try_failed(struct exchange *x);
/**
 * No node can be reached: 502. A proxy of ours in front gets no answer to what may be sent twice: to it the connection was a
 * stale one; it tries anew, then another cluster.
 */
void dispatch_unreachable(struct exchange *x);
/** It goes to no node: it counts there. */
void dispatch_to_nobody(struct exchange *x);
/** Whether it would have to wait for a node at this moment. */
bool dispatch_must_wait(const struct exchange *x);
/** Nobody had a node for it in time. */
void dispatch_unserved(struct exchange *x, const struct queue_lane *lane);
/** Moves an exchange that waits over to the worker's present snapshot. */
void dispatch_change_lease(struct exchange *x);
