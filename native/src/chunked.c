#include "chunked.h"

#include "http1.h"

void chunked_init(struct chunked *c) { *c = (struct chunked){.state = CHUNKED_SIZE}; }

static int hex_value(char ch) {
    if (ch >= '0' && ch <= '9') return ch - '0';
    if (ch >= 'a' && ch <= 'f') return ch - 'a' + 10;
    if (ch >= 'A' && ch <= 'F') return ch - 'A' + 10;
    return -1;
}

/** What may follow a whole part of an extension: the end of the line, or the next one. */
static bool end_part(struct chunked *c, char ch) {
    c->state = ch == '\r' ? CHUNKED_SIZE_LF : CHUNKED_EXTENSION;
    return ch == '\r' || ch == ';';
}

/**
 * *( ";" token [ "=" ( token / quoted-string ) ] ). Nobody behind sees them; a reader that took a quote for open where we do
 * not would end the line elsewhere.
 */
static bool step_extension(struct chunked *c, char ch) {
    bool token = http1_is_token_char((unsigned char)ch), text = ch == '\t' || ((unsigned char)ch >= 0x20 && ch != 0x7f);
    if (++c->extension > CHUNKED_EXTENSION_MAX) return false;
    switch (c->state) {
        case CHUNKED_EXTENSION: c->state = CHUNKED_NAME; return token;
        case CHUNKED_NAME:
            if (token) return true;
            if (ch != '=') return end_part(c, ch);
            c->state = CHUNKED_VALUE;
            return true;
        case CHUNKED_VALUE: c->state = ch == '"' ? CHUNKED_QUOTED : CHUNKED_TOKEN; return token || ch == '"';
        case CHUNKED_TOKEN: return token || end_part(c, ch);
        case CHUNKED_QUOTED:
            if (ch == '"') c->state = CHUNKED_UNQUOTED;
            if (ch == '\\') c->state = CHUNKED_ESCAPED;
            return text;
        case CHUNKED_ESCAPED: c->state = CHUNKED_QUOTED; return text;
        default: return end_part(c, ch);
    }
}

/** One framing byte. false: not allowed here. */
static bool step(struct chunked *c, char ch) {
    int v;
    switch (c->state) {
        case CHUNKED_SIZE:
            c->left = 0;
            c->digits = 0;
            c->extension = 0;
            if (hex_value(ch) < 0) return false;
            c->state = CHUNKED_SIZE_MORE;
            // fall through
        case CHUNKED_SIZE_MORE:
            if ((v = hex_value(ch)) >= 0) {
                // 15 digits are 2^60: no overflow, and no honest chunk is larger.
                if (++c->digits > 15) return false;
                c->left = c->left << 4 | (unsigned)v;
                return true;
            }
            if (ch == '\r') c->state = CHUNKED_SIZE_LF;
            else if (ch == ';') c->state = CHUNKED_EXTENSION;
            else return false;
            return true;
        case CHUNKED_EXTENSION: case CHUNKED_NAME: case CHUNKED_VALUE: case CHUNKED_TOKEN: case CHUNKED_QUOTED: case CHUNKED_ESCAPED:
        case CHUNKED_UNQUOTED:
            return step_extension(c, ch);
        case CHUNKED_SIZE_LF:
            c->state = c->left ? CHUNKED_DATA : CHUNKED_TRAILERS;
            return ch == '\n';
        case CHUNKED_DATA_CR: c->state = CHUNKED_DATA_LF; return ch == '\r';
        case CHUNKED_DATA_LF: c->state = CHUNKED_SIZE; return ch == '\n';
        default: base_bug(__FILE__, __LINE__, "chunked state");
    }
}

enum chunked_result chunked_next(struct chunked *c, struct span in, size_t *used, struct span *data) {
    size_t i = 0;
    for (;;) {
        if (c->state == CHUNKED_TRAILERS) {
            *used = i;
            return CHUNKED_END;
        }
        if (i == in.n) {
            *used = i;
            return CHUNKED_MORE;
        }
        if (c->state == CHUNKED_DATA) {
            size_t n = in.n - i < c->left ? in.n - i : (size_t)c->left;
            *data = (struct span){in.p + i, n};
            c->left -= n;
            if (!c->left) c->state = CHUNKED_DATA_CR;
            *used = i + n;
            return CHUNKED_PIECE;
        }
        if (!step(c, in.p[i++])) {
            *used = i;
            return CHUNKED_BAD;
        }
    }
}

size_t chunked_write_size(char *out, uint64_t size) {
    char digits[16];
    size_t n = 0;
    do {
        digits[n++] = "0123456789abcdef"[size & 15];
        size >>= 4;
    } while (size);
    for (size_t i = 0; i < n; i++) out[i] = digits[n - 1 - i];
    out[n] = '\r';
    out[n + 1] = '\n';
    return n + 2;
}
