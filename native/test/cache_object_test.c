#include "test.h"

#include <pthread.h>

#include "cache_store.h"

#include "../src/cache_object.c"

static unsigned char byte_at(uint64_t i) { return (unsigned char)(i * 31 + (i >> 8)); }

/** As a fetch does: reserves, appends. */
static void append(struct cache_body *b, const unsigned char *p, size_t n) {
    while (n) {
        uint64_t wants = b->length == CACHE_NO_LENGTH ? cache_body_wants(b) : 0;
        if (wants) CHECK(cache_store_reserve(wants));
        b->held += wants;
        size_t took = cache_body_append(b, (struct span){(const char *)p, n});
        CHECK(took);
        p += took;
        n -= took;
    }
}

static void check_whole(const struct cache_body *b, uint64_t from, uint64_t length) {
    struct cache_cursor cursor = {0};
    for (uint64_t at = from; at < length;) {
        struct span s = cache_body_read(b, &cursor, at);
        CHECK(s.n && at + s.n <= length);
        for (size_t i = 0; i < s.n; i++) CHECK((unsigned char)s.p[i] == byte_at(at + i));
        at += s.n;
    }
    CHECK(!cache_body_read(b, &cursor, length).n);
}

static void what_was_appended_is_read(void) {
    static unsigned char bytes[1000000];
    uint64_t seed = 88172645463325252u;
    cache_store_configure(1 << 30);
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = byte_at(i);
    for (unsigned round = 0; round < 40; round++) {
        uint64_t length = round < 4 ? round : test_random(&seed) % sizeof bytes;
        bool told = round % 2;
        struct cache_body *b = cache_body_new(told ? length : CACHE_NO_LENGTH);
        if (told) {
            CHECK(cache_store_reserve(length));
            b->held = length;
        }
        for (uint64_t at = 0; at < length;) {
            size_t n = 1 + test_random(&seed) % 60000;
            if (at + n > length) n = (size_t)(length - at);
            append(b, bytes + at, n);
            at += n;
            CHECK(b->fill == at);
        }
        cache_body_end(b);
        CHECK(b->length == length);
        check_whole(b, 0, length);
        check_whole(b, length / 2, length);
        cache_body_unref(b);
    }
    struct cache_store_counts counts;
    cache_store_read_counts(&counts);
    CHECK(counts.bytes == 0);
    cache_store_close();
}

#define SHARED 3000000u

static void *read_along(void *data) {
    const struct cache_body *b = data;
    struct cache_cursor cursor = {0};
    for (uint64_t at = 0; at < SHARED;) {
        struct span s = cache_body_read(b, &cursor, at);
        for (size_t i = 0; i < s.n; i++) CHECK((unsigned char)s.p[i] == byte_at(at + i));
        at += s.n;
    }
    return NULL;
}

static void others_read_while_it_grows(void) {
    static unsigned char piece[4096];
    pthread_t readers[2];
    cache_store_configure(1 << 30);
    struct cache_body *b = cache_body_new(CACHE_NO_LENGTH);
    for (unsigned i = 0; i < 2; i++) CHECK(pthread_create(&readers[i], NULL, read_along, b) == 0);
    for (uint64_t at = 0; at < SHARED; at += sizeof piece) {
        for (size_t i = 0; i < sizeof piece; i++) piece[i] = byte_at(at + i);
        append(b, piece, sizeof piece);
    }
    for (unsigned i = 0; i < 2; i++) pthread_join(readers[i], NULL);
    cache_body_unref(b);
    cache_store_close();
}

TEST_MAIN(what_was_appended_is_read, others_read_while_it_grows)
