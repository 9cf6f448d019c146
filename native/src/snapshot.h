/**
 * @file snapshot.h
 * A config in force: immutable, reference-counted. An exchange keeps the snapshot it began with.
 */
#pragma once

#include "account.h"
#include "config.h"
#include "route.h"
#include "tls_context.h"

struct snapshot_node {
    struct account_node *account;
    double share;  // 1 / weight
    bool active;   // false: drains, gets nothing new
    uint64_t key;             // what a sticky cookie calls it
    uint64_t class;           // hash of its class's name; 0: none
    uint64_t identity;        // see tls_context_identity; 0: no TLS
    const char *server_name;  // whom its certificate is for
    uint32_t measured;        // requests it might have at once if they were not only counted; 0: any number
};

struct queue_lane;

/** NULL: the endpoint had no request on the node yet. */
typedef _Atomic(struct account_pair *) snapshot_pairs;

struct snapshot_endpoint {
    struct account_endpoint *account;
    struct queue_lane *lane;                // where its requests wait for a node
    struct limit_rate rate;
    uint64_t sample;                        // whose exchanges are recorded (sample.h)
    unsigned class_count;                   // 0: any node
    uint64_t classes[CONFIG_CLASSES_MAX];     // the first is its own, of the others it only gets idle nodes
    _Atomic(snapshot_pairs *) row;          // a pair for each node and a last one for "no node"; row and pairs are made at first use
};

struct sigv4_key;

struct snapshot {
    _Atomic unsigned refs;
    uint64_t generation;
    uint64_t serial;  // 1, 2, 3... in order of publication
    struct config *config;
    struct route_trie *routes;
    struct tls_context *tls;
    struct sigv4_key *signing;            // of requests to the origin of assets; NULL: they are not signed
    uint64_t sample_key[2];
    unsigned node_count, endpoint_count;
    struct snapshot_node *nodes;
    struct snapshot_endpoint *endpoints;  // [0] is "*"
    unsigned *route_endpoint;             // config->routes[i] -> endpoints
    struct account_node *nowhere;         // stands for "no upstream was reached"
};

/**
 * Takes the config over, also on failure.
 * @param old the snapshot it follows, NULL at start
 * @return one reference; NULL: *error says why
 */
struct snapshot *snapshot_build(struct config *config, uint64_t generation, const struct snapshot *old, struct config_error *error);
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s);
/** The pairs of an endpoint, by node index, NULL those that are cold. */
snapshot_pairs *snapshot_row(struct snapshot *s, unsigned endpoint);
/** An endpoint on a node; node_count: on no node. */
struct account_pair *snapshot_pair(struct snapshot *s, unsigned endpoint, unsigned node);
