#include "config_read.h"

#include <math.h>

#include "http1.h"

bool fail(struct reader *r, const char *path, const char *format, ...) {
    if (r->error->message[0]) return false;
    snprintf(r->error->path, sizeof r->error->path, "%s", path);
    va_list args;
    va_start(args, format);
    vsnprintf(r->error->message, sizeof r->error->message, format, args);
    va_end(args);
    return false;
}

const char *path_of(struct reader *r, const char *parent, const char *key) {
    snprintf(r->path, sizeof r->path, "%.200s%s%.50s", parent, *parent ? "." : "", key);
    return r->path;
}

const struct json *member(const struct json *object, const char *key) {
    for (const struct json *m = object->first; m; m = m->next)
        if (span_eq(m->name, span_of(key))) return m;
    return NULL;
}

bool only_keys(struct reader *r, const struct json *object, const char *path, const char *const *keys) {
    if (object->type != JSON_OBJECT) return fail(r, path, "found %s, expected an object", json_type_text(object->type));
    for (const struct json *m = object->first; m; m = m->next) {
        const char *const *k = keys;
        while (*k && !span_eq(m->name, span_of(*k))) k++;
        if (*k) continue;
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)(m->name.n < 50 ? m->name.n : 50), m->name.p);
        return fail(r, path_of(r, path, name), "unknown key");
    }
    return true;
}

bool get_integer(struct reader *r, const struct json *object, const char *path, const char *key, double min, double max, uint64_t *out) {
    const struct json *v = member(object, key);
    if (!v) return true;
    const char *at = path_of(r, path, key);
    if (v->type != JSON_NUMBER) return fail(r, at, "found %s, expected a whole number", json_type_text(v->type));
    if (v->number != floor(v->number) || v->number < min || v->number > max)
        return fail(r, at, "found %.15g, expected a whole number from %.0f to %.0f", v->number, min, max);
    *out = (uint64_t)v->number;
    return true;
}

bool get_time(struct reader *r, const struct json *object, const char *path, const char *key, uint64_t *out) {
    uint64_t ms = *out / MS;
    if (!get_integer(r, object, path, key, 1, 86400000, &ms)) return false;
    *out = ms * MS;
    return true;
}

bool get_bool(struct reader *r, const struct json *object, const char *path, const char *key, bool *out) {
    const struct json *v = member(object, key);
    if (!v) return true;
    if (v->type != JSON_BOOL) return fail(r, path_of(r, path, key), "found %s, expected true or false", json_type_text(v->type));
    *out = v->boolean;
    return true;
}

static bool has_control_character(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f) return true;
    return false;
}

bool get_text(struct reader *r, const struct json *v, const char *at, size_t max, const char **out) {
    if (v->type != JSON_STRING) return fail(r, at, "found %s, expected a string", json_type_text(v->type));
    if (!v->text.n || v->text.n > max) return fail(r, at, "expected 1 to %zu characters", max);
    if (has_control_character(v->text)) return fail(r, at, "control character in a string");
    *out = arena_dup(&r->config->arena, v->text);
    return true;
}

bool get_string(struct reader *r, const struct json *object, const char *path, const char *key, bool required, size_t max, const char **out) {
    const struct json *v = member(object, key);
    if (!v) return required ? fail(r, path_of(r, path, key), "required") : true;
    // Where a value stands is only written down for who is to read it: with 10,000 routes that took a tenth of a reload.
    if (v->type == JSON_STRING && v->text.n && v->text.n <= max && !has_control_character(v->text)) {
        *out = arena_dup(&r->config->arena, v->text);
        return true;
    }
    return get_text(r, v, path_of(r, path, key), max, out);
}

bool get_choice(struct reader *r, const struct json *object, const char *path, const char *key, const char *const *words, int *out) {
    const char *text = NULL;
    if (!get_string(r, object, path, key, false, 32, &text)) return false;
    if (!text) return true;
    char allowed[128] = "";
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0) {
            *out = i;
            return true;
        }
        size_t used = strlen(allowed);
        snprintf(allowed + used, sizeof allowed - used, "%s%s", i ? ", " : "", words[i]);
    }
    return fail(r, path_of(r, path, key), "found \"%s\", expected one of: %s", text, allowed);
}

bool get_address(struct reader *r, const struct json *object, const char *path, const char **address, uint16_t *port, double min_port,
                 struct sockaddr_storage *sa, socklen_t *length) {
    uint64_t p = 0;
    if (!get_string(r, object, path, "address", true, INET6_ADDRSTRLEN, address)) return false;
    if (!member(object, "port")) return fail(r, path_of(r, path, "port"), "required");
    if (!get_integer(r, object, path, "port", min_port, 65535, &p)) return false;
    *port = (uint16_t)p;
    if (cidr_sockaddr(*address, *port, sa, length)) return true;
    return fail(r, path_of(r, path, "address"), "found \"%s\", expected an IPv4 or IPv6 address", *address);
}

bool get_array(struct reader *r, const struct json *root, const char *key, unsigned *count, const struct json **first) {
    const struct json *v = member(root, key);
    *count = 0;
    *first = NULL;
    if (!v) return true;
    if (v->type != JSON_ARRAY) return fail(r, key, "found %s, expected an array", json_type_text(v->type));
    *count = v->count;
    *first = v->first;
    return true;
}

bool get_ranges(struct reader *r, const struct json *object, const char *path, const char *key, struct config_ranges *out) {
    const struct json *v = member(object, key);
    if (!v) return true;
    if (v->type != JSON_ARRAY) return fail(r, path_of(r, path, key), "found %s, expected an array", json_type_text(v->type));
    out->at = arena_alloc(&r->config->arena, v->count * sizeof *out->at);
    for (const struct json *item = v->first; item; item = item->next) {
        char at[128];
        const char *text;
        snprintf(at, sizeof at, "%s%s%s[%u]", path, *path ? "." : "", key, out->count);
        if (!get_text(r, item, at, 64, &text)) return false;
        if (!cidr_parse(text, &out->at[out->count++])) return fail(r, at, "found \"%s\", expected an address range like 10.0.0.0/8", text);
    }
    return true;
}

bool valid_token(const char *s) {
    for (; *s; s++)
        if (!http1_is_token_char((unsigned char)*s)) return false;
    return true;
}

bool get_share(struct reader *r, const struct json *object, const char *path, const char *key, double *out) {
    const struct json *v = member(object, key);
    if (!v) return true;
    if (v->type != JSON_NUMBER) return fail(r, path_of(r, path, key), "found %s, expected a number", json_type_text(v->type));
    if (v->number < 0 || v->number > 1) return fail(r, path_of(r, path, key), "found %.15g, expected a number from 0 to 1", v->number);
    *out = v->number;
    return true;
}

bool get_rate(struct reader *r, const struct json *v, const char *path, struct limit_rate *out) {
    const struct json *rate = member(v, "rate");
    uint64_t burst = 1;
    if (!rate) return !member(v, "burst") || fail(r, path_of(r, path, "burst"), "without a rate");
    if (rate->type != JSON_NUMBER) return fail(r, path_of(r, path, "rate"), "found %s, expected a number", json_type_text(rate->type));
    if (rate->number < 0.001 || rate->number > 1e6)
        return fail(r, path_of(r, path, "rate"), "found %.15g, expected a number from 0.001 to 1000000", rate->number);
    // A second's worth, where nothing else is said.
    if (rate->number > 1) burst = (uint64_t)rate->number;
    if (!get_integer(r, v, path, "burst", 1, 1000000, &burst)) return false;
    *out = limit_rate_of(rate->number, burst);
    return true;
}
