#include "test.h"

#include "../src/siphash.c"

/** Vectors of the authors' reference implementation: key 00 01 .. 0f, input 00 01 .. (n - 1). */
static void it_gives_the_reference_vectors(void) {
    static const struct {
        size_t n;
        uint64_t hash;
    } known[] = {{0, 0x726fdb47dd0e0e31u}, {1, 0x74f839c593dc67fdu}, {7, 0xab0200f58b01d137u}, {8, 0x93f5f5799a932462u}, {15, 0xa129ca6149be45e5u}, {16, 0x3f2acc7f57c29bdbu}};
    unsigned char bytes[64];
    for (unsigned i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)i;
    const uint64_t key[2] = {siphash_word(bytes), siphash_word(bytes + 8)};
    for (unsigned i = 0; i < COUNT_OF(known); i++) CHECK(siphash(key, bytes, known[i].n) == known[i].hash);
}

static void pieces_make_the_whole(void) {
    unsigned char bytes[200];
    uint64_t seed = 88172645463325252u;
    for (unsigned i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)test_random(&seed);
    const uint64_t key[2] = {3, 4};
    for (unsigned round = 0; round < 500; round++) {
        struct siphash h;
        size_t n = test_random(&seed) % sizeof bytes;
        siphash_begin(&h, key);
        for (size_t at = 0, piece; at < n; at += piece) {
            piece = test_random(&seed) % 20;
            if (piece > n - at) piece = n - at;
            siphash_add(&h, bytes + at, piece);
        }
        CHECK(siphash_end(&h) == siphash(key, bytes, n));
    }
}

TEST_MAIN(it_gives_the_reference_vectors, pieces_make_the_whole)
