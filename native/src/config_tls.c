#include "config_tls.h"

/** Long enough for every path Linux can open. */
#define PATH_BYTES 4096

static bool get_path(struct reader *r, const struct json *object, const char *path, const char *key, bool required, const char **out) {
    if (!get_string(r, object, path, key, required, PATH_BYTES, out)) return false;
    if (!*out || (*out)[0] == '/') return true;
    return fail(r, path_of(r, path, key), "found \"%.100s\", expected an absolute path", *out);
}

/** A certificate goes with its key. */
static bool get_pair(struct reader *r, const struct json *object, const char *path, bool required, struct config_certificate *out) {
    if (!get_path(r, object, path, "certificate", required, &out->certificate)) return false;
    return get_path(r, object, path, "key", required || out->certificate, &out->key) &&
           (out->certificate || !out->key || fail(r, path_of(r, path, "certificate"), "required with a key"));
}

static bool read_certificates(struct reader *r, const struct json *tls) {
    static const char *const keys[] = {"certificate", "key", NULL};
    struct config_tls *out = &r->config->tls;
    const struct json *list = member(tls, "certificates");
    if (!list || list->type != JSON_ARRAY || !list->count)
        return fail(r, "tls.certificates", "required: an array of at least one {certificate, key}");
    out->certificates = arena_alloc(&r->config->arena, list->count * sizeof *out->certificates);
    for (const struct json *item = list->first; item; item = item->next) {
        char path[64];
        snprintf(path, sizeof path, "tls.certificates[%u]", out->certificate_count);
        if (!only_keys(r, item, path, keys)) return false;
        if (!get_pair(r, item, path, true, &out->certificates[out->certificate_count++])) return false;
    }
    return true;
}

static bool read_server(struct reader *r, const struct json *root) {
    static const char *const keys[] = {"certificates", "clientCa", "ticketRotation", NULL};
    const struct json *v = member(root, "tls");
    if (!v) return true;
    return only_keys(r, v, "tls", keys) && read_certificates(r, v) && get_path(r, v, "tls", "clientCa", false, &r->config->tls.client_ca) &&
           get_time(r, v, "tls", "ticketRotation", &r->config->tls.ticket_rotation);
}

static bool read_upstream(struct reader *r, const struct json *root) {
    static const char *const keys[] = {"ca", "certificate", "key", NULL};
    struct config_upstream_tls *out = &r->config->upstream_tls;
    const struct json *v = member(root, "upstreamTls");
    if (!v) return true;
    return only_keys(r, v, "upstreamTls", keys) && get_path(r, v, "upstreamTls", "ca", false, &out->ca) &&
           get_pair(r, v, "upstreamTls", false, &out->certificate);
}

/** base64url, as RFC 8555 has it: nothing that could be another path. */
static bool is_token(const char *s) {
    return s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")] == '\0';
}

static bool read_acme(struct reader *r, const struct json *root) {
    static const char *const keys[] = {"token", "answer", NULL};
    struct config *c = r->config;
    const struct json *item;
    if (!get_array(r, root, "acme", &c->acme_count, &item)) return false;
    c->acme = arena_alloc(&c->arena, c->acme_count * sizeof *c->acme);
    for (unsigned i = 0; item; item = item->next, i++) {
        struct config_acme *a = &c->acme[i];
        char path[64];
        snprintf(path, sizeof path, "acme[%u]", i);
        if (!only_keys(r, item, path, keys) || !get_string(r, item, path, "token", true, 256, &a->token) ||
            !get_string(r, item, path, "answer", true, 512, &a->answer))
            return false;
        if (!is_token(a->token)) return fail(r, path_of(r, path, "token"), "expected letters, digits, '-' and '_' only");
    }
    return true;
}

/** What a listen asks for has to be there. */
static bool check_listens(struct reader *r) {
    const struct config *c = r->config;
    for (unsigned i = 0; i < c->listen_count; i++) {
        char path[64];
        snprintf(path, sizeof path, "listen[%u].tls", i);
        if (c->listens[i].tls && !c->tls.certificate_count) return fail(r, path, "needs tls.certificates");
    }
    return true;
}

bool config_read_listen_tls(struct reader *r, const struct json *item, const char *path, struct config_listen *l) {
    uint64_t port = 0;
    if (!get_bool(r, item, path, "tls", &l->tls)) return false;
    l->http2 = l->tls;
    if (!get_bool(r, item, path, "http2", &l->http2) || !get_integer(r, item, path, "redirectPort", 1, 65535, &port)) return false;
    l->redirect_port = (uint16_t)port;
    return !port || !l->tls || fail(r, path_of(r, path, "redirectPort"), "only for a listen without tls");
}

bool config_read_tls(struct reader *r, const struct json *root) {
    return read_server(r, root) && read_upstream(r, root) && read_acme(r, root) && check_listens(r);
}
