/* A hostile driver at a virtio device's registers: any access to its BAR, its
 * configuration space and its rings, in any order, with its loop running in between
 * and chains in flight.  Whatever comes, a queue that runs keeps the shape that was
 * checked, and in the end nothing is left of it.
 *
 * Input: steps of 8 bytes: what, a, then b (2 bytes) and c (4 bytes). */
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "fake/fake_echo.h"
#include "fake/virtio_fixture.h"

#define STEP_BYTES 8u
#define STEPS_MAX  96u
#define RAM_BYTES  KIB(16)
#define RING_STEP  0x400u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t ram[RAM_BYTES] __attribute__((aligned(16)));
static struct virtio_fixture f;
static struct fake_echo echo;

static void must(bool holds)
{
	if (!holds)
		__builtin_trap();
}

/* Each register of common configuration in its own width. */
static const uint8_t likely[] = {
	COMMON_DEVICE_FEATURE_SELECT, COMMON_DEVICE_FEATURE, COMMON_DRIVER_FEATURE_SELECT,
	COMMON_DRIVER_FEATURE, COMMON_CONFIG_VECTOR, COMMON_NUM_QUEUES, COMMON_STATUS,
	COMMON_GENERATION, COMMON_QUEUE_SELECT, COMMON_QUEUE_SIZE, COMMON_QUEUE_VECTOR,
	COMMON_QUEUE_ENABLE, COMMON_QUEUE_NOTIFY_OFF, COMMON_QUEUE_DESC, COMMON_QUEUE_DRIVER,
	COMMON_QUEUE_DEVICE, COMMON_QUEUE_NOTIFY_DATA, COMMON_QUEUE_RESET,
};

static void answer_all(void)
{
	for (unsigned i = 0; i < FAKE_ECHO_QUEUES; i++)
		fake_echo_answer_all(&echo, i);
}

/* Short cuts of a driver that knows its way. */
static void negotiate(unsigned features)
{
	virtio_fixture_negotiate(&f, (uint64_t)(features & 3) << 28 |
					     (uint64_t)(features >> 2 & 3) << 34 |
					     (uint64_t)(features >> 4 & 1) << 38 |
					     (uint64_t)(features >> 5 & 1) << 40);
}

static void set_up_queue(unsigned i, unsigned size)
{
	const gpa_t base = (gpa_t)RING_STEP * (i % 4);

	queue_write(&f, i, COMMON_QUEUE_SIZE, size);
	queue_write(&f, i, COMMON_QUEUE_VECTOR, i + 1);
	queue_write(&f, i, COMMON_QUEUE_DESC, base);
	queue_write(&f, i, COMMON_QUEUE_DRIVER, base + 0x100);
	queue_write(&f, i, COMMON_QUEUE_DEVICE, base + 0x200);
	queue_write(&f, i, COMMON_QUEUE_ENABLE, 1);
}

/* One good descriptor at the place that is looked at next, of either ring. */
static void offer(unsigned i, bool packed)
{
	const struct vq *q = virtio_vq(&echo.vp.v, i);
	uint8_t *base = ram + (size_t)RING_STEP * i;
	const unsigned slot = packed ? q->next_avail % FAKE_ECHO_SIZE : 0;
	uint8_t *desc = base + 16u * slot;

	le64_store(desc, 0x2000 + 0x100 * i);
	le32_store(desc + 8, 32);
	le16_store(desc + 12, packed ? (uint16_t)slot : 2);
	le16_store(desc + 14, (uint16_t)(packed ? (q->avail_wrap ? 0x0082 : 0x8002) : 0));
	if (packed)
		return;
	le16_store(base + 0x100 + 4 + 2u * (q->next_avail % FAKE_ECHO_SIZE), 0);
	le16_store(base + 0x100 + 2, (uint16_t)(q->next_avail + 1));
}

static void ring_bell(unsigned i)
{
	const struct virtio_queue *q = &echo.vp.v.queues[i];
	const uint64_t one = 1;

	if (q->doorbell_gpa != UINT64_MAX)
		must(write(q->kick.fd, &one, sizeof(one)) == sizeof(one));
}

static void machine_reset(void)
{
	const enum fake_echo_mode mode = echo.mode;

	echo.mode = ECHO_AT_ONCE;
	answer_all(); /* quiesce waits for them */
	virtio_pci_reset(&echo.vp);
	echo.mode = mode;
	must(virtio_status(&echo.vp.v) == 0);
	must(f.fb.doorbell_count == 0);
}

static void short_cut(unsigned a, unsigned b)
{
	switch (a % 8) {
	case 0:
		negotiate(b);
		break;
	case 1:
		set_up_queue(b % 4, b >> 8);
		break;
	case 2:
		common_write(&f, COMMON_STATUS, 15);
		break;
	case 3:
		offer(b % FAKE_ECHO_QUEUES, b & 0x100);
		break;
	case 4:
		ring_bell(b % FAKE_ECHO_QUEUES);
		break;
	case 5:
		echo.mode = (enum fake_echo_mode)(b % ECHO_MODES);
		break;
	case 6:
		if (echo.queues[b % FAKE_ECHO_QUEUES].held_count > 0)
			fake_echo_answer(&echo, b % FAKE_ECHO_QUEUES,
					 (b >> 8) % echo.queues[b % FAKE_ECHO_QUEUES].held_count);
		break;
	default:
		if (b % 4 == 0)
			machine_reset();
		else if (b % 4 == 1)
			virtio_config_changed(&echo.vp.v);
		else if (b % 4 == 2)
			virtio_fixture_use_msix(&f);
		else
			echo.refuse_features = b & 0x100;
		break;
	}
}

static void check(void)
{
	for (unsigned i = 0; i < FAKE_ECHO_QUEUES; i++) {
		const struct virtio_queue *q = &echo.vp.v.queues[i];

		if (q->started)
			must(q->enabled && q->vq.setup.size == q->size &&
			     q->vq.setup.desc == q->desc && q->vq.setup.device == q->device);
		must(echo.queues[i].held_count <= q->vq.in_flight);
	}
}

static void step(const uint8_t *s)
{
	const unsigned a = s[1], b = le16_load(s + 2);
	const uint32_t c = le32_load(s + 4);
	const uint64_t any = b % VIRTIO_PCI_BAR_BYTES;
	const unsigned size = 1u << a % 4;

	switch (s[0] % 10) {
	case 0:
	case 1:
		common_write(&f, likely[a % sizeof(likely)], (uint64_t)b << 32 | c);
		break;
	case 2:
		common_read(&f, likely[a % sizeof(likely)]);
		break;
	case 3:
		if (a & 0x80)
			fake_mmio_read(&f.fb, f.bar + any, size);
		else
			fake_mmio_write(&f.fb, f.bar + any, size, c);
		break;
	case 4:
		if (a & 0x80)
			virtio_fixture_config_read(&f, b % 256 & ~3u, 4);
		else
			virtio_fixture_config_write(&f, b % 256 & ~3u, 4, c);
		break;
	case 5:
		le32_store(ram + (b % (4 * RING_STEP)), c);
		break;
	case 6:
		fake_mmio_write(&f.fb, f.bar + VIRTIO_PCI_NOTIFY + any % 16, size, c);
		break;
	case 7:
		ioloop_round(f.loop, 0);
		break;
	default:
		short_cut(a, b);
		break;
	}
	f.bar = echo.vp.fn.bars[0].decoded ? echo.vp.fn.bars[0].gpa : GIB(1);
	check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ioloop *loop;
	struct virtio_pci_place place;

	if (!loop) {
		must(ioloop_create(IO_ENGINE_THREADS, &loop, NULL) == 0);
		log_set_level(LOG_ERROR); /* each broken rule says so once */
	}
	memset(ram, 0, sizeof(ram));
	memset(&f, 0, sizeof(f));
	fake_board_init(&f.fb);
	pci_bus_init(&f.bus, &f.fb.board);
	must(mem_add(&f.fb.mem, 0, RAM_BYTES, ram) == 0);
	f.loop = loop;
	place = virtio_fixture_place(&f);
	must(fake_echo_init(&echo, &f.fb.board, &place, NULL) == 0);
	virtio_fixture_take(&f, &echo.vp);
	for (unsigned i = 0; i < STEPS_MAX && (i + 1) * STEP_BYTES <= size; i++)
		step(data + (size_t)i * STEP_BYTES);
	machine_reset();
	virtio_pci_free(&echo.vp);
	must(f.fb.mmio.region_count == 0 && f.fb.doorbell_count == 0 && f.fb.msi_open_count == 0);
	return 0;
}
