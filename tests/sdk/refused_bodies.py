"""Python's own http.client, which writes a whole request before it reads: large bodies that are refused.

    python refused_bodies.py [BASE_URL TOKEN]

Arguments or environment: BASE_URL (with /v1), TOKEN. The exit code is 1 if an error reply could not be read.
"""

import http.client
import os
import sys
from urllib.parse import urlsplit

base = urlsplit(sys.argv[1] if len(sys.argv) > 1 else os.environ["BASE_URL"])
token = sys.argv[2] if len(sys.argv) > 2 else os.environ["TOKEN"]
failed = 0
for status, key, size in ((401, "wrong", 6), (413, token, 9)):
    body, read = b"x" * (size << 20), 0
    for _ in range(20):
        connection = http.client.HTTPConnection(base.netloc, timeout=60)
        headers = {"Authorization": "Bearer " + key, "Content-Type": "application/json"}
        try:
            connection.request("POST", base.path + "/chat/completions", body, headers)
            reply = connection.getresponse()
            read += reply.status == status and b'"error"' in reply.read()
        except OSError as error:
            print("http.client:", error)
        connection.close()
    print(f"http.client: {status} was read {read} of 20 times")
    failed += read != 20
sys.exit(1 if failed else 0)
