#include "endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fail.h"

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

static socklen_t loopback(union address *address, uint16_t port, bool v6)
{
    memset(address, 0, sizeof *address);
    if (v6) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons(port);
        address->v6.sin6_addr = in6addr_loopback;
        return sizeof address->v6;
    }
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = htons(port);
    address->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return sizeof address->v4;
}

/* options_parse saw to it that the path fits. */
static socklen_t pathname(union address *address, const char *path)
{
    memset(address, 0, sizeof *address);
    address->local.sun_family = AF_UNIX;
    strncpy(address->local.sun_path, path, sizeof address->local.sun_path - 1);
    return sizeof address->local;
}

static int make_socket(int family)
{
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int endpoint_listen_tcp(uint16_t port, bool v6)
{
    union address address;
    socklen_t size = loopback(&address, port, v6);
    int fd = make_socket(address.any.sa_family), on = 1;

    if (fd < 0 && v6)
        return -1;
    if (fd < 0 || (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0))
        failf(errno, "bridge to port %u", port);
    if (bind(fd, &address.any, size) != 0 || listen(fd, SOMAXCONN) != 0) {
        int error = errno;
        close(fd);
        if (v6 && error == EADDRNOTAVAIL)
            return -1;
        failf(error, "bridge to port %u", port);
    }
    return fd;
}

/* Whether somebody accepts connections at the address. */
static bool is_live(const union address *address, socklen_t size)
{
    int fd = make_socket(AF_UNIX);
    bool live = fd >= 0 && (connect(fd, &address->any, size) == 0 || errno == EAGAIN);

    if (fd >= 0)
        close(fd);
    return live;
}

int endpoint_bind_unix(const char *path)
{
    union address address;
    socklen_t size = pathname(&address, path);
    int fd = make_socket(AF_UNIX);
    struct stat status;
    mode_t mask;

    if (fd < 0)
        failf(errno, "inward socket %s", path);
    if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode)) {
        if (is_live(&address, size))
            failf(EADDRINUSE, "inward socket %s", path);
        unlink(path);
    }
    mask = umask(0177);
    if (bind(fd, &address.any, size) != 0)
        failf(errno, "inward socket %s", path);
    umask(mask);
    return fd;
}

void endpoint_let_in(int fd, const char *path)
{
    if (listen(fd, SOMAXCONN) != 0)
        failf(errno, "inward socket %s", path);
}

/* Whether a table of the kernel's has a listening socket of that port, whatever its address. */
static bool has_listener(FILE *table, uint16_t port)
{
    char line[512];
    unsigned local, state;

    while (fgets(line, sizeof line, table) != NULL)
        if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &local, &state) == 2 && local == port &&
            state == TCP_LISTEN)
            return true;
    return false;
}

bool endpoint_is_served(uint16_t port)
{
    static const char *const tables[] = {"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"};
    bool served = false;

    for (size_t i = 0; i < sizeof tables / sizeof *tables && !served; i++) {
        FILE *table = fopen(tables[i], "re");
        if (table == NULL && i == 0)
            fail(tables[i], errno);
        if (table == NULL)
            continue; /* There is no IPv6. */
        served = has_listener(table, port);
        fclose(table);
    }
    return served;
}

int endpoint_connect_tcp(uint16_t port, bool v6)
{
    union address address;
    socklen_t size = loopback(&address, port, v6);
    int fd = make_socket(address.any.sa_family);

    if (fd < 0)
        return -1;
    endpoint_tune(fd);
    if (connect(fd, &address.any, size) == 0 || errno == EINPROGRESS)
        return fd;
    close(fd);
    return -1;
}

int endpoint_connect_unix(const char *path)
{
    union address address;
    socklen_t size = pathname(&address, path);
    int fd = make_socket(AF_UNIX), error;

    if (fd < 0)
        return -1;
    if (connect(fd, &address.any, size) == 0)
        return fd;
    error = errno;
    close(fd);
    return error == EAGAIN ? ENDPOINT_BUSY : -1;
}

void endpoint_tune(int fd)
{
    int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}
