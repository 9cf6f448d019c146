#include "websocket.h"

#include <openssl/evp.h>
#include <sys/random.h>

void websocket_make_key(char key[WEBSOCKET_KEY + 1]) {
    unsigned char bytes[16];
    BUG_ON(getrandom(bytes, sizeof bytes, 0) != sizeof bytes);
    EVP_EncodeBlock((unsigned char *)key, bytes, sizeof bytes);
}

void websocket_answer_key(const char *key, char accept[WEBSOCKET_ACCEPT + 1]) {
    static const char name[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[WEBSOCKET_KEY + sizeof name];
    unsigned char digest[20];
    memcpy(text, key, WEBSOCKET_KEY);
    memcpy(text + WEBSOCKET_KEY, name, sizeof name);
    BUG_ON(EVP_Digest(text, sizeof text - 1, digest, NULL, EVP_sha1(), NULL) != 1);
    EVP_EncodeBlock((unsigned char *)accept, digest, sizeof digest);
}

bool websocket_is_accepted(const char key[WEBSOCKET_KEY + 1], const struct http1_head *answer) {
    char accept[WEBSOCKET_ACCEPT + 1];
    unsigned seen = 0;
    websocket_answer_key(key, accept);
    for (unsigned i = 0; i < answer->count; i++) {
        const struct http1_field *f = &answer->fields[i];
        if (!span_ieq(f->name, SPAN("sec-websocket-accept"))) continue;
        if (seen++ || !span_eq(f->value, span_of(accept))) return false;
    }
    return seen == 1;
}
