#include "tee.h"

#include <openssl/evp.h>

#include "exchange.h"
#include "frames.h"
#include "worker.h"

/** Records up to this size are copied into a batch; above it references cost less. */
#define SMALL_BYTES 16384u
/** A batch: enough that one lock and one write serve dozens of ordinary exchanges. */
#define BATCH_BYTES 65536u
/** A batch that does not fill is posted after this time: waking the control thread for each exchange would cost more than
 * all else capture does, and no reader can tell 10 ms. */
#define BATCH_DELAY_NS 10000000ull

_Atomic uint64_t tee_dropped_total;
_Atomic uint64_t tee_held;

void tee_init(struct tee *t, unsigned worker) {
    *t = (struct tee){.worker = worker};
    t->out_last = &t->out;
}

static void free_parcel(struct parcel *p) {
    free(p->pieces);
    free(p->data);
    free(p);
}

static void take_back(struct tee *t) {
    struct parcel *p = atomic_exchange_explicit(&t->returned, NULL, memory_order_acquire);
    while (p) {
        struct parcel *next = p->next;
        for (uint32_t i = 0; i < p->piece_count; i++)
            if (p->pieces[i].chunk) chunk_unref(p->pieces[i].chunk);
        if (p->pieces) {
            free_parcel(p);
        } else {
            p->next = t->empty;
            t->empty = p;
        }
        p = next;
    }
}

void tee_return(struct parcel *p) {
    if (p->kind == PARCEL_EXCHANGES) atomic_fetch_sub_explicit(&tee_held, p->size, memory_order_relaxed);
    struct tee *t = p->owner;
    if (!t) {
        free_parcel(p);
        return;
    }
    struct parcel *head = atomic_load_explicit(&t->returned, memory_order_relaxed);
    do p->next = head;
    while (!atomic_compare_exchange_weak_explicit(&t->returned, &head, p, memory_order_release, memory_order_relaxed));
}

static void seal_batch(struct tee *t) {
    if (!t->batch) return;
    *t->out_last = t->batch;
    t->out_last = &t->batch->next;
    t->batch = NULL;
}

static void post(struct tee *t) {
    if (LIKELY(!t->out)) return;
    mailbox_post(&mailbox_control, t->out);
    t->out = NULL;
    t->out_last = &t->out;
}

static void free_empty(struct tee *t) {
    while (t->empty) {
        struct parcel *p = t->empty;
        t->empty = p->next;
        free_parcel(p);
    }
}

void tee_turn(struct tee *t, uint64_t now) {
    if (UNLIKELY(atomic_load_explicit(&t->returned, memory_order_relaxed) != NULL)) take_back(t);
    if (UNLIKELY(t->batch && now - t->batch_since >= BATCH_DELAY_NS)) seal_batch(t);
    if (UNLIKELY(!t->on && t->empty)) free_empty(t);
    post(t);
}

void tee_flush(struct tee *t) {
    seal_batch(t);
    post(t);
}

int tee_wait_ms(const struct tee *t, uint64_t now) {
    if (LIKELY(!t->batch)) return -1;
    uint64_t due = t->batch_since + BATCH_DELAY_NS;
    return due > now ? (int)((due - now) / 1000000u) + 1 : 0;
}

void tee_close(struct tee *t) {
    tee_flush(t);
    take_back(t);
    free_empty(t);
    while (t->spare) {
        struct tape *tape = t->spare;
        t->spare = tape->next_spare;
        for (unsigned i = 0; i < TAPE_PARTS; i++) free(tape->reels[i].pieces);
        free(tape);
    }
}

static void end_hash(struct tape_reel *r) {
    EVP_MD_CTX_free(r->hash);
    r->hash = NULL;
}

static void clear_reel(struct tape_reel *r) {
    end_hash(r);
    for (uint32_t i = 0; i < r->count; i++)
        if (r->pieces[i].chunk) chunk_unref(r->pieces[i].chunk);
    r->count = 0;
    r->bytes = 0;
}

static void clear_tape(struct tape *tape) {
    for (unsigned i = 0; i < TAPE_PARTS; i++) {
        tape->tee->taping -= tape->reels[i].bytes;
        clear_reel(&tape->reels[i]);
    }
    tape->copied = 0;
}

static void add_piece(struct tape *tape, struct tape_reel *r, struct chunk *c, struct span s) {
    tape->tee->taping += s.n;
    r->bytes += s.n;
    const unsigned char *at = (const unsigned char *)s.p;
    if (s.n <= TAPE_PIECE_COPY && s.n <= TAPE_COPY_BYTES - tape->copied) {
        at = memcpy(tape->copies + tape->copied, s.p, s.n);
        tape->copied += (uint32_t)s.n;
        c = NULL;
    }
    struct segment *last = r->count ? &r->pieces[r->count - 1] : NULL;
    if (last && last->chunk == c && last->p + last->n == at) {
        last->n += (uint32_t)s.n;
        return;
    }
    if (r->count == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 4;
        r->pieces = base_realloc(r->pieces, r->cap * sizeof *r->pieces);
    }
    r->pieces[r->count++] = (struct segment){.chunk = c ? chunk_ref(c) : NULL, .p = at, .n = (uint32_t)s.n, .file = -1};
}

/** Goes on with the hash of a body that is not kept whole, from its beginning on. */
static void hash_on(struct tape_reel *r, struct span bytes) {
    if (!r->hash) {
        r->hash = EVP_MD_CTX_new();
        BUG_ON(!r->hash || EVP_DigestInit_ex(r->hash, EVP_sha256(), NULL) != 1);
        for (uint32_t i = 0; i < r->count; i++) BUG_ON(EVP_DigestUpdate(r->hash, r->pieces[i].p, r->pieces[i].n) != 1);
    }
    BUG_ON(EVP_DigestUpdate(r->hash, bytes.p, bytes.n) != 1);
}

/** The hash of a body, if it has one. */
static struct frame_span hash_of(struct tape_reel *r, unsigned char out[TAPE_HASH]) {
    if (!r->hash) return frame_bytes("", 0);
    BUG_ON(EVP_DigestFinal_ex(r->hash, out, NULL) != 1);
    return frame_bytes(out, TAPE_HASH);
}

void tape_add(struct tape *tape, enum tape_part part, struct chunk *c, struct span bytes) {
    struct tee *t = tape->tee;
    struct tape_reel *r = &tape->reels[part];
    if (tape->dropped) return;
    if (part == TAPE_REQUEST_BODY || part == TAPE_RESPONSE_BODY) {
        uint64_t room = !r->hash && t->max_body > r->bytes ? t->max_body - r->bytes : 0;
        if (bytes.n > room) {
            hash_on(r, bytes);
            bytes.n = (size_t)room;
            tape->flags |= part == TAPE_REQUEST_BODY ? EXCHANGE_REQUEST_TRUNCATED : EXCHANGE_RESPONSE_TRUNCATED;
        }
        if (!bytes.n) return;
    }
    if (t->taping + bytes.n + atomic_load_explicit(&tee_held, memory_order_relaxed) > t->max_queue) {
        clear_tape(tape);
        tape->dropped = true;
        return;
    }
    add_piece(tape, r, c, bytes);
}

struct tape *tape_new(struct tee *t, struct chunk *c, struct span head_bytes, const struct http1_head *head) {
    struct tape *tape = t->spare;
    if (tape) t->spare = tape->next_spare;
    else tape = base_zalloc(sizeof *tape);
    tape->tee = t;
    tape->flags = 0;
    tape->dropped = false;
    tape->started_wall = loop_wall_us();
    tape_add(tape, TAPE_REQUEST_HEAD, c, head_bytes);
    if (tape->dropped) return tape;
    // The head as taped outlives the connection's buffer.
    const char *taped = (const char *)tape->reels[TAPE_REQUEST_HEAD].pieces[0].p;
    tape->method = (struct span){taped + (head->method.p - head_bytes.p), head->method.n};
    tape->target = (struct span){taped + (head->target.p - head_bytes.p), head->target.n};
    return tape;
}

static struct frame_span wire(struct span s) { return frame_bytes(s.p, s.n); }

static void describe(struct frame_exchange *f, struct tape *tape, const struct exchange *x, uint64_t now) {
    const struct account_pair *p = x->pair;
    *f = (struct frame_exchange){
        .id = x->id, .worker = (uint16_t)tape->tee->worker, .started_ns = x->started, .first_byte_ns = x->first_byte, .finished_ns = now,
        .wall_us = tape->started_wall, .endpoint = frame_text(p->endpoint->name),
        .node = frame_text(x->up && !x->up->conn.connecting ? p->node->name : ""), .client = frame_text(client_name(x->client)), .method = wire(tape->method), .target = wire(tape->target),
        .status = (uint16_t)x->status, .flags = x->flags | tape->flags, .request_body_length = x->request.length, .response_body_length = x->response.length,
        .request_body_hash = hash_of(&tape->reels[TAPE_REQUEST_BODY], tape->hashes[0]), .response_body_hash = hash_of(&tape->reels[TAPE_RESPONSE_BODY], tape->hashes[1]),
        .request_head.size = tape->reels[TAPE_REQUEST_HEAD].bytes, .request_body.size = tape->reels[TAPE_REQUEST_BODY].bytes,
        .response_head.size = tape->reels[TAPE_RESPONSE_HEAD].bytes, .response_body.size = tape->reels[TAPE_RESPONSE_BODY].bytes};
}

static void begin_batch(struct tee *t, uint64_t now) {
    struct parcel *p = t->empty;
    if (p) {
        t->empty = p->next;
        p->next = NULL;
        p->size = p->data_size = p->exchanges = 0;
    } else {
        p = base_zalloc(sizeof *p);
        p->data = base_alloc(BATCH_BYTES);
        p->kind = PARCEL_EXCHANGES;
        p->owner = t;
    }
    t->batch = p;
    t->batch_since = now;
}

/** Copies the record into the batch. */
static void record_small(struct tee *t, struct tape *tape, const struct exchange *x, const struct frame_exchange *f, size_t bound) {
    if (t->batch && BATCH_BYTES - t->batch->data_size < bound) seal_batch(t);
    if (!t->batch) begin_batch(t, x->client->conn.worker->loop.now);
    struct parcel *b = t->batch;
    struct frame_buffer out;
    frame_buffer_init_fixed(&out, b->data + b->data_size, BATCH_BYTES - b->data_size);
    bool ok = frame_encode_exchange_prefix(&out, f);
    for (unsigned i = 0; i < TAPE_PARTS; i++) {
        const struct tape_reel *r = &tape->reels[i];
        frame_put_u32(&out, (uint32_t)r->bytes);
        for (uint32_t k = 0; k < r->count; k++) frame_put_raw(&out, r->pieces[k].p, r->pieces[k].n);
    }
    BUG_ON(!ok || out.failed);
    b->data_size += (uint32_t)out.size;
    b->size += out.size;
    b->exchanges++;
    atomic_fetch_add_explicit(&tee_held, out.size, memory_order_relaxed);
}

/** Makes a parcel of its own, with the tape's references. */
static void record_large(struct tee *t, struct tape *tape, const struct frame_exchange *f) {
    struct parcel *p = base_zalloc(sizeof *p);
    struct frame_buffer out;
    frame_buffer_init(&out);
    bool ok = frame_encode_exchange_prefix(&out, f);
    size_t prefix = out.size;
    for (unsigned i = 0; i < TAPE_PARTS; i++) {
        frame_put_u32(&out, (uint32_t)tape->reels[i].bytes);
        p->piece_count += tape->reels[i].count + 1;
    }
    size_t copies = out.size;
    frame_put_raw(&out, tape->copies, tape->copied);
    BUG_ON(!ok || out.failed);
    *p = (struct parcel){.kind = PARCEL_EXCHANGES, .exchanges = 1, .owner = t, .piece_count = p->piece_count, .data = out.data, .data_size = (uint32_t)prefix};
    p->pieces = base_alloc(p->piece_count * sizeof *p->pieces);
    uint32_t n = 0;
    p->size = prefix;
    for (unsigned i = 0; i < TAPE_PARTS; i++) {
        struct tape_reel *r = &tape->reels[i];
        p->pieces[n++] = (struct segment){.p = out.data + prefix + i * 4, .n = 4, .file = -1};
        for (uint32_t k = 0; k < r->count; k++) {
            p->pieces[n] = r->pieces[k];
            if (!p->pieces[n].chunk) p->pieces[n].p = out.data + copies + (r->pieces[k].p - tape->copies);
            n++;
        }
        p->size += 4 + r->bytes;
        t->taping -= r->bytes;
        end_hash(r);
        r->count = 0;  // the references are the parcel's now
        r->bytes = 0;
    }
    atomic_fetch_add_explicit(&tee_held, p->size, memory_order_relaxed);
    seal_batch(t);
    *t->out_last = p;
    t->out_last = &p->next;
}

void tape_finish(struct tape *tape, const struct exchange *x, uint64_t now) {
    struct tee *t = tape->tee;
    struct frame_exchange f;
    if (!tape->dropped) {
        describe(&f, tape, x, now);
        uint64_t overhead = 128 + 2 * TAPE_HASH + f.endpoint.size + f.node.size + f.client.size + f.method.size + f.target.size, bytes = overhead;
        for (unsigned i = 0; i < TAPE_PARTS; i++) bytes += tape->reels[i].bytes;
        uint64_t held = t->taping + atomic_load_explicit(&tee_held, memory_order_relaxed);
        if (held + overhead > t->max_queue) tape->dropped = true;
        else if (bytes <= SMALL_BYTES) record_small(t, tape, x, &f, (size_t)bytes + 64);
        else record_large(t, tape, &f);
    }
    if (tape->dropped) {
        t->dropped++;
        atomic_fetch_add_explicit(&tee_dropped_total, 1, memory_order_relaxed);
    } else {
        t->sent++;
    }
    clear_tape(tape);
    tape->next_spare = t->spare;
    t->spare = tape;
}
