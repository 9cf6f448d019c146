#include "test.h"

#include <sys/socket.h>
#include <unistd.h>

#include "../src/loop.c"

static unsigned calls;
static uint32_t last;

static void note(struct watch *w, uint32_t events) {
    (void)w;
    calls++;
    last = events;
}

static void an_edge_is_told_once_and_a_level_until_it_is_gone(void) {
    struct loop l;
    int fds[2];
    char byte;
    loop_init(&l);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    struct watch w = {fds[0], note};
    CHECK(loop_add(&l, &w));
    calls = 0;
    loop_run_once(&l, 0);
    CHECK(calls == 1 && last == EPOLLOUT);
    CHECK(write(fds[1], "x", 1) == 1);
    loop_run_once(&l, 0);
    loop_run_once(&l, 0);
    CHECK(calls == 2 && (last & EPOLLIN));
    loop_remove(&l, &w);
    CHECK(loop_add_level(&l, &w));
    loop_run_once(&l, 0);
    loop_run_once(&l, 0);
    CHECK(calls == 4 && last == EPOLLIN);
    CHECK(read(fds[0], &byte, 1) == 1);
    loop_run_once(&l, 0);
    CHECK(calls == 4);
    close(fds[0]);
    close(fds[1]);
    loop_close(&l);
}

static struct watch pair[2];

static void close_the_other(struct watch *w, uint32_t events) {
    (void)events;
    calls++;
    pair[w == &pair[0]].fd = -1;
}

/** Of two that are ready at once the first closes the second: what the kernel had told of it already is not passed on. */
static void nobody_is_told_of_what_was_closed_in_this_round(void) {
    struct loop l;
    int fds[2];
    loop_init(&l);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    for (unsigned i = 0; i < 2; i++) {
        pair[i] = (struct watch){fds[i], close_the_other};
        CHECK(loop_add(&l, &pair[i]));
    }
    calls = 0;
    loop_run_once(&l, 0);
    CHECK(calls == 1);
    close(fds[0]);
    close(fds[1]);
    loop_close(&l);
}

static void time_moves_on_and_a_bad_descriptor_is_told(void) {
    struct loop l;
    loop_init(&l);
    uint64_t before = l.now;
    loop_run_once(&l, 1);
    CHECK(l.now > before && loop_wall_us() > 1600000000000000u);
    CHECK(!loop_add(&l, &(struct watch){-1, note}) && errno == EBADF);
    loop_close(&l);
}

TEST_MAIN(an_edge_is_told_once_and_a_level_until_it_is_gone, nobody_is_told_of_what_was_closed_in_this_round, time_moves_on_and_a_bad_descriptor_is_told)
