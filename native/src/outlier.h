/**
 * @file outlier.h
 * Passive outlier detection: a node that fails more often than its peers is left out for a while. What is too often is
 * not a threshold but a comparison: the chance that a node as good as its peers would have failed as often as this one
 * (Chernoff's bound on the binomial tail, so that it holds for few requests too) is below OUTLIER_CHANCE. Slow nodes need
 * no ejection: their averages, and the age of what they have open, keep requests away (account.h).
 * Ideas: Envoy's success-rate outlier detection and its bound on the ejected share; linkerd's and finagle's failure
 * accrual with a backoff and a probation after it.
 */
#pragma once

#include "base.h"

/** The chance at which a node is ejected wrongly, for each failure that is looked at. */
#define OUTLIER_CHANCE 1e-6
/** First ejection; each that follows lasts twice as long. linkerd's failure accrual: 1 s to 60 s. */
#define OUTLIER_FIRST_NS 1000000000ull
#define OUTLIER_MOST_NS 60000000000ull

/** What a node's exchanges came to of late. */
struct outlier_tally {
    uint64_t successes, failures;
};

/** Whether a node's failures are too many for one like its peers (`peers`: the sum over all of them). */
bool outlier_is_one(struct outlier_tally node, struct outlier_tally peers);
/** How many of so many nodes may be ejected at once: at most half, so that an outage of everything ejects no majority. */
unsigned outlier_most(unsigned nodes);
/** How long the n-th ejection in a row (1, 2...) lasts, ns. */
uint64_t outlier_duration(unsigned nth);
