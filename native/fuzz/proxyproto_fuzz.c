/** @file proxyproto_fuzz.c Headers of the PROXY protocol: the same verdict however the bytes are cut, and always one in time. */
#include "proxyproto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *buf = (const char *)data;
    struct proxyproto whole, part;
    int used = proxyproto_parse(buf, size, &whole);
    BUG_ON(used == 0 || (used > 0 && (size_t)used > size) || (used == PROXYPROTO_PARTIAL && size >= PROXYPROTO_MAX));
    size_t most = size < 600 ? size : 600;
    for (size_t n = 0; n < most; n++) {
        int r = proxyproto_parse(buf, n, &part);
        if (r == PROXYPROTO_PARTIAL) continue;
        BUG_ON(r != used || (r > 0 && (part.kind != whole.kind || memcmp(&part.client, &whole.client, sizeof part.client) != 0)));
        break;
    }
    return 0;
}
