#include "test.h"

#include "../src/wheel.c"

static unsigned fired;
static uint64_t fired_at;

static void fire(struct timer *t, uint64_t now) {
    (void)t;
    fired++;
    fired_at = now;
}

#define TICK (1ull << WHEEL_TICK_SHIFT)

/** Never before its deadline, at most two ticks after, wherever it lies. */
static void fires_in_time(void) {
    struct wheel w;
    struct timer t;
    uint64_t random = 7;
    for (int i = 0; i < 300; i++) {
        uint64_t now = test_random(&random) % (1ull << 50), deadline = now + test_random(&random) % (3 * WHEEL_SLOTS * TICK);
        wheel_init(&w, now);
        timer_init(&t, fire);
        wheel_set(&w, &t, deadline);
        fired = 0;
        while (!fired) {
            int ms = wheel_wait_ms(&w, now);
            CHECK(ms >= 0 && ms < 80000);
            now += (uint64_t)ms * 1000000u;
            wheel_advance(&w, now);
            CHECK(now < deadline + 3 * TICK || fired);
        }
        CHECK(fired == 1 && fired_at >= deadline && fired_at <= deadline + 3 * TICK);
        CHECK(wheel_wait_ms(&w, now) == -1);
    }
}

static void can_be_put_off_and_brought_forward(void) {
    struct wheel w;
    struct timer t;
    wheel_init(&w, 0);
    timer_init(&t, fire);
    fired = 0;
    wheel_set(&w, &t, 10 * TICK);
    wheel_set(&w, &t, 100 * TICK);
    wheel_advance(&w, 50 * TICK);
    CHECK(!fired);
    wheel_set(&w, &t, 60 * TICK);
    wheel_advance(&w, 62 * TICK);
    CHECK(fired == 1);
    wheel_set(&w, &t, 80 * TICK);
    wheel_cancel(&t);
    wheel_set(&w, &t, WHEEL_NEVER);
    wheel_advance(&w, 5000 * TICK);
    CHECK(fired == 1);
}

static void survives_a_long_sleep(void) {
    struct wheel w;
    struct timer a, b;
    wheel_init(&w, 0);
    timer_init(&a, fire);
    timer_init(&b, fire);
    fired = 0;
    wheel_set(&w, &a, 5 * TICK);
    wheel_set(&w, &b, 900 * TICK);
    wheel_advance(&w, 1000000 * TICK);
    wheel_advance(&w, 1001100 * TICK);
    CHECK(fired == 2);
}

TEST_MAIN(fires_in_time, can_be_put_off_and_brought_forward, survives_a_long_sleep)
