/** `remora open`: Wireshark on a live capture, without the plugin; names are resolved and the window says what it shows. */
import { openLog } from '../base/log.ts'
import { openInWireshark } from '../capture/open.ts'
import { signalLifetime } from '../capture/request/lifetime.ts'
import { chooseHost } from '../host/choose.ts'
import { installedProfile } from '../setup/profile.ts'
import { captureRequest, type TypedOptions } from './capture-request.ts'
import { summary } from './render/progress.ts'
import { warn } from './render/terminal.ts'

/** Captures until Wireshark is closed or stops reading. */
export async function open(targets: readonly string[], options: TypedOptions): Promise<void> {
  const request = captureRequest(targets, options)
  const lifetime = signalLifetime()
  const host = await chooseHost(options)
  const context = { lifetime, log: openLog() }
  const report = await openInWireshark(() => host.prepare(request, context), {
    ...context,
    profile: installedProfile(),
  })
  if (report !== undefined) warn(summary(report, { kind: 'stdout' }))
}
