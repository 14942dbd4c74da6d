/* A hostile guest and its balloon, in RAM that can be given back.  Records of its own,
 * besides those of virtio_guest.h:
 *
 *	10  list      queue8 count8 {pfn16}...    page numbers, from gpa 0x8000 on
 *	11  target    pages16
 *
 * Whatever it gives away, only its own RAM changes: a page of ours beside it, which the
 * host could take back as well, keeps what is in it. */
#include "virtio_guest.h"

#include "virtio/balloon.h"

#define GUARD_BYTES 4096u
#define LIST_GPA    0x8000u
#define LIST_MAX    400u

static void hear(void *ctx, const struct balloon_stats *stats)
{
	(void)ctx;
	trap_unless(stats->present < 1u << BALLOON_STATS);
}

static void give_list(struct guest *g, struct input *in)
{
	struct fake_buf buf = { .gpa = LIST_GPA };
	const unsigned queue = take8(in) % 2, count = take8(in) * 3 % LIST_MAX;

	for (unsigned i = 0; i < count && in->at < in->end; i++) {
		le32_store(g->ram + LIST_GPA + 4 * i, take16(in));
		buf.len += 4;
	}
	if (g->driver[queue].setup.size == 0)
		return;
	fake_driver_add(&g->driver[queue], &buf, 1);
	virtio_kick(&g->v->queues[queue]);
}

static void act(struct guest *g, struct input *in)
{
	const unsigned what = take8(in) % 12;

	if (what < GUEST_OWN)
		guest_act(g, what, in);
	else if (what == 10)
		give_list(g, in);
	else
		virtio_balloon_set_target(g->dev, (uint64_t)take16(in) << 12);
}

/* What is in the guards. */
static uint8_t guard[GUARD_BYTES];

/* RAM between two guards in one mapping. */
static uint8_t *make_ram(void)
{
	uint8_t *p = mmap(NULL, GUEST_RAM_BYTES + 2 * GUARD_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	trap_unless(p != MAP_FAILED);
	memset(guard, 0x5a, GUARD_BYTES);
	memcpy(p, guard, GUARD_BYTES);
	memcpy(p + GUARD_BYTES + GUEST_RAM_BYTES, guard, GUARD_BYTES);
	return p + GUARD_BYTES;
}

static void check_guards(const uint8_t *ram)
{
	trap_unless(memcmp(ram - GUARD_BYTES, guard, GUARD_BYTES) == 0);
	trap_unless(memcmp(ram + GUEST_RAM_BYTES, guard, GUARD_BYTES) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct virtio_balloon_config config = { .free_page_reporting = true, .stats = hear };
	static struct guest guest;
	struct guest *g = &guest;
	struct input in = { data, data + size };

	if (!g->type) {
		guest_init(g, make_ram());
		config.place = guest_place(g);
		guest_plug(g, &virtio_balloon_type, &config);
	}
	guest_boot(g, 0x22);
	for (unsigned i = 0; i < GUEST_RECORDS && in.at < in.end; i++)
		act(g, &in);
	guest_rest(g);
	check_guards(g->ram);
	return 0;
}
