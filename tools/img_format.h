/* tools/img_format.h: `-o key=value,...`: how an image is to be made. */
#ifndef BANTAM_TOOLS_IMG_FORMAT_H
#define BANTAM_TOOLS_IMG_FORMAT_H

#include <stdio.h>

#include "base/err.h"
#include "block/qcow2_ops.h"

struct img_format_options {
	bool size_given;
	struct qcow2_create_options create; /* with size, backing file and preallocation */
	bool qcow2_only;		    /* a key was given that raw does not know */
	const char *qcow2_key;		    /* which */
};

/* text  is changed, and values point into it.  0, or -errno with err filled. */
int img_format_parse(struct img_format_options *o, char *text, struct err *err);

/* -o help. */
void img_format_list(FILE *out, bool qcow2);

int img_preallocation_parse(const char *text, enum qcow2_preallocation *out, struct err *err);

#endif
