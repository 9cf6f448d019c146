#include "test.h"

#include <unistd.h>

#include "../src/tee.c"

#include "fixture.h"

static struct worker w;
static struct client client;
static struct exchange x;

static void begin(uint64_t max_body, uint64_t max_queue) {
    fixture_worker(&w, fixture_snapshot("\"nodes\":[{\"name\":\"a\",\"address\":\"127.0.0.1\",\"port\":1}]"));
    client = (struct client){.conn.worker = &w, .address = "192.0.2.1"};
    x = (struct exchange){.client = &client, .status = 200, .id = 7, .pair = snapshot_pair(w.lease->snapshot, 0, 0)};
    w.tee.on = true;
    w.tee.max_body = max_body;
    w.tee.max_queue = max_queue;
    tee_dropped_total = tee_held = 0;
    mailbox_init(&mailbox_control);
}

static void end(void) {
    CHECK(w.tee.taping == 0 && tee_held == 0);
    fixture_worker_end(&w);
    close(mailbox_control.event);
}

static struct tape *new_tape(void) {
    static const char text[] = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
    struct chunk *c = chunk_new(&w.chunks);
    memcpy(c->data, text, sizeof text - 1);
    c->fill = sizeof text - 1;
    CHECK(http1_parse_request((char *)c->data, c->fill, 0, HTTP1_FIELDS_MAX, &w.head) > 0);
    struct tape *t = tape_new(&w.tee, c, (struct span){(char *)c->data, c->fill}, &w.head);
    chunk_unref(c);
    return t;
}

static void add_body(struct tape *t, const char *bytes, size_t n) {
    struct chunk *c = chunk_new_sized(&w.chunks, n);
    memcpy(c->data, bytes, n);
    c->fill = (uint32_t)n;
    tape_add(t, TAPE_RESPONSE_BODY, c, (struct span){(char *)c->data, n});
    x.response.length += n;
    chunk_unref(c);
}

/** Everything the control thread would send, and gives it back. @return how many frames; *last is the last one, in `bytes` */
static unsigned collect(unsigned char *bytes, size_t room, struct frame_exchange *last) {
    size_t n = 0, at = 0;
    unsigned count = 0;
    tee_flush(&w.tee);
    for (struct parcel *p = mailbox_take(&mailbox_control), *next; p; p = next) {
        next = p->next;
        CHECK(n + p->size <= room);
        memcpy(bytes + n, p->data, p->data_size);
        size_t k = n + p->data_size;
        for (uint32_t i = 0; i < p->piece_count; i++) {
            memcpy(bytes + k, p->pieces[i].p, p->pieces[i].n);
            k += p->pieces[i].n;
        }
        CHECK(k == n + p->size);
        n = k;
        tee_return(p);
    }
    for (struct frame_view view; at < n; at += view.total, count++) {
        CHECK(frame_peek(bytes + at, n - at, &view) == FRAME_OK && view.type == FRAME_EXCHANGE);
        CHECK(frame_decode_exchange(view.payload, last) == FRAME_OK);
    }
    tee_turn(&w.tee, 0);
    return count;
}

static unsigned char out[4 << 20];

static void small_records_share_a_batch_and_large_ones_refer(void) {
    struct frame_exchange last;
    static char body[200000];
    begin(1 << 20, 1 << 24);
    for (size_t i = 0; i < sizeof body; i++) body[i] = (char)(i % 253);
    for (unsigned i = 0; i < 3; i++) {
        struct tape *t = new_tape();
        x.response.length = 0;
        add_body(t, body, 5);
        tape_finish(t, &x, 9);
    }
    CHECK(w.tee.batch && w.tee.batch->exchanges == 3 && !w.tee.batch->pieces);
    struct tape *t = new_tape();
    x.response.length = 0;
    add_body(t, body, sizeof body);
    tape_finish(t, &x, 9);
    CHECK(w.chunks.live > 0 && tee_held > sizeof body);
    CHECK(collect(out, sizeof out, &last) == 4 && w.tee.sent == 4 && w.chunks.live == 0);
    CHECK(last.id == 7 && last.response_body.size == sizeof body && memcmp(last.response_body.data, body, sizeof body) == 0 && last.response_body_hash.size == 0);
    CHECK(last.request_head.size == 28 && last.target.size == 2 && last.flags == 0);
    end();
}

/** Whatever the pieces, a body above the cap is known by its whole length and hash. */
static void a_body_above_the_cap_is_marked_and_hashed(void) {
    static char body[3000];
    uint64_t seed = 88172645463325252u;
    for (size_t i = 0; i < sizeof body; i++) body[i] = (char)test_random(&seed);
    unsigned char hash[32];
    unsigned n;
    CHECK(EVP_Digest(body, sizeof body, hash, &n, EVP_sha256(), NULL) == 1 && n == TAPE_HASH);
    for (unsigned round = 0; round < 50; round++) {
        struct frame_exchange last;
        uint64_t cap = round ? test_random(&seed) % sizeof body : 0;
        begin(cap, 1 << 20);
        struct tape *t = new_tape();
        x.response.length = 0;
        for (size_t at = 0, piece; at < sizeof body; at += piece) {
            piece = 1 + test_random(&seed) % 900;
            if (piece > sizeof body - at) piece = sizeof body - at;
            add_body(t, body + at, piece);
        }
        tape_finish(t, &x, 9);
        CHECK(collect(out, sizeof out, &last) == 1 && last.response_body.size == cap && (!cap || memcmp(last.response_body.data, body, cap) == 0));
        CHECK(last.flags == EXCHANGE_RESPONSE_TRUNCATED && last.response_body_length == sizeof body);
        CHECK(last.response_body_hash.size == TAPE_HASH && memcmp(last.response_body_hash.data, hash, TAPE_HASH) == 0 && last.request_body_hash.size == 0);
        end();
    }
}

static void what_does_not_fit_is_dropped_and_counted(void) {
    struct frame_exchange last;
    static char body[30000];
    begin(1 << 20, 70000);
    for (unsigned i = 0; i < 5; i++) {
        struct tape *t = new_tape();
        x.response.length = 0;
        add_body(t, body, sizeof body);
        tape_finish(t, &x, 9);
    }
    CHECK(w.tee.sent == 2 && w.tee.dropped == 3 && tee_dropped_total == 3);
    CHECK(collect(out, sizeof out, &last) == 2);
    // There is room again.
    struct tape *t = new_tape();
    add_body(t, body, 10);
    tape_finish(t, &x, 9);
    CHECK(collect(out, sizeof out, &last) == 1 && w.tee.sent == 3);
    end();
}

static void a_batch_is_posted_when_it_is_old_enough(void) {
    struct frame_exchange last;
    begin(1 << 20, 1 << 20);
    w.loop.now = 1000;
    CHECK(tee_wait_ms(&w.tee, 1000) == -1);
    tape_finish(new_tape(), &x, 9);
    CHECK(tee_wait_ms(&w.tee, 1000) > 0 && tee_wait_ms(&w.tee, 1000 + BATCH_DELAY_NS) == 0);
    tee_turn(&w.tee, 1000 + BATCH_DELAY_NS - 1);
    CHECK(w.tee.batch && !mailbox_take(&mailbox_control));
    tee_turn(&w.tee, 1000 + BATCH_DELAY_NS);
    CHECK(!w.tee.batch && collect(out, sizeof out, &last) == 1);
    end();
}

TEST_MAIN(small_records_share_a_batch_and_large_ones_refer, a_body_above_the_cap_is_marked_and_hashed, what_does_not_fit_is_dropped_and_counted, a_batch_is_posted_when_it_is_old_enough)
