#include "test.h"

#include "../src/tls.c"

static struct worker worker;

/** Whatever lies in the queue: records hold its bytes in order, and none is larger than TLS allows. */
static void records_hold_the_queue(void) {
    static char expected[1 << 20], got[1 << 20];
    uint64_t random = 21;
    for (int round = 0; round < 300; round++) {
        struct conn c = {.worker = &worker};
        size_t in = 0, out = 0;
        outq_init(&c.out);
        for (int i = 0; i < 60; i++) {
            if (outq_has_room(&c.out)) {
                struct chunk *chunk = chunk_new_sized(&worker.chunks, test_random(&random) % 4 ? CHUNK_BYTES : CHUNK_BULK_BYTES);
                size_t n = test_random(&random) % (test_random(&random) % 2 ? 200 : chunk->cap);
                for (size_t k = 0; k < n; k++) chunk->data[k] = (unsigned char)test_random(&random);
                chunk->fill = (uint32_t)n;
                outq_add(&c.out, &worker.chunks, chunk, chunk->data, n);
                memcpy(expected + in, chunk->data, n);
                in += n;
                chunk_unref(chunk);
                if (in > sizeof expected - CHUNK_BULK_BYTES) break;
            }
            if (!c.out.bytes || test_random(&random) % 3 == 0) continue;
            struct span record = next_record(&c);
            CHECK(record.n > 0 && record.n <= RECORD_BYTES && record.n <= c.out.bytes);
            CHECK(record.n >= RECORD_BYTES / 2 || record.n == c.out.bytes || c.out.count - c.out.next > 1);
            // OpenSSL may take a part of it only.
            size_t taken = test_random(&random) % 5 ? record.n : 1 + test_random(&random) % record.n;
            memcpy(got + out, record.p, taken);
            out += taken;
            outq_consume(&c.out, taken);
        }
        CHECK(in - out == c.out.bytes && memcmp(expected, got, out) == 0);
        outq_clear(&c.out);
        CHECK(worker.chunks.live == 0);
    }
    chunk_pool_clear(&worker.chunks);
    tls_worker_end(&worker);
}

static void select_answers_only_what_it_speaks(void) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL *ssl = SSL_new(ctx);
    struct {
        const char *offer;
        bool http2;
        const char *chosen;  // NULL: an alert
    } cases[] = {
        {"\x02h2\x08http/1.1", true, "h2"},        {"\x02h2\x08http/1.1", false, "http/1.1"}, {"\x08http/1.1\x02h2", true, "h2"},
        {"\x06spdy/3", true, NULL},                {"\x02h2", false, NULL},                   {"\x03h2c\x08http/1.1", true, "http/1.1"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct tls t = {.offers_http2 = cases[i].http2};
        const unsigned char *out = NULL;
        unsigned char n = 0;
        SSL_set_app_data(ssl, &t);
        int r = tls_select_protocol(ssl, &out, &n, (const unsigned char *)cases[i].offer, (unsigned)strlen(cases[i].offer), NULL);
        if (!cases[i].chosen) CHECK(r == SSL_TLSEXT_ERR_ALERT_FATAL);
        else CHECK(r == SSL_TLSEXT_ERR_OK && n == strlen(cases[i].chosen) && memcmp(out, cases[i].chosen, n) == 0);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

TEST_MAIN(records_hold_the_queue, select_answers_only_what_it_speaks)
