#include "pci/msix.h"

#include <assert.h>
#include <linux/pci_regs.h>

#include "base/log.h"

/* A vector's entry in the table. */
enum entry_field {
	ENTRY_ADDRESS_LOW = PCI_MSIX_ENTRY_LOWER_ADDR,
	ENTRY_ADDRESS_HIGH = PCI_MSIX_ENTRY_UPPER_ADDR,
	ENTRY_DATA = PCI_MSIX_ENTRY_DATA,
	ENTRY_CONTROL = PCI_MSIX_ENTRY_VECTOR_CTRL,
};

#define CONTROL_MASKED ((uint32_t)PCI_MSIX_ENTRY_CTRL_MASKBIT)

_Static_assert(MSIX_VECTORS_MAX <= 64, "the pending bits are one qword");

static void forget(struct msix_vector *v)
{
	v->address = 0;
	v->data = 0;
	v->control = CONTROL_MASKED;
	v->routed = false;
	v->pending = false;
}

void msix_init(struct msix *m, const struct msi_sink *sink, unsigned vector_count)
{
	assert(sink && vector_count >= 1 && vector_count <= MSIX_VECTORS_MAX);
	m->sink = sink;
	m->vector_count = vector_count;
	m->function_masked = false;
	atomic_init(&m->enabled, false);
	for (unsigned i = 0; i < vector_count; i++) {
		m->vectors[i] = (struct msix_vector){ .lock = PTHREAD_MUTEX_INITIALIZER };
		forget(&m->vectors[i]);
	}
}

/* Have v's line send what its entry says; the first time, get it a line. */
static bool route(struct msix *m, struct msix_vector *v)
{
	int rc;

	if (!v->has_line) {
		rc = m->sink->open(m->sink->ctx, &v->line);
		if (rc < 0) {
			log_debug("MSI-X: no interrupt line: error %d", -rc);
			return false;
		}
		v->has_line = true;
		v->routed = false;
	}
	if (!v->routed) {
		rc = m->sink->route(m->sink->ctx, v->line, v->address, v->data);
		if (rc < 0)
			log_debug("MSI-X: message %#x to %#llx is refused: error %d",
				  (unsigned)v->data, (unsigned long long)v->address, -rc);
		v->routed = rc == 0;
	}
	return v->routed;
}

/* Bring v into the state that its entry and Message Control ask for.  The route is
 * made before the lock is taken: it may take the host long, and a thread that
 * raises would wait. */
static void settle(struct msix *m, struct msix_vector *v)
{
	const bool open = m->enabled && !m->function_masked && !(v->control & CONTROL_MASKED);
	const bool deliverable = open && route(m, v);

	pthread_mutex_lock(&v->lock);
	v->deliverable = deliverable;
	if (deliverable && v->pending) {
		v->pending = false;
		m->sink->send(m->sink->ctx, v->line);
	}
	pthread_mutex_unlock(&v->lock);
}

void msix_set_control(struct msix *m, bool enabled, bool function_masked)
{
	atomic_store(&m->enabled, enabled);
	m->function_masked = function_masked;
	for (unsigned i = 0; i < m->vector_count; i++)
		settle(m, &m->vectors[i]);
}

void msix_reset(struct msix *m)
{
	atomic_store(&m->enabled, false);
	m->function_masked = false;
	for (unsigned i = 0; i < m->vector_count; i++) {
		struct msix_vector *v = &m->vectors[i];

		pthread_mutex_lock(&v->lock);
		v->deliverable = false; /* from here on nobody sends on the line */
		forget(v);
		pthread_mutex_unlock(&v->lock);
		if (v->has_line)
			m->sink->close(m->sink->ctx, v->line);
		v->has_line = false;
	}
}

/* ---- the guest's view --------------------------------------------------------- */

static bool is_legal(uint64_t offset, unsigned size)
{
	return (size == 4 || size == 8) && offset % size == 0;
}

static uint32_t entry_dword(const struct msix_vector *v, unsigned field)
{
	switch (field) {
	case ENTRY_ADDRESS_LOW:
		return (uint32_t)v->address;
	case ENTRY_ADDRESS_HIGH:
		return (uint32_t)(v->address >> 32);
	case ENTRY_DATA:
		return v->data;
	default:
		return v->control;
	}
}

uint64_t msix_table_read(struct msix *m, uint64_t offset, unsigned size)
{
	const unsigned field = (unsigned)(offset % MSIX_ENTRY_BYTES);
	const struct msix_vector *v;
	uint64_t value;

	if (!is_legal(offset, size))
		return UINT64_MAX;
	if (offset / MSIX_ENTRY_BYTES >= m->vector_count)
		return 0;
	v = &m->vectors[offset / MSIX_ENTRY_BYTES];
	value = entry_dword(v, field);
	if (size == 8)
		value |= (uint64_t)entry_dword(v, field + 4) << 32;
	return value;
}

static void set_entry_dword(struct msix_vector *v, unsigned field, uint32_t value)
{
	/* Drivers mask, write the same entry again and unmask: a route is dear,
	 * so it stays where nothing changed. */
	if (field != ENTRY_CONTROL && entry_dword(v, field) != value)
		v->routed = false;
	switch (field) {
	case ENTRY_ADDRESS_LOW:
		v->address = (v->address & ~(uint64_t)UINT32_MAX) | value;
		break;
	case ENTRY_ADDRESS_HIGH:
		v->address = (v->address & UINT32_MAX) | (uint64_t)value << 32;
		break;
	case ENTRY_DATA:
		v->data = value;
		break;
	default:
		v->control = value & CONTROL_MASKED;
		break;
	}
}

void msix_table_write(struct msix *m, uint64_t offset, unsigned size, uint64_t value)
{
	const unsigned field = (unsigned)(offset % MSIX_ENTRY_BYTES);
	struct msix_vector *v;

	if (!is_legal(offset, size) || offset / MSIX_ENTRY_BYTES >= m->vector_count)
		return;
	v = &m->vectors[offset / MSIX_ENTRY_BYTES];
	set_entry_dword(v, field, (uint32_t)value);
	if (size == 8)
		set_entry_dword(v, field + 4, (uint32_t)(value >> 32));
	settle(m, v);
}

uint64_t msix_pba_read(struct msix *m, uint64_t offset, unsigned size)
{
	uint64_t bits = 0;

	if (!is_legal(offset, size))
		return UINT64_MAX;
	if (offset >= sizeof(bits))
		return 0;
	for (unsigned i = 0; i < m->vector_count; i++) {
		struct msix_vector *v = &m->vectors[i];

		pthread_mutex_lock(&v->lock);
		bits |= (uint64_t)v->pending << i;
		pthread_mutex_unlock(&v->lock);
	}
	bits >>= 8 * offset;
	return size == 8 ? bits : (uint32_t)bits;
}

/* ---- the device's view --------------------------------------------------------- */

bool msix_raise(struct msix *m, unsigned vector)
{
	struct msix_vector *v;

	if (!atomic_load_explicit(&m->enabled, memory_order_relaxed))
		return false;
	if (vector >= m->vector_count)
		return true;
	v = &m->vectors[vector];
	/* Sent under the lock: once the guest has read its mask back, no more
	 * comes; and nobody closes the line under us. */
	pthread_mutex_lock(&v->lock);
	if (v->deliverable)
		m->sink->send(m->sink->ctx, v->line);
	else
		v->pending = true;
	pthread_mutex_unlock(&v->lock);
	return true;
}
