#include "tls_session.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>

#include "loop.h"

/** The process's keys: workers and reloads share them, so that a ticket is good for all. */
static struct tls_session_keys shared;
static uint64_t shared_rotation;
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;

/** Fetched once: OpenSSL 3 looks a cipher up by name at each use otherwise. */
static EVP_CIPHER *ticket_cipher;

static void forget(struct tls_session_key *key) { OPENSSL_cleanse(key, sizeof *key); }

void tls_session_rotate(struct tls_session_keys *k, uint64_t now, uint64_t rotation, void (*fill)(struct tls_session_key *key)) {
    for (unsigned i = 0; i < TLS_SESSION_KEYS; i++)
        if (k->keys[i].made && now - k->keys[i].made >= 2 * rotation) forget(&k->keys[i]);
    if (k->keys[0].made && now - k->keys[0].made < rotation) return;
    k->keys[1] = k->keys[0];
    fill(&k->keys[0]);
    k->keys[0].made = now ? now : 1;
}

enum tls_session_use tls_session_find(const struct tls_session_keys *k, const unsigned char name[16], unsigned *index) {
    for (unsigned i = 0; i < TLS_SESSION_KEYS; i++) {
        if (!k->keys[i].made || memcmp(k->keys[i].name, name, sizeof k->keys[i].name) != 0) continue;
        *index = i;
        return i ? TLS_SESSION_RENEW : TLS_SESSION_ACCEPT;
    }
    return TLS_SESSION_REFUSE;
}

static void random_key(struct tls_session_key *key) {
    // Without randomness there is no TLS at all.
    BUG_ON(RAND_bytes(key->name, sizeof key->name) != 1 || RAND_priv_bytes(key->aes, sizeof key->aes) != 1 ||
           RAND_priv_bytes(key->hmac, sizeof key->hmac) != 1);
}

static bool use_key(struct tls_session_key *key, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool issue) {
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->hmac, sizeof key->hmac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)"sha256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, params) == 1 && EVP_CipherInit_ex(cipher, ticket_cipher, NULL, key->aes, iv, issue) == 1;
}

/** OpenSSL's contract: -1 error, 0 no ticket, 1 use it, 2 use it and issue a new one. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int issue) {
    unsigned index = 0;
    (void)ssl;
    pthread_mutex_lock(&shared_lock);
    tls_session_rotate(&shared, loop_clock(), shared_rotation, random_key);
    enum tls_session_use use = TLS_SESSION_ACCEPT;
    if (issue) memcpy(name, shared.keys[0].name, sizeof shared.keys[0].name);
    else use = tls_session_find(&shared, name, &index);
    struct tls_session_key key = shared.keys[index];
    pthread_mutex_unlock(&shared_lock);
    if (use == TLS_SESSION_REFUSE) return 0;
    bool ok = (!issue || RAND_bytes(iv, EVP_MAX_IV_LENGTH) == 1) && use_key(&key, iv, cipher, mac, issue);
    forget(&key);
    if (!ok) return -1;
    return use == TLS_SESSION_RENEW ? 2 : 1;
}

void tls_session_attach(SSL_CTX *ctx, uint64_t rotation) {
    pthread_mutex_lock(&shared_lock);
    shared_rotation = rotation;
    if (!ticket_cipher) ticket_cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    BUG_ON(!ticket_cipher);
    pthread_mutex_unlock(&shared_lock);
    // Tickets carry the session; a table of our own would only cost memory.
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ctx, (long)(rotation / 1000000000u ? rotation / 1000000000u : 1));
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}
