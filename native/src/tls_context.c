#include "tls_context.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "config_file.h"
#include "tls.h"
#include "tls_session.h"

/** Forward secrecy and authenticated encryption only; TLS 1.3 has nothing else. Also what HTTP/2 demands (RFC 9113 9.2.2). */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

/** Why OpenSSL refused, in its words. */
static const char *reason(const char *otherwise) {
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    return text ? text : otherwise;
}

static int no_password(char *buffer, int size, int rwflag, void *data) {
    (void)buffer, (void)size, (void)rwflag, (void)data;
    return -1;
}

static bool load_key(SSL_CTX *ctx, const char *file, const char *path, struct config_error *error) {
    size_t n;
    char *text = config_file_read(file, true, path, &n, error);
    if (!text) return false;
    BIO *bio = BIO_new_mem_buf(text, (int)n);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    BIO_free(bio);
    OPENSSL_cleanse(text, n);
    free(text);
    if (!key) return config_file_fault(error, path, "no private key in PEM (one with a password cannot be used)", file);
    bool ok = SSL_CTX_use_PrivateKey(ctx, key) == 1;
    EVP_PKEY_free(key);
    return ok || config_file_fault(error, path, reason("the key cannot be used"), file);
}

/** Loads a chain and its key, and mixes the chain's bytes into a fingerprint. */
static bool load_pair(SSL_CTX *ctx, const struct config_certificate *c, const char *parent, uint64_t *fingerprint, struct config_error *error) {
    char path[96];
    size_t n;
    snprintf(path, sizeof path, "%.64s.certificate", parent);
    char *text = config_file_read(c->certificate, false, path, &n, error);
    if (!text) return false;
    if (fingerprint) *fingerprint = span_hash((struct span){text, n}, *fingerprint);
    free(text);
    if (SSL_CTX_use_certificate_chain_file(ctx, c->certificate) != 1) return config_file_fault(error, path, reason("no certificate in PEM"), c->certificate);
    snprintf(path, sizeof path, "%.64s.key", parent);
    return load_key(ctx, c->key, path, error);
}

/** Whom to trust as an issuer; mixes the file into the fingerprint. */
static bool load_ca(SSL_CTX *ctx, const char *file, const char *path, uint64_t *fingerprint, struct config_error *error) {
    size_t n;
    char *text = config_file_read(file, false, path, &n, error);
    if (!text) return false;
    *fingerprint = span_hash((struct span){text, n}, *fingerprint);
    free(text);
    return SSL_CTX_load_verify_file(ctx, file) == 1 || config_file_fault(error, path, reason("no certificate in PEM"), file);
}

static SSL_CTX *new_ctx(const SSL_METHOD *method) {
    SSL_CTX *ctx = SSL_CTX_new(method);
    BUG_ON(!ctx);
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    BUG_ON(SSL_CTX_set_cipher_list(ctx, CIPHERS) != 1);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // Idle connections hold no buffers; a record is read with one system call.
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    return ctx;
}

static int on_server_name(SSL *ssl, int *alert, void *arg) {
    const struct tls_context *t = arg;
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    if (!host) return SSL_TLSEXT_ERR_NOACK;
    unsigned index = tls_context_find(t, host);
    if (index) SSL_set_SSL_CTX(ssl, t->servers[index]);
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *new_server(struct tls_context *t, const struct config_tls *c, unsigned index, struct config_error *error) {
    SSL_CTX *ctx = new_ctx(TLS_server_method());
    char path[64];
    // A session is good for one set of client CAs only: what another set admitted must not come back by its ticket.
    uint64_t admitted = 0;
    snprintf(path, sizeof path, "tls.certificates[%u]", index);
    bool ok = load_pair(ctx, &c->certificates[index], path, NULL, error) &&
              (!c->client_ca || load_ca(ctx, c->client_ca, "tls.clientCa", &admitted, error));
    if (!ok) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    if (c->client_ca) SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    BUG_ON(SSL_CTX_set_session_id_context(ctx, (const unsigned char *)&admitted, sizeof admitted) != 1);
    tls_session_attach(ctx, c->ticket_rotation);
    SSL_CTX_set_alpn_select_cb(ctx, tls_select_protocol, NULL);
    SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
    SSL_CTX_set_tlsext_servername_arg(ctx, t);
    return ctx;
}

static void add_name(struct tls_context *t, const unsigned char *name, int n, unsigned index) {
    // A NUL inside would make another name of it.
    if (n <= 0 || n > 253 || memchr(name, 0, (size_t)n)) return;
    t->names = base_realloc(t->names, (t->name_count + 1) * sizeof *t->names);
    char *copy = base_dup((const char *)name, (size_t)n);
    for (char *p = copy; *p; p++) *p = (char)tolower((unsigned char)*p);
    t->names[t->name_count++] = (struct tls_name){copy, index};
}

/** The DNS names a certificate is for: its subjectAltName, and only without one its common name. */
static void add_names(struct tls_context *t, unsigned index) {
    X509 *leaf = SSL_CTX_get0_certificate(t->servers[index]);
    GENERAL_NAMES *list = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(list); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(list, i);
        if (g->type == GEN_DNS) add_name(t, ASN1_STRING_get0_data(g->d.dNSName), ASN1_STRING_length(g->d.dNSName), index);
    }
    if (!list) {
        X509_NAME *subject = X509_get_subject_name(leaf);
        int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
        const ASN1_STRING *cn = at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
        if (cn) add_name(t, ASN1_STRING_get0_data(cn), ASN1_STRING_length(cn), index);
    }
    GENERAL_NAMES_free(list);
}

static int by_name(const void *a, const void *b) {
    const struct tls_name *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

static bool find_name(const struct tls_context *t, const char *name, unsigned *index) {
    unsigned low = 0, high = t->name_count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (strcmp(t->names[middle].name, name) < 0) low = middle + 1;
        else high = middle;
    }
    if (low == t->name_count || strcmp(t->names[low].name, name) != 0) return false;
    *index = t->names[low].index;
    return true;
}

unsigned tls_context_find(const struct tls_context *t, const char *host) {
    char name[256] = "*";  // room for the wildcard in front
    unsigned index = 0;
    size_t n = strlen(host);
    if (n && host[n - 1] == '.') n--;
    if (!n || n > 253) return 0;
    for (size_t i = 0; i < n; i++) name[1 + i] = (char)tolower((unsigned char)host[i]);
    name[1 + n] = '\0';
    if (find_name(t, name + 1, &index)) return index;
    char *dot = strchr(name + 1, '.');
    if (!dot) return 0;
    dot[-1] = '*';
    find_name(t, dot - 1, &index);
    return index;
}

static bool load_servers(struct tls_context *t, const struct config_tls *c, struct config_error *error) {
    t->servers = base_zalloc((c->certificate_count + 1) * sizeof *t->servers);
    for (unsigned i = 0; i < c->certificate_count; i++) {
        t->servers[i] = new_server(t, c, i, error);
        if (!t->servers[i]) return false;
        t->server_count++;
        add_names(t, i);
    }
    if (t->name_count) qsort(t->names, t->name_count, sizeof *t->names, by_name);
    return true;
}

static bool wants_client(const struct config *c) {
    for (unsigned i = 0; i < c->node_count; i++)
        if (c->nodes[i].tls) return true;
    return c->upstream_tls.ca || c->upstream_tls.certificate.certificate;
}

static bool load_client(struct tls_context *t, const struct config *c, struct config_error *error) {
    const struct config_upstream_tls *u = &c->upstream_tls;
    if (!wants_client(c)) return true;
    t->client = new_ctx(TLS_client_method());
    SSL_CTX_set_verify(t->client, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(t->client, SSL_SESS_CACHE_OFF);
    t->client_identity = 1;
    if (u->ca ? !load_ca(t->client, u->ca, "upstreamTls.ca", &t->client_identity, error) : SSL_CTX_set_default_verify_paths(t->client) != 1) return false;
    return !u->certificate.certificate || load_pair(t->client, &u->certificate, "upstreamTls", &t->client_identity, error);
}

struct tls_context *tls_context_new(const struct config *c, struct config_error *error) {
    struct tls_context *t = base_zalloc(sizeof *t);
    t->refs = 1;
    if (load_servers(t, &c->tls, error) && load_client(t, c, error)) return t;
    tls_context_unref(t);
    return NULL;
}

struct tls_context *tls_context_ref(struct tls_context *t) {
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void tls_context_unref(struct tls_context *t) {
    if (atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1) return;
    for (unsigned i = 0; i < t->server_count; i++) SSL_CTX_free(t->servers[i]);
    for (unsigned i = 0; i < t->name_count; i++) free(t->names[i].name);
    SSL_CTX_free(t->client);
    free(t->servers);
    free(t->names);
    free(t);
}

uint64_t tls_context_identity(const struct tls_context *t, const struct config_node *n) {
    if (!n->tls) return 0;
    uint64_t hash = span_hash(span_of(n->server_name ? n->server_name : n->address), t->client_identity);
    return hash ? hash : 1;
}
