"""Answers ApiVersions as Kafka brokers do, by kafka-python's protocol classes. Prints a name and a
port for each of its answers, then an empty line; ends with its stdin. Stands in for a broker, of
which there was none.
"""

import io
import struct

from kafka.protocol.metadata import ApiVersionsRequest, ApiVersionsResponse

from answers import exactly, offer

API = ApiVersionsResponse.ApiVersion
APIS = [(0, 0, 11), (1, 0, 16), (18, 0, 4)]


def response(correlation, error=0, apis=APIS):
    keys = [API(api_key=key, min_version=low, max_version=high) for key, low, high in apis]
    answer = ApiVersionsResponse[0](error_code=error, api_keys=keys)
    answer.with_header(correlation_id=correlation)
    return bytes(answer.encode(header=True, framed=True))


ANSWERS = {
    "broker": response,
    # KIP-511: what a broker says that has dropped the version it was asked in.
    "newer": lambda correlation: response(correlation, 35, APIS[2:]),
    "none": lambda correlation: response(correlation, 0, []),
    "error": lambda correlation: response(correlation, 58, []),
    "another": lambda correlation: response(correlation + 1),
    "huge": lambda _: struct.pack(">I", 1 << 31) + b"x" * 60,
    "hangs_up": lambda _: b"",
    "short": lambda correlation: response(correlation)[:20],
}


def serve(client, answer):
    with client:
        while size := exactly(client, 4):
            body = exactly(client, struct.unpack(">i", size)[0])
            header = ApiVersionsRequest[0].parse_header(io.BytesIO(body))
            assert header.request_api_key == ApiVersionsRequest.API_KEY, header
            assert header.request_api_version == 0 and header.client_id == "healthcheck", header
            # Nothing stands behind the header in version 0.
            again = ApiVersionsRequest[0]()
            again.with_header(correlation_id=header.correlation_id, client_id=header.client_id)
            assert bytes(again.encode(header=True, framed=True)) == size + body
            reply = answer(header.correlation_id)
            client.sendall(reply)
            if len(reply) <= 20:
                return


offer(ANSWERS, serve)
