#include "test.h"

#include "../src/cache_evict.c"

/** A cache of places by number, with room for so many bytes. */
struct model {
    struct cache_evict e;
    uint64_t room;
    struct cache_place places[4096];
};

static struct model *open_model(uint64_t room) {
    struct model *m = base_zalloc(sizeof *m);
    cache_evict_init(&m->e);
    m->room = room;
    return m;
}

static void close_model(struct model *m) {
    while (cache_evict_next(&m->e)) {}
    CHECK(!cache_evict_bytes(&m->e) && !m->e.count);
    cache_evict_close(&m->e);
    free(m);
}

static uint64_t hash_of(unsigned i) { return (i + 1) * 0x9e3779b97f4a7c15u; }

/** @return whether it was there */
static bool ask(struct model *m, unsigned i, uint64_t size) {
    struct cache_place *p = &m->places[i];
    if (p->size) {
        cache_evict_use(p);
        return true;
    }
    while (cache_evict_bytes(&m->e) + size > m->room) CHECK(cache_evict_next(&m->e));
    cache_evict_add(&m->e, p, hash_of(i), size);
    return false;
}

static void bytes_stay_within_the_room(void) {
    struct model *m = open_model(1000);
    uint64_t seed = 88172645463325252u;
    for (unsigned i = 0; i < 100000; i++) {
        unsigned which = (unsigned)(test_random(&seed) % 4096);
        ask(m, which, 1 + test_random(&seed) % 100);
        CHECK(cache_evict_bytes(&m->e) <= 1000);
        if (i % 7 == 0) cache_evict_remove(&m->e, &m->places[test_random(&seed) % 4096]);
    }
    close_model(m);
}

/** What is asked for again and again outlives any number of things asked for once: the reason for this policy. */
static void a_scan_pushes_out_nothing_that_is_used(void) {
    struct model *m = open_model(100);
    for (unsigned round = 0; round < 6; round++)
        for (unsigned i = 0; i < 40; i++) ask(m, i, 1);
    unsigned hits = 0;
    for (unsigned i = 100; i < 4000; i++) ask(m, i, 1);
    for (unsigned i = 0; i < 40; i++) hits += ask(m, i, 1);
    CHECK(hits == 40);
    close_model(m);
}

static void what_comes_back_soon_goes_to_the_main_queue(void) {
    struct model *m = open_model(20);
    for (unsigned i = 0; i < 20; i++) ask(m, i, 1);
    ask(m, 20, 1);  // 0 goes
    CHECK(!m->places[0].size);
    ask(m, 0, 1);
    CHECK(m->places[0].in_main && !m->places[1].in_main);
    close_model(m);
}

/** On skewed requests it keeps at least as much of what is asked for as first-in-first-out does. */
static void it_beats_fifo_on_a_skewed_load(void) {
    struct model *m = open_model(200);
    static bool there[4096];
    static unsigned fifo[200];
    unsigned ours = 0, theirs = 0, at = 0;
    uint64_t seed = 2463534242u;
    for (unsigned i = 0; i < 200000; i++) {
        // Half of all requests go to the first 1/64 of the things, and so on down.
        unsigned range = 4096u >> (test_random(&seed) % 7), which = (unsigned)(test_random(&seed) % range);
        ours += ask(m, which, 1);
        if (there[which]) theirs++;
        else {
            if (i >= 200) there[fifo[at]] = false;
            there[which] = true;
            fifo[at] = which;
            at = (at + 1) % 200;
        }
    }
    CHECK(ours > theirs + theirs / 10);
    close_model(m);
}

TEST_MAIN(bytes_stay_within_the_room, a_scan_pushes_out_nothing_that_is_used, what_comes_back_soon_goes_to_the_main_queue, it_beats_fifo_on_a_skewed_load)
