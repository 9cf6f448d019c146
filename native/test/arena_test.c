#include "test.h"

#include "../src/arena.c"

static void what_it_gives_is_aligned_zeroed_and_apart(void) {
    struct arena a = {0};
    uint64_t seed = 88172645463325252u;
    unsigned char *before = NULL;
    size_t before_n = 0;
    for (unsigned i = 0; i < 2000; i++) {
        size_t n = test_random(&seed) % (i % 100 ? 300 : 200000);
        unsigned char *p = arena_alloc(&a, n);
        CHECK((uintptr_t)p % _Alignof(max_align_t) == 0);
        for (size_t k = 0; k < n; k++) CHECK(p[k] == 0);
        memset(p, 0xaa, n);
        for (size_t k = 0; k < before_n; k++) CHECK(before[k] == 0xaa);
        before = p;
        before_n = n;
    }
    CHECK(strcmp(arena_dup(&a, (struct span){"abcdef", 3}), "abc") == 0 && strcmp(arena_dup(&a, SPAN("")), "") == 0);
    arena_free(&a);
    arena_free(&(struct arena){0});
}

TEST_MAIN(what_it_gives_is_aligned_zeroed_and_apart)
