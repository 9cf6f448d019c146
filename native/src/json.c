#include "json.h"

#include <math.h>

/** Config documents are four levels deep. */
#define DEPTH_MAX 64

struct parser {
    struct arena *arena;
    const char *start, *p, *end;
    const char *message;
};

static bool fail(struct parser *s, const char *message) {
    if (!s->message) s->message = message;
    return false;
}

static void skip_space(struct parser *s) {
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r')) s->p++;
}

static bool expect(struct parser *s, const char *word) {
    size_t n = strlen(word);
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0) return fail(s, "not a JSON value");
    s->p += n;
    return true;
}

static bool read_hex4(struct parser *s, unsigned *out) {
    unsigned v = 0;
    if (s->end - s->p < 4) return fail(s, "unfinished \\u escape");
    for (int i = 0; i < 4; i++, s->p++) {
        char c = *s->p;
        v <<= 4;
        if (c >= '0' && c <= '9') v |= (unsigned)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f') v |= (unsigned)((c | 32) - 'a' + 10);
        else return fail(s, "bad \\u escape");
    }
    *out = v;
    return true;
}

static char *put_utf8(char *out, unsigned c) {
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 63));
        *out++ = (char)(0x80 | (c & 63));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 63));
        *out++ = (char)(0x80 | (c >> 6 & 63));
        *out++ = (char)(0x80 | (c & 63));
    }
    return out;
}

/** Length of the valid UTF-8 sequence at p, 0 if there is none (overlong, surrogate, cut off). */
static size_t utf8_length(const unsigned char *p, size_t n) {
    if (p[0] < 0x80) return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4) return 0;
    size_t need = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (n < need) return 0;
    for (size_t i = 1; i < need; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if (p[0] == 0xe0 && p[1] < 0xa0) return 0;
    if (p[0] == 0xed && p[1] > 0x9f) return 0;
    if (p[0] == 0xf0 && p[1] < 0x90) return 0;
    if (p[0] == 0xf4 && p[1] > 0x8f) return 0;
    return need;
}

static bool read_unicode(struct parser *s, char **out) {
    unsigned c, low;
    if (!read_hex4(s, &c)) return false;
    if (c >= 0xdc00 && c <= 0xdfff) return fail(s, "lone surrogate");
    if (c >= 0xd800 && c <= 0xdbff) {
        if (s->end - s->p < 2 || s->p[0] != '\\' || s->p[1] != 'u') return fail(s, "lone surrogate");
        s->p += 2;
        if (!read_hex4(s, &low)) return false;
        if (low < 0xdc00 || low > 0xdfff) return fail(s, "lone surrogate");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    *out = put_utf8(*out, c);
    return true;
}

static bool read_escape(struct parser *s, char **out) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (s->p == s->end) return fail(s, "unfinished string");
    char c = *s->p++;
    if (c == 'u') return read_unicode(s, out);
    const char *found = c ? strchr(from, c) : NULL;
    if (!found) return fail(s, "unknown escape");
    *(*out)++ = to[found - from];
    return true;
}

static bool read_string(struct parser *s, struct span *text) {
    const char *close = ++s->p;
    while (close < s->end && *close != '"') close += *close == '\\' && close + 1 < s->end ? 2 : 1;
    if (close >= s->end) return fail(s, "unfinished string");
    char *out = arena_alloc(s->arena, (size_t)(close - s->p) + 1), *start = out;
    while (s->p < s->end && *s->p != '"') {
        unsigned char c = (unsigned char)*s->p;
        if (c < 0x20) return fail(s, "control character in a string");
        if (c == '\\') {
            s->p++;
            if (!read_escape(s, &out)) return false;
            continue;
        }
        size_t n = utf8_length((const unsigned char *)s->p, (size_t)(s->end - s->p));
        if (!n) return fail(s, "not UTF-8");
        memcpy(out, s->p, n);
        out += n;
        s->p += n;
    }
    s->p++;
    *text = (struct span){start, (size_t)(out - start)};
    return true;
}

static bool digits(struct parser *s) {
    const char *start = s->p;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9') s->p++;
    return s->p > start;
}

static bool read_number(struct parser *s, double *out) {
    const char *start = s->p;
    if (*s->p == '-') s->p++;
    const char *integer = s->p;
    if (!digits(s)) return fail(s, "not a JSON value");
    if (*integer == '0' && s->p - integer > 1) return fail(s, "number with a leading zero");
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!digits(s)) return fail(s, "bad number");
    }
    if (s->p < s->end && (*s->p | 32) == 'e') {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-')) s->p++;
        if (!digits(s)) return fail(s, "bad number");
    }
    char copy[64];
    size_t n = (size_t)(s->p - start);
    if (n >= sizeof copy) return fail(s, "number too long");
    memcpy(copy, start, n);
    copy[n] = 0;
    *out = strtod(copy, NULL);
    return isfinite(*out) ? true : fail(s, "number out of range");
}

static struct json *read_value(struct parser *s, int depth);

static bool append(struct parser *s, struct json *parent, struct json ***tail, int depth, struct span name) {
    struct json *child = read_value(s, depth + 1);
    if (!child) return false;
    child->name = name;
    **tail = child;
    *tail = &child->next;
    parent->count++;
    return true;
}

static bool has_member(const struct json *object, struct span name) {
    for (const struct json *m = object->first; m; m = m->next)
        if (span_eq(m->name, name)) return true;
    return false;
}

/** Reads members or elements up to the closing bracket. */
static bool read_children(struct parser *s, struct json *parent, int depth) {
    char close = parent->type == JSON_OBJECT ? '}' : ']';
    struct json **tail = &parent->first;
    s->p++;
    skip_space(s);
    if (s->p < s->end && *s->p == close) {
        s->p++;
        return true;
    }
    for (;;) {
        struct span name = {0};
        skip_space(s);
        if (parent->type == JSON_OBJECT) {
            if (s->p == s->end || *s->p != '"') return fail(s, "member name expected");
            if (!read_string(s, &name)) return false;
            if (has_member(parent, name)) return fail(s, "duplicate member name");
            skip_space(s);
            if (s->p == s->end || *s->p != ':') return fail(s, "':' expected");
            s->p++;
        }
        if (!append(s, parent, &tail, depth, name)) return false;
        skip_space(s);
        if (s->p == s->end) return fail(s, "unfinished document");
        char c = *s->p++;
        if (c == close) return true;
        if (c != ',') {
            s->p--;
            return fail(s, close == '}' ? "',' or '}' expected" : "',' or ']' expected");
        }
    }
}

static struct json *read_value(struct parser *s, int depth) {
    struct json *v = arena_alloc(s->arena, sizeof *v);
    skip_space(s);
    bool ok;
    if (depth > DEPTH_MAX) return fail(s, "nested too deeply"), NULL;
    if (s->p == s->end) return fail(s, "unfinished document"), NULL;
    switch (*s->p) {
        case '{': v->type = JSON_OBJECT; ok = read_children(s, v, depth); break;
        case '[': v->type = JSON_ARRAY; ok = read_children(s, v, depth); break;
        case '"': v->type = JSON_STRING; ok = read_string(s, &v->text); break;
        case 't': v->type = JSON_BOOL; v->boolean = true; ok = expect(s, "true"); break;
        case 'f': v->type = JSON_BOOL; ok = expect(s, "false"); break;
        case 'n': v->type = JSON_NULL; ok = expect(s, "null"); break;
        default: v->type = JSON_NUMBER; ok = read_number(s, &v->number); break;
    }
    return ok ? v : NULL;
}

struct json *json_parse(struct arena *arena, const char *text, size_t n, struct json_error *error) {
    struct parser s = {.arena = arena, .start = text, .p = text, .end = text + n};
    struct json *v = read_value(&s, 0);
    if (v) {
        skip_space(&s);
        if (s.p != s.end) fail(&s, "text after the document");
    }
    if (!s.message) return v;
    *error = (struct json_error){(size_t)(s.p - text), s.message};
    return NULL;
}

const char *json_type_text(enum json_type type) {
    static const char *const texts[] = {"null", "a boolean", "a number", "a string", "an array", "an object"};
    return texts[type];
}
