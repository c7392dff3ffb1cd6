# {{function}}: a function on Fn's FDK for Python.
import json
import os
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

from fdk import response

VERSION = "{{version}}"
NEXT = os.environ.get("NEXT")


def handler(ctx, data=None):
    """Greets the name in the JSON body {"name": ...} or, over an http trigger, in the query ?name=...

    Where config says NEXT, it asks the function there too, and gives that answer along.
    Over an http trigger, ctx also has the caller's method, URL and headers (Method, RequestURL, HTTPHeaders).
    """
    name = body_name(data) or query_name(ctx.RequestURL()) or "World"
    answer, status = {"message": f"Hello {name} from {{function}} {VERSION}"}, 200
    if NEXT:
        try:
            answer["next"] = ask(NEXT, ctx.HTTPHeaders().get("fnmesh-version"))
        except (OSError, ValueError) as error:
            # Not 502: that is how an FDK says that the function itself failed, and Fn then drops the message.
            answer, status = {"message": f"{NEXT}: {error}"}, 503
    return response.Response(
        ctx,
        response_data=json.dumps(answer),
        headers={"Content-Type": "application/json"},
        status_code=status,
    )


def body_name(data):
    try:
        return json.loads(data.getvalue()).get("name")
    except (AttributeError, ValueError):
        return None


def query_name(address):
    return parse_qs(urlsplit(address or "").query).get("name", [None])[0]


def ask(address, pin):
    """Calls another function. The pin goes along, so that what is pinned to v2 here is pinned to v2 there."""
    headers = {"Fnmesh-Version": pin} if pin else {}
    with urlopen(Request(address, headers=headers), timeout=10) as reply:
        return json.load(reply)
