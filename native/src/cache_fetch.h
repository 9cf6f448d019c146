/**
 * @file cache_fetch.h
 * Asks the origin on the cache's account: a client of our own, whose request goes the way of all others (balancing, retries,
 * timeouts, telemetry), and whose answer fills an object at the origin's pace, whoever reads it. An answer that is not to be
 * shared flows on to the one who asked first, its leader, and to nobody else.
 */
#pragma once

#include "cache_object.h"
#include "client.h"
#include "framing.h"

enum cache_fetch_mode {
    CACHE_FETCH_ASKS,    // no head yet
    CACHE_FETCH_FILLS,   // into the object
    CACHE_FETCH_SPILLS,  // into the object's file, see cache_spill.h
    CACHE_FETCH_PASSES,  // to the leader, who takes it out of the client's queue
    CACHE_FETCH_DROPS,   // nobody wants it
    CACHE_FETCH_DONE,    // all of it is with the object, which needs the fetch no more
};

/** Invariant: leader->visit->fetch == this while leader is set. */
struct cache_fetch {
    struct client client;          // first: freed as such
    struct cache_object *object;   // one reference
    struct cache_object *stale;    // one reference: what is validated; NULL: nothing
    struct exchange *leader;       // NULL: none, or gone
    enum cache_fetch_mode mode;
    struct list spilling;          // while it spills
    bool answered;                 // the answer is whole, in the queue or beyond
    struct cache_asked asked;
    struct chunk *head;            // the request as it began: what its answer may vary by
    struct span head_bytes;
};

/** What is to be fetched, and for whom. */
struct cache_fetch_order {
    const struct client *client;         // whose connection it is like (scheme, listen)
    const struct http1_head *request;
    const struct framing *framing;
    struct exchange *leader;
    struct cache_object *object, *stale;
};
/** Sends the request; the answer may be there before it returns. w->head is used. */
void cache_fetch_start(const struct cache_fetch_order *order);

/* What the exchange does with a client that is a fetch. */

/** A head of an answer. @param own the proxy's, in the origin's place */
void cache_fetch_head(struct cache_fetch *f, struct http1_head *head, const struct framing *framing, bool own);
/** The answer is complete in the client's queue. */
void cache_fetch_answered(struct cache_fetch *f);

/* What the leader does. */

/** It takes bytes out of the queue: there is room. */
void cache_fetch_taken(struct cache_fetch *f);
/** It wants no more. */
void cache_fetch_leave(struct cache_fetch *f);
