#include "test.h"

#include "../src/listener.c"

static struct config_listen listen_at(const char *address, uint16_t port) {
    struct config_listen l = {.address = address, .port = port};
    CHECK(cidr_sockaddr(address, port, &l.sockaddr, &l.sockaddr_length));
    return l;
}

static unsigned sockets_of(const struct listening_set *set, unsigned listen, unsigned worker) {
    unsigned n = 0;
    for (unsigned i = 0; i < set->count; i++) n += set->sockets[i].listen == listen && set->sockets[i].worker == worker;
    return n;
}

static unsigned take_all(struct listening_set *set, int *fds) {
    unsigned count = set->count;
    for (unsigned i = 0; i < count; i++) fds[i] = set->sockets[i].fd;
    listener_forget(set);
    return count;
}

static void is_taken_over_with_any_number_of_workers(void) {
    struct config_listen listen = listen_at("127.0.0.1", 0);
    struct config config = {.listens = &listen, .listen_count = 1, .workers = 1};
    struct listening_set set;
    unsigned failed;
    int fds[64];
    CHECK(listener_open_all(&set, &config, NULL, 0, &failed));
    uint16_t port = set.ports[0];
    CHECK(port && set.count == 1);
    for (unsigned workers = 1, most = 1, i = 0; i < 6; i++) {
        unsigned count = take_all(&set, fds);
        workers = (unsigned[]){3, 2, 5, 1, 1, 4}[i];
        config.workers = workers;
        most = workers > most ? workers : most;
        CHECK(listener_open_all(&set, &config, fds, count, &failed));
        CHECK(set.ports[0] == port && set.count == most);  // none is closed: connections may wait in it
        for (unsigned w = 0; w < workers; w++) CHECK(sockets_of(&set, 0, w) >= most / workers);
    }
    unsigned count = take_all(&set, fds);
    close_all(fds, count);
}

static void two_at_ports_of_their_own_are_not_mixed_up(void) {
    struct config_listen listens[] = {listen_at("127.0.0.1", 0), listen_at("127.0.0.1", 0)};
    struct config config = {.listens = listens, .listen_count = 2, .workers = 2};
    struct listening_set set;
    unsigned failed;
    int fds[8];
    CHECK(listener_open_all(&set, &config, NULL, 0, &failed));
    uint16_t ports[] = {set.ports[0], set.ports[1]};
    unsigned count = take_all(&set, fds);
    CHECK(listener_open_all(&set, &config, fds, count, &failed));
    CHECK(set.ports[0] == ports[0] && set.ports[1] == ports[1] && set.count == 4);
    // The second goes, and is closed.
    count = take_all(&set, fds);
    config.listen_count = 1;
    CHECK(listener_open_all(&set, &config, fds, count, &failed));
    CHECK(set.count == 2 && set.ports[0] == ports[0]);
    struct sockaddr_storage gone = listen_at("127.0.0.1", ports[1]).sockaddr;
    int fd = open_one(&gone, sizeof(struct sockaddr_in), false);
    CHECK(fd >= 0);
    close(fd);
    count = take_all(&set, fds);
    close_all(fds, count);
}

static void a_place_that_is_taken_is_named_and_nothing_stays_open(void) {
    struct config_listen listens[] = {listen_at("127.0.0.1", 0), listen_at("127.0.0.1", 0)};
    struct config config = {.listens = listens, .listen_count = 1, .workers = 1};
    struct listening_set other, set;
    unsigned failed;
    CHECK(listener_open_all(&other, &config, NULL, 0, &failed));
    listens[1] = listen_at("127.0.0.1", other.ports[0]);
    config.listen_count = 2;
    CHECK(!listener_open_all(&set, &config, NULL, 0, &failed));
    CHECK(failed == 1 && errno == EADDRINUSE && !set.sockets);
    close(other.sockets[0].fd);
    listener_forget(&other);
}

TEST_MAIN(is_taken_over_with_any_number_of_workers, two_at_ports_of_their_own_are_not_mixed_up, a_place_that_is_taken_is_named_and_nothing_stays_open)
