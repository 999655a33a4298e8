/**
 * Packages for Debian's and Fedora's families. What is in them is what `remora install --system` plans, at the places of
 * packages, and the unit of the service, which is not enabled.
 */
import { chmodSync, cpSync, globSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { $ } from 'execa'
import { version } from '../../src/base/version.ts'
import { performAction } from '../../src/setup/action.ts'
import { type Folders, packagedFolders } from '../../src/setup/folders.ts'
import { planPackage } from '../../src/setup/install.ts'
import { serviceUnit } from '../../src/setup/service-unit.ts'
import type { Release } from '../release.ts'

/** The program of one architecture. */
interface Program {
  readonly executable: string
  /** Licences of what is in it. */
  readonly notices: string
  /** The architecture, as GNU and as Debian name it. */
  readonly gnu: string
  readonly debian: string
}

const maintainer = 'remora maintainers <remora@localhost.localdomain>'
const { description }: { description: string } = JSON.parse(readFileSync('package.json', 'utf8'))
const details = `remora is Wireshark's extcap plugin for containers, and a command line. It
enters the network namespace of a container and runs dumpcap there. It puts
nothing into the container.`

/** The group that may use the service exists before the service does. */
const afterInstall = `getent group wireshark >/dev/null || groupadd --system wireshark
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl try-restart remora
fi`
const beforeRemoval = 'if [ -d /run/systemd/system ]; then systemctl disable --now remora; fi'
const afterRemoval = 'if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi'

/** Builds the package for Debian and Ubuntu. */
export async function buildDeb(program: Program, { folder, work, level }: Release): Promise<void> {
  const root = join(work, `deb-${program.debian}`)
  stage(root, program, packagedFolders(`/usr/lib/${program.gnu}-linux-gnu`))
  const docs = join(root, 'usr/share/doc/remora')
  put(
    join(docs, 'copyright'),
    `${readFileSync('LICENSE', 'utf8')}\nTHIRD-PARTY-NOTICES has the licences of what is in the executable.\n`,
  )
  put(join(docs, 'THIRD-PARTY-NOTICES'), readFileSync(program.notices))
  put(join(docs, 'changelog.gz'), gzipSync(debianChangelog(), { level: 9 }))
  put(join(root, 'usr/share/lintian/overrides/remora'), overrides)
  const size = filesIn(root).reduce((sum, path) => sum + lstatSync(join(root, path)).size, 0)
  put(join(root, 'DEBIAN/control'), control(program.debian, Math.ceil(size / 1024)))
  put(join(root, 'DEBIAN/postinst'), script(afterInstall), 0o755)
  put(join(root, 'DEBIAN/prerm'), script(`[ "$1" = remove ] || exit 0\n${beforeRemoval}`), 0o755)
  put(join(root, 'DEBIAN/postrm'), script(afterRemoval), 0o755)
  const output = join(folder, `remora_${version}_${program.debian}.deb`)
  await $`dpkg-deb --root-owner-group -Zxz -z${level} --build ${root} ${output}`
}

/** Builds the package for Fedora, its kin, and openSUSE. */
export async function buildRpm(program: Program, { folder, work, level }: Release): Promise<void> {
  const root = join(work, `rpm-${program.gnu}`)
  stage(root, program, packagedFolders('/usr/lib64'))
  const licences = join(root, 'usr/share/licenses/remora')
  mkdirSync(licences, { recursive: true })
  cpSync('LICENSE', join(licences, 'LICENSE'))
  cpSync(program.notices, join(licences, 'THIRD-PARTY-NOTICES'))
  const spec = join(work, `${program.gnu}.spec`)
  put(spec, rpmSpec(root, level))
  const defines = [
    `_topdir ${join(work, 'rpmbuild')}`,
    `_rpmdir ${folder}`,
    '_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm',
  ]
  const flags = defines.flatMap(define => ['--define', define])
  await $`rpmbuild -bb --quiet --target ${program.gnu}-linux ${flags} ${spec}`
}

/** Puts what both kinds of package have into a folder that stands for the root. */
function stage(root: string, { executable }: Program, folders: Folders): void {
  for (const action of planPackage(executable, folders)) {
    if (action.do === 'remove') continue
    // Debian wants relative links; what they point to is at the same place in every root.
    const placed = action.do === 'link' ? { ...action, target: relative(dirname(action.to), action.target) } : action
    performAction({ ...placed, to: join(root, action.to) })
  }
  const unit = serviceUnit({ program: join(folders.program, 'remora'), group: 'wireshark' })
  put(join(root, 'usr/lib/systemd/system/remora.service'), unit)
}

function put(path: string, content: string | Buffer, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  chmodSync(path, mode)
}

function script(lines: string): string {
  return `#!/bin/sh\nset -e\n${lines}\n`
}

/** Paths of the files and links in a folder, in order. */
function filesIn(root: string): string[] {
  return globSync('**', { cwd: root })
    .filter(path => !lstatSync(join(root, path)).isDirectory())
    .toSorted()
}

function control(architecture: string, size: number): string {
  return `Package: remora
Version: ${version}
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${size}
Depends: libc6 (>= 2.28), libstdc++6 (>= 8), passwd, iproute2, util-linux (>= 2.36), wireshark-common
Recommends: wireshark | tshark
Suggests: tcpdump
Section: net
Priority: optional
Description: packets of any container in Wireshark, live
${details.replaceAll(/^/gm, ' ')}
`
}

function debianChangelog(): string {
  const seconds = Number(process.env.SOURCE_DATE_EPOCH)
  const date = new Date(seconds * 1000).toUTCString().replace('GMT', '+0000')
  return `remora (${version}) stable; urgency=medium

  * Release ${version}; CHANGELOG.md of the sources tells more.

 -- ${maintainer}  ${date}
`
}

/** What lintian calls errors, and why it is so. */
const overrides = `# The executable is node with the program in it: with all libraries of node, as node's project builds it.
remora: embedded-library
# Bugs are reported where the sources are; there is no address.
remora: bogus-mail-host *
remora: bogus-mail-host-in-debian-changelog *
`

function rpmSpec(root: string, level: number): string {
  const files = filesIn(root).map(path => (path.includes('/licenses/') ? `%license /${path}` : `/${path}`))
  return `%global debug_package %{nil}
%global __os_install_post %{nil}
%global _build_id_links none
%global _binary_payload w${level}.xzdio
%global use_source_date_epoch_as_buildtime 1
%global clamp_mtime_to_source_date_epoch 1
%global _buildhost localhost
Name: remora
Version: ${version}
Release: 1
Summary: ${description}
License: MIT
AutoReqProv: no
Requires: (wireshark-cli or wireshark)
Requires: (iproute or iproute2)
Requires: util-linux
Requires: (shadow-utils or shadow)
%description
${details}
%install
cp -a ${root}/. %{buildroot}/
%post
${afterInstall}
%preun
[ "$1" = 0 ] || exit 0
${beforeRemoval}
%postun
${afterRemoval}
%files
${files.join('\n')}
`
}
