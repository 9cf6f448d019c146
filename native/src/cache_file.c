#include "cache_file.h"

#include <openssl/evp.h>
#include <unistd.h>

/** The last digit is the version: what another one wrote is dropped. */
static const char magic[8] = "dharmaC1";
#define SUMMED_FROM (CACHE_FILE_SUM_AT + 8)
/** Of a large body, in one system call. */
#define PIECE_BYTES (256u * 1024)
/** Not a secret: it is damage that is looked for, and whoever may write these files is out of scope. */
static const uint64_t sum_key[2] = {1, 2};

/** Texts of a file that are longer than this are none of ours: heads are bounded by limits.headerBytes. */
#define TEXT_MOST (4u << 20)

enum { ALWAYS_VALIDATE = 1, NEVER_STALE = 2 };

static unsigned char *put(unsigned char *p, uint64_t v, unsigned bytes) {
    for (unsigned i = bytes; i--; v >>= 8) p[i] = (unsigned char)v;
    return p + bytes;
}

static uint64_t take(const unsigned char **p, unsigned bytes) {
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++) v = v << 8 | *(*p)++;
    return v;
}

static unsigned char *put_text(unsigned char *p, const char *text, size_t n) {
    if (n) memcpy(p, text, n);
    return p + n;
}

static uint64_t prefix_size(const struct cache_object *o) { return (uint64_t)CACHE_FILE_HEADER + o->key_size + o->variant_size + o->head_size; }

/** @return the end of it */
static unsigned char *put_prefix(unsigned char *bytes, const struct cache_object *o, uint64_t length) {
    const struct cache_facts *f = &o->facts;
    unsigned char *p = put_text(bytes, magic, sizeof magic);
    p = put(p, prefix_size(o) + length, 8);
    p = put(p, 0, 8);
    p = put(put(put(p, (uint64_t)f->received, 8), (uint64_t)f->initial_age, 8), (uint64_t)f->lifetime, 8);
    p = put(put(p, (uint64_t)f->while_revalidate, 8), (uint64_t)f->if_error, 8);
    p = put(p, (f->always_validate ? ALWAYS_VALIDATE : 0) | (f->never_stale ? NEVER_STALE : 0), 1);
    p = put(put(put(put(put(p, (unsigned)o->status, 4), o->key_size, 4), o->variant_size, 4), o->head_size, 4), o->head_304_size, 4);
    p = put(p, length, 8);
    // For what a later version has to say.
    p = put(p, 0, 4);
    BUG_ON(p != bytes + CACHE_FILE_HEADER);
    return put_text(put_text(put_text(p, o->key, o->key_size), o->variant, o->variant_size), o->head, o->head_size);
}

unsigned char *cache_file_prefix(const struct cache_object *o, uint64_t length, size_t *size) {
    *size = prefix_size(o);
    unsigned char *bytes = base_alloc(*size);
    put_prefix(bytes, o, length);
    return bytes;
}

void cache_file_sum_begin(struct siphash *sum, const unsigned char *prefix, size_t size) {
    siphash_begin(sum, sum_key);
    siphash_add(sum, prefix + SUMMED_FROM, size - SUMMED_FROM);
}

void cache_file_sum_end(const struct siphash *sum, unsigned char out[8]) { put(out, siphash_end(sum), 8); }

unsigned char *cache_file_write(const struct cache_object *o, size_t *size) {
    uint64_t length = o->body->length, n = prefix_size(o) + length;
    unsigned char *bytes = base_alloc(n), *p = put_prefix(bytes, o, length);
    BUG_ON(o->body->fill != length);
    struct cache_cursor cursor = {0};
    for (uint64_t at = 0; at < length;) {
        struct span s = cache_body_read(o->body, &cursor, at);
        p = put_text(p, s.p, s.n);
        at += s.n;
    }
    put(bytes + CACHE_FILE_SUM_AT, siphash(sum_key, bytes + SUMMED_FROM, n - SUMMED_FROM), 8);
    *size = n;
    return bytes;
}

/** Reads the header; the texts' places are checked against the size the file says it has. */
static bool read_header(const unsigned char *bytes, size_t n, struct cache_file *out) {
    const unsigned char *p = bytes;
    if (n < CACHE_FILE_HEADER || memcmp(bytes, magic, sizeof magic) != 0) return false;
    p += sizeof magic;
    out->size = take(&p, 8);
    p += 8;
    out->facts = (struct cache_facts){.received = (int64_t)take(&p, 8)};
    out->facts.initial_age = (int64_t)take(&p, 8);
    out->facts.lifetime = (int64_t)take(&p, 8);
    out->facts.while_revalidate = (int64_t)take(&p, 8);
    out->facts.if_error = (int64_t)take(&p, 8);
    uint64_t flags = take(&p, 1);
    out->facts.always_validate = flags & ALWAYS_VALIDATE;
    out->facts.never_stale = flags & NEVER_STALE;
    out->status = (int)take(&p, 4);
    out->key.n = take(&p, 4);
    out->variant.n = take(&p, 4);
    out->head.n = take(&p, 4);
    out->head_304_size = (uint32_t)take(&p, 4);
    out->body.n = take(&p, 8);
    const int64_t times[] = {out->facts.received, out->facts.initial_age, out->facts.lifetime, out->facts.while_revalidate, out->facts.if_error};
    // Sums of them stay far from overflow.
    for (unsigned i = 0; i < COUNT_OF(times); i++)
        if (times[i] < 0 || times[i] > INT64_C(1) << 40) return false;
    uint64_t texts = (uint64_t)CACHE_FILE_HEADER + out->key.n + out->variant.n + out->head.n;
    return out->key.n <= TEXT_MOST && out->variant.n <= TEXT_MOST && out->head.n <= TEXT_MOST && out->head_304_size <= out->head.n && out->size >= texts && out->body.n == out->size - texts;
}

bool cache_file_peek(const unsigned char *bytes, size_t n, struct cache_file *out) {
    if (!read_header(bytes, n, out) || n - CACHE_FILE_HEADER < out->key.n + out->variant.n) return false;
    out->key.p = (const char *)bytes + CACHE_FILE_HEADER;
    out->variant.p = out->key.p + out->key.n;
    if (n != out->size) return true;
    out->head.p = out->variant.p + out->variant.n;
    out->body.p = out->head.p + out->head.n;
    return true;
}

/** Whether a head is one that cache_head_parse takes: it was written by us, but perhaps by another version. */
static bool is_head(const struct cache_file *f) {
    static _Thread_local struct http1_head head;
    char *text = base_alloc(f->head.n + 2);
    memcpy(text, f->head.p, f->head.n);
    memcpy(text + f->head.n, "\r\n", 2);
    int n = http1_parse_response(text, f->head.n + 2, 0, HTTP1_FIELDS_MAX, &head);
    bool ok = n == (int)(f->head.n + 2) && head.status == f->status && (f->head_304_size == f->head.n || (f->head_304_size > 1 && f->head.p[f->head_304_size - 1] == '\n'));
    free(text);
    return ok;
}

bool cache_file_read(const unsigned char *bytes, size_t n, struct cache_file *out) {
    if (!cache_file_peek(bytes, n, out) || out->size != n) return false;
    const unsigned char *p = bytes + CACHE_FILE_SUM_AT;
    return take(&p, 8) == siphash(sum_key, bytes + SUMMED_FROM, n - SUMMED_FROM) && is_head(out);
}

static bool read_all(int fd, unsigned char *bytes, size_t n, uint64_t at) {
    while (n) {
        ssize_t got = pread(fd, bytes, n, (off_t)at);
        if (got <= 0) return false;
        bytes += got;
        n -= (size_t)got;
        at += (uint64_t)got;
    }
    return true;
}

static bool add_body(struct siphash *sum, int fd, uint64_t at, uint64_t end) {
    unsigned char *piece = base_alloc(PIECE_BYTES);
    bool ok = true;
    for (size_t n; ok && at < end; at += n) {
        n = end - at < PIECE_BYTES ? (size_t)(end - at) : PIECE_BYTES;
        ok = read_all(fd, piece, n, at);
        if (ok) siphash_add(sum, piece, n);
    }
    free(piece);
    return ok;
}

unsigned char *cache_file_check(int fd, uint64_t size, struct cache_file *out) {
    unsigned char header[CACHE_FILE_HEADER];
    if (!read_all(fd, header, sizeof header, 0) || !read_header(header, sizeof header, out) || out->size != size) return NULL;
    size_t texts = (size_t)(size - out->body.n);
    unsigned char *bytes = base_alloc(texts);
    const unsigned char *sum_at = header + CACHE_FILE_SUM_AT;
    struct siphash sum;
    bool ok = read_all(fd, bytes, texts, 0) && cache_file_peek(bytes, texts, out) && out->size == size;
    if (ok) {
        out->head.p = out->variant.p + out->variant.n;
        out->body.p = NULL;
        cache_file_sum_begin(&sum, bytes, texts);
        ok = add_body(&sum, fd, texts, size) && siphash_end(&sum) == take(&sum_at, 8) && is_head(out);
    }
    if (ok) return bytes;
    free(bytes);
    return NULL;
}

void cache_file_name(char out[CACHE_FILE_NAME + 1], struct span key, struct span variant) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    BUG_ON(!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1);
    // A URL holds no line break, so no two pairs are written alike.
    BUG_ON(EVP_DigestUpdate(ctx, key.p, key.n) != 1 || EVP_DigestUpdate(ctx, "\n", 1) != 1 || EVP_DigestUpdate(ctx, variant.p, variant.n) != 1 || EVP_DigestFinal_ex(ctx, digest, NULL) != 1);
    EVP_MD_CTX_free(ctx);
    for (unsigned i = 0; i < CACHE_FILE_NAME; i++) out[i] = "0123456789abcdef"[digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
    out[CACHE_FILE_NAME] = '\0';
}
