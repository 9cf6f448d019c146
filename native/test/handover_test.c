#include "test.h"

#include "../src/handover.c"

static void put(struct inbox *in, const struct frame_buffer *frame) {
    memcpy(in->bytes + in->n, frame->data, frame->size);
    in->n += frame->size;
}

static void put_hello(struct inbox *in) {
    struct frame_buffer out;
    frame_buffer_init(&out);
    frame_encode_hello(&out, &(struct frame_hello){.pid = 1, .version = frame_text("x"), .workers = 2, .generation = 3});
    put(in, &out);
    free(out.data);
}

static void put_listeners(struct inbox *in, uint16_t sockets) {
    struct frame_buffer out;
    frame_buffer_init(&out);
    frame_encode_listeners(&out, &(struct frame_listeners){.sockets = sockets, .captured = true});
    put(in, &out);
    free(out.data);
}

static void the_sockets_are_found_behind_other_frames_however_they_come(void) {
    struct inbox whole = {.n = 0};
    struct frame_listeners found;
    put_hello(&whole);
    put_listeners(&whole, 7);
    for (size_t n = 0; n < whole.n; n++) {
        struct inbox part = whole;
        part.n = n;
        CHECK(find_listeners(&part, &found) == 0);
    }
    CHECK(find_listeners(&whole, &found) == 1);
    CHECK(found.sockets == 7 && found.captured);
}

static void rubbish_and_more_than_there_is_room_for_are_refused(void) {
    struct frame_listeners found;
    struct inbox in = {.n = 8};
    memset(in.bytes, 0xff, in.n);
    CHECK(find_listeners(&in, &found) == -1);
    // A frame that would be longer than what is kept.
    in = (struct inbox){.n = sizeof in.bytes};
    in.bytes[2] = 0x7f, in.bytes[4] = FRAME_VERSION, in.bytes[5] = FRAME_EXCHANGE;
    CHECK(find_listeners(&in, &found) == -1);
}

static void descriptors_beyond_the_most_are_closed(void) {
    union control_space space;
    struct msghdr m = {.msg_control = space.bytes, .msg_controllen = CMSG_SPACE(2 * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&m);
    int pair[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(2 * sizeof(int))};
    memcpy(CMSG_DATA(header), pair, sizeof pair);
    struct inbox in = {.fd_count = HANDOVER_MOST - 1};
    keep_descriptors(&in, &m);
    CHECK(in.fd_count == HANDOVER_MOST && in.fds[HANDOVER_MOST - 1] == pair[0]);
    char byte;
    CHECK(read(pair[0], &byte, 1) == 0);  // the other end was closed
    close(pair[0]);
}

static void nobody_there_is_no_error(void) {
    struct handover h;
    struct config config = {.control = "/nonexistent/dharma.sock"};
    char why[64] = "";
    CHECK(handover_ask(&h, &config, why, sizeof why));
    CHECK(h.socket == -1 && !*why);
    config.control = NULL;
    CHECK(handover_ask(&h, &config, why, sizeof why) && h.socket == -1);
}

TEST_MAIN(the_sockets_are_found_behind_other_frames_however_they_come, rubbish_and_more_than_there_is_room_for_are_refused, descriptors_beyond_the_most_are_closed, nobody_there_is_no_error)
