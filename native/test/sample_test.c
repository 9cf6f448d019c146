#include "test.h"

#include "../src/sample.c"

static void address_of(uint64_t n, bool v4, unsigned char out[16]) {
    memset(out, 0, 16);
    if (v4) out[10] = out[11] = 0xff;
    for (unsigned i = 0; i < 4; i++) out[(v4 ? 15 : 7) - i] = (unsigned char)(n >> 8 * i);
}

static void a_share_of_all_is_taken_and_the_same_ones_by_a_larger(void) {
    uint64_t key[2];
    unsigned char address[16];
    sample_key(key, "k");
    for (unsigned v4 = 0; v4 < 2; v4++) {
        unsigned some = 0, more = 0;
        for (unsigned n = 0; n < 10000; n++) {
            address_of(n, v4, address);
            bool in = sample_takes(sample_bound(0.1), key, address), in_more = sample_takes(sample_bound(0.3), key, address);
            CHECK(!in || in_more);
            CHECK(sample_takes(sample_bound(1), key, address) && !sample_takes(sample_bound(0), key, address));
            some += in;
            more += in_more;
        }
        CHECK(some > 800 && some < 1200 && more > 2700 && more < 3300);
    }
}

static void a_key_says_who(void) {
    uint64_t a[2], b[2], own[2], again[2];
    sample_key(a, "a");
    sample_key(b, "b");
    sample_key(own, NULL);
    sample_key(again, NULL);
    CHECK(memcmp(a, b, sizeof a) != 0 && memcmp(own, again, sizeof own) == 0 && (own[0] || own[1]));
    unsigned differ = 0;
    for (unsigned n = 0; n < 1000; n++) {
        unsigned char address[16];
        address_of(n, true, address);
        differ += sample_takes(sample_bound(0.5), a, address) != sample_takes(sample_bound(0.5), b, address);
    }
    CHECK(differ > 400 && differ < 600);
}

static void one_network_of_ipv6_is_one_client(void) {
    uint64_t key[2];
    unsigned char address[16];
    sample_key(key, "k");
    for (unsigned n = 0; n < 100; n++) {
        address_of(n, false, address);
        bool in = sample_takes(sample_bound(0.5), key, address);
        address[15] = 9;
        CHECK(sample_takes(sample_bound(0.5), key, address) == in);
    }
}

TEST_MAIN(a_share_of_all_is_taken_and_the_same_ones_by_a_larger, a_key_says_who, one_network_of_ipv6_is_one_client)
