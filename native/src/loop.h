/**
 * @file loop.h
 * One epoll instance, edge-triggered: a descriptor is registered once for reading and writing and never modified.
 */
#pragma once

#include "base.h"

#include <sys/epoll.h>

/** Something with a descriptor. `on_event` may free other watches only through the loop's owner's graveyard. */
struct watch {
    int fd;  // -1: closed
    void (*on_event)(struct watch *w, uint32_t events);
};

struct loop {
    int epoll;
    uint64_t now;  // CLOCK_MONOTONIC ns, read once after each wait
};

/** CLOCK_MONOTONIC, ns. */
uint64_t loop_clock(void);
/** CLOCK_REALTIME, µs since 1970. */
uint64_t loop_wall_us(void);

void loop_init(struct loop *l);
void loop_close(struct loop *l);
/** Registers for EPOLLIN, EPOLLOUT, EPOLLRDHUP, edge-triggered. false: errno says why. */
bool loop_add(struct loop *l, struct watch *w);
/** Registers for EPOLLIN level-triggered (listeners, event descriptors). */
bool loop_add_level(struct loop *l, struct watch *w);
/** Takes a watch out without closing it (a paused listener). */
void loop_remove(struct loop *l, struct watch *w);
/** Waits at most timeout_ms (-1 for ever), dispatches what is ready, updates `now` in between. */
void loop_run_once(struct loop *l, int timeout_ms);
