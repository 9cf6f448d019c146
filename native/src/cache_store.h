/**
 * @file cache_store.h
 * All stored answers of the process, found by URL and variant: one table for all workers, under one lock that is held for a
 * look at a chain. Memory is bounded: what is about to be held is reserved first, and answers go until there is room.
 *
 * Objects of one URL stand in its chain, the newest first: those with different variants, and at most one that is pending,
 * which whoever asks meanwhile waits for.
 */
#pragma once

#include "cache_object.h"
#include "cache_vary.h"

/** Variants one URL may have: a client that makes up values of a Vary field pushes out its own. */
#define CACHE_VARIANTS 32u

/** What is asked for. */
struct cache_query {
    struct span key;
    uint64_t hash;
    const struct http1_head *request;
    const struct cache_shown *shown;
    const struct cache_control *control;
    int64_t now;
    bool may_fetch;   // the origin may be asked on its account
};

/** Each object comes with a reference. */
struct cache_found {
    struct cache_object *stored;   // matches; NULL: none
    enum cache_use use;            // of it
    struct cache_object *flight;   // whose answer is waited for, or has to be got; NULL: none
    bool lead;                     // ... by the asker
};

/** Counters since start, and what there is now. */
struct cache_store_counts {
    uint64_t bytes, objects, evicted, refused;
};

/** @param bytes most it may hold; 0: nothing is stored (any more). Only the control thread calls it. */
void cache_store_configure(uint64_t bytes);
uint64_t cache_store_hash(struct span key);
/** Finds what there is; without a usable answer, and nobody fetching one yet, makes a pending object for the asker to fill. */
void cache_store_enter(const struct cache_query *q, struct cache_found *out);
/** Counts bytes before they are held, making room. false: there is none. */
bool cache_store_reserve(uint64_t bytes);
void cache_store_release(uint64_t bytes);
/** Head, variant, facts and body of a pending object are set: others may use it from now on. */
void cache_store_begin(struct cache_object *o, enum cache_state state);
/** Its body is whole: it stays, in the place of the older one with its variant. */
void cache_store_complete(struct cache_object *o);
/** Puts an object that is not known yet, with the same answer, in the place of one that is complete; not if that is gone. */
void cache_store_replace(struct cache_object *o, struct cache_object *by);
/** It is not to be found any more. @param state what those who wait for it learn (FAILED: `error` is set); what is complete stays so */
void cache_store_drop(struct cache_object *o, enum cache_state state);
/** Everything stored for a URL goes, and what is on its way is not kept. */
void cache_store_invalidate(struct span key);
/** The same for all URLs that begin so (cache_key_begins). @return how many went that are not on disk */
uint64_t cache_store_purge(struct span prefix);
void cache_store_read_counts(struct cache_store_counts *out);
/** Before the process ends: everything goes. */
void cache_store_close(void);
