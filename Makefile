# Bantam: `make` builds build/bantam, `make run` boots the demo guest, `make test`
# runs every test, `make help` lists the rest.  A new source file needs no edit here.

CC      ?= cc
B       ?= build
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)

# `make V=1` shows the commands.
Q       := $(if $(V),,@)
SILENT  := $(findstring s,$(filter-out --%,$(firstword $(MAKEFLAGS))))
SAY     := @$(if $(V)$(SILENT),true,printf '  %-4s %s\n')

WARN    := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
OPT     ?= -O2
CFLAGS  += -std=gnu11 -g $(OPT) $(WARN) -ffunction-sections -fdata-sections \
           -fno-asynchronous-unwind-tables -fstack-protector-strong -pthread $(SAN)
CPPFLAGS += -D_GNU_SOURCE -Ivmm -Idevices -I.
LDFLAGS += -Wl,--gc-sections -pthread $(SAN)

FOLDERS := vmm/base vmm/host vmm/kvm vmm/core vmm/boot vmm/machine \
           devices devices/chipset devices/pci devices/char devices/virtio devices/block \
           devices/codec devices/fsread devices/net devices/nat tools
SRC     := $(filter-out tools/bantam.c,$(foreach d,$(FOLDERS),$(wildcard $(d)/*.c)))
OBJ     := $(SRC:%.c=$(B)/obj/%.o)
LIB     := $(B)/libbantam.a

.PHONY: all
all: $(B)/bantam

$(B)/bantam: $(B)/obj/tools/bantam.o $(LIB)
	$(SAY) LD $@
	$(Q)$(CC) -static $(LDFLAGS) -o $@.tmp $^
	@cp $@.tmp $@.debug && strip $@.tmp && mv $@.tmp $@

$(LIB): $(OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(B)/obj/tools/bantam.o: CPPFLAGS += -DBANTAM_VERSION='"$(VERSION)"'

$(B)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# ---- unit tests: tests/unit/DIR/test_FILE.c, one program each ----------------

UNIT_SRC := $(wildcard tests/unit/*.c tests/unit/*/*.c)
UNIT     := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)
FAKE_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/fake/*.c))

$(B)/unit/%: $(B)/obj/tests/unit/%.o $(FAKE_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(SAY) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka

$(B)/obj/tests/%.o: CPPFLAGS += -Itests

.PHONY: unit-programs lib fakes
unit-programs: $(UNIT)
fakes: $(FAKE_OBJ)
lib: $(LIB) $(B)/obj/tools/bantam.o

# ---- checks -------------------------------------------------------------------

.PHONY: test test-long layers tidy cppcheck shellcheck
test: all
	tests/run

# What random numbers decide, and all that a crash may leave, for longer.
test-long: all
	tests/boot/run --long 'wear|killed'
	tests/model/run --long
	tests/crash/run --long

# The include graph, and an error for an arrow that the architecture forbids.
layers:
	$(Q)grep -rn --include='*.[ch]' '^#include "' $(sort $(dir $(SRC))) | \
		sed 's/^\([^:]*\):[0-9]*:/\1:/' | sort | awk -f tests/tree/layers.awk

TIDY := $(SRC:%.c=$(B)/tidy/%.ok) $(B)/tidy/tools/bantam.ok
tidy: $(TIDY)

$(B)/tidy/%.ok: %.c .clang-tidy $(B)/obj/%.o
	@mkdir -p $(@D)
	$(SAY) TIDY $<
	$(Q)clang-tidy --quiet $< -- $(CPPFLAGS) -DBANTAM_VERSION='""' -std=gnu11 $(WARN) >$@.log 2>&1 || { cat $@.log; exit 1; }
	@mv $@.log $@

cppcheck:
	$(Q)cppcheck -q --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,performance,portability \
		--suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches \
		-Ivmm -Idevices -I. -D_GNU_SOURCE -DBANTAM_VERSION='""' -j2 vmm devices tools

shellcheck:
	$(Q)git ls-files | xargs grep -lE '^#!/(usr/)?bin/(ba|busybox )?sh' | xargs shellcheck

-include $(OBJ:.o=.d) $(B)/obj/tools/bantam.d $(UNIT_SRC:%.c=$(B)/obj/%.d) \
         $(wildcard $(B)/obj/tests/*/*.d)

# ---- the demo guest and the benchmarks ------------------------------------------

.PHONY: run bench
run: all
	$(Q)guest-images/demo

bench: all
	$(Q)tests/bench/run

# ---- into the system ------------------------------------------------------------

DESTDIR ?=
PREFIX  ?= /usr/local

.PHONY: install help clean
install: all
	install -D -m 755 $(B)/bantam $(DESTDIR)$(PREFIX)/bin/bantam
	install -D -m 644 tools/bantam.1 $(DESTDIR)$(PREFIX)/share/man/man1/bantam.1
	install -D -m 644 tools/completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/bantam
	install -D -m 644 tools/completion.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_bantam

help:
	@echo "make            build $(B)/bantam, one static program"
	@echo "make run        boot the demo guest (ARGS= adds flags, KERNEL=amd64 picks a kernel)"
	@echo "make test       every test; tests/run SUITE... runs some: tree unit sanitized fuzz codec model crash tables img hostile fsread cli kvm boot"
	@echo "make test-long  wear on disks, Bantam killed under it, and every crash of a qcow2 image, for hours"
	@echo "make bench      Bantam beside its peers; tests/bench/run NAME... runs some"
	@echo "make install    into PREFIX (default /usr/local)"
	@echo "make layers     the include graph, checked"
	@echo "make clean      forget $(B)/"

clean:
	rm -rf $(B)
