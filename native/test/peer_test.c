#include "test.h"

#include <fcntl.h>

#include "../src/peer.c"

#include "fixture.h"

static struct control control;
static struct peer *peer;

static int begin(void) {
    int fds[2];
    control = (struct control){.current = fixture_snapshot("\"nodes\":[],\"capture\":{\"queueBytes\":65536}")};
    loop_init(&control.loop);
    list_init(&control.peers);
    list_init(&control.dead);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    peer_open(&control, fds[0]);
    peer = CONTAINER_OF(control.peers.next, struct peer, link);
    return fds[1];
}

static void turn(void) { loop_run_once(&control.loop, 0); }

static void end(int fd) {
    struct list *l;
    close(fd);
    turn();
    if (!peer->closed) peer_close(peer);
    while ((l = list_shift(&control.dead))) peer_free(CONTAINER_OF(l, struct peer, link));
    snapshot_unref(control.current);
    loop_close(&control.loop);
}

/** The next frame that came; its bytes stay until the next call. */
static uint8_t next_frame(int fd, struct frame_view *view) {
    static unsigned char bytes[1 << 20];
    static size_t have, used;
    static int of = -1;
    if (of != fd) have = used = 0, of = fd;
    memmove(bytes, bytes + used, have -= used);
    used = 0;
    while (frame_peek(bytes, have, view) != FRAME_OK) {
        turn();
        peer_pump(peer);
        ssize_t n = read(fd, bytes + have, sizeof bytes - have);
        if (n <= 0) return 0;
        have += (size_t)n;
    }
    used = view->total;
    return view->type;
}

static void send_config(int fd, uint64_t generation, const char *json) {
    struct frame_buffer out;
    frame_buffer_init(&out);
    frame_encode_config(&out, &(struct frame_config){.generation = generation, .json = frame_bytes(json, strlen(json))});
    CHECK(write(fd, out.data, out.size) == (ssize_t)out.size);
    free(out.data);
}

static void it_says_hello_and_answers_a_config_byte_by_byte(void) {
    struct frame_view view;
    struct frame_config_ack ack;
    int fd = begin();
    CHECK(next_frame(fd, &view) == FRAME_HELLO);
    send_config(fd, 5, "{\"listen\":[{\"address\":\"127.0.0.1\",\"port\":0}],\"nodes\":[{\"name\":\"a\"}]}");
    CHECK(next_frame(fd, &view) == FRAME_CONFIG_ACK && frame_decode_config_ack(view.payload, &ack) == FRAME_OK);
    CHECK(ack.generation == 5 && !ack.ok && memcmp(ack.path.data, "nodes[0].address", ack.path.size) == 0);
    struct frame_buffer out;
    frame_buffer_init(&out);
    static const char json[] = "{\"listen\":[{\"address\":\"127.0.0.1\",\"port\":0}]}";
    frame_encode_config(&out, &(struct frame_config){.generation = 6, .json = frame_bytes(json, sizeof json - 1)});
    for (size_t i = 0; i < out.size; i++) {
        CHECK(write(fd, out.data + i, 1) == 1);
        turn();
    }
    free(out.data);
    CHECK(next_frame(fd, &view) == FRAME_CONFIG_ACK && frame_decode_config_ack(view.payload, &ack) == FRAME_OK && ack.generation == 6 && ack.ok);
    end(fd);
}

/** No bytes of a peer, whatever they are, do more than end its own connection. */
static void rubbish_ends_the_connection(void) {
    uint64_t seed = 88172645463325252u;
    for (unsigned round = 0; round < 300; round++) {
        unsigned char bytes[300];
        int fd = begin();
        size_t n = 1 + test_random(&seed) % sizeof bytes;
        for (size_t i = 0; i < n; i++) bytes[i] = (unsigned char)test_random(&seed);
        // Half of them look like frames.
        if (round % 2 && n > 6) bytes[0] = bytes[1] = bytes[2] = 0, bytes[3] = (unsigned char)(n - 4), bytes[4] = 1;
        CHECK(write(fd, bytes, n) == (ssize_t)n);
        turn();
        end(fd);
    }
    int fd = begin();
    CHECK(write(fd, "\0\0\0\2\1\3", 6) == 6);  // a frame that only the proxy sends
    turn();
    CHECK(peer->closed);
    end(fd);
}

static struct parcel *record(size_t size) {
    struct parcel *p = base_zalloc(sizeof *p);
    *p = (struct parcel){.kind = PARCEL_EXCHANGES, .exchanges = 2, .size = size, .data = base_zalloc(size), .data_size = (uint32_t)size, .refs = 1};
    tee_held += size;
    return p;
}

static void one_that_does_not_read_loses_records_and_is_told(void) {
    struct frame_view view;
    int fd = begin();
    CHECK(next_frame(fd, &view) == FRAME_HELLO);
    peer->exchanges = true;
    for (unsigned i = 0; i < 40; i++) {
        struct parcel *p = record(1 << 20);
        peer_offer(peer, p);
        peer_parcel_unref(p);
    }
    CHECK(peer->dropped > 0 && peer->dropped % 2 == 0 && peer->queued <= 65536 + TELEMETRY_EXTRA + (1 << 20));
    CHECK(peer->queue_count + peer->dropped / 2 == 40);
    peer->exchanges = false;
    end(fd);
    CHECK(tee_held == 0);
}

static void only_what_was_subscribed_to_is_queued(void) {
    int fd = begin();
    uint32_t before = peer->queue_count;
    struct parcel *p = record(10);
    peer_offer(peer, p);
    CHECK(peer->queue_count == before && p->refs == 1);
    peer->exchanges = true;
    peer_offer(peer, p);
    CHECK(peer->queue_count == before + 1 && p->refs == 2);
    peer_parcel_unref(p);
    peer->exchanges = false;
    end(fd);
}

TEST_MAIN(it_says_hello_and_answers_a_config_byte_by_byte, rubbish_ends_the_connection, one_that_does_not_read_loses_records_and_is_told, only_what_was_subscribed_to_is_queued)
