#include "test.h"

#include "../src/histogram.c"

static void every_duration_lies_in_its_bucket_and_buckets_are_narrow(void) {
    uint64_t seed = 88172645463325252u;
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t us = test_random(&seed) >> (test_random(&seed) % 64);
        uint16_t index = histogram_index(us);
        CHECK(index < HISTOGRAM_BUCKETS && us >= histogram_lower(index));
        if (index == HISTOGRAM_BUCKETS - 1) continue;
        CHECK(us < histogram_upper(index) && histogram_upper(index) - histogram_lower(index) <= 1 + histogram_lower(index) / 32);
    }
}

static void buckets_follow_one_another(void) {
    for (uint16_t i = 0; i + 1 < HISTOGRAM_BUCKETS; i++) {
        CHECK(histogram_upper(i) == histogram_lower((uint16_t)(i + 1)) && histogram_index(histogram_lower(i)) == i);
        CHECK(histogram_index(histogram_upper(i) - 1) == i);
    }
    CHECK(histogram_index(0) == 0 && histogram_index(31) == 31 && histogram_index(UINT64_MAX) == HISTOGRAM_BUCKETS - 1);
}

TEST_MAIN(every_duration_lies_in_its_bucket_and_buckets_are_narrow, buckets_follow_one_another)
