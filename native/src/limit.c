#include "limit.h"

#include <math.h>
#include <sys/random.h>

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

static uint64_t rotate(uint64_t v, unsigned by) { return v << by | v >> (64 - by); }

static void sip_round(uint64_t v[4]) {
    v[0] += v[1], v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0], v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1], v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2], v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

/** Eight bytes, the least significant first: the same on every machine. */
static uint64_t little(const unsigned char *p) {
    uint64_t v = 0;
    for (unsigned i = 8; i--;) v = v << 8 | p[i];
    return v;
}

/** SipHash-2-4 (Aumasson and Bernstein, 2012) of 16 bytes. */
static uint64_t siphash(const uint64_t k[2], const unsigned char bytes[16]) {
    uint64_t v[4] = {k[0] ^ 0x736f6d6570736575u, k[1] ^ 0x646f72616e646f6du, k[0] ^ 0x6c7967656e657261u, k[1] ^ 0x7465646279746573u};
    sip_word(v, little(bytes));
    sip_word(v, little(bytes + 8));
    sip_word(v, (uint64_t)16 << 56);
    v[2] ^= 0xff;
    for (unsigned i = 0; i < 4; i++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t limit_client(const unsigned char address[16], unsigned prefix4, unsigned prefix6) {
    static const unsigned char v4[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    unsigned char masked[16] = {0};
    unsigned bits = memcmp(address, v4, 12) == 0 ? 96 + prefix4 : prefix6;
    memcpy(masked, address, bits / 8);
    if (bits % 8) masked[bits / 8] = (unsigned char)(address[bits / 8] & (0xff00u >> bits % 8));
    uint64_t hash = siphash(key, masked);
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
