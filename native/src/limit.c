#include "limit.h"

#include <math.h>
#include <sys/random.h>

#include "siphash.h"

struct place {
    uint64_t client;   // 0: free
    uint64_t full_at;
    uint32_t connections;
};

/** Under its lock, which is held for a look at eight places. */
struct set {
    atomic_flag lock;
    struct place places[LIMIT_WAYS];
};

static struct set sets[LIMIT_SETS];
static uint64_t key[2];
static _Atomic uint64_t forgotten;

void limit_setup(void) { BUG_ON(getrandom(key, sizeof key, 0) != sizeof key); }

uint64_t limit_forgotten(void) { return forgotten; }

struct limit_rate limit_rate_of(double rate, uint64_t burst) {
    uint64_t interval = (uint64_t)llround(1e9 / rate);
    return (struct limit_rate){interval, (burst - 1) * interval};
}

uint64_t limit_take(uint64_t *full_at, const struct limit_rate *rate, uint64_t now) {
    uint64_t from = *full_at > now ? *full_at : now;
    if (from - now > rate->tolerance) return from - now - rate->tolerance;
    *full_at = from + rate->interval;
    return 0;
}

uint64_t limit_take_shared(_Atomic uint64_t *full_at, const struct limit_rate *rate, uint64_t now) {
    uint64_t before = atomic_load_explicit(full_at, memory_order_relaxed);
    for (;;) {
        uint64_t after = before, wait = limit_take(&after, rate, now);
        if (wait || atomic_compare_exchange_weak_explicit(full_at, &before, after, memory_order_relaxed, memory_order_relaxed)) return wait;
    }
}

uint64_t limit_client(const unsigned char address[16], unsigned prefix4, unsigned prefix6) {
    static const unsigned char v4[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    unsigned char masked[16] = {0};
    unsigned bits = memcmp(address, v4, 12) == 0 ? 96 + prefix4 : prefix6;
    memcpy(masked, address, bits / 8);
    if (bits % 8) masked[bits / 8] = (unsigned char)(address[bits / 8] & (0xff00u >> bits % 8));
    uint64_t hash = siphash(key, masked, sizeof masked);
    return hash ? hash : 1;
}

static struct set *lock_set(uint64_t client) {
    struct set *s = &sets[client % LIMIT_SETS];
    while (atomic_flag_test_and_set_explicit(&s->lock, memory_order_acquire)) {}
    return s;
}

static void unlock(struct set *s) { atomic_flag_clear_explicit(&s->lock, memory_order_release); }

/** The client's place, or the one it takes over; NULL: all eight have connections open. */
static struct place *place_of(struct set *s, uint64_t client, uint64_t now) {
    struct place *fullest = NULL;
    for (unsigned i = 0; i < LIMIT_WAYS; i++) {
        struct place *p = &s->places[i];
        if (p->client == client) return p;
        if (!p->connections && (!fullest || p->full_at < fullest->full_at)) fullest = p;
    }
    if (!fullest) return NULL;
    if (fullest->full_at > now) forgotten++;
    *fullest = (struct place){.client = client};
    return fullest;
}

uint64_t limit_client_take(uint64_t client, const struct limit_rate *rate, uint64_t now) {
    struct set *s = lock_set(client);
    struct place *p = place_of(s, client, now);
    uint64_t wait = p ? limit_take(&p->full_at, rate, now) : 0;
    unlock(s);
    return wait;
}

unsigned limit_connect(uint64_t client, uint64_t now) {
    struct set *s = lock_set(client);
    struct place *p = place_of(s, client, now);
    unsigned count = p ? ++p->connections : 0;
    unlock(s);
    return count;
}

void limit_disconnect(uint64_t client) {
    struct set *s = lock_set(client);
    struct place *p = place_of(s, client, 0);
    BUG_ON(!p || !p->connections);
    p->connections--;
    unlock(s);
}
