#include "relay.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "endpoint.h"
#include "fail.h"
#include "side.h"

enum {
    EVENTS_PER_TURN = 128,
    /* A unix socket whose backlog is full, and a port nobody serves yet, cannot be waited for, only looked at again. */
    RETRY_MS = 5
};

struct listener {
    enum relay_kind kind;
    int fd;
    bool paused; /* out of descriptors: waits until a connection ends */
    bool inward;
    bool waiting; /* inward, and CMD does not listen yet: nobody is let in */
    struct port_path target;
};

enum stage { CONNECTING, CONNECTING_V6, RETRYING, OPEN, CLOSED };

/* An accepted connection and the one made for it. */
struct link {
    struct side accepted, made;
    enum stage stage;
    const struct listener *listener;
    struct link *next, *previous;
};

struct relay {
    int epoll;
    struct listener *listeners;
    size_t listener_count;
    struct link *links;  /* open ones */
    struct link *closed; /* freed at the end of the turn: events may still name them */
    size_t retrying;
    size_t waiting;
    bool stopped;
    char scratch[SIDE_BUFFER];
};

static void watch(struct relay *relay, struct side *side, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = side};
    int operation = side->events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;

    if (events == side->events)
        return;
    /* Not merely asked for nothing: a hang-up is reported even then, over and over. */
    if (epoll_ctl(relay->epoll, operation, side->fd, &event) != 0)
        fail("relay: epoll", errno);
    side->events = events;
}

static void watch_listener(struct relay *relay, struct listener *listener)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = listener};

    if (epoll_ctl(relay->epoll, EPOLL_CTL_ADD, listener->fd, &event) != 0)
        fail("relay: epoll", errno);
    listener->paused = false;
}

static void resume_listeners(struct relay *relay)
{
    if (relay->stopped)
        return;
    for (size_t i = 0; i < relay->listener_count; i++)
        if (relay->listeners[i].paused)
            watch_listener(relay, &relay->listeners[i]);
}

static void close_link(struct relay *relay, struct link *link)
{
    if (link->stage == RETRYING)
        relay->retrying--;
    link->stage = CLOSED;
    side_close(&link->accepted);
    side_close(&link->made);
    if (link->previous != NULL)
        link->previous->next = link->next;
    else
        relay->links = link->next;
    if (link->next != NULL)
        link->next->previous = link->previous;
    link->next = relay->closed;
    relay->closed = link;
    resume_listeners(relay);
}

/* Something broke on one side: the other must not take it for a clean end. */
static void abort_link(struct relay *relay, struct link *link)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    /* Of no effect on unix sockets, where a close is all there is. */
    (void)setsockopt(link->accepted.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (link->made.fd >= 0)
        (void)setsockopt(link->made.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close_link(relay, link);
}

static void run_link(struct relay *relay, struct link *link)
{
    struct side *a = &link->accepted, *b = &link->made;

    if (!side_flush(a) || !side_flush(b) || !side_carry(a, b, relay->scratch) || !side_carry(b, a, relay->scratch)) {
        abort_link(relay, link);
        return;
    }
    if (a->shut && b->shut) {
        close_link(relay, link);
        return;
    }
    watch(relay, a, side_wanted(a, b));
    watch(relay, b, side_wanted(b, a));
}

static void opened(struct relay *relay, struct link *link)
{
    link->stage = OPEN;
    run_link(relay, link);
}

/* Makes the second connection of a link. May be called again while its stage is RETRYING. */
static void connect_link(struct relay *relay, struct link *link, bool v6)
{
    const struct listener *listener = link->listener;
    int fd = listener->inward ? endpoint_connect_tcp(listener->target.port, v6) : endpoint_connect_unix(listener->target.path);

    if (fd == ENDPOINT_BUSY) {
        if (link->stage != RETRYING)
            relay->retrying++;
        link->stage = RETRYING;
        return;
    }
    if (link->stage == RETRYING)
        relay->retrying--;
    link->stage = v6 ? CONNECTING_V6 : CONNECTING;
    if (fd < 0 && listener->inward && !v6) {
        connect_link(relay, link, true);
        return;
    }
    if (fd < 0) {
        abort_link(relay, link);
        return;
    }
    link->made.fd = fd;
    if (listener->inward)
        watch(relay, &link->made, EPOLLOUT);
    else
        opened(relay, link);
}

static void finish_connect(struct relay *relay, struct link *link)
{
    int error = 0;
    socklen_t size = sizeof error;

    if (getsockopt(link->made.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    if (error == 0) {
        opened(relay, link);
    } else if (link->stage == CONNECTING && link->listener->inward) {
        /* An application that listens on "localhost" may have got ::1 alone. */
        watch(relay, &link->made, 0);
        side_close(&link->made);
        connect_link(relay, link, true);
    } else {
        abort_link(relay, link);
    }
}

static void accept_one(struct relay *relay, struct listener *listener, int fd)
{
    struct link *link = calloc(1, sizeof *link);

    if (link == NULL) {
        close(fd);
        return;
    }
    endpoint_tune(fd);
    link->listener = listener;
    link->accepted = (struct side){.kind = RELAY_SIDE, .link = link, .fd = fd};
    link->made = (struct side){.kind = RELAY_SIDE, .link = link, .fd = -1};
    link->next = relay->links;
    if (link->next != NULL)
        link->next->previous = link;
    relay->links = link;
    connect_link(relay, link, false);
}

static void run_listener(struct relay *relay, struct listener *listener)
{
    for (int turn = 0; turn < EVENTS_PER_TURN; turn++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            accept_one(relay, listener, fd);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            epoll_ctl(relay->epoll, EPOLL_CTL_DEL, listener->fd, NULL);
            listener->paused = true;
        }
        return;
    }
}

static void run_side(struct relay *relay, struct side *side, uint32_t events)
{
    struct link *link = side->link;

    if (link->stage == CONNECTING || link->stage == CONNECTING_V6)
        finish_connect(relay, link);
    else if (link->stage == OPEN && (events & EPOLLERR) != 0)
        abort_link(relay, link);
    else if (link->stage == OPEN)
        run_link(relay, link);
}

static void retry_connects(struct relay *relay)
{
    struct link *next;

    for (struct link *link = relay->links; link != NULL && relay->retrying > 0; link = next) {
        next = link->next;
        if (link->stage == RETRYING)
            connect_link(relay, link, false);
    }
}

/* CMD listens: from now on whoever connects is let in. So whoever can connect is served. */
static void let_in(struct relay *relay, struct listener *listener)
{
    endpoint_let_in(listener->fd, listener->target.path);
    listener->waiting = false;
    relay->waiting--;
    watch_listener(relay, listener);
}

static void let_in_where_served(struct relay *relay)
{
    for (size_t i = 0; i < relay->listener_count && relay->waiting > 0; i++)
        if (relay->listeners[i].waiting && endpoint_is_served(relay->listeners[i].target.port))
            let_in(relay, &relay->listeners[i]);
}

void relay_run(struct relay *relay)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int count = epoll_wait(relay->epoll, events, EVENTS_PER_TURN, 0);

    for (int i = 0; i < count; i++) {
        if (*(enum relay_kind *)events[i].data.ptr == RELAY_LISTENER)
            run_listener(relay, events[i].data.ptr);
        else
            run_side(relay, events[i].data.ptr, events[i].events);
    }
    retry_connects(relay);
    let_in_where_served(relay);
    while (relay->closed != NULL) {
        struct link *link = relay->closed;
        relay->closed = link->next;
        free(link);
    }
}

int relay_descriptor(const struct relay *relay)
{
    return relay->epoll;
}

int relay_timeout(const struct relay *relay)
{
    return relay->retrying > 0 || relay->waiting > 0 ? RETRY_MS : -1;
}

bool relay_is_idle(const struct relay *relay)
{
    return relay->links == NULL;
}

static void add_listener(struct relay *relay, int fd, bool inward, struct port_path target)
{
    struct listener *listener = &relay->listeners[relay->listener_count++];

    *listener = (struct listener){
        .kind = RELAY_LISTENER, .fd = fd, .inward = inward, .waiting = inward, .target = target};
    if (inward)
        relay->waiting++;
    else
        watch_listener(relay, listener);
}

struct relay *relay_open(const struct options *options)
{
    struct relay *relay = calloc(1, sizeof *relay);
    size_t most = 2 * options->bridge_count + options->inward_count;

    if (relay == NULL || (relay->listeners = calloc(most + 1, sizeof *relay->listeners)) == NULL)
        fail("memory", ENOMEM);
    relay->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (relay->epoll < 0)
        fail("relay: epoll", errno);
    for (size_t i = 0; i < options->bridge_count; i++) {
        struct port_path bridge = options->bridges[i];
        int v6 = endpoint_listen_tcp(bridge.port, true);
        add_listener(relay, endpoint_listen_tcp(bridge.port, false), false, bridge);
        if (v6 >= 0)
            add_listener(relay, v6, false, bridge);
    }
    for (size_t i = 0; i < options->inward_count; i++)
        add_listener(relay, endpoint_bind_unix(options->inwards[i].path), true, options->inwards[i]);
    return relay;
}

void relay_stop_listening(struct relay *relay)
{
    if (relay->stopped)
        return;
    relay->stopped = true;
    relay->waiting = 0;
    for (size_t i = 0; i < relay->listener_count; i++) {
        if (relay->listeners[i].inward)
            unlink(relay->listeners[i].target.path);
        close(relay->listeners[i].fd);
    }
}
