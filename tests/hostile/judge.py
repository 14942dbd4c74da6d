#!/usr/bin/env python3
"""judge.py BANTAM WORK [PATTERN]: make the images of cases.py in WORK, let every verb
look at them, and say of each whether it did what it may: `ok - NAME` or
`not ok - NAME: why`.

Of every run: a status that the manual knows and no signal; a refusal is one line that
names the file; no file is opened but those that the case allows; at most CPU_S of
processor time and MEMORY; the image is as it was."""
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

import cases
from image import Image

# Memory: 64 MiB, and an L1 table of 32.  Wall time only ends what hangs.
CPU_S, WALL_S, MEMORY = 5, 300, 96 << 20
GUEST = bytes([0xb0, 5, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd])  # al = 5; out 0xf4, al; hlt
GUEST_SAYS = 2 * 5 + 1
HELLO = b'a file in an image\n'

# What any program of this kind looks at.
ALWAYS = re.compile(r'/dev/null|/proc/self/(maps|status|fd.*|mounts)|/proc/(locks|meminfo|cpuinfo|stat)'
                    r'|/etc/localtime|/usr/share/zoneinfo/.*|/sys/.*')
# What a guest's start does; the kernel module's settings and the host's own facts.
FOR_RUN = re.compile(r'/dev/kvm|.*/guest\.bin|/proc/.*|/dev/(urandom|random|tty|ptmx|hwrng)|/')
CALLS = 'open,openat,openat2,creat,execve,connect,bind'
CALL = re.compile(r'(?:\d+ +)?(\w+)\((.*)')

bantam, work = os.path.abspath(sys.argv[1]), sys.argv[2]


def said(data):
    return data.decode('utf-8', 'replace')


class Run:
    """One run of Bantam below strace: status, output, what it opened and used."""

    def __init__(self, folder, args, out=None):
        log = tempfile.NamedTemporaryFile(dir=work, suffix='.strace')
        to = open(out, 'wb') if out else tempfile.TemporaryFile(dir=work)
        err = tempfile.TemporaryFile(dir=work)
        pid = os.fork()
        if pid == 0:
            os.chdir(folder)
            null = os.open('/dev/null', os.O_RDONLY)
            for a, b in ((null, 0), (to.fileno(), 1), (err.fileno(), 2)):
                os.dup2(a, b)
            os.execvp('timeout', ['timeout', '-s', 'KILL', str(WALL_S), 'strace', '-f', '--seccomp-bpf', '-qq', '-s',
                                  '4096', '-e', 'trace=' + CALLS, '-e', 'signal=none', '-o',
                                  log.name, bantam] + args)
        _, status, used = os.wait4(pid, 0)
        self.status = os.waitstatus_to_exitcode(status)
        self.cpu_s = used.ru_utime + used.ru_stime
        self.memory = used.ru_maxrss << 10
        err.seek(0)
        self.err = said(err.read())
        self.out = b''
        if not out:
            to.seek(0)
            self.out = to.read()
        self.calls = said(open(log.name, 'rb').read()).splitlines()
        self.name = ' '.join(args[1:3] if args[0] == 'img' and args[1] == 'check' else args[:2])
        self.name = self.name.replace('img ', '', 1) if args[0] == 'img' else 'run'

    def strange_calls(self, allowed):
        for line in self.calls:
            call = CALL.match(line)
            if not call or 'resumed' in line:
                continue
            name, rest = call.groups()
            path = re.search(r'"((?:[^"\\]|\\.)*)"', rest)
            if name in ('connect', 'bind'):
                yield '%s(%s' % (name, rest[:60])
            elif name == 'execve':
                if path and path.group(1) != bantam:
                    yield 'executes ' + path.group(1)
            elif path and not any(p.fullmatch(path.group(1)) for p in allowed):
                yield 'opens ' + path.group(1)


def refusal(run, case, name, strict):
    """What is wrong with how it refused."""
    lines = [l for l in run.err.splitlines() if not re.match(r'bantam img \w+: warning: ', l)]
    if len(lines) != 1:
        return 'said %u lines: %s' % (len(lines), ' / '.join(lines)[:300])
    if not lines[0].startswith('bantam') or re.search(r'[\0-\x1f\x7f]', lines[0]):
        return 'said %r' % lines[0][:200]
    if not any(f in lines[0] for f in [name, 'out.raw'] + list(case.files)):
        return 'does not name the file: %s' % lines[0][:200]
    if strict and not re.search(case.says, lines[0]):
        return 'no word of %r: %s' % (case.says, lines[0][:200])
    return None


def digest(path):
    h = hashlib.sha256()
    with open(path, 'rb') as f:
        for block in iter(lambda: f.read(1 << 20), b''):
            h.update(block)
    return h.hexdigest()


class Bench:
    """A case in its folder."""

    def __init__(self, make, disk):
        self.claim, self.disk, self.wrong = make.__name__, disk, []
        self.case = make(disk)
        self.folder = os.path.join(work, self.claim)
        self.name = 'x.qcow2'
        os.mkdir(self.folder)
        self.place_files()
        self.known = None
        if self.case.content is None and self.case.reads:
            self.known = disk
        elif self.case.content:
            self.known = self.case.content

    def path(self, name):
        return os.path.join(self.folder, name)

    def place_files(self):
        c = self.case
        os.mkfifo(self.path('pipe'))
        os.mkdir(self.path('folder'))
        os.symlink('/etc/passwd', self.path('link'))
        os.symlink('x.qcow2', self.path('same.qcow2'))
        here = os.getcwd()
        s = socket.socket(socket.AF_UNIX)
        os.chdir(self.folder)  # its path may be too long
        s.bind('socket')
        s.close()
        os.chdir(here)
        for name, what in c.files.items():
            self.write(name, what)
        if c.image is None:
            self.name = c.special
            return
        self.write(self.name, c.image, c.length)

    def write(self, name, what, length=None):
        with open(self.path(name), 'wb') as f:
            data = bytes(what.f if isinstance(what, Image) else what)
            f.write(data)
            if length is not None:
                f.truncate(length if length >= 0 else len(data) + length)

    def complain(self, run, why):
        self.wrong.append('%s: %s' % (run.name, why))

    def run(self, args, statuses, out=None, name=None, opens=()):
        """Run it, and judge what must be so in any case."""
        run = Run(self.folder, args, out)
        allowed = [re.compile(p) for p in opens]
        files = '|'.join(re.escape(n) for n in ('x.qcow2', 'same.qcow2', self.name, 'out.raw',
                                                'copy.qcow2', '.'))
        allowed += [ALWAYS, re.compile('(%s/)?(%s)' % (re.escape(self.folder), files))]
        if args[0] == 'run':
            allowed.append(FOR_RUN)
        if run.status not in statuses:
            self.complain(run, 'status %d: %s' % (run.status, run.err.strip()[:200]))
        if run.cpu_s > CPU_S:
            self.complain(run, '%.1f s' % run.cpu_s)
        if run.memory > MEMORY:
            self.complain(run, '%u MiB' % (run.memory >> 20))
        for what in list(run.strange_calls(allowed))[:3]:
            self.complain(run, what)
        if self.case.image is not None and name != 'copy.qcow2' and digest(self.path(self.name)) != self.before:
            self.complain(run, 'the image is not what it was')
            self.before = digest(self.path(self.name))
        return run

    def judge_refusal(self, run, strict=True, name=None):
        why = refusal(run, self.case, name or self.name, strict)
        if why:
            self.complain(run, why)

    def whole(self):
        """convert and compare read all of it."""
        c = self.case
        out = self.path('out.raw')
        run = self.run(['img', 'convert', '-O', 'raw', self.name, 'out.raw'], (0, 1), opens=c.opens)
        if run.status == 0:
            if c.reads is False:
                self.complain(run, 'did not refuse')
            else:
                self.judge_content(run, out)
        else:
            if c.reads:
                self.complain(run, 'refused: ' + run.err.strip()[:200])
            self.judge_refusal(run, c.reads is False)
            if os.path.exists(out):
                self.complain(run, 'left its output')
        if os.path.exists(out):
            os.unlink(out)
        run = self.run(['img', 'compare', '-U', self.name, self.name], (0, 2), opens=c.opens)
        if run.status == 2:
            self.judge_refusal(run, c.reads is False)
        if c.reads is not None and (run.status == 0) != c.reads:
            self.complain(run, 'status %d: %s' % (run.status, run.err.strip()[:200]))

    def judge_content(self, run, out):
        if self.known is not None:
            with open(out, 'rb') as f:
                if f.read() != self.known:
                    self.complain(run, 'not what is in it')
        elif self.case.peer:
            peer = self.path('peer.raw')
            if subprocess.run(['timeout', '20', 'qemu-img', 'convert', '-U', '-O', 'raw', self.name, peer],
                              cwd=self.folder, capture_output=True).returncode == 0 and \
                    subprocess.run(['cmp', '-s', out, peer]).returncode != 0:
                self.complain(run, 'not what qemu-img reads')
            if os.path.exists(peer):
                os.unlink(peer)

    def check(self):
        run = self.run(['img', 'check', self.name], self.case.check)
        if run.status in (1, 63):
            self.judge_refusal(run, False)
        if self.case.image is None:
            return
        shutil.copyfile(self.path(self.name), self.path('copy.qcow2'))
        run = self.run(['img', 'check', '-r', 'all', 'copy.qcow2'], (0, 1, 2, 3, 63),
                       name='copy.qcow2')
        if run.status in (1, 63):
            self.judge_refusal(run, False, 'copy.qcow2')
        if run.status == 0:
            self.judge_repaired()
        os.unlink(self.path('copy.qcow2'))

    def judge_repaired(self):
        run = self.run(['img', 'check', 'copy.qcow2'], (0,), name='copy.qcow2')
        if self.case.reads and self.known is not None and run.status == 0:
            run = self.run(['img', 'convert', '-O', 'raw', 'copy.qcow2', 'out.raw'], (0,),
                           name='copy.qcow2', opens=self.case.opens)
            if run.status == 0:
                self.judge_content(run, self.path('out.raw'))

    def look(self):
        """The verbs that read some of it."""
        c = self.case
        for args in (['info'], ['info', '--output=json'], ['snapshot', '-l'], ['map', '--output=json'],
                     ['ls'], ['cat']):
            tail = [self.name] + (['hello'] if args[0] == 'cat' else [])
            opens = c.opens if args[0] in ('map', 'ls', 'cat') else ()
            run = self.run(['img'] + args + tail, (0, 1), opens=opens)
            if run.status == 0:
                self.judge_answer(run, args)
            else:
                if c.reads:
                    self.complain(run, 'refused: ' + run.err.strip()[:200])
                self.judge_refusal(run, False)

    def judge_answer(self, run, args):
        if re.search(rb'[\0-\x08\x0b-\x1f\x7f]', run.out):
            self.complain(run, 'prints control characters')
        if '--output=json' in args:
            try:
                json.loads(run.out)
            except ValueError as e:
                self.complain(run, 'no JSON: %s' % e)
        if self.case.special == 'listed' and args[0] == 'snapshot' and \
                len(said(run.out).strip('\n').split('\n')) != 3:
            self.complain(run, 'not one line: %s' % said(run.out)[:200])
        if self.case.reads and self.known == self.disk:
            if args[0] == 'ls' and b'hello' not in run.out:
                self.complain(run, 'no file')
            if args[0] == 'cat' and run.out != HELLO:
                self.complain(run, 'another file')

    def guest(self):
        c = self.case
        run = self.run(['run', '-k', 'flat:' + os.path.join(work, 'guest.bin'), '-m', '32M', '--timeout',
                        '60s', '--debug-exit', '-d', self.name], (125, GUEST_SAYS),
                       opens=[self.folder + '/?'] + list(c.run_opens))
        took = run.status == GUEST_SAYS or '/dev/kvm' in run.err
        if took and c.run is False:
            self.complain(run, 'took it')
        if not took:
            if c.run:
                self.complain(run, 'refused: ' + run.err.strip()[:200])
            self.judge_refusal(run, c.run is False and c.image is not None)

    def judge(self):
        self.before = digest(self.path(self.name)) if self.case.image is not None else ''
        self.look()
        self.check()
        self.whole()
        self.guest()
        shutil.rmtree(self.folder)
        return self.claim, self.wrong


def make_disk():
    """4 MiB with a file system, text and noise."""
    tree, disk = os.path.join(work, 'tree'), os.path.join(work, 'disk.raw')
    os.mkdir(tree)
    with open(os.path.join(tree, 'hello'), 'wb') as f:
        f.write(HELLO)
    with open(os.path.join(tree, 'noise'), 'wb') as f:
        f.write(b''.join(hashlib.sha256(b'%u' % i).digest() for i in range(10000)))
    subprocess.run(['mke2fs', '-q', '-F', '-t', 'ext4', '-b', '1024', '-d', tree, disk, '4M'], check=True,
                   stdout=subprocess.DEVNULL)
    with open(disk, 'rb') as f:
        return f.read()


def one(i):
    return Bench(cases.CASES[i], DISK).judge()


def main():
    pattern = re.compile(sys.argv[3] if len(sys.argv) > 3 else '')
    with open(os.path.join(work, 'guest.bin'), 'wb') as f:
        f.write(GUEST)
    chosen = [i for i, c in enumerate(cases.CASES) if pattern.search(c.__name__)]
    failed = 0
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        for claim, wrong in pool.map(one, chosen):
            failed += bool(wrong)
            print('not ok - %s: %s' % (claim, '; '.join(wrong)) if wrong else 'ok - ' + claim, flush=True)
    return failed > 0


if __name__ == '__main__':
    DISK = make_disk()
    sys.exit(main())
