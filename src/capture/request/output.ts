/** Where the packets of a capture go. */

/** Where packets are to go. */
export type OutputRequest =
  | { readonly kind: 'stdout' }
  | {
      readonly kind: 'file'
      readonly path: string
      /** Called in place of giving the file its name, for a caller who decides later. Only a regular file will do then. */
      readonly onWritten?: (settlement: Settlement) => void
    }
  | { readonly kind: 'fifo'; readonly path: string }

/** What becomes of a file that was written; the first call counts. */
export interface Settlement {
  /**
   * Gives the file its name.
   * @throws RemoraError CAPTURE_FAILED when it cannot be renamed
   */
  keep(): void
  /** Takes it away; what had its name before stays. */
  discard(): void
}
