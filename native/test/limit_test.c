#include "test.h"

#include <pthread.h>

#include "../src/limit.c"

#define S_NS 1000000000ull

static void a_burst_passes_and_then_the_rate(void) {
    struct limit_rate rate = limit_rate_of(10, 5);
    uint64_t bucket = 0, now = 100 * S_NS, wait;
    for (int i = 0; i < 5; i++) CHECK(!limit_take(&bucket, &rate, now));
    CHECK((wait = limit_take(&bucket, &rate, now)) == S_NS / 10);
    CHECK(limit_take(&bucket, &rate, now + wait - 1) == 1 && !limit_take(&bucket, &rate, now + wait));
    CHECK(limit_take(&bucket, &rate, now + wait));
    for (int i = 0; i < 5; i++) CHECK(!limit_take(&bucket, &rate, now + 10 * S_NS));  // full again, and no fuller
    CHECK(limit_take(&bucket, &rate, now + 10 * S_NS));
}

/** Against a token bucket with a level and refills, on random arrivals. */
static void it_decides_as_a_token_bucket(void) {
    uint64_t seed = 1234567, now = 50 * S_NS, bucket = 0;
    struct limit_rate rate = limit_rate_of(1000, 7);
    double level = 7;
    for (int i = 0; i < 100000; i++) {
        uint64_t pause = test_random(&seed) % 2000000;
        now += pause;
        level = fmin(7, level + (double)pause / 1e6);
        if (fabs(level - 1) < 1e-6) continue;  // too near to tell
        bool passes = level >= 1;
        if (passes) level -= 1;
        CHECK(passes == !limit_take(&bucket, &rate, now));
    }
}

static void prefixes_are_one_client(void) {
    unsigned char a[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 1}, b[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 2}, c[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 2, 1};
    CHECK(limit_client(a, 32, 64) == limit_client(b, 32, 64) && limit_client(a, 32, 64) != limit_client(c, 32, 64));
    CHECK(limit_client(a, 32, 128) != limit_client(b, 32, 128));
    CHECK(limit_client(a, 32, 62) == limit_client(c, 32, 62) && limit_client(a, 32, 63) == limit_client(a, 32, 63));
    unsigned char x[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}, y[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 2};
    CHECK(limit_client(x, 32, 64) != limit_client(y, 32, 64) && limit_client(x, 24, 64) == limit_client(y, 24, 64));
}

static void a_flood_forgets_no_debt_while_a_set_has_full_buckets(void) {
    struct limit_rate rate = limit_rate_of(1, 2);
    uint64_t now = 1000 * S_NS, victim = 5;
    for (int i = 0; i < 2; i++) CHECK(!limit_client_take(victim, &rate, now));
    uint64_t before = limit_forgotten();
    // Others in the same set, each full again when the next one comes.
    for (uint64_t i = 1; i < 100; i++) CHECK(!limit_client_take(5 + i * LIMIT_SETS, &rate, now - (300 - 2 * i) * S_NS));
    CHECK(limit_client_take(victim, &rate, now) && limit_forgotten() == before);
    // Eight others that all spent more: now it has to give way, and that is counted.
    for (uint64_t i = 200; i < 209; i++)
        for (int k = 0; k < 2; k++) limit_client_take(5 + i * LIMIT_SETS, &rate, now + S_NS / 2);
    CHECK(limit_forgotten() > before);
}

static void connections_keep_their_place(void) {
    uint64_t now = 2000 * S_NS, client = 77;
    for (unsigned i = 1; i <= 3; i++) CHECK(limit_connect(client, now) == i);
    struct limit_rate rate = limit_rate_of(1, 1);
    for (uint64_t i = 1; i < 1000; i++) limit_client_take(77 + i * LIMIT_SETS, &rate, now);
    CHECK(limit_connect(client, now) == 4);
    for (unsigned i = 1; i < LIMIT_WAYS; i++) CHECK(limit_connect(77 + i * LIMIT_SETS, now) == 1);
    CHECK(limit_connect(77 + LIMIT_WAYS * LIMIT_SETS, now) == 0);
    for (unsigned i = 0; i < 4; i++) limit_disconnect(client);
    for (unsigned i = 1; i < LIMIT_WAYS; i++) limit_disconnect(77 + i * LIMIT_SETS);
    CHECK(limit_connect(77 + LIMIT_WAYS * LIMIT_SETS, now) == 1);
    limit_disconnect(77 + LIMIT_WAYS * LIMIT_SETS);
}

static void *take_many(void *data) {
    struct limit_rate rate = limit_rate_of(1, 1000);
    static _Atomic uint64_t shared;
    unsigned *passed = data;
    for (int i = 0; i < 2000; i++) passed[0] += !limit_client_take(99, &rate, 5000 * S_NS), passed[1] += !limit_take_shared(&shared, &rate, 5000 * S_NS);
    return NULL;
}

static void workers_share_a_bucket(void) {
    pthread_t threads[3];
    unsigned passed[3][2] = {{0}};
    for (int i = 0; i < 3; i++) CHECK(!pthread_create(&threads[i], NULL, take_many, passed[i]));
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    CHECK(passed[0][0] + passed[1][0] + passed[2][0] == 1000 && passed[0][1] + passed[1][1] + passed[2][1] == 1000);
}

TEST_MAIN(a_burst_passes_and_then_the_rate, it_decides_as_a_token_bucket, prefixes_are_one_client,
          a_flood_forgets_no_debt_while_a_set_has_full_buckets, connections_keep_their_place, workers_share_a_bucket)
