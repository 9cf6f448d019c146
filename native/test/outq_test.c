#include "test.h"

#include "../src/outq.c"

static struct chunk_pool pool;

/** Sends `n` bytes at most; appends them to out. */
static size_t send_some(struct outq *q, size_t n, char *out) {
    size_t sent = 0;
    while (sent < n && q->bytes) {
        struct segment s = outq_unsent(q, 0);
        size_t take = s.n < n - sent ? s.n : n - sent;
        memcpy(out + sent, s.p, take);
        outq_consume(q, take);
        sent += take;
    }
    return sent;
}

/** Bytes come out as they went in, however they were added and sent, and every chunk comes back. */
static void keeps_order_and_chunks(void) {
    static char expected[4 << 20], got[4 << 20];
    uint64_t random = 3;
    for (int round = 0; round < 50; round++) {
        struct outq q = {0};
        size_t in = 0, out = 0;
        for (int i = 0; i < 400; i++) {
            if (outq_has_room(&q)) {
                struct chunk *c = chunk_new(&pool);
                size_t n = test_random(&random) % 5000;
                for (size_t k = 0; k < n; k++) c->data[k] = (unsigned char)test_random(&random);
                c->fill = (uint32_t)n;
                if (test_random(&random) % 3 == 0) outq_add_copy(&q, &pool, c->data, n);
                else outq_add(&q, &pool, c, c->data, n);
                memcpy(expected + in, c->data, n);
                in += n;
                chunk_unref(c);
                if (test_random(&random) % 4 == 0) {
                    outq_add_static(&q, SPAN("\r\n"));
                    memcpy(expected + in, "\r\n", 2);
                    in += 2;
                }
            }
            out += send_some(&q, test_random(&random) % 9000, got + out);
            CHECK(q.bytes == in - out);
        }
        out += send_some(&q, in, got + out);
        CHECK(in == out && memcmp(expected, got, in) == 0 && pool.live == 0);
    }
    chunk_pool_clear(&pool);
}

static void sends_again_what_it_kept(void) {
    struct outq q = {0}, other = {0};
    char got[64];
    outq_keep(&q);
    outq_add_copy(&q, &pool, "head", 4);
    outq_add_static(&q, SPAN("static"));
    CHECK(send_some(&q, 6, got) == 6 && !outq_untouched(&q));
    outq_rewind(&q);
    CHECK(q.bytes == 10 && outq_untouched(&q));
    outq_move(&other, &q);
    CHECK(send_some(&other, 64, got) == 10 && memcmp(got, "headstatic", 10) == 0);
    outq_add_copy(&other, &pool, "more", 4);
    outq_forget(&other);
    CHECK(send_some(&other, 64, got) == 4 && memcmp(got, "more", 4) == 0);
    outq_clear(&other);
    CHECK(pool.live == 0);
    chunk_pool_clear(&pool);
}

static void note_end(void *owner) { ++*(int *)owner; }

static void gives_up_keeping_when_full(void) {
    struct outq q = {0};
    char got[64];
    outq_keep(&q);
    for (unsigned i = 0; i < OUTQ_SEGMENTS + 3; i++) {
        outq_add_static(&q, SPAN("x"));
        CHECK(send_some(&q, 1, got) == 1);
    }
    CHECK(!q.keep && q.count == 0 && q.bytes == 0);
}

/** Bytes of a file stand in their place, never run together with bytes in memory, and hold on to their chunk until they are sent. */
static void counts_bytes_of_files(void) {
    struct outq q = {0};
    int ended = 0;
    struct chunk *c = chunk_lend(note_end, &ended);
    outq_add_copy(&q, &pool, "head", 4);
    outq_add_file(&q, c, 7, 100, 50);
    outq_add_file(&q, c, 7, 150, 0);
    outq_add_copy(&q, &pool, "tail", 4);
    chunk_unref(c);
    CHECK(q.bytes == 58 && q.count == 3 && outq_unsent(&q, 0).file < 0);
    outq_consume(&q, 14);
    struct segment s = outq_unsent(&q, 0);
    CHECK(s.file == 7 && s.at == 110 && s.n == 40 && !ended);
    CHECK(outq_unsent(&q, 1).file < 0 && outq_unsent(&q, 1).n == 4);
    outq_consume(&q, 40);
    CHECK(ended == 1 && q.bytes == 4 && memcmp(outq_unsent(&q, 0).p, "tail", 4) == 0);
    outq_clear(&q);
    CHECK(pool.live == 0);
    chunk_pool_clear(&pool);
}

TEST_MAIN(keeps_order_and_chunks, sends_again_what_it_kept, gives_up_keeping_when_full, counts_bytes_of_files)
