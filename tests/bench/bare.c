/*
 * bare - the least that a program under inetd can do: greeting, one line,
 * an answer, the end.  What pop3d's bare connection is measured against.
 */

#include <unistd.h>

int
main(void)
{
	char line[512];

	if (write(1, "+OK ready\r\n", 11) != 11)
		return (1);
	if (read(0, line, sizeof(line)) <= 0)
		return (1);
	return (write(1, "+OK\r\n", 5) == 5 ? 0 : 1);
}
