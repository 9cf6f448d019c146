#include "listener.h"

#include <sys/socket.h>
#include <unistd.h>

#include "cidr.h"
#include "client.h"
#include "client_room.h"
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

/** The first sockets of a place: one for each worker. @param address gets the port */
static bool open_place(struct sockaddr_storage *address, socklen_t length, unsigned workers, int *fds) {
    // SO_REUSEPORT would let a second proxy of the same user bind silently: ask once without it.
    int probe = open_one(address, length, false);
    if (probe < 0) return false;
    socklen_t size = sizeof *address;
    getsockname(probe, (struct sockaddr *)address, &size);
    if (workers == 1) {
        fds[0] = probe;
        return true;
    }
    close(probe);
    for (unsigned i = 0; i < workers; i++) {
        fds[i] = open_one(address, length, true);
        if (fds[i] >= 0) continue;
        while (i--) close(fds[i]);
        return false;
    }
    return true;
}

/** Sockets beside those at a place already, up to one for each worker. */
static bool open_beside(const struct sockaddr_storage *address, socklen_t length, unsigned have, unsigned workers, int *fds) {
    int one = 1;
    // A lone worker's was opened without.
    for (unsigned i = 0; i < have; i++) setsockopt(fds[i], SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    for (unsigned i = have; i < workers; i++) {
        fds[i] = open_one(address, length, true);
        if (fds[i] >= 0) continue;
        while (i-- > have) close(fds[i]);
        return false;
    }
    return true;
}

/** Whether a descriptor is a listening socket at that place. @param address gets where it is */
static bool is_at(const struct config_listen *l, int fd, struct sockaddr_storage *address) {
    socklen_t length = sizeof *address, n = sizeof(int);
    unsigned char wanted[16], found[16];
    int listening = 0;
    *address = (struct sockaddr_storage){0};
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) != 0 || !listening) return false;
    if (getsockname(fd, (struct sockaddr *)address, &length) != 0 || address->ss_family != l->sockaddr.ss_family) return false;
    if (!cidr_bytes(address, found) || !cidr_bytes(&l->sockaddr, wanted) || memcmp(found, wanted, sizeof found) != 0) return false;
    return !l->port || l->port == cidr_port(address);
}

/** Moves what is at a place from `taken` to `fds`: with port 0, what is at the port of the first that is found. */
static unsigned claim(const struct config_listen *l, int *taken, unsigned count, int *fds, struct sockaddr_storage *address) {
    struct config_listen place = *l;
    struct sockaddr_storage found;
    unsigned n = 0;
    for (unsigned i = 0; i < count; i++) {
        if (taken[i] < 0 || !is_at(&place, taken[i], &found)) continue;
        *address = found;
        place.port = cidr_port(&found);
        fds[n++] = taken[i];
        taken[i] = -1;
    }
    return n;
}

static void close_all(int *fds, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        if (fds[i] >= 0) close(fds[i]);
}

static bool open_listen(struct listening_set *set, const struct config *config, unsigned listen, int *taken, unsigned taken_count) {
    const struct config_listen *l = &config->listens[listen];
    struct sockaddr_storage address = l->sockaddr;
    unsigned workers = config->workers;
    int *fds = base_alloc((taken_count + workers) * sizeof *fds);
    unsigned have = claim(l, taken, taken_count, fds, &address);
    bool ok = have ? open_beside(&address, l->sockaddr_length, have, workers, fds) : open_place(&address, l->sockaddr_length, workers, fds);
    unsigned count = ok && have < workers ? workers : have;
    for (unsigned i = 0; i < count; i++) set->sockets[set->count++] = (struct listening){fds[i], listen, i % workers};
    set->ports[listen] = cidr_port(&address);
    free(fds);
    return ok;
}

bool listener_open_all(struct listening_set *set, const struct config *config, int *taken, unsigned taken_count, unsigned *failed) {
    *set = (struct listening_set){
        .sockets = base_alloc((taken_count + config->listen_count * config->workers) * sizeof *set->sockets),
        .ports = base_zalloc(config->listen_count * sizeof *set->ports),
    };
    bool ok = true;
    for (*failed = 0; *failed < config->listen_count; ++*failed)
        if (!(ok = open_listen(set, config, *failed, taken, taken_count))) break;
    int why = errno;
    close_all(taken, taken_count);
    if (!ok) {
        for (unsigned i = 0; i < set->count; i++) close(set->sockets[i].fd);
        listener_forget(set);
    }
    errno = why;
    return ok;
}

void listener_forget(struct listening_set *set) {
    free(set->sockets);
    free(set->ports);
    *set = (struct listening_set){0};
}

static void pause_accepting(struct worker *w) {
    if (w->accept_paused || w->draining) return;
    w->accept_paused = true;
    for (unsigned i = 0; i < w->listener_count; i++) loop_remove(&w->loop, &w->listeners[i].watch);
    wheel_set(&w->wheel, &w->accept_again, w->loop.now + PAUSE_NS);
}

static bool is_full(const struct worker *w) { return worker_connections >= worker_config(w)->limits.connections || worker_connections >= worker_connections_most; }

void listener_accept(struct watch *watch, uint32_t events) {
    const struct listener *l = CONTAINER_OF(watch, struct listener, watch);
    struct worker *w = l->worker;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_RUN; i++) {
        if (UNLIKELY(is_full(w))) {
            // The event tells of one who waits, and of no more: room is made for that one only.
            if (i) return;
            if (!client_room_make(w)) {
                pause_accepting(w);  // the rest waits in the backlog
                return;
            }
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
        client_open(w, fd, &peer, l->listen);
    }
}
