#!/usr/bin/env bash
# Newer Wiresharks than the system's, each in a folder of its own: tshark of Debian 13 (4.4) and of Debian sid (4.6), by
# debootstrap. Made once and kept in the cache between runs; a mirror that lags behind will do.
set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/remora
mirror=$(sed -n 's/^URIs: *//p; s/^deb \([^ ]*\).*/\1/p' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1 || true)
mkdir -p "$cache"

make_root() {
  local suite=$1 root=$cache/wireshark-$1
  [ -e "$root/.complete" ] && return
  echo "making a $suite root with tshark in $root"
  rm -rf "$root"
  debootstrap --variant=minbase --no-check-gpg "$suite" "$root" "${mirror:-http://deb.debian.org/debian}" >"$root.log" 2>&1
  chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive sh -c \
    'echo "Acquire::Check-Valid-Until \"false\";" >/etc/apt/apt.conf.d/99mirror; apt-get update && apt-get install -y --no-install-recommends tshark iproute2 && apt-get clean' >>"$root.log" 2>&1
  touch "$root/.complete"
}

pids=()
for suite in trixie sid; do
  make_root "$suite" &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid"; done
