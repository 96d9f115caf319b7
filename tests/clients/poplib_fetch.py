"""Fetch everything with poplib into a folder, and delete every second message.

Arguments: port, folder, "keep" or "delete".
"""
import poplib
import sys

port, folder, what = int(sys.argv[1]), sys.argv[2], sys.argv[3]
poplib._MAXLINE = 1 << 20       # its own 2048 octets are fewer than mail has

pop = poplib.POP3("127.0.0.1", port, timeout=30)
assert pop.getwelcome().startswith(b"+OK")
capabilities = pop.capa()
assert "TOP" in capabilities and "UIDL" in capabilities, capabilities
pop.user("demo")
pop.pass_("secret")
count, octets = pop.stat()
_, listing, _ = pop.list()
sizes = {int(n): int(size) for n, size in (line.split() for line in listing)}
assert len(sizes) == count and sum(sizes.values()) == octets
_, ids, _ = pop.uidl()
assert len({line.split()[1] for line in ids}) == count
for number in range(1, count + 1):
    _, lines, length = pop.retr(number)
    text = b"".join(line + b"\r\n" for line in lines)
    assert length == sizes[number] == len(text), (number, length, sizes[number])
    assert int(pop.list(number).split()[2]) == length
    assert pop.uidl(number).split()[2] == ids[number - 1].split()[1]
    _, head, _ = pop.top(number, 0)
    assert lines[:len(head)] == head, number
    with open("%s/%05d" % (folder, number), "wb") as out:
        out.write(text)
pop.noop()
if what == "delete":
    pop.dele(1)
    pop.rset()
    assert pop.stat() == (count, octets)
    for number in range(2, count + 1, 2):
        pop.dele(number)
    try:
        pop.dele(2)
        raise SystemExit("a message can be deleted twice")
    except poplib.error_proto:
        pass
pop.quit()
print("fetched", count)
