/** Names of the link types a capture of containers, hosts and their devices meets (https://www.tcpdump.org/linktypes.html). */

const names: Readonly<Record<number, string>> = {
  0: 'NULL',
  1: 'ETHERNET',
  9: 'PPP',
  50: 'PPP_HDLC',
  51: 'PPP_ETHER',
  101: 'RAW',
  104: 'C_HDLC',
  105: 'IEEE802_11',
  108: 'LOOP',
  113: 'LINUX_SLL',
  127: 'IEEE802_11_RADIOTAP',
  187: 'BLUETOOTH_HCI_H4',
  189: 'USB_LINUX',
  195: 'IEEE802_15_4_WITHFCS',
  201: 'BLUETOOTH_HCI_H4_WITH_PHDR',
  220: 'USB_LINUX_MMAPPED',
  227: 'CAN_SOCKETCAN',
  228: 'IPV4',
  229: 'IPV6',
  230: 'IEEE802_15_4_NOFCS',
  239: 'NFLOG',
  247: 'INFINIBAND',
  252: 'WIRESHARK_UPPER_PDU',
  253: 'NETLINK',
  271: 'VSOCK',
  276: 'LINUX_SLL2',
}

/** Name of a link type without its prefix; `LINKTYPE 999` for one that is not known here. */
export function linkTypeName(linkType: number): string {
  return names[linkType] ?? `LINKTYPE ${linkType}`
}
