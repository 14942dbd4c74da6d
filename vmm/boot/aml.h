/* boot/aml.h: ACPI Machine Language, term by term (ACPI 6.4 chapter 20).
 *
 * A package (scope, device, method, package, field, resource template) is opened,
 * filled with terms in order, and closed; aml_close() then inserts the PkgLength in
 * its shortest form, as a compiler would.  Terms that take operands (Name, Store,
 * Return) are written in prefix order: aml_name() and then the object.
 *
 * Names are paths as in ASL: "COM1", "\\_SB", "^^PCI0", "\\_SB.PCI0"; a segment of
 * fewer than 4 characters is padded with '_'.  They are ours, so a malformed one is
 * an assertion, as is a close without an open.  Space is checked once, at the end,
 * by emit_status() of the buffer. */
#ifndef BANTAM_BOOT_AML_H
#define BANTAM_BOOT_AML_H

#include "boot/emit.h"

#define AML_DEPTH_MAX 8u

/* The largest PkgLength: 28 bits, itself included (20.2.4). */
#define AML_PACKAGE_MAX ((UINT32_C(1) << 28) - 1)

struct aml {
	struct emit *out; /* borrowed */
	unsigned depth;
	size_t open[AML_DEPTH_MAX]; /* offset where each open package's PkgLength goes */
};

/* Write terms at the end of out, borrowed until aml_done(). */
void aml_init(struct aml *a, struct emit *out);

/* Assert that everything opened is closed. */
void aml_done(const struct aml *a);

/* ---- packages: each ends with aml_close() -------------------------------- */

void aml_open_scope(struct aml *a, const char *path);
void aml_open_device(struct aml *a, const char *name);
/* arg_count 0..7; not serialized, so it must not create named objects. */
void aml_open_method(struct aml *a, const char *name, unsigned arg_count);
/* If (predicate): the predicate follows, then the terms. */
void aml_open_if(struct aml *a);
/* element_count 0..255 data objects follow. */
void aml_open_package(struct aml *a, unsigned element_count);
/* Fields of an operation region, byte access, no lock, preserve. */
void aml_open_field(struct aml *a, const char *region);
void aml_close(struct aml *a);

/* ---- terms ---------------------------------------------------------------- */

/* Name (path, ...): the data object follows. */
void aml_name(struct aml *a, const char *path);
/* A reference to a named object. */
void aml_ref(struct aml *a, const char *path);
/* Zero, One, Ones, or the shortest constant that holds v. */
void aml_integer(struct aml *a, uint64_t v);
/* ASCII, its NUL included. */
void aml_string(struct aml *a, const char *text);
/* A seven-character id such as "PNP0501", compressed (6.1.5). */
void aml_eisa_id(struct aml *a, const char *id);
/* Argument n (0..6) of the method. */
void aml_arg(struct aml *a, unsigned n);
/* Return (...): the term follows. */
void aml_return(struct aml *a);
/* Store (source, target): both follow. */
void aml_store(struct aml *a);
/* OperationRegion (name, SystemIO, port, len) of len ports. */
void aml_io_region(struct aml *a, const char *name, uint16_t port, uint16_t len);
/* A field unit of bits bits, inside aml_open_field(). */
void aml_field_unit(struct aml *a, const char *name, unsigned bits);

/* ---- resource templates (ACPI 6.4 section 6.4) ------------------------------- */

/* A buffer of descriptors. */
void aml_open_resources(struct aml *a);
/* Ports [first, first + len), 16-bit decode, fixed. */
void aml_io(struct aml *a, uint16_t first, uint8_t len);
/* One ISA interrupt (0..15), edge-triggered, active high, exclusive. */
void aml_irq(struct aml *a, unsigned irq);
/* Memory [base, base + len), read and written, fixed. */
void aml_memory32(struct aml *a, uint32_t base, uint32_t len);
/* What a bridge passes on, from first to last, both included: bus numbers, ports,
 * uncached memory below 4 GiB and above. */
void aml_bus_numbers(struct aml *a, uint8_t first, uint8_t last);
void aml_io_window(struct aml *a, uint16_t first, uint16_t last);
void aml_memory_window32(struct aml *a, uint32_t first, uint32_t last);
void aml_memory_window64(struct aml *a, uint64_t first, uint64_t last);
/* The end tag, and the sizes that were unknown until here. */
void aml_close_resources(struct aml *a);

#endif
