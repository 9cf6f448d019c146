#include "config_cache.h"

#include "http1.h"

/** Share of the memory, and of the disk, one answer may take unless the config says otherwise: a few large ones must not push out all others. */
#define OBJECT_SHARE 16

static bool valid_host(const char *text) {
    for (const char *p = text; *p; p++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]", *p)) return false;
    return *text;
}

static bool valid_path(const char *text) {
    size_t n = strlen(text);
    if (*text != '/' || text[n - 1] == '/') return false;
    for (const char *p = text; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == '#' || *p == '?') return false;
    return true;
}

static bool read_disk(struct reader *r, const struct json *cache) {
    struct config_cache *c = &r->config->cache;
    c->disk_bytes = 1 << 30;
    if (!get_string(r, cache, "cache", "diskPath", false, 1024, &c->disk_path) || !get_integer(r, cache, "cache", "diskBytes", 1 << 20, 1e15, &c->disk_bytes)) return false;
    c->disk_object_bytes = c->disk_bytes / OBJECT_SHARE;
    if (!get_integer(r, cache, "cache", "diskObjectBytes", 1, 1e15, &c->disk_object_bytes)) return false;
    if (c->disk_object_bytes > c->disk_bytes / 2) return fail(r, "cache.diskObjectBytes", "found %llu, expected at most half of cache.diskBytes", (unsigned long long)c->disk_object_bytes);
    if (c->disk_path && c->disk_path[0] != '/') return fail(r, "cache.diskPath", "found \"%s\", expected an absolute path", c->disk_path);
    if (!c->disk_path && member(cache, "diskObjectBytes")) return fail(r, "cache.diskObjectBytes", "there is no cache.diskPath");
    return c->disk_path || !member(cache, "diskBytes") || fail(r, "cache.diskBytes", "there is no cache.diskPath");
}

static bool read_origin(struct reader *r, const struct json *cache) {
    struct config_cache *c = &r->config->cache;
    if (!get_string(r, cache, "cache", "originHost", false, 253, &c->origin_host) || !get_string(r, cache, "cache", "originPath", false, 512, &c->origin_path)) return false;
    if (c->origin_host && !valid_host(c->origin_host)) return fail(r, "cache.originHost", "found \"%s\", expected a host, with or without a port", c->origin_host);
    if (c->origin_path && !valid_path(c->origin_path)) return fail(r, "cache.originPath", "found \"%s\", expected a path that starts with '/' and does not end with one", c->origin_path);
    return true;
}

/** Whether a text can stand in the scope of a signature. */
static bool is_scope(const char *text) {
    for (const char *p = text; *p; p++)
        if (!http1_is_token_char((unsigned char)*p)) return false;
    return *text;
}

static bool read_signing(struct reader *r, const struct json *cache) {
    static const char *const keys[] = {"region", "accessKeyId", "secretFile", NULL};
    static const char path[] = "cache.signing";
    struct config_signing *s = &r->config->cache.signing;
    const struct json *v = member(cache, "signing");
    if (!v) return true;
    if (!only_keys(r, v, path, keys) || !get_string(r, v, path, "region", true, 64, &s->region) || !get_string(r, v, path, "accessKeyId", true, 128, &s->access_key_id) ||
        !get_string(r, v, path, "secretFile", true, 1024, &s->secret_file))
        return false;
    if (!is_scope(s->region)) return fail(r, "cache.signing.region", "found \"%s\", expected a name like eu-central-1", s->region);
    if (!is_scope(s->access_key_id)) return fail(r, "cache.signing.accessKeyId", "found \"%s\", expected letters and digits", s->access_key_id);
    if (s->secret_file[0] != '/') return fail(r, "cache.signing.secretFile", "found \"%s\", expected an absolute path", s->secret_file);
    return r->config->cache.origin_host || fail(r, path, "there is no cache.originHost, whose name is signed");
}

static bool read_shown(struct reader *r, const struct json *cache) {
    const struct json *list = member(cache, "requestFields");
    struct cache_shown *shown = &r->config->cache.shown;
    if (!list) return true;
    if (list->type != JSON_ARRAY) return fail(r, "cache.requestFields", "found %s, expected an array", json_type_text(list->type));
    shown->names = arena_alloc(&r->config->arena, list->count * sizeof *shown->names);
    for (const struct json *item = list->first; item; item = item->next) {
        char at[64];
        const char *name;
        snprintf(at, sizeof at, "cache.requestFields[%u]", shown->count);
        if (!get_text(r, item, at, 64, &name)) return false;
        if (!*name || !valid_token(name) || http1_field_id(span_of(name)) != FIELD_OTHER) return fail(r, at, "found \"%s\", expected a field name that HTTP does not use itself, and by which nobody claims who asks", name);
        shown->names[shown->count++] = name;
    }
    return true;
}

bool config_read_cache(struct reader *r, const struct json *root) {
    static const char *const keys[] = {"memoryBytes", "objectBytes", "diskPath", "diskBytes", "diskObjectBytes", "originHost", "originPath", "signing", "requestFields", NULL};
    struct config_cache *c = &r->config->cache;
    const struct json *v = member(root, "cache");
    if (!v) return true;
    c->memory_bytes = 64 << 20;
    if (!only_keys(r, v, "cache", keys) || !get_integer(r, v, "cache", "memoryBytes", 65536, 1e12, &c->memory_bytes)) return false;
    c->object_bytes = c->memory_bytes / OBJECT_SHARE;
    if (!get_integer(r, v, "cache", "objectBytes", 1, 1e12, &c->object_bytes)) return false;
    if (c->object_bytes > c->memory_bytes / 2) return fail(r, "cache.objectBytes", "found %llu, expected at most half of cache.memoryBytes", (unsigned long long)c->object_bytes);
    return read_disk(r, v) && read_origin(r, v) && read_signing(r, v) && read_shown(r, v);
}
