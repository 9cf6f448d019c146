#include "test.h"

#include <fcntl.h>

#include "../src/conn.c"

#include "fixture.h"

static struct worker w;
static unsigned runs, freed;

static void run(struct conn *c) {
    (void)c;
    runs++;
}

static void free_conn(struct conn *c) {
    free(c);
    freed++;
}

static void expire(struct timer *t, uint64_t now) { (void)t, (void)now; }

/** A connection and its peer's socket. */
static struct conn *begin(int *peer) {
    int fds[2];
    fixture_worker(&w, fixture_snapshot("\"nodes\":[]"));
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    struct conn *c = base_zalloc(sizeof *c);
    CHECK(conn_open(c, &w, fds[0], run, free_conn, expire));
    *peer = fds[1];
    runs = freed = 0;
    loop_run_once(&w.loop, 0);
    return c;
}

static void end(struct conn *c, int peer) {
    conn_close(c);
    conn_close(c);
    CHECK(freed == 0);
    fixture_worker_end(&w);
    CHECK(freed == 1);
    close(peer);
}

static void what_comes_is_read_until_there_is_no_more(void) {
    int peer;
    struct conn *c = begin(&peer);
    CHECK(runs == 1 && c->writable && !c->readable && conn_fill(c, 0) == FILL_NONE);
    CHECK(write(peer, "hello", 5) == 5);
    loop_run_once(&w.loop, 0);
    CHECK(c->readable && conn_fill(c, 0) == FILL_DATA && conn_unread(c) == 5 && memcmp(conn_bytes(c), "hello", 5) == 0);
    CHECK(conn_fill(c, 0) == FILL_NONE && !c->readable);
    conn_use(c, 2);
    CHECK(conn_unread(c) == 3 && *conn_bytes(c) == 'l');
    conn_use(c, 3);
    CHECK(!c->in && w.chunks.live == 0);
    shutdown(peer, SHUT_WR);
    loop_run_once(&w.loop, 0);
    CHECK(c->hup && conn_fill(c, 0) == FILL_END && c->eof && !c->failed);
    end(c, peer);
}

/** A head must stay in one piece, and not grow beyond its limit. */
static void the_buffer_grows_for_a_head_up_to_its_limit(void) {
    int peer;
    struct conn *c = begin(&peer);
    static char bytes[100000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 7);
    for (size_t sent = 0; sent < sizeof bytes;) {
        ssize_t n = write(peer, bytes + sent, sizeof bytes - sent);
        if (n > 0) sent += (size_t)n;
        loop_run_once(&w.loop, 0);
        enum conn_fill r;
        while ((r = conn_fill(c, 60000)) == FILL_DATA) {}
        if (r == FILL_FULL) break;
    }
    CHECK(conn_unread(c) >= 60000 && conn_unread(c) <= 130000 && memcmp(conn_bytes(c), bytes, conn_unread(c)) == 0);
    end(c, peer);
}

static void output_waits_for_room_and_keeps_its_order(void) {
    int peer;
    struct conn *c = begin(&peer);
    static char got[400000];
    size_t put = 0, n = 0;
    char piece[1000];
    while (put < sizeof got) {
        while (put < sizeof got && outq_has_room(&c->out)) {
            for (size_t i = 0; i < sizeof piece; i++) piece[i] = (char)((put + i) % 251);
            outq_add_copy(&c->out, &w.chunks, piece, sizeof piece);
            put += sizeof piece;
        }
        conn_flush(c);
        if (c->out.bytes) CHECK(!c->writable);
        ssize_t r = read(peer, got + n, sizeof got - n);
        if (r > 0) n += (size_t)r;
        loop_run_once(&w.loop, 0);
    }
    for (;;) {
        conn_flush(c);
        ssize_t r = read(peer, got + n, sizeof got - n);
        if (r <= 0) break;
        n += (size_t)r;
        loop_run_once(&w.loop, 0);
    }
    CHECK(n == sizeof got && !conn_unsent(c));
    for (size_t i = 0; i < n; i++) CHECK(got[i] == (char)(i % 251));
    end(c, peer);
}

static void a_peer_that_is_gone_cuts_the_output(void) {
    int peer;
    struct conn *c = begin(&peer);
    close(peer);
    outq_add_copy(&c->out, &w.chunks, "x", 1);
    conn_flush(c);
    CHECK(c->cut && c->hup && conn_unsent(c) && conn_is_stale(c));
    end(c, dup(0));
}

/** What is sent from a file that has become too short is an error, not fewer bytes. */
static void a_file_is_sent_by_the_kernel_and_must_be_as_long_as_was_said(void) {
    int peer;
    struct conn *c = begin(&peer);
    char name[] = "/tmp/dharma-conn-XXXXXX", got[64];
    int file = mkstemp(name);
    unlink(name);
    CHECK(write(file, "0123456789", 10) == 10);
    struct chunk *held = chunk_new(&w.chunks);
    outq_add_copy(&c->out, &w.chunks, "head:", 5);
    outq_add_file(&c->out, held, file, 3, 7);
    while (c->out.bytes) conn_flush(c);
    CHECK(read(peer, got, sizeof got) == 12 && memcmp(got, "head:3456789", 12) == 0 && !c->cut);
    outq_add_file(&c->out, held, file, 8, 7);
    for (unsigned i = 0; i < 4; i++) conn_flush(c);
    CHECK(c->cut && read(peer, got, sizeof got) == 2);
    chunk_unref(held);
    close(file);
    end(c, peer);
}

static ssize_t no_read(struct conn *c, void *out, size_t n) {
    (void)c, (void)out, (void)n;
    errno = EAGAIN;
    return -1;
}
static unsigned flushes, closes;
static void layer_flush(struct conn *c) {
    flushes++;
    outq_clear(&c->out);
}
static bool layer_holds(const struct conn *c) {
    (void)c;
    return false;
}
static void layer_shutdown(struct conn *c) { (void)c; }
static void layer_close(struct conn *c, bool reset) {
    (void)c;
    closes += reset ? 100 : 1;
}

static void a_layer_stands_in_the_sockets_place(void) {
    static const struct conn_layer layer = {no_read, layer_flush, layer_holds, layer_shutdown, layer_close};
    fixture_worker(&w, fixture_snapshot("\"nodes\":[]"));
    struct conn *c = base_zalloc(sizeof *c);
    freed = 0;
    conn_open_layer(c, &w, &layer, run, free_conn, expire);
    outq_add_copy(&c->out, &w.chunks, "x", 1);
    conn_mark_dirty(c);
    conn_mark_dirty(c);
    CHECK(!list_empty(&w.dirty));
    conn_flush(c);
    c->readable = true;
    CHECK(flushes == 1 && !conn_unsent(c) && conn_fill(c, 0) == FILL_NONE);
    conn_reset_on_close(c);
    conn_close(c);
    CHECK(closes == 100 && list_empty(&w.dirty));
    conn_run_again(c);
    CHECK(list_empty(&w.again));
    fixture_worker_end(&w);
    CHECK(freed == 1);
}

TEST_MAIN(what_comes_is_read_until_there_is_no_more, the_buffer_grows_for_a_head_up_to_its_limit, output_waits_for_room_and_keeps_its_order, a_peer_that_is_gone_cuts_the_output,
          a_file_is_sent_by_the_kernel_and_must_be_as_long_as_was_said, a_layer_stands_in_the_sockets_place)
