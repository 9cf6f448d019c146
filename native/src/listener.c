#include "listener.h"

#include <sys/socket.h>
#include <unistd.h>

#include "cidr.h"
#include "client.h"
#include "worker.h"

/** Accepted per wake-up, so that a flood of connections does not hold up those already here. */
#define ACCEPTS_PER_RUN 64
/** Pause after the process ran out of descriptors. */
#define PAUSE_NS 100000000ull

static int open_one(const struct sockaddr_storage *address, socklen_t length, bool share) {
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (address->ss_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (share) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (bind(fd, (const struct sockaddr *)address, length) == 0 && listen(fd, SOMAXCONN) == 0) return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

bool listener_open(const struct config_listen *l, unsigned workers, int *fds, uint16_t *port) {
    struct sockaddr_storage address = l->sockaddr;
    // SO_REUSEPORT would let a second proxy of the same user bind silently: ask once without it.
    int probe = open_one(&address, l->sockaddr_length, false);
    if (probe < 0) return false;
    socklen_t length = sizeof address;
    getsockname(probe, (struct sockaddr *)&address, &length);
    *port = cidr_port(&address);
    if (workers == 1) {
        fds[0] = probe;
        return true;
    }
    close(probe);
    for (unsigned i = 0; i < workers; i++) {
        fds[i] = open_one(&address, l->sockaddr_length, true);
        if (fds[i] >= 0) continue;
        while (i--) close(fds[i]);
        return false;
    }
    return true;
}

bool listener_is(const struct config_listen *l, int fd, uint16_t *port) {
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address, n = sizeof(int);
    unsigned char wanted[16], found[16];
    int listening = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) != 0 || !listening) return false;
    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0 || address.ss_family != l->sockaddr.ss_family) return false;
    if (!cidr_bytes(&address, found) || !cidr_bytes(&l->sockaddr, wanted) || memcmp(found, wanted, sizeof found) != 0) return false;
    *port = cidr_port(&address);
    return !l->port || l->port == *port;
}

static void pause_accepting(struct worker *w) {
    if (w->accept_paused || w->draining) return;
    w->accept_paused = true;
    for (unsigned i = 0; i < w->listener_count; i++) loop_remove(&w->loop, &w->listeners[i].watch);
    wheel_set(&w->wheel, &w->accept_again, w->loop.now + PAUSE_NS);
}

void listener_accept(struct watch *watch, uint32_t events) {
    const struct listener *l = CONTAINER_OF(watch, struct listener, watch);
    struct worker *w = l->worker;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_RUN; i++) {
        if (worker_connections >= worker_config(w)->limits.connections) {
            pause_accepting(w);  // the rest waits in the backlog
            return;
        }
        struct sockaddr_storage peer = {0};
        socklen_t length = sizeof peer;
        int fd = accept4(watch->fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) pause_accepting(w);
            if (errno != EINTR && errno != ECONNABORTED) return;
            continue;
        }
        worker_connections++;
        client_open(w, fd, &peer, (unsigned)(l - w->listeners));
    }
}
