#include "test.h"

#include "../src/pace.c"

#define S 1000000000ull

static void bytes_buy_time_up_to_the_most(void) {
    CHECK(pace_extend(30 * S, 10 * S, 0, 100, 30 * S) == 30 * S);
    CHECK(pace_extend(30 * S, 10 * S, 100, 100, 30 * S) == 31 * S);
    CHECK(pace_extend(30 * S, 10 * S, 1000000, 100, 30 * S) == 40 * S);
    CHECK(pace_extend(30 * S, 10 * S, UINT64_MAX, 1, 30 * S) == 40 * S);
    CHECK(pace_extend(30 * S, 10 * S, 1, 0, 30 * S) == 40 * S);
    CHECK(pace_extend(30 * S, 10 * S, 1, 1000000000, 30 * S) == 30 * S + 1);
}

/** Whatever the pattern: who keeps the rate is never cut, and who is still waited for has kept it but for the grace. */
static void only_the_rate_counts(void) {
    uint64_t random = 3;
    unsigned cut = 0, kept = 0;
    for (int round = 0; round < 2000; round++) {
        uint64_t rate = 1 + test_random(&random) % 1000, grace = 5 * S, now = S, deadline = now + grace, bytes = 0;
        uint64_t speed = 1 + test_random(&random) % (2 * rate);
        bool alive = true;
        while (now < 600 * S && alive) {
            uint64_t wait = test_random(&random) % (4 * S);
            uint64_t n = (wait * speed + S - 1) / S;
            now += wait;
            alive = now < deadline;
            if (!alive) break;
            bytes += n;
            deadline = pace_extend(deadline, now, n, rate, grace);
            CHECK(deadline <= now + grace);
            CHECK((double)(now - S) <= (double)bytes / (double)rate * 1e9 + (double)grace + 1e6);
        }
        CHECK(alive || speed < rate);
        cut += !alive;
        kept += alive;
    }
    CHECK(cut > 200 && kept > 200);
}

static void a_reader_is_watched_only_while_it_is_behind(void) {
    struct pace_reader r = {0};
    CHECK(!pace_is_slow(&r, S, 1000, 100, 5 * S) && r.deadline == 6 * S);
    CHECK(pace_is_slow(&r, 6 * S, 1000, 100, 5 * S));
    pace_watch(&r, S, 1000, 5 * S);
    CHECK(!pace_is_slow(&r, 6 * S, 1100, 100, 5 * S) && r.deadline == 7 * S);
    // A lump lasts, but not for ever.
    CHECK(!pace_is_slow(&r, 7 * S, 10000000, 100, 5 * S) && r.deadline == 27 * S);
    r.caught_up = true;
    CHECK(!pace_is_slow(&r, 90 * S, 10000000, 100, 5 * S) && r.deadline == 95 * S && !r.caught_up);
    CHECK(pace_is_slow(&r, 95 * S, 10000000, 100, 5 * S));
    pace_watch(&r, S, 0, 5 * S);
    CHECK(!pace_is_slow(&r, 6 * S, 1, 0, 5 * S) && pace_is_slow(&r, 90 * S, 1, 0, 5 * S));
}

static void what_was_earned_outlives_having_caught_up(void) {
    struct pace_reader r = {0};
    pace_watch(&r, S, 0, 5 * S);
    CHECK(!pace_is_slow(&r, 2 * S, 10000000, 100, 5 * S) && r.deadline == 22 * S);
    r.caught_up = true;
    CHECK(!pace_is_slow(&r, 3 * S, 10000000, 100, 5 * S) && r.deadline == 22 * S);
    r.deadline = 0;
    pace_watch(&r, 4 * S, 10000000, 5 * S);
    CHECK(r.deadline == 22 * S && !pace_is_slow(&r, 21 * S, 10000000, 100, 5 * S));
    CHECK(pace_is_slow(&r, 22 * S, 10000000, 100, 5 * S));
    // It is gone with time, and what is watched for from then on has the grace alone.
    pace_watch(&r, 30 * S, 10000000, 5 * S);
    CHECK(r.deadline == 35 * S && pace_is_slow(&r, 35 * S, 10000000, 100, 5 * S));
}

TEST_MAIN(bytes_buy_time_up_to_the_most, only_the_rate_counts, a_reader_is_watched_only_while_it_is_behind,
          what_was_earned_outlives_having_caught_up)
