/*
 * A client that does everything right, in C: a driver of `linger check-client`.
 *
 * It does not ask for compressed content, so it refuses what comes compressed.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WITHIN 6000	    /* ms */
#define CONNECT_WITHIN 1000 /* ms */
#define SIZE (1 << 20)	    /* bytes of a reply */
#define POOL 8

struct connection {
	int fd; /* -1: none */
	SSL *ssl;
	char origin[256];
	char *buffer;
	size_t used;
};

static struct connection pool[POOL];
static const char *why; /* the exchange failed */
static SSL_CTX *context;

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static int fail(const char *reason)
{
	why = reason;
	return -1;
}

static bool ready(int fd, short events, int within)
{
	struct pollfd one = {.fd = fd, .events = events};

	return poll(&one, 1, within < 0 ? 0 : within) > 0;
}

static void leave(struct connection *c)
{
	if (c->ssl)
		SSL_free(c->ssl);
	if (c->fd >= 0)
		close(c->fd);
	free(c->buffer);
	*c = (struct connection){.fd = -1};
}

/* Each address in turn, and none of them for long. */
static int connected(const char *host, const char *port)
{
	struct addrinfo *all, hints = {.ai_socktype = SOCK_STREAM};
	int fd = -1, error = 1, on = 1;
	socklen_t size = sizeof(error);

	if (getaddrinfo(host, port, &hints, &all))
		return -1;
	for (struct addrinfo *one = all; one && error; one = one->ai_next) {
		fd = socket(one->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd < 0)
			continue;
		if (!connect(fd, one->ai_addr, one->ai_addrlen) ||
		    (errno == EINPROGRESS && ready(fd, POLLOUT, CONNECT_WITHIN)))
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
		if (error)
			close(fd);
	}
	freeaddrinfo(all);
	if (error)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	return fd;
}

/* Wait for what OpenSSL needs to go on. Returns false if that never comes, or too late. */
static bool tls_waits(struct connection *c, int result, long long deadline)
{
	int wants = SSL_get_error(c->ssl, result);

	return (wants == SSL_ERROR_WANT_READ || wants == SSL_ERROR_WANT_WRITE) &&
	       ready(c->fd, wants == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline - now());
}

static int dial(struct connection *c, const char *origin, bool tls, char *host, char *port)
{
	long long deadline = now() + WITHIN;
	int result = 0;

	*c = (struct connection){.fd = connected(host, port), .buffer = malloc(SIZE)};
	snprintf(c->origin, sizeof(c->origin), "%s", origin);
	if (c->fd < 0)
		return fail("no connection");
	if (!tls)
		return 0;
	c->ssl = SSL_new(context);
	SSL_set_fd(c->ssl, c->fd);
	SSL_set_tlsext_host_name(c->ssl, host);
	SSL_set1_host(c->ssl, host);
	while ((result = SSL_connect(c->ssl)) != 1)
		if (!tls_waits(c, result, deadline))
			return fail("no TLS");
	return 0;
}

/* Read some. Returns the bytes, 0 at the end, -1 for any other end. */
static ssize_t more(struct connection *c, long long deadline)
{
	size_t room = SIZE - c->used;
	ssize_t n;

	if (!room)
		return fail("a large reply");
	while (c->ssl) {
		n = SSL_read(c->ssl, c->buffer + c->used, room);
		if (n > 0)
			return c->used += n, n;
		if (SSL_get_error(c->ssl, n) == SSL_ERROR_ZERO_RETURN)
			return 0; /* close_notify */
		if (!tls_waits(c, n, deadline))
			return fail("a cut, or a late, reply by TLS");
	}
	if (!ready(c->fd, POLLIN, deadline - now()))
		return fail("timeout");
	n = recv(c->fd, c->buffer + c->used, room, 0);
	if (n < 0)
		return fail(strerror(errno));
	c->used += n;
	return n;
}

/* Send until a reply comes. Returns whether all was sent, -1 on failure. */
static int give(struct connection *c, const char *data, size_t left, long long deadline)
{
	while (left) {
		ssize_t n;

		if (!c->ssl && ready(c->fd, POLLIN, 0))
			return 0;
		n = c->ssl ? SSL_write(c->ssl, data, left) : send(c->fd, data, left, MSG_NOSIGNAL);
		if (n > 0) {
			data += n;
			left -= n;
			continue;
		}
		if (c->ssl ? !tls_waits(c, n, deadline)
			   : errno != EAGAIN || !ready(c->fd, POLLIN | POLLOUT, deadline - now()))
			return fail("cannot send");
	}
	return 1;
}

static void drop(struct connection *c, size_t bytes)
{
	memmove(c->buffer, c->buffer + bytes, c->used -= bytes);
}

static int need(struct connection *c, size_t bytes, long long deadline)
{
	ssize_t n = 1;

	while (c->used < bytes && (n = more(c, deadline)) > 0)
		;
	return n > 0 ? 0 : n < 0 ? -1 : fail("half of a reply");
}

/* The bytes up to and including @end. Returns -1 if it does not come. */
static ssize_t up_to(struct connection *c, const char *end, long long deadline)
{
	char *found;

	while (!(found = memmem(c->buffer, c->used, end, strlen(end))))
		if (need(c, c->used + 1, deadline) < 0)
			return -1;
	return found + strlen(end) - c->buffer;
}

static int chunks(struct connection *c, EVP_MD_CTX *digest, size_t *total, long long deadline)
{
	for (size_t size = 1; size;) {
		ssize_t line = up_to(c, "\r\n", deadline);

		if (line < 0)
			return -1;
		size = strtoul(c->buffer, NULL, 16);
		drop(c, line);
		if (need(c, size + 2, deadline) < 0)
			return -1;
		EVP_DigestUpdate(digest, c->buffer, size);
		drop(c, size + 2);
		*total += size;
	}
	return 0;
}

/* Returns the status of a whole reply, or -1; *keep tells whether the connection can stay. */
static int answer(struct connection *c, EVP_MD_CTX *digest, size_t *total, bool *keep)
{
	long long deadline = now() + WITHIN;
	ssize_t head = up_to(c, "\r\n\r\n", deadline), n;
	char fields[8192], *length;

	if (head < 0 || (size_t)head >= sizeof(fields))
		return head < 0 ? -1 : fail("a long header");
	memcpy(fields, c->buffer, head);
	fields[head] = '\0';
	drop(c, head);
	*keep &= !strcasestr(fields, "\r\nConnection: close");
	if (strcasestr(fields, "\r\nTransfer-Encoding: chunked")) {
		if (chunks(c, digest, total, deadline) < 0)
			return -1;
	} else if ((length = strcasestr(fields, "\r\nContent-Length:"))) {
		*total = strtoul(strchr(length, ':') + 1, NULL, 10);
		if (need(c, *total, deadline) < 0)
			return -1;
		EVP_DigestUpdate(digest, c->buffer, *total);
		drop(c, *total);
	} else {
		while ((n = more(c, deadline)) > 0)
			;
		if (n < 0)
			return -1;
		EVP_DigestUpdate(digest, c->buffer, *total = c->used);
		*keep = false;
	}
	if (strcasestr(fields, "\r\nContent-Encoding:"))
		return fail("compressed, which nobody asked for");
	*keep &= !c->used; /* more came than was requested */
	return atoi(fields + strlen("HTTP/1.1 "));
}

static int exchange(struct connection *c, const char *head, const char *body, size_t size,
		    EVP_MD_CTX *digest, size_t *total, bool *keep)
{
	long long deadline = now() + WITHIN;
	int sent = give(c, head, strlen(head), deadline);

	if (sent == 1 && size)
		sent = give(c, body, size, deadline);
	*keep = sent == 1;
	return sent < 0 ? -1 : answer(c, digest, total, keep);
}

static char *whole_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	struct stat status;
	char *content = NULL;

	if (file && !fstat(fileno(file), &status) && (content = malloc(status.st_size)))
		*size = fread(content, 1, status.st_size, file);
	if (file)
		fclose(file);
	return content;
}

/* The idle connection to an origin, or NULL. A readable one is no longer usable. */
static struct connection *idle(const char *origin)
{
	struct connection *found = NULL;

	for (int i = 0; i < POOL; i++) {
		if (pool[i].fd >= 0 && ready(pool[i].fd, POLLIN, 0))
			leave(&pool[i]);
		if (pool[i].fd >= 0 && !strcmp(pool[i].origin, origin))
			found = &pool[i];
	}
	return found;
}

static struct connection *empty(void)
{
	for (int i = 0; i < POOL; i++)
		if (pool[i].fd < 0)
			return &pool[i];
	leave(&pool[0]);
	return &pool[0];
}

static void fetch(const char *method, char *url, const char *file)
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	char host[128] = "", port[8] = "", path[512] = "/", head[1024], length[64] = "";
	char origin[256];
	bool tls = !strncmp(url, "https", 5), keep = false;
	size_t size = 0, total = 0;
	char *body = file ? whole_file(file, &size) : NULL;
	struct connection *c;
	int status = -1;

	why = "";
	EVP_DigestInit_ex(digest, EVP_sha256(), NULL);
	sscanf(strstr(url, "://") + 3, "%127[^:]:%7[0-9]%511s", host, port, path);
	snprintf(origin, sizeof(origin), "%s:%s:%d", host, port, tls);
	c = idle(origin);
	if (size)
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n", size);
	snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, path, host, length);
	if (c || !dial(c = empty(), origin, tls, host, port))
		status = exchange(c, head, body, size, digest, &total, &keep);
	if (status < 0 || !keep)
		leave(c);
	if (status < 0 || status >= 400) {
		printf("{\"ok\": false, \"status\": %s", status < 0 ? "null" : "");
		if (status >= 0)
			printf("%d", status);
		printf(", \"bytes\": 0, \"sha256\": null, \"error\": \"%s\"}\n", why);
	} else {
		unsigned char hash[EVP_MAX_MD_SIZE];
		unsigned int bytes = 0;

		EVP_DigestFinal_ex(digest, hash, &bytes);
		printf("{\"ok\": true, \"status\": %d, \"bytes\": %zu, \"sha256\": \"", status, total);
		for (unsigned int i = 0; i < bytes; i++)
			printf("%02x", hash[i]);
		printf("\", \"error\": null}\n");
	}
	fflush(stdout);
	EVP_MD_CTX_free(digest);
	free(body);
}

/* The next request. While none comes, idle connections are watched. */
static bool next_line(char *line, size_t size)
{
	size_t used = 0;

	while (used < size - 1) {
		struct pollfd all[POOL + 1] = {{.fd = STDIN_FILENO, .events = POLLIN}};

		for (int i = 0; i < POOL; i++)
			all[i + 1] = (struct pollfd){.fd = pool[i].fd, .events = POLLIN};
		poll(all, POOL + 1, -1);
		for (int i = 0; i < POOL; i++)
			if (all[i + 1].revents)
				leave(&pool[i]);
		if (!all[0].revents)
			continue;
		if (read(STDIN_FILENO, line + used, 1) != 1)
			return false;
		if (line[used++] == '\n')
			break;
	}
	line[used - 1] = '\0';
	return strcmp(line, "QUIT") != 0;
}

int main(void)
{
	char line[8192];

	signal(SIGPIPE, SIG_IGN); /* openssl does not know of MSG_NOSIGNAL */
	context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_default_verify_paths(context);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE);
	for (int i = 0; i < POOL; i++)
		pool[i].fd = -1;
	while (next_line(line, sizeof(line))) {
		char *method = strtok(line, " "), *url = strtok(NULL, " "), *file = strtok(NULL, "");

		fetch(method, url, file);
	}
}
