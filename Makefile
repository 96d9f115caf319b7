# pop3d - see README.  "make", "make test", "make run", "make install".

CC ?= gcc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
LIBDIR ?= $(PREFIX)/lib/pop3d
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/pop3d
DESTDIR ?=
STATEDIR ?= /var/lib/pop3d
INSTALL ?= install
VERSION = $(shell sed -n 's/.*POP3D_VERSION "\(.*\)"/\1/p' include/base.h)

# Where it is built; lint and coverage have places of their own.
BUILD ?= build

WARN = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wconversion -Wsign-conversion -Wcast-qual \
	-Wcast-align -Wwrite-strings -Wformat=2 -Wundef -Wvla \
	-Wimplicit-fallthrough -Wswitch-enum -Wnull-dereference
HARD = -fPIE -fstack-protector-strong -fstack-clash-protection \
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
LINK = -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
STD = -std=c11 -D_GNU_SOURCE -Iinclude -MMD -MP

MAKEFLAGS += --no-print-directory
V ?= 0
ifeq ($(V),0)
Q = @
SAY = @echo
else
Q =
SAY = @:
endif

ROOMS = base channel wire crypto signer front back auth mailauth mailbox journal \
	listener
# What only the tool mailauth has is no part of pop3d.
TOOL_SRC = src/mailauth/main.c $(wildcard src/mailauth/tool_*.c)
TOOL_OBJ = $(TOOL_SRC:src/%.c=$(BUILD)/obj/%.o)
ROOM_SRC = $(filter-out $(TOOL_SRC),$(sort $(foreach r,$(ROOMS),\
	$(wildcard src/$r/*.c))))
ROOM_OBJ = $(ROOM_SRC:src/%.c=$(BUILD)/obj/%.o)
MODULES = $(BUILD)/pop3d-crypto.so $(BUILD)/pop3d-crypt.so \
	$(BUILD)/pop3d-tls.so
crypto_LIBS = -lcrypto
tls_LIBS = -lssl -lcrypto
crypt_LIBS = -lcrypt
pam_LIBS = -lpam

# "make PAM=1" builds the method pam, too.
PAM ?= 0
ifeq ($(PAM),1)
MODULES += $(BUILD)/pop3d-pam.so
endif

all: $(BUILD)/pop3d $(BUILD)/mailauth $(BUILD)/pop3d-account $(MODULES)

$(BUILD)/pop3d: $(BUILD)/obj/main.o $(ROOM_OBJ)
	$(SAY) "  LINK    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(LINK) -o $@ $^

$(BUILD)/mailauth: $(TOOL_OBJ) $(BUILD)/obj/auth/hash.o \
    $(filter $(foreach r,base crypto mailauth,$(BUILD)/obj/$r/%),$(ROOM_OBJ))
	$(SAY) "  LINK    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(LINK) -o $@ $^

# What a checkpassword program runs: little, and nothing but base.
$(BUILD)/pop3d-account: $(BUILD)/obj/account/main.o \
    $(filter $(BUILD)/obj/base/%,$(ROOM_OBJ))
	$(SAY) "  LINK    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(LINK) -o $@ $^

$(BUILD)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(SAY) "  CC      $<"
	$(Q)$(CC) $(CPPFLAGS) $(STD) $(CFLAGS) $(WARN) $(HARD) -DMODULE_DIR='"$(LIBDIR)"' -c -o $@ $<

# A module is NAME.c of src/modules and its NAME_*.c, linked to what only it
# needs; only its table can be seen from outside.
TLS_OBJ = $(patsubst src/%.c,$(BUILD)/obj/%.o,$(wildcard src/modules/tls*.c))
.SECONDARY: $(MODULES:$(BUILD)/pop3d-%.so=$(BUILD)/obj/modules/%.o)
$(BUILD)/obj/modules/%.o: HARD += -fPIC
$(BUILD)/pop3d-tls.so: $(filter-out %/tls.o,$(TLS_OBJ))
# Objects alone: what an older tree left in its .d files names sources, too.
$(BUILD)/pop3d-%.so: $(BUILD)/obj/modules/%.o
	$(SAY) "  MODULE  $@"
	$(Q)$(CC) $(CFLAGS) -shared $(LDFLAGS) -Wl,-z,relro,-z,now,-z,noexecstack \
	    -o $@ $(filter %.o,$^) $($*_LIBS)

# Unit tests: all rooms, with the sanitizers.
SAN ?= -fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_SRC = $(sort $(wildcard tests/unit/*_test.c))
UNIT = $(UNIT_SRC:tests/unit/%.c=build/unit/%)
ASAN_OBJ = $(ROOM_SRC:src/%.c=build/asan/%.o) build/asan/mailauth/tool_update.o

build/asan/%.o: src/%.c
	@mkdir -p $(@D)
	$(SAY) "  ASAN    $<"
	$(Q)$(CC) $(CPPFLAGS) $(STD) -O1 -g $(SAN) $(WARN) \
	    -DMODULE_DIR='"$(CURDIR)/build"' -c -o $@ $<

build/asan/rooms.a: $(ASAN_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^

build/unit/%: tests/unit/%.c build/asan/rooms.a | $(MODULES) \
    build/pop3d-account
	@mkdir -p $(@D)
	$(SAY) "  UNIT    $@"
	$(Q)$(CC) $(CPPFLAGS) $(STD) -Itests/unit -Isrc -O1 -g $(SAN) $(WARN) \
	    -o $@ $< build/asan/rooms.a

# What the tests of sessions work with.
HELPERS = build/session/agent build/session/coarse.so build/session/freed.so \
	build/session/clocks.so build/session/later.so build/session/updates

build/session/%: tests/session/%.c
	@mkdir -p $(@D)
	$(SAY) "  HELPER  $@"
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O1 -g $(WARN) -o $@ $< $(LDLIBS)

build/session/updates: LDLIBS = -lssl -lcrypto

build/session/%.so: tests/session/%.c
	@mkdir -p $(@D)
	$(SAY) "  HELPER  $@"
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O1 -g $(WARN) -fPIC -shared -o $@ $< -ldl

# The demonstration and the tests install what they need, or say what.
need-%:
	@sh tests/need $*

run: need-build
	$(Q)$(MAKE) all
	$(Q)sh tests/demo

test: need-test
	$(Q)$(MAKE) all $(BUILD)/pop3d-pam.so $(UNIT) $(HELPERS)
	$(Q)sh tests/run

# The sanitizers' own system calls are on no list.
build/unit/close_in_test build/unit/apart_test: build/unit/%: \
    tests/unit/%.c $(ROOM_OBJ)
	@mkdir -p $(@D)
	$(SAY) "  UNIT    $@"
	$(Q)$(CC) $(CPPFLAGS) $(STD) -Itests/unit -Isrc $(CFLAGS) $(WARN) -o $@ $^

unit: all $(UNIT)
	$(Q)prove -e '' $(UNIT)

install: all
	$(INSTALL) -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(LIBDIR) \
	    $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8 \
	    $(DESTDIR)$(DOCDIR)/examples
	$(INSTALL) -d -m 711 $(DESTDIR)$(STATEDIR)
	$(INSTALL) -d -m 555 $(DESTDIR)$(STATEDIR)/empty
	$(INSTALL) -m 755 $(BUILD)/pop3d $(BUILD)/mailauth $(DESTDIR)$(SBINDIR)
	$(INSTALL) -m 644 $(MODULES) $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 711 $(BUILD)/pop3d-account $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 644 man/*.5 $(DESTDIR)$(MANDIR)/man5
	$(INSTALL) -m 644 man/*.8 $(DESTDIR)$(MANDIR)/man8
	$(INSTALL) -m 644 README LICENSE $(DESTDIR)$(DOCDIR)
	$(INSTALL) -m 644 etc/* $(DESTDIR)$(DOCDIR)/examples

# Every fault at every point, and that planted ones are found: an hour.
faults: all need-test
	$(Q)FAULTS=full prove tests/faults/*.t

# What install made; never the state-directory, which may hold journals.
uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/pop3d $(DESTDIR)$(SBINDIR)/mailauth \
	    $(MODULES:$(BUILD)/%=$(DESTDIR)$(LIBDIR)/%) \
	    $(DESTDIR)$(LIBDIR)/pop3d-pam.so \
	    $(DESTDIR)$(LIBDIR)/pop3d-account \
	    $(patsubst man/%.5,$(DESTDIR)$(MANDIR)/man5/%.5,$(wildcard man/*.5)) \
	    $(patsubst man/%.8,$(DESTDIR)$(MANDIR)/man8/%.8,$(wildcard man/*.8))
	rm -rf $(DESTDIR)$(DOCDIR)

# Both compilers without a warning, the form, the manual pages, the scripts.
lint: need-lint
	$(Q)$(MAKE) BUILD=build/lint-gcc CC=gcc CFLAGS='-O2 -Werror' PAM=1 all
	$(Q)$(MAKE) BUILD=build/lint-clang CC=clang CFLAGS='-O2 -Werror' \
	    PAM=1 all
	$(Q)sh tests/lint

# gcc 12 loses what is kept behind a pointer that was reckoned: leaks are said,
# and are no error (LeakSanitizer looks for them in the unit tests).
analyze: need-lint
	$(Q)$(MAKE) BUILD=build/analyze CC=gcc \
	    CFLAGS='-O2 -fanalyzer -Werror -Wno-error=analyzer-malloc-leak' all

fuzz: need-lint
	$(Q)tests/fuzz/run

coverage: need-test
	$(Q)$(MAKE) BUILD=build/coverage CFLAGS='-O0 -g --coverage' \
	    LDFLAGS=--coverage all
	$(Q)POP3D=build/coverage/pop3d sh tests/run tests/wire/wire.t
	$(Q)cd build/coverage/obj && gcov -n */*.o 2>/dev/null | \
	    grep -A1 "^File 'src" | grep -v '^--'

bench: all need-test
	$(Q)tests/bench/run

dist:
	$(Q)mkdir -p build
	git archive --prefix=pop3d-$(VERSION)/ -o build/pop3d-$(VERSION).tar.gz \
	    HEAD

clean:
	rm -rf build

-include $(shell find $(BUILD)/obj build/asan build/unit -name '*.d' 2>/dev/null)

.PHONY: all run test unit install uninstall lint analyze fuzz faults coverage bench \
	dist clean
.DELETE_ON_ERROR:
