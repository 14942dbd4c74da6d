/* unixcat PATH: stdin to a Unix stream socket, what it sends to stdout, until it
 * closes.  Waits up to 5 s for the socket to come. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int pass(int from, int to)
{
	char bytes[4096];
	const ssize_t n = read(from, bytes, sizeof(bytes));

	return n > 0 && write(to, bytes, (size_t)n) == n;
}

int main(int argc, char *argv[])
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN }, { .fd = 0, .events = POLLIN } };

	if (argc != 2 || fd < 0 || strlen(argv[1]) >= sizeof(a.sun_path))
		return 2;
	strcpy(a.sun_path, argv[1]);
	for (int i = 0; connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0; i++) {
		if (i == 100)
			return 1;
		usleep(50000);
	}
	for (;;) {
		if (poll(p, 2, -1) < 0)
			return 1;
		if (p[0].revents && !pass(fd, 1))
			return 0;
		if (p[1].fd >= 0 && p[1].revents && !pass(0, fd))
			p[1].fd = -1; /* nothing more to send; go on listening */
	}
}
