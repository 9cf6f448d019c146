/**
 * @file balance.h
 * Which node gets the request: the one with the smallest wait (DESIGN: sum over its open requests of their averages,
 * plus this one's), divided by its weight. A function of the accounts, the clock and a cursor.
 */
#pragma once

#include "snapshot.h"

enum { BALANCE_NONE = -1, BALANCE_FULL = -2 };

/** Nodes one request may be tried on; the rest of an outage is for the client to see. */
#define BALANCE_TRIES 4u

struct balance_request {
    unsigned endpoint;                    // index into the snapshot's endpoints
    enum route_sticky sticky;
    uint64_t sticky_key;                  // hash of the client's address, or what its cookie says; 0: it has none
    unsigned tried_count;
    unsigned tried[BALANCE_TRIES];        // node indexes not to be taken again
};

/** After a failure: ejects the node if it fails more than its peers and not too many are ejected already (outlier.h). */
bool balance_eject(struct snapshot *s, unsigned node, uint64_t now);
/**
 * @param cursor the caller's, moved on by every choice among near-ties
 * @return node index; BALANCE_FULL when all that are left have as many requests as they may have; BALANCE_NONE when none is left
 */
int balance_pick(struct snapshot *s, const struct balance_request *request, unsigned *cursor, uint64_t now);
