/**
 * @file health.h
 * Active health checks: the first worker asks each node for a path now and then, on a connection of its own. A node that
 * fails twice in a row gets no requests (unless no other is left) until it answers well once; it then starts slowly.
 * What live requests show is the outlier detection's affair (outlier.h): this is for nodes that get none.
 */
#pragma once

#include "list.h"
#include "wheel.h"

struct account_node;
struct worker;

/** In a row: one answer that is lost is no failure yet. */
#define HEALTH_FAILURES 2u

/** A worker's part; only the first one's is used. */
struct health {
    struct timer tick;
    struct list probes;  // under way
};

void health_init(struct health *h);
/** A config has come into force: begins, when it asks for checks. */
void health_adopt(struct worker *w);
/** Ends all probes. */
void health_stop(struct worker *w);
/** What a probe's outcome means for its node. true: whether it gets requests has changed. */
bool health_judge(struct account_node *n, bool well, uint64_t now);
