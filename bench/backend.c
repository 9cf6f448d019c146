/*
 * The backend of the benchmarks: answers every request with the same 200, as fast as one thread can, so that what is
 * measured is what stands in front of it. Requests without bodies only: each blank line is one.
 *
 *   bench-backend PORT BODY_BYTES      listens on 127.0.0.1:PORT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 4096, EVENTS = 256, READ_SIZE = 65536 };

/* How much of "\r\n\r\n" a connection has seen at the end of what was read so far. */
static unsigned char matched[CONNECTIONS];
static char *answer;
static size_t answer_size;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void prepare_answer(size_t body)
{
    char head[256];
    int size = snprintf(head, sizeof head,
                        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCache-Control: max-age=3600\r\n"
                        "Content-Length: %zu\r\n\r\n", body);

    answer_size = (size_t)size + body;
    answer = malloc(answer_size);
    if (answer == NULL)
        die("memory");
    memcpy(answer, head, (size_t)size);
    memset(answer + size, 'x', body);
}

static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, SOMAXCONN) != 0)
        die("listen");
    return fd;
}

/* Writes all; a client that does not read is waited for, which no client of a benchmark may make happen. */
static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = send(fd, data, size, MSG_NOSIGNAL);
        if (written < 0 && errno == EAGAIN)
            continue;
        if (written < 0)
            return -1;
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

static int serve(int fd)
{
    static char buffer[READ_SIZE];
    static const char blank[] = "\r\n\r\n";
    ssize_t size = recv(fd, buffer, sizeof buffer, 0);

    if (size < 0 && errno == EAGAIN)
        return 0;
    if (size <= 0)
        return -1;
    for (ssize_t i = 0; i < size; i++) {
        if (buffer[i] == blank[matched[fd]])
            matched[fd]++;
        else
            matched[fd] = buffer[i] == '\r';
        if (matched[fd] == 4) {
            matched[fd] = 0;
            if (write_all(fd, answer, answer_size) != 0)
                return -1;
        }
    }
    return 0;
}

static void accept_all(int epoll, int listener)
{
    int fd, on = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (fd >= CONNECTIONS) {
            close(fd);
            continue;
        }
        matched[fd] = 0;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN};
    int listener, epoll = epoll_create1(EPOLL_CLOEXEC);

    if (argc != 3 || epoll < 0) {
        fprintf(stderr, "usage: bench-backend PORT BODY_BYTES\n");
        return 2;
    }
    prepare_answer((size_t)atol(argv[2]));
    listener = event.data.fd = listen_on(atoi(argv[1]));
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                accept_all(epoll, listener);
            else if (serve(events[i].data.fd) != 0)
                close(events[i].data.fd);
        }
    }
}
