/* SPDX-License-Identifier: MIT */
/*
 * load SECONDS PORT [FILE]: connect to a server on this host as fast as it can, eight at a time,
 * say hello, and end them: with FIN and RST in turn. FILE gets a byte for every thousand
 * connections, because our starter may end us at any time.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define AT_ONCE 8
#define THOUSAND 1000

static const struct linger reset = {1, 0};

/* From another address each time; otherwise TIME_WAITs would soon use up the ports. */
static int connect_from(unsigned int number, uint16_t port)
{
	struct sockaddr_in from = {.sin_family = AF_INET,
				   .sin_addr = {htonl(0x7f010000 + (number & 0xffff))}};
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one)) == 0 &&
	    bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0 &&
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Returns how many there were; none while nothing listens. */
static unsigned int round_of(unsigned int number, uint16_t port)
{
	int fd[AT_ONCE];
	unsigned int count = 0;

	while (count < AT_ONCE && (fd[count] = connect_from(number, port)) >= 0)
		count++;
	for (unsigned int i = 0; i < count; i++) {
		send(fd[i], "hello", 5, MSG_NOSIGNAL);
		if (number & 1)
			setsockopt(fd[i], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd[i]);
	}
	return count;
}

int main(int argc, char **argv)
{
	const struct timespec pause = {0, 10000000};
	time_t last = time(NULL) + (argc > 2 ? atoi(argv[1]) : 0);
	int file = argc > 3 ? open(argv[3], O_WRONLY | O_APPEND | O_CREAT, 0666) : -1;
	unsigned long made = 0, told = 0;

	if (argc < 3)
		return fputs("load SECONDS PORT [FILE]\n", stderr), 2;
	for (unsigned int number = 0; time(NULL) < last; number++) {
		unsigned int count = round_of(number, (uint16_t)atoi(argv[2]));

		made += count;
		if (!count)
			nanosleep(&pause, NULL);
		while (file >= 0 && told + THOUSAND <= made && write(file, ".", 1) == 1)
			told += THOUSAND;
	}
	printf("%lu\n", made);
	return 0;
}
