"""Tokens, deliveries and request proofs a second time, from their specifications and not from our code.

Reads one JSON object from standard input, {"do": ..., ...}, bytes in hex, and writes one. PASETO v4.local
with XChaCha20 written out here and BLAKE2b of Python's own; Ed25519 and sealed boxes by PyNaCl.
"""

import hashlib
import json
import struct
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode

from nacl.public import PrivateKey, SealedBox
from nacl.signing import SigningKey, VerifyKey


# --- XChaCha20: RFC 8439 section 2, draft-irtf-cfrg-xchacha section 2 ---

def quarter(state, a, b, c, d):
    for x, y, z, count in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        state[x] = (state[x] + state[y]) & 0xFFFFFFFF
        turned = state[z] ^ state[x]
        state[z] = ((turned << count) | (turned >> (32 - count))) & 0xFFFFFFFF


def rounds(state):
    for _ in range(10):
        for column in range(4):
            quarter(state, column, 4 + column, 8 + column, 12 + column)
        for start in range(4):
            quarter(state, start, 4 + (start + 1) % 4, 8 + (start + 2) % 4, 12 + (start + 3) % 4)


CONSTANT = struct.unpack("<4I", b"expand 32-byte k")


def xchacha20(key, nonce, message):
    state = [*CONSTANT, *struct.unpack("<8I", key), *struct.unpack("<4I", nonce[:16])]
    rounds(state)
    subkey = state[:4] + state[12:]
    out = bytearray()
    for counter in range((len(message) + 63) // 64):
        block = [*CONSTANT, *subkey, counter, 0, *struct.unpack("<2I", nonce[16:])]
        mixed = list(block)
        rounds(mixed)
        out += struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(block, mixed)))
    return bytes(a ^ b for a, b in zip(message, out))


# --- PASETO v4.local ---

HEADER = b"v4.local."


def encode_pieces(*pieces):
    """Pre-authentication encoding."""
    parts = [struct.pack("<Q", len(pieces))]
    for piece in pieces:
        parts += [struct.pack("<Q", len(piece)), piece]
    return b"".join(parts)


def keyed(key, size, message):
    return hashlib.blake2b(message, key=key, digest_size=size).digest()


def keys_for(key, nonce):
    pair = keyed(key, 56, b"paseto-encryption-key" + nonce)
    return pair[:32], pair[32:], keyed(key, 32, b"paseto-auth-key-for-aead" + nonce)


def from_base64(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def to_base64(data):
    return urlsafe_b64encode(data).decode().rstrip("=")


def make_token(key, nonce, message, footer):
    encryption, stream_nonce, authentication = keys_for(key, nonce)
    sealed = xchacha20(encryption, stream_nonce, message)
    tag = keyed(authentication, 32, encode_pieces(HEADER, nonce, sealed, footer, b""))
    return f"{HEADER.decode()}{to_base64(nonce + sealed + tag)}.{to_base64(footer)}"


def open_token(key, token):
    body, footer = (from_base64(part) for part in token[len(HEADER):].split("."))
    nonce, sealed, tag = body[:32], body[32:-32], body[-32:]
    encryption, stream_nonce, authentication = keys_for(key, nonce)
    expected = keyed(authentication, 32, encode_pieces(HEADER, nonce, sealed, footer, b""))
    if tag != expected:
        raise ValueError("the tag is another")
    return xchacha20(encryption, stream_nonce, sealed), footer


# --- deliveries: a sealed box of SignedToken { payload, signature }, payload a TokenDelivery ---

def fields_of(message):
    """Protocol Buffers, as far as these messages go: the last value of each field."""
    fields, at = {}, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = varint()
        value = varint()
        if tag & 7 == 2:
            value, at = message[at:at + value], at + value
        fields[tag >> 3] = value
    return fields


def varint_of(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint_of(number << 3) + varint_of(value)
    return varint_of(number << 3 | 2) + varint_of(len(value)) + value


def open_delivery(sealed, box_seed, coordinator_key):
    key = PrivateKey(box_seed)
    signed = fields_of(SealedBox(key).decrypt(sealed))
    VerifyKey(coordinator_key).verify(encode_pieces(b"cohort-token-v1", signed[1]), signed[2])
    delivery = fields_of(signed[1])
    if delivery[2] != bytes(key.public_key):
        raise ValueError("the token is sealed for another node")
    return delivery


def make_delivery(token, recipient, attempt, expires_ms, seed):
    key = b"".join(field(number, value) for number, value in attempt if value)
    payload = field(1, token.encode()) + field(2, recipient) + field(3, key) + field(4, expires_ms)
    signature = SigningKey(seed).sign(encode_pieces(b"cohort-token-v1", payload)).signature
    from nacl.public import PublicKey
    return SealedBox(PublicKey(recipient)).encrypt(field(1, payload) + field(2, signature))


# --- request proofs ---

def request_message(request):
    pieces = [b"cohort-request-v2"]
    pieces += [str(request[name]).encode() for name in ("token", "seq", "atMs", "service", "method", "path")]
    pieces.append(b"more" if request["more"] else b"whole")
    pieces.append(str(request.get("length", "")).encode())
    for header in request["headers"]:
        pieces += [header["name"].encode(), header["value"].encode()]
    return encode_pieces(*pieces, hashlib.sha256(bytes.fromhex(request["body"])).digest())


def piece_message(former, last, data):
    return encode_pieces(
        b"cohort-piece-v1", former, b"last" if last else b"more", hashlib.sha256(data).digest()
    )


def answer(task):
    raw = {name: bytes.fromhex(value) for name, value in task.get("bytes", {}).items()}
    match task["do"]:
        case "open-token":
            message, footer = open_token(raw["key"], task["token"])
            return {"message": message.hex(), "footer": footer.hex()}
        case "make-token":
            return {"token": make_token(raw["key"], raw["nonce"], raw["message"], raw["footer"])}
        case "open-delivery":
            delivery = open_delivery(raw["sealed"], raw["boxKey"], raw["coordinatorKey"])
            return {"token": delivery[1].decode(), "expiresMs": delivery[4]}
        case "make-delivery":
            attempt = [(1, task["run"].encode()), (2, task["step"].encode()), (3, task["instance"]), (4, task["attempt"])]
            sealed = make_delivery(task["token"], raw["recipient"], attempt, task["expiresMs"], raw["seed"])
            return {"sealed": sealed.hex()}
        case "sign-request":
            return {"proof": SigningKey(raw["seed"]).sign(request_message(task["request"])).signature.hex()}
        case "verify-request":
            VerifyKey(raw["publicKey"]).verify(request_message(task["request"]), raw["proof"])
            return {}
        case "sign-piece":
            message = piece_message(raw["former"], task["last"], raw["data"])
            return {"proof": SigningKey(raw["seed"]).sign(message).signature.hex()}
    raise ValueError(f"nobody knows how to {task['do']}")


json.dump(answer(json.load(sys.stdin)), sys.stdout)
