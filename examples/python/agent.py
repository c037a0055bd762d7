"""What the programs share: the connection, and what the agent says when it refuses a call."""

import os
import sys
from contextlib import contextmanager

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

# What this tool offers instead of the words for `shopmasterctl`. For all other codes, it shows the remedy from the agent.
REMEDIES = {"PAUSED": "Run `pause.py` without a number"}


@contextmanager
def connected():
    """A channel to the agent at the address that is the first argument."""
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} unix:PATH | HOST:PORT")
    with opened(sys.argv[1]) as channel:
        try:
            yield channel
        except grpc.RpcError as error:
            sys.exit(refusal(error))


def opened(address):
    """A socket of this computer as it is; an agent on the network with its certificate and a token."""
    if address.startswith("unix:"):
        return grpc.insecure_channel(address)
    with open(os.environ["SHOPMASTER_CERTIFICATE"], "rb") as file:
        server = grpc.ssl_channel_credentials(root_certificates=file.read())
    token = grpc.access_token_call_credentials(os.environ["SHOPMASTER_TOKEN"])
    credentials = grpc.composite_channel_credentials(server, token)
    # The name in every certificate that an agent makes, wherever it runs.
    options = [("grpc.ssl_target_name_override", "shopmaster")]
    return grpc.secure_channel(address, credentials, options)


def refusal(error):
    """A refused call for people: the code, what happened, and what to do."""
    code, remedy = error.code().name, ""
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        info = error_details_pb2.ErrorInfo()
        words = error_details_pb2.LocalizedMessage()
        if detail.Unpack(info) and info.domain == "shopmaster":
            code = info.reason
        elif detail.Unpack(words):
            remedy = words.message
    text = f"{code}: {error.details()}"
    remedy = REMEDIES.get(code, remedy)
    return f"{text}\n{remedy}" if remedy else text
