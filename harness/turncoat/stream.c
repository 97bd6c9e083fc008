/* SPDX-License-Identifier: MIT */
/* The bytes of a connection, plain or through TLS, and its ends. Nothing here waits. */
#include "turncoat/turncoat.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Why OpenSSL refused, in words. */
static const char *reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text ? text : "unknown reason";
}

SSL_CTX *stream_context(const char *cert, const char *key, struct error *error)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (!context) {
		error_no_memory(error);
		return NULL;
	}
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(context,
			 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (SSL_CTX_use_certificate_chain_file(context, cert) != 1)
		error_set(error, EXIT_USAGE, "%s is not a certificate: %s", cert, reason());
	else if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
		error_set(error, EXIT_USAGE, "%s is not its key: %s", key, reason());
	else
		return context;
	SSL_CTX_free(context);
	return NULL;
}

int stream_open(struct stream *stream, int fd, SSL_CTX *context)
{
	*stream = (struct stream){.fd = fd};
	if (!context)
		return 0;
	stream->ssl = SSL_new(context);
	return stream->ssl && SSL_set_fd(stream->ssl, fd) == 1 ? 0 : -1;
}

/* What OpenSSL returned, in terms of read(2) and write(2). */
static ssize_t as_call(const struct stream *stream, int result)
{
	if (result > 0)
		return result;
	switch (SSL_get_error(stream->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return errno ? -1 : 0;
	default:
		errno = EPROTO;
		return -1;
	}
}

int stream_handshake(struct stream *stream, bool *to_write)
{
	ssize_t result;

	ERR_clear_error();
	errno = 0;
	result = as_call(stream, SSL_accept(stream->ssl));
	*to_write = SSL_want_write(stream->ssl);
	if (result == 0)
		errno = ECONNABORTED;
	return result > 0 ? 1 : result < 0 && errno == EAGAIN ? 0 : -1;
}

const char *stream_version(const struct stream *stream)
{
	return SSL_get_version(stream->ssl);
}

ssize_t stream_read(struct stream *stream, void *bytes, size_t room)
{
	if (!stream->ssl)
		return recv(stream->fd, bytes, room, 0);
	ERR_clear_error();
	errno = 0;
	return as_call(stream, SSL_read(stream->ssl, bytes, (int)room));
}

ssize_t stream_write(struct stream *stream, const void *bytes, size_t count)
{
	if (!stream->ssl)
		return send(stream->fd, bytes, count, MSG_NOSIGNAL);
	ERR_clear_error();
	errno = 0;
	return as_call(stream, SSL_write(stream->ssl, bytes, (int)count));
}

size_t stream_unread(const struct stream *stream)
{
	int bytes = 0;

	ioctl(stream->fd, FIONREAD, &bytes);
	return (size_t)bytes + (stream->ssl ? (size_t)SSL_pending(stream->ssl) : 0);
}

bool stream_arrived(const struct stream *stream)
{
	int bytes = 0;

	return ioctl(stream->fd, SIOCOUTQ, &bytes) < 0 || bytes == 0; /* tcp(7) */
}

static int state_of(const struct stream *stream)
{
	struct tcp_info info = {.tcpi_state = TCP_CLOSE};
	socklen_t length = sizeof(info);

	getsockopt(stream->fd, IPPROTO_TCP, TCP_INFO, &info, &length);
	return info.tcpi_state;
}

const char *stream_peer(const struct stream *stream)
{
	int state = state_of(stream);

	return state == TCP_CLOSE_WAIT ? "fin" : state == TCP_CLOSE ? "rst" : NULL;
}

bool stream_connecting(const struct stream *stream)
{
	return state_of(stream) == TCP_SYN_SENT;
}

void stream_shut(struct stream *stream)
{
	shutdown(stream->fd, SHUT_WR);
}

void stream_close(struct stream *stream, enum strike how)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	if (stream->ssl && how == STRIKE_FIN && SSL_is_init_finished(stream->ssl))
		SSL_shutdown(
		    stream->ssl); /* once: it sends close_notify and does not wait for one */
	if (how == STRIKE_RST)
		setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	SSL_free(stream->ssl);
	close(stream->fd);
	*stream = (struct stream){.fd = -1};
}
