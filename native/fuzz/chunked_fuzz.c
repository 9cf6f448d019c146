/** @file chunked_fuzz.c Chunked bodies: the same verdict, body and end however the bytes are cut. */
#include "chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** FNV-1a over the body; *end is where decoding stopped. */
static enum chunked_result decode(const char *buf, size_t size, size_t step, uint64_t *hash, size_t *end) {
    struct chunked c;
    enum chunked_result r = CHUNKED_MORE;
    size_t at = 0;
    chunked_init(&c);
    *hash = 0xcbf29ce484222325u;
    while (at < size || r == CHUNKED_PIECE) {
        struct span piece;
        size_t used, have = size - at < step ? size - at : step;
        r = chunked_next(&c, (struct span){buf + at, have}, &used, &piece);
        BUG_ON(used > have);
        if (r == CHUNKED_PIECE) {
            BUG_ON(!piece.n || piece.p < buf + at || piece.p + piece.n > buf + at + used);
            for (size_t i = 0; i < piece.n; i++) *hash = (*hash ^ (unsigned char)piece.p[i]) * 0x100000001b3u;
        }
        at += used;
        if (r == CHUNKED_BAD || r == CHUNKED_END) break;
        BUG_ON(r == CHUNKED_MORE && used != have);
    }
    *end = at;
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint64_t whole, cut;
    size_t whole_end, cut_end;
    enum chunked_result a = decode((const char *)data, size, size + 1, &whole, &whole_end);
    for (size_t step = 1; step <= 7; step += 3) {
        enum chunked_result b = decode((const char *)data, size, step, &cut, &cut_end);
        BUG_ON((a == CHUNKED_BAD) != (b == CHUNKED_BAD) || (a == CHUNKED_END) != (b == CHUNKED_END));
        BUG_ON(whole != cut || whole_end != cut_end);
    }
    return 0;
}
