# SPDX-License-Identifier: GPL-2.0
#
# "make help" lists what there is.  Kbuild, not this file, says how the module
# is made; here stands what is around it.

MAKEFLAGS += --no-print-directory

# The targets here take turns; what they call runs in parallel by itself.
.NOTPARALLEL:

# What "make" builds for: the running kernel, if its headers are installed,
# else the kernel of the virtual machine.
running := /lib/modules/$(shell uname -r)/build
KDIR ?= $(if $(wildcard $(running)/Makefile),$(running),$(shell scripts/kernel path headers))

# What the virtual machine runs: 6.1, 6.12, 7.2, debug or kcsan.
KERNEL ?= 6.1

ifeq ($(origin CC),default)
CC := gcc
endif
TOOL_CFLAGS := -std=gnu11 -O2 -Wall -Wextra -Werror -static -pthread -Iuapi -Iselftests \
	-Iselftests/floor
TOOL_SOURCES := $(wildcard scripts/tool/*.c)
TOOL_HEADERS := $(wildcard scripts/tool/*.h) selftests/vmspace.h selftests/floor/floor.h \
	uapi/linux/vmspace.h

# What replays logs, from the same sources as the module's own check.
TRACE_SOURCES := $(wildcard scripts/trace/*.c module/spec/*.c)
TRACE_HEADERS := $(wildcard scripts/trace/*.h module/spec/*.h)
TRACE_CFLAGS := -D_GNU_SOURCE -Wno-unused-parameter

all: module

# With LLVM=1 by clang, whatever the kernel was built by.
module modules:
	$(MAKE) -C $(KDIR) M=$(CURDIR) $(clang) modules

clang = $(if $(LLVM),$(or $(shell scripts/clang $(LLVM) $(KDIR)),$(error cannot build with clang)))

modules_install:
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules_install

# The module for the virtual machine, in build/vm-$(KERNEL).
vm-module: packages-build
	@scripts/vm-module $(KERNEL)

tools: build/vmspace build/vmspace-tracecheck

build/vmspace: $(TOOL_SOURCES) $(TOOL_HEADERS) | packages-build
	@mkdir -p $(@D)
	$(CC) $(TOOL_CFLAGS) $(TOOL_SOURCES) -o $@ -lm

build/vmspace-tracecheck: $(TRACE_SOURCES) $(TRACE_HEADERS) | packages-build
	@mkdir -p $(@D)
	$(CC) $(TOOL_CFLAGS) $(TRACE_CFLAGS) $(TRACE_SOURCES) -o $@

# Its tests: the same under sanitizers, and what breaks logs on purpose.
tracecheck-tests: build/vmspace-tracecheck build/tracecheck/asan build/tracecheck/mutate

build/tracecheck/asan: $(TRACE_SOURCES) $(TRACE_HEADERS) | packages-build
	@mkdir -p $(@D)
	$(CC) $(filter-out -static,$(TOOL_CFLAGS)) $(TRACE_CFLAGS) -O1 -g \
		-fsanitize=address,undefined -fno-sanitize-recover=all $(TRACE_SOURCES) -o $@

build/tracecheck/mutate: selftests/userland/tracecheck_mutate.c scripts/trace/event.c \
		$(TRACE_HEADERS) | packages-build
	@mkdir -p $(@D)
	$(CC) $(TOOL_CFLAGS) $(TRACE_CFLAGS) $(filter %.c,$^) -o $@

selftests:
	$(MAKE) -C selftests OUTPUT=$(CURDIR)/build/selftests

demo: packages-build packages-vm vm-module tools
	@scripts/demo $(KERNEL)

bench: packages-build packages-vm vm-module tools
	@scripts/bench --kernel $(KERNEL) $(TABLES)

check:
	@scripts/check --kernel $(KERNEL) $(PARTS)

# All that there is, on every kernel; the debug kernels have their own.
check-all:
	@scripts/check $(patsubst %,--kernel %,$(shell scripts/kernel list))

check-style:
	@scripts/check style

check-userland:
	@scripts/check userland

# One program: make check-kselftest TESTS=name
check-kselftest:
	@scripts/check --kernel $(KERNEL) $(TESTS:%=--test %) kselftest

check-debug:
	@scripts/check --kernel debug $(TESTS:%=--test %) kselftest

check-kcsan:
	@scripts/check $(TESTS:%=--test %) kcsan

# The module unloaded and loaded so often: make check-reload LOADS=1000
check-reload:
	@scripts/check --kernel $(KERNEL) $(LOADS:%=--loads %) reload

check-mutations:
	@scripts/check mutations

# The trace checker, on recordings of these programs or of all.
check-trace:
	@scripts/check $(TESTS:%=--test %) trace

check-clang:
	@scripts/check clang

check-dkms:
	@scripts/check dkms

check-bochs:
	@scripts/check $(TESTS:%=--test %) bochs

# In the debug kernel; TIME is in seconds.
fuzz:
	@scripts/fuzz $(TIME:%=--time %)

debug-kernel:
	@scripts/debug-kernel build

kcsan-kernel:
	@scripts/debug-kernel build kcsan

shell: packages-build packages-vm vm-module tools
	@scripts/vm --kernel $(KERNEL) --shell --file build/vmspace

# For this machine and its kernels; need to be root.
dkms-install:
	@scripts/dkms install

dkms-remove:
	@scripts/dkms remove

packages-%:
	@scripts/packages $*

# Without the kernel's help, so that it needs no headers.
clean:
	rm -rf build modules.order Module.symvers .tmp_versions
	find . -path ./.git -prune -o -type f \( -name '*.o' -o -name '*.ko' \
		-o -name '*.mod' -o -name '*.mod.c' -o -name '.*.cmd' \) \
		-exec rm -f {} +

help:
	@echo 'To try it:'
	@echo '  make demo             boot a virtual machine and show what the module does'
	@echo '  make check            run all checks; ends with the number of passes [PARTS="name ..."]'
	@echo 'Both install the packages that they need, and fetch a kernel to run.'
	@echo
	@echo 'To build:'
	@echo '  make                  vmspace.ko, in KDIR=$(if $(wildcard $(running)/Makefile),$(running),the headers of the virtual machine)'
	@echo '  make LLVM=1           the same by clang'
	@echo '  make modules_install  install it for the running kernel'
	@echo '  make dkms-install     install it for all kernels of this machine [dkms-remove]'
	@echo '  make tools            the command-line tools, build/vmspace and vmspace-tracecheck'
	@echo '  make selftests        the test programs, build/selftests'
	@echo '  make vm-module        the module for the virtual machine, build/vm-KERNEL'
	@echo '  make debug-kernel     a kernel with every checker on (15 minutes)'
	@echo '  make kcsan-kernel     one that finds data races (15 minutes)'
	@echo '  make clean'
	@echo
	@echo 'To check one thing:'
	@echo '  make check-style      static checks'
	@echo '  make check-userland   tests that need no kernel'
	@echo '  make check-kselftest  tests in the virtual machine [TESTS="name ..."]'
	@echo '  make check-debug      the same in the debug kernel'
	@echo '  make check-kcsan      the same in a kernel that finds data races'
	@echo '  make check-reload     unload and load the module a thousand times [LOADS=NUMBER]'
	@echo '  make fuzz             fuzz the module in the debug kernel [TIME=SECONDS]'
	@echo '  make check-mutations  that the tests notice mistakes of the module'
	@echo '  make check-trace      the trace checker [TESTS="name ..."]'
	@echo '  make bench            measurements, in the virtual machine [TABLES="name ..."]'
	@echo '  make check-clang      the module as clang builds it'
	@echo '  make check-dkms       install and remove it with DKMS, out of the way'
	@echo '  make check-bochs      tests of the MMU in another emulator'
	@echo '  make check-all        make check, the kselftests on each kernel, and a table (an hour)'
	@echo '  make shell            a shell in the virtual machine'
	@echo
	@echo 'KERNEL=6.12, 7.2, debug or kcsan is the kernel of demo, check, check-kselftest,'
	@echo 'check-reload, bench, shell and vm-module. scripts/check --help lists the parts of check.'

.PHONY: all module modules modules_install vm-module tools selftests demo bench \
	check check-all check-style check-userland check-kselftest check-debug \
	check-reload check-kcsan check-mutations check-trace check-clang check-dkms check-bochs \
	tracecheck-tests dkms-install dkms-remove debug-kernel kcsan-kernel fuzz shell clean help
