/**
 * @file cache_object.h
 * A stored answer and its body. One worker writes a body, any number read it, also while it grows: what was written never
 * changes, and `fill` says how much of it there is. References are atomic: workers share objects.
 */
#pragma once

#include "cache_evict.h"
#include "cache_policy.h"

/** Piece of a body. */
struct cache_block {
    struct cache_block *_Atomic next;
    uint32_t size;
    unsigned char data[];
};

/** A length that is not known yet. */
#define CACHE_NO_LENGTH UINT64_MAX

/**
 * Invariants: fill <= length; the blocks hold at least `fill` bytes, or `file` does; `held` is what the store counts for it.
 * A body in a file is whole from the start, or a spill.
 */
struct cache_body {
    _Atomic unsigned refs;
    _Atomic uint64_t length;        // CACHE_NO_LENGTH until it is known
    _Atomic uint64_t fill;
    struct cache_block *_Atomic first;
    _Atomic bool on_disk;           // was written, or will be
    int file;                       // holds it from `file_at` on; -1: the blocks do
    struct cache_spill *spill;      // it goes there as it comes (cache_spill.h); NULL: it did not, it was whole before
    uint64_t file_at;
    struct cache_block *last;       // the writer's, as are these:
    uint32_t last_fill;
    uint64_t held;
};

/** How far an object has come; it only goes forward. */
enum cache_state {
    CACHE_PENDING,    // its answer's head has not come
    CACHE_FILLING,    // head known, body on its way
    CACHE_COMPLETE,
    CACHE_ABANDONED,  // the answer is not one to be shared
    CACHE_FAILED,     // no answer, or not all of it
};

/** Head and facts are written once, before the state becomes FILLING. */
struct cache_object {
    struct list bucket;             // under the store's lock, as are these:
    struct cache_place place;
    bool stored;                    // in the table

    _Atomic unsigned refs;
    _Atomic int state;              // enum cache_state
    _Atomic int error;              // FAILED: the status to tell clients
    _Atomic bool unreachable;       // FAILED: the origin gave no answer
    _Atomic bool loaded;            // comes, or came, from disk: who waited for it has yet to see whether it will do
    _Atomic bool purged;            // it must not be written
    _Atomic uint64_t waiting;       // workers to be woken at the next change, a bit each
    uint64_t hash;
    char *key;                      // the URL
    uint32_t key_size, variant_size, head_size, head_304_size;
    char *variant;                  // see cache_vary.h
    char *head;                     // status line and field lines; the first head_304_size bytes go into a 304 too
    int status;
    struct cache_facts facts;
    struct cache_body *body;
    uint64_t held;                  // what the store counts for it beside the body
};

/** A pending object for a URL, one reference. */
struct cache_object *cache_object_new(struct span key, uint64_t hash);
struct cache_object *cache_object_ref(struct cache_object *o);
void cache_object_unref(struct cache_object *o);
static inline enum cache_state cache_object_state(const struct cache_object *o) { return (enum cache_state)atomic_load_explicit(&o->state, memory_order_acquire); }
/** Bytes it takes, for the store's account. */
uint64_t cache_object_size(const struct cache_object *o);

/** @param length CACHE_NO_LENGTH: not known */
struct cache_body *cache_body_new(uint64_t length);
/** How many bodies may be in files at once; before the first one. */
void cache_body_bound_files(unsigned most);
/** A whole body that a file holds, which is closed with it. NULL: there are as many as there may be, and the file stays the caller's. */
struct cache_body *cache_body_in_file(int file, uint64_t at, uint64_t length);
struct cache_body *cache_body_ref(struct cache_body *b);
void cache_body_unref(struct cache_body *b);
/** Bytes the next block would take, 0 while the last one has room: to be reserved before cache_body_append. */
uint64_t cache_body_wants(const struct cache_body *b);
/** Appends a part of the bytes: as many as a block has room for. @return how many */
size_t cache_body_append(struct cache_body *b, struct span bytes);
/** Nothing more comes. */
void cache_body_end(struct cache_body *b);

/** A reader's place in a body. */
struct cache_cursor {
    struct cache_block *block;
    uint64_t start;  // of the block, in the body
};
/** The bytes at `at` that are there, in one piece; n == 0: none yet. `at` only goes forward. */
struct span cache_body_read(const struct cache_body *b, struct cache_cursor *cursor, uint64_t at);
