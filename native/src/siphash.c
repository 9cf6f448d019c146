#include "siphash.h"

static uint64_t rotate(uint64_t v, unsigned by) { return v << by | v >> (64 - by); }

static void sip_round(uint64_t v[4]) {
    v[0] += v[1], v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0], v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1], v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2], v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

uint64_t siphash_word(const unsigned char *p) {
    uint64_t v = 0;
    for (unsigned i = 8; i--;) v = v << 8 | p[i];
    return v;
}

void siphash_begin(struct siphash *h, const uint64_t key[2]) {
    *h = (struct siphash){{key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u}, {0}, 0};
}

void siphash_add(struct siphash *h, const void *bytes, size_t n) {
    const unsigned char *p = bytes;
    for (; n && h->n % 8; n--) {
        h->word[h->n++ % 8] = *p++;
        if (h->n % 8 == 0) sip_word(h->v, siphash_word(h->word));
    }
    h->n += n;
    for (; n >= 8; n -= 8, p += 8) sip_word(h->v, siphash_word(p));
    if (n) memcpy(h->word, p, n);
}

uint64_t siphash_end(const struct siphash *h) {
    uint64_t v[4] = {h->v[0], h->v[1], h->v[2], h->v[3]};
    unsigned char last[8] = {0};
    memcpy(last, h->word, h->n % 8);
    last[7] = (unsigned char)h->n;
    sip_word(v, siphash_word(last));
    v[2] ^= 0xff;
    for (unsigned i = 0; i < 4; i++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t siphash(const uint64_t key[2], const void *bytes, size_t n) {
    struct siphash h;
    siphash_begin(&h, key);
    siphash_add(&h, bytes, n);
    return siphash_end(&h);
}
