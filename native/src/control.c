#include "control.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cache_disk.h"
#include "cache_store.h"
#include "frames.h"
#include "peer.h"

/** After the workers have ended, peers get this long to read what is queued for them. */
#define FAREWELL_NS 1000000000ull
/** How long a subscriber of exchanges of the process before is awaited: it is told to come, and has only to connect. */
#define AWAIT_NS 5000000000ull

static sigset_t control_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

void control_block_signals(void) {
    sigset_t set = control_signals();
    signal(SIGPIPE, SIG_IGN);
    BUG_ON(sigprocmask(SIG_BLOCK, &set, NULL) != 0);
}

static void order_next(struct worker_orders *orders, void *data) {
    if (orders->next) snapshot_unref(orders->next);
    orders->next = snapshot_ref(data);
}

static void order_drain(struct worker_orders *orders, void *data) {
    (void)data;
    orders->drain = true;
    orders->yield = false;
}

static void order_stop(struct worker_orders *orders, void *data) {
    (void)data;
    orders->stop = true;
}

static void order_capture(struct worker_orders *orders, void *data) { orders->capture = *(bool *)data; }

static void order_telemetry(struct worker_orders *orders, void *data) {
    (void)data;
    orders->telemetry = true;
}

static void order_all(struct control *c, void (*change)(struct worker_orders *orders, void *data), void *data) {
    for (unsigned i = 0; i < c->worker_count; i++)
        if (!c->workers[i]->ended) worker_order(c->workers[i], change, data);
}

uint64_t control_publish(struct control *c, struct config *config, uint64_t generation, struct config_error *error) {
    if (!config_may_replace(c->current->config, config, error)) {
        config_free(config);
        return 0;
    }
    struct snapshot *next = snapshot_build(config, generation, c->current, error);
    if (!next) return 0;
    snapshot_unref(c->current);
    c->current = next;
    cache_store_configure(config->cache.memory_bytes);
    order_all(c, order_next, next);
    return next->serial;
}

bool control_in_force(const struct control *c, uint64_t serial) {
    for (unsigned i = 0; i < c->worker_count; i++)
        if (c->workers[i]->adopted < serial && !c->workers[i]->ended) return false;
    return true;
}

/** The subscriber who was awaited gets what was kept; NULL: nobody came. */
static void end_await(struct control *c, struct peer *subscriber) {
    if (subscriber) subscriber->dropped_seen = 0;
    for (unsigned i = 0; i < c->kept_count; i++) {
        if (subscriber) peer_offer(subscriber, c->kept[i]);
        peer_parcel_unref(c->kept[i]);
    }
    free(c->kept);
    c->kept = NULL;
    c->kept_count = 0;
    c->await_until = 0;
}

static void keep(struct control *c, struct parcel *p) {
    if (c->kept_count == c->kept_cap) {
        c->kept_cap = c->kept_cap ? c->kept_cap * 2 : 16;
        c->kept = base_realloc(c->kept, c->kept_cap * sizeof *c->kept);
    }
    p->refs++;
    c->kept[c->kept_count++] = p;
}

void control_await_subscriber(struct control *c) {
    c->await_until = loop_clock() + AWAIT_NS;
    c->capture_wanted = true;
    order_all(c, order_capture, &c->capture_wanted);
}

void control_subscriptions_changed(struct control *c) {
    struct peer *subscriber = NULL;
    for (struct list *l = c->peers.next; l != &c->peers; l = l->next)
        if (CONTAINER_OF(l, struct peer, link)->exchanges) subscriber = CONTAINER_OF(l, struct peer, link);
    if (c->await_until && subscriber) end_await(c, subscriber);
    bool wanted = subscriber || c->await_until;
    if (wanted == c->capture_wanted) return;
    c->capture_wanted = wanted;
    order_all(c, order_capture, &c->capture_wanted);
}

static void reload_file(struct control *c) {
    struct config_error error;
    struct config *config = config_load(c->config_file, &error);
    // The file has no generation of its own: the one in force stays, so that an agent sees what it set last.
    if (config && control_publish(c, config, c->current->generation, &error)) {
        fprintf(stderr, "{\"event\":\"reloaded\",\"nodes\":%u,\"routes\":%u}\n", c->current->node_count, c->current->config->route_count);
        return;
    }
    fprintf(stderr, "dharma-proxy: %s not taken, the old config stays: %s%s%s\n", c->config_file, error.path, *error.path ? ": " : "", error.message);
}

static void begin_drain(struct control *c) {
    if (c->draining && !c->yielded) {
        order_all(c, order_stop, NULL);  // asked twice: at once
        return;
    }
    c->yielded = false;
    c->draining = true;
    order_all(c, order_drain, NULL);
    wheel_set(&c->wheel, &c->drain_end, c->loop.now + c->current->config->drain_timeout);
}

static void order_yield(struct worker_orders *orders, void *data) {
    (void)data;
    orders->drain = orders->yield = true;
}

static void pump_peers(struct control *c) {
    for (struct list *l = c->peers.next, *next; l != &c->peers; l = next) {
        next = l->next;
        peer_pump(CONTAINER_OF(l, struct peer, link));
    }
}

void control_hand_over(struct control *c, uint32_t pid) {
    BUG_ON(c->draining || !c->socket_path);
    cache_disk_yield();
    loop_remove(&c->loop, &c->listener);
    close(c->listener.fd);
    unlink(c->socket_path);
    free((void *)(uintptr_t)c->socket_path);
    c->socket_path = NULL;
    c->draining = c->yielded = true;
    order_all(c, order_yield, NULL);
    for (struct list *l = c->peers.next; l != &c->peers; l = l->next) peer_handed_over(CONTAINER_OF(l, struct peer, link), pid);
    pump_peers(c);
    fprintf(stderr, "{\"event\":\"handed over\"}\n");
}

static void on_drain_end(struct timer *t, uint64_t now) {
    struct control *c = CONTAINER_OF(t, struct control, drain_end);
    (void)now;
    order_all(c, order_stop, NULL);
}

static void on_signal(struct watch *w, uint32_t events) {
    struct control *c = CONTAINER_OF(w, struct control, signals);
    struct signalfd_siginfo info;
    (void)events;
    while (read(w->fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP) reload_file(c);
        else begin_drain(c);
    }
}

static void on_mail(struct watch *w, uint32_t events) {
    struct control *c = CONTAINER_OF(w, struct control, mailbox);
    (void)events;
    for (struct parcel *p = mailbox_take(&mailbox_control), *next; p; p = next) {
        next = p->next;
        p->next = NULL;
        p->refs = 1;
        if (c->await_until && p->kind == PARCEL_EXCHANGES) keep(c, p);
        else if (p->size)
            for (struct list *l = c->peers.next; l != &c->peers; l = l->next) peer_offer(CONTAINER_OF(l, struct peer, link), p);
        peer_parcel_unref(p);
    }
    pump_peers(c);
}

static void on_tick(struct timer *t, uint64_t now) {
    struct control *c = CONTAINER_OF(t, struct control, tick);
    bool wanted = false;
    for (struct list *l = c->peers.next; l != &c->peers; l = l->next) wanted = wanted || CONTAINER_OF(l, struct peer, link)->telemetry;
    if (wanted) order_all(c, order_telemetry, NULL);
    if (c->await_until && now > c->await_until) {
        end_await(c, NULL);
        control_subscriptions_changed(c);
    }
    pump_peers(c);
    wheel_set(&c->wheel, &c->tick, now + c->current->config->telemetry_interval);
}

static void on_accept(struct watch *w, uint32_t events) {
    struct control *c = CONTAINER_OF(w, struct control, listener);
    (void)events;
    int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) peer_open(c, fd);
}

/** Whether a proxy listens on the socket already; a stale file is removed. */
static bool in_use(const struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool used = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    struct stat st;
    if (!used && errno == ECONNREFUSED && stat(address->sun_path, &st) == 0 && S_ISSOCK(st.st_mode)) unlink(address->sun_path);
    close(fd);
    return used;
}

bool control_open(struct control *c, const char *path, char *why, size_t size) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (in_use(&address)) {
        snprintf(why, size, "control socket %s: another proxy listens there", path);
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t old = umask(0177);
    bool ok = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 16) == 0;
    int error = errno;
    umask(old);
    if (ok) {
        c->listener = (struct watch){fd, on_accept};
        c->socket_path = path;
        return true;
    }
    if (fd >= 0) close(fd);
    snprintf(why, size, "control socket %s: %s", path, strerror(error));
    return false;
}

static bool all_ended(const struct control *c) {
    for (unsigned i = 0; i < c->worker_count; i++)
        if (!c->workers[i]->ended) return false;
    return true;
}

static void bury(struct control *c) {
    struct list *l;
    while ((l = list_shift(&c->dead))) peer_free(CONTAINER_OF(l, struct peer, link));
}

static void turn(struct control *c, uint64_t wait_until) {
    int wait = wheel_wait_ms(&c->wheel, c->loop.now);
    if (wait_until) {
        int left = wait_until > c->loop.now ? (int)((wait_until - c->loop.now) / 1000000u) + 1 : 0;
        if (wait < 0 || left < wait) wait = left;
    }
    loop_run_once(&c->loop, wait);
    wheel_advance(&c->wheel, c->loop.now);
    bury(c);
}

static bool has_output(const struct control *c) {
    for (struct list *l = c->peers.next; l != &c->peers; l = l->next)
        if (CONTAINER_OF(l, struct peer, link)->queue_count) return true;
    return false;
}

void control_run(struct control *c) {
    loop_init(&c->loop);
    wheel_init(&c->wheel, c->loop.now);
    list_init(&c->peers);
    list_init(&c->dead);
    timer_init(&c->tick, on_tick);
    timer_init(&c->drain_end, on_drain_end);
    sigset_t set = control_signals();
    c->signals = (struct watch){signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), on_signal};
    c->mailbox = (struct watch){mailbox_control.event, on_mail};
    BUG_ON(!loop_add_level(&c->loop, &c->signals) || !loop_add_level(&c->loop, &c->mailbox));
    if (c->socket_path) BUG_ON(!loop_add_level(&c->loop, &c->listener));
    wheel_set(&c->wheel, &c->tick, c->loop.now + c->current->config->telemetry_interval);
    while (!all_ended(c)) turn(c, 0);
    on_mail(&c->mailbox, 0);
    for (uint64_t end = c->loop.now + FAREWELL_NS; has_output(c) && c->loop.now < end;) turn(c, end);
    while (!list_empty(&c->peers)) peer_close(CONTAINER_OF(c->peers.next, struct peer, link));
    end_await(c, NULL);
    on_mail(&c->mailbox, 0);
    bury(c);
    if (c->socket_path) {
        unlink(c->socket_path);
        close(c->listener.fd);
    }
    close(c->signals.fd);
    loop_close(&c->loop);
}
