#include "boot/aml.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"

/* Opcodes, ACPI 6.4 section 20.3. */
enum aml_op {
	OP_ZERO = 0x00,
	OP_ONE = 0x01,
	OP_NAME = 0x08,
	OP_BYTE = 0x0a,
	OP_WORD = 0x0b,
	OP_DWORD = 0x0c,
	OP_STRING = 0x0d,
	OP_QWORD = 0x0e,
	OP_SCOPE = 0x10,
	OP_BUFFER = 0x11,
	OP_PACKAGE = 0x12,
	OP_METHOD = 0x14,
	OP_DUAL_NAME = 0x2e,
	OP_MULTI_NAME = 0x2f,
	OP_EXTENDED = 0x5b,
	OP_ARG0 = 0x68,
	OP_STORE = 0x70,
	OP_IF = 0xa0,
	OP_RETURN = 0xa4,
	OP_ONES = 0xff,
	/* behind OP_EXTENDED */
	OPX_REGION = 0x80,
	OPX_FIELD = 0x81,
	OPX_DEVICE = 0x82,
};

#define NAME_SEG_CHARS 4u

#define REGION_SYSTEM_IO  0x01u /* 20.2.5.2 */
#define FIELD_BYTE_ACCESS 0x01u /* 20.2.5.2: no lock, preserve */
#define PKG_LENGTH_BYTES  4u	/* at most, 20.2.4 */
#define INTEGER_BYTES	  9u	/* at most: opcode and qword */
#define ARGS_MAX	  7u

/* Small resource descriptors: type and length in one byte (6.4.2). */
#define RES_IRQ_NO_FLAGS 0x22u /* 6.4.2.1 */
#define RES_IO		 0x47u /* 6.4.2.5 */
#define RES_IO_DECODE16	 0x01u
#define RES_END_TAG	 0x79u /* 6.4.2.9 */

/* Large ones: type, then the length in two bytes (6.4.3). */
#define RES_MEMORY32	   0x86u /* 6.4.3.4 */
#define RES_MEMORY32_BYTES 9u
#define RES_READ_WRITE	   0x01u
#define RES_DWORD	   0x87u /* address spaces, 6.4.3.5 */
#define RES_WORD	   0x88u
#define RES_QWORD	   0x8au

/* Address space descriptors: type, general flags (fixed at both ends; a window, not
 * the bridge's own; decoded positively), type-specific flags. */
#define SPACE_MEMORY	   0u
#define SPACE_IO	   1u
#define SPACE_BUS	   2u
#define SPACE_FIXED_WINDOW 0x0cu
#define SPACE_ALL_PORTS	   0x03u /* ISA and non-ISA ranges */

void aml_init(struct aml *a, struct emit *out)
{
	*a = (struct aml){ .out = out };
}

void aml_done(const struct aml *a)
{
	assert(a->depth == 0);
	(void)a;
}

/* ---- names (20.2.2) --------------------------------------------------------- */

static bool is_lead_char(char c)
{
	return (c >= 'A' && c <= 'Z') || c == '_';
}

/* The length of the segment at the start of text; asserts that it is one. */
static size_t segment_chars(const char *text)
{
	const size_t len = strcspn(text, ".");

	assert(len >= 1 && len <= NAME_SEG_CHARS && is_lead_char(text[0]));
	for (size_t i = 1; i < len; i++)
		assert(is_lead_char(text[i]) || (text[i] >= '0' && text[i] <= '9'));
	return len;
}

static void put_segments(struct emit *out, const char *text)
{
	while (*text) {
		const size_t len = segment_chars(text);

		emit_bytes(out, text, len);
		for (size_t i = len; i < NAME_SEG_CHARS; i++)
			emit_u8(out, '_');
		text += len;
		text += *text == '.';
	}
}

static unsigned count_segments(const char *text)
{
	unsigned count = *text != '\0';

	for (; *text; text++)
		count += *text == '.';
	return count;
}

static void put_name(struct emit *out, const char *path)
{
	const size_t prefix_len = *path == '\\' ? 1 : strspn(path, "^");
	const unsigned count = count_segments(path + prefix_len);

	assert(count <= UINT8_MAX && (prefix_len > 0 || count > 0));
	emit_bytes(out, path, prefix_len);
	if (count == 0)
		emit_u8(out, OP_ZERO); /* NullName */
	else if (count == 2)
		emit_u8(out, OP_DUAL_NAME);
	else if (count > 2) {
		emit_u8(out, OP_MULTI_NAME);
		emit_u8(out, (uint8_t)count);
	}
	put_segments(out, path + prefix_len);
}

/* ---- packages ---------------------------------------------------------------- */

/* The largest value of a PkgLength of n bytes: 6 bits in one byte; in more, 4 bits
 * in the first, which counts the others, and 8 in each of those. */
static uint32_t pkg_length_limit(unsigned n)
{
	return n == 1 ? 0x3f : (UINT32_C(1) << (4 + 8 * (n - 1))) - 1;
}

/* Encode value, which must fit, as a PkgLength of n bytes. */
static void pkg_length_put(uint8_t raw[PKG_LENGTH_BYTES], unsigned n, uint32_t value)
{
	assert(n >= 1 && n <= PKG_LENGTH_BYTES && value <= pkg_length_limit(n));
	if (n == 1) {
		raw[0] = (uint8_t)value;
		return;
	}
	raw[0] = (uint8_t)((n - 1) << 6 | (value & 0xf));
	for (unsigned i = 1; i < n; i++)
		raw[i] = (uint8_t)(value >> (4 + 8 * (i - 1)));
}

static void open_package(struct aml *a)
{
	assert(a->depth < AML_DEPTH_MAX);
	a->open[a->depth++] = a->out->len;
}

void aml_close(struct aml *a)
{
	uint8_t raw[PKG_LENGTH_BYTES];
	size_t at, body_len;
	unsigned n = 1;

	assert(a->depth > 0);
	at = a->open[--a->depth];
	body_len = a->out->len - at;
	assert(body_len <= AML_PACKAGE_MAX - PKG_LENGTH_BYTES);
	while (body_len + n > pkg_length_limit(n)) /* the length counts itself */
		n++;
	pkg_length_put(raw, n, (uint32_t)body_len + n);
	emit_insert(a->out, at, raw, n);
}

void aml_open_scope(struct aml *a, const char *path)
{
	emit_u8(a->out, OP_SCOPE);
	open_package(a);
	put_name(a->out, path);
}

void aml_open_device(struct aml *a, const char *name)
{
	emit_u8(a->out, OP_EXTENDED);
	emit_u8(a->out, OPX_DEVICE);
	open_package(a);
	put_name(a->out, name);
}

void aml_open_method(struct aml *a, const char *name, unsigned arg_count)
{
	assert(arg_count <= ARGS_MAX);
	emit_u8(a->out, OP_METHOD);
	open_package(a);
	put_name(a->out, name);
	emit_u8(a->out, (uint8_t)arg_count);
}

void aml_open_if(struct aml *a)
{
	emit_u8(a->out, OP_IF);
	open_package(a);
}

void aml_open_package(struct aml *a, unsigned element_count)
{
	assert(element_count <= UINT8_MAX);
	emit_u8(a->out, OP_PACKAGE);
	open_package(a);
	emit_u8(a->out, (uint8_t)element_count);
}

void aml_open_field(struct aml *a, const char *region)
{
	emit_u8(a->out, OP_EXTENDED);
	emit_u8(a->out, OPX_FIELD);
	open_package(a);
	put_name(a->out, region);
	emit_u8(a->out, FIELD_BYTE_ACCESS);
}

/* ---- terms --------------------------------------------------------------------- */

void aml_name(struct aml *a, const char *path)
{
	emit_u8(a->out, OP_NAME);
	put_name(a->out, path);
}

void aml_ref(struct aml *a, const char *path)
{
	put_name(a->out, path);
}

static void put_integer(struct emit *out, uint64_t v)
{
	if (v <= 1) {
		emit_u8(out, v == 0 ? OP_ZERO : OP_ONE);
	} else if (v <= UINT8_MAX) {
		emit_u8(out, OP_BYTE);
		emit_u8(out, (uint8_t)v);
	} else if (v <= UINT16_MAX) {
		emit_u8(out, OP_WORD);
		emit_u16(out, (uint16_t)v);
	} else if (v <= UINT32_MAX) {
		emit_u8(out, OP_DWORD);
		emit_u32(out, (uint32_t)v);
	} else if (v == UINT64_MAX) {
		emit_u8(out, OP_ONES);
	} else {
		emit_u8(out, OP_QWORD);
		emit_u64(out, v);
	}
}

void aml_integer(struct aml *a, uint64_t v)
{
	put_integer(a->out, v);
}

void aml_string(struct aml *a, const char *text)
{
	emit_u8(a->out, OP_STRING);
	emit_bytes(a->out, text, strlen(text) + 1);
}

/* The value of an upper-case hexadecimal digit. */
static unsigned hex_digit(char c)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	assert(at);
	return (unsigned)(at - digits);
}

void aml_eisa_id(struct aml *a, const char *id)
{
	unsigned letters = 0;

	assert(strlen(id) == 7);
	for (unsigned i = 0; i < 3; i++) {
		assert(id[i] >= 'A' && id[i] <= 'Z');
		letters = letters << 5 | (unsigned)(id[i] - '@');
	}
	/* Three letters of 5 bits, most significant byte first, then 4 digits. */
	emit_u8(a->out, OP_DWORD);
	emit_u8(a->out, (uint8_t)(letters >> 8));
	emit_u8(a->out, (uint8_t)letters);
	emit_u8(a->out, (uint8_t)(hex_digit(id[3]) << 4 | hex_digit(id[4])));
	emit_u8(a->out, (uint8_t)(hex_digit(id[5]) << 4 | hex_digit(id[6])));
}

void aml_arg(struct aml *a, unsigned n)
{
	assert(n < ARGS_MAX);
	emit_u8(a->out, (uint8_t)(OP_ARG0 + n));
}

void aml_return(struct aml *a)
{
	emit_u8(a->out, OP_RETURN);
}

void aml_store(struct aml *a)
{
	emit_u8(a->out, OP_STORE);
}

void aml_io_region(struct aml *a, const char *name, uint16_t port, uint16_t len)
{
	emit_u8(a->out, OP_EXTENDED);
	emit_u8(a->out, OPX_REGION);
	put_name(a->out, name);
	emit_u8(a->out, REGION_SYSTEM_IO);
	put_integer(a->out, port);
	put_integer(a->out, len);
}

void aml_field_unit(struct aml *a, const char *name, unsigned bits)
{
	uint8_t raw[PKG_LENGTH_BYTES];
	unsigned n = 1;

	/* A NameSeg, never a path; the PkgLength here counts bits, not itself. */
	assert(segment_chars(name) == strlen(name) && bits <= AML_PACKAGE_MAX);
	put_segments(a->out, name);
	while (bits > pkg_length_limit(n))
		n++;
	pkg_length_put(raw, n, bits);
	emit_bytes(a->out, raw, n);
}

/* ---- resource templates ----------------------------------------------------------- */

void aml_open_resources(struct aml *a)
{
	emit_u8(a->out, OP_BUFFER);
	open_package(a);
}

void aml_io(struct aml *a, uint16_t first, uint8_t len)
{
	emit_u8(a->out, RES_IO);
	emit_u8(a->out, RES_IO_DECODE16);
	emit_u16(a->out, first); /* lowest base */
	emit_u16(a->out, first); /* highest base: the same, it cannot move */
	emit_u8(a->out, 1);	 /* alignment */
	emit_u8(a->out, len);
}

void aml_irq(struct aml *a, unsigned irq)
{
	assert(irq < 16);
	emit_u8(a->out, RES_IRQ_NO_FLAGS);
	emit_u16(a->out, (uint16_t)(1u << irq));
}

void aml_memory32(struct aml *a, uint32_t base, uint32_t len)
{
	emit_u8(a->out, RES_MEMORY32);
	emit_u16(a->out, RES_MEMORY32_BYTES);
	emit_u8(a->out, RES_READ_WRITE);
	emit_u32(a->out, base);
	emit_u32(a->out, len);
}

/* An address space descriptor whose five numbers have width bytes each. */
static void put_space(struct aml *a, uint8_t descriptor, unsigned width, uint8_t type,
		      uint8_t type_flags, uint64_t first, uint64_t last)
{
	const uint64_t granularity = 0, translation = 0, len = last - first + 1;
	const uint64_t numbers[] = { granularity, first, last, translation, len };
	uint8_t raw[8];

	assert(first <= last);
	emit_u8(a->out, descriptor);
	emit_u16(a->out, (uint16_t)(3 + ARRAY_LEN(numbers) * width));
	emit_u8(a->out, type);
	emit_u8(a->out, SPACE_FIXED_WINDOW);
	emit_u8(a->out, type_flags);
	for (unsigned i = 0; i < ARRAY_LEN(numbers); i++) {
		le64_store(raw, numbers[i]);
		emit_bytes(a->out, raw, width);
	}
}

void aml_bus_numbers(struct aml *a, uint8_t first, uint8_t last)
{
	put_space(a, RES_WORD, 2, SPACE_BUS, 0, first, last);
}

void aml_io_window(struct aml *a, uint16_t first, uint16_t last)
{
	put_space(a, RES_WORD, 2, SPACE_IO, SPACE_ALL_PORTS, first, last);
}

void aml_memory_window32(struct aml *a, uint32_t first, uint32_t last)
{
	put_space(a, RES_DWORD, 4, SPACE_MEMORY, RES_READ_WRITE, first, last);
}

void aml_memory_window64(struct aml *a, uint64_t first, uint64_t last)
{
	put_space(a, RES_QWORD, 8, SPACE_MEMORY, RES_READ_WRITE, first, last);
}

void aml_close_resources(struct aml *a)
{
	uint8_t raw[INTEGER_BYTES];
	struct emit size;

	assert(a->depth > 0);
	/* A zero checksum says that there is none to check; compilers write that. */
	emit_u8(a->out, RES_END_TAG);
	emit_u8(a->out, 0);
	emit_init(&size, raw, sizeof raw);
	put_integer(&size, a->out->len - a->open[a->depth - 1]);
	emit_insert(a->out, a->open[a->depth - 1], raw, size.len);
	aml_close(a);
}
