#include "wheel.h"

void wheel_init(struct wheel *w, uint64_t now) {
    for (unsigned i = 0; i < WHEEL_SLOTS; i++) list_init(&w->slots[i]);
    memset(w->used, 0, sizeof w->used);
    w->tick = now >> WHEEL_TICK_SHIFT;
}

void timer_init(struct timer *t, void (*fire)(struct timer *t, uint64_t now)) {
    list_init(&t->link);
    t->deadline = WHEEL_NEVER;
    t->placed = WHEEL_NEVER;
    t->fire = fire;
}

void wheel_place(struct wheel *w, struct timer *t) {
    list_remove(&t->link);
    uint64_t tick = (t->deadline >> WHEEL_TICK_SHIFT) + 1;  // never early
    if (tick < w->tick + 1) tick = w->tick + 1;
    if (tick > w->tick + WHEEL_SLOTS - 1) tick = w->tick + WHEEL_SLOTS - 1;
    unsigned slot = tick % WHEEL_SLOTS;
    t->placed = tick;
    list_push(&w->slots[slot], &t->link);
    w->used[slot / 64] |= 1ull << (slot % 64);
}

void wheel_cancel(struct timer *t) {
    list_remove(&t->link);
    t->placed = WHEEL_NEVER;
    t->deadline = WHEEL_NEVER;
}

static void serve_slot(struct wheel *w, unsigned slot, uint64_t now) {
    struct list due;
    list_init(&due);
    list_splice(&due, &w->slots[slot]);
    w->used[slot / 64] &= ~(1ull << (slot % 64));
    struct list *l;
    while ((l = list_shift(&due))) {
        struct timer *t = CONTAINER_OF(l, struct timer, link);
        t->placed = WHEEL_NEVER;
        if (t->deadline == WHEEL_NEVER) continue;
        if (t->deadline > now) {
            wheel_place(w, t);
            continue;
        }
        t->deadline = WHEEL_NEVER;
        t->fire(t, now);
    }
}

void wheel_advance(struct wheel *w, uint64_t now) {
    uint64_t until = now >> WHEEL_TICK_SHIFT;
    if (until > w->tick + WHEEL_SLOTS) w->tick = until - WHEEL_SLOTS;
    while (w->tick < until) {
        w->tick++;
        unsigned slot = w->tick % WHEEL_SLOTS;
        if (w->used[slot / 64] & (1ull << (slot % 64))) serve_slot(w, slot, now);
    }
}

int wheel_wait_ms(const struct wheel *w, uint64_t now) {
    for (uint64_t i = 1; i < WHEEL_SLOTS;) {
        unsigned slot = (w->tick + i) % WHEEL_SLOTS;
        uint64_t word = w->used[slot / 64] >> (slot % 64);
        if (!word) {
            i += 64 - slot % 64;
            continue;
        }
        i += (unsigned)__builtin_ctzll(word);
        if (i >= WHEEL_SLOTS) break;
        uint64_t at = (w->tick + i) << WHEEL_TICK_SHIFT;
        return at <= now ? 0 : (int)((at - now) / 1000000u) + 1;
    }
    return -1;
}
