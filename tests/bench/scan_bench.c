/*
 * scan_bench.c - how fast an mbox is scanned, against reading it.
 *
 * Makes the mailboxes in an unlinked file in TMPDIR (or /tmp), reads them
 * once to have them in memory, then takes the best of ROUNDS plain passes of
 * pread and of scans, in turn.  With a file's name: that mailbox.
 */

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mailbox/scan_parts.h"

#define ROUNDS 7
#define BUFFER (256 * 1024)

static uint32_t
bench_random(uint32_t below)
{
	static uint32_t state = 2463534242;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

static double
bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A header of about 800 octets, as lists and filters leave it. */
static int
bench_header(char *dst, size_t size, unsigned i)
{
	return snprintf(dst, size,
	    "From sender%u@example.org  Mon Nov  9 22:33:%02u 2020\n"
	    "Return-Path: <sender%u@example.org>\n"
	    "X-Original-To: user@example.net\n"
	    "Delivered-To: user@example.net\n"
	    "Received: from mail.example.org (mail.example.org [192.0.2.1])\n"
	    "\tby mx.example.net (Postfix) with ESMTPS id 4A%08X\n"
	    "\tfor <user@example.net>; Mon,  9 Nov 2020 22:33:51 +0100 (CET)\n"
	    "Received: from localhost (localhost [127.0.0.1])\n"
	    "\tby mail.example.org (Postfix) with ESMTP id 5B%08X\n"
	    "\tfor <user@example.net>; Mon,  9 Nov 2020 22:33:50 +0100 (CET)\n"
	    "Date: Mon, 09 Nov 2020 22:33:49 +0100\n"
	    "From: A Sender <sender%u@example.org>\n"
	    "To: A User <user@example.net>\n"
	    "Message-ID: <20201109.%u@mail.example.org>\n"
	    "Subject: message %u of many\n"
	    "MIME-Version: 1.0\n"
	    "Content-Type: text/plain; charset=utf-8\n"
	    "Status: RO\n\n",
	    i, i % 60, i, i, i, i, i, i);
}

/* One message of about size octets, with lines of 60 to 76. */
static void
bench_message(FILE *out, unsigned i, size_t size)
{
	static const char text[] = "The quick brown fox jumps over the lazy "
				   "dog, and other tales of the house it saw";
	char head[2048];
	size_t n = (size_t)bench_header(head, sizeof(head), i), line;

	fwrite(head, 1, n, out);
	while (n < size) {
		line = 60 + bench_random(17);
		fwrite(text, 1, line, out);
		putc('\n', out);
		n += line + 1;
	}
	putc('\n', out);
}

static int
bench_make(uint64_t total, size_t least, size_t most)
{
	const char *folder = getenv("TMPDIR");
	char path[4096];
	FILE *out;
	unsigned i;
	int fd;

	snprintf(path, sizeof(path), "%s/scan_bench.XXXXXX",
	    folder != NULL ? folder : "/tmp");
	fd = mkstemp(path);
	if (fd == -1 || (out = fdopen(dup(fd), "w")) == NULL) {
		perror(path);
		exit(1);
	}
	unlink(path);
	/* Sizes spread evenly over their logarithm, as mail's do. */
	for (i = 0; (uint64_t)ftello(out) < total; i++)
		bench_message(out, i,
		    least +
			(bench_random(64) == 0 ?
				bench_random((uint32_t)(most - least + 1)) :
				bench_random(
				    (uint32_t)((most - least) / 16 + 1))));
	if (fclose(out) != 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

static double
bench_read(int fd, uint64_t size)
{
	static char buffer[BUFFER];
	double start = bench_now();
	uint64_t at;
	ssize_t n;

	for (at = 0; at < size; at += (uint64_t)n) {
		n = pread(fd, buffer, sizeof(buffer), (off_t)at);
		if (n <= 0)
			exit(1);
	}
	return bench_now() - start;
}

static double
bench_scan(int fd, const struct view_stamp *stamp, const struct crypto *crypto,
    int out, size_t window)
{
	const struct scan_job job = {
	    .file = fd,
	    .stamp = stamp,
	    .crypto = crypto,
	    .out = out,
	    .window = window,
	};
	double start = bench_now();
	uint64_t size;

	if (scan_mbox(&job, &size) == -1) {
		perror("scan_mbox");
		exit(1);
	}
	return bench_now() - start;
}

static void
bench_run(const char *name, int fd, const struct crypto *crypto, size_t window)
{
	struct view_stamp stamp = {0};
	struct view_head head = {0};
	struct stat st;
	double read = 1e9, scan = 1e9, t;
	int i, out = platform_memory_file("view");

	if (out == -1 || fstat(fd, &st) == -1)
		exit(1);
	stamp.size = (uint64_t)st.st_size;
	(void)bench_read(fd, stamp.size);
	for (i = 0; i < ROUNDS; i++) {
		t = bench_read(fd, stamp.size);
		read = t < read ? t : read;
		t = bench_scan(fd, &stamp, crypto, out, window);
		scan = t < scan ? t : scan;
	}
	if (pread(out, &head, sizeof(head), 0) != sizeof(head))
		exit(1);
	printf("%-28s %8u messages %5.0f MB: scan %5.2f GB/s, pread %5.2f "
	       "GB/s, ratio %.2f\n",
	    name, head.count, (double)st.st_size / 1e6,
	    (double)st.st_size / scan / 1e9, (double)st.st_size / read / 1e9,
	    read / scan);
	close(out);
	close(fd);
}

int
main(int argc, char **argv)
{
	const struct crypto *crypto = crypto_load();
	size_t window = SCAN_WINDOW;
	const char *text = getenv("SCAN_BENCH_WINDOW");
	int fd;

	if (crypto == NULL) {
		fprintf(stderr, "scan_bench: no pop3d-crypto.so\n");
		return 1;
	}
	if (text != NULL)
		window = strtoul(text, NULL, 10);
	if (argc > 1) {
		fd = open(argv[1], O_RDONLY);
		if (fd == -1) {
			perror(argv[1]);
			return 1;
		}
		bench_run(argv[1], fd, crypto, window);
		return 0;
	}
	bench_run("500 MB, 4 KiB to 1 MiB",
	    bench_make(500000000, 4096, 1048576), crypto, window);
	bench_run("4 KiB each", bench_make(100000 * 4160, 4096, 4096), crypto,
	    window);
	return 0;
}
