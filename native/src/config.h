/**
 * @file config.h
 * The proxy's config document: read whole, checked whole, then never changed. Keys: see native/README.md.
 */
#pragma once

#include "arena.h"
#include "cache_vary.h"
#include "cidr.h"
#include "limit.h"

enum route_class { CLASS_APP, CLASS_ASSET, CLASS_REALTIME };
enum route_sticky { STICKY_NONE, STICKY_IP, STICKY_COOKIE };

/** Address ranges. */
struct config_ranges {
    unsigned count;
    struct cidr *at;
};

struct config_listen {
    const char *address;
    uint16_t port;  // 0: a free one
    struct sockaddr_storage sockaddr;
    socklen_t sockaddr_length;
    bool tls;
    bool http2;              // offered by ALPN with TLS, taken by prior knowledge without
    uint16_t redirect_port;  // 0: serves; else every request is sent to https at this port
    struct config_ranges proxy_protocol;  // peers that begin with a header of the PROXY protocol
};

struct config_node {
    const char *name, *address;
    uint16_t port;
    double weight;  // > 0
    const char *class;        // NULL: none
    uint64_t max_requests;    // at once; 0: no limit
    bool drain;
    bool tls;
    const char *server_name;  // what its certificate must be for; NULL: its address
};

/** Paths of PEM files: a chain, leaf first, and its private key. */
struct config_certificate {
    const char *certificate, *key;
};

/** TLS towards clients. The first certificate is for those who name none that is known. */
struct config_tls {
    unsigned certificate_count;
    struct config_certificate *certificates;
    const char *client_ca;     // NULL: clients need no certificate
    uint64_t ticket_rotation;  // ns
};

/** TLS towards nodes. */
struct config_upstream_tls {
    const char *ca;                         // NULL: the system's
    struct config_certificate certificate;  // ours; both NULL: none
};

/** An http-01 challenge (RFC 8555 8.3) in progress. */
struct config_acme {
    const char *token, *answer;
};

/** Classes of nodes a route may name. */
#define CONFIG_CLASSES_MAX 8u

struct config_route {
    const char *pattern;
    unsigned method_count;  // 0: any
    const char **methods;
    const char *endpoint;
    enum route_class class;
    enum route_sticky sticky;
    struct limit_rate rate;     // of its endpoint, over all workers
    double sample;              // share of clients whose exchanges of its endpoint are recorded
    unsigned class_count;       // of nodes that may serve it; 0: all
    const char **node_classes;  // the first is its own, of the others it only gets idle nodes
};

/** What one client may do. */
struct config_client_limits {
    struct limit_rate rate;
    uint64_t connections;         // 0: any number
    uint64_t prefix4, prefix6;    // bits of an address that tell clients apart
};

/** Times in ns, sizes in bytes. */
struct config_limits {
    struct config_client_limits client;
    bool measure;  // rates and connections per client are counted, and refuse nothing
    uint64_t header_bytes, body_bytes /* 0: none */, headers, connections, streams, queue;
    uint64_t header_timeout, idle_timeout, connect_timeout, upstream_timeout, body_timeout, queue_timeout;
    uint64_t min_rate;  // bytes a second; 0: none
};

/** Whom requests to the origin of assets are signed for, see sigv4.h. */
struct config_signing {
    const char *region, *access_key_id, *secret_file;  // NULL: nobody
};

/** Assets: where they come from, and what is kept of them. */
struct config_cache {
    uint64_t memory_bytes;        // 0: no cache
    uint64_t object_bytes;        // of one answer's body in memory
    const char *disk_path;        // a folder of its own; NULL: none
    uint64_t disk_bytes;
    uint64_t disk_object_bytes;   // of one answer's body on disk
    const char *origin_host;      // as the origin is called; NULL: as the client says
    const char *origin_path;      // before each path; NULL: nothing
    struct config_signing signing;
    struct cache_shown shown;     // request fields it gets to see beside the usual ones
};

struct config {
    struct arena arena;
    unsigned listen_count, node_count, route_count, acme_count;
    struct config_listen *listens;
    struct config_node *nodes;
    struct config_route *routes;
    struct config_ranges trusted;
    struct config_acme *acme;
    struct config_tls tls;
    struct config_upstream_tls upstream_tls;
    unsigned workers;
    const char *control;          // NULL: none
    struct config_limits limits;
    struct config_cache cache;
    const char *health_path;      // NULL: no active checks
    uint64_t health_interval, health_timeout;  // ns
    bool eject;                   // passive outlier detection
    uint64_t slow_start;          // ns; 0: none
    uint64_t telemetry_interval;  // ns
    bool capture;
    uint64_t capture_max_body, capture_queue;
    double capture_sample;        // share of clients that is recorded
    const char *capture_sample_key;  // of the hash that chooses; NULL: the process's own
    struct span exchange_field;   // n == 0: none
    bool exchange_trusted;        // a trusted peer's is taken over
    const char *sticky_cookie;    // its name
    uint64_t drain_timeout;       // ns
};

/** What is wrong with a document. */
struct config_error {
    char path[256];     // "nodes[1].port"; empty: the document as a whole
    char message[256];  // what was found and what is allowed
};

/** Whether the peer's address is in one of the ranges. */
bool config_ranges_contain(const struct config_ranges *ranges, const struct sockaddr_storage *peer);
/** @return the config, to be freed with config_free; NULL: see *error. */
struct config *config_parse(const char *text, size_t n, struct config_error *error);
/** Reads and parses a file. */
struct config *config_load(const char *file, struct config_error *error);
void config_free(struct config *c);
/** Checks that `next` changes only what may change at run time. */
bool config_may_replace(const struct config *old, const struct config *next, struct config_error *error);
