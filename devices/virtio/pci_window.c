/* The capabilities that say where in the BAR what is, and the one through which
 * software that has not mapped the BAR reaches it (virtio 1.2, 4.1.4, 4.1.4.9):
 *
 *	+0 id  +1 next  +2 cap_len  +3 type  +4 bar  +5 id, padding  +8 offset
 *	+12 length  +16 notify: multiplier; PCI: the data window */
#include <linux/pci_regs.h>
#include <string.h>

#include "base/bytes.h"
#include "virtio/pci_internal.h"

#define CAP_LEN	   2u
#define CAP_TYPE   3u
#define CAP_BAR	   4u
#define CAP_OFFSET 8u
#define CAP_LENGTH 12u
#define CAP_EXTRA  16u
#define CAP_BYTES  20u
#define CAP_HEADER 2u /* id and next pointer are the function's */

/* len: of the capability, 16 or 20.  Returns its place. */
static unsigned add_cap(struct virtio_pci *vp, enum virtio_pci_cap type, unsigned len,
			uint32_t at, uint32_t at_len, uint32_t extra)
{
	static const uint8_t window_writable[CAP_BYTES] = {
		[CAP_BAR] = 0xff,
		[CAP_OFFSET] = 0xff, 0xff, 0xff, 0xff,
		[CAP_LENGTH] = 0xff, 0xff, 0xff, 0xff,
	};
	uint8_t cap[CAP_BYTES] = { [CAP_LEN] = (uint8_t)len, [CAP_TYPE] = (uint8_t)type,
				   [CAP_BAR] = VIRTIO_PCI_BAR };

	le32_store(cap + CAP_OFFSET, at);
	le32_store(cap + CAP_LENGTH, at_len);
	le32_store(cap + CAP_EXTRA, extra);
	return pci_add_cap(&vp->fn, PCI_CAP_ID_VNDR, cap + CAP_HEADER, len - CAP_HEADER,
			   type == VIRTIO_PCI_CAP_PCI ? window_writable + CAP_HEADER : NULL);
}

void virtio_pci_add_caps(struct virtio_pci *vp)
{
	const struct virtio *v = &vp->v;

	add_cap(vp, VIRTIO_PCI_CAP_COMMON, CAP_EXTRA, VIRTIO_PCI_COMMON, COMMON_BYTES, 0);
	add_cap(vp, VIRTIO_PCI_CAP_NOTIFY, CAP_BYTES, VIRTIO_PCI_NOTIFY,
		VIRTIO_PCI_NOTIFY_MULTIPLIER * v->queue_count, VIRTIO_PCI_NOTIFY_MULTIPLIER);
	add_cap(vp, VIRTIO_PCI_CAP_ISR, CAP_EXTRA, VIRTIO_PCI_ISR, 1, 0);
	if (v->ops->config_bytes > 0)
		add_cap(vp, VIRTIO_PCI_CAP_DEVICE, CAP_EXTRA, VIRTIO_PCI_CONFIG,
			v->ops->config_bytes, 0);
	vp->window_cap = add_cap(vp, VIRTIO_PCI_CAP_PCI, CAP_BYTES, 0, 0, 0);
	pci_set_window(&vp->fn, vp->window_cap + CAP_EXTRA, 4);
}

/* Where the driver aims the window: length bytes of the BAR at offset.  False where
 * it is not at anything. */
static bool aim(const struct virtio_pci *vp, uint32_t *offset, uint32_t *length)
{
	const uint8_t *cap = vp->fn.config + vp->window_cap;
	const uint32_t raw_offset = le32_load(cap + CAP_OFFSET);
	const uint32_t raw_length = le32_load(cap + CAP_LENGTH);

	if (cap[CAP_BAR] != VIRTIO_PCI_BAR)
		return false;
	if (raw_length != 1 && raw_length != 2 && raw_length != 4)
		return false;
	if (raw_offset % raw_length != 0 || raw_offset >= VIRTIO_PCI_BAR_BYTES)
		return false; /* aligned: so its end is inside as well */
	*offset = raw_offset;
	*length = raw_length;
	return true;
}

uint32_t virtio_pci_window_read(struct pci_function *fn, unsigned offset, unsigned size)
{
	struct virtio_pci *vp = container_of(fn, struct virtio_pci, fn);
	uint32_t at, length;
	uint64_t value;

	if (!aim(vp, &at, &length))
		return 0;
	value = virtio_pci_bar_read(vp, at, length) >> (8 * offset);
	return (uint32_t)(value & ((UINT64_C(1) << (8 * size)) - 1));
}

void virtio_pci_window_write(struct pci_function *fn, unsigned offset, unsigned size,
			     uint32_t value)
{
	struct virtio_pci *vp = container_of(fn, struct virtio_pci, fn);
	uint32_t at, length;

	if (!aim(vp, &at, &length) || offset != 0 || size < length)
		return;
	virtio_pci_bar_write(vp, at, length, value & ((UINT64_C(1) << (8 * length)) - 1));
}
