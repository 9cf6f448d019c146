/**
 * @file worker.h
 * A worker: one thread, one loop, its listeners, clients, upstream pools and counters. Workers share only the accounts
 * (account.h), the snapshot in force and the queues to the control thread.
 */
#pragma once

#include <pthread.h>

#include "cache_worker.h"
#include "conn.h"
#include "framing.h"
#include "health.h"
#include "queue.h"
#include "snapshot.h"
#include "tee.h"
#include "telemetry.h"

/** A snapshot as one worker uses it: counted without atomics, the shared count is touched once per reload. */
struct lease {
    struct snapshot *snapshot;
    unsigned users;  // exchanges, and the worker itself while it is the current one
};

/** What the control thread wants from a worker; read when its event descriptor wakes it. */
struct worker_orders {
    pthread_mutex_t lock;
    struct snapshot *next;  // one reference, or NULL
    bool drain;
    bool yield;             // another process serves: idle clients leave with their next answer, not at once
    bool stop;              // close what is left and end
    bool capture;           // an exchange subscriber is there
    bool telemetry;         // a telemetry subscriber is there
};

struct listening;

struct worker {
    unsigned index;
    struct loop loop;
    struct wheel wheel;
    struct chunk_pool chunks;
    struct list dirty, again, dead;  // see conn.h
    struct list clients, upstreams;
    struct lease *lease;
    struct watch wake;
    struct listener *listeners;
    unsigned listener_count;
    struct timer accept_again;
    bool accept_paused, draining, dismissed, stopping;  // dismissed: idle clients were told to go

    struct http1_head head;          // scratch: a head is parsed and used within one call
    struct framing framing;
    struct queue queue;
    struct cache_worker cache;
    struct health health;
    struct exchange *spare;          // free list
    unsigned cursor;                 // balance_pick's
    uint64_t next_id;
    char date[32];                   // IMF-fixdate of date_second
    uint64_t date_second;

    // The worker's own part of the wait account. Invariant: open_charges == 0 implies charges == 0.
    int64_t charges;
    uint32_t open_charges;

    struct telemetry telemetry;
    struct tee tee;
    struct tls_scratch *tls;         // see tls.c

    struct worker_orders orders;
    _Atomic uint64_t adopted;        // serial of the newest snapshot in use
    _Atomic bool ended;
    pthread_t thread;
};

/** Clients connected to all workers. */
extern _Atomic unsigned worker_connections;
/** How many there may be by what the system allows, whatever a config says; set before workers start. */
extern unsigned worker_connections_most;

/** Prepares a worker with those of the listening sockets that are for it (taken over). */
struct worker *worker_new(unsigned index, struct snapshot *snapshot, const struct listening *sockets, unsigned count);
/** Starts its thread. */
void worker_start(struct worker *w);
/** One round of its loop: for its thread, or for who drives a worker without one. @param timeout_ms as epoll_wait's */
void worker_turn(struct worker *w, int timeout_ms);
/** Hands an order over; runs in the control thread. */
void worker_order(struct worker *w, void (*change)(struct worker_orders *orders, void *data), void *data);
/** Waits for the thread's end and frees everything. */
void worker_join(struct worker *w);

struct lease *worker_lease(struct worker *w);
void worker_release(struct lease *lease);
static inline const struct config *worker_config(const struct worker *w) { return w->lease->snapshot->config; }
/** Date field's value for now. */
struct span worker_date(struct worker *w);
/** A client went: accepting may go on. */
void worker_client_gone(struct worker *w);
