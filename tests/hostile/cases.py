"""Images that somebody made to do harm, and what may become of them.

Each case is a function whose name is the claim; it returns a Case.  FILES are made in
a folder of the case's own; `x.qcow2` is what the verbs get."""
import struct

from image import (BACKING_FORMAT, BITMAPS, COMPRESSED, COPIED, CRYPTO, DATA_FILE,
                   FEATURE_NAMES, Image, ZERO, deflated)

K, M, G, T = 1 << 10, 1 << 20, 1 << 30, 1 << 40
QCOW2, RAW = (BACKING_FORMAT, b'qcow2'), (BACKING_FORMAT, b'raw')


class Case:
    """reads   True: every verb that reads gives the disk's true content; False: those
               that read all of it refuse; None: either, but what is read is what
               qemu-img reads
    says      what a refusal has to say (a pattern)
    check     statuses that `check` may end with
    content   of the disk, where it is not the usual one
    opens     other files that may be opened (patterns), by img and by run
    run       False: run refuses it for writing; True: it takes it; None: either
    peer      qemu-img may be asked"""

    def __init__(self, image, reads=None, says='.', check=(0, 1, 2, 3), content=None, opens=(),
                 run_opens=(), run=None, files=None, length=None, peer=True, special=None):
        self.image, self.reads, self.says, self.check = image, reads, says, check
        self.content, self.opens, self.run_opens = content, opens, run_opens
        self.run, self.files, self.length, self.peer = run, files or {}, length, peer
        self.special = special


CASES = []


def case(f):
    CASES.append(f)
    return f


def cases(values):
    """One case for each value: its name takes the key."""
    def add(f):
        for key, value in values.items():
            def one(disk, value=value):
                return f(disk, value)
            one.__name__ = f.__name__.replace('_X_', '_%s_' % key)
            CASES.append(one)
        return f
    return add


def refused(image, says, **more):
    return Case(image, reads=False, says=says, run=False,
                **{'check': (1,), **more})


def patched(disk, width, at, value, **make):
    image = Image(disk, **make)
    (image.put32 if width == 32 else image.put64)(at, value)
    return image


# ---- sound ones: what the rest is measured by ------------------------------------------

@cases({'v3': {}, 'v2': {'version': 2}, 'small_clusters': {'bits': 12},
        'large_clusters': {'bits': 21}, '1_bit_refcounts': {'order': 0},
        '64_bit_refcounts': {'order': 6}, 'extended_l2': {'incompatible': 16},
        'packed_clusters': {'pack': deflated}})
def a_sound_image_of_X_is_read(disk, make):
    return Case(Image(disk, **make), reads=True, check=(0,), run=True)


@case
def a_sound_image_with_a_snapshot_is_read(disk):
    image = Image(disk)
    image.add_snapshot()
    return Case(image, reads=True, check=(0,), run=True)


# ---- the header -------------------------------------------------------------------------

@cases({'0': 0, '1': 1, '4': 4, '1_less_than_v2': 71, 'v2': 72, 'v3': 104, '1_sector': 512})
def a_header_cut_to_X_bytes_is_refused(disk, length):
    return Case(Image(disk), length=length, check=(1, 2, 63), peer=False)


@cases({'0': 0, '1': 1, '4': 4, 'many': 0xffffffff})
def version_X_is_refused(disk, v):
    return refused(patched(disk, 32, 4, v), 'is a qcow image' if v == 1 else 'of version %u' % v)


@cases({'0': 0, '8': 8, '22': 22, '63': 63, '255': 255, 'all': 0xffffffff})
def cluster_bits_X_are_refused(disk, v):
    return refused(patched(disk, 32, 20, v), r'clusters of 2\^%u' % v)


@cases({'2_63': 1 << 63, '2_64_less_1': (1 << 64) - 1})
def a_disk_of_X_bytes_is_refused(disk, v):
    return refused(patched(disk, 64, 24, v), 'cannot be')


@case
def a_disk_that_its_l1_table_does_not_cover_is_refused(disk):
    return refused(patched(disk, 64, 24, (1 << 63) - 512), 'L1 table')


@case
def a_disk_of_no_bytes_is_empty(disk):
    return Case(patched(disk, 64, 24, 0), content=b'', run=False, says='.', peer=False)


@cases({'0': 0, 'odd_numbers': 105, '103': 103, '2_32_less_1': 0xffffffff, '1_cluster_and_8': 65544})
def a_header_length_of_X_is_refused(disk, v):
    return refused(patched(disk, 32, 100, v), 'a header of %u bytes' % v)


@cases({'7': 7, '63': 63, 'all': 0xffffffff})
def a_refcount_order_of_X_is_refused(disk, v):
    return refused(patched(disk, 32, 96, v), 'refcounts of')


@cases({'aes': (1, 'AES'), 'luks': (2, 'LUKS'), 'unknown': (77, 'unknown method')})
def an_image_encrypted_by_X_is_refused(disk, v):
    image = Image(disk, extensions=[(CRYPTO, struct.pack('>QQ', 4 * 65536, 512))])
    image.put32(32, v[0])
    return refused(image, 'encrypted .*' + v[1])


@cases({'5': 5, '31': 31, '63': 63})
def an_unknown_incompatible_feature_X_is_refused_by_name(disk, bit):
    names = struct.pack('BB', 0, bit) + b'evil \x1b[31m name'.ljust(46, b'\0')
    return refused(Image(disk, incompatible=1 << bit, extensions=[(FEATURE_NAMES, names)]),
                   'feature %u, .*evil' % bit)


@case
def an_external_data_file_is_refused(disk):
    return refused(Image(disk, incompatible=4, extensions=[(DATA_FILE, b'/etc/passwd')]),
                   'external data file')


@case
def unknown_compatible_and_autoclear_features_do_no_harm(disk):
    image = Image(disk)
    image.put64(80, (1 << 64) - 2)
    image.put64(88, (1 << 64) - 2)
    return Case(image, reads=True, check=(0,), run=True)


@case
def an_image_marked_dirty_is_only_read(disk):
    return Case(Image(disk, incompatible=1), reads=True, run=False, says='check', peer=False)


@case
def an_image_marked_corrupt_is_only_read(disk):
    return Case(Image(disk, incompatible=2), reads=True, run=False, says='damaged', peer=False)


@cases({'unknown': (8, 255), 'unknown_low': (8, 2), 'that_has_no_bit': (0, 1),
        'that_has_a_bit_only': (8, 0)})
def a_compression_type_X_is_refused(disk, v):
    return refused(Image(disk, incompatible=v[0], compression=v[1]), 'compression type')


@case
def extended_l2_with_small_clusters_is_refused(disk):
    return refused(Image(disk, bits=12, incompatible=16), 'extended L2')


# ---- extensions --------------------------------------------------------------------------

@cases({'of_2_32_bytes': 0xffffffff, 'to_the_headers_end': 65536, 'over_the_headers_end': 65529})
def an_extension_X_is_refused(disk, v):
    image = Image(disk, extensions=[(0x12345678, b'')])
    image.put32(116, v)
    return refused(image, 'extension')


@case
def a_format_name_that_is_too_long_is_refused(disk):
    return refused(Image(disk, extensions=[(BACKING_FORMAT, b'x' * 500)]), 'format')


@cases({'of_8_bytes': struct.pack('>Q', 1),
        'of_2_32_bitmaps': struct.pack('>IIQQ', 0xffffffff, 0, 64, 65536),
        'at_the_header': struct.pack('>IIQQ', 1, 0, 64, 0),
        'past_the_end': struct.pack('>IIQQ', 1, 0, 64, 1 << 40),
        'that_is_huge': struct.pack('>IIQQ', 1, 0, (1 << 64) - 8, 65536),
        'over_the_l1_table': struct.pack('>IIQQ', 1, 0, 64, 3 * 65536),
        'that_wraps': struct.pack('>IIQQ', 1, 0, 1 << 20, (1 << 64) - 65536)})
def a_bitmap_directory_X_does_no_harm(disk, data):
    image = Image(disk, extensions=[(BITMAPS, data)])
    image.put64(88, 1)
    return Case(image, check=(1, 2), peer=False)


@case
def a_bitmap_with_a_huge_table_does_no_harm(disk):
    image = Image(disk)
    directory = image.add(struct.pack('>QIIBBHI', 4 * 65536, 0xffffffff, 0, 1, 16, 4, 0) + b'bits')
    extension = Image(disk, extensions=[(BITMAPS, struct.pack('>IIQQ', 1, 0, 32, directory))])
    image.f[112:160] = extension.f[112:160]
    image.put64(88, 1)
    return Case(image, check=(2,), peer=False)


# ---- L1 -----------------------------------------------------------------------------------

@cases({'of_2_32_entries': (32, 36, 0xffffffff), 'of_no_entries': (32, 36, 0),
        'at_0': (64, 40, 0), 'that_is_not_aligned': (64, 40, 3 * 65536 + 512),
        'at_2_63': (64, 40, 1 << 63), 'near_2_63': (64, 40, (1 << 63) - 65536 * 2 + 8)})
def an_l1_table_X_is_refused(disk, v):
    return refused(patched(disk, *v), 'L1 table')


@case
def an_l1_table_behind_the_end_is_refused(disk):
    return refused(patched(disk, 64, 40, 1 << 40), "behind the file's end", check=(2,))


@case
def the_largest_l1_table_takes_little_time_and_memory(disk):
    image = Image(disk)
    image.put32(36, 4194304)
    image.put64(40, 1 << 30)
    image.put64(24, 1 << 50)
    return Case(image, content=b'', check=(2,), length=(1 << 30) + 32 * M, peer=False)


@cases({'itself': 3 * 65536, 'the_refcount_table': 65536, 'the_refcount_block': 2 * 65536})
def an_l1_entry_that_names_X_is_corruption(disk, at):
    image = Image(disk)
    image.put64(image.l1, at | COPIED)
    return Case(image, check=(2,), run=False, says='damaged|cannot be|place')


@cases({'behind_the_end': 1 << 40, 'that_is_not_aligned': 4 * 65536 + 512,
        'with_reserved_bits': 4 * 65536 | 1 << 60, 'with_low_bits': 4 * 65536 | 1,
        'of_the_header_with_flags': 1 << 57})
def an_l1_entry_X_is_refused(disk, v):
    image = Image(disk)
    image.put64(image.l1, v | COPIED)
    return Case(image, reads=False, check=(2,), says='L2 table|damaged|L1 entry', peer=False)


@case
def two_l1_entries_with_one_l2_table_are_corruption(disk):
    image = Image(disk, size=513 * M)
    image.put64(image.l1 + 8, image.get64(image.l1))
    return Case(image, check=(2,), run=False, content=b'', says='one place')


# ---- L2 -----------------------------------------------------------------------------------

@cases({'itself': 4 * 65536, 'the_l1_table': 3 * 65536, 'the_refcount_table': 65536,
        'the_refcount_block': 2 * 65536})
def an_l2_entry_that_names_X_is_corruption(disk, at):
    image = Image(disk)
    image.entry(1, at | COPIED)
    return Case(image, check=(2,))


@cases({'behind_the_end': 1 << 40, 'that_is_not_aligned': 5 * 65536 + 512,
        'with_reserved_bits': 5 * 65536 | 1 << 60, 'with_low_bits': 5 * 65536 | 2})
def an_l2_entry_X_is_refused(disk, v):
    image = Image(disk)
    image.entry(0, v | COPIED)
    return Case(image, check=(2,), peer=False, says='no data can be|damaged|cannot be')


@case
def a_zero_flag_in_version_2_is_refused(disk):
    image = Image(disk, version=2)
    image.entry(0, ZERO)
    return Case(image, reads=False, check=(2,), says='zero flag', peer=False)


@case
def two_l2_entries_with_one_cluster_are_corruption(disk):
    image = Image(disk)
    image.entry(40, image.data[0] | COPIED)
    return Case(image, check=(2,), content=disk[:40 * 65536] + disk[:65536] + disk[41 * 65536:],
                reads=True)


@case
def subclusters_that_are_both_data_and_zeros_are_refused(disk):
    image = Image(disk, incompatible=16)
    image.entry(0, image.data[0] | COPIED, 0xffffffffffffffff)
    return Case(image, reads=False, check=(2,), says='both data and zeros', peer=False)


@case
def subclusters_of_no_cluster_are_refused(disk):
    image = Image(disk, incompatible=16)
    image.entry(0, 0, 1)
    return Case(image, reads=False, check=(2,), says='data without a place', peer=False)


# ---- compressed clusters --------------------------------------------------------------------

@cases({'behind_the_end': 1 << 40, 'at_the_header': 0, 'in_the_header': 1000})
def a_packed_cluster_X_is_refused(disk, at):
    image = Image(disk, pack=deflated)
    image.entry(0, COMPRESSED | at)
    return Case(image, reads=False, check=(2,), peer=False)


@case
def a_packed_cluster_over_the_files_end_is_refused(disk):
    image = Image(disk, pack=deflated)
    image.entry(0, COMPRESSED | 0xff << 54 | (len(image.f) - 512))
    return Case(image, reads=False, check=(2,), peer=False)


@cases({'noise': bytes(range(255, 0, -1)) * 8, 'nothing': b'', 'half_of_it': None,
        'more_than_a_cluster': deflated(bytes(256 * M)),
        'an_endless_stored_block': b'\0\xff\xff\0\0', 'a_wrong_block_type': b'\x07' * 600,
        'a_distance_before_the_start': bytes([0x63, 0x60, 0x02, 0x91, 0xff, 0xff])})
def a_packed_cluster_of_X_is_an_error(disk, packed):
    image = Image(disk, pack=deflated)
    if packed is None:
        packed = deflated(disk[:65536])
        packed = packed[:len(packed) // 2]
    image.put_packed(0, packed[:65536], min(127, max(0, (len(packed) - 1) // 512)))
    return Case(image, reads=False, check=(0, 3), says='.', peer=False)


@cases({'noise': b'\x28\xb5\x2f\xfd' + b'\xa5' * 600, 'nothing': b'',
        'a_window_of_2_41': b'\x28\xb5\x2f\xfd\x00\xff\x03\x00\x00\x00',
        'a_bomb': b'\x28\xb5\x2f\xfd\xa0\x00\x00\x00\x40' + b'\x02\x00\x10\x00' * 200,
        'another_format': deflated(b'x' * 65536),
        'a_dictionary': b'\x28\xb5\x2f\xfd\x23\x01\x02\x03\x04\x00\x00\x00'})
def a_zstd_cluster_of_X_is_an_error(disk, packed):
    image = Image(disk, incompatible=8, compression=1)
    image.put_packed(0, packed)
    return Case(image, reads=False, check=(0, 3), peer=False)


# ---- refcounts -------------------------------------------------------------------------------

@cases({'of_no_clusters': (32, 56, 0), 'of_2_32_clusters': (32, 56, 0xffffffff),
        'at_0': (64, 48, 0), 'that_is_not_aligned': (64, 48, 65536 + 512),
        'at_2_63': (64, 48, 1 << 63)})
def a_refcount_table_X_is_refused(disk, v):
    return Case(patched(disk, *v), reads=False, check=(2,), says='refcount table', run=False)


@case
def a_refcount_table_behind_the_end_is_corruption(disk):
    return Case(patched(disk, 64, 48, 1 << 40), check=(2,), run=False)


@case
def a_refcount_table_at_the_l1_table_is_corruption(disk):
    return Case(patched(disk, 64, 48, 3 * 65536), check=(2,), run=False)


@cases({'the_table_itself': 65536, 'the_l1_table': 3 * 65536})
def a_refcount_block_that_is_X_is_corruption(disk, at):
    image = Image(disk)
    image.put64(image.reftable, at)
    return Case(image, check=(2,), reads=True, run=False, says='one place')


@cases({'behind_the_end': 1 << 40, 'that_is_not_aligned': 65536 * 2 + 512,
        'at_2_63': 1 << 63, 'with_low_bits': 65536 * 2 | 1})
def a_refcount_block_X_is_corruption(disk, at):
    image = Image(disk)
    image.put64(image.reftable, at)
    return Case(image, check=(2,), reads=True)


@case
def a_table_full_of_one_refcount_block_is_corruption(disk):
    image = Image(disk)
    for i in range(8192):
        image.put64(image.reftable + 8 * i, image.refblock)
    return Case(image, check=(2,), reads=True, run=False)


@case
def refcounts_of_nothing_are_corruption(disk):
    image = Image(disk)
    image.f[image.refblock:image.refblock + 65536] = bytes(65536)
    return Case(image, check=(2,), reads=True)


@case
def refcounts_that_are_all_full_are_leaks_and_corruption(disk):
    image = Image(disk)
    image.f[image.refblock:image.refblock + 65536] = b'\xff' * 65536
    return Case(image, check=(2, 3), reads=True)


# ---- snapshots ----------------------------------------------------------------------------------

@cases({'65537': 65537, '2_32': 0xffffffff})
def a_count_of_X_snapshots_is_refused(disk, n):
    image = Image(disk)
    image.add_snapshot()
    image.put32(60, n)
    return refused(image, 'snapshots', check=(2,))


@case
def a_count_of_65536_snapshots_without_any_does_no_harm(disk):
    image = Image(disk)
    image.add_snapshot()
    image.put32(60, 65536)
    return Case(image, check=(2,), peer=False)


@cases({'at_0': 0, 'that_is_not_aligned': 65536 + 8, 'at_2_63': 1 << 63})
def a_snapshot_table_X_is_refused(disk, at):
    image = Image(disk)
    image.add_snapshot()
    image.put64(64, at)
    return refused(image, 'snapshot table', check=(2,))


@cases({'behind_the_end': 1 << 40, 'over_the_l1_table': 3 * 65536,
        'over_the_refcount_table': 65536, 'over_the_data': 5 * 65536})
def a_snapshot_table_X_does_no_harm(disk, at):
    image = Image(disk)
    image.add_snapshot()
    image.put64(64, at)
    return Case(image, check=(2,), peer=False)


@cases({'a_long_name': {'name': b'n' * 60000}, 'a_long_id': {'ident': b'7' * 60000},
        'no_name': {'name': b''}, 'bytes_of_no_text': {'name': bytes(range(128, 256))},
        'a_terminals_escape': {'name': b'\x1b[31m\x1b]0;evil\x07\n\r'}})
def a_snapshot_with_X_is_listed_in_one_line(disk, v):
    image = Image(disk)
    image.add_snapshot(**v)
    return Case(image, check=(0,), reads=True, special='listed')


@cases({'a_nul_in_its_name': {'name': b'a\0b'}, 'much_extra_data': {'extra': bytes(1025)},
        'an_l1_table_that_is_not_aligned': {'l1': 513, 'l1_size': 1},
        'an_l1_table_that_is_huge': {'l1': 65536, 'l1_size': 0xffffffff},
        'an_l1_table_at_the_header': {'l1': 0, 'l1_size': 1}})
def a_snapshot_with_X_is_refused(disk, v):
    image = Image(disk)
    image.add_snapshot(**v)
    return refused(image, 'snapshot', check=(2,), peer=False)


@cases({'behind_the_end': 1 << 40, 'over_the_active_one': 3 * 65536, 'over_the_refcounts': 65536})
def a_snapshots_l1_table_X_is_corruption(disk, at):
    image = Image(disk)
    image.add_snapshot(l1=at, l1_size=1)
    return Case(image, check=(2,), reads=True)


# ---- backing files ------------------------------------------------------------------------------

def over(name, form=RAW, **more):
    return Image(bytes(64 * K) + b'top' * 20000, size=4 * M, extensions=[form] if form else [],
                 backing=name, **more)


@cases({'json': 'json:{"driver":"raw","file.filename":"/etc/passwd"}', 'nbd': 'nbd://127.0.0.1/x',
        'file': 'file:/etc/passwd', 'fat': 'fat:rw:/etc', 'fd': 'fd:0', 'http': 'http://127.0.0.1/'})
def a_backing_file_by_X_is_not_followed(disk, name):
    return refused(over(name), 'path', check=(0,), peer=False)


@cases({'pipe': 'pipe', 'folder': 'folder', 'device': '/dev/zero', 'null': '/dev/null',
        'socket': 'socket', 'missing_file': 'nothing'})
def a_backing_file_that_is_a_X_is_refused(disk, name):
    return refused(over(name), 'backing file|not a file|regular', check=(0,), peer=False,
                   opens=(r'(.*/)?(pipe|folder|socket|nothing)', '/dev/(zero|null)'),
                   run_opens=(r'.*/(pipe|folder|socket|nothing)',))


@case
def a_backing_file_elsewhere_is_not_opened_by_run(disk):
    return Case(over('/etc/passwd'), run=False, says='not in the image', opens=('/etc/passwd',),
                content=b'', check=(0,))


@case
def a_backing_file_above_the_folder_is_not_opened_by_run(disk):
    return Case(over('../../../../../../../../etc/passwd'), run=False, says='not in the image',
                opens=(r'.*/etc/passwd',), content=b'', check=(0,))


@case
def a_backing_file_by_way_of_a_link_is_not_opened_by_run(disk):
    return Case(over('link'), run=False, says='not in the image', opens=('(.*/)?link',), content=b'',
                check=(0,))


@cases({'itself': ['x.qcow2'], '1_other': ['b.qcow2', 'x.qcow2'],
        '2_others': ['b.qcow2', 'c.qcow2', 'x.qcow2'], 'a_link': ['same.qcow2'],
        'itself_by_a_detour': ['./folder/../x.qcow2']})
def a_chain_that_comes_back_by_X_is_refused(disk, names):
    files = {n: over(names[i + 1], QCOW2) for i, n in enumerate(names[:-1])}
    return refused(over(names[0], QCOW2), 'its own backing file|circle', check=(0,), files=files,
                   peer=False, opens=('(.*/)?(same|b|c|x).qcow2',), run_opens=('.*/(b|c|x).qcow2',))


@case
def a_chain_of_300_files_is_refused(disk):
    files = {'%u.qcow2' % i: Image(size=4 * M, bits=12, extensions=[QCOW2],
                                   backing='%u.qcow2' % (i + 1)) for i in range(300)}
    files['300.qcow2'] = Image(size=4 * M, bits=12)
    return refused(over('0.qcow2', QCOW2), 'more than', check=(0,), files=files, peer=False,
                   opens=(r'(.*/)?\d+\.qcow2',), run_opens=(r'.*/\d+\.qcow2',))


@case
def a_backing_file_without_a_format_is_refused(disk):
    return refused(over('b.raw', None), 'format', check=(0,), files={'b.raw': disk}, peer=False)


@cases({'vmdk': b'vmdk', 'nothing_printable': b'\x1b[31m\n', 'raw_qcow2': b'raw,qcow2'})
def a_backing_file_of_format_X_is_refused(disk, name):
    return refused(over('b.raw', (BACKING_FORMAT, name)), 'format', check=(0,),
                   files={'b.raw': disk}, peer=False)


@cases({'1024_bytes': b'n' * 1024, 'bytes_with_a_nul': b'/etc/passwd\0.raw'})
def a_backing_name_of_X_is_refused(disk, name):
    return refused(over(name), 'name of its backing file', peer=False)


@cases({'before_the_headers_end': 8, 'behind_the_cluster': 65536 - 2, 'at_2_63': 1 << 63})
def a_backing_name_X_is_refused(disk, at):
    image = over('b.raw')
    image.put64(8, at)
    return refused(image, 'name of its backing file', peer=False)


@case
def a_backing_name_cannot_speak_to_a_terminal(disk):
    return refused(over(b'\x1b[31m\nbantam: all is well\n'), 'backing file', check=(0,), peer=False,
                   opens=('.*all is well.*',))


@case
def a_raw_backing_file_that_looks_like_an_image_is_raw(disk):
    inner = bytes(over('/etc/passwd').f)
    content = bytearray(inner.ljust(4 * M, b'\0'))
    content[64 * K:128 * K] = (b'top' * 20000).ljust(64 * K, b'\0')
    return Case(over('b.raw'), reads=None, content=bytes(content), check=(0,), files={'b.raw': inner},
                opens=('(.*/)?b.raw',), run_opens=('.*/b.raw',))


@case
def a_backing_file_that_is_damaged_is_named(disk):
    return refused(over('b.qcow2', QCOW2), 'b.qcow2', check=(0,), peer=False,
                   files={'b.qcow2': patched(disk, 32, 20, 63)}, opens=('(.*/)?b.qcow2',),
                   run_opens=('.*/b.qcow2',))


# ---- cut off --------------------------------------------------------------------------------------

@cases({'behind_the_header': 65536, 'in_the_refcount_table': 65536 + 4,
        'in_the_refcount_block': 2 * 65536 + 3, 'before_the_l1_table': 3 * 65536,
        'in_the_l1_table': 3 * 65536 + 4, 'before_the_l2_table': 4 * 65536,
        'in_the_l2_table': 4 * 65536 + 12, 'before_the_data': 5 * 65536,
        'in_the_data': 5 * 65536 + 700, 'before_the_last_byte': -1})
def an_image_cut_X_does_no_harm(disk, length):
    return Case(Image(disk), length=length, peer=False)


# ---- what is no image ----------------------------------------------------------------------------

@cases({'pipe': 'pipe', 'folder': 'folder', 'socket': 'socket'})
def a_X_is_no_image(disk, kind):
    return Case(None, reads=False, run=False, special=kind, peer=False, check=(1,))


@cases({'vmdk': b'KDMV', 'vhdx': b'vhdxfile', 'qcow': b'QFI\xfb\0\0\0\1'})
def an_image_of_X_is_refused_by_name(disk, magic):
    return refused(magic.ljust(1 * M, b'\0'), '.', check=(1, 63), peer=False)
