/* virtio/guest.h: single loads and stores of memory that the guest may change at
 * the same moment.
 *
 * Each call is exactly one access: the compiler neither repeats it (a value that
 * was checked cannot change before it is used) nor tears it.  p is aligned to the
 * access unless one says otherwise.  Values are little-endian (virtio 1.2, 1.4). */
#ifndef BANTAM_VIRTIO_GUEST_H
#define BANTAM_VIRTIO_GUEST_H

#include <endian.h>

#include "base/types.h"

typedef uint16_t __attribute__((may_alias)) guest_u16;
typedef uint32_t __attribute__((may_alias)) guest_u32;
typedef uint64_t __attribute__((may_alias)) guest_u64;
typedef uint64_t __attribute__((may_alias, aligned(1))) guest_u64_anywhere;

static inline uint16_t guest_load16(const uint8_t *p)
{
	return le16toh(__atomic_load_n((const guest_u16 *)(const void *)p, __ATOMIC_RELAXED));
}

/* What the guest wrote before it wrote this is seen after it. */
static inline uint16_t guest_load16_acquire(const uint8_t *p)
{
	return le16toh(__atomic_load_n((const guest_u16 *)(const void *)p, __ATOMIC_ACQUIRE));
}

static inline uint32_t guest_load32(const uint8_t *p)
{
	return le32toh(__atomic_load_n((const guest_u32 *)(const void *)p, __ATOMIC_RELAXED));
}

static inline uint64_t guest_load64_acquire(const uint8_t *p)
{
	return le64toh(__atomic_load_n((const guest_u64 *)(const void *)p, __ATOMIC_ACQUIRE));
}

/* At any alignment: indirect tables are where the driver likes. */
static inline uint64_t guest_load64_anywhere(const uint8_t *p)
{
	return le64toh(*(const volatile guest_u64_anywhere *)(const void *)p);
}

static inline void guest_store16(uint8_t *p, uint16_t v)
{
	__atomic_store_n((guest_u16 *)(void *)p, htole16(v), __ATOMIC_RELAXED);
}

/* Who sees this sees all that was written before it. */
static inline void guest_store16_release(uint8_t *p, uint16_t v)
{
	__atomic_store_n((guest_u16 *)(void *)p, htole16(v), __ATOMIC_RELEASE);
}

static inline void guest_store32(uint8_t *p, uint32_t v)
{
	__atomic_store_n((guest_u32 *)(void *)p, htole32(v), __ATOMIC_RELAXED);
}

/* Between our store and our load of what the guest stores, where each side must
 * not miss the other: the only order that x86 does not keep by itself. */
static inline void guest_full_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
