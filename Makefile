# pop3d - see README.  "make", "make test", "make run", "make install".

CC ?= gcc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
LIBDIR ?= $(PREFIX)/lib/pop3d
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/pop3d
DESTDIR ?=
INSTALL ?= install

WARN = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wconversion -Wsign-conversion -Wcast-qual \
	-Wcast-align -Wwrite-strings -Wformat=2 -Wundef -Wvla \
	-Wimplicit-fallthrough -Wswitch-enum -Wnull-dereference
HARD = -fPIE -fstack-protector-strong -fstack-clash-protection \
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
LINK = -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
HERE = -Wl,-rpath,'$$ORIGIN:$$ORIGIN/../lib/pop3d'
STD = -std=c11 -D_GNU_SOURCE -Iinclude -MMD -MP

V ?= 0
ifeq ($(V),0)
Q = @
SAY = @echo
else
Q =
SAY = @:
endif

ROOMS = base channel wire crypto front back auth mailbox journal listener
ROOM_SRC = $(sort $(foreach r,$(ROOMS),$(wildcard src/$r/*.c)))
ROOM_OBJ = $(ROOM_SRC:src/%.c=build/obj/%.o)
MODULES = build/pop3d-crypto.so build/pop3d-crypt.so
crypto_LIBS = -lcrypto
crypt_LIBS = -lcrypt

all: build/pop3d $(MODULES)

build/pop3d: build/obj/main.o $(ROOM_OBJ)
	$(SAY) "  LINK    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(LINK) $(HERE) -o $@ $^

build/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(SAY) "  CC      $<"
	$(Q)$(CC) $(CPPFLAGS) $(STD) $(CFLAGS) $(WARN) $(HARD) -c -o $@ $<

# A module is one file of src/modules, linked to what only it needs.
build/pop3d-%.so: src/modules/%.c
	@mkdir -p build/obj/modules
	$(SAY) "  MODULE  $@"
	$(Q)$(CC) $(CPPFLAGS) $(STD) -MF build/obj/modules/$*.d $(CFLAGS) $(WARN) \
	    $(HARD) -fPIC -shared $(LDFLAGS) -Wl,-z,relro,-z,now,-z,noexecstack \
	    -o $@ $< $($*_LIBS)

# Unit tests: all rooms, with the sanitizers.
SAN ?= -fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_SRC = $(sort $(wildcard tests/unit/*_test.c))
UNIT = $(UNIT_SRC:tests/unit/%.c=build/unit/%)
ASAN_OBJ = $(ROOM_SRC:src/%.c=build/asan/%.o)

build/asan/%.o: src/%.c
	@mkdir -p $(@D)
	$(SAY) "  ASAN    $<"
	$(Q)$(CC) $(CPPFLAGS) $(STD) -O1 -g $(SAN) $(WARN) -c -o $@ $<

build/asan/rooms.a: $(ASAN_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^

build/unit/%: tests/unit/%.c build/asan/rooms.a | $(MODULES)
	@mkdir -p $(@D)
	$(SAY) "  UNIT    $@"
	$(Q)$(CC) $(CPPFLAGS) $(STD) -Itests/unit -Isrc -O1 -g $(SAN) $(WARN) -o $@ $< \
	    build/asan/rooms.a -Wl,--disable-new-dtags,-rpath,$(CURDIR)/build

unit: $(UNIT)
	$(Q)prove -e '' $(UNIT)

clean:
	rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)

.PHONY: all unit clean
.DELETE_ON_ERROR:
