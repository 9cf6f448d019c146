/**
 * @file peer.h
 * One control connection: frames in, frames out. A peer that sends rubbish is cut off; one that does not read loses
 * records (counted, and told), never anybody's time.
 */
#pragma once

#include "config.h"
#include "list.h"
#include "loop.h"
#include "mailbox.h"

struct control;

/** A Config frame waiting to be in force everywhere. */
struct peer_ack {
    uint64_t generation, serial;
};

#define PEER_ACKS_MAX 16u

struct peer {
    struct watch watch;
    struct control *control;
    struct list link;
    bool telemetry, exchanges;
    bool writable, closed;
    unsigned char *in;
    size_t in_size, in_cap;
    struct parcel **queue;            // ring of parcels to send; one reference each
    uint32_t queue_head, queue_count, queue_cap;
    size_t offset;                    // bytes sent of the first
    uint64_t queued;                  // bytes in the queue
    uint64_t dropped_seen, dropped;   // of tee_dropped_total; of its own
    struct peer_ack acks[PEER_ACKS_MAX];
    unsigned ack_count;
};

/** Takes an accepted descriptor over and says Hello. */
void peer_open(struct control *c, int fd);
void peer_close(struct peer *p);
/** Queues a parcel if the peer subscribes to its kind and has room; takes a reference. */
void peer_offer(struct peer *p, struct parcel *parcel);
/** Tells that another process has this one's place. */
void peer_handed_over(struct peer *p, uint32_t pid);
/** Writes what can be written, tells of drops, answers Config frames that are in force by now. */
void peer_pump(struct peer *p);
/** Frees the memory of a closed peer. */
void peer_free(struct peer *p);
/** Gives a reference to a parcel up. */
void peer_parcel_unref(struct parcel *parcel);
