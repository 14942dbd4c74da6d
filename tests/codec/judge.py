"""judge.py CODEC FILE: put the driver CODEC beside Python's zlib and the zstd command.

The samples are cut from real files (this tree's sources, and FILE, which is object
code) and made up (an index of records, an empty disk, noise); always the same ones.
"""

import glob
import random
import struct
import subprocess
import sys
import zlib

CODEC, FILE = sys.argv[1:]
SIZES = {"4k": 4 << 10, "64k": 64 << 10, "2m": 2 << 20}
# How much larger than the peer's ours may be.
RATIO_ZLIB = 1.05
RATIO_ZSTD = 1.05

failed = False


def verdict(name, why):
    global failed
    if why:
        failed = True
        print(f"not ok - {name}: {why}", flush=True)
    else:
        print(f"ok - {name}", flush=True)


def tool(data, *args):
    """Output of a command, or None if it refuses."""
    done = subprocess.run(args, input=data, capture_output=True, timeout=300)
    return done.stdout if done.returncode == 0 else None


def ours(operation, data, length):
    return tool(data, CODEC, operation, str(length))


def samples():
    """(name, bytes) of every kind and size."""
    noise = random.Random(1)
    sources = sorted(glob.glob("vmm/**/*.[ch]", recursive=True) +
                     glob.glob("devices/**/*.[ch]", recursive=True) +
                     glob.glob("tests/**/*.[ch]", recursive=True))
    records = b"".join(struct.pack("<QIHH", n * 4096, noise.randrange(1 << 12), n & 7, 0x1000)
                       for n in range(1 << 17))
    disk = bytearray(2 << 20)
    for _ in range(40):
        at = noise.randrange(len(disk) - 512)
        disk[at:at + 512] = noise.randbytes(512)
    kinds = {
        "text": b"".join(open(path, "rb").read() for path in sources),
        "code": open(FILE, "rb").read(),
        "records": records,
        "disk": bytes(disk),
        "noise": noise.randbytes(2 << 20),
    }
    for kind, data in kinds.items():
        for size_name, size in SIZES.items():
            begin = min(len(data) // 3, max(len(data) - size, 0))
            yield f"{kind}_{size_name}", data[begin:begin + size]
    yield "byte", b"x"


SAMPLES = list(samples())


def zlib_stream(data, level, wbits, strategy=zlib.Z_DEFAULT_STRATEGY, memory=8):
    c = zlib.compressobj(level, zlib.DEFLATED, -wbits, memory, strategy)
    return c.compress(data) + c.flush()


def zstd_frame(data, *flags):
    return tool(data, "zstd", "-q", "-c", *flags)


def decodes(name, operation, encode):
    """Ours read what encode() writes, with padding behind it, and nothing shorter."""
    for sample, data in SAMPLES:
        packed = encode(data)
        if packed is None:
            return verdict(name, f"the tool failed on {sample}")
        if ours(operation, packed + b"\0\xff" * 256, len(data)) != data:
            return verdict(name, f"{sample} came out differently")
        if ours(operation, packed[:-1], len(data)) is not None:
            return verdict(name, f"{sample} was taken without its last byte")
        if ours(operation, packed, len(data) + 1) is not None:
            return verdict(name, f"{sample} was taken for longer than it is")
        if ours(operation, packed, len(data) - 1) is not None:
            return verdict(name, f"{sample} was taken for shorter than it is")
    return verdict(name, "")


def encodes(name, operation, decode, peer, ratio):
    """The tool reads what ours write, and its size is close to the peer's."""
    for sample, data in SAMPLES:
        packed = ours(operation, data, 2 * len(data) + 64)
        if packed is None:
            return verdict(name, f"ours failed on {sample}")
        if decode(packed) != data:
            return verdict(name, f"{sample} came out differently")
        if len(packed) > ratio * len(peer(data)) + 16:
            return verdict(name, f"{sample}: {len(packed)} bytes, the peer {len(peer(data))}")
        if sample.startswith("noise") and ours(operation, data, len(data)) is not None:
            return verdict(name, f"{sample} got smaller")
    return verdict(name, "")


def inflate_zlib(packed):
    d = zlib.decompressobj(-12)
    data = d.decompress(packed)
    return data if d.eof and not d.unused_data else None


def zstd_peer(data):
    """The larger of levels 1 and 3: on records either may be the one with the luck."""
    return max((zstd_frame(data, level, "--no-check", f"--stream-size={len(data)}")
                for level in ("-1", "-3")), key=len)


def main():
    for wbits in 12, 15:
        for level in range(1, 10):
            decodes(f"zlib_level_{level}_window_{wbits}_is_inflated", "inflate",
                    lambda data, level=level, wbits=wbits: zlib_stream(data, level, wbits))
    for name in "FILTERED", "HUFFMAN_ONLY", "RLE", "FIXED":
        decodes(f"zlib_strategy_{name.lower()}_is_inflated", "inflate",
                lambda data, name=name: zlib_stream(data, 6, 15, getattr(zlib, "Z_" + name)))
    decodes("many_small_blocks_of_zlib_are_inflated", "inflate",
            lambda data: zlib_stream(data, 6, 12, memory=1))
    encodes("zlib_inflates_what_is_deflated_and_it_is_as_small", "deflate", inflate_zlib,
            lambda data: zlib_stream(data, 6, 12), RATIO_ZLIB)

    for flags in (["--fast=5"], ["-1"], ["-3"], ["-9"], ["-19"], ["--ultra", "-22"],
                  ["-3", "--no-check"], ["-5", "--target-compressed-block-size=2000"]):
        name = "_".join(flags).replace("-", "").replace("=", "_")
        decodes(f"zstd_{name}_is_decoded", "zstd-decode",
                lambda data, flags=flags: zstd_frame(data, *flags))
    decodes("zstd_of_a_known_size_is_decoded", "zstd-decode",
            lambda data: zstd_frame(data, "-3", f"--stream-size={len(data)}"))
    encodes("zstd_decodes_what_is_encoded_and_it_is_as_small", "zstd-encode",
            lambda packed: zstd_frame(packed, "-d"),
            zstd_peer, RATIO_ZSTD)
    return 1 if failed else 0


sys.exit(main())
