#include "test.h"

#include "../src/chunk.c"

static void a_pool_uses_chunks_again_and_knows_what_is_out(void) {
    struct chunk_pool pool = {0};
    struct chunk *a = chunk_new(&pool), *b = chunk_new_sized(&pool, 100), *bulk = chunk_new_sized(&pool, CHUNK_BULK_BYTES), *huge = chunk_new_sized(&pool, 1000000);
    CHECK(a->cap == CHUNK_BYTES && b->cap == CHUNK_BYTES && bulk->cap == CHUNK_BULK_BYTES && huge->cap == 1000000 && pool.live == 4);
    chunk_unref(chunk_ref(a));
    CHECK(pool.live == 4 && a->refs == 1);
    a->fill = 7;
    chunk_unref(a);
    chunk_unref(bulk);
    chunk_unref(huge);
    CHECK(pool.live == 1 && pool.free_count == 1 && pool.free_bulk_count == 1);
    struct chunk *again = chunk_new(&pool);
    CHECK(again == a && again->fill == 0 && again->refs == 1 && !again->next && pool.free_count == 0);
    chunk_unref(again);
    chunk_unref(b);
    chunk_pool_clear(&pool);
    CHECK(!pool.live && !pool.free && !pool.free_bulk);
}

static void what_is_kept_for_later_is_bounded(void) {
    struct chunk_pool pool = {0};
    struct chunk *all[FREE_MAX + 10];
    for (unsigned i = 0; i < COUNT_OF(all); i++) all[i] = chunk_new(&pool);
    for (unsigned i = 0; i < COUNT_OF(all); i++) chunk_unref(all[i]);
    CHECK(pool.free_count == FREE_MAX && pool.live == 0);
    chunk_pool_clear(&pool);
}

static void count(void *owner) { ++*(unsigned *)owner; }

static void a_loan_ends_with_its_last_reference(void) {
    unsigned ended = 0;
    struct chunk *c = chunk_lend(count, &ended);
    chunk_ref(c);
    chunk_unref(c);
    CHECK(ended == 0);
    chunk_unref(c);
    CHECK(ended == 1);
}

TEST_MAIN(a_pool_uses_chunks_again_and_knows_what_is_out, what_is_kept_for_later_is_bounded, a_loan_ends_with_its_last_reference)
