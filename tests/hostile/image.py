"""A qcow2 image in memory that can be damaged at any place.  Shares nothing with what
reads it: offsets and fields are those of QEMU's docs/interop/qcow2."""
import struct
import zlib

COPIED = 1 << 63
COMPRESSED = 1 << 62
ZERO = 1
BACKING_FORMAT, BITMAPS, FEATURE_NAMES = 0xe2792aca, 0x23852875, 0x6803f857
DATA_FILE, CRYPTO = 0x44415441, 0x0537be77


class Image:
    """content over the clusters, in order: header, refcount table, refcount block, L1,
    L2 tables, data."""

    def __init__(self, content=b'', size=None, bits=16, version=3, order=4, incompatible=0,
                 compression=0, extensions=(), backing=None, pack=None):
        self.bits, self.cluster, self.version, self.order = bits, 1 << bits, version, order
        self.size = len(content) if size is None else size
        self.entries = self.cluster // (16 if incompatible & 16 else 8)
        self.extended = bool(incompatible & 16)
        self.compression = compression
        used = [i for i in range((len(content) + self.cluster - 1) // self.cluster)
                if content[i * self.cluster:(i + 1) * self.cluster].strip(b'\0')]
        per_l1 = self.cluster * self.entries
        self.l1_size = max(1, (self.size + per_l1 - 1) // per_l1)
        tables = sorted({i // self.entries for i in used})
        l1_clusters = (self.l1_size * 8 + self.cluster - 1) // self.cluster
        self.reftable, self.refblock, self.l1 = (n * self.cluster for n in (1, 2, 3))
        first = 3 + l1_clusters
        self.l2 = {t: (first + n) * self.cluster for n, t in enumerate(tables)}
        self.data = {}
        self.f = bytearray((first + len(tables)) * self.cluster)
        self.header(incompatible, extensions, backing)
        for t, at in self.l2.items():
            self.put64(self.l1 + 8 * t, at | COPIED)
        for i in used:
            self.put_data(i, content[i * self.cluster:(i + 1) * self.cluster], pack)
        self.count_all()

    def header(self, incompatible, extensions, backing):
        self.f[0:4] = b'QFI\xfb'
        self.put32(4, self.version)
        self.put32(20, self.bits)
        self.put64(24, self.size)
        self.put32(36, self.l1_size)
        self.put64(40, self.l1)
        self.put64(48, self.reftable)
        self.put32(56, 1)
        at = 72
        if self.version >= 3:
            self.put64(72, incompatible)
            self.put32(96, self.order)
            self.put32(100, 112)
            self.f[104] = self.compression
            at = 112
        for kind, data in extensions:
            self.put32(at, kind)
            self.put32(at + 4, len(data))
            self.f[at + 8:at + 8 + len(data)] = data
            at += 8 + (len(data) + 7) // 8 * 8
        if backing is not None:
            name = backing.encode() if isinstance(backing, str) else backing
            self.put64(8, at + 8)
            self.put32(16, len(name))
            self.f[at + 8:at + 8 + len(name)] = name

    # ---- fields

    def put16(self, at, v):
        struct.pack_into('>H', self.f, at, v)

    def put32(self, at, v):
        struct.pack_into('>I', self.f, at, v)

    def put64(self, at, v):
        struct.pack_into('>Q', self.f, at, v)

    def get64(self, at):
        return struct.unpack_from('>Q', self.f, at)[0]

    # ---- clusters

    def add(self, data=b''):
        """A cluster at the end, counted."""
        at = -(-len(self.f) // self.cluster) * self.cluster
        self.f += bytes(at + self.cluster - len(self.f))
        self.f[at:at + len(data)] = data
        self.count(at, 1)
        return at

    def l2_at(self, cluster):
        return self.l2[cluster // self.entries] + \
            cluster % self.entries * (16 if self.extended else 8)

    def entry(self, cluster, value, bitmap=0xffffffff):
        """Entry of a cluster of the disk."""
        self.put64(self.l2_at(cluster), value)
        if self.extended:
            self.put64(self.l2_at(cluster) + 8, bitmap)

    def put_data(self, i, data, pack):
        if pack:
            return self.put_packed(i, pack(data))
        self.data[i] = self.add(data)
        return self.entry(i, self.data[i] | COPIED)

    def put_packed(self, i, packed, sectors=None):
        """A compressed cluster that begins a cluster of the file."""
        at = self.add(packed[:self.cluster])
        for n in range(self.cluster, len(packed), self.cluster):
            self.add(packed[n:n + self.cluster])
        self.data[i] = at
        if sectors is None:
            sectors = max(len(packed) - 1, 0) // 512
        self.entry(i, COMPRESSED | sectors << (62 - (self.bits - 8)) | at, 0)
        return at

    def count(self, at, n):
        """The refcount of the cluster at offset `at`."""
        width, i = 1 << self.order, at >> self.bits
        if width >= 8:
            place = self.refblock + i * width // 8
            self.f[place:place + width // 8] = n.to_bytes(width // 8, 'big')
            return
        place, shift = self.refblock + i * width // 8, i * width % 8
        self.f[place] = self.f[place] & ~(((1 << width) - 1) << shift) | n << shift

    def count_all(self):
        self.put64(self.reftable, self.refblock)
        for at in range(0, len(self.f), self.cluster):
            self.count(at, 1)

    def add_snapshot(self, name=b's1', ident=b'1', extra=None, l1=None, l1_size=None):
        """One snapshot, with an L1 table of its own that shares what there is."""
        if l1 is None:
            l1 = self.add(self.f[self.l1:self.l1 + 8 * self.l1_size])
            for at in list(self.l2.values()) + list(self.data.values()):
                self.count(at, 2)
            for t in self.l2:
                for where in (l1, self.l1):
                    self.put64(where + 8 * t, self.l2[t])
            for i, at in self.data.items():
                self.entry(i, at)
        if extra is None:
            extra = struct.pack('>QQ', 0, self.size)
        entry = struct.pack('>QIHHIIQII', l1, self.l1_size if l1_size is None else l1_size,
                            len(ident), len(name), 1700000000, 0, 0, 0, len(extra))
        self.snapshots = self.add(entry + extra + ident + name)
        self.put32(60, 1)
        self.put64(64, self.snapshots)
        return self.snapshots


def deflated(data, level=9):
    c = zlib.compressobj(level, zlib.DEFLATED, -12)
    return c.compress(data) + c.flush()
