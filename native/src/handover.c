#include "handover.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "frames.h"
#include "listener.h"
#include "loop.h"

/** How long the other side may take for a step: it only has to look at its loop. */
#define PATIENCE_NS 10000000000ull

union control_space {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(HANDOVER_MOST * sizeof(int))];
};

static bool say(char *why, size_t size, const char *what) {
    snprintf(why, size, "%s", what);
    return false;
}

static bool send_frame(int fd, bool ready) {
    struct frame_buffer out;
    frame_buffer_init(&out);
    frame_encode_hand_over(&out, &(struct frame_hand_over){.ready = ready});
    bool ok = send(fd, out.data, out.size, MSG_NOSIGNAL) == (ssize_t)out.size;
    free(out.data);
    return ok;
}

/** Waits until there is something to read. */
static bool wait_readable(int fd, uint64_t deadline) {
    uint64_t now = loop_clock();
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return now < deadline && poll(&p, 1, (int)((deadline - now) / 1000000u) + 1) == 1;
}

/** What came so far. */
struct inbox {
    unsigned char bytes[4096];
    size_t n;
    int fds[HANDOVER_MOST];
    unsigned fd_count;
};

static void keep_descriptors(struct inbox *in, struct msghdr *m) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        unsigned count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (unsigned i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (in->fd_count < HANDOVER_MOST) in->fds[in->fd_count++] = fd;
            else close(fd);
        }
    }
}

/** false: the end, or an error. */
static bool receive(int fd, struct inbox *in) {
    union control_space space;
    struct iovec iov = {in->bytes + in->n, sizeof in->bytes - in->n};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = space.bytes, .msg_controllen = sizeof space.bytes};
    ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    if (n > 0) keep_descriptors(in, &m);
    if (n > 0) in->n += (size_t)n;
    return n > 0;
}

/** Looks for the Listeners frame. 1: found, 0: not yet, -1: rubbish. */
static int find_listeners(const struct inbox *in, struct frame_listeners *out) {
    for (size_t at = 0;;) {
        struct frame_view view;
        enum frame_result r = frame_peek(in->bytes + at, in->n - at, &view);
        if (r == FRAME_INCOMPLETE) return in->n == sizeof in->bytes ? -1 : 0;
        if (r != FRAME_OK) return -1;
        if (view.type == FRAME_LISTENERS) return frame_decode_listeners(view.payload, out) == FRAME_OK ? 1 : -1;
        at += view.total;
    }
}

static void close_descriptors(const struct inbox *in) {
    for (unsigned i = 0; i < in->fd_count; i++) close(in->fds[i]);
}

static bool get_listeners(int fd, struct inbox *in, struct frame_listeners *found) {
    uint64_t deadline = loop_clock() + PATIENCE_NS;
    for (;;) {
        int r = find_listeners(in, found);
        if (r) return r > 0;
        if (!wait_readable(fd, deadline) || !receive(fd, in)) return false;
    }
}

/** A connection to the proxy that runs; -1: there is none. */
static int call(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path) return -1;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

bool handover_ask(struct handover *h, const struct config *config, char *why, size_t size) {
    struct inbox in = {.n = 0};
    struct frame_listeners found;
    h->socket = call(config->control);
    if (h->socket < 0) return true;
    if (!send_frame(h->socket, false) || !get_listeners(h->socket, &in, &found) || found.sockets != in.fd_count) {
        close_descriptors(&in);
        handover_close(h);
        return say(why, size, "the proxy that runs did not hand its sockets over; it may be ending");
    }
    memcpy(h->fds, in.fds, in.fd_count * sizeof *h->fds);
    h->fd_count = in.fd_count;
    h->captured = found.captured;
    return true;
}

bool handover_ready(struct handover *h) {
    struct inbox in = {.n = 0};
    uint64_t deadline = loop_clock() + PATIENCE_NS;
    if (!send_frame(h->socket, true)) return false;
    // Its end of the connection closes when the path is free.
    while (wait_readable(h->socket, deadline)) {
        in.n = 0;
        if (!receive(h->socket, &in)) return true;
    }
    return false;
}

void handover_close(struct handover *h) {
    if (h->socket >= 0) close(h->socket);
    h->socket = -1;
}

/** Those of all workers, which do not change while nothing drains. */
static unsigned collect_listeners(const struct control *c, int *fds, unsigned most) {
    unsigned count = 0;
    for (unsigned i = 0; i < c->worker_count; i++)
        for (unsigned k = 0; k < c->workers[i]->listener_count && count <= most; k++)
            if (count++ < most) fds[count - 1] = c->workers[i]->listeners[k].watch.fd;
    return count;
}

static bool send_listeners(const struct control *c, int socket) {
    int fds[HANDOVER_MOST];
    unsigned count = collect_listeners(c, fds, HANDOVER_MOST);
    union control_space space;
    if (count > HANDOVER_MOST) return false;
    struct frame_buffer out;
    frame_buffer_init(&out);
    frame_encode_listeners(&out, &(struct frame_listeners){.sockets = (uint16_t)count, .captured = c->capture_wanted});
    struct iovec iov = {out.data, out.size};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = space.bytes, .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&m);
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof(int))};
    memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    bool ok = sendmsg(socket, &m, MSG_NOSIGNAL) == (ssize_t)out.size;
    free(out.data);
    return ok;
}

/** Who is at the other end. */
static uint32_t pid_of(int socket) {
    struct ucred who = {0};
    socklen_t length = sizeof who;
    getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &length);
    return (uint32_t)who.pid;
}

bool handover_answer(struct control *c, int socket, bool ready) {
    // Workers close their sockets as they drain.
    if (c->draining) return false;
    if (!ready) return send_listeners(c, socket);
    control_hand_over(c, pid_of(socket));
    return false;
}
