#!/usr/bin/env bash
# Try remora: builds it, makes two network namespaces that ping each other, captures one of them through tshark exactly as
# Wireshark would, shows the packets, and takes everything away again but the capture file.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

install_missing tshark=tshark dumpcap=wireshark-common ip=iproute2 nsenter=util-linux ping=iputils-ping
install_npm_packages
if [ ! -e dist/remora ] || [ -n "$(find bin extcap src package-lock.json -newer dist/remora -print -quit)" ]; then
  echo "building"
  npm run --silent package >/dev/null
fi

id=$$
home=$(mktemp -d)
file=${TMPDIR:-/tmp}/remora-try.pcapng
cleanup() {
  for pid in $(as_root ip netns pids "try-$id-a" 2>/dev/null); do as_root kill "$pid"; done
  as_root ip netns del "try-$id-a" 2>/dev/null || true
  as_root ip netns del "try-$id-b" 2>/dev/null || true
  as_root rm -rf "$home"
}
trap cleanup EXIT

as_root ip netns add "try-$id-a"
as_root ip netns add "try-$id-b"
as_root ip -n "try-$id-a" link add veth0 type veth peer name veth0 netns "try-$id-b"
for end in a b; do
  as_root ip -n "try-$id-$end" link set lo up
  as_root ip -n "try-$id-$end" link set veth0 up
done
as_root ip -n "try-$id-a" addr add 10.213.8.1/24 dev veth0
as_root ip -n "try-$id-b" addr add 10.213.8.2/24 dev veth0
as_root nsenter --net="/run/netns/try-$id-a" ping -q -i 0.2 -w 60 10.213.8.2 >/dev/null 2>&1 &

mkdir -p "$home/.config/wireshark/extcap" "$home/.local/lib/wireshark/extcap"
ln -s "$PWD/dist/remora" "$home/.config/wireshark/extcap/remora"
ln -s "$PWD/dist/remora" "$home/.local/lib/wireshark/extcap/remora"

echo
echo "\$ remora list try-$id"
as_root dist/remora list "try-$id"
echo
echo "\$ tshark -i remora -o extcap.remora.reference:named:try-$id-b -f icmp -c 6"
as_root rm -f "$file"
as_root env HOME="$home" tshark -i remora -o "extcap.remora.reference:named:try-$id-b" -f icmp -c 6 -w "$file" 2>"$home/messages" ||
  { cat "$home/messages" >&2; exit 1; }
as_root chown "$(id -u):$(id -g)" "$file"
tshark -r "$file" 2>/dev/null
echo
echo "The packets are in $file; look at them with: wireshark $file"
