# OpenClaw in C.  `make help` lists the targets; README.md tells the story.
# Needs GNU make.  Everything that is built goes to $(B).

VERSION = 0.1
B      ?= build
PREFIX ?= /usr/local
CC      = gcc

DEPS_BUILD = gcc libc6-dev pkg-config libcurl4-openssl-dev libjq-dev \
	libyaml-dev libssl-dev libbsd-dev libmd-dev libxml2-dev libseccomp-dev \
	libmd4c-dev libevent-dev libwslay-dev libhiredis-dev
DEPS_CHECK = libcmocka-dev openssl python3 python3-jsonschema python3-yaml jq valgrind \
	strace procps git redis-server chromium chromium-driver prometheus \
	openssh-client openssh-server \
	$(if $(shell command -v kubectl),,kubernetes-client) \
	$(DEPS_POD)
# Real containers, for the tests of the pod.
DEPS_POD = podman buildah runc debootstrap netavark aardvark-dns catatonit
DEPS_LINT  = clang clang-format clang-tidy libclang-rt-14-dev cppcheck \
	shellcheck mandoc

# What a program does not use is not linked to it (--as-needed).
PKGS  = libcurl libcrypto libmd yaml-0.1 libxml-2.0 libseccomp md4c \
	libevent hiredis libbsd-overlay
# These install first what is missing, and then run a make of their own.
NOT_YET = $(if $(filter run check deps deps-% help,$(MAKECMDGOALS)),2>/dev/null)
LIBS  = $(shell pkg-config --libs $(PKGS) $(NOT_YET)) -lwslay -ljq -lm
PKGCF = $(shell pkg-config --cflags $(PKGS) $(NOT_YET))

WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wwrite-strings \
	-Wformat=2 -Wvla -Wundef -Wimplicit-fallthrough -Wnull-dereference
ifdef WERROR
WARN += -Werror
endif

# SAN: what is built for finding faults instead of for running.
ifdef SAN
OPT  = -O1 -g -fno-omit-frame-pointer -fsanitize=$(SAN) \
	-fno-sanitize-recover=all -DOC_SANITIZED
LOPT = -fsanitize=$(SAN)
else
OPT  = -O2 -g -D_FORTIFY_SOURCE=3 -fstack-protector-strong \
	-fstack-clash-protection -fPIE -fcf-protection=full \
	$(call accepted,-ftrivial-auto-var-init=zero)
LOPT = -pie -Wl,-z,relro,-z,now,-z,noexecstack
endif
accepted = $(shell $(CC) -Werror $(1) -x c -E /dev/null >/dev/null 2>&1 && echo $(1))

ALL_CFLAGS  := -std=c11 -D_GNU_SOURCE -DOC_VERSION='"$(VERSION)"' -Ilib \
	$(PKGCF) $(WARN) $(OPT) $(CFLAGS)
ALL_LDFLAGS := -Wl,--as-needed $(LOPT) $(LDFLAGS)

LIB_OBJ  := $(patsubst %.c,$(B)/obj/%.o,$(wildcard lib/*.c))
PROGRAMS := $(patsubst bin/%/main.c,%,$(wildcard bin/*/main.c))
SCRIPTS  := $(foreach p,$(notdir $(wildcard bin/*)),$(if $(wildcard bin/$p/$p.sh),$p))
UNIT     := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c tests/unit/*/*.c))
FUZZ     := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c tests/fuzz/*/*.c))
BENCH    := $(patsubst tests/bench/%.c,%,$(wildcard tests/bench/*.c))
MANUALS   = $(wildcard bin/*/*.1 share/man/*.[157])

all: $(PROGRAMS:%=$(B)/bin/%) $(SCRIPTS:%=$(B)/bin/%)

help:
	@echo 'make            build everything into $(B)/bin'
	@echo 'make deps       install the Debian packages that are missing'
	@echo 'make run        install what is missing, build, ask a first question'
	@echo 'make check      unit tests, fixtures, end-to-end tests'
	@echo 'make check-asan the same with AddressSanitizer and UBSan'
	@echo 'make check-npm  OpenAI'"'"'s and OpenClaw'"'"'s own clients, from npm (300 MB)'
	@echo 'make check-valgrind  the unit tests and fixtures under valgrind'
	@echo 'make lint       shellcheck, cppcheck, mandoc, clang-format, house rules'
	@echo 'make tidy       clang-tidy (slow)'
	@echo 'make fuzz       each fuzzer for FUZZ_SECONDS (60)'
	@echo 'make bench      speed and memory, beside a floor of the same minute'
	@echo 'make chaos      the promises under misfortune, for CHAOS_SECONDS (3600)'
	@echo 'make k8s-check  what is wrong in k8s/overlays, before it is applied'
	@echo 'make install    to PREFIX (/usr/local), below DESTDIR; make uninstall'
	@echo 'make dist       a tar file of the sources; make clean'

# ---- building

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# A test of a program's module sees that program's headers.
own = $(if $(wildcard bin/$(1)),-Ibin/$(1))

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(call own,$(notdir $(@D))) -MMD -MP -c -o $@ $<

$(B)/lib/liboc.a: $(LIB_OBJ)
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

define program
$(B)/bin/$(1): $$(patsubst %.c,$(B)/obj/%.o,$$(wildcard bin/$(1)/*.c)) $(B)/lib/liboc.a
	@mkdir -p $$(@D)
	$(CC) $(ALL_LDFLAGS) -o $$@ $$(filter %.o,$$^) $(B)/lib/liboc.a $(LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$p)))

# A script's other parts go in where it says "---- parts".
define script
$(B)/bin/$(1): bin/$(1)/$(1).sh $$(filter-out bin/$(1)/$(1).sh,$$(wildcard bin/$(1)/*.sh))
	@mkdir -p $$(@D)
	@rm -f $$@
	cat $$(wordlist 2,99,$$^) /dev/null | sed '/^# ---- parts/r /dev/stdin' $$< >$$@
	chmod 755 $$@
endef
$(foreach p,$(SCRIPTS),$(eval $(call script,$p)))

# ---- tests: tests/unit/test_x.c tests a module of lib/, and
# tests/unit/PROGRAM/test_x.c one of bin/PROGRAM/; fuzzers likewise.

modules = $(patsubst %.c,$(B)/obj/%.o,$(filter-out %/main.c,$(wildcard bin/$(patsubst %/,%,$(dir $(1)))/*.c)))

define unit
$(B)/tests/unit/$(1): $(B)/obj/tests/unit/$(1).o $$(call modules,$(1)) $(B)/lib/liboc.a
	@mkdir -p $$(@D)
	$(CC) $(ALL_LDFLAGS) -o $$@ $$(filter %.o,$$^) $(B)/lib/liboc.a -lcmocka $(LIBS)
endef
$(foreach t,$(UNIT),$(eval $(call unit,$t)))

define fuzzer
$(B)/tests/fuzz/$(1): $(B)/obj/tests/fuzz/$(1).o $$(call modules,$(1)) $(B)/lib/liboc.a
	@mkdir -p $$(@D)
	$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $$@ $$(filter %.o,$$^) $(B)/lib/liboc.a $(LIBS)
endef
$(foreach t,$(FUZZ),$(eval $(call fuzzer,$t)))

define bencher
$(B)/tests/bench/$(1): $(B)/obj/tests/bench/$(1).o $(B)/lib/liboc.a
	@mkdir -p $$(@D)
	$(CC) $(ALL_LDFLAGS) -o $$@ $$(filter %.o,$$^) $(B)/lib/liboc.a $(LIBS)
endef
$(foreach b,$(BENCH),$(eval $(call bencher,$b)))

benchers: $(BENCH:%=$(B)/tests/bench/%)

unit-tests: $(UNIT:%=$(B)/tests/unit/%)

# The packages are looked for first; pkg-config is asked when a Makefile is
# read, so what was just installed is seen by a make of its own.
check: deps-check
	@$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j2) check-now
check-now: all unit-tests
	tests/run $(B)

# The clients of others, which npm installs into $(B)/npm.
check-npm: all
	OC_NPM=1 tests/run $(B) e2e test_ws_openclaw test_http_openai

check-asan:
	$(MAKE) B=$(B)/asan SAN=address,undefined CC=clang check

check-valgrind: all unit-tests
	OC_WRAP="valgrind -q --leak-check=full --error-exitcode=99 --suppressions=$(CURDIR)/tests/valgrind.supp" \
		tests/run $(B) unit fixtures

fuzz-build:
	$(MAKE) B=$(B)/fuzz SAN=fuzzer-no-link,address,undefined CC=clang \
		fuzzers
fuzzers: $(FUZZ:%=$(B)/tests/fuzz/%)

FUZZ_SECONDS = 60
fuzz: fuzz-build
	tests/fuzz/run $(B)/fuzz $(FUZZ_SECONDS)

bench: all benchers
	tests/bench/run $(B)
	tests/bench/gateway $(B)
	tests/bench/http $(B)
	tests/bench/browser $(B)
	tests/bench/redis $(B)

# Rounds of misfortune, and an end at every system call of a turn's path.
CHAOS_SECONDS = 3600
chaos: all
	OC_BUILD=$(B) tests/chaos/calls
	OC_BUILD=$(B) tests/chaos/calls --ask --every 3
	OC_BUILD=$(B) tests/chaos/run -s $(CHAOS_SECONDS) --tmpfs $(if $(filter 0,$(shell id -u)),4,0)

SOURCES  = $(wildcard lib/*.[ch] bin/*/*.[ch] tests/unit/*.c tests/unit/*/*.c tests/fuzz/*.c tests/fuzz/*/*.c tests/bench/*.[ch] tests/chaos/*.c)
lint: $(SCRIPTS:%=$(B)/bin/%)
	@clang-format --dry-run -Werror $(SOURCES)
	cppcheck -q -j 2 --enable=warning,portability,performance --error-exitcode=1 \
		--inline-suppr --suppressions-list=tests/cppcheck.supp \
		--std=c11 -D_GNU_SOURCE -DOC_VERSION='""' -Ilib lib bin
	shellcheck $(SCRIPTS:%=$(B)/bin/%) $(wildcard .ci/run tests/fuzz/run share/first-run share/examples/*.sh share/examples/hooks/*.sh \
		k8s/seal k8s/image/install k8s/image/prepare k8s/image/finish k8s/options/jobs/*.sh)
	mandoc -Tlint -W warning $(MANUALS)
tidy:
	clang-tidy --quiet $(wildcard lib/*.c bin/*/*.c) -- $(filter-out -W%,$(ALL_CFLAGS))

format:
	@clang-format -i $(SOURCES)

# ---- for people

# Only what is missing is installed, and nothing else is touched.
install_missing = missing=; command -v dpkg-query >/dev/null || exit 0; for p in $(1); do \
	dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q ' installed' || missing="$$missing $$p"; done; \
	[ -z "$$missing" ] || { echo "installing:$$missing" >&2; \
	[ "$$(id -u)" = 0 ] && sudo= || sudo=sudo; \
	$$sudo apt-get update -q && DEBIAN_FRONTEND=noninteractive \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing; }

deps:
	@$(call install_missing,$(DEPS_BUILD) $(DEPS_CHECK) $(DEPS_LINT))
deps-check:
	@$(call install_missing,$(DEPS_BUILD) $(DEPS_CHECK))
deps-build:
	@$(call install_missing,$(DEPS_BUILD))

# pkg-config is asked when the Makefile is read, so build in a new make.
run: deps-build
	@$(MAKE) --no-print-directory -s -j2 all
	@B=$(B) share/first-run

# With openclaw built, the configurations are checked, too.
k8s-check:
	@command -v python3 >/dev/null || { \
		echo 'k8s-check needs python3, python3-yaml and kubectl: make deps' >&2; exit 1; }
	@k8s/check

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/openclaw
	install -m 755 $(PROGRAMS:%=$(B)/bin/%) $(SCRIPTS:%=$(B)/bin/%) $(DESTDIR)$(PREFIX)/bin
	for m in $(MANUALS); do s=$${m##*.}; \
		install -d $(DESTDIR)$(PREFIX)/share/man/man$$s; \
		install -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man$$s; done
	cp -R share/examples share/schema share/web share/workspace $(DESTDIR)$(PREFIX)/share/openclaw

uninstall:
	rm -f $(foreach p,$(PROGRAMS) $(SCRIPTS),$(DESTDIR)$(PREFIX)/bin/$p)
	for m in $(MANUALS); do rm -f $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}; done
	rm -rf $(DESTDIR)$(PREFIX)/share/openclaw

dist:
	@mkdir -p $(B)
	git archive --prefix=openclaw-$(VERSION)/ -o $(B)/openclaw-$(VERSION).tar.gz HEAD
	@echo $(B)/openclaw-$(VERSION).tar.gz

clean:
	rm -rf $(B)

.PHONY: all help unit-tests check check-npm check-asan check-valgrind check-now fuzz-build fuzzers fuzz benchers \
	bench lint tidy format deps deps-check deps-build run k8s-check install uninstall dist clean
