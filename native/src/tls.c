#include "tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <sys/socket.h>

#include "worker.h"

/** Plain bytes of a full record, and what it may grow to. */
#define RECORD_BYTES 16384u
#define RECORD_SPACE (RECORD_BYTES + 256u)
/** Records that go out together. */
#define RECORDS 6u

/** One for each worker: used within a call, empty between calls. */
struct tls_scratch {
    uint32_t fill;                               // of `sealed`
    char failure[160];
    unsigned char plain[RECORD_BYTES];           // segments that become one record
    unsigned char sealed[RECORDS * RECORD_SPACE];
};

/** Invariant: nothing is encrypted while `rest` is set. */
struct tls {
    SSL *ssl;
    struct tls_context *context;
    struct chunk *rest;      // encrypted, not yet taken by the socket
    uint32_t rest_pos;
    bool server, offers_http2;
    bool broken;             // no close_notify any more
    bool blocked;            // reading has to wait until `rest` is gone
    bool shutting;           // the sending side is to be shut down once all was sent
    bool notified;           // close_notify was written
};

static struct tls_scratch *scratch_of(struct worker *w) {
    if (!w->tls) w->tls = base_zalloc(sizeof *w->tls);
    return w->tls;
}

void tls_worker_end(struct worker *w) { free(w->tls); }

static int bio_read(BIO *bio, char *out, int n) {
    struct conn *c = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (c->arrived) {
        ssize_t got = recv(c->watch.fd, out, (size_t)n, 0);
        if (got > 0) {
            if (got < n && !c->hup) c->arrived = false;
            return (int)got;
        }
        if (got == 0) return 0;
        if (errno != EAGAIN && errno != EINTR) return -1;
        if (errno == EAGAIN) c->arrived = false;
    }
    BIO_set_retry_read(bio);
    return -1;
}

/** Sends what was sealed; keeps what the socket does not take. */
static void emit(struct conn *c) {
    struct tls *t = c->tls;
    struct tls_scratch *s = scratch_of(c->worker);
    if (!s->fill) return;
    ssize_t n = 0;
    if (c->writable && !c->cut) {
        do n = send(c->watch.fd, s->sealed, s->fill, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        if (n < 0 && errno != EAGAIN) c->cut = c->hup = true;
        if (n < 0) n = 0;
        if ((uint32_t)n < s->fill) c->writable = false;
    }
    uint32_t left = s->fill - (uint32_t)n;
    if (left && !c->cut) {
        BUG_ON(t->rest);
        t->rest = chunk_new_sized(&c->worker->chunks, left);
        memcpy(t->rest->data, s->sealed + n, left);
        t->rest->fill = left;
        t->rest_pos = 0;
    }
    s->fill = 0;
}

static int bio_write(BIO *bio, const char *data, int n) {
    struct conn *c = BIO_get_data(bio);
    struct tls_scratch *s = scratch_of(c->worker);
    BIO_clear_retry_flags(bio);
    if ((size_t)n > sizeof s->sealed - s->fill && !c->tls->rest) emit(c);
    if (c->tls->rest || (size_t)n > sizeof s->sealed) {
        BIO_set_retry_write(bio);
        return -1;
    }
    memcpy(s->sealed + s->fill, data, (size_t)n);
    s->fill += (uint32_t)n;
    return n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method;
static pthread_once_t bio_once = PTHREAD_ONCE_INIT;

static void make_bio_method(void) {
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "conn");
    BUG_ON(!bio_method);
    BIO_meth_set_read(bio_method, bio_read);
    BIO_meth_set_write(bio_method, bio_write);
    BIO_meth_set_ctrl(bio_method, bio_ctrl);
}

/** Keeps OpenSSL's reason, or the verification's, for who asks. Neither names a secret. */
static void note_failure(struct conn *c, int ssl_error) {
    struct tls_scratch *s = scratch_of(c->worker);
    long verified = SSL_get_verify_result(c->tls->ssl);
    const char *why = ERR_reason_error_string(ERR_peek_last_error());
    if (verified != X509_V_OK) why = X509_verify_cert_error_string(verified);
    else if (!why) why = ssl_error == SSL_ERROR_SYSCALL ? "the connection broke off" : "protocol error";
    snprintf(s->failure, sizeof s->failure, "%s", why);
}

const char *tls_failure(const struct conn *c) { return scratch_of(c->worker)->failure; }

/** After a call that did not succeed. @return whether it may be called again */
static bool may_go_on(struct conn *c, int ssl_error) {
    struct tls *t = c->tls;
    if (ssl_error == SSL_ERROR_WANT_READ) {
        c->readable = false;
        return true;
    }
    if (ssl_error == SSL_ERROR_WANT_WRITE) {
        t->blocked = true;
        c->readable = false;
        return true;
    }
    t->broken = true;
    note_failure(c, ssl_error);
    return false;
}

static ssize_t layer_read(struct conn *c, void *out, size_t n) {
    struct tls *t = c->tls;
    if (t->broken) {
        errno = EPROTO;
        return -1;
    }
    ERR_clear_error();
    bool established = SSL_is_init_finished(t->ssl);
    int got = SSL_read(t->ssl, out, n > INT_MAX ? INT_MAX : (int)n);
    int error = got > 0 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, got);
    bool alert = error == SSL_ERROR_SSL && ERR_GET_REASON(ERR_peek_error()) != SSL_R_UNEXPECTED_EOF_WHILE_READING;
    if (got > 0) {
        c->readable = c->arrived || SSL_has_pending(t->ssl);
        emit(c);
        return got;
    }
    if (error == SSL_ERROR_ZERO_RETURN) {
        c->hup = true;
        emit(c);
        return 0;
    }
    bool again = may_go_on(c, error);
    if (!again && alert && !established && t->server) c->worker->telemetry.glitches++;
    emit(c);
    errno = again ? EAGAIN : EPROTO;
    return -1;
}

/** Sends what is left of sealed records. false: some still is. */
static bool send_rest(struct conn *c) {
    struct tls *t = c->tls;
    while (t->rest && c->writable && !c->cut) {
        uint32_t left = t->rest->fill - t->rest_pos;
        ssize_t n = send(c->watch.fd, t->rest->data + t->rest_pos, left, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno != EAGAIN) c->cut = c->hup = c->readable = true;
        if (n < (ssize_t)left) c->writable = false;
        if (n > 0) t->rest_pos += (uint32_t)n;
        if (t->rest_pos < t->rest->fill) continue;
        chunk_unref(t->rest);
        t->rest = NULL;
    }
    return !t->rest;
}

/** The next bytes that become one record: a segment as it lies, or several short ones put together. */
static struct span next_record(struct conn *c) {
    struct segment first = outq_unsent(&c->out, 0);
    unsigned count = c->out.count - c->out.next;
    // A record that is not quite full costs less than filling it by a copy.
    if (first.n >= RECORD_BYTES / 2 || count == 1) return (struct span){(const char *)first.p, first.n < RECORD_BYTES ? first.n : RECORD_BYTES};
    unsigned char *plain = scratch_of(c->worker)->plain;
    size_t n = 0;
    for (unsigned i = 0; i < count && n < RECORD_BYTES; i++) {
        struct segment s = outq_unsent(&c->out, i);
        size_t take = s.n < RECORD_BYTES - n ? s.n : RECORD_BYTES - n;
        memcpy(plain + n, s.p, take);
        n += take;
    }
    return (struct span){(const char *)plain, n};
}

/** Seals as many records as fit into one system call. false: TLS is broken. */
static bool seal(struct conn *c) {
    struct tls *t = c->tls;
    struct tls_scratch *s = scratch_of(c->worker);
    while (c->out.bytes && sizeof s->sealed - s->fill >= RECORD_SPACE && !t->rest) {
        struct span record = next_record(c);
        ERR_clear_error();
        int n = SSL_write(t->ssl, record.p, (int)record.n);
        if (n > 0) {
            outq_consume(&c->out, (size_t)n);
            continue;
        }
        // There was room for the record, and no handshake to wait for: nothing but an error is left.
        t->broken = true;
        note_failure(c, SSL_get_error(t->ssl, n));
        c->cut = c->hup = c->readable = true;
        return false;
    }
    return true;
}

static void notify_end(struct conn *c) {
    struct tls *t = c->tls;
    if (t->notified || t->broken || !SSL_is_init_finished(t->ssl)) return;
    t->notified = true;
    ERR_clear_error();
    SSL_shutdown(t->ssl);
    emit(c);
}

static void layer_flush(struct conn *c) {
    struct tls *t = c->tls;
    while (send_rest(c) && c->out.bytes && c->writable && !c->cut && SSL_is_init_finished(t->ssl)) {
        bool sound = seal(c);
        emit(c);
        if (!sound) break;
    }
    if (t->blocked && !t->rest) {
        t->blocked = false;
        c->readable = true;
        conn_run_again(c);
    }
    if (!t->shutting || t->rest || c->out.bytes) return;
    notify_end(c);
    if (t->rest) return;
    t->shutting = false;
    shutdown(c->watch.fd, SHUT_WR);
}

static bool layer_holds(const struct conn *c) { return c->tls->rest || c->tls->shutting || c->tls->blocked; }

static void layer_shutdown(struct conn *c) {
    c->tls->shutting = true;
    layer_flush(c);
}

static void layer_close(struct conn *c, bool reset) {
    struct tls *t = c->tls;
    // Without close_notify the peer knows that what it has is not all: as it must, when that is so.
    if (!reset && !c->cut && !c->failed && !t->rest && !c->out.bytes) notify_end(c);
    SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    if (t->rest) chunk_unref(t->rest);
    SSL_free(t->ssl);
    tls_context_unref(t->context);
    free(t);
    c->tls = NULL;
    ERR_clear_error();
}

static const struct conn_layer layer = {layer_read, layer_flush, layer_holds, layer_shutdown, layer_close};

static struct tls *attach(struct conn *c, struct tls_context *context, SSL_CTX *ctx) {
    struct tls *t = base_zalloc(sizeof *t);
    pthread_once(&bio_once, make_bio_method);
    BIO *bio = BIO_new(bio_method);
    t->ssl = SSL_new(ctx);
    BUG_ON(!bio || !t->ssl);
    t->context = tls_context_ref(context);
    BIO_set_data(bio, c);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_app_data(t->ssl, t);
    c->tls = t;
    c->layer = &layer;
    c->arrived = c->readable;
    return t;
}

void tls_serve(struct conn *c, struct tls_context *context, bool http2) {
    struct tls *t = attach(c, context, context->servers[0]);
    t->server = true;
    t->offers_http2 = http2;
    SSL_set_accept_state(t->ssl);
}

void tls_begin(struct conn *c, struct tls_context *context, const char *name) {
    struct tls *t = attach(c, context, context->client);
    unsigned char ignored[16];
    bool is_address = inet_pton(AF_INET, name, ignored) == 1 || inet_pton(AF_INET6, name, ignored) == 1;
    SSL_set_connect_state(t->ssl);
    SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    // SNI is for names only (RFC 6066 3).
    bool ok = is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), name) == 1
                         : SSL_set1_host(t->ssl, name) == 1 && SSL_set_tlsext_host_name(t->ssl, name) == 1;
    BUG_ON(!ok);
}

enum tls_connect tls_connect(struct conn *c) {
    struct tls *t = c->tls;
    if (!send_rest(c)) return c->cut ? TLS_CONNECT_FAILED : TLS_CONNECT_WAIT;
    ERR_clear_error();
    int done = SSL_do_handshake(t->ssl);
    int error = done == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, done);
    bool again = done == 1 || may_go_on(c, error);
    emit(c);
    if (done == 1) {
        c->readable = true;
        return TLS_CONNECT_DONE;
    }
    return again && !c->cut ? TLS_CONNECT_WAIT : TLS_CONNECT_FAILED;
}

bool tls_is_http2(const struct conn *c) {
    const unsigned char *name;
    unsigned n;
    SSL_get0_alpn_selected(c->tls->ssl, &name, &n);
    return n == 2 && memcmp(name, "h2", 2) == 0;
}

int tls_select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *in, unsigned in_length, void *arg) {
    static const unsigned char both[] = "\x02h2\x08http/1.1";
    const struct tls *t = SSL_get_app_data(ssl);
    (void)arg;
    const unsigned char *ours = t->offers_http2 ? both : both + 3;
    unsigned n = (unsigned)sizeof both - 1 - (t->offers_http2 ? 0 : 3);
    if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_length, ours, n, in, in_length) == OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_OK;
    // A client of protocols we do not speak must not be answered in another (RFC 7301 3.2).
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}
