#include "reply.h"

#include "worker.h"

struct span reply_reason(int status) {
    switch (status) {
        case 400: return SPAN("Bad Request");
        case 408: return SPAN("Request Timeout");
        case 413: return SPAN("Content Too Large");
        case 414: return SPAN("URI Too Long");
        case 417: return SPAN("Expectation Failed");
        case 431: return SPAN("Request Header Fields Too Large");
        case 501: return SPAN("Not Implemented");
        case 502: return SPAN("Bad Gateway");
        case 503: return SPAN("Service Unavailable");
        case 504: return SPAN("Gateway Timeout");
        case 505: return SPAN("HTTP Version Not Supported");
        default: return SPAN("Error");
    }
}

struct span reply_send(struct client *c, int status, bool to_head, bool close) {
    struct worker *w = c->conn.worker;
    struct span reason = reply_reason(status), date = worker_date(w);
    enum { ROOM = 512 };
    char *out = (char *)outq_reserve(&c->conn.out, &w->chunks, ROOM);
    int head = snprintf(out, ROOM,
                        "HTTP/1.1 %d %.*s\r\nDate: %.*s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n%s\r\n", status, (int)reason.n, reason.p,
                        (int)date.n, date.p, reason.n + 1, close ? "Connection: close\r\n" : "");
    BUG_ON(head < 0 || head + (int)reason.n + 1 > ROOM);
    size_t n = (size_t)head;
    if (!to_head) {
        memcpy(out + n, reason.p, reason.n);
        out[n + reason.n] = '\n';
        n += reason.n + 1;
    }
    outq_commit(&c->conn.out, n);
    conn_mark_dirty(&c->conn);
    return (struct span){out, (size_t)head};
}
