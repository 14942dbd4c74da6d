#include "tools/img_format.h"

#include <errno.h>
#include <string.h>

#include "base/keyvals.h"
#include "base/options.h"
#include "base/units.h"
#include "tools/img_options.h"

int img_preallocation_parse(const char *text, enum qcow2_preallocation *out, struct err *err)
{
	for (unsigned i = QCOW2_PREALLOC_OFF; i <= QCOW2_PREALLOC_FULL; i++) {
		if (strcmp(text, qcow2_preallocation_names[i]) == 0) {
			*out = (enum qcow2_preallocation)i;
			return 0;
		}
	}
	return value_wrong(err, text, "is not a preallocation",
			   "use off, metadata, falloc or full");
}

static int set_size(void *target, const char *value, struct err *err)
{
	struct img_format_options *o = target;

	o->size_given = true;
	return img_parse_size(value, &o->create.size_bytes, err);
}

static int set_preallocation(void *target, const char *value, struct err *err)
{
	struct img_format_options *o = target;

	return img_preallocation_parse(value, &o->create.preallocation, err);
}

static struct qcow2_create_options *qcow2_of(void *target, const char *key)
{
	struct img_format_options *o = target;

	o->qcow2_only = true;
	o->qcow2_key = key;
	return &o->create;
}

static int set_cluster_size(void *target, const char *value, struct err *err)
{
	struct qcow2_create_options *c = qcow2_of(target, "cluster_size");
	uint64_t bytes;
	const int rc = img_parse_size(value, &bytes, err);

	if (rc < 0)
		return rc;
	if (bytes < 512 || bytes > MIB(2) || (bytes & (bytes - 1)) != 0)
		return value_wrong(err, value, "is not a cluster size",
				   "use a power of two from 512 to 2M");
	c->cluster_bytes = (uint32_t)bytes;
	return 0;
}

static int set_compat(void *target, const char *value, struct err *err)
{
	struct qcow2_create_options *c = qcow2_of(target, "compat");

	if (strcmp(value, "0.10") == 0 || strcmp(value, "v2") == 0)
		c->version = 2;
	else if (strcmp(value, "1.1") == 0 || strcmp(value, "v3") == 0)
		c->version = 3;
	else
		return value_wrong(err, value, "is not a version",
				   "use 0.10 (version 2) or 1.1 (version 3)");
	return 0;
}

static int set_compression(void *target, const char *value, struct err *err)
{
	struct qcow2_create_options *c = qcow2_of(target, "compression_type");

	if (strcmp(value, "zlib") == 0)
		c->compression = QCOW2_ZLIB;
	else if (strcmp(value, "zstd") == 0)
		c->compression = QCOW2_ZSTD;
	else
		return value_wrong(err, value, "is not a compression", "use zlib or zstd");
	return 0;
}

static int set_refcount_bits(void *target, const char *value, struct err *err)
{
	struct qcow2_create_options *c = qcow2_of(target, "refcount_bits");
	uint64_t bits;

	if (parse_uint(value, 64, &bits) < 0 || bits == 0 || (bits & (bits - 1)) != 0)
		return value_wrong(err, value, "is not a refcount width",
				   "use 1, 2, 4, 8, 16, 32 or 64");
	c->refcount_bits = (unsigned)bits;
	return 0;
}

static int set_lazy_refcounts(void *target, const char *value, struct err *err)
{
	(void)err;
	qcow2_of(target, "lazy_refcounts")->lazy_refcounts = strcmp(value, "on") == 0;
	return 0;
}

static int set_extended_l2(void *target, const char *value, struct err *err)
{
	(void)err;
	qcow2_of(target, "extended_l2")->extended_l2 = strcmp(value, "on") == 0;
	return 0;
}

static int set_backing_file(void *target, const char *value, struct err *err)
{
	(void)err;
	qcow2_of(target, "backing_file")->backing_name = value;
	return 0;
}

static int set_backing_fmt(void *target, const char *value, struct err *err)
{
	enum image_format format;

	qcow2_of(target, "backing_fmt")->backing_format = value;
	return image_format_parse(value, &format, err);
}

static int refuse_data_file(void *target, const char *value, struct err *err)
{
	(void)target, (void)value;
	return err_set(err, -EOPNOTSUPP,
		       "not supported: data is kept in the image; a raw image beside it may do");
}

static int refuse_encryption(void *target, const char *value, struct err *err)
{
	(void)target;
	if (value && strcmp(value, "off") == 0)
		return 0;
	return err_set(err, -EOPNOTSUPP,
		       "not supported: let the guest encrypt (LUKS inside), or the host's file system");
}

static int set_nocow(void *target, const char *value, struct err *err)
{
	(void)target;
	if (strcmp(value, "off") == 0)
		return 0;
	return err_set(err, -EOPNOTSUPP, "not supported: 'chattr +C' on the empty file or folder does it");
}

/* Those of raw first. */
static const struct keyval_row rows[] = {
	{ "size", "SIZE", set_size },
	{ "preallocation", "off|metadata|falloc|full", set_preallocation },
	{ "nocow", NULL, set_nocow },
#define RAW_ROWS 3
	{ "backing_file", "NAME", set_backing_file },
	{ "backing_fmt", "raw|qcow2", set_backing_fmt },
	{ "cluster_size", "SIZE", set_cluster_size },
	{ "compat", "0.10|1.1", set_compat },
	{ "compression_type", "zlib|zstd", set_compression },
	{ "extended_l2", NULL, set_extended_l2 },
	{ "lazy_refcounts", NULL, set_lazy_refcounts },
	{ "refcount_bits", "1|2|4|8|16|32|64", set_refcount_bits },
	{ "data_file", "NAME", refuse_data_file },
	{ "data_file_raw", NULL, refuse_data_file },
	{ "encryption", NULL, refuse_encryption },
	{ "encrypt.format", "FMT", refuse_encryption },
	{ "encrypt.key-secret", "ID", refuse_encryption },
};

static const struct keyval_table table = { rows, ARRAY_LEN(rows), NULL };

int img_format_parse(struct img_format_options *o, char *text, struct err *err)
{
	return keyvals_parse(&table, text, o, err);
}

void img_format_list(FILE *out, bool qcow2)
{
	fprintf(out, "Supported %s options:\n", qcow2 ? "qcow2" : "raw");
	for (size_t i = 0; i < (qcow2 ? ARRAY_LEN(rows) : RAW_ROWS); i++) {
		if (rows[i].set != refuse_data_file && rows[i].set != refuse_encryption &&
		    rows[i].set != set_nocow)
			fprintf(out, "  %s=<%s>\n", rows[i].name,
				rows[i].arg ? rows[i].arg : "on|off");
	}
}
