#include "loop.h"

#include <time.h>
#include <unistd.h>

#define EVENTS_PER_WAIT 256

uint64_t loop_clock(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t loop_wall_us(void) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

void loop_init(struct loop *l) {
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    BUG_ON(l->epoll < 0);
    l->now = loop_clock();
}

void loop_close(struct loop *l) { close(l->epoll); }

static bool add(struct loop *l, struct watch *w, uint32_t events) {
    struct epoll_event ev = {.events = events, .data.ptr = w};
    return epoll_ctl(l->epoll, EPOLL_CTL_ADD, w->fd, &ev) == 0;
}

bool loop_add(struct loop *l, struct watch *w) { return add(l, w, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET); }

bool loop_add_level(struct loop *l, struct watch *w) { return add(l, w, EPOLLIN); }

void loop_remove(struct loop *l, struct watch *w) {
    int r = epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
    BUG_ON(r < 0);
}

void loop_run_once(struct loop *l, int timeout_ms) {
    struct epoll_event events[EVENTS_PER_WAIT];
    int n = epoll_wait(l->epoll, events, EVENTS_PER_WAIT, timeout_ms);
    BUG_ON(n < 0 && errno != EINTR);
    l->now = loop_clock();
    for (int i = 0; i < n; i++) {
        struct watch *w = events[i].data.ptr;
        if (LIKELY(w->fd >= 0)) w->on_event(w, events[i].events);
    }
}
