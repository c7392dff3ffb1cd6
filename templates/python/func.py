# {{function}}: a function on Fn's FDK for Python.
import json
from urllib.parse import parse_qs, urlsplit

from fdk import response

VERSION = "{{version}}"


def handler(ctx, data=None):
    """Greets the name in the JSON body {"name": ...} or, over an http trigger, in the query ?name=...

    Over an http trigger, ctx also has the caller's method, URL and headers (Method, RequestURL, HTTPHeaders).
    """
    name = body_name(data) or query_name(ctx.RequestURL()) or "World"
    return response.Response(
        ctx,
        response_data=json.dumps({"message": f"Hello {name} from {{function}} {VERSION}"}),
        headers={"Content-Type": "application/json"},
    )


def body_name(data):
    try:
        return json.loads(data.getvalue()).get("name")
    except (AttributeError, ValueError):
        return None


def query_name(address):
    return parse_qs(urlsplit(address or "").query).get("name", [None])[0]
