/**
 * The unit of the capture service (systemd.service(5), systemd.exec(5)): `remora serve` as a user of its own, with five
 * capabilities and little else. What is left open is left open for a reason:
 *
 * - /proc and the process numbers of the host are how containers are found, so neither is hidden.
 * - /home and /run/user are there to read, since sockets of rootless engines lie below them.
 * - Namespaces of network and host name are entered; the others are not.
 * - Node compiles while it runs, so memory may be writable and executable. No file may: what the service can write it cannot
 *   execute.
 * - dumpcap gives its capabilities up once it is armed (capset(2)); the socket is given to a group (chown(2)).
 *
 * With the right to look into processes it must not read their memory or take their descriptors by a system call, and
 * a core dump would be packets, tokens and keys on a disk.
 *
 * The capabilities are ambient: with no new privileges the capabilities of a file give nothing, and a plain user keeps
 * others not at all over an execve(2) (capabilities(7)).
 */

/** What the service may do; docs/service.md says why for each. */
export const serviceCapabilities = [
  'CAP_DAC_OVERRIDE',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_SYS_ADMIN',
  'CAP_SYS_PTRACE',
] as const

/** What differs from machine to machine. */
export interface ServiceRequest {
  /** Path of the program; without white space, as the service manager reads it. */
  readonly program: string
  /** Group whose members may use the socket; undefined: root alone. */
  readonly group: string | undefined
}

/** Text of the unit. */
export function serviceUnit({ program, group }: ServiceRequest): string {
  const capabilities = serviceCapabilities.join(' ')
  return `[Unit]
Description=Packets of containers for Wireshark
After=network.target

[Service]
Type=exec
ExecStart=${program} serve --listen 127.0.0.1:5001 --listen unix:/run/remora/remora.sock --token-file /var/lib/remora/token
Environment=HOME=/
Restart=on-failure
KillMode=mixed
TimeoutStopSec=15

User=remora
${group === undefined ? '' : `Group=${group}\n`}DynamicUser=yes
UMask=0077
RuntimeDirectory=remora
RuntimeDirectoryMode=0750
StateDirectory=remora
StateDirectoryMode=0750
AmbientCapabilities=${capabilities}
CapabilityBoundingSet=${capabilities}
NoNewPrivileges=yes

ProtectSystem=strict
ProtectHome=read-only
NoExecPaths=/
ExecPaths=/usr -/bin -/sbin -/lib -/lib64 ${program}
PrivateTmp=yes
PrivateDevices=yes
PrivateIPC=yes
PrivateMounts=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
KeyringMode=private
LockPersonality=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET
RestrictNamespaces=net uts
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources @aio @keyring @memlock
SystemCallFilter=~process_vm_readv process_vm_writev pidfd_getfd
SystemCallFilter=@chown capset
SystemCallErrorNumber=EPERM
IPAddressDeny=any
IPAddressAllow=localhost
MemoryMax=2G
TasksMax=1024
LimitNOFILE=65536
LimitCORE=0

[Install]
WantedBy=multi-user.target
`
}
