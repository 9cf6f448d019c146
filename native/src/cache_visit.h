/**
 * @file cache_visit.h
 * A client's request for an asset: what the cache has for it, whom it waits for, or that it goes the ordinary way.
 */
#pragma once

#include "cache_fetch.h"
#include "cache_serve.h"
#include "exchange.h"

enum cache_visit_state {
    CACHE_VISIT_WAITS,   // for an object's head (or, where its length is not known, its end)
    CACHE_VISIT_SERVES,  // the head went out: the body follows, from the object and then from the fetch
};

/** Where an answer came from: Cache-Status. */
enum cache_visit_source { CACHE_FROM_STORE, CACHE_FROM_STALE, CACHE_FROM_ORIGIN, CACHE_FROM_OTHERS };

/** Invariant: x->visit == this. In the worker's waiting list exactly while it waits for the object to change. */
struct cache_visit {
    struct list link;
    struct exchange *x;
    enum cache_visit_state state;
    enum cache_visit_source source;
    struct cache_object *object;   // one reference; NULL: nothing is stored of the answer
    struct cache_object *stale;    // one reference: may stand in for an error
    struct cache_fetch *fetch;     // of which it is the leader
    struct chunk *head;            // the request as it came (one reference)
    struct span head_bytes;
    struct cache_control control;
    unsigned rounds;               // objects waited for in vain
    bool bypasses;                 // goes the ordinary way in its next turn
    struct cache_reader reader;
};

/**
 * Looks whether the request in w->head is for the cache, and begins with what there is.
 * @param head what holds head_bytes, the request's
 * @return false: it goes the ordinary way, w->head is as it was
 */
bool cache_visit_begin(struct exchange *x, struct chunk *head, struct span head_bytes);
/** Something changed. The exchange may be gone afterwards. */
void cache_visit_run(struct exchange *x);
/** The exchange ends. */
void cache_visit_end(struct exchange *x);

/* What the fetch tells its leader. */

/** An answer that is not shared is its alone: the head goes out. false: it does without. */
bool cache_visit_pass(struct exchange *x, struct http1_head *head, const struct framing *framing);
/** Whether it has a stale answer to give in an error's place. */
bool cache_visit_forgives(struct exchange *x, bool unreachable);

/** A request by an unsafe method: what is stored for its URL goes when it succeeds (RFC 9111 4.4). */
void cache_visit_note_unsafe(struct exchange *x);
/** ... it was answered. */
void cache_visit_invalidate(struct exchange *x, const struct http1_head *answer);
