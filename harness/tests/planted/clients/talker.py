"""A server of a made-up protocol, and its clients: talker.py ROLE HOST PORT.

    server     greets, answers each line with a word, and DATA with 1000 bytes and an empty line
    right      asks for DATA, prints it, and fails if its end does not come
    takes      does not check for its end
    waits      asks repeatedly; when the connection ends it opens no other, and waits
    returns    asks repeatedly, within 2 s, and opens another connection whenever that fails
"""

import socket
import sys
import threading
import time

BODY = b"0123456789" * 100 + b"\n\n"


def serve(port):
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def answer(client):
    client.sendall(b"hello\n")
    for line in client.makefile("rb"):
        client.sendall(BODY if line == b"DATA\n" else b"ok\n")


def fetch(host, port, whole):
    with socket.create_connection((host, port)) as server:
        lines = server.makefile("rb")
        # They speak in turn, so that the messages are the same each time.
        said = [lines.readline()]
        server.sendall(b"USER x\n")
        said.append(lines.readline())
        if whole and said != [b"hello\n", b"ok\n"]:
            sys.exit("the server does not let me in")
        server.sendall(b"DATA\n")
        body = lines.read(len(BODY))
        sys.stdout.buffer.write(body)
        return 0 if body.endswith(b"\n\n") or not whole else 1


def ask_on(host, port, returns):
    while True:
        try:
            with socket.create_connection((host, port), 2) as server:
                lines = server.makefile("rb")
                while lines.readline():
                    time.sleep(0.1)
                    server.sendall(b"more\n")
        except OSError as error:
            print(error, file=sys.stderr, flush=True)
        while not returns:
            time.sleep(1)
        time.sleep(0.1)


role, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
if role == "server":
    serve(port)
elif role in ("right", "takes"):
    sys.exit(fetch(host, port, role == "right"))
else:
    ask_on(host, port, role == "returns")
