/**
 * @file wheel.h
 * Deadlines that are cheap to put off: a timer keeps its place in the wheel while its deadline moves later, and is
 * looked at again (and placed anew) when that place comes round. Idea: lazy timers as in most large event loops.
 */
#pragma once

#include "list.h"

/** A deadline that never comes. */
#define WHEEL_NEVER UINT64_MAX
/** 2^26 ns = 67 ms: the grain of every time limit. Limits are seconds; a finer one would only wake idle workers. */
#define WHEEL_TICK_SHIFT 26
#define WHEEL_SLOTS 1024u

/**
 * Invariant: a timer in the wheel stands in the slot of `placed`, and placed <= the tick of `deadline` (or as far as
 * the wheel reaches).
 */
struct timer {
    struct list link;
    uint64_t deadline;  // ns, CLOCK_MONOTONIC
    uint64_t placed;    // tick; WHEEL_NEVER: not in the wheel
    void (*fire)(struct timer *t, uint64_t now);
};

struct wheel {
    struct list slots[WHEEL_SLOTS];
    uint64_t used[WHEEL_SLOTS / 64];  // bit set: the slot may hold timers
    uint64_t tick;                    // every slot before this tick has been served
};

void wheel_init(struct wheel *w, uint64_t now);
void timer_init(struct timer *t, void (*fire)(struct timer *t, uint64_t now));
/** Used by wheel_set when the timer has to stand earlier than it does. */
void wheel_place(struct wheel *w, struct timer *t);
/** Takes a timer out. */
void wheel_cancel(struct timer *t);
/** Fires what is due at `now`; a timer that fires is out of the wheel and may be set again by its function. */
void wheel_advance(struct wheel *w, uint64_t now);
/** Milliseconds until the next slot in use, -1 when there is none (epoll_wait's units). */
int wheel_wait_ms(const struct wheel *w, uint64_t now);

/** Sets the deadline (ns; WHEEL_NEVER for none). */
static inline void wheel_set(struct wheel *w, struct timer *t, uint64_t deadline) {
    t->deadline = deadline;
    if (UNLIKELY((deadline >> WHEEL_TICK_SHIFT) < t->placed) && deadline != WHEEL_NEVER) wheel_place(w, t);
}
