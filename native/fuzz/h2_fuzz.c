/**
 * @file h2_fuzz.c
 * HTTP/2 from a client, behind a preface: a worker serves it, with a node that answers. Whatever comes, what goes out are whole
 * frames, and afterwards nothing is open: no stream, no charge, no memory.
 *
 * The input is a list of frames: type, flags, stream, payload's length (a byte each), payload. So that a changed byte seldom
 * breaks all that follows, the frame's length is made from it. Flag 0x40: pseudo-fields of a good request come first. Type
 * 0x80: the payload is sent as it is.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "websocket.h"
#include "worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Rounds without an event after which nothing more is to come. */
#define QUIET 3
#define ROUNDS 400
#define NODE_CONNS 128

static struct worker *worker;
static int node_fd, node_conns[NODE_CONNS];

static void start(void) {
    static const char answer[] =
        "{\"listen\":[{\"address\":\"127.0.0.1\",\"port\":0,\"http2\":true}],\"nodes\":[{\"name\":\"a\",\"address\":\"127.0.0.1\",\"port\":%u}],\"limits\":{\"headerBytes\":4096,\"bodyBytes\":100000}}";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    node_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    BUG_ON(bind(node_fd, (struct sockaddr *)&address, length) < 0 || listen(node_fd, NODE_CONNS) < 0);
    getsockname(node_fd, (struct sockaddr *)&address, &length);
    char text[512];
    struct config_error error;
    int n = snprintf(text, sizeof text, answer, ntohs(address.sin_port));
    struct config *config = config_parse(text, (size_t)n, &error);
    BUG_ON(!config);
    account_setup(1);
    struct snapshot *snapshot = snapshot_build(config, 1, NULL, &error);
    BUG_ON(!snapshot);
    worker = worker_new(0, snapshot, NULL, 0);
    memset(node_conns, -1, sizeof node_conns);
}

/** Accepts a WebSocket. false: none was asked for. */
static bool accept_websocket(int fd, char *bytes, size_t n) {
    static const char name[] = "sec-websocket-key: ";
    char *key = memmem(bytes, n, name, sizeof name - 1), accept[WEBSOCKET_ACCEPT + 1], answer[200];
    if (!key || (size_t)(bytes + n - key) < sizeof name + WEBSOCKET_KEY) return false;
    websocket_answer_key(key + sizeof name - 1, accept);
    int size = snprintf(answer, sizeof answer, "HTTP/1.1 101 Y\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\nhello", accept);
    return send(fd, answer, (size_t)size, MSG_NOSIGNAL) > 0;
}

/** The node: answers what looks like a head, and closes. @return whether it did anything */
static bool step_node(void) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\nT: u\r\n\r\n";
    static char bytes[65536];
    bool busy = false, all = false;
    for (unsigned i = 0; i < NODE_CONNS; i++) {
        if (node_conns[i] < 0) {
            if (!all) node_conns[i] = accept4(node_fd, NULL, NULL, SOCK_NONBLOCK);
            all = all || node_conns[i] < 0;
            busy = busy || node_conns[i] >= 0;
            continue;
        }
        ssize_t n = recv(node_conns[i], bytes, sizeof bytes, 0);
        if (n < 0 && errno == EAGAIN) continue;
        busy = true;
        // One in four never answers a body it has begun to read.
        if (n > 0 && memmem(bytes, (size_t)n, "POST", 4) && i % 4 == 0) continue;
        if (n > 0 && accept_websocket(node_conns[i], bytes, (size_t)n)) continue;
        if (n > 0 && send(node_conns[i], answer, sizeof answer - 1, MSG_NOSIGNAL) > 0) continue;
        close(node_conns[i]);
        node_conns[i] = -1;
    }
    return busy;
}

/** Reads what the proxy sends, as frames. */
struct reader {
    uint8_t bytes[65536];
    size_t have;
};

static bool step_reader(struct reader *r, int fd) {
    ssize_t n = recv(fd, r->bytes + r->have, sizeof r->bytes - r->have, MSG_DONTWAIT);
    if (n <= 0) return false;
    r->have += (size_t)n;
    size_t at = 0;
    while (r->have - at >= 9) {
        size_t length = (size_t)r->bytes[at] << 16 | (size_t)r->bytes[at + 1] << 8 | r->bytes[at + 2];
        BUG_ON(length > 16384 || r->bytes[at + 3] > 9);
        if (r->have - at < 9 + length) break;
        at += 9 + length;
    }
    memmove(r->bytes, r->bytes + at, r->have - at);
    r->have -= at;
    return true;
}

static void run(struct reader *r, int fd) {
    for (unsigned i = 0, quiet = 0; i < ROUNDS && quiet < QUIET; i++) {
        worker_turn(worker, 0);
        bool node = step_node(), read = fd >= 0 && step_reader(r, fd);
        quiet = node || read ? 0 : quiet + 1;
    }
}

/** Turns the list into what is sent. @return its length */
static size_t make_frames(const uint8_t *data, size_t size, uint8_t *out) {
    static const char get[] = "\x82\x84\x86\0\x0a:authority\4test", post[] = "\x83\x84\x86\0\x0a:authority\4test";
    uint8_t *p = out;
    for (size_t at = 0; size - at >= 4;) {
        uint8_t type = data[at], flags = data[at + 1], stream = data[at + 2];
        size_t n = data[at + 3] < size - at - 4 ? data[at + 3] : size - at - 4, more = 0;
        const uint8_t *payload = data + at + 4;
        at += 4 + n;
        if (!(type & 0x80)) {
            more = flags & 0x40 ? sizeof get - 1 : 0;
            const uint8_t head[9] = {0, (uint8_t)((n + more) >> 8), (uint8_t)(n + more), type, flags & 0xbf, 0, 0, 0, stream};
            memcpy(p, head, 9);
            memcpy(p + 9, stream % 4 == 3 ? post : get, more);
            p += 9 + more;
        }
        memcpy(p, payload, n);
        p += n;
    }
    return (size_t)(p - out);
}

/** Sends in pieces, so that frames are cut anywhere, and serves what comes of it. */
static void talk(struct reader *r, int fd, const uint8_t *bytes, size_t size) {
    size_t piece = size % 3 ? size : 1 + size / 3;
    for (size_t at = 0; at < size;) {
        size_t n = size - at < piece ? size - at : piece;
        ssize_t sent = send(fd, bytes + at, n, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) break;  // it was sent away
        if (sent > 0) at += (size_t)sent;
        run(r, fd);
    }
    run(r, fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct reader reader;
    static uint8_t frames[65536 * 12];
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    int pair[2];
    struct sockaddr_storage peer = {.ss_family = AF_INET};
    if (!worker) start();
    BUG_ON(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0);
    worker_connections++;
    reader.have = 0;
    client_open(worker, pair[0], &peer, 0);
    BUG_ON(send(pair[1], preface, sizeof preface - 1, 0) < 0);
    talk(&reader, pair[1], frames, make_frames(data, size, frames));
    close(pair[1]);
    for (unsigned i = 0; i < ROUNDS && !list_empty(&worker->clients); i++) run(&reader, -1);
    BUG_ON(!list_empty(&worker->clients) || worker_connections);
    BUG_ON(worker->charges || worker->open_charges || worker->telemetry.open_requests);
    run(&reader, -1);
    BUG_ON(worker->chunks.live);
    return 0;
}
