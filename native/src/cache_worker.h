/**
 * @file cache_worker.h
 * A worker's part of the cache: who waits for an object, what is being fetched, what was counted. Any worker may change an
 * object; those that have somebody waiting for it are woken.
 */
#pragma once

#include "list.h"

struct cache_object;
struct worker;

/** Requests of assets since the last telemetry frame, by what became of them; the last two count fetches. */
struct cache_counts {
    uint64_t hits;         // given out without asking
    uint64_t stale;        // given out although stale: validated behind the client's back, or in an error's place
    uint64_t misses;       // asked the origin for
    uint64_t validated;    // asked the origin whether it still holds, and it did
    uint64_t collapsed;    // waited for what another one had asked for
    uint64_t bypassed;     // nothing the cache deals with, or not to be shared
    uint64_t stored;       // answers that were kept
    uint64_t fetch_bytes;  // of bodies from the origin
};

struct cache_worker {
    struct list waiting;   // visits whose object is to change
    struct list fetches;   // clients of its own
    struct list spilling;  // fetches whose object is on its way to disk
    bool due;
    struct cache_counts counts;
};

/** Before the worker's thread starts. */
void cache_worker_init(struct worker *w);
/** An object has changed: whoever waits for it looks again. */
void cache_notify(struct cache_object *o);
/** The worker will be woken at the object's next change. What it looks at from now on is not missed. */
void cache_expect(struct worker *w, struct cache_object *o);
/** Looks again for all who wait; once per turn of the loop. */
void cache_turn(struct worker *w);
/** The worker ends: fetches are given up. */
void cache_worker_stop(struct worker *w);
