/**
 * @file tee.h
 * Capture: while an exchange runs, its tape refers to the bytes the proxy holds anyway (chunk references); when it has
 * ended they become an Exchange frame for the control thread. Small records are copied together into a batch; large ones
 * go as references, which the control thread hands back to the worker that owns the chunks.
 *
 * Bounded by capture.queueBytes over the whole process; what does not fit is dropped and counted. Nothing here waits.
 */
#pragma once

#include "chunk.h"
#include "http1.h"
#include "mailbox.h"

struct exchange;

enum tape_part { TAPE_REQUEST_HEAD, TAPE_REQUEST_BODY, TAPE_RESPONSE_HEAD, TAPE_RESPONSE_BODY, TAPE_PARTS };

/** Bytes of one part, in order. Invariant: bytes == sum of n; a piece without a chunk lies in the tape's copies. */
struct tape_reel {
    struct segment *pieces;
    uint32_t count, cap;
    uint64_t bytes;
    struct evp_md_ctx_st *hash;  // of a body that is longer than what is kept of it, all of it; NULL: it is not, so far
};

/** Pieces up to TAPE_PIECE_COPY are copied while there is room: a reference would keep a whole chunk out of use. */
#define TAPE_COPY_BYTES 4096u
#define TAPE_PIECE_COPY 1024u

/** SHA-256. */
#define TAPE_HASH 32u

struct tape {
    struct tape *next_spare;
    struct tee *tee;
    struct tape_reel reels[TAPE_PARTS];
    struct span method, target;  // inside the request head
    unsigned char hashes[2][TAPE_HASH];
    uint32_t flags;              // truncations
    uint64_t started_wall;       // µs
    bool dropped;                // no room: counted at the end
    uint32_t copied;             // bytes used of copies
    unsigned char copies[TAPE_COPY_BYTES];
};

/** A worker's part. */
struct tee {
    unsigned worker;
    bool on;                          // capture is enabled and somebody listens
    uint64_t max_body, max_queue;     // of the config in force
    uint64_t taping;                  // bytes tapes of running exchanges hold
    uint64_t sent, dropped;           // since start
    struct parcel *batch;             // being filled
    uint64_t batch_since;             // when it was begun, ns
    struct parcel *empty;             // batches to be used again
    struct parcel *out, **out_last;   // ready to be posted
    struct tape *spare;
    _Atomic(struct parcel *) returned;
};

void tee_init(struct tee *t, unsigned worker);
void tee_close(struct tee *t);
static inline bool tee_wanted(const struct tee *t) { return UNLIKELY(t->on); }
/** Posts what is ready and takes back what was returned; once per round of the loop. */
void tee_turn(struct tee *t, uint64_t now);
/** Posts everything there is. */
void tee_flush(struct tee *t);
/** Milliseconds after which tee_turn has something to post; -1: nothing waits. */
int tee_wait_ms(const struct tee *t, uint64_t now);

/** A tape with the request's head (a span of c). */
struct tape *tape_new(struct tee *t, struct chunk *c, struct span head_bytes, const struct http1_head *head);
/** Records bytes of a chunk. */
void tape_add(struct tape *tape, enum tape_part part, struct chunk *c, struct span bytes);
/** The exchange is over: makes the record, frees the tape. */
void tape_finish(struct tape *tape, const struct exchange *x, uint64_t now);

/** Control thread: frees a parcel that nobody needs any more. */
void tee_return(struct parcel *p);
/** Records dropped in all workers since start. */
extern _Atomic uint64_t tee_dropped_total;
/** Bytes of records made and not yet sent. */
extern _Atomic uint64_t tee_held;
