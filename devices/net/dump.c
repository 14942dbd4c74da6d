/* Frames are copied into a bounded ring, and a thread writes the ring to the file: a slow
 * disk, or a reader of a FIFO who looks the other way, stalls nobody.
 *
 * https://ietf-opsawg-wg.github.io/draft-ietf-opsawg-pcap/ */
#include "net/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "host/thread.h"
#include "net/layer.h"

#define PCAP_MAGIC_NS	       0xa1b23c4du
#define PCAP_FILE_BYTES	       24u
#define PCAP_RECORD_BYTES      16u
#define PCAP_SNAPLEN	       262144u
#define PCAP_LINKTYPE_ETHERNET 1u

#define RING_BYTES (4u << 20)
/* Frames wait for company so long, or until the ring is half full. */
#define GATHER_MS 100
/* At the end, a reader that takes nothing for so long is left alone. */
#define PATIENCE_MS 1000

struct dump {
	struct net_layer layer;
	struct net_room lent[NET_PAIRS_MAX]; /* by the NIC, each on its pair's loop */
	char *path;
	int fd;
	pthread_t writer;
	pthread_cond_t changed;
	pthread_mutex_t mutex;
	/* under the mutex */
	uint8_t *ring;
	uint64_t head, tail; /* bytes ever put in and written; the writer moves tail */
	uint64_t lost_frames;
	bool writer_idle, stop;
	bool broken; /* nothing is recorded any more */
};

static struct dump *dump_of(struct net_layer *l)
{
	return container_of(l, struct dump, layer);
}

/* ---- into the ring --------------------------------------------------------------- */

static void put(struct dump *d, const uint8_t *from, size_t n)
{
	const size_t at = d->head % RING_BYTES;
	const size_t first = n < RING_BYTES - at ? n : RING_BYTES - at;

	memcpy(d->ring + at, from, first);
	memcpy(d->ring, from + first, n - first);
	d->head += n;
}

static void put_record_header(struct dump *d, uint32_t len)
{
	uint8_t raw[PCAP_RECORD_BYTES];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	le32_store(raw, (uint32_t)now.tv_sec);
	le32_store(raw + 4, (uint32_t)now.tv_nsec);
	le32_store(raw + 8, len);
	le32_store(raw + 12, len);
	put(d, raw, sizeof(raw));
}

static void record(struct dump *d, const struct iovec *iov, size_t len)
{
	pthread_mutex_lock(&d->mutex);
	if (d->broken || RING_BYTES - (d->head - d->tail) < PCAP_RECORD_BYTES + len) {
		d->lost_frames++;
	} else {
		put_record_header(d, (uint32_t)len);
		for (; len > 0; iov++) {
			const size_t n = iov->iov_len < len ? iov->iov_len : len;

			put(d, iov->iov_base, n);
			len -= n;
		}
		if (d->writer_idle || d->head - d->tail > RING_BYTES / 2)
			pthread_cond_signal(&d->changed);
	}
	pthread_mutex_unlock(&d->mutex);
}

static int dump_send(struct net *n, unsigned pair, const struct net_frame *f)
{
	struct net_layer *l = net_layer_of(n);
	const int rc = net_send(l->below, pair, f);

	if (rc == 0)
		record(dump_of(l), f->iov, f->len);
	return rc;
}

static bool dump_room(struct net_nic *nic, unsigned pair, size_t want, struct net_room *room)
{
	if (!net_layer_room(nic, pair, want, room))
		return false;
	dump_of(net_layer_of_nic(nic))->lent[pair] = *room;
	return true;
}

static void dump_commit(struct net_nic *nic, unsigned pair, size_t len,
			const struct net_offload *offload)
{
	struct dump *d = dump_of(net_layer_of_nic(nic));

	if (len > 0)
		record(d, d->lent[pair].iov, len);
	net_layer_commit(nic, pair, len, offload);
}

/* ---- out of the ring ------------------------------------------------------------- */

/* Whether there is something to write; waits for it, and for some more. */
static bool wait_for_frames(struct dump *d)
{
	struct timespec end;

	d->writer_idle = true;
	while (d->head == d->tail && !d->stop)
		pthread_cond_wait(&d->changed, &d->mutex);
	d->writer_idle = false;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += GATHER_MS * (long)NS_PER_MS;
	if (end.tv_nsec >= (long)NS_PER_S) {
		end.tv_sec++;
		end.tv_nsec -= (long)NS_PER_S;
	}
	while (d->head - d->tail < RING_BYTES / 2 && !d->stop) {
		if (pthread_cond_timedwait(&d->changed, &d->mutex, &end) == ETIMEDOUT)
			break;
	}
	return d->head != d->tail;
}

/* Bytes written, or -errno; -EAGAIN: nobody takes them. */
static ssize_t write_some(const struct dump *d, uint64_t tail, size_t len)
{
	const size_t at = tail % RING_BYTES;
	const size_t first = len < RING_BYTES - at ? len : RING_BYTES - at;
	const struct iovec iov[] = { { d->ring + at, first }, { d->ring, len - first } };
	struct pollfd p = { .fd = d->fd, .events = POLLOUT };
	ssize_t n;

	if (poll(&p, 1, PATIENCE_MS) == 0)
		return -EAGAIN;
	n = writev(d->fd, iov, len > first ? 2 : 1);
	return n < 0 ? -errno : n;
}

/* Whether to go on. */
static bool written(struct dump *d, ssize_t n)
{
	if (n >= 0) {
		d->tail += (uint64_t)n;
		return true;
	}
	if (n == -EINTR || (n == -EAGAIN && !d->stop))
		return true;
	d->broken = true;
	log_warn("net dump %s: %s; it ends here", d->path,
		 n == -EAGAIN ? "nobody reads it" : strerror((int)-n));
	return false;
}

static void *writer_main(void *arg)
{
	struct dump *d = arg;
	bool ok = true;

	thread_name("netdump", 0);
	pthread_mutex_lock(&d->mutex);
	while (ok && wait_for_frames(d)) {
		const uint64_t tail = d->tail;
		const size_t len = (size_t)(d->head - tail);
		ssize_t n;

		pthread_mutex_unlock(&d->mutex);
		n = write_some(d, tail, len);
		pthread_mutex_lock(&d->mutex);
		ok = written(d, n);
	}
	pthread_mutex_unlock(&d->mutex);
	return NULL;
}

/* ---- life ------------------------------------------------------------------------ */

static void free_dump(struct dump *d)
{
	if (d->fd >= 0)
		close(d->fd);
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->mutex);
	free(d->ring);
	free(d->path);
	free(d);
}

static void dump_close(struct net *n)
{
	struct net_layer *l = net_layer_of(n);
	struct dump *d = dump_of(l);

	net_close(l->below);
	pthread_mutex_lock(&d->mutex);
	d->stop = true;
	pthread_cond_signal(&d->changed);
	pthread_mutex_unlock(&d->mutex);
	pthread_join(d->writer, NULL);
	if (d->lost_frames > 0)
		log_warn("net dump %s: %llu frames came faster than it took them, and are missing",
			 d->path, (unsigned long long)d->lost_frames);
	free_dump(d);
}

static const struct net_ops dump_ops = {
	.name = "dump",
	.attach = net_layer_attach,
	.offloads = net_layer_offloads,
	.start = net_layer_start,
	.stop = net_layer_stop,
	.send = dump_send,
	.flush = net_layer_flush,
	.rx_ready = net_layer_rx_ready,
	.print = net_layer_print,
	.close = dump_close,
};

static const struct net_nic_ops dump_nic_ops = {
	.room = dump_room,
	.commit = dump_commit,
	.dropped = net_layer_dropped,
	.tx_ready = net_layer_tx_ready,
	.link = net_layer_link,
};

static void put_file_header(struct dump *d)
{
	uint8_t raw[PCAP_FILE_BYTES] = { 0 };

	le32_store(raw, PCAP_MAGIC_NS);
	le16_store(raw + 4, 2); /* version 2.4 */
	le16_store(raw + 6, 4);
	le32_store(raw + 16, PCAP_SNAPLEN);
	le32_store(raw + 20, PCAP_LINKTYPE_ETHERNET);
	put(d, raw, sizeof(raw));
}

static struct dump *alloc_dump(const char *path)
{
	struct dump *d = calloc(1, sizeof(*d));
	pthread_condattr_t attr;

	if (!d)
		return NULL;
	d->fd = -1;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&d->changed, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&d->mutex, NULL);
	d->ring = malloc(RING_BYTES);
	d->path = strdup(path);
	if (d->ring && d->path)
		return d;
	free_dump(d);
	return NULL;
}

int net_dump_open(const struct net_dump_config *config, struct net **out, struct err *err)
{
	struct dump *d = alloc_dump(config->path);
	int rc;

	if (!d)
		return err_set(err, -ENOMEM, "%s: no memory for a net dump", config->path);
	/* What passes on a network is for its owner's eyes only. */
	d->fd = open(config->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (d->fd < 0 || fcntl(d->fd, F_SETFL, O_NONBLOCK) < 0) {
		rc = err_errno(err, -errno, "%s", config->path);
		free_dump(d);
		return rc;
	}
	put_file_header(d);
	rc = thread_start(&d->writer, writer_main, d);
	if (rc < 0) {
		err_errno(err, rc, "%s: no thread to write it", config->path);
		free_dump(d);
		return rc;
	}
	net_layer_init(&d->layer, &dump_ops, &dump_nic_ops, config->below);
	*out = &d->layer.net;
	return 0;
}
