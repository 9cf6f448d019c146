#include "reply.h"

#include "cache_fetch.h"
#include "h2_stream.h"
#include "worker.h"

struct span reply_reason(int status) {
    switch (status) {
        case 200: return SPAN("OK");
        case 308: return SPAN("Permanent Redirect");
        case 400: return SPAN("Bad Request");
        case 408: return SPAN("Request Timeout");
        case 413: return SPAN("Content Too Large");
        case 414: return SPAN("URI Too Long");
        case 417: return SPAN("Expectation Failed");
        case 429: return SPAN("Too Many Requests");
        case 431: return SPAN("Request Header Fields Too Large");
        case 501: return SPAN("Not Implemented");
        case 502: return SPAN("Bad Gateway");
        case 503: return SPAN("Service Unavailable");
        case 504: return SPAN("Gateway Timeout");
        case 505: return SPAN("HTTP Version Not Supported");
        default: return SPAN("Error");
    }
}

struct reply_sent reply_send(struct client *c, const struct reply *r, bool to_head, bool close) {
    struct worker *w = c->conn.worker;
    struct span reason = reply_reason(r->status), body = r->body.n ? r->body : reason, date = worker_date(w);
    // What is not the caller's takes at most 256 bytes.
    size_t room = 256 + r->field.n + body.n;
    char *out = (char *)outq_reserve(&c->conn.out, &w->chunks, room);
    int head = snprintf(out, room,
                        "HTTP/1.1 %d %.*s\r\nDate: %.*s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n%.*s%s\r\n", r->status, (int)reason.n, reason.p,
                        (int)date.n, date.p, body.n + 1, (int)r->field.n, r->field.p, close ? "Connection: close\r\n" : "");
    BUG_ON(head < 0 || (size_t)head + body.n + 1 > room);
    size_t n = (size_t)head;
    if (!to_head) {
        memcpy(out + n, body.p, body.n);
        out[n + body.n] = '\n';
        n += body.n + 1;
    }
    outq_commit(&c->conn.out, n);
    conn_mark_dirty(&c->conn);
    return (struct reply_sent){{out, (size_t)head}, {out + head, n - (size_t)head}};
}

void reply_hand_over(struct client *c, const struct reply_sent *sent) {
    struct http1_head *head = &c->conn.worker->head;
    struct framing none = {0};
    if (LIKELY(!c->stream && !c->fetch)) return;
    BUG_ON(http1_parse_response(sent->head.p, sent->head.n, 0, HTTP1_FIELDS_MAX, head) < 0);
    if (c->fetch) cache_fetch_head(c->fetch, head, &(struct framing){.body = sent->body.n ? BODY_LENGTH : BODY_NONE, .length = sent->body.n}, true);
    else h2_stream_respond(c->stream, head, &none, false, !sent->body.n);
    outq_consume(&c->conn.out, sent->head.n);
}
