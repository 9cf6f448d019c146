#include "outq.h"

static struct segment *at(struct outq *q, unsigned i) { return &q->ring[(q->head + i) % OUTQ_SEGMENTS]; }

static void append(struct outq *q, struct segment s) {
    if (q->count == OUTQ_SEGMENTS) outq_forget(q);
    BUG_ON(q->count == OUTQ_SEGMENTS);
    *at(q, q->count) = s;
    q->count++;
}

/** Appends; takes over one reference to c. */
static void push(struct outq *q, struct chunk *c, const unsigned char *p, size_t n) {
    if (!n) {
        if (c) chunk_unref(c);
        return;
    }
    q->bytes += (uint32_t)n;
    if (q->count > q->next) {
        struct segment *last = at(q, q->count - 1u);
        if (c && last->chunk == c && last->file < 0 && last->p + last->n == p) {
            last->n += (uint32_t)n;
            chunk_unref(c);
            return;
        }
    }
    append(q, (struct segment){.chunk = c, .p = p, .n = (uint32_t)n, .file = -1});
}

void outq_add_file(struct outq *q, struct chunk *c, int file, uint64_t from, size_t n) {
    if (!n) return;
    q->bytes += (uint32_t)n;
    append(q, (struct segment){.chunk = chunk_ref(c), .at = from, .n = (uint32_t)n, .file = file});
}

void outq_add_ref(struct outq *q, struct chunk *c, const void *p, size_t n) { push(q, chunk_ref(c), p, n); }

void outq_add_static(struct outq *q, struct span s) { push(q, NULL, (const unsigned char *)s.p, s.n); }

unsigned char *outq_reserve(struct outq *q, struct chunk_pool *pool, size_t n) {
    struct chunk *c = q->scratch;
    if (!c || c->cap - c->fill < n) {
        if (c) chunk_unref(c);
        c = q->scratch = chunk_new_sized(pool, n);
    }
    return c->data + c->fill;
}

void outq_commit(struct outq *q, size_t n) {
    struct chunk *c = q->scratch;
    const unsigned char *p = c->data + c->fill;
    BUG_ON(c->cap - c->fill < n);
    c->fill += (uint32_t)n;
    push(q, chunk_ref(c), p, n);
}

void outq_add_copy(struct outq *q, struct chunk_pool *pool, const void *p, size_t n) {
    memcpy(outq_reserve(q, pool, n), p, n);
    outq_commit(q, n);
}

void outq_add(struct outq *q, struct chunk_pool *pool, struct chunk *c, const void *p, size_t n) {
    if (n <= OUTQ_COPY_MAX) outq_add_copy(q, pool, p, n);
    else outq_add_ref(q, c, p, n);
}

static void drop_scratch(struct outq *q) {
    if (q->scratch) chunk_unref(q->scratch);
    q->scratch = NULL;
}

static void pop(struct outq *q) {
    struct segment *s = at(q, 0);
    if (s->chunk) chunk_unref(s->chunk);
    q->head = (uint8_t)((q->head + 1) % OUTQ_SEGMENTS);
    q->count--;
}

void outq_consume(struct outq *q, size_t n) {
    BUG_ON(n > q->bytes);
    q->bytes -= (uint32_t)n;
    if (n) q->sent = true;
    while (n) {
        uint32_t left = at(q, q->next)->n - q->offset;
        if (n < left) {
            q->offset += (uint32_t)n;
            return;
        }
        n -= left;
        q->offset = 0;
        if (q->keep) q->next++;
        else pop(q);
    }
    if (!q->bytes) drop_scratch(q);
}

void outq_keep(struct outq *q) {
    BUG_ON(q->count);
    q->keep = true;
}

void outq_forget(struct outq *q) {
    q->keep = false;
    for (; q->next; q->next--) pop(q);
}

void outq_rewind(struct outq *q) {
    BUG_ON(!q->keep && !outq_untouched(q));
    q->next = 0;
    q->offset = 0;
    q->sent = false;
    q->bytes = 0;
    for (unsigned i = 0; i < q->count; i++) q->bytes += at(q, i)->n;
}

void outq_move(struct outq *to, struct outq *from) {
    BUG_ON(to->count || to->scratch);
    for (unsigned i = 0; i < from->count; i++) to->ring[i] = *at(from, i);
    to->scratch = from->scratch;
    to->bytes = from->bytes;
    to->offset = from->offset;
    to->head = 0;
    to->count = from->count;
    to->next = from->next;
    to->keep = from->keep;
    to->sent = from->sent;
    outq_init(from);
}

void outq_clear(struct outq *q) {
    outq_forget(q);
    outq_consume(q, q->bytes);
    drop_scratch(q);
}
