#include "chipset/post.h"

#include <errno.h>
#include <stdlib.h>

#include "chipset/ports.h"
#include "core/platform.h"

#define PORT_IO_DELAY 0xedu /* Linux: io_delay=0xed, for boards that use 0x80 */

struct post_state {
	uint8_t code; /* the last byte written to port 0x80 */
};

struct post {
	struct device dev;
	struct post_state s;
	struct bus *pio;
};

static uint64_t post_read(void *ctx, uint64_t offset, unsigned size)
{
	const struct post *p = ctx;

	(void)offset, (void)size;
	return p->s.code;
}

static void post_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	struct post *p = ctx;

	(void)offset, (void)size;
	p->s.code = (uint8_t)value;
}

static uint64_t delay_read(void *ctx, uint64_t offset, unsigned size)
{
	(void)ctx, (void)offset, (void)size;
	return 0xff;
}

static void delay_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
	(void)ctx, (void)offset, (void)size, (void)value;
}

static const struct bus_ops post_ops = { post_read, post_write };
static const struct bus_ops delay_ops = { delay_read, delay_write };

static const struct port_row post_ports[] = {
	{ "POST code", PORT_POST, 1, 1, &post_ops },
	{ "I/O delay", PORT_IO_DELAY, 1, 1, &delay_ops },
};

static int post_create(const struct board *board, const void *config, struct device **out,
		       struct err *err)
{
	struct post *p = calloc(1, sizeof(*p));
	int rc;

	(void)config;
	if (!p)
		return err_set(err, -ENOMEM, "no memory for the POST port");
	p->dev.type = &post_type;
	p->pio = board->pio;
	rc = ports_claim(p->pio, post_ports, ARRAY_LEN(post_ports), p, err);
	if (rc < 0) {
		free(p);
		return rc;
	}
	*out = &p->dev;
	return 0;
}

static void post_reset(struct device *dev)
{
	struct post *p = container_of(dev, struct post, dev);

	p->s = (struct post_state){ 0 };
}

static void post_destroy(struct device *dev)
{
	struct post *p = container_of(dev, struct post, dev);

	ports_release(p->pio, post_ports, ARRAY_LEN(post_ports));
	free(p);
}

const struct device_type post_type = { "post", post_create, post_reset, post_destroy };
