/**
 * @file outq.h
 * What waits to be written to a connection: references into chunks, in order, sent with one writev. It can keep what
 * it sent, so that a request can be sent again on another connection.
 */
#pragma once

#include "chunk.h"

#define OUTQ_SEGMENTS 16u
/** Bodies up to this size are copied behind the head: one short copy costs less than one more iovec. */
#define OUTQ_COPY_MAX 2048u
/** Above this a source is not read any further: the bound of what one direction of an exchange holds. */
#define OUTQ_HIGH (64u * 1024)
/** Segments one step of a relay may add; it must find this much room before it starts. */
#define OUTQ_STEP 4u

/** A piece of a chunk (one reference), or of static memory (chunk NULL), or of a file that the chunk stands for. */
struct segment {
    struct chunk *chunk;
    union {
        const unsigned char *p;
        uint64_t at;  // in the file
    };
    uint32_t n;
    int file;         // -1: bytes in memory
};

/**
 * Segments [0, next) were sent and are kept; of segment `next`, `offset` bytes were sent.
 * Invariants: next <= count <= OUTQ_SEGMENTS; next == 0 unless keep; every segment has n > 0;
 * bytes == sum of n over [next, count) - offset; offset < n of segment `next`, 0 if there is none.
 * Bytes of a file stand only in the queue of a connection without a layer: nobody else can send them unread.
 */
struct outq {
    struct segment ring[OUTQ_SEGMENTS];
    struct chunk *scratch;  // where copies go; one reference of its own
    uint32_t bytes, offset;
    uint8_t head, count, next;
    bool keep;
    bool sent;              // some of it was sent since the queue was filled, moved or rewound
};

static inline bool outq_has_room(const struct outq *q) {
    return q->bytes < OUTQ_HIGH && q->count + OUTQ_STEP <= OUTQ_SEGMENTS;
}

/** Makes it empty, whatever the memory held. */
static inline void outq_init(struct outq *q) {
    q->scratch = NULL;
    q->bytes = q->offset = 0;
    q->head = q->count = q->next = 0;
    q->keep = q->sent = false;
}

/** The i-th unsent segment, without the part of it that was sent. */
static inline struct segment outq_unsent(const struct outq *q, unsigned i) {
    struct segment s = q->ring[(q->head + q->next + i) % OUTQ_SEGMENTS];
    if (i == 0) {
        if (UNLIKELY(s.file >= 0)) s.at += q->offset;
        else s.p += q->offset;
        s.n -= q->offset;
    }
    return s;
}

/** Appends a reference to bytes of a chunk. */
void outq_add_ref(struct outq *q, struct chunk *c, const void *p, size_t n);
/** Appends n bytes of a file from `at` on, which stays open as long as `c` is referred to. */
void outq_add_file(struct outq *q, struct chunk *c, int file, uint64_t at, size_t n);
/** Appends bytes that live for ever. */
void outq_add_static(struct outq *q, struct span s);
/** Appends a copy. */
void outq_add_copy(struct outq *q, struct chunk_pool *pool, const void *p, size_t n);
/** Appends bytes of a chunk by copy or by reference, whichever is cheaper. */
void outq_add(struct outq *q, struct chunk_pool *pool, struct chunk *c, const void *p, size_t n);
/** Memory at the tail to be written into directly; outq_commit says how much was used. */
unsigned char *outq_reserve(struct outq *q, struct chunk_pool *pool, size_t n);
/** Appends n bytes written into the reserved memory; q->scratch holds them. */
void outq_commit(struct outq *q, size_t n);
/** Moves on by n sent bytes. */
void outq_consume(struct outq *q, size_t n);
/** From now on (the queue is empty) keeps what is sent. */
void outq_keep(struct outq *q);
/** Gives up what was kept. */
void outq_forget(struct outq *q);
/** Whether nothing of what was queued has been sent. */
static inline bool outq_untouched(const struct outq *q) { return !q->sent; }
/** Everything kept is to be sent again. */
void outq_rewind(struct outq *q);
/** Moves everything to an empty queue. */
void outq_move(struct outq *to, struct outq *from);
/** Drops everything. */
void outq_clear(struct outq *q);
