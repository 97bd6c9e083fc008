#include "common/endpoint.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

socklen_t endpoint_address(const struct options *o, struct sockaddr_storage *to)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;

	memset(to, 0, sizeof(*to));
	if (inet_pton(AF_INET, o->address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(o->port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, o->address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(o->port);
		return sizeof(*v6);
	}
	errx(2, "-l takes a numeric IPv4 or IPv6 address, not '%s'", o->address);
}

int endpoint_listen(const struct options *o)
{
	struct sockaddr_storage address;
	socklen_t length = endpoint_address(o, &address);
	int yes = 1;
	int fd;

	fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		err(1, "socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0)
		err(1, "setsockopt SO_REUSEADDR");
	if (bind(fd, (struct sockaddr *)&address, length) < 0)
		err(1, "bind %s port %u", o->address, o->port);
	if (listen(fd, INT_MAX) < 0)
		err(1, "listen");
	return fd;
}

int endpoint_accept(int listener)
{
	struct pollfd waiting = {.fd = listener, .events = POLLIN};
	int fd;

	do {
		if (poll(&waiting, 1, -1) < 0)
			return -1;
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	} while (fd < 0 && errno == EAGAIN); /* another process took it, or it left */
	return fd;
}

uint16_t endpoint_port(int fd)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		err(1, "getsockname");
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

int endpoint_connect(const struct options *o)
{
	struct sockaddr_storage address;
	socklen_t length = endpoint_address(o, &address);
	int saved;
	int fd;

	fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, length) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}
