/**
 * TLS keys for a stream: what the targets' processes, or files named by the user, say of their keys, as blocks that
 * Wireshark decrypts with. A block must be in the stream before the packets that need it (section 4.7 of
 * draft-ietf-opsawg-pcapng), so whoever holds packets back for their keys writes a block at once.
 */
import { followKeylogs, type KeylogFollower, type KeylogOptions } from '../../linux/keylog/keylog.ts'
import { decryptionSecretsBlock } from '../../pcapng/block.ts'
import { splitLines } from '../../pcapng/key-log.ts'

/** Whose keys, and where the blocks go. */
export interface KeyOptions extends Omit<KeylogOptions, 'onKeys'> {
  /** A whole block, at most 64 KiB and a few bytes; nothing in it refers to an interface. */
  readonly onBlock: (block: Buffer) => void
}

/** Bytes of keys in one block: far below what a reader takes, and some 300 handshakes. */
const blockSize = 64 * 1024

/**
 * Watches keys until the signal ends it.
 * @returns when `ready`, the keys of connections that were there before have been handed on
 * @throws RemoraError USAGE or FORBIDDEN for a file that cannot be read
 */
export function watchKeys({ onBlock, ...options }: KeyOptions): KeylogFollower {
  return followKeylogs({
    ...options,
    onKeys(lines) {
      for (const piece of splitLines(lines, blockSize)) onBlock(decryptionSecretsBlock(piece))
    },
  })
}
