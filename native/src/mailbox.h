/**
 * @file mailbox.h
 * Parcels from workers to the control thread. A worker never waits: the lock is held for a few pointer moves.
 */
#pragma once

#include <pthread.h>

#include "base.h"
#include "outq.h"

enum parcel_kind { PARCEL_TELEMETRY, PARCEL_EXCHANGES };

struct tee;

/** Whole frames: `data`, then what the pieces refer to (a large record), back to back. */
struct parcel {
    struct parcel *next;
    enum parcel_kind kind;
    uint32_t exchanges;      // how many Exchange frames
    uint32_t refs;           // subscribers that still have to send it; the control thread's
    size_t size;             // bytes of all frames
    struct tee *owner;       // its pieces go back there (see tee.h); NULL: no pieces
    uint32_t piece_count, data_size;
    struct segment *pieces;  // lengths and bodies in frame order
    unsigned char *data;
};

struct mailbox {
    pthread_mutex_t lock;
    struct parcel *first, **last;
    int event;               // eventfd that wakes the control thread
    bool woken;
};

void mailbox_init(struct mailbox *m);
/** Adds parcels (a linked list). */
void mailbox_post(struct mailbox *m, struct parcel *parcels);
/** Takes everything. */
struct parcel *mailbox_take(struct mailbox *m);

/** The one mailbox of the process. */
extern struct mailbox mailbox_control;
