/**
 * @file config.h
 * The proxy's config document: read whole, checked whole, then never changed. Keys: see native/README.md.
 */
#pragma once

#include "arena.h"
#include "cidr.h"

enum route_class { CLASS_APP, CLASS_ASSET, CLASS_REALTIME };
enum route_sticky { STICKY_NONE, STICKY_IP };

struct config_listen {
    const char *address;
    uint16_t port;  // 0: a free one
    struct sockaddr_storage sockaddr;
    socklen_t sockaddr_length;
};

struct config_node {
    const char *name, *address;
    uint16_t port;
    double weight;  // > 0
    bool drain;
};

struct config_route {
    const char *pattern;
    unsigned method_count;  // 0: any
    const char **methods;
    const char *endpoint;
    enum route_class class;
    enum route_sticky sticky;
};

/** Times in ns, sizes in bytes. */
struct config_limits {
    uint64_t header_bytes, body_bytes /* 0: none */, headers, connections;
    uint64_t header_timeout, idle_timeout, connect_timeout, upstream_timeout, body_timeout;
};

struct config {
    struct arena arena;
    unsigned listen_count, node_count, route_count, trusted_count;
    struct config_listen *listens;
    struct config_node *nodes;
    struct config_route *routes;
    struct cidr *trusted;
    unsigned workers;
    const char *control;          // NULL: none
    struct config_limits limits;
    uint64_t telemetry_interval;  // ns
    bool capture;
    uint64_t capture_max_body, capture_queue;
    struct span exchange_field;   // n == 0: none
    uint64_t drain_timeout;       // ns
};

/** What is wrong with a document. */
struct config_error {
    char path[256];     // "nodes[1].port"; empty: the document as a whole
    char message[256];  // what was found and what is allowed
};

/** @return the config, to be freed with config_free; NULL: see *error. */
struct config *config_parse(const char *text, size_t n, struct config_error *error);
/** Reads and parses a file. */
struct config *config_load(const char *file, struct config_error *error);
void config_free(struct config *c);
/** Checks that `next` changes only what may change at run time. */
bool config_may_replace(const struct config *old, const struct config *next, struct config_error *error);
