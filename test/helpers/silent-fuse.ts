/** A file system that a process serves and that does not answer (fuse(4)): whoever asks it for anything waits. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { end, type Running, start, until } from './command.ts'
import { scratch } from './scratch.ts'

const program = `
import ctypes, os, signal, socket, struct, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
place, what, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
answering = threading.Event(); answering.set()
if what == 'overlay':
    if libc.unshare(0x10000000): raise OSError(ctypes.get_errno(), 'unshare')
    for file, text in (('setgroups', 'deny'), ('uid_map', '0 0 1'), ('gid_map', '0 0 1')):
        with open('/proc/self/' + file, 'w') as map: map.write(text)
device = os.open('/dev/fuse', os.O_RDWR)
if libc.unshare(0x20000): raise OSError(ctypes.get_errno(), 'unshare')
if libc.mount(None, b'/', None, 0x44000, None): raise OSError(ctypes.get_errno(), 'private')
listener = None
if what == 'socket':
    listener = socket.socket(socket.AF_UNIX); listener.bind(place + '/engine.sock'); listener.listen()
options = 'fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other' % device
if libc.mount(b'silent', place.encode(), b'fuse.silent', 0, options.encode()): raise OSError(ctypes.get_errno(), 'mount')

def attributes(node):
    mode = 0o40755 if node == 1 else 0o100644
    return struct.pack('<6Q10I', node, 4096, 8, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)
def serve():
    while True:
        request = os.read(device, 1 << 20)
        _, operation, unique, node = struct.unpack('<IIQQ', request[:24])
        if not answering.is_set(): continue
        error, body = -38, b''
        if operation == 26: error, body = 0, struct.pack('<4I2H2I2H8I', 7, 31, 4096, 0, 8, 8, 4096, 1, 0, 0, *[0] * 8)
        elif operation == 3: error, body = 0, struct.pack('<QII', 0, 0, 0) + attributes(node)
        elif operation == 1: error, body = 0, struct.pack('<4Q2I', 2, 0, 0, 0, 0, 0) + attributes(2)
        elif operation in (14, 27): error, body = 0, struct.pack('<QII', 1, 0, 0)
        elif operation == 17: error, body = 0, struct.pack('<5Q10I', 0, 0, 0, 0, 0, 4096, 255, 4096, *[0] * 7)
        if error: body = b''
        os.write(device, struct.pack('<IiQ', 16 + len(body), error, unique) + body)
threading.Thread(target=serve, daemon=True).start()
os.stat(place)
before = os.open('/', os.O_RDONLY)
if what == 'overlay':
    # Nothing but the overlay itself still knows of the file system below it.
    merged, other = place + '-merged', place + '-other'
    os.mkdir(merged); os.mkdir(other)
    layers = 'lowerdir=%s:%s' % (place, other)
    if libc.mount(b'overlay', merged.encode(), b'overlay', 0, layers.encode()): raise OSError(ctypes.get_errno(), 'overlay')
    libc.umount2(place.encode(), 2)
def stop(*_):
    # Ends every wait, also that of the kernel for what this process has open.
    os.fchdir(before); os.chroot('.')
    libc.umount2(place.encode(), 1)
    os._exit(0)
signal.signal(signal.SIGTERM, stop)
if what == 'root': os.chroot(place)
if what == 'overlay': os.chroot(merged)
if what == 'file': kept = os.open(place + '/x', os.O_RDONLY)
answering.clear()
print('silent', file=sys.stderr, flush=True)
time.sleep(seconds)
stop()
`

export interface SilentFuse {
  readonly pid: number
  close(): Promise<void>
}

/**
 * Mounts one in a mount namespace of its own; it ends by itself, and with it the wait of whoever asked it.
 * @param place folder it is mounted on
 * @param what what its process has there: its root (chroot(2)), an open file, or a listening socket below the mount;
 *   `overlay`: its root is an overlay whose lower layer it is, mounted in a user namespace of its own
 */
export async function startSilentFuse(
  place: string,
  what: 'root' | 'overlay' | 'file' | 'socket' | 'nothing',
  seconds = 15,
): Promise<SilentFuse> {
  const script = join(scratch(), 'fuse.py')
  writeFileSync(script, program)
  const running: Running = start(['python3', script, place, what, String(seconds)])
  await until('the file system is silent', () => {
    if (running.child.exitCode !== null) throw new Error(running.stderr())
    return /^silent$/m.test(running.stderr())
  })
  return { pid: running.pid, close: () => end(running.child, 'SIGTERM') }
}
