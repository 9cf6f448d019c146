#include "config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "config_cache.h"
#include "config_read.h"
#include "config_route.h"
#include "config_tls.h"
#include "http1.h"

/** A config of 10,000 routes and 1,000 nodes is 2 MB. */
#define FILE_MAX (64u << 20)

static bool read_listens(struct reader *r, const struct json *root) {
    static const char *const keys[] = {"address", "port", "tls", "http2", "redirectPort", "proxyProtocol", NULL};
    struct config *c = r->config;
    const struct json *item;
    if (!get_array(r, root, "listen", &c->listen_count, &item)) return false;
    if (!c->listen_count) return fail(r, "listen", "required: at least one {address, port}");
    c->listens = arena_alloc(&c->arena, c->listen_count * sizeof *c->listens);
    for (unsigned i = 0; item; item = item->next, i++) {
        struct config_listen *l = &c->listens[i];
        char path[64];
        snprintf(path, sizeof path, "listen[%u]", i);
        if (!only_keys(r, item, path, keys)) return false;
        if (!get_address(r, item, path, &l->address, &l->port, 0, &l->sockaddr, &l->sockaddr_length)) return false;
        if (!config_read_listen_tls(r, item, path, l) || !get_ranges(r, item, path, "proxyProtocol", &l->proxy_protocol)) return false;
        for (unsigned j = 0; j < i; j++)
            if (l->port && c->listens[j].port == l->port && strcmp(c->listens[j].address, l->address) == 0)
                return fail(r, path, "the same address and port as listen[%u]", j);
    }
    return true;
}

static bool read_node(struct reader *r, const struct json *item, const char *path, struct config_node *n) {
    static const char *const keys[] = {"name", "address", "port", "weight", "state", "tls", "serverName", "class", "maxRequests", NULL};
    static const char *const states[] = {"active", "drain", NULL};
    struct sockaddr_storage ignored;
    socklen_t length;
    int state = 0;
    n->weight = 1;
    if (!only_keys(r, item, path, keys)) return false;
    if (!get_string(r, item, path, "name", true, 200, &n->name)) return false;
    if (!get_address(r, item, path, &n->address, &n->port, 1, &ignored, &length)) return false;
    const struct json *w = member(item, "weight");
    if (w) {
        if (w->type != JSON_NUMBER) return fail(r, path_of(r, path, "weight"), "found %s, expected a number", json_type_text(w->type));
        if (w->number < 1e-3 || w->number > 1e6)
            return fail(r, path_of(r, path, "weight"), "found %.15g, expected a number from 0.001 to 1000000", w->number);
        n->weight = w->number;
    }
    if (!get_choice(r, item, path, "state", states, &state)) return false;
    n->drain = state == 1;
    if (!get_string(r, item, path, "class", false, 64, &n->class)) return false;
    if (!get_integer(r, item, path, "maxRequests", 0, 1000000, &n->max_requests)) return false;
    return get_bool(r, item, path, "tls", &n->tls) && get_string(r, item, path, "serverName", false, 253, &n->server_name);
}

static int by_name(const void *a, const void *b) {
    return strcmp((*(struct config_node *const *)a)->name, (*(struct config_node *const *)b)->name);
}

static bool unique_names(struct reader *r) {
    struct config *c = r->config;
    if (c->node_count < 2) return true;
    struct config_node **sorted = base_alloc(c->node_count * sizeof *sorted);
    for (unsigned i = 0; i < c->node_count; i++) sorted[i] = &c->nodes[i];
    qsort(sorted, c->node_count, sizeof *sorted, by_name);
    bool ok = true;
    for (unsigned i = 1; i < c->node_count && ok; i++) {
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) != 0) continue;
        unsigned a = (unsigned)(sorted[i - 1] - c->nodes), b = (unsigned)(sorted[i] - c->nodes);
        char path[64];
        snprintf(path, sizeof path, "nodes[%u].name", a > b ? a : b);
        ok = fail(r, path, "the same name as nodes[%u]", a > b ? b : a);
    }
    free(sorted);
    return ok;
}

static bool read_nodes(struct reader *r, const struct json *root) {
    struct config *c = r->config;
    const struct json *item;
    if (!get_array(r, root, "nodes", &c->node_count, &item)) return false;
    c->nodes = arena_alloc(&c->arena, c->node_count * sizeof *c->nodes);
    for (unsigned i = 0; item; item = item->next, i++) {
        char path[64];
        snprintf(path, sizeof path, "nodes[%u]", i);
        if (!read_node(r, item, path, &c->nodes[i])) return false;
    }
    return unique_names(r);
}

static bool read_client_limits(struct reader *r, const struct json *limits) {
    static const char *const keys[] = {"rate", "burst", "connections", "prefix4", "prefix6", NULL};
    struct config_client_limits *c = &r->config->limits.client;
    const struct json *v = member(limits, "client");
    if (!v) return true;
    return only_keys(r, v, "limits.client", keys) && get_rate(r, v, "limits.client", &c->rate) &&
           get_integer(r, v, "limits.client", "connections", 0, 1000000, &c->connections) &&
           get_integer(r, v, "limits.client", "prefix4", 8, 32, &c->prefix4) && get_integer(r, v, "limits.client", "prefix6", 16, 128, &c->prefix6);
}

static bool read_limits(struct reader *r, const struct json *root) {
    static const char *const keys[] = {"headerBytes", "bodyBytes", "headers", "headerTimeout", "idleTimeout", "connectTimeout",
                                       "upstreamTimeout", "bodyTimeout", "minRate", "connections", "streams", "queue", "queueTimeout", "client", "measure", NULL};
    struct config_limits *l = &r->config->limits;
    const struct json *v = member(root, "limits");
    if (!v) return true;
    return only_keys(r, v, "limits", keys) && read_client_limits(r, v) && get_bool(r, v, "limits", "measure", &l->measure) &&
           get_integer(r, v, "limits", "headerBytes", 256, 1 << 20, &l->header_bytes) &&
           get_integer(r, v, "limits", "bodyBytes", 0, 9e15, &l->body_bytes) &&
           get_integer(r, v, "limits", "headers", 1, HTTP1_FIELDS_MAX, &l->headers) &&
           get_integer(r, v, "limits", "connections", 1, 10000000, &l->connections) &&
           get_integer(r, v, "limits", "streams", 1, 10000, &l->streams) && get_integer(r, v, "limits", "minRate", 0, 1e9, &l->min_rate) &&
           get_integer(r, v, "limits", "queue", 0, 1000000, &l->queue) && get_time(r, v, "limits", "queueTimeout", &l->queue_timeout) &&
           get_time(r, v, "limits", "headerTimeout", &l->header_timeout) && get_time(r, v, "limits", "idleTimeout", &l->idle_timeout) &&
           get_time(r, v, "limits", "connectTimeout", &l->connect_timeout) &&
           get_time(r, v, "limits", "upstreamTimeout", &l->upstream_timeout) && get_time(r, v, "limits", "bodyTimeout", &l->body_timeout);
}

static bool read_telemetry(struct reader *r, const struct json *root) {
    static const char *const keys[] = {"interval", NULL};
    const struct json *v = member(root, "telemetry");
    if (!v) return true;
    return only_keys(r, v, "telemetry", keys) && get_time(r, v, "telemetry", "interval", &r->config->telemetry_interval);
}

static bool read_capture(struct reader *r, const struct json *root) {
    static const char *const keys[] = {"enabled", "maxBodyBytes", "queueBytes", "sample", "sampleKey", NULL};
    struct config *c = r->config;
    const struct json *v = member(root, "capture");
    if (!v) return true;
    // A record has to fit into one frame (128 MiB), bodies, heads and all.
    return only_keys(r, v, "capture", keys) && get_bool(r, v, "capture", "enabled", &c->capture) &&
           get_share(r, v, "capture", "sample", &c->capture_sample) && get_string(r, v, "capture", "sampleKey", false, 128, &c->capture_sample_key) &&
           get_integer(r, v, "capture", "maxBodyBytes", 0, 48 << 20, &c->capture_max_body) &&
           get_integer(r, v, "capture", "queueBytes", 65536, 1e12, &c->capture_queue);
}

static bool read_balance(struct reader *r, const struct json *root) {
    static const char *const keys[] = {"eject", "slowStart", NULL};
    struct config *c = r->config;
    const struct json *v = member(root, "balance");
    uint64_t ms = 0;
    if (!v) return true;
    if (!only_keys(r, v, "balance", keys) || !get_bool(r, v, "balance", "eject", &c->eject)) return false;
    if (!get_integer(r, v, "balance", "slowStart", 0, 3600000, &ms)) return false;
    c->slow_start = ms * MS;
    return true;
}

static bool read_health(struct reader *r, const struct json *root) {
    static const char *const keys[] = {"path", "interval", "timeout", NULL};
    struct config *c = r->config;
    const struct json *v = member(root, "health");
    if (!v) return true;
    if (!only_keys(r, v, "health", keys) || !get_string(r, v, "health", "path", true, 1024, &c->health_path)) return false;
    if (c->health_path[0] != '/') return fail(r, "health.path", "found \"%s\", expected a path that starts with '/'", c->health_path);
    for (const char *p = c->health_path; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == '#') return fail(r, "health.path", "found \"%s\", expected visible ASCII without '#'", c->health_path);
    return get_time(r, v, "health", "interval", &c->health_interval) && get_time(r, v, "health", "timeout", &c->health_timeout);
}

static bool read_scalars(struct reader *r, const struct json *root) {
    struct config *c = r->config;
    uint64_t workers = 1;
    const char *field = NULL;
    if (!get_integer(r, root, "", "workers", 1, 64, &workers)) return false;
    c->workers = (unsigned)workers;
    if (!get_string(r, root, "", "control", false, sizeof ((struct sockaddr_un *)0)->sun_path - 1, &c->control)) return false;
    if (c->control && c->control[0] != '/') return fail(r, "control", "found \"%s\", expected an absolute path", c->control);
    if (!get_time(r, root, "", "drainTimeout", &c->drain_timeout)) return false;
    if (!get_string(r, root, "", "exchangeHeader", false, 64, &field) || !get_bool(r, root, "", "exchangeHeaderTrusted", &c->exchange_trusted)) return false;
    if (!get_string(r, root, "", "stickyCookie", false, 64, &c->sticky_cookie)) return false;
    if (!valid_token(c->sticky_cookie) || !*c->sticky_cookie) return fail(r, "stickyCookie", "found \"%s\", expected a cookie's name", c->sticky_cookie);
    if (!field) return true;
    if (!valid_token(field) || http1_field_id(span_of(field)) != FIELD_OTHER)
        return fail(r, "exchangeHeader", "found \"%s\", expected a header name that HTTP does not use itself", field);
    c->exchange_field = span_of(field);
    return true;
}

static void set_defaults(struct config *c) {
    c->limits = (struct config_limits){.header_bytes = 65536, .headers = 100, .connections = 10000, .streams = 100, .min_rate = 240, .client = {.prefix4 = 32, .prefix6 = 64}, .queue = 1000, .queue_timeout = 5000 * MS, .header_timeout = 10000 * MS,
                                       .idle_timeout = 60000 * MS, .connect_timeout = 2000 * MS, .upstream_timeout = 60000 * MS, .body_timeout = 30000 * MS};
    c->telemetry_interval = 1000 * MS;
    c->capture_max_body = 1 << 20;
    c->capture_sample = 1;
    c->capture_queue = 64 << 20;
    c->drain_timeout = 10000 * MS;
    c->sticky_cookie = "dharma-node";
    c->eject = c->exchange_trusted = true;
    c->health_interval = 5000 * MS;
    c->health_timeout = 2000 * MS;
    c->tls.ticket_rotation = 3600000 * MS;
}

static bool read_document(struct reader *r, const struct json *root) {
    static const char *const keys[] = {"listen", "workers", "control", "nodes", "routes", "limits", "telemetry", "capture",
                                       "exchangeHeader", "exchangeHeaderTrusted", "trusted", "drainTimeout", "stickyCookie", "balance", "health", "tls", "upstreamTls", "acme", "cache", NULL};
    return only_keys(r, root, "", keys) && read_listens(r, root) && read_nodes(r, root) && read_capture(r, root) && config_read_routes(r, root) && read_limits(r, root) &&
           read_telemetry(r, root) && get_ranges(r, root, "", "trusted", &r->config->trusted) && read_balance(r, root) && read_health(r, root) && read_scalars(r, root) && config_read_tls(r, root) && config_read_cache(r, root);
}

/** Turns a byte offset into line and column for the message. */
static void set_syntax_error(struct config_error *error, const char *text, const struct json_error *at) {
    unsigned line = 1, column = 1;
    for (size_t i = 0; i < at->offset; i++) {
        column++;
        if (text[i] == '\n') line++, column = 1;
    }
    snprintf(error->message, sizeof error->message, "not JSON: %s at line %u, column %u", at->message, line, column);
}

struct config *config_parse(const char *text, size_t n, struct config_error *error) {
    *error = (struct config_error){0};
    struct config *c = base_zalloc(sizeof *c);
    struct arena tree = {0};
    struct json_error at;
    set_defaults(c);
    struct reader r = {.config = c, .error = error};
    const struct json *root = json_parse(&tree, text, n, &at);
    bool ok = false;
    if (!root) set_syntax_error(error, text, &at);
    else ok = read_document(&r, root);
    arena_free(&tree);
    if (ok) return c;
    config_free(c);
    return NULL;
}

struct config *config_load(const char *file, struct config_error *error) {
    *error = (struct config_error){0};
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
        snprintf(error->message, sizeof error->message, "cannot read %.150s: %s", file, fd < 0 ? strerror(errno) : "not a file of at most 64 MiB");
        if (fd >= 0) close(fd);
        return NULL;
    }
    char *text = base_alloc((size_t)st.st_size);
    size_t n = 0;
    ssize_t got;
    while (n < (size_t)st.st_size && (got = read(fd, text + n, (size_t)st.st_size - n)) > 0) n += (size_t)got;
    close(fd);
    struct config *c = config_parse(text, n, error);
    free(text);
    return c;
}

bool config_ranges_contain(const struct config_ranges *ranges, const struct sockaddr_storage *peer) {
    for (unsigned i = 0; i < ranges->count; i++)
        if (cidr_contains(&ranges->at[i], peer)) return true;
    return false;
}

void config_free(struct config *c) {
    arena_free(&c->arena);
    free(c);
}

static bool refuse(struct config_error *error, const char *path) {
    *error = (struct config_error){0};
    snprintf(error->path, sizeof error->path, "%s", path);
    snprintf(error->message, sizeof error->message, "cannot change while the proxy runs: restart it");
    return false;
}

static bool same_text(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

bool config_may_replace(const struct config *old, const struct config *next, struct config_error *error) {
    if (old->listen_count != next->listen_count) return refuse(error, "listen");
    for (unsigned i = 0; i < old->listen_count; i++) {
        if (old->listens[i].port == next->listens[i].port && old->listens[i].tls == next->listens[i].tls && strcmp(old->listens[i].address, next->listens[i].address) == 0) continue;
        char path[64];
        snprintf(path, sizeof path, "listen[%u]", i);
        return refuse(error, path);
    }
    if (old->workers != next->workers) return refuse(error, "workers");
    if (!same_text(old->cache.disk_path, next->cache.disk_path)) return refuse(error, "cache.diskPath");
    if (old->cache.disk_path && old->cache.disk_bytes != next->cache.disk_bytes) return refuse(error, "cache.diskBytes");
    if (!same_text(old->control, next->control)) return refuse(error, "control");
    return true;
}
