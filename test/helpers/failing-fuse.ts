/**
 * A file system in the memory of a process (fuse(4)) that takes what is written, until it is told to answer writes, or
 * requests to bring a file to its disk, with an error.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { end, type Running, start, until } from './command.ts'
import { scratch } from './scratch.ts'

const program = `
import ctypes, errno, os, signal, struct, sys
place, what, name = sys.argv[1:]
failing = {'write': 16, 'fsync': 20}[what]
fails = False
def begin(*_):
    global fails
    fails = True
    print('failing', file=sys.stderr, flush=True)
signal.signal(signal.SIGUSR1, begin)
device = os.open('/dev/fuse', os.O_RDWR)
libc = ctypes.CDLL(None, use_errno=True)
options = 'fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other' % device
if libc.mount(b'failing', place.encode(), b'fuse.failing', 0, options.encode()): raise OSError(ctypes.get_errno(), 'mount')
print('mounted', file=sys.stderr, flush=True)
nodes, files, names = iter(range(2, 1 << 30)), {}, {}
def attributes(node):
    size, mode = (4096, 0o40755) if node == 1 else (len(files[node]), 0o100600)
    return struct.pack('<6Q10I', node, size, 8, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)
def entry(node): return struct.pack('<4Q2I', node, 0, 0, 0, 0, 0) + attributes(node)
def attr(node): return struct.pack('<QII', 0, 0, 0) + attributes(node)
def text(body): return body.split(b'\\0')[0]
def answer(operation, node, body):
    if operation == failing and fails: raise OSError(getattr(errno, name), name)
    if operation == 26: return struct.pack('<4I2H2I2H8I', 7, 31, 4096, 0, 8, 8, 131072, 1, 0, 0, *[0] * 8)
    if operation == 1:
        if text(body) not in names: raise OSError(errno.ENOENT, 'lookup')
        return entry(names[text(body)])
    if operation == 3: return attr(node)
    if operation == 4:
        valid, _, _, size = struct.unpack('<IIQQ', body[:24])
        if valid & 8: files[node] = files[node][:size].ljust(size, b'\\0')
        return attr(node)
    if operation == 35:
        made = next(nodes); files[made] = bytearray(); names[text(body[16:])] = made
        return entry(made) + struct.pack('<QII', 0, 0, 0)
    if operation == 14: return struct.pack('<QII', 0, 0, 0)
    if operation == 15:
        _, offset, size = struct.unpack('<QQI', body[:20])
        return bytes(files[node][offset:offset + size])
    if operation == 16:
        _, offset, size = struct.unpack('<QQI', body[:20])
        files[node][offset:offset + size] = body[40:40 + size]
        return struct.pack('<II', size, 0)
    if operation == 17: return struct.pack('<5Q4I6I', 1 << 20, 1 << 19, 1 << 19, 1 << 10, 1 << 9, 4096, 255, 4096, 0, *[0] * 6)
    if operation in (12, 45):
        old, new = body[8 if operation == 12 else 16:].split(b'\\0')[:2]
        names[new] = names.pop(old)
        return b''
    if operation == 10: names.pop(text(body), None); return b''
    if operation in (18, 20, 25): return b''
    raise OSError(errno.ENOSYS, 'unknown')
while True:
    try: request = os.read(device, 1 << 20)
    except OSError as error:
        if error.errno == errno.ENODEV: break
        continue
    _, operation, unique, node = struct.unpack('<IIQQ', request[:24])
    if operation in (2, 36, 42): continue
    error, body = 0, b''
    try: body = answer(operation, node, request[40:])
    except OSError as failure: error = -failure.errno
    os.write(device, struct.pack('<IiQ', 16 + len(body), error, unique) + body)
`

export interface FailingFuse {
  /** Answers with the error from now on. */
  fail(): Promise<void>
  close(): Promise<void>
}

/**
 * Mounts one; needs root.
 * @param place folder it is mounted on
 * @param what is answered with the error
 * @param error name of its number (errno(3))
 */
export async function startFailingFuse(place: string, what: 'write' | 'fsync', error: string): Promise<FailingFuse> {
  const script = join(scratch(), 'fuse.py')
  writeFileSync(script, program)
  const running: Running = start(['python3', script, place, what, error])
  const said = (word: string) =>
    until(`the file system is ${word}`, () => {
      if (running.child.exitCode !== null) throw new Error(running.stderr())
      return running.stderr().includes(word)
    })
  await said('mounted')
  return {
    async fail() {
      running.child.kill('SIGUSR1')
      await said('failing')
    },
    close: () => end(running.child),
  }
}
